//! What must hold for every input.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod cases;

use cases::cases;
use proptest::prelude::*;
use ptp_sync_check::clock::{Clocks, SECOND_NS, format_time};
use ptp_sync_check::cri::{Joiner, Message, Shape};
use ptp_sync_check::decide::decide;
use ptp_sync_check::envelope::Envelope;
use ptp_sync_check::evidence::{Gatherer, Next};
use ptp_sync_check::line::{self, FORMATS, Statement};
use ptp_sync_check::memory::Memory;
use ptp_sync_check::policy::{Policy, Rules, Verdict};
use ptp_sync_check::tail::{Bounds, End, Part, Tail};

// The backward reader.

/// All lines that a reader gives, oldest first.
fn backward(files: &[Vec<u8>], bounds: Bounds) -> (Vec<Vec<u8>>, End) {
    let part = |bytes: &Vec<u8>| Part {
        length: bytes.len() as u64,
        bytes: Box::new(bytes.clone()),
    };
    let mut files = files.iter().rev();
    let mut tail = Tail::new(part(files.next().expect("a file")), bounds);
    let mut lines = Vec::new();
    loop {
        while let Some(line) = tail.next_line().expect("memory can be read") {
            lines.push(line.to_owned());
        }
        match files.next().filter(|_| tail.end() == End::Start) {
            Some(older) => tail.go_on(part(older)),
            None => break,
        }
    }
    lines.reverse();
    (lines, tail.end())
}

/// The same by reading forward: what ends in a newline is a line.
fn forward(files: &[Vec<u8>], longest: usize) -> Vec<Vec<u8>> {
    let lines = files.iter().flat_map(|file| {
        let whole = file
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        file[..whole]
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| line[..line.len() - 1].to_owned())
    });
    lines.filter(|line| line.len() <= longest).collect()
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn a_log_reads_the_same_in_both_directions(
        files in prop::collection::vec(prop::collection::vec(prop_oneof![3 => Just(b'x'), 1 => Just(b'\n')], 0..200), 1..4),
        first_block in 1_usize..50,
        block in 1_usize..50,
        line in 1_usize..40,
    ) {
        let bounds = Bounds { first_block, block, line, total: u64::MAX };
        let (lines, end) = backward(&files, bounds);
        prop_assert_eq!(lines, forward(&files, line));
        prop_assert_eq!(end, End::Start);
    }

    #[test]
    fn a_limit_cuts_off_the_beginning_only(
        file in prop::collection::vec(prop_oneof![3 => Just(b'x'), 1 => Just(b'\n')], 0..400),
        block in 1_usize..50,
        total in 0_u64..400,
    ) {
        let bounds = Bounds { first_block: block, block, line: 1000, total };
        let files = [file];
        let (lines, end) = backward(&files, bounds);
        let all = forward(&files, 1000);
        prop_assert!(all.ends_with(&lines), "{:?} {:?}", all, lines);
        let is_all = files[0].len() as u64 <= total;
        prop_assert_eq!(end, if is_all { End::Start } else { End::Limit });
        prop_assert!(!is_all || all.len() == lines.len());
    }
}

/// Every length around the borders of tiny blocks, one by one.
#[test]
fn no_length_is_special() {
    for length in 0..70 {
        for newline_every in 1..9 {
            let file: Vec<u8> = (0..length)
                .map(|at| if at % newline_every == 0 { b'\n' } else { b'x' })
                .collect();
            for block in 1..20 {
                let bounds = Bounds {
                    first_block: block,
                    block,
                    line: 100,
                    total: u64::MAX,
                };
                let (lines, _) = backward(std::slice::from_ref(&file), bounds);
                assert_eq!(
                    lines,
                    forward(std::slice::from_ref(&file), 100),
                    "{length} {newline_every} {block}"
                );
            }
        }
    }
}

// The joiner.

