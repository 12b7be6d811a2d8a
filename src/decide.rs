//! The decision: from what a log shows to in sync or out of sync.
//!
//! Pure: no I/O, no clock, no logging. Rule numbers are those of `docs/rules.md`. Everything
//! unexpected falls through to out of sync. A new rule goes here, and its row into the table
//! in `tests/rules.rs`.

use crate::ptp::{Leg, PortState, Program, SYSTEM_CLOCK, Servo, Source, words};
use std::cmp::Reverse;

words! {
    /// Whether PTP keeps the system clock in sync.
    Verdict {
        /// The marker exists; chronyd stays out of the way.
        InSync = "in-sync",
        /// No marker; chronyd may run.
        OutOfSync = "out-of-sync",
    }
}

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

    /// No sample older than this can matter.
    #[must_use]
    pub fn reach_ns(&self) -> i64 {
        let policy = self.policy;
        (policy.sync_age_ns.saturating_add(policy.offset_window_ns))
            .max(policy.holdover_ns)
            .max(policy.settle_ns)
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

/// A position in the log and the age of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Counted from the end of the log: 0 is the newest line.
    pub place: u64,
    /// By the rule of R1, never negative.
    pub age_ns: i64,
}

/// The place of what an earlier run remembers: behind every line of the log.
pub const REMEMBERED: u64 = u64::MAX;

/// One offset reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Where and when.
    pub mark: Mark,
    /// Nanoseconds that the clock is ahead of its source.
    pub offset_ns: i64,
    /// The state of its servo.
    pub servo: Servo,
    /// What it was compared with.
    pub source: Source,
}

/// How a sample counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// Within the limit, locked, with a live source.
    Good,
    /// Within the limit; the port states tell whether it is locked.
    Unstated,
    /// Beyond the limit.
    OverLimit,
    /// The servo is not locked.
    Unlocked,
    /// The source is lost.
    Holdover,
}

/// Samples of one grade in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What they have in common.
    pub grade: Grade,
    /// The newest of them.
    pub newest: Mark,
    /// The oldest of them.
    pub oldest: Mark,
}

/// The samples of one program, instance and device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Who prints it.
    pub program: Program,
    /// The message tag without its level; empty where there is none.
    pub instance: String,
    /// The clock, where the line names one.
    pub device: Option<String>,
    /// The newest sample.
    pub newest: Sample,
    /// All samples, newest first, in rows of one grade.
    pub runs: Vec<Run>,
    /// The magnitudes within [`Policy::offset_window_ns`] of the newest sample.
    pub window: Vec<u64>,
    joint: Joint,
}

/// Whether the next sample may join the last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    Open,
    /// A port changed its state in between.
    Closed,
}

/// Flapping beyond this is cut off: what lies behind can no longer hold anything.
const RUNS_MAX: usize = 64;
/// Bounds the memory of a window, at far more samples than linuxptp prints in an hour.
const WINDOW_MAX: usize = 1 << 16;

impl Stream {
    /// A stream of which the newest sample is known.
    #[must_use]
    pub fn new(
        program: Program,
        instance: &str,
        device: Option<String>,
        newest: Sample,
        rules: &Rules,
    ) -> Self {
        let mut stream = Self {
            program,
            instance: instance.to_owned(),
            device,
            newest,
            runs: Vec::new(),
            window: Vec::new(),
            joint: Joint::Open,
        };
        stream.push(newest, rules);
        stream
    }

    /// Adds the next older sample.
    pub fn push(&mut self, sample: Sample, rules: &Rules) {
        let grade = rules.grade(self.program, &sample);
        let joint = std::mem::replace(&mut self.joint, Joint::Open);
        let last = self.runs.last_mut();
        if let Some(run) = last.filter(|run| run.grade == grade && joint == Joint::Open) {
            run.oldest = sample.mark;
        } else if self.runs.len() < RUNS_MAX {
            self.runs.push(Run {
                grade,
                newest: sample.mark,
                oldest: sample.mark,
            });
        }
        let span = rules.policy.offset_window_ns;
        let behind_ns = sample.mark.age_ns.saturating_sub(self.newest.mark.age_ns);
        if span > 0 && behind_ns <= span && self.window.len() < WINDOW_MAX {
            self.window.push(sample.offset_ns.unsigned_abs());
        }
    }

