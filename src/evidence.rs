//! Messages, newest first, gathered into what the decision needs.
//!
//! Here lines get their age (R1) and their stream, and lines that cannot matter any more are
//! passed over before a pattern is tried: most of a log is such lines.

use crate::clock::{Clocks, SECOND_NS};
use crate::cri::Message;
use crate::decide::{
    Change, Evidence, Grade, Mark, Port, Ports, Printed, REMEMBERED, Reading, Reason, Rules,
    Sample, Stream, Verdict, Witness, decide, leg_of,
};
use crate::line::{Bracket, Envelope, Statement};
use crate::memory::{Instance, Memory};
use crate::ptp::{Leg, Program, SYSTEM_CLOCK};

/// A line this far in the future is a reading error, not evidence (R1).
const FUTURE_MAX_NS: i64 = 2 * SECOND_NS;
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
    /// Everything from here on is too old to matter.
    TooOld,
}

/// How much of the log is known after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All that is new since the last complete reading, or all there is.
    Complete,
    /// The newest lines were enough.
    EndOnly,
    /// More was written than is ever read at once, or it is gone: what is remembered may be out
    /// of date.
    Gap,
}

/// Gathers evidence, line by line.
pub struct Gatherer {
    clocks: Clocks,
    rules: Rules,
    /// None as long as nothing is remembered.
    horizon: Option<Horizon>,
    /// Set once a line was met that an earlier run knew.
    meets_known: Met,
    place: u64,
    evidence: Evidence,
    /// The text of the newest line per stream and per ports, for the report.
    stream_lines: Vec<Sighting>,
    port_lines: Vec<Sighting>,
    /// The legs that are good already.
    good: Vec<Leg>,
}

/// The newest line of a stream, as a person would look for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// The line.
    pub line: String,
    /// Its age by the log's time.
    pub wall_age_ns: Option<i64>,
    /// Its age by the bracket.
    pub monotonic_age_ns: Option<i64>,
}

/// How far back a log must be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Everything before was known to an earlier run.
    pub known: Instant,
    /// Nothing before can matter.
    pub matters: Instant,
}

/// A moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// In nanoseconds since 1970.
    pub wall_ns: i64,
    /// In nanoseconds since boot.
    pub monotonic_ns: i64,
}

impl Instant {
    /// Was a message written before? Not known where it has no time.
    fn is_after(self, message: &Message, envelope: Option<&Envelope<'_>>) -> bool {
        match (message.wall_ns(), envelope.map(|envelope| envelope.bracket)) {
            (Some(wall_ns), _) | (None, Some(Bracket::Unix(wall_ns))) => wall_ns < self.wall_ns,
            (None, Some(Bracket::Monotonic(monotonic_ns))) => monotonic_ns < self.monotonic_ns,
            (None, None) => false,
        }
    }
}

/// Whether something was come across.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Yes,
    NotYet,
}

/// How old a line is, by both clocks.
#[derive(Clone, Copy)]
struct Ages {
    wall_ns: Option<i64>,
    monotonic_ns: Option<i64>,
}

impl Gatherer {
    /// Begins at the end of the log.
    #[must_use]
    pub fn new(clocks: Clocks, rules: Rules, horizon: Option<Horizon>) -> Self {
        Self {
            clocks,
            rules,
            horizon,
            meets_known: Met::NotYet,
            place: 0,
            evidence: Evidence {
                streams: Vec::new(),
                ports: Vec::new(),
                seen_before: Vec::new(),
                excluded: Vec::new(),
                reading: Reading::Partial,
            },
            stream_lines: Vec::new(),
            port_lines: Vec::new(),
            good: Vec::new(),
        }
    }

