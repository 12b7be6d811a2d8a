//! What the Machine Config Operator refuses, and what it takes in silence and a node does not.

use crate::error::{Error, Result};
use crate::manifest::MachineConfig;
use crate::{file_rules, unit_rules};
use ignition_config::v3_2::{Config, File, Unit};
use ignition_config::{Config as AnyConfig, Warning};
use std::collections::BTreeSet;

/// Reads a MachineConfig, as YAML or JSON, and refuses what no node should get.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(text: &str, place: &str) -> Result<Config> {
    let format = |source: Box<dyn std::error::Error + Send + Sync>| Error::Format {
        place: place.to_owned(),
        source,
    };
    let object: MachineConfig = yaml_serde::from_str(text).map_err(|error| format(error.into()))?;
    if object.kind != "MachineConfig" {
        let problem = format!("is {}", object.kind);
        return Err(refused("kind", problem, "MachineConfig"));
    }
    let (config, warnings) = AnyConfig::parse_str(&object.spec.config.to_string())
        .map_err(|error| format(error.into()))?;
    if let Some(Warning::UnusedKey(key)) = warnings.first() {
        return Err(refused(key, "is no key of Ignition 3.2.0", "no other keys"));
    }
    let AnyConfig::V3_2(config) = config else {
        let expected = "3.2.0, which all releases from 4.7 on take";
        return Err(refused("ignition.version", "is another", expected));
    };
    check(&config)?;
    Ok(config)
}

fn check(config: &Config) -> Result<()> {
    only_files_and_units(config)?;
    let storage = config.storage.iter().flat_map(|storage| &storage.files);
    let files: Vec<&File> = storage.flatten().collect();
    unique("storage.files", files.iter().map(|file| file.path.as_str()))?;
    files.iter().try_for_each(|file| file_rules::check(file))?;
    let units = config.systemd.iter().flat_map(|systemd| &systemd.units);
    let units: Vec<&Unit> = units.flatten().collect();
    unique("systemd.units", units.iter().map(|unit| unit.name.as_str()))?;
    units.iter().try_for_each(|unit| unit_rules::check(unit))
}

fn only_files_and_units(config: &Config) -> Result<()> {
    let storage = config.storage.clone().unwrap_or_default();
    let passwd = config.passwd.clone().unwrap_or_default();
    let users = passwd.users.unwrap_or_default();
    let present = [
        ("storage.directories", storage.directories.is_some()),
        ("storage.links", storage.links.is_some()),
        ("storage.disks", storage.disks.is_some()),
        ("storage.raid", storage.raid.is_some()),
        ("storage.filesystems", storage.filesystems.is_some()),
        ("storage.luks", storage.luks.is_some()),
        ("passwd.groups", passwd.groups.is_some()),
        ("passwd.users", users.iter().any(|user| user.name != "core")),
    ];
    match present.iter().find(|(_, there)| *there) {
        Some((place, _)) => {
            let expected = "only storage.files, systemd.units and the user core";
            Err(refused(place, "cannot be changed on a node", expected))
        }
        None => Ok(()),
    }
}

/// Refuses a name that comes twice.
///
/// # Errors
/// The name.
pub fn unique<'a>(place: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(refused(place, format!("has {name} twice"), "each once"));
        }
    }
    Ok(())
}

/// The error for something in a MachineConfig.
pub fn refused(place: &str, problem: impl Into<String>, expected: &'static str) -> Error {
    Error::Refused {
        place: place.to_owned(),
        problem: problem.into(),
        expected,
    }
}