/// All messages of a log, oldest first within each stream.
fn join(lines: &[Vec<u8>], shape: Shape) -> Vec<Message> {
    let mut joiner = Joiner::new(shape);
    let mut messages: Vec<Message> = (lines.iter().rev())
        .filter_map(|line| joiner.push(line).cloned())
        .collect();
    messages.extend(joiner.finish());
    messages.reverse();
    messages
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn pieces_are_joined_wherever_they_were_cut(
        texts in prop::collection::vec(("[ -~]{0,40}", any::<bool>(), prop::collection::vec(0_usize..40, 0..4)), 0..8),
    ) {
        let mut lines = Vec::new();
        for (text, to_stderr, cuts) in &texts {
            let stream = if *to_stderr { "stderr" } else { "stdout" };
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
            cuts.sort_unstable();
            let mut from = 0;
            for cut in cuts {
                lines.push(format!("2026-07-24T12:00:00Z {stream} P {}", &text[from..cut]).into_bytes());
                from = cut;
            }
            lines.push(format!("2026-07-24T12:00:00Z {stream} F {}", &text[from..]).into_bytes());
        }
        let mut joined: Vec<Vec<u8>> = join(&lines, Shape::Cri).into_iter().map(|message| message.text).collect();
        let mut expected: Vec<Vec<u8>> = texts.into_iter().map(|(text, ..)| text.into_bytes()).collect();
        joined.sort();
        expected.sort();
        prop_assert_eq!(joined, expected);
    }

    #[test]
    fn any_bytes_can_be_joined(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20)) {
        join(&lines, Shape::Cri);
        join(&lines, Shape::Any);
    }
}

// The parser.

/// What the grammar of samples allows, written down a second time and plainly: every sample must
/// have one of these words before its number.
fn may_be_a_sample(text: &str) -> bool {
    let body = text.split("]: ").nth(1).unwrap_or_default();
    let number_after = |word: &str| {
        body.split(word).skip(1).any(|rest| {
            let rest = rest.trim_start().trim_start_matches('-');
            rest.starts_with(|first: char| first.is_ascii_digit())
        })
    };
    number_after("offset ") || number_after(" max ") || number_after("min=")
}

fn statement(text: &[u8]) -> Option<Statement> {
    Envelope::cut(text).and_then(|envelope| line::read(&envelope))
}

