//! What a run found out: one object, printed for people and programs, and kept for the next run.

use crate::clock::{format_time, seconds};
use crate::config::Config;
use crate::decide::{Decision, Evidence, LegDecision, LegState, Reason, Witness};
use crate::gathered::Gathered;
use crate::memory::Memory;
use crate::policy::{Policy, Rules, Verdict};
use crate::ports::Ports;
use crate::ptp::{Leg, Program, Servo, words};
use serde::Serialize;

words! {
    /// What is done about the marker.
    Action {
        /// It is written where none was.
        Create = "create",
        /// It, or what stands in its place, is removed.
        Remove = "remove",
        /// It is as it should be; where it exists its time and content are renewed.
        None = "none",
    }
}

/// The report. The names and meanings of its fields are stable; see README.md.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The version of the program.
    pub version: &'static str,
    /// When it was decided.
    pub time: String,
    /// Seconds since boot then; none where they do not belong to the log.
    pub uptime_seconds: Option<f64>,
    /// In sync or not.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// What was in force before.
    pub previous: Verdict,
    /// What is done about the marker.
    pub action: Action,
    /// The marker.
    pub marker: String,
    /// The largest magnitude that is within the limit.
    pub limit_ns: u64,
    /// The log that was read.
    pub log: Option<String>,
    /// Its length.
    pub log_bytes: u64,
    /// How much of it was read.
    pub scanned_bytes: u64,
    /// Both legs.
    pub legs: Vec<LegReport>,
    /// What a person should know besides.
    pub warnings: Vec<String>,
    /// What was asked for.
    pub policy: PolicyReport,
    /// What the next run reads back.
    pub memory: Memory,
}

/// One leg, and the newest line that it was judged by.
#[derive(Clone, Debug, Serialize)]
pub struct LegReport {
    /// Which.
    pub leg: Leg,
    /// How it stands.
    pub state: LegState,
    /// Why.
    pub reason: Reason,
    /// Who printed the line.
    pub program: Option<Program>,
    /// Its message tag without the level.
    pub instance: Option<String>,
    /// The clock that it names.
    pub device: Option<String>,
    /// Nanoseconds that the clock is ahead; for summaries the value of largest magnitude.
    pub offset_ns: Option<i64>,
    /// The magnitude that was judged: the newest, or the median of the window.
    pub judged_ns: Option<u64>,
    /// The state of its servo.
    pub servo: Option<Servo>,
    /// The newest change of a port of the instance, where it is known.
    pub port_state: Option<String>,
    /// The age of the line, by the clock on which it is older.
    pub age_seconds: Option<f64>,
    /// Its age by the log's time.
    pub wall_age_seconds: Option<f64>,
    /// Its age by the time in its bracket.
    pub monotonic_age_seconds: Option<f64>,
    /// The line.
    pub line: Option<String>,
}

/// The policy, in the units of the report.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PolicyReport {
    /// The offset within which the clock is in sync.
    pub max_offset_ns: i64,
    /// The hysteresis around it.
    pub offset_threshold_ns: i64,
    /// The oldest measurement that counts.
    pub sync_age_seconds: f64,
    /// How long the last good measurement serves after a loss.
    pub holdover_seconds: f64,
    /// How long all must be good before entering sync.
    pub settle_seconds: f64,
    /// The span of the median.
    pub offset_window_seconds: f64,
}

impl From<Policy> for PolicyReport {
    fn from(policy: Policy) -> Self {
        Self {
            max_offset_ns: policy.max_offset_ns,
            offset_threshold_ns: policy.offset_threshold_ns,
            sync_age_seconds: seconds(policy.sync_age_ns),
            holdover_seconds: seconds(policy.holdover_ns),
            settle_seconds: seconds(policy.settle_ns),
            offset_window_seconds: seconds(policy.offset_window_ns),
        }
    }
}

/// What was read of a log.
#[derive(Clone, Debug, Default)]
pub struct Scanned {
    /// The log; none where there is none.
    pub log: Option<String>,
    /// Its length.
    pub log_bytes: u64,
    /// How much of it was read.
    pub scanned_bytes: u64,
}

/// The state of the marker before the run.
#[derive(Clone, Debug)]
pub struct Before {
    /// What the marker says was in force.
    pub previous: Verdict,
    /// Whether something has to be removed for there to be no marker.
    pub occupied: Occupied,
    /// The marker's path.
    pub marker: String,
}

