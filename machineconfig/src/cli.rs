//! What the user typed.

use crate::arch::Arch;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// The command line. Values are read in the second stage, where all errors look alike.
#[derive(Debug, Parser)]
#[command(
    name = "cargo machineconfig",
    about = "Build the MachineConfig that brings ptp-sync-check and its units to the nodes",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "\
Writes 05-chronyd-dynamic-ROLE.yaml for each role. The same inputs give the
same bytes: a MachineConfig that changes drains and reboots nodes.

Exit status: 0 all written; 1 refused or failed, nothing written; 2 usage."
)]
pub struct CommandLine {
    /// Something else than building
    #[command(subcommand)]
    pub command: Option<Command>,

    /// What to build
    #[command(flatten)]
    pub build: Build,
}

/// Something else than building.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write what a node would get from a MachineConfig below a directory
    Unpack {
        /// The MachineConfig, as YAML or JSON
        file: PathBuf,

        /// Where to write; made if it is not there
        #[arg(long, value_name = "DIR")]
        root: PathBuf,
    },
}

/// What to build.
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
#[derive(Args, Clone, Debug)]
pub struct Build {
    /// Machine config pool: master, worker or another
    /// [repeatable; default: master, worker]
    #[arg(long = "role", value_name = "ROLE", verbatim_doc_comment)]
    pub roles: Vec<String>,

    /// Architecture of its nodes: x86_64 or aarch64
    /// [default: x86_64]
    #[arg(
        long,
        value_name = "ARCH",
        value_enum,
        default_value = "x86_64",
        hide_possible_values = true,
        hide_default_value = true,
        verbatim_doc_comment
    )]
    pub arch: Arch,

    /// Pack this static binary instead of building one
    #[arg(long, value_name = "FILE")]
    pub binary: Option<PathBuf>,

    /// Optimise for size, with the nightly toolchain
    #[arg(long, conflicts_with = "binary")]
    pub small: bool,

    /// Time between two checks
    /// [default: 5m, as in chronyd-restart.timer]
    #[arg(long, value_name = "DURATION", verbatim_doc_comment)]
    pub interval: Option<String>,

    /// Setting of the check, like MAX_OFFSET=50us
    /// [repeatable; default: chronyd-restart.service]
    #[arg(long = "set", value_name = "NAME=VALUE", verbatim_doc_comment)]
    pub settings: Vec<String>,

    /// Where to write
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}
