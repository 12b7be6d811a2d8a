//! Messages, newest first, gathered into what the decision needs.
//!
//! Here lines get their age (R1) and their stream, and lines that cannot matter any more are
//! passed over before a pattern is tried: most of a log is such lines.

use crate::age::{Ages, Horizon};
use crate::clock::Clocks;
use crate::cri::Message;
use crate::decide::{Reading, Reason, decide};
use crate::envelope::Envelope;
use crate::gathered::{CHANGES_MAX, Coverage, Gathered, NAMES_MAX, Sighting};
use crate::judge::Judge;
use crate::line::{self, Statement};
use crate::memory::Memory;
use crate::policy::Rules;
use crate::ports::Recalled;
use crate::ptp::{Leg, Program, SYSTEM_CLOCK};
use crate::stream::Mark;

/// Lines between two looks at the time of those that say nothing: it costs more than all the rest.
const TIME_EVERY: u64 = 64;

/// A longer message tag is nobody's: what is remembered has to stay readable.
const TAG_MAX: usize = 255;

/// Whether to go on reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Older lines can matter.
    Older,
    /// Both legs are good: nothing older can change that.
    Decided,
    /// Everything from here on is known to an earlier run, or too old to matter.
    Known,
}

/// Gathers evidence, line by line.
pub struct Gatherer<'a> {
    clocks: Clocks,
    rules: Rules,
    memory: &'a Memory,
    /// None as long as nothing is remembered.
    horizon: Option<Horizon>,
    /// Whether a line was met that an earlier run knew.
    known: Met,
    /// Whether what is remembered has been put behind the lines since.
    recalled: Met,
    place: u64,
    gathered: Gathered,
    /// The legs that are good already.
    good: Vec<Leg>,
    /// The streams of which older samples matter, as indices.
    open: Vec<usize>,
}

/// Whether something was come across.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Yes,
    NotYet,
}

