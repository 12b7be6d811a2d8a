//! Writing what a node would get, as the Machine Config Daemon does.

use crate::error::{Error, Result};
use crate::file_rules::bytes;
use crate::rules;
use ignition_config::v3_2::{Config, Unit};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

const UNITS: &str = "/etc/systemd/system";
/// The daemon's default.
const FILE_MODE: u32 = 0o644;

/// Writes the files, units, drop-ins and links of a MachineConfig below a directory.
///
/// # Errors
/// The operator would refuse it, or something cannot be written.
pub fn unpack(text: &str, place: &str, root: &Path) -> Result<()> {
    write(&rules::read(text, place)?, root)
}

fn write(config: &Config, root: &Path) -> Result<()> {
    fs::create_dir_all(root).map_err(Error::io("make", root))?;
    let storage = config.storage.iter().flat_map(|storage| &storage.files);
    for file in storage.flatten() {
        let mode = file.mode.and_then(|mode| u32::try_from(mode).ok());
        let path = place(root, Path::new(&file.path))?;
        put(&path, &bytes(file)?, mode.unwrap_or(FILE_MODE))?;
    }
    let systemd = config.systemd.iter().flat_map(|systemd| &systemd.units);
    for unit in systemd.flatten() {
        write_unit(unit, root)?;
    }
    Ok(())
}

fn write_unit(unit: &Unit, root: &Path) -> Result<()> {
    let home = Path::new(UNITS).join(&unit.name);
    let text = unit.contents.as_deref().unwrap_or_default();
    if unit.mask == Some(true) {
        link(root, &home, Path::new("/dev/null"))?;
    } else if !text.is_empty() {
        put(&place(root, &home)?, text.as_bytes(), FILE_MODE)?;
    }
    for dropin in unit.dropins.iter().flatten() {
        let path = Path::new(UNITS).join(format!("{}.d", unit.name));
        let text = dropin.contents.as_deref().unwrap_or_default();
        let path = place(root, &path.join(&dropin.name))?;
        put(&path, text.as_bytes(), FILE_MODE)?;
    }
    if unit.enabled == Some(true) {
        for wanter in wanters(text) {
            link(root, &Path::new(UNITS).join(wanter).join(&unit.name), &home)?;
        }
    }
    Ok(())
}

/// The directories in which `systemctl enable` makes links.
fn wanters(text: &str) -> impl Iterator<Item = String> {
    let install = text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[Install]")
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    install.flat_map(|line| {
        let wants = line.strip_prefix("WantedBy=").map(|names| (names, "wants"));
        let requires = line.strip_prefix("RequiredBy=");
        let (names, kind) = wants
            .or(requires.map(|names| (names, "requires")))
            .unwrap_or_default();
        let directories = names.split_whitespace();
        directories.map(move |name| format!("{name}.{kind}"))
    })
}

/// The path below the root, with the directories above it. A link among them is refused, since
/// it could lead out of the root.
fn place(root: &Path, path: &Path) -> Result<PathBuf> {
    let mut below = root.to_owned();
    let parents = path.parent().unwrap_or(path).components();
    for part in parents.filter(|part| matches!(part, Component::Normal(_))) {
        below.push(part);
        match fs::symlink_metadata(&below) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                return Err(Error::Refused {
                    place: below.display().to_string(),
                    problem: "is in the way".into(),
                    expected: "a directory, or nothing",
                });
            }
            Err(_) => {
                fs::create_dir(&below).map_err(Error::io("make", &below))?;
                permit(&below, 0o755)?;
            }
        }
    }
    Ok(below.join(path.file_name().unwrap_or_default()))
}

fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    make_way(path)?;
    fs::write(path, bytes).map_err(Error::io("write", path))?;
    permit(path, mode)
}

fn link(root: &Path, from: &Path, to: &Path) -> Result<()> {
    let path = place(root, from)?;
    make_way(&path)?;
    symlink(to, &path).map_err(Error::io("make", &path))
}

/// Neither a link's target nor a file with other names shall be written to.
fn make_way(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("replace", path)(error))
        }
        _ => Ok(()),
    }
}

/// Whatever the umask says.
fn permit(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(Error::io("change", path))
}
