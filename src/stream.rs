//! The samples of one program, instance and device, newest first.
//!
//! Kept as runs of one grade, so that the room they take does not depend on how long a log is.

use crate::policy::Rules;
use crate::ptp::{Leg, Program, SYSTEM_CLOCK, Servo, Source};

/// A position in the log and the age of what stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Counted from the end of the log: 0 is the newest line.
    pub place: u64,
    /// By the rule of R1, never negative.
    pub age_ns: i64,
}

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
    /// The magnitudes within [`crate::policy::Policy::offset_window_ns`] of the newest sample.
    pub window: Vec<u64>,
    joint: Joint,
}

/// How the next sample joins the last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    /// It may.
    Open,
    /// It makes one of its own: a port changed its state in between.
    Closed,
    /// No more: the last was too old to matter, and what is older can only seem younger, by a wall
    /// clock that was set.
    Ended,
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

    /// Adds the next older sample, if it can still matter.
    pub fn push(&mut self, sample: Sample, rules: &Rules) {
        if self.joint == Joint::Ended {
            return;
        }
        let is_newest = self.runs.is_empty();
        let is_over = sample.mark.age_ns > rules.reach_ns();
        let next = if is_over { Joint::Ended } else { Joint::Open };
        let joint = std::mem::replace(&mut self.joint, next);
        if is_over && !is_newest {
            return;
        }
        let grade = rules.grade(self.program, &sample);
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
        if self.joint == Joint::Open {
            self.joint = Joint::Closed;
        }
    }

    /// Notes that the source has been lost for so long, whatever the samples say. One in a row
    /// that is older stays good, hence each makes a run of its own.
    pub fn disown(&mut self, lost_ns: i64) {
        for run in &mut self.runs {
            if run.grade == Grade::Good && run.oldest.age_ns < lost_ns {
                run.grade = Grade::Holdover;
            }
        }
        self.runs.dedup_by(|older, newer| {
            let is_one = older.grade == Grade::Holdover && newer.grade == Grade::Holdover;
            if is_one {
                newer.oldest = older.oldest;
            }
            is_one
        });
        self.split();
    }

    /// For how long all has been good, if it is now.
    #[must_use]
    pub fn good_for(&self) -> Option<i64> {
        let good = |run: &&Run| run.grade == Grade::Good;
        let runs = self.runs.iter().take_while(good);
        runs.last().map(|run| run.oldest.age_ns)
    }

    /// For how long nothing has been good.
    #[must_use]
    pub fn lost_for(&self) -> Option<i64> {
        let lost = |run: &&Run| run.grade != Grade::Good;
        let runs = self.runs.iter().take_while(lost);
        runs.last().map(|run| run.oldest.age_ns)
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
