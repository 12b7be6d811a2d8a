//! The rules once more, as plainly as can be, to hold the program against.
//!
//! Written after `docs/rules.md` and the formats of linuxptp and linuxptp-daemon, and sharing
//! nothing with the program: it reads every file whole, from the start, with its own patterns,
//! and remembers in its own way. What the program does in order to read little is not in here;
//! it must not show.

#![allow(dead_code, reason = "every test uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::match_wildcard_for_single_variants,
    clippy::single_match_else,
    reason = "a test may fail, and its own patterns have the groups that it asks for"
)]

pub mod lines;
pub mod log;
pub mod memory;
pub mod root;
pub mod rules;

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;

/// What the operator wants; all in nanoseconds.
#[derive(Clone, Debug)]
pub struct Settings {
    pub max_offset: i64,
    pub threshold: i64,
    pub sync_age: i64,
    pub holdover: i64,
    pub settle: i64,
    pub window: i64,
    pub namespace: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_offset: 100_000,
            threshold: 20_000,
            sync_age: 600 * SECOND,
            holdover: 600 * SECOND,
            settle: 0,
            window: 0,
            namespace: "openshift-ptp".into(),
        }
    }
}

/// When a question is asked, in nanoseconds since 1970 and since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub wall: i64,
    pub uptime: Option<i64>,
}

/// A link of the chain from the grandmaster to the system clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leg {
    Reference,
    SystemClock,
}

/// What a port is for, by what it has done since ptp4l started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It has taken time, or tried to.
    Client,
    /// It has only ever given time.
    Server,
    /// It has done neither.
    Waiting,
}

/// What follows from a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub in_sync: bool,
    /// The reasons that may be given: where several things are wrong, any of them.
    pub reasons: Vec<&'static str>,
}

impl Answer {
    /// Out of sync, for one reason.
    pub fn out(reason: &'static str) -> Self {
        Self {
            in_sync: false,
            reasons: vec![reason],
        }
    }

    /// Does a verdict with its reason agree?
    pub fn allows(&self, verdict: &str, reason: &str) -> bool {
        let expected = if self.in_sync {
            "in-sync"
        } else {
            "out-of-sync"
        };
        verdict == expected && self.reasons.contains(&reason)
    }
}
