//! The static release binary: the one that `PTP_SYNC_CHECK` names, or else one that is built
//! here, since cargo's test build is neither static nor optimised.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where it is, as the kernel names it.
pub fn shipped() -> &'static Path {
    static SHIPPED: OnceLock<PathBuf> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let path = std::env::var_os("PTP_SYNC_CHECK").map_or_else(build, PathBuf::from);
        path.canonicalize()
            .unwrap_or_else(|error| panic!("no program {}: {error}", path.display()))
    })
}

fn build() -> PathBuf {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("the target directory");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--bin", "ptp-sync-check"])
        .args(["--target", &target, "--target-dir"])
        .arg(directory)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .expect("cargo runs");
    assert!(
        built.status.success(),
        "this test is about the static release binary, which cannot be built; for the target: \
         rustup target add {target}\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    directory.join(target).join("release/ptp-sync-check")
}
