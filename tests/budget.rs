//! The budgets of a run that do not jitter: system calls, processes, bytes of the log, memory.
//!
//! They hold for the program that ships, so the static release binary is run: the one that
//! `PTP_SYNC_CHECK` names, or else one that is built here. Times are left to `benches/compare`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::must_use_candidate,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops where something is not as expected"
)]

mod common;

use common::shipped::shipped;
use common::{CONTAINER, NOW, Node, UPTIME, phc2sys, ptp4l};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SYSTEM_CALLS: usize = 60;
const LOG_BYTES: u64 = 64 << 10;
/// A bad stream does not end the reading, since an older line may show another card that is good
/// (R7): out of sync, the log is read back to `SYNC_AGE`, 1.4 MiB here, and a block.
const LOG_BYTES_OUT_OF_SYNC: u64 = 2 << 20;
const RESIDENT_KIB: u64 = 2 << 10;

/// Long enough to look at a process that ends, however busy the machine is.
const HELD_AT_EXIT: Duration = Duration::from_millis(500);

#[test]
fn in_sync_10_mib() {
    let node = node_with(Size::Mib10, "-45");
    assert_budgets(&node, &[], "in-sync");
}

#[test]
fn in_sync_1_gib() {
    let node = node_with(Size::Gib1, "-45");
    assert_budgets(&node, &[], "in-sync");
}

#[test]
fn out_of_sync_10_mib() {
    let node = node_with(Size::Mib10, "500000");
    assert_budgets(&node, &[], "out-of-sync");
}

#[test]
fn out_of_sync_1_gib() {
    let node = node_with(Size::Gib1, "500000");
    assert_budgets(&node, &[], "out-of-sync");
}

#[test]
fn dry_run_10_mib() {
    let node = node_with(Size::Mib10, "-45");
    assert_budgets(&node, &["--dry-run"], "in-sync");
}

#[test]
fn dry_run_1_gib() {
    let node = node_with(Size::Gib1, "-45");
    assert_budgets(&node, &["--dry-run"], "in-sync");
}

/// Measures the second run in the same state: that is what happens every 5 minutes on every node.
fn assert_budgets(node: &Node, arguments: &[&str], verdict: &str) {
    let first = traced(node, arguments);
    let run = traced(node, arguments);
    let context = format!("{arguments:?}, {verdict}, {}", run.summary());
    let is_real = arguments.is_empty();
    if is_real {
        let report = fs::read_to_string(node.path("run/ptp-sync-check/report.json"));
        let report = report.expect("the report of a real run");
        let expected = format!("\"verdict\": \"{verdict}\"");
        assert!(report.contains(&expected), "{context}\n{report}");
    }
    assert_eq!(first.status, Some(0), "{context}");
    assert_eq!(run.status, Some(0), "{context}");
    println!("{context}");
    assert_eq!(
        node.is_marked(),
        is_real && verdict == "in-sync",
        "{context}"
    );
    assert_eq!(run.processes, Vec::<String>::new(), "{context}");
    assert!(run.log_bytes > 0, "the log was not read: {context}");
    let log_bytes = match verdict {
        "in-sync" => LOG_BYTES,
        _ => LOG_BYTES_OUT_OF_SYNC,
    };
    assert!(run.log_bytes <= log_bytes, "log: {context}");
    assert!(run.resident_kib > 100, "it was not looked at: {context}");
    assert!(run.resident_kib <= RESIDENT_KIB, "memory: {context}");
    let calls = run.system_calls.len();
    assert!(
        calls <= SYSTEM_CALLS,
        "system calls: {context}\n{}",
        run.system_calls.join("\n")
    );
}

#[derive(Clone, Copy)]
enum Size {
    Mib10,
    Gib1,
}

/// A node whose log ends now, with 16 lines of ptp4l and one of phc2sys a second. The head of
/// the large one is a hole: a run that reads it breaks its budgets.
fn node_with(size: Size, offset: &str) -> Node {
    let (total, lines_bytes): (u64, usize) = match size {
        Size::Mib10 => (10 << 20, 10 << 20),
        Size::Gib1 => (1 << 30, 2 << 20),
    };
    let mut newest_first: Vec<String> = Vec::new();
    let mut bytes = 0;
    for sixteenth in 0.. {
        let ago = f64::from(sixteenth) / 16.0;
        let mut lines = ptp4l(ago, offset, "s2");
        if sixteenth % 16 == 0 {
            lines += &phc2sys(ago, "-12", "s2");
        }
        bytes += lines.len();
        newest_first.push(lines);
        if bytes >= lines_bytes {
            break;
        }
    }
    newest_first.reverse();
    let lines = newest_first.concat();
    let node = Node::new();
    node.log(&[]);
    let log = File::options()
        .write(true)
        .open(node.path(CONTAINER).join("0.log"))
        .expect("the log");
    let start = total.saturating_sub(lines.len() as u64);
    log.write_all_at(lines.as_bytes(), start).expect("lines");
    node
}

