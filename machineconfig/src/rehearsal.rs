//! Trying what would be on the node: the program answers, and systemd takes the units.

use crate::arch::Arch;
use crate::error::{Error, Result};
use crate::manifest::PROGRAM;
use crate::units::{CHECK, CHRONYD, FAILSAFE, TIMER};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Older ones cannot look below a directory.
const SYSTEMD_MIN: u32 = 252;
/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);
/// What the units refer to and a node has.
const STAND_INS: [(&str, &str, u32); 7] = [
    ("bin/rm", "", 0o755),
    ("bin/systemctl", "", 0o755),
    ("lib/systemd/system/basic.target", "[Unit]\n", 0o644),
    ("lib/systemd/system/shutdown.target", "[Unit]\n", 0o644),
    ("lib/systemd/system/sysinit.target", "[Unit]\n", 0o644),
    ("lib/systemd/system/timers.target", "[Unit]\n", 0o644),
    (
        "lib/systemd/system/chronyd.service",
        "[Service]\nExecStart=/usr/bin/rm\n",
        0o644,
    ),
];

/// What could not be tried, for the user to know.
pub type Note = String;

/// Runs the program of an unpacked tree. In messages it has the name that the user knows.
///
/// # Errors
/// It does not answer `--version` with its name.
pub fn run_program(root: &Path, name: &Path, arch: Arch) -> Result<Option<Note>> {
    let refuse = |problem: String| Error::Program {
        path: name.to_owned(),
        problem,
        expected: "an answer of ptp-sync-check to --version".into(),
    };
    let path = root.join(PROGRAM.trim_start_matches('/'));
    let Some(output) = ask(&path, arch).map_err(|error| refuse(error.to_string()))? else {
        return Ok(Some(format!(
            "{arch} programs do not run here (qemu-user is missing), so the binary was not asked \
             for its version"
        )));
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && answer.starts_with("ptp-sync-check ") {
        Ok(None)
    } else {
        Err(refuse(format!(
            "answers --version with {} and {:?}",
            output.status,
            answer.trim_end()
        )))
    }
}

/// The answer; None where there is no way to run a program for this architecture.
fn ask(path: &Path, arch: Arch) -> io::Result<Option<Output>> {
    if arch.is_native() {
        return answer(&mut Command::new(path)).map(Some);
    }
    for emulator in [format!("qemu-{arch}-static"), format!("qemu-{arch}")] {
        match answer(Command::new(emulator).arg(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result.map(Some),
        }
    }
    Ok(None)
}

fn answer(command: &mut Command) -> io::Result<Output> {
    let mut child = command
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::other("does not end"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output()
}

/// Has systemd read the units of an unpacked tree. Puts stand-ins for what it lacks beside them.
///
/// # Errors
/// A unit is wrong, or has lines that systemd passes over.
pub fn verify_units(root: &Path) -> Result<Option<Note>> {
    if systemd_version().is_none_or(|version| version < SYSTEMD_MIN) {
        return Ok(Some(format!(
            "no systemd-analyze of systemd {SYSTEMD_MIN} or later here, so the units were not \
             verified"
        )));
    }
    for (path, text, mode) in STAND_INS {
        stand_in(&root.join("usr").join(path), text, mode)?;
    }
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--root"])
        .arg(root)
        .args([CHECK, TIMER, FAILSAFE, CHRONYD])
        // It would take units of the same names from where the user happens to be.
        .current_dir(root)
        .env("LC_ALL", "C")
        .output()
        .map_err(Error::io("run", "systemd-analyze".as_ref()))?;
    let text = String::from_utf8_lossy(&output.stderr)
        .trim_end()
        .to_owned();
    if !output.status.success() || text.contains("gnoring") {
        return Err(Error::Units { output: text });
    }
    Ok((!text.is_empty()).then_some(text))
}

/// `systemd 252 (252.39-1~deb12u2)`.
fn systemd_version() -> Option<u32> {
    let output = Command::new("systemd-analyze").arg("--version").output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

fn stand_in(path: &Path, text: &str, mode: u32) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io("make", parent))?;
    }
    fs::write(path, text).map_err(Error::io("write", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(Error::io("change", path))
}
