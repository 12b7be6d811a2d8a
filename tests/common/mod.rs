//! A miniature node for the tests, and the program that is run on it.
//!
//! The program is the one that ships: `PTP_SYNC_CHECK` names it, and without that it is the one
//! that cargo has just built.

#![allow(dead_code, reason = "every test uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a test may fail, and its times are round"
)]

pub mod shipped;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The boot id of every miniature node.
pub const BOOT_ID: &str = "11111111-2222-3333-4444-555555555555";
/// The directory of its pod.
pub const POD: &str = "var/log/pods/openshift-ptp_linuxptp-daemon-abcde_0123-uid";
/// The directory of its logs.
pub const CONTAINER: &str =
    "var/log/pods/openshift-ptp_linuxptp-daemon-abcde_0123-uid/linuxptp-daemon-container";
/// The time of every miniature node: lines are written at `at(seconds ago)`.
pub const NOW: &str = "2026-07-24T12:00:00Z";
/// Seconds since boot then.
pub const UPTIME: f64 = 100_000.0;

/// The program under test.
pub fn program() -> PathBuf {
    std::env::var_os("PTP_SYNC_CHECK").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_ptp-sync-check")),
        PathBuf::from,
    )
}

/// [`NOW`] in nanoseconds since 1970.
const NOW_NS: i64 = 1_784_894_400_000_000_000;

/// A time, so many seconds before [`NOW`].
pub fn at(seconds_ago: f64) -> String {
    ptp_sync_check::clock::format_time(NOW_NS - (seconds_ago * 1e9).round() as i64)
}

/// A line on standard output, so many seconds ago, with the time since boot in its
/// bracket.
pub fn line(program: &str, seconds_ago: f64, rest: &str) -> String {
    let bracket = UPTIME - seconds_ago;
    format!(
        "{} stdout F {program}[{bracket:.3}]: {rest}\n",
        at(seconds_ago)
    )
}

/// A ptp4l sample of the first instance.
pub fn ptp4l(seconds_ago: f64, offset: &str, servo: &str) -> String {
    line(
        "ptp4l",
        seconds_ago,
        &format!(
            "[ptp4l.0.config:6] master offset {offset:>10} {servo} freq   +3120 path delay      1587"
        ),
    )
}

/// A phc2sys sample of the system clock.
pub fn phc2sys(seconds_ago: f64, offset: &str, servo: &str) -> String {
    line(
        "phc2sys",
        seconds_ago,
        &format!(
            "[ptp4l.0.config:6] CLOCK_REALTIME phc offset {offset:>9} {servo} freq   +2872 delay    551"
        ),
    )
}

/// A change of a port of the first ptp4l instance.
pub fn port(seconds_ago: f64, number: u16, change: &str) -> String {
    line(
        "ptp4l",
        seconds_ago,
        &format!("[ptp4l.0.config:5] port {number} (ens4f{number}): {change}"),
    )
}

/// A line of linuxptp-daemon itself, with unix seconds in its bracket.
pub fn daemon(program: &str, seconds_ago: f64, rest: &str) -> String {
    let unix = (NOW_NS as f64 / 1e9 - seconds_ago).floor();
    format!("{} stdout F {program}[{unix:.0}]:{rest}\n", at(seconds_ago))
}

/// A miniature node.
pub struct Node {
    root: TempDir,
}

/// What a run has answered.
pub struct Answer {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    /// A node with a boot id and an empty `/run`.
    pub fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// One whose files are in memory, where that can be: for many files, or large ones.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Self::below(memory)
        } else {
            Self::new()
        }
    }

    fn below(directory: &Path) -> Self {
        let node = Self {
            root: tempfile::tempdir_in(directory).expect("a temporary directory"),
        };
        node.write(
            "proc/sys/kernel/random/boot_id",
            format!("{BOOT_ID}\n").as_bytes(),
        );
        node.directory("run");
        node
    }

    /// A node whose log holds these lines.
    pub fn with_log(lines: &[String]) -> Self {
        let node = Self::new();
        node.log(lines);
        node
    }

    /// Replaces the log.
    pub fn log(&self, lines: &[String]) -> &Self {
        self.write(&format!("{CONTAINER}/0.log"), lines.concat().as_bytes())
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A path on it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file, and the directories above it.
    pub fn write(&self, path: &str, content: &[u8]) -> &Self {
        let full = self.path(path);
        std::fs::create_dir_all(full.parent().expect("a parent")).expect("directories");
        std::fs::write(full, content).expect("a file");
        self
    }

    /// Makes a directory, and those above it.
    pub fn directory(&self, path: &str) -> &Self {
        std::fs::create_dir_all(self.path(path)).expect("a directory");
        self
    }

    /// Puts a marker there, as the predecessor did.
    pub fn mark(&self) -> &Self {
        self.write("run/ptp/insync", b"")
    }

    /// Is something there that keeps chronyd from starting?
    pub fn is_marked(&self) -> bool {
        self.path("run/ptp/insync").symlink_metadata().is_ok()
    }

    /// What the unit would tell chronyd.
    pub fn verb(&self) -> String {
        let told = std::fs::read_to_string(self.path("run/ptp-sync-check/chronyd.env"));
        told.map_or("start (by default)".into(), |text| {
            text.trim().replace("CHRONYD_VERB=", "")
        })
    }

    /// The program, to be run on this node at [`NOW`], with a clean environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command
            .env_clear()
            .arg("--root")
            .arg(self.root())
            .stdin(Stdio::null());
        command
    }

    /// Runs it at another time: seconds after [`NOW`].
    pub fn run_at(&self, seconds: f64, arguments: &[&str]) -> Answer {
        let mut command = self.command();
        command
            .args(["--now", &at(-seconds)])
            .args(["--uptime", &format!("{:.3}", UPTIME + seconds)])
            .args(arguments);
        answer(&mut command)
    }

    /// Runs it at [`NOW`].
    pub fn run(&self, arguments: &[&str]) -> Answer {
        self.run_at(0.0, arguments)
    }

    /// Runs it with variables in its environment.
    pub fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Answer {
        let mut command = self.command();
        command
            .args(["--now", NOW, "--uptime", &UPTIME.to_string()])
            .envs(variables.iter().copied())
            .args(arguments);
        answer(&mut command)
    }

    /// The report of a dry run.
    pub fn look(&self) -> Value {
        self.run(&["--dry-run", "--output", "json"]).json()
    }

    /// The report of a real run.
    pub fn act(&self) -> Value {
        self.act_at(0.0)
    }

    /// The report of a real run at another time.
    pub fn act_at(&self, seconds: f64) -> Value {
        self.run_at(seconds, &["--output", "json"]).json()
    }

    /// The verdict and reason of a dry run.
    pub fn verdict(&self) -> String {
        verdict(&self.look())
    }
}

/// `in-sync (within-limit)`.
pub fn verdict(report: &Value) -> String {
    let word = |field: &str| report[field].as_str().unwrap_or("?").to_owned();
    format!("{} ({})", word("verdict"), word("reason"))
}

/// Runs a command to its end.
pub fn answer(command: &mut Command) -> Answer {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program runs");
    Answer {
        status: status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

impl Answer {
    /// The report that was printed.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no report ({error}): {}{}", self.stdout, self.stderr))
    }
}
