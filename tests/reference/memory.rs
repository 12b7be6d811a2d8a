//! What an earlier run has left behind, read with suspicion.

use super::log::time;
use super::{Leg, Now, Role};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is known from earlier runs of this boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// When the last look was, at whatever log.
    pub written: Option<Now>,
    /// The legs that have been seen.
    pub legs: BTreeSet<Leg>,
    /// The log that the rest is about.
    pub log: Option<String>,
    /// Up to when that log has been read without a gap.
    pub until: Option<Now>,
    /// When all the earlier looks were, as far as they are known.
    pub looks: Vec<Now>,
    /// Each ptp4l by its instance.
    pub instances: BTreeMap<String, Instance>,
    /// The instances of ts2phc that a telco boundary clock's status was about.
    pub boundary_clocks: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Was the last that it printed an offset, not a port state?
    pub has_offsets: bool,
    /// Has a port followed since the last offset, if there was any?
    pub states_only: bool,
    /// Has it followed, or printed offsets, since it started?
    pub is_client: bool,
    pub ports: BTreeMap<u64, Port>,
}

/// The last state of a port, what it is for, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    pub state: String,
    pub role: Role,
    pub since: Now,
}

/// The port states of IEEE 1588, as ptp4l names them.
const STATES: [&str; 10] = [
    "INITIALIZING",
    "FAULTY",
    "DISABLED",
    "LISTENING",
    "PRE_MASTER",
    "MASTER",
    "PASSIVE",
    "UNCALIBRATED",
    "SLAVE",
    "GRAND_MASTER",
];

/// A report, as far as it is read back.
#[derive(Deserialize)]
struct Written {
    memory: WrittenMemory,
}

#[derive(Deserialize)]
struct WrittenMemory {
    boot_id: Option<String>,
    written: Option<WrittenMoment>,
    legs: Vec<String>,
    log: Option<String>,
    read_until: Option<WrittenMoment>,
    instances: Vec<WrittenInstance>,
    boundary_clocks: Vec<String>,
}

#[derive(Deserialize)]
struct WrittenMoment {
    time: String,
    uptime_ns: Option<i64>,
}

#[derive(Deserialize)]
struct WrittenInstance {
    instance: String,
    printed: String,
    takes_time: bool,
    ports: Vec<WrittenPort>,
}

#[derive(Deserialize)]
struct WrittenPort {
    number: u16,
    state: String,
    role: String,
    since: WrittenMoment,
}

impl WrittenMoment {
    fn read(&self) -> Option<Now> {
        Some(Now {
            wall: time(self.time.as_bytes())?,
            uptime: self.uptime_ns,
        })
    }
}

/// The memory in a report. None if anything about it is not as it should be.
pub fn recall(report: &[u8], boot: Option<&str>, now: Now) -> Option<Memory> {
    let Written { memory } = serde_json::from_slice(report).ok()?;
    if boot.is_some() && memory.boot_id.as_deref() != boot {
        return None;
    }
    let until = match &memory.read_until {
        None => None,
        Some(moment) => Some(moment.read()?),
    };
    let written = match &memory.written {
        None => None,
        Some(moment) => Some(moment.read()?),
    };
    let before = until.and_then(|until| until.uptime);
    if before.zip(now.uptime).is_some_and(|(then, now)| then > now) {
        // The node has started since.
        return None;
    }
    let legs = memory.legs.iter().map(|leg| match leg.as_str() {
        "reference" => Some(Leg::Reference),
        "system-clock" => Some(Leg::SystemClock),
        _ => None,
    });
    let legs = legs.collect::<Option<_>>()?;
    let mut instances = BTreeMap::new();
    for written in memory.instances {
        let (has_offsets, states_only) = match written.printed.as_str() {
            "offsets" => (true, false),
            "states" | "contested" => (false, true),
            "both" => (false, false),
            _ => return None,
        };
        let mut ports = BTreeMap::new();
        for port in written.ports {
            let role = match port.role.as_str() {
                "client" => Role::Client,
                "server" => Role::Server,
                "waiting" => Role::Waiting,
                _ => return None,
            };
            if !STATES.contains(&port.state.as_str()) {
                return None;
            }
            let since = port.since.read()?;
            let state = port.state;
            ports.insert(port.number.into(), Port { state, role, since });
        }
        let instance = Instance {
            has_offsets,
            states_only,
            is_client: written.takes_time,
            ports,
        };
        instances.insert(written.instance, instance);
    }
    Some(Memory {
        written: written.filter(|_| boot.is_some()),
        legs,
        log: memory.log,
        until,
        looks: Vec::new(),
        instances,
        boundary_clocks: memory.boundary_clocks.into_iter().collect(),
    })
}
