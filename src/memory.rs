//! What one run remembers for the next (R9): which legs this boot has shown, and the last port
//! states, which may have rotated out of the log.
//!
//! It is part of the report and read back with suspicion: it can only make the verdict
//! stricter, save that a remembered SLAVE serves where the log shows port states only, and that
//! the time of the report tells which of those are of this boot though a clock was set.

use crate::age::{Ages, Horizon};
use crate::clock::{Clocks, SECOND_NS};
use crate::error::{Error, Result};
use crate::gathered::{Coverage, NAMES_MAX};
use crate::learned::{Instance, Learned};
use crate::ports::Printed;
use crate::ptp::Leg;
use crate::root::{Directory, is_absent, is_trusted};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Where the last report is kept.
pub const REPORT_DIRECTORY: &str = "/run/ptp-sync-check";
/// Its name there.
pub const REPORT: &str = "report.json";
/// Room for clocks that do not quite agree, and for lines that were written late.
const OVERLAP_NS: i64 = 10 * SECOND_NS;

/// The part of a report that is read back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The boot that it is about; None where the kernel does not say.
    pub boot_id: Option<String>,
    /// When this was written.
    pub written: Option<Clocks>,
    /// The legs that have been seen since.
    pub legs: Vec<Leg>,
    /// The log that the instances were seen in.
    pub log: Option<String>,
    /// Everything in that log up to then is known. None while only a part has ever been read.
    pub read_until: Option<Clocks>,
    /// The last known port states.
    pub instances: Vec<Instance>,
    /// The instances of ts2phc that a `T-BC-STATUS` was about.
    pub boundary_clocks: Vec<String>,
}

/// A report, as far as it is read back.
#[derive(Deserialize)]
struct Remembering {
    memory: Memory,
}

impl Memory {
    /// What the last run of this boot remembers; nothing if there is any doubt about it. Where
    /// the kernel does not say which boot this is, it counts, as the marker does.
    ///
    /// # Errors
    /// The last report is there and cannot be read. Without it this run would be less strict, and
    /// so would all that follow, since this one's report takes its place.
    pub fn recall(root: &Directory, boot_id: Option<&str>, clocks: Clocks) -> Result<Self> {
        let remembered = Self::read(root)?
            .filter(|memory| boot_id.is_none() || memory.boot_id.as_deref() == boot_id)
            .filter(|memory| memory.is_of_this_boot(clocks));
        let mut memory = remembered.unwrap_or(Self {
            boot_id: boot_id.map(str::to_owned),
            ..Self::default()
        });
        if boot_id.is_none() {
            // What is to vouch for a boot must be of it beyond doubt.
            memory.written = None;
        }
        Ok(memory)
    }

    fn read(root: &Directory) -> Result<Option<Self>> {
        let path = Path::new(REPORT_DIRECTORY).join(REPORT);
        let text = match root.small_file(&path) {
            Ok((text, stat)) if is_trusted(&stat) => text,
            Err(error @ Error::Io { .. }) if !is_absent(&error) => return Err(error),
            Ok(_) | Err(_) => return Ok(None),
        };
        let remembering: Option<Remembering> = serde_json::from_slice(&text).ok();
        Ok(remembering.map(|remembering| remembering.memory))
    }

    /// Where the kernel gives no boot id, a monotonic clock that has gone back shows a boot.
    fn is_of_this_boot(&self, clocks: Clocks) -> bool {
        let then = self.read_until.and_then(|until| until.monotonic_ns);
        match (then, clocks.monotonic_ns) {
            (Some(then), Some(now)) => then <= now,
            _ => true,
        }
    }

    /// The memory as far as it is about this log: port states of another pod or container say
    /// nothing about this one (R12).
    #[must_use]
    pub fn about(mut self, log: Option<&str>) -> Self {
        if log.is_none() || self.log.as_deref() != log {
            self.read_until = None;
            self.instances.clear();
            self.boundary_clocks.clear();
        }
        self
    }

    /// How far back a log must be read so that nothing is missed. None: all of it.
    #[must_use]
    pub fn horizon(&self, clocks: Clocks, reach_ns: i64) -> Option<Horizon> {
        let until = Ages::of(self.read_until?, clocks);
        let remembered = until.plus(OVERLAP_NS);
        Some(Horizon {
            known: until.plus(-OVERLAP_NS),
            remembered,
            matters: remembered.at_least(reach_ns),
        })
    }

    /// The instances, as far as they can be relied on: behind a gap any port may have changed, and
    /// without an edge no gap can be told. That an instance prints offsets, or takes time, makes
    /// the verdict stricter and stays.
    #[must_use]
    pub fn as_of(&self, coverage: Coverage) -> Vec<Instance> {
        let mut instances = self.instances.clone();
        if coverage == Coverage::Gap || self.read_until.is_none() {
            instances.retain(|instance| instance.takes_time);
            for instance in &mut instances {
                instance.ports.clear();
            }
        }
        instances
    }

    /// What to remember after this run.
    #[must_use]
    pub fn next(
        &self,
        log: Option<&str>,
        learned: Learned,
        coverage: Coverage,
        clocks: Clocks,
    ) -> Self {
        let mut legs = self.legs.clone();
        legs.extend(learned.legs);
        legs.sort_unstable();
        legs.dedup();
        let (read_until, instances) = match coverage {
            Coverage::Complete | Coverage::Gap => (Some(clocks), learned.instances),
            Coverage::EndOnly => (self.read_until, self.with_offsets_of(learned.instances)),
        };
        Self {
            boot_id: self.boot_id.clone(),
            written: Some(clocks),
            legs,
            log: log.map(str::to_owned),
            read_until,
            instances,
            boundary_clocks: learned.boundary_clocks,
        }
    }

    /// The instances as they were when the log was last read without a gap: the next run will read
    /// on from there. That one prints offsets makes the verdict stricter and is added.
    fn with_offsets_of(&self, found: Vec<Instance>) -> Vec<Instance> {
        let mut instances = self.instances.clone();
        for new in (found.into_iter()).filter(|new| new.printed == Printed::Offsets) {
            let known = instances
                .iter()
                .position(|old| old.instance == new.instance);
            if let Some(old) = known.and_then(|index| instances.get_mut(index)) {
                (old.printed, old.takes_time) = (Printed::Offsets, true);
            } else if instances.len() < NAMES_MAX {
                instances.push(Instance {
                    ports: Vec::new(),
                    ..new
                });
            }
        }
        instances
    }
}
