//! What a node would get, and what the Machine Config Operator, or the node, would refuse.

#![expect(clippy::expect_used, reason = "a test may fail")]

mod common;

use common::{Workshop, mode};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

const FILE: &str = "/spec/config/storage/files/0";
const CONFIG: &str = "/spec/config";
const UNITS: &str = "/spec/config/systemd/units";

#[test]
fn the_tree_of_a_node() {
    let workshop = Workshop::new();
    assert_eq!(workshop.unpack(&workshop.worker()).status, 0);
    let root = workshop.path("root");
    let units = root.join("etc/systemd/system");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
    let mut expected = vec![
        "20-conditional-start.conf",
        "chronyd-restart.service",
        "chronyd-restart.timer",
        "chronyd-restart.timer",
        "ptp-sync-check",
        "ptp-sync-failsafe.service",
    ];
    expected.sort_unstable();
    assert_eq!(names(&root), expected);
    let program = root.join("usr/local/bin/ptp-sync-check");
    let same = |one: &Path, other: &Path| fs::read(one).ok() == fs::read(other).ok();
    assert!(same(&program, &workshop.path("program")));
    assert_eq!(mode(&program), 0o755);
    assert_eq!(mode(&root.join("usr/local")), 0o755);
    for name in [
        "chronyd-restart.service",
        "chronyd-restart.timer",
        "ptp-sync-failsafe.service",
    ] {
        assert!(same(&units.join(name), &sources.join(name)), "{name}");
        assert_eq!(mode(&units.join(name)), 0o644);
    }
    let condition = "20-conditional-start.conf";
    let dropin = units.join("chronyd.service.d").join(condition);
    assert!(same(&dropin, &sources.join(condition)));
    let link = units.join("timers.target.wants/chronyd-restart.timer");
    let target = fs::read_link(link).expect("a link");
    assert_eq!(
        target,
        Path::new("/etc/systemd/system/chronyd-restart.timer")
    );
}

/// The names of all that is no directory.
fn names(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            names.extend(self::names(&entry.path()));
        } else {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    names
}

#[test]
fn again_over_what_is_there() {
    let workshop = Workshop::new();
    let object = workshop.worker();
    assert_eq!(workshop.unpack(&object).status, 0);
    assert_eq!(workshop.unpack(&object).status, 0);
}

#[test]
fn never_out_of_the_root() {
    let workshop = Workshop::new();
    let object = workshop.worker();
    fs::create_dir_all(workshop.path("root/usr")).expect("a directory");
    fs::create_dir(workshop.path("elsewhere")).expect("a directory");
    symlink(workshop.path("elsewhere"), workshop.path("root/usr/local")).expect("a link");
    let answer = workshop.unpack(&object);
    assert_eq!(answer.status, 1);
    assert!(
        answer.stderr.contains("root/usr/local: is in the way"),
        "{}",
        answer.stderr
    );
    assert!(names(&workshop.path("elsewhere")).is_empty());
}

/// An object in which one value has been set is refused with this text, and nothing is written.
#[track_caller]
fn refused(place: &str, key: &str, value: Value, text: &str) {
    let workshop = Workshop::new();
    let mut object = workshop.worker();
    object.pointer_mut(place).expect("a place")[key] = value;
    let answer = workshop.unpack(&object);
    assert_eq!(answer.status, 1, "{key} was taken");
    assert!(answer.stderr.contains(text), "{}", answer.stderr);
    assert!(!workshop.path("root/etc").exists());
}

#[test]
fn more_than_files_and_units() {
    let storage = format!("{CONFIG}/storage");
    let parts = [
        ("directories", json!([{"path": "/etc/a"}])),
        ("links", json!([{"path": "/etc/a", "target": "b"}])),
        ("disks", json!([{"device": "/dev/sda"}])),
        (
            "raid",
            json!([{"name": "a", "level": "raid0", "devices": []}]),
        ),
        ("filesystems", json!([{"device": "/dev/sda"}])),
        ("luks", json!([{"name": "a"}])),
    ];
    for (part, value) in parts {
        let text = format!("storage.{part}: cannot be changed on a node");
        refused(&storage, part, value, &text);
    }
    let arguments = json!({"shouldExist": ["quiet"]});
    refused(
        CONFIG,
        "kernelArguments",
        arguments,
        "$.kernelArguments: is no key of Ignition",
    );
}

#[test]
fn users_and_groups() {
    let text = "passwd.users: cannot be changed";
    refused(CONFIG, "passwd", json!({"users": [{"name": "root"}]}), text);
    let text = "passwd.groups: cannot be changed";
    refused(CONFIG, "passwd", json!({"groups": [{"name": "ptp"}]}), text);
}

#[test]
fn appended_files() {
    refused(FILE, "append", json!([{"source": "data:,a"}]), "has append");
}

