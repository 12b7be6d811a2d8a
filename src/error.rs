//! Every way in which the program can fail.
//!
//! "The clock is not in sync" is no error: it is a decision. An error says that the
//! program could not do its work, and names the thing, the value and a right form.

use std::io;
use std::path::{Path, PathBuf};

/// What went wrong; the text of the cause is in [`std::error::Error::source`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting has a value that cannot be used.
    #[error("{name}: {value:?} {problem}; a right form is {example}")]
    Setting {
        /// The option or environment variable.
        name: String,
        /// Its value.
        value: String,
        /// What is wrong with the value.
        problem: String,
        /// A value that would be right.
        example: &'static str,
    },
    /// A file or directory could not be read, made, written or removed.
    #[error("cannot {deed} {path}")]
    Io {
        /// A verb: open, read, write…
        deed: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Something else than a regular file is where one was expected.
    #[error("{path} is {found}, expected a regular file{hint}")]
    NotAFile {
        /// Where it is.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What to do instead, or nothing.
        hint: &'static str,
    },
    /// A directory in which only root may write can be written by others.
    #[error("{path} can be written by others, expected a directory of root with mode 0755")]
    Untrusted {
        /// The directory.
        path: PathBuf,
    },
    /// Another run holds the lock and does not end.
    #[error("another run has held the lock {path} for {waited_ms} ms")]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long this run has waited.
        waited_ms: u128,
    },
}

/// The result of what can fail with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps an I/O error: `.map_err(Error::io("open", path))`.
    pub fn io<E: Into<io::Error>>(deed: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        move |source| Self::Io {
            deed,
            path: path.to_owned(),
            source: source.into(),
        }
    }

    /// Are there no descriptors left?
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        use nix::errno::Errno;
        let code = match self {
            Self::Io { source, .. } => source.raw_os_error(),
            _ => None,
        };
        [Errno::EMFILE, Errno::ENFILE]
            .iter()
            .any(|errno| code == Some(*errno as i32))
    }

    /// The error and its causes in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and its causes in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
