//! Builds the MachineConfig that brings `ptp-sync-check` and its units to the nodes.
//!
//! Data flows one way:
//!
//! ```text
//! Args -> recipe -> compile -> sbom
//!                      |
//! Args -> or --binary -+-> elf -> payload -.
//! Args -> role ----------------------------+-> manifest -> limits
//! Args -> units ---------------------------'       |
//! file -------------------------> rules -> unpack <' -> rehearsal
//! ```
//!
//! Whatever is built is unpacked again as the Machine Config Operator would, and tried, before
//! it is written.

/// What the binary is built for.
pub mod arch;
/// What the user typed.
pub mod cli;
/// Building the static binary.
pub mod compile;
/// What a program on a node must be.
pub mod elf;
/// What can go wrong.
pub mod error;
/// What a file in a MachineConfig must be.
pub mod file_rules;
/// What the ways into a cluster let through.
pub mod limits;
/// The MachineConfig as an object and as YAML.
pub mod manifest;
/// Bytes as Ignition takes them.
pub mod payload;
/// What is built, and how.
pub mod recipe;
/// Trying what would be on the node.
pub mod rehearsal;
/// Machine config pools.
pub mod role;
/// What the Machine Config Operator refuses.
pub mod rules;
/// From the command line to the exit status.
pub mod run;
/// What the program is made of.
pub mod sbom;
/// The compilers that build the binary.
pub mod toolchain;
/// What a unit in a MachineConfig must be.
pub mod unit_rules;
/// The files of `systemd/`, and what may be changed in them.
pub mod units;
/// Writing what a node would get.
pub mod unpack;

pub use run::run;
