//! What is built, and how: the first way that can be gone here.

use crate::arch::Arch;
use crate::error::{Error, Result};
use crate::toolchain::Toolchain;
use std::path::PathBuf;

/// How much is done for a small binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// What a stable toolchain can do.
    Stable,
    /// The standard library is built anew, for size, and smaller crates are taken.
    Small,
}

/// How the program is built.
#[derive(Debug)]
pub struct Recipe {
    /// The sources.
    pub workspace: PathBuf,
    /// What builds.
    pub toolchain: Toolchain,
    /// What it is built for, as Rust calls it.
    pub triple: String,
    /// Where cargo works, below the workspace: of its own, since the flags differ from those of
    /// other builds.
    pub directory: &'static str,
    /// Flags of rustc.
    pub flags: Vec<String>,
    /// Which parts of the program are built, as cargo takes it.
    pub features: &'static [&'static str],
    /// Further arguments of `cargo build`.
    pub arguments: &'static [&'static str],
}

impl Recipe {
    /// The first recipe that can be followed here.
    ///
    /// # Errors
    /// There is nothing to build with, and it cannot be had.
    pub fn choose(arch: Arch, effort: Effort, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let musl = Self::musl(arch, workspace()?);
        if effort == Effort::Small && !Toolchain::Nightly.has_sources() {
            return Err(Error::Small);
        }
        if Toolchain::current_can_have(&musl.triple, say) {
            return Ok(match effort {
                Effort::Stable => musl,
                Effort::Small => musl.small(),
            });
        }
        let triple = musl.triple.clone();
        let gnu = musl.gnu(arch);
        if effort == Effort::Small || !arch.is_native() || !gnu.toolchain.has(&gnu.triple) {
            return Err(Error::Target { triple });
        }
        say(&format!(
            "warning: no standard library for {triple}; building with glibc instead, which makes \
             the binary twice as large"
        ));
        Ok(gnu)
    }

    /// With a C library of its own: smaller, and linked without a C compiler. The flags save a
    /// fifth: functions that are alike become one, nothing is relocated at run time, and what
    /// unwinds stacks stays out.
    fn musl(arch: Arch, workspace: PathBuf) -> Self {
        let script = workspace.join("machineconfig/no-unwinding.ld");
        Self {
            workspace,
            toolchain: Toolchain::Current,
            triple: format!("{arch}-unknown-linux-musl"),
            directory: "target/machineconfig",
            flags: vec![
                "-Clinker=rust-lld".into(),
                "-Clink-arg=--icf=all".into(),
                "-Crelocation-model=static".into(),
                format!("-Clink-arg=-T{}", script.display()),
            ],
            features: &[],
            arguments: &[],
        }
    }

    /// The same, as small as can be. Only the C library is taken as it is, from where it surely
    /// can be had: not every nightly comes with one for every target.
    fn small(mut self) -> Self {
        let libraries = self.toolchain.libraries(&self.triple).unwrap_or_default();
        self.flags.extend([
            format!("-Lnative={}", libraries.join("self-contained").display()),
            "-Zunstable-options".into(),
            "-Cpanic=immediate-abort".into(),
        ]);
        Self {
            toolchain: Toolchain::Nightly,
            directory: "target/machineconfig-small",
            features: &["--no-default-features", "--features=lexopt,regex-lite"],
            arguments: &[
                "-Zbuild-std=std,panic_abort",
                "-Zbuild-std-features=optimize_for_size",
            ],
            ..self
        }
    }

    /// With the C library of this machine.
    fn gnu(self, arch: Arch) -> Self {
        Self {
            triple: format!("{arch}-unknown-linux-gnu"),
            flags: vec!["-Ctarget-feature=+crt-static".into()],
            ..self
        }
    }

    /// Where the program is, once it is built.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        let directory = self.workspace.join(self.directory).join(&self.triple);
        directory.join("release/ptp-sync-check")
    }
}

/// The sources: above those of this program, as `cargo run` says, else as they were when it was
/// built.
fn workspace() -> Result<PathBuf> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR");
    let own = own.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let above = own.join("..");
    above.canonicalize().map_err(Error::io("open", &above))
}
