//! What is written: its shape, and that it is the same every time.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod common;

use common::{Workshop, require};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const WORKER: &str = "05-chronyd-dynamic-worker.yaml";

/// The whole file, as it must stay: a changed byte drains and reboots nodes. `UPDATE=1` says
/// that it is meant.
#[test]
fn golden() {
    let workshop = Workshop::new();
    workshop.build(&["--role", "worker"]);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(WORKER);
    let found = workshop.text(WORKER);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&golden, &found).expect("the golden file");
    }
    let expected = fs::read_to_string(golden).expect("the golden file");
    assert!(
        found == expected,
        "differs from tests/golden/{WORKER}:\n{found}"
    );
}

#[test]
fn the_same_whatever_directory_umask_and_day() {
    let (one, other) = (Workshop::new(), Workshop::new());
    one.build(&["--role", "worker"]);
    let shell = format!(
        "umask 077; TZ=Asia/Tokyo exec '{}' --binary program --role worker --out deep/er",
        env!("CARGO_BIN_EXE_machineconfig")
    );
    let status = Command::new("sh")
        .args(["-c", &shell])
        .current_dir(other.path("."))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").expect("a path"))
        .arg0("sh")
        .status();
    assert!(status.expect("a shell").success());
    assert_eq!(one.text(WORKER), other.text(&format!("deep/er/{WORKER}")));
}

#[test]
fn a_file_for_each_role() {
    let workshop = Workshop::new();
    workshop.build(&[]);
    workshop.build(&[
        "--role",
        "master",
        "--role",
        "du-far-edge",
        "--role",
        "master",
    ]);
    for role in ["master", "worker", "du-far-edge"] {
        let text = workshop.text(&format!("05-chronyd-dynamic-{role}.yaml"));
        assert!(text.contains(&format!("\n  name: 05-chronyd-dynamic-{role}\n")));
        assert!(text.contains(&format!("machineconfiguration.openshift.io/role: {role}\n")));
        assert!(!text.contains("\n---"), "one document per file");
    }
    let worker = workshop.text(WORKER).replace("worker", "master");
    assert_eq!(worker, workshop.text("05-chronyd-dynamic-master.yaml"));
}

#[test]
fn aarch64() {
    let workshop = Workshop::new();
    let arguments = ["--arch", "aarch64", "--binary", "program-aarch64"];
    let answer = workshop.run(&arguments);
    assert_eq!(answer.status, 0, "{}", answer.stderr);
}

#[test]
fn ignition_takes_it() {
    require("ignition-validate", "ignition");
    let workshop = Workshop::new();
    let config = workshop.worker()["spec"]["config"].to_string();
    let path = workshop.write("config.ign", config.as_bytes());
    let output = Command::new("ignition-validate")
        .arg(path)
        .output()
        .expect("a run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn the_table_says_what_to_do() {
    let workshop = Workshop::new();
    let small = workshop.build(&["--role", "worker"]);
    assert!(
        small.contains("oc apply, Argo CD by default        262144"),
        "{small}"
    );
    assert!(!small.contains("OVER"), "{small}");
    let mut program = common::elf(common::X86_64, "ptp-sync-check 0.0.0\n");
    program.extend(noise(230_000));
    workshop.write("program", &program);
    let large = workshop.build(&["--role", "worker"]);
    assert!(large.contains("OVER\n"), "{large}");
    assert!(large.contains("over 262144: `oc create`"), "{large}");
}

/// Bytes that cannot be packed (xorshift).
fn noise(count: usize) -> impl Iterator<Item = u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 56) as u8
    })
    .take(count)
}

#[test]
fn too_large_for_any_cluster() {
    let workshop = Workshop::new();
    let mut program = common::elf(common::X86_64, "ptp-sync-check 0.0.0\n");
    program.extend(noise(1_200_000));
    workshop.write("program", &program);
    let answer = workshop.run(&["--binary", "program", "--role", "worker"]);
    assert_eq!(answer.status, 1);
    let limit = "bytes of JSON, expected at most 1572864 (etcd, rendered MachineConfig)";
    assert!(answer.stderr.contains(limit), "{}", answer.stderr);
    assert!(!workshop.path(WORKER).exists());
}