    /// Notes that a port of the same instance changed its state here.
    pub fn split(&mut self) {
        self.joint = Joint::Closed;
    }

    /// The magnitude that is judged: the newest, or the median of the window. Of two middle
    /// values the larger, since doubt counts against the clock.
    #[must_use]
    pub fn judged_ns(&self) -> u64 {
        let mut window = self.window.clone();
        window.sort_unstable();
        window
            .get(window.len() / 2)
            .copied()
            .unwrap_or(self.newest.offset_ns.unsigned_abs())
    }

    /// The leg that this stream is evidence for. None for other clocks than the system clock
    /// under phc2sys, and for T-BC-STATUS, which is shown but decides nothing.
    #[must_use]
    pub fn leg(&self) -> Option<Leg> {
        leg_of(self.program, self.device.as_deref())
    }
}

/// The leg for which a program's lines on a device are evidence.
#[must_use]
pub fn leg_of(program: Program, device: Option<&str>) -> Option<Leg> {
    match program {
        Program::Ptp4l | Program::Ts2phc | Program::GrandmasterStatus => Some(Leg::Reference),
        Program::Phc2sys => (device == Some(SYSTEM_CLOCK)).then_some(Leg::SystemClock),
        Program::BoundaryStatus => None,
    }
}

/// A change of a port's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where and when.
    pub mark: Mark,
    /// What it was; None for a remembered state.
    pub from: Option<PortState>,
    /// What it is from then on.
    pub to: PortState,
}

/// One port of a ptp4l instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its number, from 1.
    pub number: u16,
    /// Its changes, newest first; never empty.
    pub changes: Vec<Change>,
}

/// What an instance printed last, by an earlier run's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Printed {
    /// Offsets; a port state before them says nothing any more.
    Offsets,
    /// Port states only: its offsets are filtered from the log (logReduce).
    States,
}

/// The ports of one ptp4l instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The message tag without its level.
    pub instance: String,
    /// The ports of which something is known.
    pub ports: Vec<Port>,
    /// What an earlier run knew of this instance.
    pub remembered: Option<Printed>,
}

/// What a port is for, as far as its changes show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It has followed a grandmaster, or tried to.
    Client,
    /// It gives time.
    Server,
    /// It has done neither yet.
    Waiting,
}

impl Port {
    /// By what it has done since ptp4l started, which alone leaves INITIALIZING.
    fn role(&self) -> Role {
        let start = (self.changes.iter())
            .position(|change| change.from == Some(PortState::Initializing))
            .map_or(self.changes.len(), |index| index + 1);
        let states = || {
            (self.changes.iter().take(start))
                .flat_map(|change| [Some(change.to), change.from])
                .flatten()
        };
        if states().any(|state| matches!(state, PortState::Slave | PortState::Uncalibrated)) {
            Role::Client
        } else if states().any(PortState::serves) {
            Role::Server
        } else {
            Role::Waiting
        }
    }

    /// The state in force at a place.
    fn state_at(&self, place: u64) -> Option<PortState> {
        match self
            .changes
            .iter()
            .find(|change| change.mark.place >= place)
        {
            Some(change) => Some(change.to),
            None => self.changes.last().and_then(|change| change.from),
        }
    }
}

/// Whether a port of an instance follows a grandmaster.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Following {
    Yes,
    No,
    /// No state line is known.
    Unknown,
}

impl Ports {
    /// The newest change of a port that may follow. Ports that only give time say nothing
    /// about the clock that this instance steers; an instance of such ports gives None.
    #[must_use]
    pub fn newest(&self) -> Option<(&Port, &Change)> {
        self.ports
            .iter()
            .filter(|port| port.role() != Role::Server)
            .filter_map(|port| port.changes.first().map(|change| (port, change)))
            .min_by_key(|(_, change)| change.mark.place)
    }

