//! What a unit in a MachineConfig must be.

use crate::error::Result;
use crate::rules::{refused, unique};
use ignition_config::v3_2::{Dropin, Unit};

/// Longer lines are refused by the parser of go-systemd.
const LINE_MAX: usize = 2048;
const SUFFIXES: [&str; 12] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "snapshot",
    "slice",
    "scope",
];

/// Refuses a unit that no node should get.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(unit: &Unit) -> Result<()> {
    let name = unit.name.as_str();
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix);
    if name.contains('/') || !suffix.is_some_and(|suffix| SUFFIXES.contains(&suffix)) {
        return Err(refused(
            name,
            "is no name of a unit",
            "one like name.service",
        ));
    }
    let text = unit.contents.as_deref().unwrap_or_default();
    check_text(name, text)?;
    let installable = text.lines().any(|line| line.trim() == "[Install]");
    if unit.enabled == Some(true) && !text.is_empty() && !installable {
        return Err(refused(
            name,
            "is enabled without [Install]",
            "both or none",
        ));
    }
    let dropins = unit.dropins.as_deref().unwrap_or_default();
    unique(name, dropins.iter().map(|dropin| dropin.name.as_str()))?;
    dropins
        .iter()
        .try_for_each(|dropin| check_dropin(name, dropin))
}

fn check_dropin(unit: &str, dropin: &Dropin) -> Result<()> {
    let place = format!("{unit}.d/{}", dropin.name);
    let stem = dropin.name.strip_suffix(".conf");
    if dropin.name.contains('/') || stem.is_none_or(str::is_empty) {
        return Err(refused(
            &place,
            "is no name of a drop-in",
            "one like name.conf",
        ));
    }
    match dropin.contents.as_deref().unwrap_or_default() {
        "" => Err(refused(
            &place,
            "is empty and would not be written",
            "contents",
        )),
        text => check_text(&place, text),
    }
}

fn check_text(place: &str, text: &str) -> Result<()> {
    match text.lines().find(|line| line.len() > LINE_MAX) {
        Some(line) => {
            let problem = format!("has a line of {} bytes", line.len());
            Err(refused(place, problem, "at most 2048"))
        }
        None => Ok(()),
    }
}
