//! What has been gathered from a log: evidence for the decision, lines for the report, and what
//! the next run should remember.

use crate::decide::{Evidence, Witness};
use crate::memory::Instance;
use crate::ports::{Ports, Printed};
use crate::ptp::{Leg, Program};
use crate::stream::Stream;

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
        let state = ports.newest().map(|(_, change)| change);
        match (offset, state, ports.remembered) {
            (Some(_), None, _) => Printed::Offsets,
            (Some(offset), Some(state), _) if offset < state.mark.place => Printed::Offsets,
            (None, None, Some(remembered)) => remembered,
            (None, Some(state), Some(remembered)) if state.is_remembered() => remembered,
            (_, Some(_), _) | (None, None, None) => Printed::States,
        }
    }
}
