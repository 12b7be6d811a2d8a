//! How a stream stands, and what holding and settling make of it (R5, R6, R10).

use crate::decide::{Reading, Reason};
use crate::policy::{Rules, Verdict};
use crate::ports::{Ports, Printed};

/// How a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Good.
    Good,
    /// Lost, and held.
    Holding,
    /// Not good.
    Bad(Reason),
}

impl Standing {
    /// The better the smaller; among the bad, what a person should look at first.
    #[must_use]
    pub fn rank(self) -> (u8, Reason) {
        match self {
            Self::Good => (0, Reason::WithinLimit),
            Self::Holding => (1, Reason::Holding),
            Self::Bad(reason) => (2, reason),
        }
    }
}

/// Judges an instance of which the log shows port states only (R6). None where it only gives
/// time, and while an offset may still come: until all has been read that can matter, or that an
/// earlier run does not know if it saw states only.
#[must_use]
pub fn judge_states(ports: &Ports, reading: Reading, rules: &Rules) -> Option<(Standing, i64)> {
    let printed = ports.recalled.map(|recalled| recalled.printed);
    let offsets_may_come = reading == Reading::Partial && printed != Some(Printed::States);
    let (_, newest) = ports.newest().filter(|_| !offsets_may_come)?;
    let gone = ports.last_offset(None);
    let standing = if gone.is_some_and(|place| newest.mark.place >= place) {
        Standing::Bad(Reason::Stale)
    } else if let Some(age_ns) = ports.following_for() {
        settled(age_ns, rules)
    } else {
        let left_slave = ports.left_slave();
        let left_slave = left_slave.filter(|_| ports.states_only(None, reading));
        held(left_slave, Reason::ReferenceLost, rules)
    };
    Some((standing, newest.mark.age_ns))
}

/// R10: without a marker, good is not enough; it must have lasted.
#[must_use]
pub fn settled(good_for_ns: i64, rules: &Rules) -> Standing {
    match rules.previous {
        Verdict::OutOfSync if good_for_ns < rules.policy.settle_ns => {
            Standing::Bad(Reason::Settling)
        }
        _ => Standing::Good,
    }
}

/// R5: after a loss, the last good sample serves for a while, if the marker is there.
#[must_use]
pub fn held(last_good_ns: Option<i64>, reason: Reason, rules: &Rules) -> Standing {
    match (rules.previous, last_good_ns) {
        (Verdict::InSync, Some(age_ns)) if age_ns <= rules.policy.holdover_ns => Standing::Holding,
        _ => Standing::Bad(reason),
    }
}
