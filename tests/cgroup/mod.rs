//! A control group with a limit on memory and a quota of the CPU (cgroups(7)), of either version.
//!
//! Only root can have one, and not in every container: where it cannot be made the test fails
//! and says what is missing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const MOUNT: &str = "/sys/fs/cgroup";
/// Microseconds: what a quota counts by.
const PERIOD: u64 = 100_000;

/// The group; it goes with its value.
pub struct Cgroup {
    version: Version,
    /// The group in each hierarchy; in version 2 there is one.
    memory: PathBuf,
    cpu: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Cgroup {
    /// A group with so many bytes of memory and so many hundredths of a CPU.
    pub fn new(memory_bytes: u64, percent: u64) -> Self {
        let name = format!("ptp-sync-check-test-{}", std::process::id());
        let quota = PERIOD * percent / 100;
        if Path::new(MOUNT).join("cgroup.controllers").exists() {
            let root = Path::new(MOUNT);
            write(root, "cgroup.subtree_control", "+memory +cpu");
            let group = made(root, &name);
            write(&group, "memory.max", &memory_bytes.to_string());
            write(&group, "cpu.max", &format!("{quota} {PERIOD}"));
            return Self {
                version: Version::Two,
                memory: group.clone(),
                cpu: group,
            };
        }
        let group = |controller| made(&own(controller), &name);
        let (memory, cpu) = (group("memory"), group("cpu"));
        write(&memory, "memory.limit_in_bytes", &memory_bytes.to_string());
        write(&cpu, "cpu.cfs_period_us", &PERIOD.to_string());
        write(&cpu, "cpu.cfs_quota_us", &quota.to_string());
        Self {
            version: Version::One,
            memory,
            cpu,
        }
    }

    /// The command, to be run in this group.
    pub fn run(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        inside
            .args(["-c", "echo $$ >$M && echo $$ >$C && exec \"$@\"", "sh"])
            .arg(command.get_program())
            .args(command.get_args())
            .env("M", self.memory.join("cgroup.procs"))
            .env("C", self.cpu.join("cgroup.procs"));
        inside
    }

    /// The most memory that was in use at a time.
    pub fn peak_bytes(&self) -> u64 {
        let file = match self.version {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        };
        read(&self.memory, file).trim().parse().expect("a number")
    }

    /// How often the quota was used up.
    pub fn throttled(&self) -> u64 {
        field(&read(&self.cpu, "cpu.stat"), "nr_throttled")
    }

    /// How many processes were killed for want of memory.
    pub fn killed(&self) -> u64 {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        field(&read(&self.memory, file), "oom_kill")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.memory);
        if self.version == Version::One {
            let _ = fs::remove_dir(&self.cpu);
        }
    }
}

/// The group of this process in a hierarchy of version 1.
fn own(controller: &str) -> PathBuf {
    let groups = fs::read_to_string("/proc/self/cgroup").expect("the groups of this process");
    let own = groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        (controllers.split(',').any(|each| each == controller)).then_some(path)
    });
    let path = own.unwrap_or_else(|| panic!("no controller {controller}: is {MOUNT} mounted?"));
    Path::new(MOUNT)
        .join(controller)
        .join(path.trim_start_matches('/'))
}

fn made(parent: &Path, name: &str) -> PathBuf {
    let group = parent.join(name);
    if let Err(error) = fs::create_dir(&group) {
        panic!(
            "no control group {} ({error}): this test needs root, and {MOUNT} writable",
            group.display()
        );
    }
    group
}

fn write(group: &Path, file: &str, text: &str) {
    if let Err(error) = fs::write(group.join(file), text) {
        panic!(
            "{text:?} cannot be written to {} ({error}): this test needs root, and the \
             controllers memory and cpu",
            group.join(file).display()
        );
    }
}

fn read(group: &Path, file: &str) -> String {
    fs::read_to_string(group.join(file))
        .unwrap_or_else(|error| panic!("{}: {error}", group.join(file).display()))
}

fn field(text: &str, name: &str) -> u64 {
    (text.lines())
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {text:?}"))
}
