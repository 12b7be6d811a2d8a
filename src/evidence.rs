//! Messages, newest first, gathered into what the decision needs.
//!
//! Here lines get their age (R1) and their stream, and lines that cannot matter any more are
//! passed over before a pattern is tried: most of a log is such lines.

use crate::age::{Ages, Horizon};
use crate::clock::Clocks;
use crate::cri::Message;
use crate::decide::{Evidence, Reading, Reason, decide};
use crate::envelope::Envelope;
use crate::gathered::{Coverage, Gathered, Sighting};
use crate::judge::Judge;
use crate::line::{self, Statement};
use crate::memory::Memory;
use crate::policy::Rules;
use crate::ports::{Change, Port, Ports};
use crate::ptp::{Leg, Program, SYSTEM_CLOCK};
use crate::stream::{Mark, Sample, Stream, leg_of};

/// Room for what a log can name; a node has a handful. What comes later is left out, which
/// can only make the verdict stricter.
const NAMES_MAX: usize = 64;
/// A port that flaps more often than this tells no more.
const CHANGES_MAX: usize = 64;
/// Lines between two looks at the time: it costs more than all the rest.
const TIME_EVERY: u64 = 64;

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
    evidence: Evidence,
    /// The text of the newest line per stream and per ports, for the report.
    stream_lines: Vec<Sighting>,
    port_lines: Vec<Sighting>,
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
            evidence: Evidence {
                streams: Vec::new(),
                ports: Vec::new(),
                seen_before: memory.legs.clone(),
                excluded: Vec::new(),
                reading: Reading::Partial,
            },
            stream_lines: Vec::new(),
            port_lines: Vec::new(),
            good: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Takes the next older message.
    pub fn add(&mut self, message: &Message) -> Next {
        self.place += 1;
        let envelope = Envelope::cut(&message.text);
        if self.place.is_multiple_of(TIME_EVERY) && self.is_known(message, envelope.as_ref()) {
            return Next::Known;
        }
        let Some(envelope) = envelope.filter(|envelope| self.wants(envelope)) else {
            return Next::Older;
        };
        let Some(statement) = line::read(&envelope) else {
            return Next::Older;
        };
        let ages = Ages::new(self.clocks, message, &envelope);
        match ages.judge(self.clocks) {
            Ok(age_ns) => {
                let place = self.place;
                let mark = Mark { place, age_ns };
                let sighting = || Sighting {
                    line: message.display(),
                    wall_age_ns: ages.wall_ns,
                    monotonic_age_ns: ages.monotonic_ns,
                };
                let instance = String::from_utf8_lossy(envelope.instance).into_owned();
                self.record(envelope.program, &instance, statement, mark, &sighting);
            }
            Err(reason) => self.exclude(&envelope, &statement, reason),
        }
        if self.is_final() {
            Next::Decided
        } else {
            Next::Older
        }
    }

    /// Judges what has been gathered. True if nothing older can change the outcome.
    fn is_final(&mut self) -> bool {
        let decision = decide(&self.evidence, &self.rules);
        self.good.clear();
        self.good.extend(
            [Leg::Reference, Leg::SystemClock]
                .into_iter()
                .filter(|leg| decision.is_good(*leg)),
        );
        let is_open = |stream| Judge::new(&self.evidence, &self.rules, stream).is_open();
        let streams = self.evidence.streams.iter().enumerate();
        self.open.clear();
        self.open.extend(
            streams
                .filter(|(_, stream)| is_open(stream))
                .map(|(index, _)| index),
        );
        decision.is_final()
    }

    /// Takes a message that nothing comes before.
    pub fn add_oldest(&mut self, message: &Message) -> Next {
        self.is_known(message, Envelope::cut(&message.text).as_ref());
        self.add(message)
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
        self.recall();
        self.evidence.reading = Reading::Complete;
        self.finish()
    }

    /// What has been gathered up to here.
    #[must_use]
    pub fn finish(self) -> Gathered {
        Gathered {
            evidence: self.evidence,
            stream_lines: self.stream_lines,
            port_lines: self.port_lines,
        }
    }

    /// Puts the remembered port states here: all that is newer has been read. Behind a gap they
    /// are doubtful; that offsets were printed is not.
    fn recall(&mut self) {
        if std::mem::replace(&mut self.recalled, Met::Yes) == Met::Yes {
            return;
        }
        let mark = Mark {
            place: self.place,
            age_ns: self.memory.age_ns(self.clocks),
        };
        for remembered in self.memory.as_of(self.coverage()) {
            let Some(index) = self.ports_index(&remembered.instance) else {
                continue;
            };
            if let Some(ports) = self.evidence.ports.get_mut(index) {
                ports.remembered = Some(remembered.printed);
            }
            for (number, state) in &remembered.ports {
                let change = Change {
                    mark,
                    from: None,
                    to: *state,
                };
                self.record_change(index, *number, change, &Sighting::default);
            }
        }
    }

    /// Can a line still matter? Asked before its body is parsed.
    fn wants(&self, envelope: &Envelope<'_>) -> bool {
        let body = envelope.body;
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
            Program::BoundaryStatus => !self.evidence.streams.iter().any(|stream| {
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
            || (self.evidence.ports.iter())
                .filter(|ports| ports.instance.as_bytes() == envelope.instance)
                .flat_map(|ports| &ports.ports)
                .any(|port| port.number == number && port.changes.len() >= CHANGES_MAX)
    }

    /// Can an older sample of a clock still matter?
    fn wants_sample(&self, envelope: &Envelope<'_>, leg: Leg, device: Option<&[u8]>) -> bool {
        if self.good.contains(&leg) {
            return false;
        }
        let stream = self.evidence.streams.iter().position(|stream| {
            stream.program == envelope.program
                && stream.instance.as_bytes() == envelope.instance
                && stream.device.as_deref().map(str::as_bytes) == device
        });
        match stream {
            None => self.evidence.streams.len() < NAMES_MAX,
            Some(index) => self.open.contains(&index),
        }
    }

    /// Is nothing more to be learned from this line on? Looks at its time only.
    fn is_known(&mut self, message: &Message, envelope: Option<&Envelope<'_>>) -> bool {
        let Some(horizon) = self.horizon else {
            return false;
        };
        if horizon.known.is_after(message, envelope) {
            self.known = Met::Yes;
        }
        if self.recalled == Met::NotYet && horizon.remembered.is_after(message, envelope) {
            self.recall();
            if self.is_final() {
                return true;
            }
        }
        horizon.matters.is_after(message, envelope)
    }

    fn record(
        &mut self,
        program: Program,
        instance: &str,
        statement: Statement,
        mark: Mark,
        sighting: &dyn Fn() -> Sighting,
    ) {
        let (device, offset_ns, servo, source) = match statement {
            Statement::Port { number, from, to } => {
                let from = Some(from);
                if let Some(index) = self.ports_index(instance) {
                    self.record_change(index, number, Change { mark, from, to }, sighting);
                }
                for stream in &mut self.evidence.streams {
                    if stream.program == Program::Ptp4l && stream.instance == instance {
                        stream.split();
                    }
                }
                return;
            }
            Statement::Offset {
                device,
                offset_ns,
                servo,
                source,
            } => (device, offset_ns, servo, source),
            Statement::Status {
                device,
                servo,
                source,
            } => (Some(device), 0, servo, source),
        };
        let sample = Sample {
            mark,
            offset_ns,
            servo,
            source,
        };
        let streams = &mut self.evidence.streams;
        let known = streams.iter().position(|stream| {
            stream.program == program && stream.instance == instance && stream.device == device
        });
        if let Some(stream) = known.and_then(|index| streams.get_mut(index)) {
            stream.push(sample, &self.rules);
        } else if streams.len() < NAMES_MAX {
            streams.push(Stream::new(program, instance, device, sample, &self.rules));
            self.stream_lines.push(sighting());
        }
    }

    /// Where the ports of an instance are kept; None where there is no more room.
    fn ports_index(&mut self, instance: &str) -> Option<usize> {
        let known = (self.evidence.ports.iter()).position(|ports| ports.instance == instance);
        known.or_else(|| {
            (self.evidence.ports.len() < NAMES_MAX).then(|| {
                self.evidence.ports.push(Ports {
                    instance: instance.to_owned(),
                    ports: Vec::new(),
                    remembered: None,
                });
                self.port_lines.push(Sighting::default());
                self.evidence.ports.len() - 1
            })
        })
    }

    fn record_change(
        &mut self,
        index: usize,
        number: u16,
        change: Change,
        sighting: &dyn Fn() -> Sighting,
    ) {
        let Some(ports) = self.evidence.ports.get_mut(index) else {
            return;
        };
        let known = ports.ports.iter().position(|port| port.number == number);
        if let Some(port) = known.and_then(|index| ports.ports.get_mut(index)) {
            if port.changes.len() < CHANGES_MAX {
                port.changes.push(change);
            }
        } else if ports.ports.len() < NAMES_MAX {
            ports.ports.push(Port {
                number,
                changes: vec![change],
            });
        }
        let is_newest = (ports.newest()).is_some_and(|(_, newest)| newest.mark == change.mark);
        if let Some(line) = self.port_lines.get_mut(index).filter(|_| is_newest) {
            *line = sighting();
        }
    }

    /// Notes why a leg's newest line was left out.
    fn exclude(&mut self, envelope: &Envelope<'_>, statement: &Statement, reason: Reason) {
        let device = match statement {
            Statement::Offset { device, .. } => device.as_deref(),
            Statement::Status { device, .. } => Some(device.as_str()),
            Statement::Port { .. } => None,
        };
        let Some(leg) = leg_of(envelope.program, device) else {
            return;
        };
        if !self.evidence.excluded.iter().any(|(each, _)| *each == leg) {
            self.evidence.excluded.push((leg, reason));
        }
    }
}