/// Whether anything stands where the marker belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupied {
    /// A marker of this boot, or a file that counts as one.
    ByMarker,
    /// Something that does not count as a marker.
    ByOther,
    /// Nothing.
    Free,
}

impl Report {
    /// Puts a report together.
    #[must_use]
    pub fn new(
        config: &Config,
        before: &Before,
        scanned: Scanned,
        decision: &Decision,
        gathered: Option<&Gathered>,
        memory: Memory,
    ) -> Self {
        let legs = decision.legs.iter().map(|leg| match gathered {
            Some(gathered) => LegReport::new(leg, gathered),
            None => LegReport::without_evidence(leg),
        });
        let rules = Rules {
            policy: config.policy,
            previous: before.previous,
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            time: format_time(config.clocks.wall_ns),
            uptime_seconds: config.clocks.monotonic_ns.map(seconds),
            verdict: decision.verdict,
            reason: decision.reason,
            previous: before.previous,
            action: match (decision.verdict, before.occupied) {
                (Verdict::InSync, Occupied::ByMarker) | (Verdict::OutOfSync, Occupied::Free) => {
                    Action::None
                }
                (Verdict::InSync, Occupied::ByOther | Occupied::Free) => Action::Create,
                (Verdict::OutOfSync, Occupied::ByMarker | Occupied::ByOther) => Action::Remove,
            },
            marker: before.marker.clone(),
            limit_ns: rules.limit_ns(),
            log: scanned.log,
            log_bytes: scanned.log_bytes,
            scanned_bytes: scanned.scanned_bytes,
            legs: legs.collect(),
            warnings: config.warnings.clone(),
            policy: config.policy.into(),
            memory,
        }
    }

    /// The report as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Numbers, words and strings always serialize.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The leg that decided: the first whose reason is the verdict's.
    #[must_use]
    pub fn deciding_leg(&self) -> Option<&LegReport> {
        let same = |leg: &&LegReport| leg.reason == self.reason && leg.program.is_some();
        self.legs.iter().find(same)
    }
}

impl LegReport {
    fn without_evidence(leg: &LegDecision) -> Self {
        Self {
            leg: leg.leg,
            state: leg.state,
            reason: leg.reason,
            program: None,
            instance: None,
            device: None,
            offset_ns: None,
            judged_ns: None,
            servo: None,
            port_state: None,
            age_seconds: None,
            wall_age_seconds: None,
            monotonic_age_seconds: None,
            line: None,
        }
    }

    fn new(leg: &LegDecision, gathered: &Gathered) -> Self {
        let report = Self::without_evidence(leg);
        let Some(witness) = leg.witness else {
            return report;
        };
        let sighting = gathered.sighting(witness);
        let evidence = &gathered.evidence;
        let report = Self {
            wall_age_seconds: sighting.wall_age_ns.map(seconds),
            monotonic_age_seconds: sighting.monotonic_age_ns.map(seconds),
            line: Some(sighting.line).filter(|line| !line.is_empty()),
            ..report
        };
        match witness {
            Witness::Stream(index) => report.with_stream(evidence, index),
            Witness::Ports(index) => report.with_ports(evidence, index),
        }
    }

    fn with_stream(self, evidence: &Evidence, index: usize) -> Self {
        let Some(stream) = evidence.streams.get(index) else {
            return self;
        };
        let has_offset = stream.program != Program::GrandmasterStatus;
        Self {
            program: Some(stream.program),
            instance: Some(stream.instance.clone()).filter(|name| !name.is_empty()),
            device: stream.device.clone(),
            offset_ns: has_offset.then_some(stream.newest.offset_ns),
            judged_ns: has_offset.then(|| stream.judged_ns()),
            servo: Some(stream.newest.servo),
            port_state: evidence.ports_of(stream).and_then(Ports::describe),
            age_seconds: Some(seconds(stream.newest.mark.age_ns)),
            ..self
        }
    }

    fn with_ports(self, evidence: &Evidence, index: usize) -> Self {
        let Some(ports) = evidence.ports.get(index) else {
            return self;
        };
        Self {
            program: Some(Program::Ptp4l),
            instance: Some(ports.instance.clone()).filter(|name| !name.is_empty()),
            port_state: ports.describe(),
            age_seconds: (ports.newest()).map(|(_, change)| seconds(change.mark.age_ns)),
            ..self
        }
    }
}
