//! What must hold for any bytes: the bodies of the fuzz targets, which `fuzz/` drives with
//! libFuzzer and `tests/corpus.rs` with the files that it has kept.

#![allow(dead_code, reason = "every test uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unnecessary_debug_formatting,
    reason = "a target fails by a panic, which shows its input as it is"
)]

use crate::reference::lines::{self, What};
use crate::reference::{Now, Settings, log, root};
use crate::scenario::{Scenario, directory};
use arbitrary::Unstructured;
use ptp_sync_check::check::check;
use ptp_sync_check::cli::Args;
use ptp_sync_check::clock::Clocks;
use ptp_sync_check::config::Config;
use ptp_sync_check::cri::{Joiner, Shape};
use ptp_sync_check::envelope::Envelope;
use ptp_sync_check::line::{Statement, read};
use ptp_sync_check::ptp::SYSTEM_CLOCK;
use ptp_sync_check::root::Directory;
use ptp_sync_check::setting::{MAX_OFFSET, NAMESPACE, SYNC_AGE, Setting, is_dns_label};
use ptp_sync_check::tail::{Bounds, End, Part, Tail};
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

/// A target by its name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them; each has a directory below `fuzz/corpus`.
pub const ALL: [Target; 6] = [
    ("line", line),
    ("joiner", joiner),
    ("tail", tail),
    ("setting", setting),
    ("memory", memory),
    ("whole", whole),
];

/// The line parser: what it reads, the reference reads the same.
pub fn line(bytes: &[u8]) {
    let Some(envelope) = Envelope::cut(bytes) else {
        return;
    };
    let Some(statement) = read(&envelope) else {
        return;
    };
    let shown = || String::from_utf8_lossy(bytes).into_owned();
    let fact = lines::read(bytes);
    match (statement, fact.as_ref().map(|fact| &fact.what)) {
        // Other clocks than the system clock, and ports 0, are nobody's evidence.
        (
            Statement::Offset {
                device: Some(device),
                ..
            },
            None,
        ) => {
            let is_phc2sys = bytes.starts_with(b"phc2sys[");
            assert!(is_phc2sys && device != SYSTEM_CLOCK, "{}", shown());
        }
        (Statement::Port { number, .. }, None) => assert_eq!(number, 0, "{}", shown()),
        (Statement::Offset { offset_ns, .. }, Some(What::Offset { magnitude, .. })) => {
            let saturated = (*magnitude).min(i64::MAX.unsigned_abs().into());
            let own = u128::from(offset_ns.unsigned_abs()).min(i64::MAX.unsigned_abs().into());
            assert_eq!(own, saturated, "{}", shown());
        }
        (
            Statement::Port { number, from, to },
            Some(What::Port {
                number: n,
                from: f,
                to: t,
            }),
        ) => {
            assert_eq!(
                (number.into(), from.to_string(), to.to_string()),
                (*n, f.clone(), t.clone())
            );
        }
        (Statement::Status { .. }, Some(What::Status { .. })) => {}
        (statement, _) => panic!("{statement:?} of {}: {fact:?}", shown()),
    }
    if let Some(fact) = fact {
        let instance = String::from_utf8_lossy(envelope.instance);
        assert_eq!(fact.instance, instance, "{}", shown());
    }
}

/// The joiner: the same messages in both directions.
pub fn joiner(bytes: &[u8]) {
    let lines = log::lines(bytes);
    let mut joiner = Joiner::new(Shape::Cri);
    let mut backward: Vec<Vec<u8>> = (lines.iter().rev())
        .filter_map(|line| joiner.push(line).map(|message| message.text.clone()))
        .collect();
    backward.extend(joiner.finish().map(|message| message.text));
    let mut forward: Vec<Vec<u8>> = (log::join(lines).into_iter())
        .map(|message| message.text)
        .collect();
    backward.sort();
    forward.sort();
    assert_eq!(backward, forward, "{}", String::from_utf8_lossy(bytes));
}

