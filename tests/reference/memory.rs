//! What an earlier run has left behind, read with suspicion.

use super::log::time;
use super::{Leg, Now};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is known from earlier runs of this boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The legs that have been seen.
    pub legs: BTreeSet<Leg>,
    /// The log that the rest is about.
    pub log: Option<String>,
    /// Up to when that log has been read without a gap, by its own times.
    pub until: Option<i64>,
    /// Each ptp4l by its instance.
    pub instances: BTreeMap<String, Instance>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Was the last that it printed an offset, not a port state?
    pub has_offsets: bool,
    /// The last state of each port.
    pub ports: BTreeMap<u64, String>,
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

/// The memory in a report. None if anything about it is not as it should be.
pub fn recall(report: &[u8], boot: Option<&str>, now: Now) -> Option<Memory> {
    let report: Value = serde_json::from_slice(report).ok()?;
    let memory = report.get("memory")?;
    if memory.get("boot_id").and_then(Value::as_str) != boot {
        return None;
    }
    let read = &memory["read_until"];
    if let (Some(then), Some(uptime)) = (read["uptime_ns"].as_i64(), now.uptime) {
        // The node has started since.
        if then > uptime {
            return None;
        }
    }
    let legs = memory["legs"]
        .as_array()?
        .iter()
        .map(|leg| match leg.as_str()? {
            "reference" => Some(Leg::Reference),
            "system-clock" => Some(Leg::SystemClock),
            _ => None,
        });
    let instances = memory["instances"].as_array()?.iter().map(|instance| {
        let ports = instance["ports"].as_array()?.iter().map(|port| {
            let state = port
                .get(1)?
                .as_str()
                .filter(|state| STATES.contains(state))?;
            Some((port.get(0)?.as_u64()?, state.to_owned()))
        });
        let has_offsets = match instance["printed"].as_str()? {
            "offsets" => true,
            "states" => false,
            _ => return None,
        };
        Some((
            instance["instance"].as_str()?.to_owned(),
            Instance {
                has_offsets,
                ports: ports.collect::<Option<_>>()?,
            },
        ))
    });
    Some(Memory {
        legs: legs.collect::<Option<_>>()?,
        log: memory["log"].as_str().map(str::to_owned),
        until: read["time"].as_str().and_then(|text| time(text.as_bytes())),
        instances: instances.collect::<Option<_>>()?,
    })
}
