//! What the binary is built for.

use clap::ValueEnum;
use object::elf::{EM_AARCH64, EM_X86_64, Machine};
use std::fmt;

/// An architecture of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Arch {
    /// AMD and Intel.
    #[value(name = "x86_64")]
    X86_64,
    /// ARM.
    #[value(name = "aarch64")]
    Aarch64,
}

impl Arch {
    /// Its name, as in `uname -m` and in the names of Rust's targets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Its number in ELF headers.
    #[must_use]
    pub fn machine(self) -> Machine {
        match self {
            Self::X86_64 => EM_X86_64,
            Self::Aarch64 => EM_AARCH64,
        }
    }

    /// Is it this machine's?
    #[must_use]
    pub fn is_native(self) -> bool {
        self.name() == std::env::consts::ARCH
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