/// A message of a known shape, with a few bytes changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let examples: Vec<&'static str> = FORMATS.iter().map(|format| format.example).collect();
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 0..4);
    (prop::sample::select(examples), edits).prop_map(|(example, edits)| {
        let mut bytes = example.as_bytes().to_vec();
        for (index, byte, kind) in edits {
            let at = index.index(bytes.len().max(1));
            match kind {
                0 if at < bytes.len() => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(cases(5000))]

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(statement(&bytes), None);
    }

    #[test]
    fn what_is_read_is_in_the_grammar(bytes in mutated()) {
        if let Some(Statement::Offset { offset_ns, .. }) = statement(&bytes) {
            let text = String::from_utf8_lossy(&bytes);
            prop_assert!(may_be_a_sample(&text), "{}", text);
            let digits = offset_ns.unsigned_abs().to_string();
            let saturated = offset_ns == i64::MAX || offset_ns == i64::MIN;
            prop_assert!(saturated || text.contains(&digits), "{} in {}", digits, text);
        }
    }

    #[test]
    fn what_stands_around_a_line_makes_it_none(
        before in "[ -~]{1,20}",
        after in "[ -~]{1,20}",
        index in any::<prop::sample::Index>(),
    ) {
        let example = FORMATS[index.index(FORMATS.len())].example;
        let quoted = format!("{before}{example}");
        prop_assert_eq!(statement(quoted.as_bytes()), None, "{}", quoted);
        // Digits may go on at the end of a number.
        if !after.starts_with(|first: char| first.is_ascii_digit()) && !example.ends_with(')') {
            let quoted = format!("{example} {after}");
            prop_assert_eq!(statement(quoted.as_bytes()), None, "{}", quoted);
        }
    }
}

#[test]
fn every_example_matches_its_own_row_and_no_other() {
    for format in &FORMATS {
        let envelope = Envelope::cut(format.example.as_bytes()).expect(format.name);
        assert_eq!(envelope.program, format.program, "{}", format.name);
        let matching: Vec<&str> = (FORMATS.iter())
            .filter(|other| other.program == format.program && other.reads(envelope.body))
            .map(|other| other.name)
            .collect();
        assert_eq!(matching, [format.name]);
        assert!(line::read(&envelope).is_some(), "{}", format.name);
    }
}

// The decision.

/// A line of the log: how it hits the verdict does not depend on how it is written.
#[derive(Clone, Debug)]
struct Event {
    age_s: u16,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Sample {
        program: usize,
        offset_ns: i32,
        servo: u8,
    },
    Port {
        number: u8,
        to: usize,
    },
    Status {
        servo: u8,
    },
}

const STATES: [&str; 4] = [
    "UNCALIBRATED to SLAVE",
    "SLAVE to LISTENING",
    "LISTENING to UNCALIBRATED",
    "LISTENING to MASTER",
];
const NOW_NS: i64 = 1_784_894_400 * SECOND_NS;
const UPTIME_S: i64 = 100_000;

fn event() -> impl Strategy<Value = Event> {
    let sample = (
        0_usize..4,
        prop_oneof![-150_000..150_000_i32, -100..100_i32],
        0_u8..4,
    )
        .prop_map(|(program, offset_ns, servo)| Kind::Sample {
            program,
            offset_ns,
            servo,
        });
    let port = (1_u8..3, 0..STATES.len()).prop_map(|(number, to)| Kind::Port { number, to });
    let status = (0_u8..3).prop_map(|servo| Kind::Status { servo });
    let kind = prop_oneof![6 => sample, 2 => port, 1 => status];
    (0_u16..900, kind).prop_map(|(age_s, kind)| Event { age_s, kind })
}

fn message(event: &Event) -> Message {
    let age = i64::from(event.age_s);
    let time = format_time(NOW_NS - age * SECOND_NS).into_bytes();
    let bracket = UPTIME_S - age;
    let text = match event.kind {
        Kind::Sample {
            program,
            offset_ns,
            servo,
        } => match program {
            0 => format!(
                "ptp4l[{bracket}.000]: [ptp4l.0.config:6] master offset {offset_ns} s{servo} freq +0 path delay 1"
            ),
            1 => format!(
                "ptp4l[{bracket}.000]: [ptp4l.1.config:6] rms 1 max {} freq +0 +/- 0",
                offset_ns.unsigned_abs()
            ),
            2 => format!(
                "phc2sys[{bracket}.000]: [ptp4l.0.config:6] CLOCK_REALTIME phc offset {offset_ns} s{servo} freq +0 delay 1"
            ),
            _ => format!(
                "ts2phc[{bracket}.000]: [ts2phc.7.config:6] ens7f0 offset {offset_ns} s{servo} freq +0"
            ),
        },
        Kind::Port { number, to } => format!(
            "ptp4l[{bracket}.000]: [ptp4l.1.config:5] port {number} (x): {} on RS_SLAVE",
            STATES[to]
        ),
        Kind::Status { servo } => format!(
            "GM[{}]:[ts2phc.7.config] ens7f0 T-GM-STATUS s{servo}",
            NOW_NS / SECOND_NS - age
        ),
    };
    Message {
        time,
        text: text.into_bytes(),
    }
}

const POLICY: Policy = Policy {
    max_offset_ns: 100_000,
    offset_threshold_ns: 20_000,
    sync_age_ns: 600 * SECOND_NS,
    holdover_ns: 300 * SECOND_NS,
    settle_ns: 0,
    offset_window_ns: 0,
};

/// The verdict on a log, given oldest line first, and how many lines were read for it.
fn verdict(events: &[Event], previous: Verdict, policy: Policy) -> (Verdict, usize) {
    let clocks = Clocks {
        wall_ns: NOW_NS,
        monotonic_ns: Some(UPTIME_S * SECOND_NS),
    };
    let rules = Rules { policy, previous };
    let memory = Memory::default();
    let mut gatherer = Gatherer::new(clocks, rules, &memory);
    for (read, event) in events.iter().rev().enumerate() {
        if gatherer.add(&message(event)) == Next::Decided {
            return (
                decide(&gatherer.finish().evidence, &rules).verdict,
                read + 1,
            );
        }
    }
    (
        decide(&gatherer.complete().evidence, &rules).verdict,
        events.len(),
    )
}

fn log() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..25).prop_map(|mut events| {
        events.sort_by_key(|event| std::cmp::Reverse(event.age_s));
        events
    })
}

