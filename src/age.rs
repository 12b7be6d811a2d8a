//! How old a line is, and how far back lines can matter (R1).

use crate::clock::{Clocks, SECOND_NS};
use crate::cri::Message;
use crate::decide::Reason;
use crate::envelope::{Bracket, Envelope};

/// A line this far in the future is a reading error, not evidence (R1).
pub const FUTURE_MAX_NS: i64 = 2 * SECOND_NS;
/// How old a line is, by both clocks; negative where it is from the future.
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

    fn known(self) -> impl Iterator<Item = i64> + Clone {
        [self.wall_ns, self.monotonic_ns].into_iter().flatten()
    }

    /// Was it written before that moment, by every clock that tells? Where the wall clock was set
    /// back, lines that came after have times from before. Not known where it has no time.
    #[must_use]
    pub fn is_past(self) -> bool {
        (self.known().min()).is_some_and(|smallest| smallest > 0)
    }

    /// The age that counts, the larger; or why the line is no evidence (R1).
    ///
    /// # Errors
    /// The line has no time that can be told, or one that cannot be.
    pub fn judge(self, clocks: Clocks) -> Result<i64, Reason> {
        let (Some(largest), Some(smallest)) = (self.known().max(), self.known().min()) else {
            return Err(Reason::NoEvidence);
        };
        match (self.wall_ns, clocks.monotonic_ns) {
            // First, since the bracket of an earlier boot is most often beyond this one's uptime.
            (Some(age_ns), Some(uptime_ns)) if age_ns > uptime_ns => Err(Reason::FromAnotherBoot),
            _ if smallest < -FUTURE_MAX_NS => Err(Reason::FromTheFuture),
            _ => Ok(largest.max(0)),
        }
    }
}

/// How far back a log must be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Lines before this were, or may have been, read by an earlier run.
    pub known: Clocks,
    /// All lines before this were read by an earlier run: what it remembers belongs here.
    pub remembered: Clocks,
    /// Nothing before can matter.
    pub matters: Clocks,
}
