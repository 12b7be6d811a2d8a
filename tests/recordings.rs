//! Recordings of real ptp4l and phc2sys, replayed second by second. What must come out is written
//! down here after what happened to the clocks, `fixtures/INDEX.md`: nothing of it was taken from
//! the program.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{CONTAINER, Node, answer, verdict};
use ptp_sync_check::check::check;
use ptp_sync_check::cli::Args;
use ptp_sync_check::clock::{Clocks, SECOND_NS, format_time, parse_time};
use ptp_sync_check::config::Config;
use ptp_sync_check::root::Directory;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

const IN_SYNC: &str = "in-sync (within-limit)";
const HOLDING: &str = "in-sync (holding)";
const OVER_LIMIT: &str = "out-of-sync (offset-over-limit)";
const UNLOCKED: &str = "out-of-sync (servo-unlocked)";
const LOST: &str = "out-of-sync (reference-lost)";

/// What must be decided from which second on.
type Verdicts = &'static [(i64, &'static str)];

/// A recording, and what must come out.
struct Recording {
    name: &'static str,
    /// Both clocks when it was stopped.
    end: &'static str,
    uptime_ms: i64,
    /// Each second by itself, without a marker.
    alone: Verdicts,
    /// One run after the other with `--holdover 20s`: each finds what the one before has left.
    in_a_row: Verdicts,
}

/// ptp4l prints s0 until it locks at +37.5 s; phc2sys steps the system clock within +2.5 s to
/// +3.5 s, from 154 µs away, with s0 and s1. The grandmaster dies at +55.1 s, 0.4 s after the
/// last offset, and is back with a locked servo at +95.6 s.
const LOSS_3_1_1: Recording = Recording {
    name: "oc-3.1.1-loss-and-return",
    end: "2026-11-22T11:02:55.301848992+00:00",
    uptime_ms: 5_174_398,
    alone: &[
        (0, LOST),
        (1, UNLOCKED),
        (3, OVER_LIMIT),
        (4, UNLOCKED),
        (38, IN_SYNC),
        (56, LOST),
        (96, IN_SYNC),
    ],
    in_a_row: &[
        (0, LOST),
        (1, UNLOCKED),
        (3, OVER_LIMIT),
        (4, UNLOCKED),
        (38, IN_SYNC),
        (56, HOLDING),
        (75, LOST),
        (96, IN_SYNC),
    ],
};

/// The same to the tenth of a second, from 86 µs away.
const LOSS_4_4: Recording = Recording {
    name: "oc-4.4-loss-and-return",
    end: "2026-11-22T11:05:30.291664549+00:00",
    uptime_ms: 5_329_388,
    ..LOSS_3_1_1
};

/// No line tells a servo state. Only the port's says that there is no lock before +37.5 s.
const RMS: Recording = Recording {
    name: "oc-3.1.1-rms",
    end: "2026-11-22T11:06:45.280511803+00:00",
    uptime_ms: 5_404_376,
    alone: &[(0, LOST), (38, IN_SYNC)],
    in_a_row: &[(0, LOST), (38, IN_SYNC)],
};

/// Offsets below 1.2 µs, from +2.6 s on, in s0 for ever; there is no phc2sys.
const FREE_RUNNING: Recording = Recording {
    name: "oc-4.4-free-running",
    end: "2026-11-22T11:07:30.283627915+00:00",
    uptime_ms: 5_449_380,
    alone: &[(0, LOST), (3, UNLOCKED)],
    in_a_row: &[(0, LOST), (3, UNLOCKED)],
};

/// ptp4l locks at +37.6 s, when the first step has already taken the system clock 150 µs away.
const PHC_STEPS: Recording = Recording {
    name: "oc-4.4-phc-steps",
    end: "2026-11-22T11:09:05.311601906+00:00",
    uptime_ms: 5_544_407,
    alone: &[(0, LOST), (1, UNLOCKED), (33, OVER_LIMIT)],
    in_a_row: &[(0, LOST), (1, UNLOCKED), (33, OVER_LIMIT)],
};

