//! The same sources give the same bytes in every folder, and within the budget.

#![expect(clippy::expect_used, reason = "a test may fail")]

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "builds the program twice, which takes minutes"]
fn two_folders() {
    same_and_at_most(650_000, &[]);
}

/// What `oc apply` takes.
#[test]
#[ignore = "builds the program and the standard library twice, which takes minutes"]
fn two_folders_small() {
    same_and_at_most(262_144, &["--small"]);
}

fn same_and_at_most(bytes: usize, options: &[&str]) {
    let one = tempfile::tempdir().expect("a directory");
    let other = tempfile::tempdir().expect("a directory");
    let first = build(&one.path().join("clone"), options);
    let second = build(&other.path().join("another clone/of it"), options);
    assert!(first == second, "differs from folder to folder");
    assert!(
        first.len() <= bytes,
        "{} bytes, expected {bytes}",
        first.len()
    );
}

/// Builds in a copy of the sources.
fn build(clone: &Path, options: &[&str]) -> String {
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
        .args(options)
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