impl<'a> Gatherer<'a> {
    /// Begins at the end of the log, with what is remembered of its beginning.
    #[must_use]
    pub fn new(clocks: Clocks, rules: Rules, memory: &'a Memory) -> Self {
        Self {
            clocks,
            rules,
            memory,
            horizon: memory.horizon(clocks, rules.reach_ns()),
            known: Met::NotYet,
            recalled: Met::NotYet,
            place: 0,
            gathered: Gathered::new(memory.legs.clone(), memory.boundary_clocks.clone()),
            good: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Takes the next older message.
    pub fn add(&mut self, message: &Message) -> Next {
        let is_due = (self.place + 1).is_multiple_of(TIME_EVERY);
        self.take(message, is_due)
    }

    /// Takes a message that nothing comes before.
    pub fn add_oldest(&mut self, message: &Message) -> Next {
        self.take(message, true)
    }

    fn take(&mut self, message: &Message, is_due: bool) -> Next {
        self.place += 1;
        let envelope = Envelope::cut(&message.text);
        let wanted = envelope.filter(|envelope| self.wants(envelope));
        if wanted.is_none() && !is_due {
            return Next::Older;
        }
        let ages = Ages::new(self.clocks, message, envelope.as_ref());
        if self.is_known(ages) {
            return Next::Known;
        }
        let Some(envelope) = wanted else {
            return Next::Older;
        };
        let Some(statement) = line::read(&envelope) else {
            return Next::Older;
        };
        match self.judge(&statement, ages) {
            Ok(age_ns) => {
                let place = self.place;
                let mark = Mark { place, age_ns };
                let sighting = || Sighting {
                    line: message.display(),
                    wall_age_ns: ages.wall_ns,
                    monotonic_age_ns: ages.monotonic_ns,
                };
                let instance = String::from_utf8_lossy(envelope.instance).into_owned();
                self.gathered.record(
                    &self.rules,
                    envelope.program,
                    &instance,
                    statement,
                    mark,
                    &sighting,
                );
            }
            Err(reason) => self.gathered.exclude(&envelope, &statement, reason),
        }
        if self.is_final() {
            Next::Decided
        } else {
            Next::Older
        }
    }

    /// The age of a line, or why it is no evidence (R1). A port's state is not printed again: where
    /// the wall clock was set since the last report, the bracket alone tells the age of one that
    /// had been printed before.
    fn judge(&self, statement: &Statement, ages: Ages) -> Result<i64, Reason> {
        ages.judge(self.clocks).or_else(|reason| {
            let is_port = matches!(statement, Statement::Port { .. });
            let written = self.memory.written.filter(|_| is_port);
            let is_known = written.is_some_and(|written| ages.is_of_boot(written, self.clocks));
            let age_ns = ages.monotonic_ns.filter(|_| is_known);
            age_ns.filter(|age_ns| *age_ns >= 0).ok_or(reason)
        })
    }

    /// Judges what has been gathered. True if nothing older can change the outcome.
    fn is_final(&mut self) -> bool {
        let decision = decide(&self.gathered.evidence, &self.rules);
        self.good.clear();
        self.good.extend(
            [Leg::Reference, Leg::SystemClock]
                .into_iter()
                .filter(|leg| decision.is_good(*leg)),
        );
        let is_open = |stream| Judge::new(&self.gathered.evidence, &self.rules, stream).is_open();
        let streams = self.gathered.evidence.streams.iter().enumerate();
        self.open.clear();
        self.open.extend(
            streams
                .filter(|(_, stream)| is_open(stream))
                .map(|(index, _)| index),
        );
        decision.is_final()
    }

    /// Is what was read without a gap to what an earlier run has read?
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        match (self.horizon, self.known) {
            (Some(_), Met::NotYet) => Coverage::Gap,
            (None, _) | (_, Met::Yes) => Coverage::Complete,
        }
    }

    /// All that can matter has been read.
    #[must_use]
    pub fn complete(mut self) -> Gathered {
        // Behind the last line.
        self.place += 1;
        self.recall();
        self.gathered.evidence.reading = Reading::Complete;
        self.finish()
    }

    /// What has been gathered up to here.
    #[must_use]
    pub fn finish(self) -> Gathered {
        self.gathered
    }

    /// Puts the remembered port states here: all that is newer has been read. Behind a gap they
    /// are doubtful; that offsets were printed is not.
    fn recall(&mut self) {
        if std::mem::replace(&mut self.recalled, Met::Yes) == Met::Yes {
            return;
        }
        let place = self.place;
        for remembered in self.memory.as_of(self.coverage()) {
            let Some(index) = self.gathered.ports_index(&remembered.instance) else {
                continue;
            };
            if let Some(ports) = self.gathered.evidence.ports.get_mut(index) {
                ports.recalled = Some(Recalled {
                    printed: remembered.printed,
                    takes_time: remembered.takes_time,
                    place,
                });
            }
            for port in &remembered.ports {
                let ages = Ages::of(port.since, self.clocks);
                let age_ns = ages.largest_ns().unwrap_or_default().max(0);
                (self.gathered).recall_port(index, Mark { place, age_ns }, port);
            }
        }
    }

    /// Can a line still matter? Asked before its body is parsed.
    fn wants(&self, envelope: &Envelope<'_>) -> bool {
        let body = envelope.body;
        if envelope.instance.len() > TAG_MAX {
            return false;
        }
        match envelope.program {
            // Port states matter even where the leg is good: they are remembered.
            Program::Ptp4l if body.starts_with(b"port ") => !self.knows_port(envelope),
            Program::Ptp4l => self.wants_sample(envelope, Leg::Reference, None),
            Program::Phc2sys => {
                (body.starts_with(SYSTEM_CLOCK.as_bytes()) || body.starts_with(b"phc offset sum"))
                    && self.wants_sample(envelope, Leg::SystemClock, Some(SYSTEM_CLOCK.as_bytes()))
            }
            Program::Ts2phc | Program::GrandmasterStatus => {
                let device = body.split(|byte| *byte == b' ').next();
                self.wants_sample(envelope, Leg::Reference, device)
            }
            // Shown, and decides nothing: the newest is enough.
            Program::BoundaryStatus => !self.gathered.evidence.streams.iter().any(|stream| {
                stream.program == envelope.program
                    && stream.instance.as_bytes() == envelope.instance
            }),
        }
    }

    /// Is there nothing more to learn about the port that a line is about?
    fn knows_port(&self, envelope: &Envelope<'_>) -> bool {
        let number = envelope.body.get(5..).unwrap_or_default();
        let number = number.split(|byte| !byte.is_ascii_digit()).next();
        let digits = number.and_then(|digits| str::from_utf8(digits).ok());
        let Some(number) = digits.and_then(|digits| digits.parse::<u16>().ok()) else {
            return false;
        };
        number == 0
            || (self.gathered.evidence.ports.iter())
                .filter(|ports| ports.instance.as_bytes() == envelope.instance)
                .flat_map(|ports| &ports.ports)
                .any(|port| port.number == number && port.changes.len() >= CHANGES_MAX)
    }

    /// Can an older sample of a clock still matter? That a ptp4l prints offsets at all is
    /// remembered.
    fn wants_sample(&self, envelope: &Envelope<'_>, leg: Leg, device: Option<&[u8]>) -> bool {
        let is_good = self.good.contains(&leg);
        let stream = self.gathered.evidence.streams.iter().position(|stream| {
            stream.program == envelope.program
                && stream.instance.as_bytes() == envelope.instance
                && stream.device.as_deref().map(str::as_bytes) == device
        });
        match stream {
            None => {
                (!is_good || envelope.program == Program::Ptp4l)
                    && self.gathered.evidence.streams.len() < NAMES_MAX
            }
            Some(index) => !is_good && self.open.contains(&index),
        }
    }

    /// Is nothing more to be learned from a line of these ages on?
    fn is_known(&mut self, ages: Ages) -> bool {
        let Some(horizon) = self.horizon else {
            return false;
        };
        if ages.is_beyond(horizon.known) {
            self.known = Met::Yes;
        }
        if self.recalled == Met::NotYet && ages.is_beyond(horizon.remembered) {
            self.recall();
            if self.is_final() {
                return true;
            }
        }
        ages.is_beyond(horizon.matters)
    }
}
