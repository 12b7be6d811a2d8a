//! Building the static binary, so that the same sources give the same bytes in every folder.

use crate::arch::Arch;
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The separator in `CARGO_ENCODED_RUSTFLAGS`, with which paths may have blanks.
const SEPARATOR: &str = "\x1f";

/// What is built for.
struct Target {
    triple: String,
    flags: Vec<String>,
}

impl Target {
    /// The standard library with its own C library: smaller, and linked without a C compiler.
    /// The flags save a fifth: functions that are alike become one, nothing is relocated at run
    /// time, and what unwinds stacks stays out.
    fn musl(arch: Arch, workspace: &Path) -> Self {
        let script = workspace.join("machineconfig/no-unwinding.ld");
        Self {
            triple: format!("{arch}-unknown-linux-musl"),
            flags: vec![
                "-Clinker=rust-lld".into(),
                "-Clink-arg=--icf=all".into(),
                "-Crelocation-model=static".into(),
                format!("-Clink-arg=-T{}", script.display()),
            ],
        }
    }

    /// With the C library of this machine.
    fn gnu(arch: Arch) -> Self {
        Self {
            triple: format!("{arch}-unknown-linux-gnu"),
            flags: vec!["-Ctarget-feature=+crt-static".into()],
        }
    }

    /// The first that there is, or that can be had.
    fn choose(arch: Arch, workspace: &Path, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let musl = Self::musl(arch, workspace);
        if musl.is_installed() {
            return Ok(musl);
        }
        say(&format!("adding the standard library for {}", musl.triple));
        if musl.add() && musl.is_installed() {
            return Ok(musl);
        }
        let gnu = Self::gnu(arch);
        if !arch.is_native() || !gnu.is_installed() {
            let triple = musl.triple;
            return Err(Error::Target { triple });
        }
        say(&format!(
            "warning: no standard library for {}; building with glibc instead, which makes the \
             binary larger by about 700 KB",
            musl.triple
        ));
        Ok(gnu)
    }

    fn is_installed(&self) -> bool {
        let directory = rustc(&["--print=target-libdir", "--target", &self.triple]);
        let files = directory.and_then(|path| std::fs::read_dir(path.trim()).ok());
        files.is_some_and(|mut files| files.next().is_some())
    }

    fn add(&self) -> bool {
        let mut rustup = Command::new("rustup");
        let command = rustup.args(["target", "add", &self.triple]);
        command.status().is_ok_and(|status| status.success())
    }
}

/// Builds the program; cargo shows its progress.
///
/// # Errors
/// There is nothing to build with, or cargo fails.
pub fn compile(arch: Arch, say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let workspace = workspace()?;
    let target = Target::choose(arch, &workspace, say)?;
    say(&format!("building ptp-sync-check for {}", target.triple));
    // Of its own, since the flags differ from those of other builds.
    let directory = workspace.join("target/machineconfig");
    let status = cargo(&workspace, &directory, &target)
        .status()
        .map_err(Error::io("run", "cargo".as_ref()))?;
    if !status.success() {
        return Err(Error::Tool {
            program: "cargo build".into(),
            status,
            output: String::new(),
        });
    }
    Ok(directory.join(target.triple).join("release/ptp-sync-check"))
}

/// The sources: above those of this program, as `cargo run` says, else as they were when it was
/// built.
fn workspace() -> Result<PathBuf> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR");
    let own = own.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let above = own.join("..");
    above.canonicalize().map_err(Error::io("open", &above))
}

fn cargo(workspace: &Path, directory: &Path, target: &Target) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command
        .current_dir(workspace)
        .args(["build", "--locked", "--release"])
        .args(["--package", "ptp-sync-check", "--bin", "ptp-sync-check"])
        .args(["--target", &target.triple])
        .arg("--target-dir")
        .arg(directory)
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
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(workspace, target));
    command
}

/// No path of this machine gets into the binary.
fn flags(workspace: &Path, target: &Target) -> OsString {
    let mut flags = OsString::from(target.flags.join(SEPARATOR));
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
    if let Some(sysroot) = rustc(&["--print=sysroot"]) {
        remap(
            &Path::new(sysroot.trim()).join("lib/rustlib/src/rust"),
            "/rust",
        );
    }
    flags
}

fn cargo_home() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
}

/// What the compiler says of itself.
fn rustc(arguments: &[&str]) -> Option<String> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.is_empty()).then_some(text)
}
