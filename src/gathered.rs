//! What has been gathered from a log: evidence for the decision, and lines for the report.

use crate::decide::{Evidence, Reading, Reason, Witness};
use crate::envelope::Envelope;
use crate::learned::KnownPort;
use crate::line::Statement;
use crate::policy::Rules;
use crate::ports::{Change, Port, Ports, Role};
use crate::ptp::{Leg, Program};
use crate::stream::{Mark, Sample, Stream, leg_of};

/// Room for what a log can name; a node has a handful. What comes later is left out, which
/// can only make the verdict stricter.
pub const NAMES_MAX: usize = 64;
/// A port that flaps more often than this tells no more.
pub const CHANGES_MAX: usize = 64;

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

/// The evidence, and the lines that a report shows with it.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// For the decision.
    pub evidence: Evidence,
    /// The newest line of each stream.
    pub stream_lines: Vec<Sighting>,
    /// The newest line of the ports of each instance.
    pub port_lines: Vec<Sighting>,
}

impl Gathered {
    /// Nothing yet, but the legs and the boundary clocks that an earlier run has seen.
    #[must_use]
    pub fn new(seen_before: Vec<Leg>, boundary_clocks: Vec<String>) -> Self {
        Self {
            evidence: Evidence {
                streams: Vec::new(),
                ports: Vec::new(),
                seen_before,
                boundary_clocks,
                excluded: Vec::new(),
                reading: Reading::Partial,
            },
            stream_lines: Vec::new(),
            port_lines: Vec::new(),
        }
    }

    /// Adds what an older line says.
    pub fn record(
        &mut self,
        rules: &Rules,
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
                    self.record_change(index, number, Change { mark, from, to }, None, sighting);
                }
                self.split(instance);
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
        let known = streams.iter_mut().find(|stream| {
            stream.program == program && stream.instance == instance && stream.device == device
        });
        if let Some(stream) = known {
            stream.push(sample, rules);
        } else if streams.len() < NAMES_MAX {
            streams.push(Stream::new(program, instance, device, sample, rules));
            self.stream_lines.push(sighting());
        }
        if matches!(program, Program::GrandmasterStatus | Program::Ts2phc) {
            self.disown(rules, instance);
        }
    }

    /// Notes that samples from here on were taken in another state of ptp4l's ports: they begin a
    /// new run.
    fn split(&mut self, instance: &str) {
        for stream in &mut self.evidence.streams {
            if stream.program == Program::Ptp4l && stream.instance == instance {
                stream.split();
            }
        }
    }

    /// While the daemon says that the grandmaster is lost, what ts2phc has printed since it began
    /// to say so is not good. Between the two programs time counts (R11).
    fn disown(&mut self, rules: &Rules, instance: &str) {
        let status = self.evidence.status_of(instance, rules);
        let Some(lost_ns) = status.and_then(Stream::lost_for) else {
            return;
        };
        for stream in &mut self.evidence.streams {
            if stream.program == Program::Ts2phc && stream.instance == instance {
                stream.disown(lost_ns);
            }
        }
    }

    /// Where the ports of an instance are kept; None where there is no more room.
    pub fn ports_index(&mut self, instance: &str) -> Option<usize> {
        let known = (self.evidence.ports.iter()).position(|ports| ports.instance == instance);
        known.or_else(|| {
            (self.evidence.ports.len() < NAMES_MAX).then(|| {
                self.evidence.ports.push(Ports {
                    instance: instance.to_owned(),
                    ports: Vec::new(),
                    recalled: None,
                });
                self.port_lines.push(Sighting::default());
                self.evidence.ports.len() - 1
            })
        })
    }

    /// Adds an older change of a port.
    fn record_change(
        &mut self,
        index: usize,
        number: u16,
        change: Change,
        remembered: Option<Role>,
        sighting: &dyn Fn() -> Sighting,
    ) {
        let Some(ports) = self.evidence.ports.get_mut(index) else {
            return;
        };
        let known = ports.ports.iter().position(|port| port.number == number);
        if let Some(port) = known.and_then(|index| ports.ports.get_mut(index)) {
            let last = port.changes.last_mut();
            if let Some(last) = last.filter(|last| last.is_remembered() && last.to == change.to) {
                // The log itself says what is remembered.
                *last = change;
            } else if port.changes.len() < CHANGES_MAX {
                port.changes.push(change);
            }
        } else if ports.ports.len() < NAMES_MAX {
            ports.ports.push(Port {
                number,
                changes: vec![change],
                remembered,
            });
        }
        let is_newest = (ports.newest()).is_some_and(|(_, newest)| newest.mark == change.mark);
        if let Some(line) = self.port_lines.get_mut(index).filter(|_| is_newest) {
            *line = sighting();
        }
    }

    /// Adds what an earlier run knew of a port, all newer changes of which are known. They tell
    /// what it was before them, but not since when.
    pub fn recall_port(&mut self, index: usize, mark: Mark, known: &KnownPort) {
        let (number, role) = (known.number, known.role);
        let ports = self.evidence.ports.get_mut(index);
        let mut ports = ports.into_iter().flat_map(|ports| &mut ports.ports);
        if let Some(port) = ports.find(|port| port.number == number) {
            port.remembered = Some(role).filter(|_| !port.has_start());
            let oldest = port.changes.last();
            if oldest.is_some_and(|change| change.from != Some(known.state)) {
                // It is among them.
                return;
            }
        }
        let change = Change {
            mark,
            from: None,
            to: known.state,
        };
        self.record_change(index, number, change, Some(role), &Sighting::default);
    }

    /// Notes why a leg's newest line was left out.
    pub fn exclude(&mut self, envelope: &Envelope<'_>, statement: &Statement, reason: Reason) {
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

    /// The newest line of what a leg was judged by.
    #[must_use]
    pub fn sighting(&self, witness: Witness) -> Sighting {
        let line = match witness {
            Witness::Stream(index) => self.stream_lines.get(index),
            Witness::Ports(index) => self.port_lines.get(index),
        };
        line.cloned().unwrap_or_default()
    }
}
