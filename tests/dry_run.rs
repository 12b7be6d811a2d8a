//! A dry run changes nothing, anywhere, and a real run does what it said.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod common;

use common::{NOW, Node, UPTIME, phc2sys, program, ptp4l};
use std::process::Command;

/// One node for every way through the program.
fn nodes() -> Vec<(&'static str, Node)> {
    let good = || vec![ptp4l(1.0, "-98", "s2"), phc2sys(0.5, "12", "s2")];
    let bad = || vec![ptp4l(1.0, "900000", "s2")];
    let marked = Node::with_log(&good());
    marked.act();
    let to_be_removed = Node::with_log(&good());
    to_be_removed.act();
    to_be_removed.log(&bad());
    let obstructed = Node::with_log(&good());
    obstructed.directory("run/ptp/insync");
    vec![
        ("in sync, no marker", Node::with_log(&good())),
        ("in sync, marker", marked),
        ("out of sync, no marker", Node::with_log(&bad())),
        ("out of sync, marker", to_be_removed),
        ("out of sync, obstacle", obstructed),
        ("no log", Node::new()),
    ]
}

/// Can this system call, as strace prints it, change anything?
fn changes_something(call: &str) -> bool {
    let name = call.split('(').next().unwrap_or_default();
    let to_output = call.starts_with("write(1,") || call.starts_with("write(2,");
    match name {
        "open" | "openat" | "openat2" => ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"]
            .iter()
            .any(|flag| call.contains(flag)),
        "write" | "writev" | "pwrite64" => !to_output,
        "flock" | "socket" | "connect" | "sendmsg" | "sendto" | "clone" | "clone3" | "fork"
        | "vfork" => true,
        _ => [
            "mkdir",
            "rename",
            "unlink",
            "rmdir",
            "link",
            "symlink",
            "chmod",
            "chown",
            "utime",
            "truncate",
            "mknod",
            "mount",
            "xattr",
            "fallocate",
        ]
        .iter()
        .any(|part| name.contains(part)),
    }
}

#[test]
fn a_dry_run_makes_no_call_that_changes_anything() {
    for (what, node) in nodes() {
        let trace = node.path("trace");
        let status = Command::new("strace")
            .args(["-f", "-o"])
            .arg(&trace)
            .arg(program())
            .args([
                "--dry-run",
                "--now",
                NOW,
                "--uptime",
                &UPTIME.to_string(),
                "--root",
            ])
            .arg(node.root())
            .output()
            .expect("strace runs")
            .status;
        assert!(status.success(), "{what}");
        let trace = std::fs::read_to_string(&trace).expect("a trace");
        let calls: Vec<&str> = (trace.lines())
            .filter_map(|line| line.split_once(' ').map(|(_, call)| call.trim_start()))
            .filter(|call| changes_something(call))
            .collect();
        assert_eq!(calls, Vec::<&str>::new(), "{what}");
        assert!(
            trace.contains("write(1,"),
            "{what}: the trace is of the program"
        );
    }
}

#[test]
fn a_real_run_does_what_the_dry_run_said() {
    for (what, node) in nodes() {
        let said = node.look();
        let done = node.act();
        assert_eq!(said, done, "{what}");
        assert_eq!(node.is_marked(), said["verdict"] == "in-sync", "{what}");
        let verb = if node.is_marked() { "stop" } else { "start" };
        assert_eq!(node.verb(), verb, "{what}");
        let kept =
            std::fs::read_to_string(node.path("run/ptp-sync-check/report.json")).expect("a report");
        let kept: serde_json::Value = serde_json::from_str(&kept).expect("JSON");
        assert_eq!(kept, done, "{what}: the same object is kept");
    }
}
