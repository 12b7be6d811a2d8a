//! What a look at a log has taught that the next one must know (R9).

use crate::clock::Clocks;
use crate::decide::{Evidence, Reading};
use crate::gathered::NAMES_MAX;
use crate::judge::Judge;
use crate::policy::{Rules, Verdict};
use crate::ports::{Port, Ports, Printed, Recalled, Role};
use crate::ptp::{Leg, PortState, Program};
use crate::stream::Stream;
use serde::{Deserialize, Serialize};

/// The last known port states of one ptp4l.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The message tag without its level.
    pub instance: String,
    /// Whether its offsets are in the log.
    pub printed: Printed,
    /// Whether it has taken time since it started.
    pub takes_time: bool,
    /// Its ports.
    pub ports: Vec<KnownPort>,
}

/// What is known of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPort {
    /// Its number, from 1.
    pub number: u16,
    /// The state that it was in.
    pub state: PortState,
    /// What it is for.
    pub role: Role,
    /// Since when it has been in that state.
    pub since: Clocks,
}

/// What the evidence of one run has taught.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The legs of which something was seen that requires them from now on (R8).
    pub legs: Vec<Leg>,
    /// Every ptp4l.
    pub instances: Vec<Instance>,
    /// The instances of ts2phc that are known to be those of a boundary clock.
    pub boundary_clocks: Vec<String>,
}

impl Learned {
    /// From what was read, and what was remembered with it.
    #[must_use]
    pub fn new(evidence: &Evidence, rules: &Rules, clocks: Clocks) -> Self {
        Self {
            legs: legs(evidence, rules),
            instances: instances(evidence, rules, clocks),
            boundary_clocks: boundary_clocks(evidence),
        }
    }
}

/// A stream that vouches for nothing is no sight of its leg (R7).
fn legs(evidence: &Evidence, rules: &Rules) -> Vec<Leg> {
    let speaks = |stream: &&Stream| Judge::new(evidence, rules, stream).standing().is_some();
    let streams = (evidence.streams.iter())
        .filter(speaks)
        .filter_map(Stream::leg);
    let ports = (evidence.ports.iter())
        .filter(|ports| ports.has_client())
        .map(|_| Leg::Reference);
    streams.chain(ports).collect()
}

fn boundary_clocks(evidence: &Evidence) -> Vec<String> {
    let found =
        (evidence.streams.iter()).filter(|stream| stream.program == Program::BoundaryStatus);
    let mut names = evidence.boundary_clocks.clone();
    names.extend(found.map(|stream| stream.instance.clone()));
    names.sort_unstable();
    names.dedup();
    names.truncate(NAMES_MAX);
    names
}

fn instances(evidence: &Evidence, rules: &Rules, clocks: Clocks) -> Vec<Instance> {
    let without_ports = (evidence.streams.iter())
        .filter(|stream| stream.program == Program::Ptp4l)
        .map(|stream| stream.instance.as_str())
        .filter(|name| !evidence.ports.iter().any(|ports| ports.instance == *name))
        .map(|name| Instance {
            instance: name.to_owned(),
            printed: Printed::Offsets,
            takes_time: true,
            ports: Vec::new(),
        });
    let known = |port: &Port| {
        let newest = port.changes.first()?;
        Some(KnownPort {
            number: port.number,
            state: newest.to,
            role: port.role(),
            since: clocks.before(newest.mark.age_ns),
        })
    };
    let with_ports = evidence.ports.iter().map(|ports| {
        let offsets = evidence.offsets_of(ports);
        let in_log = offsets.map(|stream| stream.newest.mark.place);
        Instance {
            instance: ports.instance.clone(),
            printed: printed(evidence, ports, in_log, rules),
            takes_time: ports.takes_time(in_log),
            ports: ports.ports.iter().filter_map(known).collect(),
        }
    });
    without_ports.chain(with_ports).collect()
}

/// What an instance has printed last since ptp4l started, given its last offset in the log.
fn printed(evidence: &Evidence, ports: &Ports, in_log: Option<u64>, rules: &Rules) -> Printed {
    // Ports that only give time say nothing, save that ptp4l takes none any more.
    let is_newest = |place| ports.newest_after(place).is_none() && ports.takes_time(in_log);
    if ports.last_offset(in_log).is_some_and(is_newest) {
        Printed::Offsets
    } else if !ports.states_only(in_log, Reading::Complete) {
        Printed::Both
    } else if offset_stands(evidence, ports, rules) {
        Printed::Contested
    } else {
        Printed::States
    }
}

/// Does an offset beyond the limit stand against a newer port state (R6)? The limit is the one
/// for entering, which the next run may have. One that was not read again may still be fresh as
/// long as the newest state is.
fn offset_stands(evidence: &Evidence, ports: &Ports, rules: &Rules) -> bool {
    let Some(stream) = evidence.offsets_of(ports) else {
        let stood = |recalled: Recalled| recalled.printed == Printed::Contested;
        let newest = ports.newest();
        return ports.recalled.is_some_and(stood)
            && newest.is_some_and(|(_, change)| change.mark.age_ns <= rules.policy.sync_age_ns);
    };
    let entering = Rules {
        previous: Verdict::OutOfSync,
        ..*rules
    };
    rules.is_fresh(&stream.newest)
        && stream.judged_ns() > entering.limit_ns()
        && ports.newest_after(stream.newest.mark.place).is_some()
}
