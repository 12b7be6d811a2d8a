//! The marker: while it exists, chronyd.service refuses to start.
//!
//! Its directory is shared with containers, which may put anything under its name, at any time.
//! So the directory is opened once, everything else happens relative to it, no link is ever
//! followed, and whatever stands in the marker's place can be got out of the way.

use crate::config::Places;
use crate::error::{Error, Result};
use crate::root::{Directory, is_absent, kind};
use nix::errno::Errno;
use nix::fcntl::renameat;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::io::Write;
use std::path::Path;

/// What stands where the marker belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Absent,
    /// A marker of this boot.
    Present,
    /// A regular file that we have not written; it counts all the same.
    Foreign,
    /// A marker from before the node started, where /run has survived; it does not count.
    AnotherBoot,
    /// Something that no marker can be.
    Obstacle(&'static str),
}

const BOOT_ID: &str = "boot_id: ";

/// Looks at the marker; changes nothing.
///
/// # Errors
/// Its directory is there and cannot be opened, or is behind a symbolic link.
pub fn look(root: &Directory, places: &Places, boot_id: Option<&str>) -> Result<Found> {
    match root.small_file(&places.marker) {
        Ok((content, _)) => {
            let content = String::from_utf8_lossy(&content);
            let written_by_us = content.lines().find_map(|line| line.strip_prefix(BOOT_ID));
            Ok(match written_by_us {
                Some(id) if Some(id) == boot_id || boot_id.is_none() => Found::Present,
                Some(_) => Found::AnotherBoot,
                None => Found::Foreign,
            })
        }
        Err(error) if is_absent(&error) => Ok(Found::Absent),
        Err(error) => {
            let (directory, name) = split(&places.marker);
            let stat = root.directory(directory)?.look(name).map_err(|_| error)?;
            Ok(match kind(&stat) {
                "a regular file" => Found::Foreign,
                obstacle => Found::Obstacle(obstacle),
            })
        }
    }
}

/// The last line of a marker's content, by which a later boot knows that it is not its own.
#[must_use]
pub fn boot_line(boot_id: Option<&str>) -> String {
    format!("{BOOT_ID}{}\n", boot_id.unwrap_or("unknown"))
}

/// Creates the marker, or replaces its content.
///
/// # Errors
/// It could not be written; then it may or may not be there.
pub fn create(root: &Directory, places: &Places, content: &str) -> Result<()> {
    let (path, name) = split(&places.marker);
    let directory = ensure_directory(root, path)?;
    replace(&directory, name, content)
}

/// Removes the marker, or what stands in its place. Nothing there is success.
///
/// # Errors
/// It is still there: chronyd stays blocked.
pub fn remove(root: &Directory, places: &Places) -> Result<()> {
    let (path, name) = split(&places.marker);
    let full = root.join(&places.marker);
    match root.directory(path) {
        Ok(directory) => {
            // Left behind by a run that was killed.
            let _ = clear(&directory, &temporary(name));
            clear(&directory, name).map_err(Error::io("remove", &full))
        }
        Err(error) if is_absent(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Removes a file by its path, for a process that may not open anything any more.
///
/// # Errors
/// It is still there.
pub fn remove_by_path(places: &Places, path: &Path) -> Result<()> {
    let path = places.outside(path);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", &path)(error))
        }
        _ => Ok(()),
    }
}

/// Opens a directory, making it first if need be; its parent must be there.
///
/// # Errors
/// It cannot be made or opened.
pub fn ensure_directory(root: &Directory, path: &Path) -> Result<Directory> {
    match root.directory(path) {
        Err(error) if is_absent(&error) => {
            let (parent, name) = split(path);
            let made = mkdirat(
                root.directory(parent)?,
                name,
                Mode::from_bits_truncate(0o755),
            );
            match made {
                Ok(()) | Err(Errno::EEXIST) => root.directory(path),
                Err(errno) => Err(Error::io("make", &root.join(path))(errno)),
            }
        }
        result => result,
    }
}

/// Writes a file beside its place and renames it there, so that nobody ever sees half of it.
///
/// # Errors
/// It could not be written; the old content stands.
pub fn replace(directory: &Directory, name: &str, content: &str) -> Result<()> {
    let full = directory.path().join(name);
    let temporary = temporary(name);
    let mode = Mode::from_bits_truncate(0o644);
    let file = match directory.create(&temporary, mode) {
        // Left behind by a run that was killed, or put there by somebody else.
        Err(Errno::EEXIST) => {
            clear(directory, &temporary).map_err(Error::io("clear the way for", &full))?;
            directory.create(&temporary, mode)
        }
        result => result,
    };
    let written = file
        .map_err(std::io::Error::from)
        .and_then(|mut file| file.write_all(content.as_bytes()));
    let renamed = written.and_then(|()| {
        match renameat(directory, temporary.as_str(), directory, name) {
            // A directory stands there.
            Err(Errno::EISDIR | Errno::ENOTEMPTY | Errno::EEXIST) => {
                clear(directory, name)?;
                renameat(directory, temporary.as_str(), directory, name)
            }
            result => result,
        }
        .map_err(std::io::Error::from)
    });
    if renamed.is_err() {
        let _ = clear(directory, &temporary);
    }
    renamed.map_err(Error::io("write", &full))
}

/// Removes a file; nothing there is success.
///
/// # Errors
/// It is still there.
pub fn discard(directory: &Directory, name: &str) -> Result<()> {
    clear(directory, name).map_err(Error::io("remove", &directory.path().join(name)))
}

/// Gets rid of whatever has a name, without following or descending into it: a directory with
/// something in it is renamed out of the way, since emptying it is its owner's business.
fn clear(directory: &Directory, name: &str) -> nix::Result<()> {
    let errno = match unlinkat(directory, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => errno,
    };
    match unlinkat(directory, name, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(Errno::ENOTEMPTY | Errno::EEXIST) => (0..100)
            .map(|number| format!(".{name}.moved-{number}"))
            .find_map(
                |aside| match renameat(directory, name, directory, aside.as_str()) {
                    Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOTDIR) => None,
                    result => Some(result),
                },
            )
            .unwrap_or(Err(Errno::ENOTEMPTY)),
        // No directory: what unlinkat said at first is the reason.
        Err(Errno::ENOTDIR) => Err(errno),
        Err(errno) => Err(errno),
    }
}

fn temporary(name: &str) -> String {
    format!(".{name}.new")
}

/// The directory and the name of a path.
fn split(path: &Path) -> (&Path, &str) {
    let name = path.file_name().and_then(|name| name.to_str());
    let directory = path.parent().filter(|parent| *parent != Path::new(""));
    (
        directory.unwrap_or(Path::new(".")),
        name.unwrap_or("insync"),
    )
}