    /// The newest change in words: `port 1: UNCALIBRATED to SLAVE`.
    #[must_use]
    pub fn describe(&self) -> Option<String> {
        let (port, change) = self.newest()?;
        Some(match change.from {
            Some(from) => format!("port {}: {from} to {}", port.number, change.to),
            None => format!("port {}: {}, as remembered", port.number, change.to),
        })
    }

    fn following_at(&self, place: u64) -> Following {
        let mut following = Following::Unknown;
        for state in self.ports.iter().filter_map(|port| port.state_at(place)) {
            if state == PortState::Slave {
                return Following::Yes;
            }
            following = Following::No;
        }
        following
    }

    /// How long the longest following port has followed.
    fn following_for(&self) -> Option<i64> {
        self.ports
            .iter()
            .filter_map(|port| port.changes.first())
            .filter(|change| change.to == PortState::Slave)
            .map(|change| change.mark.age_ns)
            .max()
    }

    /// How long ago a port last ceased to follow.
    fn left_slave(&self) -> Option<i64> {
        self.ports
            .iter()
            .flat_map(|port| &port.changes)
            .filter(|change| change.from == Some(PortState::Slave))
            .min_by_key(|change| change.mark.place)
            .map(|change| change.mark.age_ns)
    }

    /// Whether a port has ever followed, or tried to: enough to require the leg from now on.
    #[must_use]
    pub fn has_client(&self) -> bool {
        self.ports.iter().any(|port| port.role() == Role::Client)
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
    /// Per leg, why its newest line without a place in time was left out.
    pub excluded: Vec<(Leg, Reason)>,
    /// Whether all has been read.
    pub reading: Reading,
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

/// How a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Good,
    Holding,
    Bad(Reason),
}

impl Standing {
    /// The better the smaller; among the bad, what a person should look at first.
    fn rank(self) -> (u8, Reason) {
        match self {
            Self::Good => (0, Reason::WithinLimit),
            Self::Holding => (1, Reason::Holding),
            Self::Bad(reason) => (2, reason),
        }
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
            let judge = Judge::new(evidence, rules, stream);
            let standing = match stream.program {
                Program::Ptp4l => judge.ptp4l(),
                Program::Ts2phc | Program::GrandmasterStatus if judge.is_behind_ptp4l() => {
                    return None;
                }
                Program::GrandmasterStatus if judge.is_backed_by_offsets() => return None,
                _ => judge.samples(),
            };
            Some((standing, Witness::Stream(index), stream.newest.mark.age_ns))
        });
    let ports = (evidence.ports.iter().enumerate())
        .filter(move |_| leg == Leg::Reference)
        .filter(|(_, ports)| {
            !(evidence.streams.iter())
                .any(|stream| stream.program == Program::Ptp4l && stream.instance == ports.instance)
        })
        .filter_map(|(index, ports)| {
            let (_, newest) = ports.newest()?;
            let standing = states_alone(ports, newest, rules);
            Some((standing, Witness::Ports(index), newest.mark.age_ns))
        });
    streams.chain(ports)
}

/// An instance of which the log shows port states only (R6).
fn states_alone(ports: &Ports, newest: &Change, rules: &Rules) -> Standing {
    if newest.mark.place == REMEMBERED && ports.remembered == Some(Printed::Offsets) {
        return Standing::Bad(Reason::Stale);
    }
    match ports.following_for() {
        Some(age_ns) => settled(age_ns, rules),
        None => held(ports.left_slave(), Reason::ReferenceLost, rules),
    }
}

/// R10: without a marker, good is not enough; it must have lasted.
fn settled(good_for_ns: i64, rules: &Rules) -> Standing {
    match rules.previous {
        Verdict::OutOfSync if good_for_ns < rules.policy.settle_ns => {
            Standing::Bad(Reason::Settling)
        }
        _ => Standing::Good,
    }
}

