//! The decision: from what a log shows to in sync or out of sync (R7, R8).
//!
//! This file, [`crate::judge`], [`crate::standing`], [`crate::stream`], [`crate::ports`] and
//! [`crate::policy`] are pure: no I/O, no clock, no logging. Rule numbers are those of `docs/rules.md`. Everything
//! unexpected falls through to out of sync. A new rule goes into one of them, and its rows into
//! the table in `tests/rules.rs`.

use crate::judge::Judge;
use crate::policy::{Rules, Verdict};
use crate::ports::Ports;
use crate::ptp::{Leg, Program, words};
use crate::standing::{Standing, judge_states};
use crate::stream::Stream;
use std::cmp::Reverse;

words! {
    /// Why; where several apply, the first of these.
    Reason {
        /// Every leg is good.
        WithinLimit = "within-limit",
        /// A leg is lost, for no longer than the holdover.
        Holding = "holding",
        /// The configuration cannot be used.
        ConfigError = "config-error",
        /// The log is there and cannot be read.
        LogUnreadable = "log-unreadable",
        /// There is no log.
        NoLog = "no-log",
        /// The newest offset exceeds the limit (R4).
        OffsetOverLimit = "offset-over-limit",
        /// The servo is not locked, and nothing holds (R5).
        ServoUnlocked = "servo-unlocked",
        /// No port follows a grandmaster, or ts2phc has lost its source, and nothing holds (R5).
        ReferenceLost = "reference-lost",
        /// The newest evidence is too old (R1, R7).
        Stale = "stale",
        /// All lines are later than the clocks (R1).
        FromTheFuture = "from-the-future",
        /// All lines are from before the node started (R1).
        FromAnotherBoot = "from-another-boot",
        /// Good, but not for long enough (R10).
        Settling = "settling",
        /// The log holds no line that counts.
        NoEvidence = "no-evidence",
    }
}

words! {
    /// How a leg stands.
    LegState {
        /// One of its streams is good.
        Good = "good",
        /// Lost, and held for now.
        Holding = "holding",
        /// Seen, and not good.
        Bad = "bad",
        /// Never seen, hence not required (R8).
        NotVisible = "not-visible",
    }
}

/// Whether there may be older lines that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The reading goes on: nothing is final but what is good.
    Partial,
    /// All that can matter has been read.
    Complete,
}

/// Everything a log shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Samples, by stream.
    pub streams: Vec<Stream>,
    /// Port states, by ptp4l instance.
    pub ports: Vec<Ports>,
    /// The legs that an earlier run since boot has seen (R9).
    pub seen_before: Vec<Leg>,
    /// The instances of ts2phc that an earlier run knows to be a boundary clock's (R7).
    pub boundary_clocks: Vec<String>,
    /// Per leg, why its newest line without a place in time was left out.
    pub excluded: Vec<(Leg, Reason)>,
    /// Whether all has been read.
    pub reading: Reading,
}

impl Evidence {
    /// The ports of the ptp4l that prints a stream.
    #[must_use]
    pub fn ports_of(&self, stream: &Stream) -> Option<&Ports> {
        (self.ports.iter())
            .find(|ports| stream.program == Program::Ptp4l && ports.instance == stream.instance)
    }

    /// The daemon's word on the grandmaster of an instance of ts2phc, while it is fresh.
    #[must_use]
    pub fn status_of(&self, instance: &str, rules: &Rules) -> Option<&Stream> {
        (self.streams.iter()).find(|stream| {
            stream.program == Program::GrandmasterStatus
                && stream.instance == instance
                && rules.is_fresh(&stream.newest)
        })
    }

    /// The offsets that the ptp4l with these ports prints.
    #[must_use]
    pub fn offsets_of(&self, ports: &Ports) -> Option<&Stream> {
        (self.streams.iter())
            .find(|stream| stream.program == Program::Ptp4l && stream.instance == ports.instance)
    }
}

/// What a leg was judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Witness {
    /// An index into [`Evidence::streams`].
    Stream(usize),
    /// An index into [`Evidence::ports`].
    Ports(usize),
}

