//! Building the static binary, so that the same sources give the same bytes in every folder.

use crate::error::{Error, Result};
use crate::recipe::Recipe;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The separator in `CARGO_ENCODED_RUSTFLAGS`, with which paths may have blanks.
const SEPARATOR: &str = "\x1f";

/// Builds the program; cargo shows its progress.
///
/// # Errors
/// cargo fails.
pub fn compile(recipe: &Recipe, say: &mut dyn FnMut(&str)) -> Result<()> {
    say(&format!("building ptp-sync-check for {}", recipe.triple));
    let status = cargo(recipe)
        .status()
        .map_err(Error::io("run", "cargo".as_ref()))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::Cargo {
            command: "build",
            status,
        })
    }
}

fn cargo(recipe: &Recipe) -> Command {
    let mut command = recipe.toolchain.command("cargo");
    command
        .current_dir(&recipe.workspace)
        .args(["build", "--locked", "--release"])
        .args(["--package", "ptp-sync-check", "--bin", "ptp-sync-check"])
        .args(["--target", &recipe.triple])
        .arg("--target-dir")
        .arg(recipe.workspace.join(recipe.directory))
        .args(recipe.features)
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
    command.env("CARGO_ENCODED_RUSTFLAGS", flags(recipe));
    command
}

/// No path of this machine gets into the binary.
fn flags(recipe: &Recipe) -> OsString {
    let mut flags = OsString::from(recipe.flags.join(SEPARATOR));
    let mut remap = |from: &Path, to: &str| {
        flags.push(SEPARATOR);
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    };
    remap(&recipe.workspace, "/ptp-sync-check");
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