/// What a run cost.
struct Run {
    status: Option<i32>,
    system_calls: Vec<String>,
    /// Every call that makes a process or a thread, or turns into another program.
    processes: Vec<String>,
    log_bytes: u64,
    resident_kib: u64,
}

impl Run {
    fn summary(&self) -> String {
        format!(
            "{} system calls, {} bytes of the log, {} KiB resident",
            self.system_calls.len(),
            self.log_bytes,
            self.resident_kib
        )
    }
}

/// Runs the program under strace, in an environment as systemd makes it.
fn traced(node: &Node, arguments: &[&str]) -> Run {
    let program = shipped();
    let trace = node.path("trace");
    let hold = format!("inject=exit_group:delay_enter={}", HELD_AT_EXIT.as_micros());
    let mut strace = Command::new("strace")
        .args(["-f", "-y", "-s", "0", "-e", "trace=all", "-e", &hold, "-o"])
        .arg(&trace)
        .arg("--")
        .arg(program)
        .arg("--root")
        .arg(node.root())
        .args(["--now", NOW, "--uptime", &UPTIME.to_string()])
        .args(arguments)
        .env_clear()
        .envs(
            ["PATH", "LD_LIBRARY_PATH"]
                .iter()
                .filter_map(|name| std::env::var_os(name).map(|value| (name, value))),
        )
        .envs([
            ("LANG", "C.UTF-8"),
            ("INVOCATION_ID", "0123456789abcdef0123456789abcdef"),
            ("JOURNAL_STREAM", "8:12345"),
            ("SYSTEMD_EXEC_PID", "4711"),
            ("RUNTIME_DIRECTORY", "/run/ptp:/run/ptp-sync-check"),
            ("MAX_OFFSET", "100us"),
            ("OFFSET_THRESHOLD", "20us"),
            ("SYNC_AGE", "10m"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("these tests need strace: apt-get install strace, or dnf install strace");
    let resident_kib = watch(&mut strace, program);
    let status = strace.wait().expect("strace ends").code();
    let text = fs::read_to_string(&trace).expect("strace may not trace here (ptrace is denied?)");
    read_trace(&text, status, resident_kib)
}

/// Looks at the program until it ends. What `wait4` says would not do: it includes the memory of
/// the process that was forked, which is larger than ours.
fn watch(strace: &mut Child, program: &Path) -> u64 {
    let children = format!("/proc/{0}/task/{0}/children", strace.id());
    let mut most = 0;
    while strace.try_wait().expect("strace").is_none() {
        let pids = fs::read_to_string(&children).unwrap_or_default();
        for pid in pids.split_ascii_whitespace() {
            let is_program =
                fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program);
            if is_program {
                most = most.max(kib(pid, "status", "VmHWM:"));
                // The high-water mark is kept in coarse counters (mm_struct.rss_stat), this not.
                most = most.max(kib(pid, "smaps_rollup", "Rss:"));
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    most
}

/// A number of kibibytes under `/proc`; 0 where the process has ended meanwhile.
fn kib(pid: &str, file: &str, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Reads lines like `4711 pread64(7</…/0.log>, ""..., 32768, 100) = 32768`.
fn read_trace(text: &str, status: Option<i32>, resident_kib: u64) -> Run {
    let calls: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(_, call)| Some((call, call.trim_start().split_once('(')?.0)))
        // It does not return; `strace -c` does not count it either.
        .filter(|(_, name)| *name != "exit_group")
        .collect();
    let makes_process =
        |name: &str| ["clone", "clone3", "fork", "vfork", "execve", "execveat"].contains(&name);
    let is_read = |name: &str| ["read", "readv", "pread64", "preadv", "preadv2"].contains(&name);
    let result = |call: &str| call.rsplit_once(" = ").map(|(_, result)| result.to_owned());
    Run {
        status,
        // The first of all has started the program.
        processes: calls
            .iter()
            .skip(1)
            .filter(|(_, name)| makes_process(name))
            .map(|(call, _)| (*call).to_owned())
            .collect(),
        log_bytes: calls
            .iter()
            .filter(|(call, name)| is_read(name) && call.contains("/0.log>"))
            .filter_map(|(call, _)| result(call)?.parse::<u64>().ok())
            .sum(),
        system_calls: calls.iter().map(|(call, _)| (*call).to_owned()).collect(),
        resident_kib,
    }
}
