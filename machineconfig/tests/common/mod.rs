//! A stand-in for the program that is packed, and runs of the one that packs it.

#![allow(dead_code, reason = "every test uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail, and says what it leaves out"
)]

use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What the stand-in says, whatever it is asked.
const ANSWER: &str = "ptp-sync-check 0.0.0\n";

/// The numbers of architectures in ELF headers.
pub const X86_64: u16 = 62;
/// The other one.
pub const AARCH64: u16 = 183;

/// A static program of 64 bits that writes its answer and ends: header, one segment, code, text.
pub fn elf(machine: u16, answer: &str) -> Vec<u8> {
    let length = u32::try_from(answer.len()).expect("a short answer");
    let code = match machine {
        X86_64 => [
            &[0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0][..], // write to standard output
            &[0x48, 0x8d, 0x35, 16, 0, 0, 0, 0xba],    // what follows the code
            &length.to_le_bytes(),
            &[0x0f, 0x05, 0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05], // exit with 0
        ]
        .concat(),
        _ => [
            0xd280_0808, // write
            0xd280_0020, // to standard output
            0x1000_00c1, // what follows the code
            0xd280_0002 | length << 5,
            0xd400_0001,
            0xd280_0ba8, // exit
            0xd280_0000, // with 0
            0xd400_0001_u32,
        ]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect(),
    };
    let size = 120 + code.len() as u64 + answer.len() as u64;
    let base = 0x0040_0000_u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    file.extend(machine.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for word in [base + 120, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
    file.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    for word in [0, base, base, size, size, 0x1_0000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file.extend(answer.as_bytes());
    file
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

impl Answer {
    /// Runs a command.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the program runs");
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A directory with a stand-in for the program.
pub struct Workshop {
    directory: TempDir,
}

impl Default for Workshop {
    fn default() -> Self {
        Self::new()
    }
}

impl Workshop {
    /// With a good stand-in for `x86_64`, called `program`.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let workshop = Self { directory };
        workshop.write("program", &elf(X86_64, ANSWER));
        workshop.write("program-aarch64", &elf(AARCH64, ANSWER));
        workshop
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("a mode");
        path
    }

    /// The text of a file.
    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `machineconfig`, to be run in this directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_machineconfig"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.command(arguments))
    }

    /// Packs the stand-in; this must succeed.
    pub fn build(&self, arguments: &[&str]) -> String {
        let answer = self.run(&[&["--binary", "program"], arguments].concat());
        assert_eq!(answer.status, 0, "{}", answer.stderr);
        answer.stderr
    }

    /// The object for workers.
    pub fn worker(&self) -> Value {
        self.build(&["--role", "worker"]);
        let text = self.text("05-chronyd-dynamic-worker.yaml");
        yaml_serde::from_str(&text).expect("YAML")
    }

    /// Unpacks an object to `root`.
    pub fn unpack(&self, object: &Value) -> Answer {
        self.write("object.json", object.to_string().as_bytes());
        self.run(&["unpack", "object.json", "--root", "root"])
    }
}

/// The mode of a file.
pub fn mode(path: &Path) -> u32 {
    let found =
        fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    found.permissions().mode() & 0o7777
}

/// A test needs this program: without it nothing would be tested, and the test must say so.
pub fn require(program: &str, package: &str) {
    let asked = Command::new(program)
        .arg("--help")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        asked.is_ok(),
        "{program} is missing: apt-get install {package}"
    );
}