/// R5: after a loss, the last good sample serves for a while, if the marker is there.
fn held(last_good_ns: Option<i64>, reason: Reason, rules: &Rules) -> Standing {
    match (rules.previous, last_good_ns) {
        (Verdict::InSync, Some(age_ns)) if age_ns <= rules.policy.holdover_ns => Standing::Holding,
        _ => Standing::Bad(reason),
    }
}

/// The number of the profile in a tag: `1` of `ts2phc.1.config`.
fn profile_of(instance: &str) -> Option<&str> {
    instance.split('.').nth(1)
}

/// One stream, with what else is known of its instance.
struct Judge<'a> {
    stream: &'a Stream,
    rules: &'a Rules,
    reading: Reading,
    /// The ports, if the stream is ptp4l's.
    ports: Option<&'a Ports>,
    /// The daemon's word on the grandmaster, if the stream is ts2phc's, and while it is fresh.
    status: Option<&'a Stream>,
    evidence: &'a Evidence,
}

impl<'a> Judge<'a> {
    fn new(evidence: &'a Evidence, rules: &'a Rules, stream: &'a Stream) -> Self {
        let ports = (evidence.ports.iter())
            .find(|ports| stream.program == Program::Ptp4l && ports.instance == stream.instance);
        let status = (evidence.streams.iter()).find(|each| {
            stream.program == Program::Ts2phc
                && each.program == Program::GrandmasterStatus
                && each.instance == stream.instance
                && each.newest.mark.age_ns <= rules.policy.sync_age_ns
        });
        Self {
            stream,
            rules,
            reading: evidence.reading,
            ports,
            status,
            evidence,
        }
    }

    /// Is this ts2phc of a telco boundary clock? There it hands the time of the card that ptp4l
    /// steers to the other cards, and goes on doing so when ptp4l has lost its grandmaster. The
    /// number in the tag joins the programs of one profile (linuxptp-daemon `daemon.go`).
    fn is_behind_ptp4l(&self) -> bool {
        let profile = profile_of(&self.stream.instance);
        let same = |instance: &str| profile.is_some() && profile_of(instance) == profile;
        let ports = (self.evidence.ports.iter()).find(|ports| same(&ports.instance));
        let prints_offsets = (self.evidence.streams.iter())
            .any(|stream| stream.program == Program::Ptp4l && same(&stream.instance));
        match ports {
            Some(ports) if !ports.ports.is_empty() => ports.newest().is_some(),
            Some(ports) => prints_offsets || ports.remembered.is_some(),
            None => prints_offsets,
        }
    }

    /// While the reading goes on: can older lines spoil a good standing? Port states and the
    /// newest samples come first, but the daemon's word on a grandmaster may lie behind ts2phc's
    /// newest line, and a median needs its whole window.
    fn may_change(&self) -> bool {
        let stream = self.stream;
        let window_open = (stream.runs.last()).is_some_and(|run| {
            run.oldest.age_ns.saturating_sub(stream.newest.mark.age_ns)
                <= self.rules.policy.offset_window_ns
        });
        self.reading == Reading::Partial
            && (stream.program == Program::Ts2phc && self.status.is_none()
                || self.rules.policy.offset_window_ns > 0 && window_open)
    }

    /// Does ts2phc print fresh offsets for this status? Then they are judged, not the status.
    fn is_backed_by_offsets(&self) -> bool {
        self.evidence.streams.iter().any(|each| {
            each.program == Program::Ts2phc
                && each.instance == self.stream.instance
                && each.newest.mark.age_ns <= self.rules.policy.sync_age_ns
        })
    }

    /// ptp4l: what is newer decides, its newest offset or its newest port state (R6).
    fn ptp4l(&self) -> Standing {
        let is_newer = |ports: &&Ports| {
            let newest = ports.newest();
            newest.is_some_and(|(_, change)| change.mark.place < self.stream.newest.mark.place)
        };
        let Some(ports) = self.ports.filter(is_newer) else {
            return self.samples();
        };
        if self.is_fresh() && self.stream.judged_ns() > self.rules.limit_ns() {
            return Standing::Bad(Reason::OffsetOverLimit);
        }
        match ports.following_for() {
            Some(_) if self.rules.policy.settle_ns == 0 => Standing::Good,
            Some(age_ns) => settled(age_ns.max(self.good_for().unwrap_or(0)), self.rules),
            None => held(self.last_good(), Reason::ReferenceLost, self.rules),
        }
    }

