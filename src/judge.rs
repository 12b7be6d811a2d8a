//! How one stream stands, with all that is known of its instance (R1, R3 to R6, R10).

use crate::decide::{Evidence, Reading, Reason};
use crate::policy::{Rules, Verdict};
use crate::ports::{Following, Ports};
use crate::ptp::{Program, Servo, Source};
use crate::standing::{Standing, held, settled};
use crate::stream::{Grade, Run, Stream};

/// The number of the profile in a tag: `1` of `ts2phc.1.config`.
fn profile_of(instance: &str) -> Option<&str> {
    instance.split('.').nth(1)
}

/// One stream, with what else is known of its instance.
pub struct Judge<'a> {
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
    /// Puts a stream before the judge.
    #[must_use]
    pub fn new(evidence: &'a Evidence, rules: &'a Rules, stream: &'a Stream) -> Self {
        let is_ts2phc = stream.program == Program::Ts2phc;
        let status = evidence.status_of(&stream.instance, rules);
        Self {
            stream,
            rules,
            reading: evidence.reading,
            ports: evidence.ports_of(stream),
            status: status.filter(|_| is_ts2phc),
            evidence,
        }
    }

    /// How the stream stands. None where another one speaks for its leg.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        match self.stream.program {
            Program::Ptp4l => Some(self.ptp4l()),
            Program::Phc2sys => Some(self.samples()),
            Program::Ts2phc => (!self.is_behind_ptp4l()).then(|| self.samples()),
            Program::GrandmasterStatus => {
                let outranked = self.is_behind_ptp4l() || self.is_backed_by_offsets();
                (!outranked).then(|| self.samples())
            }
            Program::BoundaryStatus => None,
        }
    }

    /// Can an older sample change how the stream stands?
    #[must_use]
    pub fn is_open(&self) -> bool {
        let (runs, policy) = (&self.stream.runs, &self.rules.policy);
        let reached_ns = runs.last().map_or(0, |run| run.oldest.age_ns);
        // Ports that are yet to come can tell otherwise.
        let may_be_good = |run: &Run| matches!(run.grade, Grade::Good | Grade::Unstated);
        let window_ns = policy.offset_window_ns;
        let in_window = window_ns > 0 && reached_ns - self.stream.newest.mark.age_ns <= window_ns;
        in_window
            || match self.rules.previous {
                // Until the last good one, which is what holds (R5).
                Verdict::InSync => self.last_good().is_none() && reached_ns <= policy.holdover_ns,
                // Until they are good for long enough, or no longer (R10).
                Verdict::OutOfSync => runs.iter().all(may_be_good) && reached_ns < policy.settle_ns,
            }
    }

    /// Is this ts2phc of a telco boundary clock? There it hands the time of the card that ptp4l
    /// steers to the other cards, and goes on doing so when ptp4l has lost its grandmaster. The
    /// daemon says so (T-BC-STATUS), or the ptp4l of the same profile takes time: the number in
    /// the tag joins the programs of a profile (linuxptp-daemon `daemon.go`).
    fn is_behind_ptp4l(&self) -> bool {
        let profile = profile_of(&self.stream.instance);
        let same = |instance: &str| profile.is_some() && profile_of(instance) == profile;
        let streams = || self.evidence.streams.iter();
        let own = &self.stream.instance;
        let is_boundary_clock = self.evidence.boundary_clocks.contains(own)
            || streams()
                .any(|stream| stream.program == Program::BoundaryStatus && stream.instance == *own);
        let ports = (self.evidence.ports.iter()).find(|ports| same(&ports.instance));
        let offsets = streams()
            .filter(|stream| stream.program == Program::Ptp4l && same(&stream.instance))
            .map(|stream| stream.newest.mark.place)
            .min();
        let takes_time = match ports {
            Some(ports) => ports.takes_time(offsets),
            None => offsets.is_some(),
        };
        is_boundary_clock || takes_time
    }

    /// While the reading goes on: can older lines spoil a good standing? The daemon's word on a
    /// grandmaster may lie behind ts2phc's newest line, and ts2phc's behind the daemon's; and a
    /// median needs its whole window; and with SETTLE a port that says nothing yet may turn out to
    /// have been lost.
    fn may_be_spoilt(&self) -> bool {
        let other_half_to_come = match self.stream.program {
            Program::Ts2phc => self.status.is_none(),
            Program::GrandmasterStatus => true,
            Program::Ptp4l | Program::Phc2sys | Program::BoundaryStatus => false,
        };
        let window_to_come = self.rules.policy.offset_window_ns > 0 && self.is_open();
        let loss_to_come = self.rules.policy.settle_ns > 0 && {
            let oldest = self.stream.runs.last().map_or(0, |run| run.oldest.place);
            (self.ports).is_some_and(|ports| ports.may_speak_after(oldest))
        };
        self.reading == Reading::Partial && (other_half_to_come || window_to_come || loss_to_come)
    }

    /// Does ts2phc print fresh offsets for this status? Then they are judged, not the status.
    fn is_backed_by_offsets(&self) -> bool {
        self.evidence.streams.iter().any(|each| {
            each.program == Program::Ts2phc
                && each.instance == self.stream.instance
                && self.rules.is_fresh(&each.newest)
        })
    }

    /// ptp4l: what is newer decides, its newest offset or its newest port state (R6).
    fn ptp4l(&self) -> Standing {
        let newest = Some(self.stream.newest.mark.place);
        let last = self
            .ports
            .and_then(|ports| Some((ports, ports.last_offset(newest)?)));
        let Some((ports, offset)) = last else {
            return self.samples();
        };
        if self.reading == Reading::Partial && ports.may_speak_after(offset) {
            return Standing::Bad(Reason::NoEvidence);
        }
        if ports.newest_after(offset).is_none() {
            return self.samples();
        }
        if self.is_fresh() && self.stream.judged_ns() > self.rules.limit_ns() {
            return Standing::Bad(Reason::OffsetOverLimit);
        }
        if let Some(age_ns) = ports.following_for() {
            // Ended here, the reading would never come to the memory's edge, which then stays
            // behind until its lines are gone, and the states with them.
            return match self.reading {
                Reading::Partial => Standing::Bad(Reason::NoEvidence),
                Reading::Complete => settled(age_ns, self.rules),
            };
        }
        let states_only = ports.states_only(newest, self.reading);
        let left_slave = ports.left_slave().filter(|_| states_only);
        let last_good = left_slave.or_else(|| self.last_good());
        held(last_good, Reason::ReferenceLost, self.rules)
    }

    fn is_fresh(&self) -> bool {
        self.rules.is_fresh(&self.stream.newest)
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
        if self.may_be_spoilt() {
            return Standing::Bad(Reason::NoEvidence);
        }
        settled(self.good_for().unwrap_or(0), self.rules)
    }

    /// What the newest evidence shows to be lost, leaving the offset aside.
    fn loss(&self) -> Option<Reason> {
        if self.status.and_then(Stream::lost_for).is_some() {
            return Some(Reason::ReferenceLost);
        }
        let newest = &self.stream.newest;
        match (newest.source, newest.servo) {
            (Source::Holdover, _) => Some(Reason::ReferenceLost),
            // The daemon's s0 is free running, not a servo at work.
            (_, Servo::Unlocked) if self.stream.program == Program::GrandmasterStatus => {
                Some(Reason::ReferenceLost)
            }
            (Source::Live, Servo::Unlocked | Servo::Jump | Servo::Unknown) => {
                Some(Reason::ServoUnlocked)
            }
            (Source::Live, Servo::Unstated) if self.stream.program == Program::Ptp4l => {
                (!self.may_be_locked(newest.mark.place)).then_some(Reason::ReferenceLost)
            }
            (Source::Live, Servo::Unstated | Servo::Locked | Servo::LockedStable) => None,
        }
    }

    /// Does a line without a servo state count as locked (R3)? As long as no port is known to
    /// follow, that is open until all has been read.
    fn may_be_locked(&self, place: u64) -> bool {
        match (self.following_at(place), self.reading) {
            (Following::Yes, _) | (Following::Unknown, Reading::Complete) => true,
            (Following::No, _) | (Following::Unknown, Reading::Partial) => false,
        }
    }

    fn following_at(&self, place: u64) -> Following {
        self.ports.map_or(Following::Unknown, |ports| {
            ports.following_at(place, self.reading)
        })
    }

    /// Is a run good, now that the port states are known?
    fn is_good(&self, run: &Run) -> bool {
        match run.grade {
            Grade::Good => true,
            Grade::Unstated => self.may_be_locked(run.newest.place),
            Grade::OverLimit | Grade::Unlocked | Grade::Holdover => false,
        }
    }

    /// The age of the last good sample.
    fn last_good(&self) -> Option<i64> {
        let mut runs = self.stream.runs.iter();
        runs.find(|run| self.is_good(run))
            .map(|run| run.newest.age_ns)
    }

    /// How far back the samples are good without a break (R10), be it that no port followed.
    fn good_for(&self) -> Option<i64> {
        let mut newer = self.stream.newest.mark.place;
        let is_unbroken = |run: &&Run| {
            let newer = std::mem::replace(&mut newer, run.oldest.place);
            let was_lost = |ports: &Ports| ports.was_lost(run, newer, self.reading);
            self.is_good(run) && !self.ports.is_some_and(was_lost)
        };
        let runs = self.stream.runs.iter().take_while(is_unbroken);
        let own = runs.last().map(|run| run.oldest.age_ns)?;
        match self.status {
            Some(status) => Some(own.min(status.good_for()?)),
            None => Some(own),
        }
    }
}
