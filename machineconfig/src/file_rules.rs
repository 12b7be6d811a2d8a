//! What a file in a MachineConfig must be.

use crate::error::Result;
use crate::payload::{GZIP, decode, gunzip, hash};
use crate::rules::refused;
use ignition_config::v3_2::{File, Resource};
use std::path::{Component, Path};

/// Makes the operator pass over what it finds: no MachineConfig may bring it.
const FORCE: &str = "/run/machine-config-daemon-force";

/// Refuses a file that no node should get.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(file: &File) -> Result<()> {
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
