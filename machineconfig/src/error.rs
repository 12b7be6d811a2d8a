//! Every way in which the program can fail. Each text names the thing, the value and a right form.

use std::io;
use std::path::{Path, PathBuf};

/// What went wrong; the text of the cause is in [`std::error::Error::source`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A role that cannot be part of a name.
    #[error(
        "--role: {value:?} is no name of a pool (at most 63 lower case letters, digits and -); \
         a right form is worker"
    )]
    Role {
        /// What was given.
        value: String,
    },
    /// An interval that cannot be used.
    #[error("--interval: {value:?} {problem}; a right form is 5m")]
    Interval {
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A setting that the check would not take.
    #[error("--set: {value:?} {problem}; a right form is MAX_OFFSET=100us")]
    Setting {
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A program that must not get onto a node.
    #[error("{path} {problem}, expected {expected}", path = path.display())]
    Program {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What it should have been.
        expected: String,
    },
    /// There is no standard library to build with.
    #[error(
        "no standard library of Rust for {triple} here, and rustup cannot add it; build on \
         another machine and give the file with --binary"
    )]
    Target {
        /// The target that was tried last.
        triple: String,
    },
    /// The size-optimised build needs more than a stable toolchain.
    #[error(
        "--small needs the nightly toolchain with the sources of the standard library; \
         `rustup toolchain install nightly --component rust-src` brings both"
    )]
    Small,
    /// cargo has failed, and has said why.
    #[error("cargo {command} has failed with {status}")]
    Cargo {
        /// What it was to do.
        command: &'static str,
        /// Its exit status.
        status: std::process::ExitStatus,
    },
    /// What the program is made of cannot be told.
    #[error("cannot write the bill of materials")]
    Sbom(#[source] Box<dyn std::error::Error>),
    /// systemd does not take the units.
    #[error("systemd-analyze verify rejects the units:\n{output}")]
    Units {
        /// What it said.
        output: String,
    },
    /// The object is larger than a cluster can take.
    #[error("{name}: {bytes} bytes of JSON, expected at most {limit} ({reason})")]
    Size {
        /// The object.
        name: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
        /// What makes the limit.
        reason: &'static str,
    },
    /// The Machine Config Operator, or a node, would not take this.
    #[error("{place}: {problem}, expected {expected}")]
    Refused {
        /// What in the MachineConfig.
        place: String,
        /// What is wrong with it.
        problem: String,
        /// What would be right.
        expected: &'static str,
    },
    /// It is no MachineConfig at all.
    #[error("{place} is no MachineConfig of Ignition 3.2.0")]
    Format {
        /// The file or the part of it.
        place: String,
        /// What the parser said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file or directory could not be read, made or written.
    #[error("cannot {deed} {path}", path = path.display())]
    Io {
        /// A verb: open, read, write…
        deed: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// The result of what can fail with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Wraps an I/O error: `.map_err(Error::io("open", path))`.
    pub fn io(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            deed,
            path: path.to_owned(),
            source,
        }
    }

    /// The error and its causes in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        ptp_sync_check::error::chain(self)
    }
}