/// With log reduction ptp4l prints port states only, and the log is soon longer than is ever read
/// or kept: a SLAVE that an earlier run has seen must serve for as long as the port stays there
/// (R6, R9), whatever the run in which it was seen had to read.
#[test]
fn a_remembered_state_outlives_its_line() {
    let text = LOSS_4_4.text();
    let lines = lines(&text);
    let node = Node::new();
    // Before the lock; twice with its line in the log; twice after it has gone.
    let runs = [
        (20, 0, LOST),
        (40, 0, IN_SYNC),
        (46, 0, IN_SYNC),
        (50, 44, IN_SYNC),
        (54, 44, IN_SYNC),
    ];
    let seconds = LOSS_4_4.seconds(&lines, LOSS_4_4.alone);
    for (number, kept_from, expected) in runs {
        let second = (seconds.iter())
            .find(|second| second.number == number)
            .expect("a second of the recording");
        let kept_from_ns = seconds[0].clocks.wall_ns + kept_from * SECOND_NS;
        let log: String = (second.log.iter())
            .filter(|line| line.wall_ns >= kept_from_ns && !line.text.contains(" master offset "))
            .map(|line| line.text)
            .collect();
        node.write(&format!("{CONTAINER}/0.log"), log.as_bytes());
        let answer = answer(node.command().args(["--output", "json"]).args([
            "--now",
            &second.now(),
            "--uptime",
            &second.uptime(),
        ]));
        assert_eq!(verdict(&answer.json()), expected, "+{number} s");
    }
}

/// One test each, since they run at the same time.
macro_rules! replays {
    ($($name:ident: $recording:ident,)+) => {
        $(mod $name {
            use super::*;

            #[test]
            fn each_second_by_itself() {
                $recording.replay_alone();
            }

            #[test]
            fn one_run_after_the_other() {
                $recording.replay_in_a_row();
            }

            #[test]
            fn lines_still_to_come_are_no_evidence() {
                $recording.replay_whole();
            }

            #[test]
            fn bare_lines_and_the_uptime_tell_the_same() {
                $recording.replay_bare();
            }
        })+
    };
}

replays! {
    loss_3_1_1: LOSS_3_1_1,
    loss_4_4: LOSS_4_4,
    rms: RMS,
    free_running: FREE_RUNNING,
    phc_steps: PHC_STEPS,
}

impl Recording {
    fn text(&self) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/recordings")
            .join(format!("{}.log", self.name));
        fs::read_to_string(path).expect("the recording")
    }

    /// What was in the log at each second after the first line, with the time, the uptime and
    /// what must be decided.
    fn seconds<'a>(&self, lines: &'a [Line], verdicts: Verdicts) -> Vec<Second<'a>> {
        assert!(
            lines.is_sorted_by_key(|line| line.wall_ns),
            "the recordings are in the order of their times"
        );
        let start_ns = lines.first().expect("a line").wall_ns;
        let end_ns = wall_ns(self.end);
        (0..=(end_ns - start_ns) / SECOND_NS)
            .map(|number| {
                let now_ns = start_ns + number * SECOND_NS;
                let count = lines.partition_point(|line| line.wall_ns <= now_ns);
                Second {
                    number,
                    clocks: Clocks {
                        wall_ns: now_ns,
                        monotonic_ns: Some(self.uptime_ms * 1_000_000 - (end_ns - now_ns)),
                    },
                    log: &lines[..count],
                    verdict: verdict_at(verdicts, number),
                }
            })
            .collect()
    }

    /// Every second for itself, on a log that ends there.
    fn replay_alone(&self) {
        let text = self.text();
        let lines = lines(&text);
        let node = Node::new();
        let mut wrong = Vec::new();
        for second in self.seconds(&lines, self.alone) {
            node.write(&format!("{CONTAINER}/0.log"), second.text().as_bytes());
            let config = config(&node, &second, &[]);
            second.compare(&decide(&node, &config), &mut wrong);
        }
        assert_eq!(wrong, [""; 0], "{}", self.name);
    }

    /// Real runs on a growing log.
    fn replay_in_a_row(&self) {
        let text = self.text();
        let lines = lines(&text);
        let node = Node::new();
        let mut wrong = Vec::new();
        for second in self.seconds(&lines, self.in_a_row) {
            node.write(&format!("{CONTAINER}/0.log"), second.text().as_bytes());
            let answer = answer(
                node.command()
                    .args(["--holdover", "20s", "--output", "json"])
                    .args(["--now", &second.now(), "--uptime", &second.uptime()]),
            );
            let report = answer.json();
            second.compare(&verdict(&report), &mut wrong);
            let in_sync = report["verdict"] == "in-sync";
            assert_eq!(
                node.is_marked(),
                in_sync,
                "{} +{} s",
                self.name,
                second.number
            );
            let verb = if in_sync { "stop" } else { "start" };
            assert_eq!(node.verb(), verb, "{} +{} s", self.name, second.number);
        }
        assert_eq!(wrong, [""; 0], "{}", self.name);
    }

    /// The whole log from the beginning, and only the clocks move on. Lines up to two seconds in
    /// the future count (R1), so that a second is compared where these change nothing.
    fn replay_whole(&self) {
        let text = self.text();
        let lines = lines(&text);
        let node = Node::new();
        node.write(&format!("{CONTAINER}/0.log"), text.as_bytes());
        let mut wrong = Vec::new();
        for second in self.seconds(&lines, self.alone) {
            let ahead = [1, 2].map(|ahead| verdict_at(self.alone, second.number + ahead));
            if ahead.iter().all(|verdict| *verdict == second.verdict) {
                let config = config(&node, &second, &[]);
                second.compare(&decide(&node, &config), &mut wrong);
            }
        }
        assert_eq!(wrong, [""; 0], "{}", self.name);
    }

    /// As `oc logs` gives it: no times but those in the brackets.
    fn replay_bare(&self) {
        let text = self.text();
        let lines = lines(&text);
        let node = Node::new();
        let log = node.path("bare.log");
        let mut wrong = Vec::new();
        for second in self.seconds(&lines, self.alone) {
            let bare: String = second.log.iter().map(Line::bare).collect();
            node.write("bare.log", bare.as_bytes());
            let config = config(&node, &second, &[&log]);
            second.compare(&decide(&node, &config), &mut wrong);
        }
        assert_eq!(wrong, [""; 0], "{}", self.name);
    }
}