    /// Takes the next older message.
    pub fn add(&mut self, message: &Message) -> Next {
        self.place += 1;
        let envelope = Envelope::cut(&message.text);
        if self.place.is_multiple_of(TIME_EVERY) && self.is_too_old(message, envelope.as_ref()) {
            return Next::TooOld;
        }
        let Some(envelope) = envelope.filter(|envelope| self.wants(envelope)) else {
            return Next::Older;
        };
        let Some(statement) = envelope.read() else {
            return Next::Older;
        };
        let ages = self.ages(message, &envelope);
        match self.place_in_time(ages) {
            Ok(mark) => {
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
        let decision = decide(&self.evidence, &self.rules);
        self.good.clear();
        self.good.extend(
            [Leg::Reference, Leg::SystemClock]
                .into_iter()
                .filter(|leg| decision.is_good(*leg)),
        );
        if decision.is_final() {
            Next::Decided
        } else {
            Next::Older
        }
    }

    /// Takes a message that nothing comes before.
    pub fn add_oldest(&mut self, message: &Message) -> Next {
        self.is_too_old(message, Envelope::cut(&message.text).as_ref());
        self.add(message)
    }

    /// Is what was read without a gap to what an earlier run has read?
    #[must_use]
    pub fn coverage(&self) -> Coverage {
        match (self.horizon, self.meets_known) {
            (Some(_), Met::NotYet) => Coverage::Gap,
            (None, _) | (_, Met::Yes) => Coverage::Complete,
        }
    }

    /// All that can matter has been read: what earlier runs remember comes behind it.
    #[must_use]
    pub fn complete(mut self, memory: &Memory) -> Gathered {
        let remembered_age_ns = memory.age_ns(self.clocks);
        let still_true = match self.coverage() {
            Coverage::Gap => &[],
            Coverage::Complete | Coverage::EndOnly => memory.instances.as_slice(),
        };
        for remembered in still_true {
            let Some(index) = self.ports_index(&remembered.instance) else {
                continue;
            };
            if let Some(ports) = self.evidence.ports.get_mut(index) {
                ports.remembered = Some(remembered.printed);
            }
            for (number, state) in &remembered.ports {
                let change = Change {
                    mark: Mark {
                        place: REMEMBERED,
                        age_ns: remembered_age_ns,
                    },
                    from: None,
                    to: *state,
                };
                self.record_change(index, *number, change, &Sighting::default);
            }
        }
        self.evidence.reading = Reading::Complete;
        self.finish(memory)
    }

    /// What has been gathered up to here.
    #[must_use]
    pub fn finish(mut self, memory: &Memory) -> Gathered {
        self.evidence.seen_before.clone_from(&memory.legs);
        Gathered {
            evidence: self.evidence,
            stream_lines: self.stream_lines,
            port_lines: self.port_lines,
        }
    }

    /// Can a line still matter? Asked before its body is parsed.
    fn wants(&self, envelope: &Envelope<'_>) -> bool {
        let body = envelope.body;
        match envelope.program {
            // Port states matter even where the leg is good: they are remembered.
            Program::Ptp4l if body.starts_with(b"port ") => !self.knows_port(envelope),
            Program::Phc2sys => {
                (body.starts_with(SYSTEM_CLOCK.as_bytes()) || body.starts_with(b"phc offset sum"))
                    && self.wants_sample(envelope, Some(SYSTEM_CLOCK.as_bytes()))
            }
            Program::Ptp4l => self.wants_sample(envelope, None),
            Program::Ts2phc | Program::GrandmasterStatus | Program::BoundaryStatus => {
                self.wants_sample(envelope, body.split(|byte| *byte == b' ').next())
            }
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

    fn wants_sample(&self, envelope: &Envelope<'_>, device: Option<&[u8]>) -> bool {
        let stream = self.evidence.streams.iter().find(|stream| {
            stream.program == envelope.program
                && stream.instance.as_bytes() == envelope.instance
                && stream.device.as_deref().map(str::as_bytes) == device
        });
        let leg = leg_of(
            envelope.program,
            device.and_then(|name| str::from_utf8(name).ok()),
        );
        match (stream, leg) {
            (_, Some(leg)) if self.good.contains(&leg) => false,
            (None, _) => self.evidence.streams.len() < NAMES_MAX,
            (Some(_), None) => false,
            (Some(stream), Some(_)) => self.is_open(stream),
        }
    }

    /// Can an older sample of a stream change how it stands?
    fn is_open(&self, stream: &Stream) -> bool {
        let policy = &self.rules.policy;
        let Some(last) = stream.runs.last() else {
            return true;
        };
        let behind_ns = last.oldest.age_ns.saturating_sub(stream.newest.mark.age_ns);
        if policy.offset_window_ns > 0 && behind_ns <= policy.offset_window_ns {
            return true;
        }
        match self.rules.previous {
            // Until the last good one, which is what holds (R5).
            Verdict::InSync => {
                let sought = !stream.runs.iter().any(|run| run.grade == Grade::Good);
                sought && last.oldest.age_ns <= policy.holdover_ns
            }
            // Until the samples are good for long enough, or no longer (R10).
            Verdict::OutOfSync => {
                let unbroken = (stream.runs.iter())
                    .all(|run| matches!(run.grade, Grade::Good | Grade::Unstated));
                unbroken && last.oldest.age_ns < policy.settle_ns
            }
        }
    }

    fn ages(&self, message: &Message, envelope: &Envelope<'_>) -> Ages {
        let age = |now: i64, then: i64| now.saturating_sub(then);
        let (bracket_wall, bracket_monotonic) = match envelope.bracket {
            Bracket::Unix(wall_ns) => (Some(wall_ns), None),
            Bracket::Monotonic(monotonic_ns) => (None, Some(monotonic_ns)),
        };
        Ages {
            wall_ns: (message.wall_ns().or(bracket_wall))
                .map(|then| age(self.clocks.wall_ns, then)),
            monotonic_ns: (self.clocks.monotonic_ns)
                .zip(bracket_monotonic)
                .map(|(now, then)| age(now, then)),
        }
    }

    /// R1: the age of a line, or why it has none.
    fn place_in_time(&self, ages: Ages) -> Result<Mark, Reason> {
        let oldest = ages.wall_ns.max(ages.monotonic_ns);
        let newest = [ages.wall_ns, ages.monotonic_ns]
            .into_iter()
            .flatten()
            .min();
        let (Some(age_ns), Some(newest)) = (oldest, newest) else {
            return Err(Reason::NoEvidence);
        };
        if newest < -FUTURE_MAX_NS {
            return Err(Reason::FromTheFuture);
        }
        match (ages.wall_ns, self.clocks.monotonic_ns) {
            (Some(age_ns), Some(uptime_ns)) if age_ns > uptime_ns => Err(Reason::FromAnotherBoot),
            _ => Ok(Mark {
                place: self.place,
                age_ns: age_ns.max(0),
            }),
        }
    }

    fn is_too_old(&mut self, message: &Message, envelope: Option<&Envelope<'_>>) -> bool {
        let Some(horizon) = self.horizon else {
            return false;
        };
        if horizon.known.is_after(message, envelope) {
            self.meets_known = Met::Yes;
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

/// The evidence, and the lines that a report shows with it.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// For the decision.
    pub evidence: Evidence,
    stream_lines: Vec<Sighting>,
    port_lines: Vec<Sighting>,
}

impl Gathered {
    /// The newest line of what a leg was judged by.
    #[must_use]
    pub fn sighting(&self, witness: Witness) -> Sighting {
        let line = match witness {
            Witness::Stream(index) => self.stream_lines.get(index),
            Witness::Ports(index) => self.port_lines.get(index),
        };
        line.cloned().unwrap_or_default()
    }

    /// The legs of which something was seen that requires them from now on (R8).
    pub fn legs(&self) -> impl Iterator<Item = Leg> {
        let streams = self.evidence.streams.iter().filter_map(Stream::leg);
        let ports = (self.evidence.ports.iter())
            .filter(|ports| ports.has_client())
            .map(|_| Leg::Reference);
        streams.chain(ports)
    }

    /// What to remember of every ptp4l.
    pub fn instances(&self) -> impl Iterator<Item = Instance> {
        let evidence = &self.evidence;
        let without_ports = (evidence.streams.iter())
            .filter(|stream| stream.program == Program::Ptp4l)
            .map(|stream| stream.instance.as_str())
            .filter(|name| !evidence.ports.iter().any(|ports| ports.instance == *name))
            .map(|name| Instance {
                instance: name.to_owned(),
                printed: Printed::Offsets,
                ports: Vec::new(),
            });
        let with_ports = evidence.ports.iter().map(|ports| Instance {
            instance: ports.instance.clone(),
            printed: self.printed(ports),
            ports: (ports.ports.iter())
                .filter_map(|port| Some((port.number, port.changes.first()?.to)))
                .collect(),
        });
        without_ports.chain(with_ports)
    }

    /// What an instance printed last.
    fn printed(&self, ports: &Ports) -> Printed {
        let offset = (self.evidence.streams.iter())
            .find(|stream| stream.program == Program::Ptp4l && stream.instance == ports.instance)
            .map(|stream| stream.newest.mark.place);
        let state = ports.newest().map(|(_, change)| change.mark.place);
        match (offset, state) {
            (Some(offset), Some(state)) if offset < state => Printed::Offsets,
            (Some(_), None) => Printed::Offsets,
            (None, Some(REMEMBERED) | None) => ports.remembered.unwrap_or(Printed::States),
            (_, Some(_)) => Printed::States,
        }
    }
}