#[test]
fn sources() {
    let contents = format!("{FILE}/contents");
    let cases = [
        ("https://example.com/a", "is not a data URL"),
        ("data:;base64", "has no comma"),
        ("data:,plain", "is not in base64"),
        (
            "data:;base64,H4sI AAAAAAA",
            "is not base64 (invalid symbol at 4)",
        ),
        (
            "data:;base64,H4sI\nAAAAAAA",
            "is not base64 (invalid symbol at 4)",
        ),
        ("data:;base64,H4sIA", "is not base64 (invalid length"),
        ("data:;base64,aGVsbG8=", "does not unpack"),
    ];
    for (source, text) in cases {
        refused(&contents, "source", json!(source), text);
    }
}

#[test]
fn compressions() {
    let contents = format!("{FILE}/contents");
    for compression in ["xz", "GZIP"] {
        let text = format!("has compression {compression:?}");
        refused(&contents, "compression", json!(compression), &text);
    }
    // The bytes of gzip are then the file, which the hash tells from the program.
    refused(&contents, "compression", json!(""), "differs from its hash");
}

#[test]
fn hashes() {
    let verification = format!("{FILE}/contents/verification");
    refused(
        &verification,
        "hash",
        json!("sha512-00"),
        "differs from its hash",
    );
}

#[test]
fn modes() {
    let text = "has mode 2541, or 4755 in octal, expected at most 511";
    refused(FILE, "mode", json!(0o4755), text);
    refused(FILE, "mode", json!(-1), "has mode -1");
    refused(FILE, "mode", json!("0755"), "invalid type: string \"0755\"");
}

#[test]
fn paths() {
    for path in ["etc/a", "/etc/../a", ""] {
        refused(FILE, "path", json!(path), "is not absolute");
    }
    let path = "/run/machine-config-daemon-force";
    refused(FILE, "path", json!(path), "is the operator's own");
}

#[test]
fn what_is_there_twice() {
    let object = Workshop::new().worker();
    let twice = |place: &str| {
        let first = &object.pointer(place).expect("a list")[0];
        json!([first, first])
    };
    let files = twice("/spec/config/storage/files");
    let text = "storage.files: has /usr/local/bin/ptp-sync-check twice";
    refused("/spec/config/storage", "files", files, text);
    let text = "systemd.units: has chronyd-restart.service twice";
    refused("/spec/config/systemd", "units", twice(UNITS), text);
    let dropins = twice(&format!("{UNITS}/2/dropins"));
    let text = "chronyd.service: has 20-conditional-start.conf twice";
    refused(&format!("{UNITS}/2"), "dropins", dropins, text);
}

#[test]
fn names_of_units() {
    for name in ["chronyd", "chronyd.srv", ".", "../a.service"] {
        refused(
            &format!("{UNITS}/0"),
            "name",
            json!(name),
            "is no name of a unit",
        );
    }
    for name in ["a", ".conf", "../a.conf"] {
        let place = format!("{UNITS}/2/dropins/0");
        refused(&place, "name", json!(name), "is no name of a drop-in");
    }
}

#[test]
fn texts_of_units() {
    let line = format!("[Unit]\nDescription={}\n", "a".repeat(2040));
    let text = "has a line of 2052 bytes, expected at most 2048";
    refused(&format!("{UNITS}/0"), "contents", json!(line), text);
    refused(
        &format!("{UNITS}/2/dropins/0"),
        "contents",
        json!(line),
        text,
    );
    let text = "is empty and would not be written";
    refused(&format!("{UNITS}/2/dropins/0"), "contents", json!(""), text);
    refused(
        &format!("{UNITS}/0"),
        "enabled",
        json!(true),
        "is enabled without [Install]",
    );
}

#[test]
fn keys_and_versions() {
    refused(
        FILE,
        "overwrte",
        json!(true),
        "overwrte: is no key of Ignition 3.2.0",
    );
    refused("", "spce", json!({}), "unknown field `spce`");
    refused(
        "",
        "kind",
        json!("Pod"),
        "kind: is Pod, expected MachineConfig",
    );
    let ignition = format!("{CONFIG}/ignition");
    refused(
        &ignition,
        "version",
        json!("3.4.0"),
        "ignition.version: is another",
    );
    refused(
        &ignition,
        "version",
        json!("3.9.0"),
        "unsupported config version: 3.9.0",
    );
}

#[test]
fn more_than_one_document() {
    let workshop = Workshop::new();
    workshop.worker();
    let text = workshop.text("05-chronyd-dynamic-worker.yaml");
    workshop.write("two.yaml", format!("{text}---\n{text}").as_bytes());
    let answer = workshop.run(&["unpack", "two.yaml", "--root", "root"]);
    assert_eq!(answer.status, 1);
    assert!(
        answer.stderr.contains("more than one document"),
        "{}",
        answer.stderr
    );
}