/// A line of a recording, with its newline.
struct Line<'a> {
    wall_ns: i64,
    text: &'a str,
}

impl Line<'_> {
    /// Without the time, the stream and the tag.
    fn bare(&self) -> &str {
        self.text.splitn(4, ' ').nth(3).expect("four fields")
    }
}

fn lines(text: &str) -> Vec<Line<'_>> {
    text.split_inclusive('\n')
        .map(|text| Line {
            wall_ns: wall_ns(text.split(' ').next().expect("a time")),
            text,
        })
        .collect()
}

/// One second of a replay.
struct Second<'a> {
    number: i64,
    clocks: Clocks,
    log: &'a [Line<'a>],
    verdict: &'static str,
}

impl Second<'_> {
    fn text(&self) -> String {
        self.log.iter().map(|line| line.text).collect()
    }

    fn now(&self) -> String {
        format_time(self.clocks.wall_ns)
    }

    fn uptime(&self) -> String {
        let uptime_ns = self.clocks.monotonic_ns.expect("an uptime");
        format!("{}.{:09}", uptime_ns / SECOND_NS, uptime_ns % SECOND_NS)
    }

    fn compare(&self, got: &str, wrong: &mut Vec<String>) {
        if got != self.verdict {
            let (number, expected) = (self.number, self.verdict);
            wrong.push(format!("+{number} s: {got}, expected {expected}"));
        }
    }
}

/// What the program is told about a second. For a bare log it is not told the wall time: that of
/// this machine, whatever it is, must make no difference.
fn config(node: &Node, second: &Second<'_>, bare_log: &[&Path]) -> Config {
    let args = Args {
        dry_run: true,
        root: Some(node.root().to_owned()),
        log: bare_log.first().map(|&path| path.to_owned()),
        now: bare_log.is_empty().then(|| OsString::from(second.now())),
        uptime: Some(OsString::from(second.uptime())),
        ..Args::default()
    };
    Config::new(&args, &|_| None, Clocks::read()).expect("a configuration")
}

/// A dry run without a process: there are more than a thousand of them.
fn decide(node: &Node, config: &Config) -> String {
    let root = Directory::open(node.root()).expect("the root");
    let report = check(config, &root).expect("a report");
    format!("{} ({})", report.verdict, report.reason)
}

fn verdict_at(verdicts: Verdicts, second: i64) -> &'static str {
    let begun = verdicts.iter().rev().find(|(from, _)| *from <= second);
    begun.expect("a verdict from second 0 on").1
}

fn wall_ns(time: &str) -> i64 {
    parse_time(time.as_bytes()).expect("a time")
}