fn previous() -> impl Strategy<Value = Verdict> {
    prop_oneof![Just(Verdict::InSync), Just(Verdict::OutOfSync)]
}

/// Is this fresh evidence for the clock, whatever else the log says? A summary may not be, as
/// long as there are ports that may not follow.
fn is_good(event: &Event, events: &[Event]) -> bool {
    let has_ports = events
        .iter()
        .any(|event| matches!(event.kind, Kind::Port { .. }));
    event.age_s <= 600
        && match event.kind {
            Kind::Sample {
                program,
                offset_ns,
                servo,
            } => {
                offset_ns.unsigned_abs() <= 80_000
                    && if program == 1 { !has_ports } else { servo >= 2 }
            }
            Kind::Port { to, .. } => to == 0,
            Kind::Status { servo } => servo == 2,
        }
}

/// Which leg and clock an event is about: with all of it dropped it may not be visible at all,
/// and what is not visible is not required (R8).
fn clock_of(event: &Event) -> u8 {
    match event.kind {
        Kind::Sample { program: 2, .. } => 1,
        _ => 0,
    }
}

proptest! {
    #![proptest_config(cases(5000))]

    #[test]
    fn raising_an_offset_never_helps(events in log(), previous in previous(), index in any::<prop::sample::Index>(), by in 1_i32..1_000_000) {
        let (before, _) = verdict(&events, previous, POLICY);
        let mut raised = events;
        let at = index.index(raised.len());
        if let Kind::Sample { offset_ns, .. } = &mut raised[at].kind {
            *offset_ns = offset_ns.signum().max(-1) * by + *offset_ns + i32::from(*offset_ns == 0) * by;
        }
        let (after, _) = verdict(&raised, previous, POLICY);
        prop_assert!(before == Verdict::InSync || after == Verdict::OutOfSync, "{:#?}", raised);
    }

    #[test]
    fn dropping_good_evidence_never_helps(events in log(), previous in previous(), index in any::<prop::sample::Index>()) {
        let (before, _) = verdict(&events, previous, POLICY);
        let at = index.index(events.len());
        let mut fewer = events.clone();
        let dropped = fewer.remove(at);
        // Without its last line a leg would not be visible any more, and be excused.
        let left = fewer.iter().any(|event| clock_of(event) == clock_of(&dropped) && is_good(event, &fewer));
        // ts2phc and the daemon's status judge one clock together; with a line of either gone, the
        // other may speak alone.
        let of_grandmaster = matches!(dropped.kind, Kind::Status { .. } | Kind::Sample { program: 3, .. });
        if is_good(&dropped, &events) && left && !of_grandmaster {
            let (after, _) = verdict(&fewer, previous, POLICY);
            prop_assert!(before == Verdict::InSync || after == Verdict::OutOfSync, "without {:?}: {:#?}", dropped, events);
        }
    }

    #[test]
    fn a_marker_never_makes_it_stricter(events in log()) {
        let (without, _) = verdict(&events, Verdict::OutOfSync, POLICY);
        let (with, _) = verdict(&events, Verdict::InSync, POLICY);
        prop_assert!(without == Verdict::OutOfSync || with == Verdict::InSync, "{:#?}", events);
    }

    #[test]
    fn stopping_early_changes_nothing(events in log(), previous in previous(), settle in prop_oneof![Just(0), 0_i64..300], window in prop_oneof![Just(0), 0_i64..300]) {
        let policy = Policy { settle_ns: settle * SECOND_NS, offset_window_ns: window * SECOND_NS, ..POLICY };
        let (early, read) = verdict(&events, previous, policy);
        // The same lines once more in front of it: reading on could only meet older ones.
        let clocks = Clocks { wall_ns: NOW_NS, monotonic_ns: Some(UPTIME_S * SECOND_NS) };
        let rules = Rules { policy, previous };
        let memory = Memory::default();
        let mut gatherer = Gatherer::new(clocks, rules, &memory);
        for event in events.iter().rev() {
            gatherer.add(&message(event));
        }
        let all = decide(&gatherer.complete().evidence, &rules).verdict;
        prop_assert_eq!(early, all, "after {} of {:#?}", read, events);
    }
}
