//! What a message says: one pattern for each kind of line that counts.

use super::SECOND;
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// One message that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// `ptp4l`, `phc2sys`, `ts2phc`, `GM` or `T-BC`.
    pub program: &'static str,
    /// The tag without its level; empty where there is none.
    pub instance: String,
    /// Nanoseconds since boot, where the bracket does not hold unix seconds.
    pub bracket: Option<i64>,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Offset {
        /// The card that ts2phc names. ptp4l names none, and of phc2sys the system clock alone
        /// counts.
        device: String,
        /// The largest magnitude that the line admits.
        magnitude: u128,
        servo: Servo,
        holdover: bool,
    },
    Port {
        number: u64,
        from: String,
        to: String,
    },
    /// linuxptp-daemon on a grandmaster, or on a telco boundary clock.
    Status { locked: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servo {
    Locked,
    Unlocked,
    /// The line does not say.
    Unsaid,
}

type Read = fn(&Captures<'_>) -> Option<What>;

/// A program, the pattern of what stands behind its tag, and what it means.
struct Kind {
    program: &'static str,
    pattern: Regex,
    read: Read,
}

static TOOL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(ptp4l|phc2sys|ts2phc)\[([0-9]+)\.([0-9]{3})\]: (?:\[([^\]: ]*)(?::(?:[0-9]|\{level\}))?\] )?(.*)$",
    )
});
static DAEMON: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(GM|T-BC)\[[0-9]+\]:\[([^\]]*)\] (.*)$"));

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let rms = r"rms +[0-9]+ max +([0-9]+) freq +[^ ]+ \+/- +[^ ]+(?: delay +[^ ]+ \+/- +[^ ]+)?$";
    let summary =
        r"offset summary: cnt=([0-9]+), min=(-?[0-9]+), max=(-?[0-9]+), avg=[^ ]+, SD=[^ ]+$";
    let kind = |program, text: &str, read: Read| Kind {
        program,
        pattern: pattern(text),
        read,
    };
    vec![
        kind(
            "ptp4l",
            r"^[^ ]+ offset +(-?[0-9]+) s([0-9]) freq +[^ ]+ path delay +-?[0-9]+$",
            |found| Some(offset("", number(&found[1]), servo(&found[2]), false)),
        ),
        kind("ptp4l", &format!("^{rms}"), |found| {
            Some(offset("", number(&found[1]), Servo::Unsaid, false))
        }),
        kind("ptp4l", &format!("^master {summary}"), several),
        kind(
            "ptp4l",
            // Ports 0 are sockets.
            r"^port 0*([1-9][0-9]*)(?: \([^ ]*\))?: ([A-Z_]+) to ([A-Z_]+) on [A-Z_]+(?: \([A-Za-z0-9_]+\))?$",
            |found| {
                Some(What::Port {
                    number: found[1].parse().ok()?,
                    from: found[2].into(),
                    to: found[3].into(),
                })
            },
        ),
        kind(
            "phc2sys",
            r"^CLOCK_REALTIME (?:phc|sys|pps) offset +(-?[0-9]+) s([0-9]) freq +[^ ]+(?: delay +-?[0-9]+)?$",
            |found| Some(offset("", number(&found[1]), servo(&found[2]), false)),
        ),
        kind("phc2sys", &format!("^CLOCK_REALTIME {rms}"), |found| {
            Some(offset("", number(&found[1]), Servo::Unsaid, false))
        }),
        // All its clocks in one: the system clock is one of them.
        kind("phc2sys", &format!("^phc {summary}"), several),
        kind(
            "ts2phc",
            r"^([^ ]+)(?: master)? offset +(-?[0-9]+)(?: s([0-9]) freq +[^ ]+( holdover)?)?$",
            |found| {
                let servo = found
                    .get(3)
                    .map_or(Servo::Unsaid, |state| servo(state.as_str()));
                let holdover = found.get(4).is_some();
                Some(offset(&found[1], number(&found[2]), servo, holdover))
            },
        ),
        kind(
            "ts2phc",
            r"^([^ ]+) lost holdover lock \(offset +(-?[0-9]+)\)$",
            |found| Some(offset(&found[1], number(&found[2]), Servo::Unsaid, true)),
        ),
        kind("GM", r"^[^ ]+ T-GM-STATUS (s[0-2]|-[12])$", |found| {
            Some(What::Status {
                locked: &found[1] == "s2",
            })
        }),
        kind(
            "T-BC",
            r"^[^ ]+ offset -?[0-9]+ T-BC-STATUS (s[0-2]|-[12])$",
            |found| {
                Some(What::Status {
                    locked: &found[1] == "s2",
                })
            },
        ),
    ]
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern")
}

/// Nanoseconds since boot when a program of linuxptp has printed this, where that is told.
pub fn bracket(text: &[u8]) -> Option<i64> {
    since_boot(&TOOL.captures(&String::from_utf8_lossy(text))?)
}

fn since_boot(found: &Captures<'_>) -> Option<i64> {
    let seconds: i64 = found[2].parse().unwrap_or(i64::MAX);
    let milliseconds: i64 = found[3].parse().ok()?;
    let nanoseconds = seconds
        .saturating_mul(SECOND)
        .saturating_add(milliseconds * 1_000_000);
    // No node has been up for thirty years.
    (nanoseconds < 1_000_000_000 * SECOND).then_some(nanoseconds)
}

/// What a message says, if it counts at all.
pub fn read(text: &[u8]) -> Option<Fact> {
    let text = &*String::from_utf8_lossy(text);
    let (program, bracket, instance, body) = match TOOL.captures(text) {
        Some(found) => (
            found[1].to_owned(),
            since_boot(&found),
            found.get(4).map_or("", |tag| tag.as_str()).to_owned(),
            found[5].to_owned(),
        ),
        None => {
            let found = DAEMON.captures(text)?;
            (
                found[1].to_owned(),
                None,
                found[2].to_owned(),
                found[3].to_owned(),
            )
        }
    };
    KINDS
        .iter()
        .filter(|kind| kind.program == program)
        .find_map(|kind| {
            Some(Fact {
                program: kind.program,
                instance: instance.clone(),
                bracket,
                what: (kind.read)(&kind.pattern.captures(&body)?)?,
            })
        })
}

fn offset(device: &str, magnitude: u128, servo: Servo, holdover: bool) -> What {
    What::Offset {
        device: device.into(),
        magnitude,
        servo,
        holdover,
    }
}

/// A summary of several samples: the larger end counts, and nothing if there was none.
fn several(found: &Captures<'_>) -> Option<What> {
    let magnitude = number(&found[2]).max(number(&found[3]));
    (number(&found[1]) > 0).then(|| offset("", magnitude, Servo::Unsaid, false))
}

/// The magnitude of a number of any length.
fn number(text: &str) -> u128 {
    text.trim_start_matches('-').parse().unwrap_or(u128::MAX)
}

fn servo(digit: &str) -> Servo {
    match digit {
        "2" | "3" => Servo::Locked,
        _ => Servo::Unlocked,
    }
}