    fn is_fresh(&self) -> bool {
        self.stream.newest.mark.age_ns <= self.rules.policy.sync_age_ns
    }

    /// By the samples alone (R1, R3, R4, R5).
    fn samples(&self) -> Standing {
        if !self.is_fresh() {
            return Standing::Bad(Reason::Stale);
        }
        if self.stream.judged_ns() > self.rules.limit_ns() {
            return Standing::Bad(Reason::OffsetOverLimit);
        }
        if let Some(loss) = self.loss() {
            return held(self.last_good(), loss, self.rules);
        }
        if self.may_change() {
            return Standing::Bad(Reason::NoEvidence);
        }
        settled(self.good_for().unwrap_or(0), self.rules)
    }

    /// What the newest evidence shows to be lost, leaving the offset aside.
    fn loss(&self) -> Option<Reason> {
        if self
            .status
            .is_some_and(|status| status_lost(status).is_some())
        {
            return Some(Reason::ReferenceLost);
        }
        let newest = &self.stream.newest;
        match (newest.source, newest.servo) {
            (Source::Holdover, _) => Some(Reason::ReferenceLost),
            (Source::Live, Servo::Unlocked | Servo::Jump | Servo::Unknown) => {
                Some(Reason::ServoUnlocked)
            }
            (Source::Live, Servo::Unstated) if self.stream.program == Program::Ptp4l => {
                match (self.following_at(newest.mark.place), self.reading) {
                    (Following::Yes, _) | (Following::Unknown, Reading::Complete) => None,
                    // While the reading goes on, a port may still turn out to follow.
                    (Following::No | Following::Unknown, _) => Some(Reason::ReferenceLost),
                }
            }
            (Source::Live, Servo::Unstated | Servo::Locked | Servo::LockedStable) => None,
        }
    }

    fn following_at(&self, place: u64) -> Following {
        self.ports
            .map_or(Following::Unknown, |ports| ports.following_at(place))
    }

    /// Is a run good, now that the port states are known?
    fn is_good(&self, run: &Run) -> bool {
        match run.grade {
            Grade::Good => true,
            Grade::Unstated => self.following_at(run.newest.place) != Following::No,
            Grade::OverLimit | Grade::Unlocked | Grade::Holdover => false,
        }
    }

    /// The age of the last good sample. One that ts2phc printed while the daemon already said
    /// that the grandmaster is lost was none.
    fn last_good(&self) -> Option<i64> {
        let lost = self.status.and_then(status_lost);
        self.stream
            .runs
            .iter()
            .filter(|run| self.is_good(run))
            .find_map(|run| match lost {
                None => Some(run.newest.age_ns),
                Some(since) if run.oldest.place > since.place => {
                    Some(run.newest.age_ns.max(since.age_ns))
                }
                Some(_) => None,
            })
    }

    /// How far back the samples are good without a break (R10).
    fn good_for(&self) -> Option<i64> {
        let unbroken = |stream: &Stream| {
            (stream.runs.iter())
                .take_while(|run| self.is_good(run))
                .last()
                .map(|run| run.oldest.age_ns)
        };
        let own = unbroken(self.stream)?;
        match self.status {
            Some(status) => Some(own.min(unbroken(status)?)),
            None => Some(own),
        }
    }
}

/// Since when the daemon says that the grandmaster is lost, if it says so now.
fn status_lost(status: &Stream) -> Option<Mark> {
    let lost = |run: &&Run| run.grade != Grade::Good;
    status
        .runs
        .iter()
        .take_while(lost)
        .last()
        .map(|run| run.oldest)
}
