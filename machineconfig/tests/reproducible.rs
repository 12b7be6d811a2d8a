//! The same sources give the same bytes in every folder, and within the budget.

#![expect(clippy::expect_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Bytes of a MachineConfig of the default build.
const BUDGET: usize = 650_000;

#[test]
#[ignore = "builds the program twice, which takes minutes"]
fn two_folders() {
    let one = tempfile::tempdir().expect("a directory");
    let other = tempfile::tempdir().expect("a directory");
    let first = build(&one.path().join("clone"));
    let second = build(&other.path().join("another clone/of it"));
    assert!(first == second, "differs from folder to folder");
    assert!(
        first.len() <= BUDGET,
        "{} bytes, expected {BUDGET}",
        first.len()
    );
}

/// Builds in a copy of the sources.
fn build(clone: &Path) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for part in [
        "Cargo.lock",
        "Cargo.toml",
        "benches",
        "machineconfig",
        "src",
        "systemd",
    ] {
        copy(&workspace.join(part), &clone.join(part));
    }
    let out = clone.join("out");
    let status = Command::new(env!("CARGO_BIN_EXE_machineconfig"))
        .args(["--role", "worker", "--out"])
        .arg(&out)
        // As `cargo run` would set it there.
        .env("CARGO_MANIFEST_DIR", clone.join("machineconfig"))
        .status();
    assert!(status.expect("a run").success());
    fs::read_to_string(out.join("05-chronyd-dynamic-worker.yaml")).expect("the file")
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a directory");
        for entry in fs::read_dir(from).expect("a directory") {
            let name = entry.expect("an entry").file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else if from.exists() {
        fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        fs::copy(from, to).expect("a copy");
    }
}
