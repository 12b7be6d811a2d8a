//! The program against the reference implementation of the rules, which reads forwards and
//! naively, see `tests/reference`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod cases;
mod reference;
mod scenario;

use arbitrary::Unstructured;
use cases::cases;
use proptest::prelude::*;
use reference::{Answer, Now, SECOND, Settings, log, root};
use scenario::Scenario;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn scenarios() -> impl Strategy<Value = Scenario> {
    prop::collection::vec(any::<u8>(), 0..400).prop_map(|bytes| {
        Scenario::draw(&mut Unstructured::new(&bytes)).expect("any bytes will do")
    })
}

proptest! {
    #![proptest_config(cases(6000))]

    #[test]
    fn generated_nodes_get_the_verdict_of_the_rules(scenario in scenarios()) {
        let root = scenario::directory();
        if let Err(difference) = scenario.try_out(root.path()) {
            return Err(TestCaseError::fail(difference));
        }
    }
}

// The reference itself: what is written down in fixtures/INDEX.md, and in the replays.

/// The fixtures whose verdicts were written down by hand, after the rules.
#[test]
fn the_reference_gives_the_verdicts_of_the_fixtures() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let index = fs::read_to_string(fixtures.join("INDEX.md")).expect("INDEX.md");
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in index.lines() {
        let mut fields = line.split(" | ");
        let name = fields
            .next()
            .and_then(|name| name.strip_prefix("| `")?.strip_suffix('`'));
        let (Some(name), Some(decided)) = (name, fields.next()) else {
            continue;
        };
        if !name.starts_with(|first: char| first.is_ascii_digit()) {
            continue;
        }
        count += 1;
        let answer = fixture(&fixtures.join(name));
        let (verdict, reason) = decided
            .trim_end_matches(')')
            .split_once(" (")
            .expect("a reason");
        if !answer.allows(verdict, reason) {
            wrong.push(format!("{name}: {answer:?}, expected {decided}"));
        }
    }
    assert!(count > 100, "{count} fixtures");
    assert_eq!(wrong, [""; 0]);
}

/// What the reference says of a fixture.
fn fixture(directory: &Path) -> Answer {
    let place = scenario::directory();
    let node = place.path().join("node");
    copy(&directory.join("node"), &node);
    // A memory names its log by the path that the program was given.
    let report = node.join("run/ptp-sync-check/report.json");
    if let Ok(text) = fs::read_to_string(&report) {
        let here = format!("\"{}/var/", node.display());
        fs::write(report, text.replace("\"node/var/", &here)).expect("a file");
    }
    let arguments = fs::read_to_string(directory.join("args")).expect("args");
    let mut settings = Settings::default();
    let mut now = Now {
        wall: 0,
        uptime: None,
    };
    let mut holdover = None;
    let mut file = None;
    let mut arguments = arguments.lines();
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().expect("a value");
        match option {
            "--now" => now.wall = log::time(value().as_bytes()).expect("a time"),
            "--uptime" => now.uptime = Some(nanoseconds(value(), SECOND)),
            "--max-offset" => settings.max_offset = nanoseconds(value(), 1),
            "--offset-threshold" => settings.threshold = nanoseconds(value(), 1),
            "--sync-age" => settings.sync_age = nanoseconds(value(), SECOND),
            "--holdover" => holdover = Some(nanoseconds(value(), SECOND)),
            "--settle" => settings.settle = nanoseconds(value(), SECOND),
            "--offset-window" => settings.window = nanoseconds(value(), SECOND),
            "--namespace" => settings.namespace = value().into(),
            "--log" => file = Some(value()),
            "--exit-code" => {}
            other => panic!("{other} is new: the reference must know it"),
        }
    }
    settings.holdover = holdover.unwrap_or(settings.sync_age);
    match file {
        None => root::answer(&node, now, &settings),
        Some(name) => {
            let path = if name == "-" { "stdin" } else { name };
            let mut scene = root::surroundings(&node, now);
            scene.named(
                name,
                &fs::read(directory.join(path)).expect("the named file"),
            );
            scene.answer(now, &settings)
        }
    }
}

/// `90s`, `2m`, `1us`, or a number of units.
fn nanoseconds(text: &str, unit: i64) -> i64 {
    let units = [
        ("us", 1000),
        ("ms", 1_000_000),
        ("ns", 1),
        ("s", SECOND),
        ("m", 60 * SECOND),
    ];
    let (digits, unit) = (units.iter())
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
        .unwrap_or((text, unit));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let part: String = part.chars().chain("000000000".chars()).take(9).collect();
    let fraction: i64 = part.parse().expect("digits");
    whole.parse::<i64>().expect("digits") * unit + fraction * unit / SECOND
}

fn copy(from: &Path, to: &Path) {
    let Ok(metadata) = from.symlink_metadata() else {
        return;
    };
    if metadata.is_symlink() {
        symlink(fs::read_link(from).expect("a link"), to).expect("a link");
    } else if metadata.is_dir() {
        fs::create_dir_all(to).expect("a directory");
        for entry in fs::read_dir(from).expect("a directory") {
            let name = entry.expect("an entry").file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::write(to, fs::read(from).expect("a file")).expect("a file");
        let mode = Permissions::from_mode(0o644);
        fs::set_permissions(to, mode).expect("a mode");
    }
}

/// Real programs, second by second: the program and the reference read the same log at the same
/// moments.
#[test]
fn the_recordings_get_the_same_verdicts_at_every_second() {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings");
    let mut seconds = 0;
    for entry in fs::read_dir(recordings).expect("recordings") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a recording");
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let wall = |line: &str| {
            let time = line.split(' ').next().expect("a time");
            log::time(time.as_bytes()).expect("a time")
        };
        let bracket = |line: &str| {
            let (_, rest) = line.split_once('[')?;
            let (seconds, _) = rest.split_once("]: ")?;
            seconds.contains('.').then(|| nanoseconds(seconds, SECOND))
        };
        let (first, last) = (wall(lines[0]), wall(lines[lines.len() - 1]));
        // What the wall clock is ahead of the time since boot.
        let ahead = lines
            .iter()
            .find_map(|line| Some(wall(line) - bracket(line)?));
        let ahead = ahead.expect("a bracket");
        for now in (first..=last + 30 * SECOND).step_by(1_000_000_000) {
            let count = lines.partition_point(|line| wall(line) <= now);
            // With and without a marker in turn: both see every state of the clocks.
            let difference =
                scenario::replay(&lines[..count].concat(), now, now - ahead, seconds % 2 == 0);
            assert_eq!(difference, None);
            seconds += 1;
        }
    }
    assert!(seconds > 400, "{seconds}");
}
