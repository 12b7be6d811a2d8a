//! Building the static binary, so that the same sources give the same bytes in every folder.

use crate::arch::Arch;
use crate::error::{Error, Result};
use crate::toolchain::Toolchain;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The separator in `CARGO_ENCODED_RUSTFLAGS`, with which paths may have blanks.
const SEPARATOR: &str = "\x1f";

/// How much is done for a small binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// What a stable toolchain can do.
    Stable,
    /// The standard library is built anew, for size, and the small regex engine is taken.
    Small,
}

/// What is built, and how.
struct Recipe {
    toolchain: Toolchain,
    triple: String,
    flags: Vec<String>,
    arguments: &'static [&'static str],
}

impl Recipe {
    /// With a C library of its own: smaller, and linked without a C compiler. The flags save a
    /// fifth: functions that are alike become one, nothing is relocated at run time, and what
    /// unwinds stacks stays out.
    fn musl(arch: Arch, workspace: &Path) -> Self {
        let script = workspace.join("machineconfig/no-unwinding.ld");
        Self {
            toolchain: Toolchain::Current,
            triple: format!("{arch}-unknown-linux-musl"),
            flags: vec![
                "-Clinker=rust-lld".into(),
                "-Clink-arg=--icf=all".into(),
                "-Crelocation-model=static".into(),
                format!("-Clink-arg=-T{}", script.display()),
            ],
            arguments: &[],
        }
    }

    /// The same, as small as can be. Only the C library is taken as it is, from where it surely
    /// can be had: not every nightly comes with one for every target.
    fn small(musl: Self) -> Self {
        let libraries = musl.toolchain.libraries(&musl.triple).unwrap_or_default();
        let mut recipe = Self {
            toolchain: Toolchain::Nightly,
            ..musl
        };
        recipe.flags.extend([
            format!("-Lnative={}", libraries.join("self-contained").display()),
            "-Zunstable-options".into(),
            "-Cpanic=immediate-abort".into(),
        ]);
        recipe.arguments = &[
            "-Zbuild-std=std,panic_abort",
            "-Zbuild-std-features=optimize_for_size",
            "--no-default-features",
            "--features=lexopt,regex-lite",
        ];
        recipe
    }

    /// With the C library of this machine.
    fn gnu(arch: Arch) -> Self {
        Self {
            toolchain: Toolchain::Current,
            triple: format!("{arch}-unknown-linux-gnu"),
            flags: vec!["-Ctarget-feature=+crt-static".into()],
            arguments: &[],
        }
    }

    /// The first that can be done here.
    fn choose(
        arch: Arch,
        effort: Effort,
        workspace: &Path,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let musl = Self::musl(arch, workspace);
        if effort == Effort::Small && !Toolchain::Nightly.has_sources() {
            return Err(Error::Small);
        }
        if Toolchain::current_can_have(&musl.triple, say) {
            return Ok(match effort {
                Effort::Stable => musl,
                Effort::Small => Self::small(musl),
            });
        }
        let gnu = Self::gnu(arch);
        let triple = musl.triple;
        if effort == Effort::Small || !arch.is_native() || !gnu.toolchain.has(&gnu.triple) {
            return Err(Error::Target { triple });
        }
        say(&format!(
            "warning: no standard library for {triple}; building with glibc instead, which makes \
             the binary twice as large"
        ));
        Ok(gnu)
    }
}

/// Builds the program; cargo shows its progress.
///
/// # Errors
/// There is nothing to build with, or cargo fails.
pub fn compile(arch: Arch, effort: Effort, say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let workspace = workspace()?;
    let recipe = Recipe::choose(arch, effort, &workspace, say)?;
    say(&format!("building ptp-sync-check for {}", recipe.triple));
    // Of its own, since the flags differ from those of other builds.
    let directory = workspace.join(match effort {
        Effort::Stable => "target/machineconfig",
        Effort::Small => "target/machineconfig-small",
    });
    let status = cargo(&workspace, &directory, &recipe)
        .status()
        .map_err(Error::io("run", "cargo".as_ref()))?;
    if !status.success() {
        return Err(Error::Build { status });
    }
    Ok(directory.join(recipe.triple).join("release/ptp-sync-check"))
}

/// The sources: above those of this program, as `cargo run` says, else as they were when it was
/// built.
fn workspace() -> Result<PathBuf> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR");
    let own = own.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let above = own.join("..");
    above.canonicalize().map_err(Error::io("open", &above))
}

fn cargo(workspace: &Path, directory: &Path, recipe: &Recipe) -> Command {
    let mut command = recipe.toolchain.command("cargo");
    command
        .current_dir(workspace)
        .args(["build", "--locked", "--release"])
        .args(["--package", "ptp-sync-check", "--bin", "ptp-sync-check"])
        .args(["--target", &recipe.triple])
        .arg("--target-dir")
        .arg(directory)
        .args(recipe.arguments)
        .stdin(Stdio::null());
    // Whoever builds must make no difference.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let personal = text == "RUSTFLAGS"
            || text == "CARGO_INCREMENTAL"
            || ["CARGO_PROFILE_", "CARGO_BUILD_", "CARGO_TARGET_"]
                .iter()
                .any(|start| text.starts_with(start));
        if personal {
            command.env_remove(name);
        }
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(workspace, recipe));
    command
}

/// No path of this machine gets into the binary.
fn flags(workspace: &Path, recipe: &Recipe) -> OsString {
    let mut flags = OsString::from(recipe.flags.join(SEPARATOR));
    let mut remap = |from: &Path, to: &str| {
        flags.push(SEPARATOR);
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    };
    remap(workspace, "/ptp-sync-check");
    if let Some(home) = cargo_home() {
        remap(&home, "/cargo");
    }
    // rustc names the sources of the standard library by where they are, if they are.
    if let Some(sysroot) = recipe.toolchain.ask(&["--print=sysroot"]) {
        let sources = Path::new(&sysroot).join("lib/rustlib/src/rust");
        remap(&sources, "/rust");
    }
    flags
}

fn cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}
