//! The units as systemd reads them, and what may be changed in them.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod common;

use common::{Workshop, require};
use machineconfig::error::Error;
use machineconfig::rehearsal::verify_units;
use machineconfig::units::Units;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd")
}

#[test]
fn the_check_is_locked_in() {
    require("systemd-analyze", "systemd");
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--no-pager", "--threshold=10"])
        .arg(sources().join("chronyd-restart.service"))
        .output()
        .expect("a run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "exposed by more than 1.0:\n{text}");
}

#[test]
fn systemd_takes_them() {
    require("systemd-analyze", "systemd");
    let workshop = Workshop::new();
    assert_eq!(workshop.unpack(&workshop.worker()).status, 0);
    let note = verify_units(&workshop.path("root")).expect("units that are right");
    assert_eq!(note, None);
}

#[test]
fn broken_units_are_refused() {
    require("systemd-analyze", "systemd");
    let cases = [
        (
            "ExecStartPre=/usr/local/bin/ptp-sync-check",
            "ExecStartPre=ptp sync check",
        ),
        (
            "ExecStartPre=/usr/local/bin/ptp-sync-check",
            "ExecStartPre=/usr/local/bin/absent",
        ),
        ("TimeoutStartSec=30s", "TimeoutStartSec=soon"),
        ("TimeoutStartSec=30s", "TimeoutStrtSec=30s"),
        ("[Service]", "[Servce]"),
        ("Type=oneshot", "Type oneshot"),
    ];
    for (right, wrong) in cases {
        let workshop = Workshop::new();
        let mut object = workshop.worker();
        let text = &mut object["spec"]["config"]["systemd"]["units"][0]["contents"];
        let broken = text.as_str().expect("a text").replace(right, wrong);
        assert_ne!(text, &broken);
        *text = json!(broken);
        assert_eq!(workshop.unpack(&object).status, 0);
        let verified = verify_units(&workshop.path("root"));
        let refused = matches!(verified, Err(Error::Units { .. }));
        assert!(refused, "{wrong}: {verified:?}");
    }
}

/// What no older systemd may lack: each is in systemd 239.
#[test]
fn what_safety_hangs_on() {
    let units = Units::default();
    for line in [
        "OnFailure=ptp-sync-failsafe.service",
        "StartLimitIntervalSec=0",
        "ExecStartPre=/usr/local/bin/ptp-sync-check",
        "Environment=CHRONYD_VERB=start",
        "EnvironmentFile=-/run/ptp-sync-check/chronyd.env",
        "ExecStart=+/usr/bin/systemctl ${CHRONYD_VERB} chronyd.service",
        "RuntimeDirectoryPreserve=yes",
    ] {
        assert!(units.check.lines().any(|found| found == line), "{line}");
    }
    let texts = [
        &units.timer,
        &units.check,
        &units.failsafe,
        &units.condition,
    ];
    for text in texts {
        assert!(!text.contains("systemctl restart"), "{text}");
        assert!(
            !text.contains("{{"),
            "a policy of ACM would expand it: {text}"
        );
        assert!(text.is_ascii() && text.ends_with('\n'), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }
}

#[test]
fn they_are_changed_where_asked() {
    let settings = ["MAX_OFFSET=50us".to_owned(), "HOLDOVER=1h".to_owned()];
    let units = Units::new(Some("90s"), &settings).expect("units");
    let changed = |old: &str, new: &str| -> Vec<String> {
        let lines = old.lines().zip(new.lines());
        let changed = lines.filter(|(old, new)| old != new);
        changed.map(|(_, new)| new.to_owned()).collect()
    };
    let default = Units::default();
    assert_eq!(
        changed(&default.timer, &units.timer),
        ["OnUnitInactiveSec=90s", "RandomizedDelaySec=9s"]
    );
    assert_eq!(
        changed(&default.check, &units.check),
        ["Environment=MAX_OFFSET=50us", "Environment=HOLDOVER=1h"]
    );
    assert_eq!(units.failsafe, default.failsafe);
    assert_eq!(
        Units::new(Some("5m"), &[]).expect("units").timer.len(),
        default.timer.len()
    );
}
