//! The same sources give the same bytes in every folder, and within the budget; and the bill of
//! materials says what they are made of.

#![expect(clippy::expect_used, reason = "a test may fail")]

use cyclonedx_bom::prelude::{Bom, Validate};
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
#[ignore = "builds the program twice, which takes minutes"]
fn two_folders() {
    let crates = same_and_at_most(650_000, &[]);
    assert!(crates.contains(&"clap".to_owned()), "{crates:?}");
}

/// What `oc apply` takes.
#[test]
#[ignore = "builds the program and the standard library twice, which takes minutes"]
fn two_folders_small() {
    let crates = same_and_at_most(262_144, &["--small"]);
    assert!(crates.contains(&"lexopt".to_owned()), "{crates:?}");
    assert!(!crates.contains(&"clap".to_owned()), "{crates:?}");
}

/// The crates of the program, by its bill of materials.
fn same_and_at_most(bytes: usize, options: &[&str]) -> Vec<String> {
    let one = tempfile::tempdir().expect("a directory");
    let other = tempfile::tempdir().expect("a directory");
    let (object, bill) = build(&one.path().join("clone"), options);
    let again = build(&other.path().join("another clone/of it"), options);
    assert!(object == again.0, "differs from folder to folder");
    assert_eq!(bill, again.1);
    let length = object.len();
    assert!(length <= bytes, "{length} bytes, expected {bytes}");

    let bill = Bom::parse_from_json(bill.as_bytes()).expect("CycloneDX");
    let problems = bill.validate();
    assert!(problems.passed(), "{problems:?}");
    let components = bill.components.expect("components").0;
    let linked = components.iter().map(|crate_| crate_.name.to_string());
    linked.collect()
}

/// Builds in a copy of the sources.
fn build(clone: &Path, options: &[&str]) -> (String, String) {
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
    let read = |name: &str| fs::read_to_string(out.join(name)).expect("the file");
    (
        read("05-chronyd-dynamic-worker.yaml"),
        read("ptp-sync-check-x86_64.cdx.json"),
    )
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