/// The backward reader: the lines of up to three files, whatever the blocks.
pub fn tail(bytes: &[u8]) {
    let mut bytes = Unstructured::new(bytes);
    let mut draw = |most| bytes.int_in_range(1..=most).unwrap_or(1);
    let (first_block, block, line) = (draw(80), draw(80), draw(80));
    let cuts = [draw(200), draw(200)];
    let mut rest = bytes.take_rest();
    let mut files = Vec::new();
    for cut in cuts {
        let (file, others) = rest.split_at(cut.min(rest.len()));
        files.push(file.to_vec());
        rest = others;
    }
    files.push(rest.to_vec());

    let part = |bytes: &Vec<u8>| Part {
        length: bytes.len() as u64,
        bytes: Box::new(bytes.clone()),
    };
    let bounds = Bounds {
        first_block,
        block,
        line,
        total: u64::MAX,
    };
    let mut older = files.iter().rev();
    let mut tail = Tail::new(part(older.next().expect("three files")), bounds);
    let mut backward = Vec::new();
    loop {
        while let Some(line) = tail.next_line().expect("memory can be read") {
            backward.push(line.to_vec());
        }
        assert_eq!(tail.end(), End::Start);
        match older.next() {
            Some(file) => tail.go_on(part(file)),
            None => break,
        }
    }
    backward.reverse();
    let forward: Vec<Vec<u8>> = (files.iter().flat_map(|file| log::lines(file)))
        .filter(|text| text.len() <= line)
        .map(<[u8]>::to_vec)
        .collect();
    assert_eq!(backward, forward, "{bounds:?}");
}

/// The settings: what is accepted is within its bounds, and a number is what it says.
pub fn setting(bytes: &[u8]) {
    let value = OsString::from_vec(bytes.to_vec());
    let nobody = |_: &str| None;
    let given = |name| Setting::new(name, Some(&value), &nobody);
    let offset = given(MAX_OFFSET).offset();
    let span = given(SYNC_AGE).positive_span();
    let plain = std::str::from_utf8(bytes).map_or("-", str::trim);
    for (read, unit, most) in [
        (&offset, 1_i128, 1_000_000_000),
        (&span, 1_000_000_000, 604_800_000_000_000),
    ] {
        if let Ok(read) = read {
            assert!((0..=most).contains(read), "{value:?} is {read}");
        }
        // A bare number, or one with its unit.
        let (digits, unit) = match plain.trim_start_matches(|each: char| each.is_ascii_digit()) {
            "" => (plain, unit),
            "ns" => (plain.trim_end_matches("ns"), 1),
            "us" => (plain.trim_end_matches("us"), 1000),
            "ms" => (plain.trim_end_matches("ms"), 1_000_000),
            "s" => (plain.trim_end_matches('s'), 1_000_000_000),
            "m" => (plain.trim_end_matches('m'), 60_000_000_000),
            "h" => (plain.trim_end_matches('h'), 3_600_000_000_000),
            _ => {
                assert!(!plain.starts_with('-') || read.is_err(), "{value:?}");
                continue;
            }
        };
        let meant = digits
            .parse()
            .ok()
            .and_then(|number: i128| number.checked_mul(unit));
        match (meant, read) {
            (Some(meant), Ok(read)) => assert_eq!(meant, i128::from(*read), "{value:?}"),
            (None, Ok(read)) => panic!("{value:?} is {read}"),
            (Some(meant), Err(_)) => {
                assert!(meant > most.into() || meant == 0, "{value:?} is refused");
            }
            (None, Err(_)) => {}
        }
    }
    let namespace = given(NAMESPACE).namespace();
    assert_eq!(
        namespace.is_ok(),
        std::str::from_utf8(bytes).is_ok_and(is_dns_label)
    );
    // Together: whatever is in the environment, the limits are in order.
    let half = bytes.len() / 2;
    let environment = |name: &str| match name {
        "MAX_OFFSET" => Some(OsString::from_vec(bytes[..half].to_vec())),
        "OFFSET_THRESHOLD" => Some(OsString::from_vec(bytes[half..].to_vec())),
        _ => None,
    };
    if let Ok(config) = Config::new(&Args::default(), &environment, NOON) {
        let policy = config.policy;
        assert!(
            policy.offset_threshold_ns < policy.max_offset_ns,
            "{policy:?}"
        );
    }
}