/// How one leg stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegDecision {
    /// Which.
    pub leg: Leg,
    /// How it stands.
    pub state: LegState,
    /// Why.
    pub reason: Reason,
    /// By what; None where nothing is left of it in the log.
    pub witness: Option<Witness>,
}

/// The outcome.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// In sync or not.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Both legs.
    pub legs: [LegDecision; 2],
}

impl Decision {
    /// The decision where there is no evidence at all.
    pub fn impossible(reason: Reason) -> Self {
        let leg = |leg| LegDecision {
            leg,
            state: LegState::NotVisible,
            reason,
            witness: None,
        };
        Self {
            verdict: Verdict::OutOfSync,
            reason,
            legs: [leg(Leg::Reference), leg(Leg::SystemClock)],
        }
    }

    /// Can no older line change this? With both legs good, nothing older can.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.legs.iter().all(|leg| leg.state == LegState::Good)
    }

    /// Is nothing more to be learned about this leg?
    #[must_use]
    pub fn is_good(&self, leg: Leg) -> bool {
        (self.legs.iter()).any(|each| each.leg == leg && each.state == LegState::Good)
    }
}

/// Decides (R7, R8).
pub fn decide(evidence: &Evidence, rules: &Rules) -> Decision {
    let legs = [Leg::Reference, Leg::SystemClock].map(|leg| judge_leg(leg, evidence, rules));
    let required = legs.iter().filter(|leg| leg.state != LegState::NotVisible);
    let worst = required.max_by_key(|leg| (leg.state, Reverse(leg.reason)));
    let (verdict, reason) = match worst {
        Some(leg) if leg.state == LegState::Bad => (Verdict::OutOfSync, leg.reason),
        Some(leg) => (Verdict::InSync, leg.reason),
        None => (
            Verdict::OutOfSync,
            evidence
                .excluded
                .iter()
                .map(|(_, reason)| *reason)
                .min()
                .unwrap_or(Reason::NoEvidence),
        ),
    };
    Decision {
        verdict,
        reason,
        legs,
    }
}

/// A leg is as good as its best stream (R7); one that was seen before and is gone is stale (R8).
fn judge_leg(leg: Leg, evidence: &Evidence, rules: &Rules) -> LegDecision {
    let best = standings(leg, evidence, rules)
        .min_by_key(|(standing, _, age_ns)| (standing.rank(), *age_ns));
    let (state, reason, witness) = match best {
        Some((Standing::Good, witness, _)) => (LegState::Good, Reason::WithinLimit, Some(witness)),
        Some((Standing::Holding, witness, _)) => {
            (LegState::Holding, Reason::Holding, Some(witness))
        }
        Some((Standing::Bad(reason), witness, _)) => (LegState::Bad, reason, Some(witness)),
        None => {
            let excluded = evidence.excluded.iter().find(|(each, _)| *each == leg);
            if evidence.seen_before.contains(&leg) {
                let reason = excluded.map_or(Reason::Stale, |(_, reason)| *reason);
                (LegState::Bad, reason, None)
            } else {
                (LegState::NotVisible, Reason::NoEvidence, None)
            }
        }
    };
    LegDecision {
        leg,
        state,
        reason,
        witness,
    }
}

/// Everything that is evidence for a leg, judged, with the age of its newest line.
fn standings<'a>(
    leg: Leg,
    evidence: &'a Evidence,
    rules: &'a Rules,
) -> impl Iterator<Item = (Standing, Witness, i64)> + 'a {
    let streams = (evidence.streams.iter().enumerate())
        .filter(move |(_, stream)| stream.leg() == Some(leg))
        .filter_map(move |(index, stream)| {
            let standing = Judge::new(evidence, rules, stream).standing()?;
            Some((standing, Witness::Stream(index), stream.newest.mark.age_ns))
        });
    let ports = (evidence.ports.iter().enumerate())
        .filter(move |(_, ports)| leg == Leg::Reference && evidence.offsets_of(ports).is_none())
        .filter_map(move |(index, ports)| {
            let (standing, age_ns) = judge_states(ports, evidence.reading, rules)?;
            Some((standing, Witness::Ports(index), age_ns))
        });
    streams.chain(ports)
}
