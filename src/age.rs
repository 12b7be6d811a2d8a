//! How old a line is, and how far back lines can matter (R1).

use crate::clock::{Clocks, SECOND_NS};
use crate::cri::Message;
use crate::decide::Reason;
use crate::envelope::{Bracket, Envelope};

/// A line this far in the future is a reading error, not evidence (R1).
pub const FUTURE_MAX_NS: i64 = 2 * SECOND_NS;

/// How old a line or a moment is, by both clocks; negative where it is from the future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// By the time before the message, or unix seconds in its bracket.
    pub wall_ns: Option<i64>,
    /// By the time since boot in its bracket.
    pub monotonic_ns: Option<i64>,
}

impl Ages {
    /// The ages of a message at a moment. Its envelope holds a time, too, if it has one.
    #[must_use]
    pub fn new(clocks: Clocks, message: &Message, envelope: Option<&Envelope<'_>>) -> Self {
        let age = |now: i64, then: i64| now.saturating_sub(then);
        let (bracket_wall, bracket_monotonic) = match envelope.and_then(Envelope::time) {
            Some(Bracket::Unix(wall_ns)) => (Some(wall_ns), None),
            Some(Bracket::Monotonic(monotonic_ns)) => (None, Some(monotonic_ns)),
            None => (None, None),
        };
        let stamp = message.wall_ns();
        if stamp.is_none() && !message.time.is_empty() {
            // A time that cannot be read, or has no zone, makes the whole line doubtful.
            return Self {
                wall_ns: None,
                monotonic_ns: None,
            };
        }
        Self {
            wall_ns: (stamp.or(bracket_wall)).map(|then| age(clocks.wall_ns, then)),
            monotonic_ns: (clocks.monotonic_ns)
                .zip(bracket_monotonic)
                .map(|(now, then)| age(now, then)),
        }
    }

    /// What each clock has gone since a moment.
    fn since(moment: Clocks, clocks: Clocks) -> Self {
        let both = clocks.monotonic_ns.zip(moment.monotonic_ns);
        Self {
            wall_ns: Some(clocks.wall_ns.saturating_sub(moment.wall_ns)),
            monotonic_ns: both.map(|(now, then)| now.saturating_sub(then)),
        }
    }

    /// The ages of a moment. Where the wall clock was set back since, the time since boot tells
    /// both.
    #[must_use]
    pub fn of(moment: Clocks, clocks: Clocks) -> Self {
        let since = Self::since(moment, clocks);
        Self {
            wall_ns: since.largest_ns(),
            ..since
        }
    }

    /// So many nanoseconds older.
    #[must_use]
    pub fn plus(self, ns: i64) -> Self {
        let older = |age: i64| age.saturating_add(ns);
        Self {
            wall_ns: self.wall_ns.map(older),
            monotonic_ns: self.monotonic_ns.map(older),
        }
    }

    /// No younger than a span.
    #[must_use]
    pub fn at_least(self, ns: i64) -> Self {
        let older = |age: i64| age.max(ns);
        Self {
            wall_ns: self.wall_ns.map(older),
            monotonic_ns: self.monotonic_ns.map(older),
        }
    }

    /// Is this older? The time since boot tells, where both have it: the wall clock may have been
    /// set in between. Not known where there is no time.
    #[must_use]
    pub fn is_beyond(self, edge: Self) -> bool {
        match (self.monotonic_ns, edge.monotonic_ns) {
            (Some(age), Some(edge)) => age > edge,
            _ => self
                .wall_ns
                .zip(edge.wall_ns)
                .is_some_and(|(age, edge)| age > edge),
        }
    }

    /// The larger.
    #[must_use]
    pub fn largest_ns(self) -> Option<i64> {
        self.wall_ns.max(self.monotonic_ns)
    }

    /// Is a line as old by the wall clock as by the time since boot, but for what the wall clock was
    /// set by since a moment? Then it is of the same boot.
    #[must_use]
    pub fn is_of_boot(self, moment: Clocks, clocks: Clocks) -> bool {
        let since = Self::since(moment, clocks);
        let ahead = |ages: Self| Some(ages.wall_ns?.saturating_sub(ages.monotonic_ns?));
        (ahead(self).zip(ahead(since)))
            .is_some_and(|(own, set)| own.abs_diff(set) <= FUTURE_MAX_NS.unsigned_abs())
    }

    /// The age that counts, the larger; or why the line is no evidence (R1).
    ///
    /// # Errors
    /// The line has no time that can be told, or one that cannot be.
    pub fn judge(self, clocks: Clocks) -> Result<i64, Reason> {
        let Some(largest) = self.largest_ns() else {
            return Err(Reason::NoEvidence);
        };
        let is_early = |age: Option<i64>| age.is_some_and(|age| age < -FUTURE_MAX_NS);
        match (self.wall_ns, clocks.monotonic_ns) {
            // First, since the bracket of an earlier boot is most often beyond this one's uptime.
            (Some(age_ns), Some(uptime_ns)) if age_ns > uptime_ns => Err(Reason::FromAnotherBoot),
            _ if is_early(self.wall_ns) || is_early(self.monotonic_ns) => {
                Err(Reason::FromTheFuture)
            }
            _ => Ok(largest.max(0)),
        }
    }
}

/// How far back a log must be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// What is older was, or may have been, read by an earlier run.
    pub known: Ages,
    /// All that is older was read by an earlier run: what it remembers belongs here.
    pub remembered: Ages,
    /// Nothing older can matter.
    pub matters: Ages,
}
