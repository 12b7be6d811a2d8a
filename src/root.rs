//! Files below a root directory, opened without ever following a symbolic link.
//!
//! Containers can write into some of these directories, so that a name may at any time become
//! a link, a FIFO or a device. Whatever is opened here is what its path says, and opening it
//! never blocks.

use crate::error::{Error, Result};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::geteuid;
use rustix::fs::RawDir;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The files that are read whole have a few hundred bytes to a few kilobytes; a report that is
/// full of what a log can name has a megabyte.
const SMALL_MAX: usize = 2 << 20;

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
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        openat(AT_FDCWD, path, flags, Mode::empty())
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

    /// The names in a directory below this one that are wanted, in no order: of the others there
    /// may be very many.
    ///
    /// # Errors
    /// It is not there, behind a symbolic link, or the kernel does not list it.
    pub fn names(&self, path: &Path, is_wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<OsString>> {
        let directory = self.directory(path)?;
        let mut buffer = [MaybeUninit::uninit(); 8 << 10];
        let mut entries = RawDir::new(&directory, &mut buffer);
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry.map_err(Error::io("list", directory.path()))?;
            let name = entry.file_name().to_bytes();
            if is_wanted(name) {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    /// A file of one line below this one, in a place where only root or the kernel can have put
    /// it. None where it is not.
    #[must_use]
    pub fn first_line(&self, path: &Path) -> Option<Vec<u8>> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
        let fd = open_beneath(&self.fd, below(path), flags, Mode::empty()).ok()?;
        let mut content = [0; 256];
        read_up_to(&mut File::from(fd), &mut content, |read| {
            read.ends_with(b"\n")
        })
        .ok()
        .map(<[u8]>::to_vec)
    }

    /// The content of a small file below this one, and what kind of file it is.
    ///
    /// # Errors
    /// As for [`Directory::file`].
    pub fn small_file(&self, path: &Path) -> Result<(Vec<u8>, FileStat)> {
        let (mut file, stat) = self.file(path)?;
        let size = usize::try_from(stat.st_size).unwrap_or_default();
        let mut content = vec![0; size.min(SMALL_MAX)];
        let read = read_up_to(&mut file, &mut content, |_| false)
            .map_err(Error::io("read", &self.join(path)))?
            .len();
        content.truncate(read);
        Ok((content, stat))
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
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
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
    let fd = openat(AT_FDCWD, path, flags, Mode::empty())
        .map_err(|errno| link_or_io(errno, path, "; name the file it points to"))?;
    regular(fd, path, hint)
}

/// May root alone, or this user, have written what this is?
#[must_use]
pub fn is_trusted(stat: &FileStat) -> bool {
    let own = stat.st_uid == 0 || stat.st_uid == geteuid().as_raw();
    own && stat.st_mode & 0o022 == 0
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
fn open_beneath(
    directory: &OwnedFd,
    path: &Path,
    flags: OFlag,
    mode: Mode,
) -> nix::Result<OwnedFd> {
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

/// Reads until the buffer is full, the file ends, or what has been read is enough: nobody
/// promises that one read(2) gives all there is.
fn read_up_to<'a>(
    file: &mut File,
    buffer: &'a mut [u8],
    is_enough: fn(&[u8]) -> bool,
) -> io::Result<&'a [u8]> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if is_enough(buffer.get(..done).unwrap_or_default()) {
            break;
        }
    }
    Ok(buffer.get(..done).unwrap_or_default())
}

/// Is an error "there is nothing"?
#[must_use]
pub fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}
