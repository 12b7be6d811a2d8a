//! What the Machine Config Operator refuses, and what it takes in silence and a node does not.

use crate::error::{Error, Result};
use crate::manifest::MachineConfig;
use crate::payload::{GZIP, decode, gunzip, hash};
use ignition_config::v3_2::{Config, Dropin, File, Resource, Unit};
use ignition_config::{Config as AnyConfig, Warning};
use std::collections::BTreeSet;
use std::path::{Component, Path};

/// Longer lines are refused by coreos/go-systemd's parser.
const LINE_MAX: usize = 2048;
/// Not the operator's file: it makes it look away.
const FORCE: &str = "/run/machine-config-daemon-force";
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
    files.iter().try_for_each(|file| check_file(file))?;
    let units = config.systemd.iter().flat_map(|systemd| &systemd.units);
    let units: Vec<&Unit> = units.flatten().collect();
    unique("systemd.units", units.iter().map(|unit| unit.name.as_str()))?;
    units.iter().try_for_each(|unit| check_unit(unit))
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

fn check_file(file: &File) -> Result<()> {
    let path = Path::new(&file.path);
    let plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    if !path.is_absolute() || !path.components().all(plain) {
        return Err(refused(
            &file.path,
            "is not absolute",
            "a path like /etc/name",
        ));
    }
    if file.path == FORCE {
        return Err(refused(FORCE, "is the operator's own", "another path"));
    }
    if file.append.as_ref().is_some_and(|parts| !parts.is_empty()) {
        return Err(refused(&file.path, "has append", "contents alone"));
    }
    if let Some(mode) = file.mode.filter(|mode| !(0..=0o777).contains(mode)) {
        let problem = format!("has mode {mode}, or {mode:o} in octal");
        return Err(refused(&file.path, problem, "at most 511, or 777 in octal"));
    }
    bytes(file).map(drop)
}

/// What a file on a node would hold.
///
/// # Errors
/// The contents cannot be decoded, or are not those that their hash says.
pub fn bytes(file: &File) -> Result<Vec<u8>> {
    let Some(Resource {
        source: Some(source),
        compression,
        verification,
        ..
    }) = &file.contents
    else {
        return Ok(Vec::new());
    };
    let refuse = |problem: String, expected| refused(&file.path, problem, expected);
    let data = decode(source)
        .map_err(|problem| refuse(problem, "data:;base64, and base64 without blanks"))?;
    let data = match compression.as_deref() {
        None | Some("") => data,
        Some(GZIP) => gunzip(&data)
            .map_err(|error| refuse(format!("does not unpack ({error})"), "gzip, as declared"))?,
        Some(other) => {
            return Err(refuse(
                format!("has compression {other:?}"),
                "gzip, or none",
            ));
        }
    };
    let declared = verification.as_ref().and_then(|each| each.hash.as_deref());
    match declared.filter(|declared| *declared != hash(&data)) {
        Some(_) => Err(refuse(
            "differs from its hash".into(),
            "the sha512 of its data",
        )),
        None => Ok(data),
    }
}

fn check_unit(unit: &Unit) -> Result<()> {
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

fn unique<'a>(place: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(refused(place, format!("has {name} twice"), "each once"));
        }
    }
    Ok(())
}

fn refused(place: &str, problem: impl Into<String>, expected: &'static str) -> Error {
    Error::Refused {
        place: place.to_owned(),
        problem: problem.into(),
        expected,
    }
}