/// 2026-07-24T12:00:00Z, 100 000 s after boot.
const NOON: Clocks = Clocks {
    wall_ns: 1_784_894_400_000_000_000,
    monotonic_ns: Some(100_000_000_000_000),
};

const BOOT_ID: &str = "11111111-2222-3333-4444-555555555555";

/// The logs that a memory is tried on: nothing of the reference, its state, its offsets, old ones.
const LOGS: [&str; 4] = [
    "",
    "2026-07-24T11:58:20Z stdout F ptp4l[99900.000]: [ptp4l.0.config:5] port 1 (ens4f0): SLAVE to FAULTY on FAULT_DETECTED\n",
    "2026-07-24T11:59:58Z stdout F ptp4l[99998.000]: [ptp4l.0.config:6] master offset 5 s2 freq +3120 path delay 1587\n",
    "2026-07-24T11:40:00Z stdout F ptp4l[98800.000]: [ptp4l.0.config:6] master offset 5 s2 freq +3120 path delay 1587\n",
];
const SYSTEM_CLOCK_LINE: &str = "2026-07-24T11:59:59Z stdout F phc2sys[99999.000]: [ptp4l.0.config:6] CLOCK_REALTIME phc offset -4 s2 freq +2872 delay 551\n";

/// A node for each of these logs, whose report is put in its place for a look.
static NODES: LazyLock<Vec<TempDir>> = LazyLock::new(|| {
    let node = |reference: &&str| {
        let node = directory();
        let put = |path: &str, text: &str| {
            let path = node.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        };
        put("proc/sys/kernel/random/boot_id", BOOT_ID);
        let first = SYSTEM_CLOCK_LINE
            .replace("11:59:59", "11:39:59")
            .replace("99999.", "98799.");
        put(
            "var/log/pods/openshift-ptp_linuxptp-daemon-abcde_0123/linuxptp-daemon-container/0.log",
            &format!("{first}{reference}{SYSTEM_CLOCK_LINE}"),
        );
        put("run/ptp-sync-check/report.json", "");
        node
    };
    LOGS.iter().map(node).collect()
});

/// The remembered report: any bytes are read without a panic, and no memory makes the verdict
/// more lenient, save that a SLAVE which the reference finds in it serves, too.
pub fn memory(bytes: &[u8]) {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock();
    for node in NODES.iter() {
        let report = node.path().join("run/ptp-sync-check/report.json");
        let look = |content: &[u8]| {
            fs::write(&report, content).expect("a file");
            in_sync(node.path())
        };
        let without = look(b"");
        // A memory names its log by its path.
        let here = node.path().to_string_lossy();
        let text = String::from_utf8_lossy(bytes).replace("/ROOT", &here);
        for content in [bytes, text.as_bytes()] {
            let with = look(content);
            let now = Now {
                wall: NOON.wall_ns,
                uptime: NOON.monotonic_ns,
            };
            let answer = root::answer(node.path(), now, &Settings::default());
            assert!(
                !with || without || answer.in_sync,
                "in sync by a memory alone: {text}"
            );
            // What passes over unknown fields reads some that are no JSON in the end.
            let read = serde_json::from_slice(content);
            let is_of_another = read.is_ok_and(|read: Value| read["memory"]["boot_id"] != BOOT_ID);
            assert!(
                !is_of_another || with == without,
                "it is not of this boot, and counts: {text}"
            );
            assert!(
                !with || answer.in_sync,
                "more lenient than the reference: {text}"
            );
        }
    }
}

fn in_sync(root: &Path) -> bool {
    let args = Args {
        root: Some(root.to_owned()),
        ..Args::default()
    };
    let config = Config::new(&args, &|_| None, NOON).expect("a configuration");
    let report = check(&config, &Directory::open(root).expect("the root"));
    report.is_ok_and(|report| report.verdict.to_string() == "in-sync")
}

/// The whole program on a generated node, against the reference.
pub fn whole(bytes: &[u8]) {
    let Ok(scenario) = Scenario::draw(&mut Unstructured::new(bytes)) else {
        return;
    };
    let root = directory();
    if let Err(difference) = scenario.try_out(root.path()) {
        panic!("{difference}");
    }
}
