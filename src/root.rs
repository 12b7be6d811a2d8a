//! Files below a root directory, opened without ever following a symbolic link.
//!
//! Containers can write into some of these directories, so that a name may at any time become
//! a link, a FIFO or a device. Whatever is opened here is what its path says, and opening it
//! never blocks.

use crate::error::{Error, Result};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// An open directory, and its path for messages.
pub struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Directory {
    /// Opens a directory that the user has named; here, and only here, links are followed.
    ///
    /// # Errors
    /// It is not there, not a directory, or not readable.
    pub fn open(path: &Path) -> Result<Self> {
        nix::fcntl::open(path, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map(|fd| Self {
                fd,
                path: path.to_owned(),
            })
            .map_err(Error::io("open", path))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path below this one, for messages.
    #[must_use]
    pub fn join(&self, path: &Path) -> PathBuf {
        self.path.join(below(path))
    }

    /// The names in this directory, in no order.
    ///
    /// # Errors
    /// The kernel does not list it.
    pub fn names(self) -> Result<Vec<Vec<u8>>> {
        let path = self.path;
        let mut stream = Dir::from_fd(self.fd).map_err(Error::io("list", &path))?;
        (stream.iter())
            .map(|entry| Ok(entry?.file_name().to_bytes().to_owned()))
            .collect::<nix::Result<_>>()
            .map_err(Error::io("list", &path))
    }

    /// When something below was last changed; the beginning of time where it is not there.
    #[must_use]
    pub fn modified(&self, path: &Path) -> (i64, i64) {
        fstatat(&self.fd, below(path), AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_or((0, 0), |stat| (stat.st_mtime, stat.st_mtime_nsec))
    }

    /// Opens a directory below this one.
    ///
    /// # Errors
    /// It is not there, not a directory, or behind a symbolic link.
    pub fn directory(&self, path: &Path) -> Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
        let full = self.join(path);
        match open_beneath(&self.fd, below(path), flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path: full }),
            Err(errno) => Err(Error::io("open", &full)(errno)),
        }
    }

    /// Opens a regular file below this one for reading.
    ///
    /// # Errors
    /// It is not there, not readable, behind a symbolic link, or no regular file.
    pub fn file(&self, path: &Path) -> Result<(File, FileStat)> {
        let full = self.join(path);
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
        let fd = open_beneath(&self.fd, below(path), flags, Mode::empty())
            .map_err(|errno| link_or_io(errno, &full, ""))?;
        regular(fd, &full, "")
    }

    /// Creates a file that must not exist yet.
    ///
    /// # Errors
    /// The name is taken, or there is no room.
    pub fn create(&self, name: &str, mode: Mode) -> nix::Result<File> {
        let flags = OFlag::O_WRONLY
            | OFlag::O_CREAT
            | OFlag::O_EXCL
            | OFlag::O_NOFOLLOW
            | OFlag::O_CLOEXEC;
        openat(&self.fd, name, flags, mode).map(File::from)
    }

    /// Opens a file for writing, creating it if need be; a link in its place is refused.
    ///
    /// # Errors
    /// It is a link, or cannot be opened.
    pub fn open_or_create(&self, name: &str, mode: Mode) -> nix::Result<File> {
        let flags = OFlag::O_RDWR
            | OFlag::O_CREAT
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_CLOEXEC;
        openat(&self.fd, name, flags, mode).map(File::from)
    }

    /// What stands under a name; a link is itself.
    ///
    /// # Errors
    /// Nothing is there, or the kernel does not say.
    pub fn look(&self, name: &str) -> nix::Result<FileStat> {
        fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)
    }
}

/// Opens a regular file that the user has named. Its directories may be links, itself not.
///
/// # Errors
/// As for [`Directory::file`].
pub fn open_named(path: &Path) -> Result<(File, FileStat)> {
    let hint = "; pass a pipe's text through `--log -`";
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let fd = nix::fcntl::open(path, flags, Mode::empty())
        .map_err(|errno| link_or_io(errno, path, "; name the file it points to"))?;
    regular(fd, path, hint)
}

/// What kind of file a mode stands for.
#[must_use]
pub fn kind(stat: &FileStat) -> &'static str {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => "a regular file",
        SFlag::S_IFDIR => "a directory",
        SFlag::S_IFLNK => "a symbolic link",
        SFlag::S_IFIFO => "a FIFO",
        SFlag::S_IFSOCK => "a socket",
        _ => "a device",
    }
}

fn regular(fd: OwnedFd, path: &Path, hint: &'static str) -> Result<(File, FileStat)> {
    let stat = fstat(&fd).map_err(Error::io("look at", path))?;
    if kind(&stat) == "a regular file" {
        return Ok((File::from(fd), stat));
    }
    Err(Error::NotAFile {
        path: path.to_owned(),
        found: kind(&stat),
        hint,
    })
}

fn link_or_io(errno: Errno, path: &Path, hint: &'static str) -> Error {
    match errno {
        Errno::ELOOP => Error::NotAFile {
            path: path.to_owned(),
            found: "a symbolic link, or behind one",
            hint,
        },
        // What opening a FIFO or a socket without blocking gives.
        Errno::ENXIO => Error::NotAFile {
            path: path.to_owned(),
            found: "a socket or a device",
            hint,
        },
        _ => Error::io("open", path)(errno),
    }
}

/// An absolute path, as it is meant below a root.
#[must_use]
pub fn below(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

/// Opens a path below a directory, refusing links anywhere in it. Kernels before 5.6, and
/// filters that do not know openat2(2), get the same, one component at a time.
fn open_beneath(directory: &OwnedFd, path: &Path, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
    let flags = flags | OFlag::O_CLOEXEC;
    let how = OpenHow::new()
        .flags(flags)
        .mode(mode)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH);
    match openat2(directory, path, how) {
        Err(Errno::ENOSYS | Errno::EPERM) => open_stepwise(directory, path, flags, mode),
        result => result,
    }
}

fn open_stepwise(
    directory: &OwnedFd,
    path: &Path,
    flags: OFlag,
    mode: Mode,
) -> nix::Result<OwnedFd> {
    let mut components = path.components().peekable();
    let mut current: Option<OwnedFd> = None;
    while let Some(component) = components.next() {
        let name = match component {
            Component::Normal(name) => name,
            Component::CurDir => continue,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(Errno::EXDEV);
            }
        };
        let step = if components.peek().is_some() {
            OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC
        } else {
            flags
        };
        let from = current.as_ref().unwrap_or(directory);
        current = Some(openat(from, name, step | OFlag::O_NOFOLLOW, mode)?);
    }
    current.ok_or(Errno::ENOENT)
}

/// Is an error "there is nothing"?
#[must_use]
pub fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}
