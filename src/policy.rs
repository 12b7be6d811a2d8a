//! What counts as in sync, and how a single offset is measured by it (R2, R3).

use crate::ptp::{Program, Servo, Source, words};
use crate::stream::{Grade, Sample};

words! {
    /// Whether PTP keeps the system clock in sync.
    Verdict {
        /// The marker exists; chronyd stays out of the way.
        InSync = "in-sync",
        /// No marker; chronyd may run.
        OutOfSync = "out-of-sync",
    }
}

/// What the operator wants; all in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The offset within which the clock is in sync.
    pub max_offset_ns: i64,
    /// The hysteresis around it.
    pub offset_threshold_ns: i64,
    /// The oldest measurement that counts.
    pub sync_age_ns: i64,
    /// How long the last good measurement serves after a loss.
    pub holdover_ns: i64,
    /// How long all must be good before the clock counts as in sync.
    pub settle_ns: i64,
    /// The median over this span stands for the newest offset; 0 is the newest alone.
    pub offset_window_ns: i64,
}

/// What everything is judged by: the policy, and what was in force before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What the operator wants.
    pub policy: Policy,
    /// In sync while the marker exists.
    pub previous: Verdict,
}

impl Rules {
    /// The largest magnitude that is within the limit (R2).
    #[must_use]
    pub fn limit_ns(&self) -> u64 {
        let Policy {
            max_offset_ns: max,
            offset_threshold_ns: threshold,
            ..
        } = self.policy;
        let limit = match self.previous {
            Verdict::InSync => max.saturating_add(threshold),
            Verdict::OutOfSync => max.saturating_sub(threshold),
        };
        u64::try_from(limit).unwrap_or_default()
    }

    /// Is a sample young enough to count (R1)?
    #[must_use]
    pub fn is_fresh(&self, sample: &Sample) -> bool {
        sample.mark.age_ns <= self.policy.sync_age_ns
    }

    /// No sample older than this matters. With `SETTLE` one must be older than that, and no older
    /// than a sample may be from the next.
    #[must_use]
    pub fn reach_ns(&self) -> i64 {
        let policy = self.policy;
        (policy.sync_age_ns)
            .saturating_add(policy.offset_window_ns.max(policy.settle_ns))
            .max(policy.holdover_ns)
    }

    /// How a single sample counts (R3). Whether a line without a servo state counts is told by
    /// the ports of its instance, later.
    #[must_use]
    pub fn grade(&self, program: Program, sample: &Sample) -> Grade {
        if sample.offset_ns.unsigned_abs() > self.limit_ns() {
            return Grade::OverLimit;
        }
        match (sample.source, sample.servo) {
            (Source::Holdover, _) => Grade::Holdover,
            (Source::Live, Servo::Unstated) if program == Program::Ptp4l => Grade::Unstated,
            (Source::Live, Servo::Locked | Servo::LockedStable | Servo::Unstated) => Grade::Good,
            (Source::Live, Servo::Unlocked | Servo::Jump | Servo::Unknown) => Grade::Unlocked,
        }
    }
}
