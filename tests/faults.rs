//! Every system call of a run goes wrong, one run each: errors, short reads and writes, death
//! before and after. Then a run that nothing disturbs.
//!
//! The static release binary runs on a miniature node as it does on a real one, with the node's
//! root as its own and with a journal to write to. What must hold after each run is in
//! [`after_fault`] and [`after_recovery`]; `cargo test --test faults -- --nocapture` prints how
//! many were tried.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops where something is not as expected"
)]

mod common;
mod tracer;

use common::shipped::shipped;
use common::{CONTAINER, Node, UPTIME, at, phc2sys, ptp4l};
use nix::errno::Errno;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use syscalls::Sysno;
use tracer::{Call, End, Fault, befalls};

/// The program below the node's root.
const PROGRAM: &str = "ptp-sync-check";
const MARKER: &str = "run/ptp/insync";
const REPORT: &str = "run/ptp-sync-check/report.json";
const VERB: &str = "run/ptp-sync-check/chronyd.env";
/// All that a run may change.
const WRITTEN: [&str; 2] = ["run/ptp", "run/ptp-sync-check"];
/// Seconds between two runs.
const TICK: f64 = 300.0;

const ERRORS: [Errno; 5] = [
    Errno::EIO,
    Errno::ENOSPC,
    Errno::EACCES,
    Errno::EINTR,
    Errno::EMFILE,
];
const LASTING: [Errno; 4] = [Errno::EIO, Errno::ENOSPC, Errno::EMFILE, Errno::EROFS];

/// A state of a node, and the evidence in its log.
struct Scene {
    name: &'static str,
    /// Writes the logs, and lets earlier runs happen.
    prepare: fn(&Cell),
    /// As a unit's `Environment=` gives it.
    variables: &'static [(&'static str, &'static str)],
}

const SCENES: &[Scene] = &[
    Scene {
        name: "first run, in sync",
        prepare: |cell| _ = cell.log(&good(0.0)),
        variables: &[],
    },
    Scene {
        name: "create",
        prepare: |cell| _ = cell.log(&bad(TICK)).tick(-TICK).log(&good(0.0)),
        variables: &[],
    },
    Scene {
        name: "refresh",
        prepare: |cell| _ = cell.log(&good(TICK)).tick(-TICK).log(&good(0.0)),
        variables: &[],
    },
    Scene {
        name: "refresh, log just rotated",
        prepare: |cell| {
            cell.log(&good(TICK)).tick(-TICK);
            let rotated = format!("{CONTAINER}/0.log.20260724-115959");
            cell.node.write(&rotated, good(0.0).concat().as_bytes());
            cell.log(&[]);
        },
        variables: &[],
    },
    Scene {
        name: "remove",
        prepare: |cell| _ = cell.log(&good(TICK)).tick(-TICK).log(&bad(0.0)),
        variables: &[],
    },
    Scene {
        name: "steady, out of sync",
        prepare: |cell| _ = cell.log(&bad(TICK)).tick(-TICK).log(&bad(0.0)),
        variables: &[],
    },
    Scene {
        name: "first run, out of sync",
        prepare: |cell| _ = cell.log(&bad(0.0)),
        variables: &[],
    },
    Scene {
        name: "remove, the pod is gone",
        prepare: |cell| {
            cell.log(&good(TICK)).tick(-TICK);
            fs::remove_dir_all(cell.node.path("var/log/pods")).expect("removed");
        },
        variables: &[],
    },
    Scene {
        name: "remove a full directory",
        prepare: |cell| {
            cell.log(&bad(TICK)).tick(-TICK).log(&bad(0.0));
            cell.node.write("run/ptp/insync/full", b"");
        },
        variables: &[],
    },
    Scene {
        name: "remove, wrong setting",
        prepare: |cell| _ = cell.log(&good(TICK)).tick(-TICK).log(&good(0.0)),
        variables: &[("MAX_OFFSET", "far")],
    },
    Scene {
        name: "out of sync by memory alone",
        prepare: |cell| {
            cell.log(&good(3.0 * TICK)).tick(-3.0 * TICK);
            cell.log(&[phc2sys(0.0, "12", "s2")]).tick(-TICK);
        },
        variables: &[],
    },
];

/// Both clocks follow, so many seconds ago.
fn good(ago: f64) -> Vec<String> {
    vec![
        ptp4l(ago + 1.0, "-98", "s2"),
        phc2sys(ago + 0.5, "12", "s2"),
    ]
}

/// The card's clock is far off, so many seconds ago.
fn bad(ago: f64) -> Vec<String> {
    vec![
        ptp4l(ago + 1.0, "500000", "s2"),
        phc2sys(ago + 0.5, "12", "s2"),
    ]
}

/// A node that the program believes to be the machine itself.
struct Cell {
    node: Node,
    program: PathBuf,
    journal: UnixDatagram,
}

impl Cell {
    fn new() -> Self {
        let node = Node::new();
        let program = node.path(PROGRAM);
        // By another process: a program that a thread of this one had open for writing while
        // another forked would be busy.
        let copied = Command::new("cp").args([shipped(), &*program]).status();
        assert!(copied.expect("cp runs").success());
        node.directory("run/systemd/journal");
        let journal = UnixDatagram::bind(node.path("run/systemd/journal/socket")).expect("bound");
        journal.set_nonblocking(true).expect("a socket");
        Self {
            // The kernel will name it without links.
            program: program.canonicalize().expect("the program"),
            node,
            journal,
        }
    }

    fn log(&self, lines: &[String]) -> &Self {
        self.node.log(lines);
        self
    }

    /// An earlier run that nothing disturbs.
    fn tick(&self, seconds: f64) -> &Self {
        let status = self
            .command(seconds, &[])
            .status()
            .expect("the program runs");
        assert_eq!(status.code(), Some(0));
        self
    }

    fn command(&self, seconds: f64, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new("unshare");
        if !nix::unistd::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command
            .arg(format!("--root={}", self.node.root().display()))
            .arg(format!("/{PROGRAM}"))
            .args(["--now", &at(-seconds)])
            .args(["--uptime", &format!("{:.3}", UPTIME + seconds)])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(variables.iter().copied())
            .stdin(std::process::Stdio::null());
        command
    }

    fn run(&self, scene: &Scene, fault: Option<(tracer::Aim, Fault)>) -> (tracer::Run, Left) {
        self.has_told();
        let run = tracer::run(&self.command(0.0, scene.variables), &self.program, fault);
        let mut left = Left::behind(&self.node);
        left.is_told = self.has_told() || run.stderr.contains("ptp-sync-check: ");
        (run, left)
    }

    /// The run five minutes later, undisturbed.
    fn next(&self, scene: &Scene) -> (Option<i32>, Left) {
        let run = self.command(TICK, scene.variables).output();
        let status = run.expect("the program runs").status.code();
        (status, Left::behind(&self.node))
    }

    /// Whether the journal has been told anything since the last time. Empties it: a full one
    /// would make every run wait.
    fn has_told(&self) -> bool {
        std::iter::repeat_with(|| self.journal.recv(&mut []))
            .take_while(Result::is_ok)
            .count()
            > 0
    }
}

/// A copy of what a run may change.
struct Saved(Vec<(PathBuf, Option<Vec<u8>>, Permissions)>);

impl Saved {
    fn of(node: &Node) -> Self {
        let mut saved = Vec::new();
        let mut waiting: Vec<PathBuf> = WRITTEN.iter().map(|path| node.path(path)).collect();
        while let Some(path) = waiting.pop() {
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            let content = metadata.is_file().then(|| fs::read(&path).expect("a file"));
            if content.is_none() {
                let entries = fs::read_dir(&path).expect("a directory");
                waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
            }
            saved.push((path, content, metadata.permissions()));
        }
        Self(saved)
    }

    fn restore(&self, node: &Node) {
        for path in WRITTEN {
            let _ = fs::remove_dir_all(node.path(path));
        }
        for (path, content, permissions) in &self.0 {
            match content {
                Some(content) => fs::write(path, content).expect("a file"),
                None => fs::create_dir(path).expect("a directory"),
            }
            fs::set_permissions(path, permissions.clone()).expect("a mode");
        }
    }
}

/// What a run has left behind.
#[derive(Clone, Debug, PartialEq)]
struct Left {
    /// What has the marker's name: its content, or that it is no file.
    marker: Option<String>,
    verb: Option<String>,
    report: Option<String>,
    names: Vec<String>,
    /// Whether the journal has a line about it, or standard error in its place.
    is_told: bool,
}

impl Left {
    fn behind(node: &Node) -> Self {
        let text = |path| fs::read_to_string(node.path(path)).ok();
        let mut names: Vec<String> = (WRITTEN.iter())
            .filter_map(|directory| fs::read_dir(node.path(directory)).ok())
            .flatten()
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        Self {
            marker: (node.is_marked()).then(|| text(MARKER).unwrap_or("no file".into())),
            verb: text(VERB),
            report: text(REPORT),
            names,
            is_told: false,
        }
    }

    fn says(&self, field: &str) -> Option<String> {
        let report: Value = serde_json::from_str(self.report.as_deref()?).ok()?;
        Some(report[field].as_str()?.to_owned())
    }

    fn stops_chronyd(&self) -> bool {
        self.verb.as_deref() == Some("CHRONYD_VERB=stop\n")
    }

    fn is_marked(&self) -> bool {
        self.marker.is_some()
    }

    /// What counts once all is well again: times aside.
    fn settled(&self) -> (bool, Option<String>, [Option<String>; 3], Vec<String>) {
        let words = ["time", "verdict", "reason"].map(|field| self.says(field));
        (
            self.is_marked(),
            self.verb.clone(),
            words,
            self.names.clone(),
        )
    }
}

/// What a scene comes to where nothing goes wrong.
struct Expected {
    before: Left,
    left: Left,
    next: (Option<i32>, Left),
}

/// What must hold when a run was disturbed. Gives what does not.
fn after_fault(expected: &Expected, run: &tracer::Run, left: &Left) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let mut must = |holds: bool, what: &'static str| {
        if !holds {
            broken.push(what);
        }
    };
    let status = match run.end {
        End::Exited(status) => Some(status),
        End::Killed(_) => None,
    };
    let failed = matches!(status, Some(1 | 2));
    let is_in_sync = expected.left.is_marked();
    let could_speak = !run.hit.is_some_and(|call| is_message(&call));
    let admits = run.stderr.contains(MARKER) && run.stderr.contains("chronyd stays blocked");

    let may_die = run.hit.is_some_and(|call| is_vital(&call));
    must(may_die || !run.stderr.contains("panicked"), "it panics");
    must(
        failed || matches!(status, None | Some(0)),
        "an exit status that is not documented",
    );
    // The marker never lies.
    must(
        is_in_sync || !left.is_marked() || expected.before.is_marked(),
        "a marker without evidence",
    );
    must(
        status != Some(0) || is_in_sync || !left.is_marked(),
        "success, and the marker is still there",
    );
    must(
        !failed || !left.is_marked() || admits || !could_speak,
        "a failure does not say that the marker is still there",
    );
    must(
        !failed || !could_speak || run.stderr.contains("error: "),
        "a failure is not told",
    );
    // Success means that all agrees: this is when the unit does what the verb says.
    let fresh = left.says("time") == Some(at(0.0));
    let verdict = left.says("verdict").unwrap_or_default();
    must(status != Some(0) || fresh, "success without a report");
    must(
        status != Some(0) || left.is_marked() == (verdict == "in-sync"),
        "the report contradicts the marker",
    );
    must(
        status != Some(0) || left.stops_chronyd() == left.is_marked(),
        "the verb contradicts the marker",
    );
    let has_changed = left.says("verdict") != left.says("previous");
    let by_main = run.hit.is_none_or(|call| call.aim.thread == 0);
    must(
        status != Some(0) || !has_changed || !by_main || left.is_told,
        "nobody is told of the change",
    );
    // Into sync the verb comes last, out of sync first. Where its directory could not be opened
    // an old verb may stay behind: nobody asks for it after a failure, and the unit that follows
    // a failure removes it (ptp-sync-failsafe.service).
    let could_open = !run.hit.is_some_and(|call| is_opening(&call));
    must(
        !left.stops_chronyd() || left.is_marked() || (failed && !could_open),
        "chronyd is to be stopped, and there is no marker",
    );
    // Nobody ever sees half a file.
    must(is_whole_marker(expected, left), "half a marker");
    must(
        matches!(
            left.verb.as_deref(),
            None | Some("CHRONYD_VERB=start\n" | "CHRONYD_VERB=stop\n")
        ),
        "half a verb",
    );
    must(
        left.report.is_none() || left.says("verdict").is_some(),
        "half a report",
    );
    broken
}

/// Is the marker as it was, or complete?
fn is_whole_marker(expected: &Expected, left: &Left) -> bool {
    let is_whole = |content: &String| {
        let ending = content.lines().last().unwrap_or_default();
        content.starts_with("verdict: in-sync\n")
            && content.ends_with('\n')
            && ending.starts_with("boot_id: ")
    };
    left.marker == expected.before.marker || left.marker.as_ref().is_none_or(is_whole)
}

/// What must hold after the run that follows.
fn after_recovery(expected: &Expected, next: &(Option<i32>, Left)) -> Vec<&'static str> {
    let (status, left) = next;
    let (wanted_status, wanted) = &expected.next;
    let mut broken = Vec::new();
    if status != wanted_status {
        broken.push("the next run fails");
    }
    if left.names != wanted.names {
        broken.push("the next run leaves something behind");
    }
    if left.settled() != wanted.settled() {
        broken.push("the next run does not recover");
    }
    broken
}

fn is_message(call: &Call) -> bool {
    call.number == Sysno::write && call.arguments[0] == 2
}

/// Everything that can befall a call.
fn faults(call: &Call) -> Vec<Fault> {
    let transfers = matches!(call.number, Sysno::read | Sysno::pread64 | Sysno::write);
    let short = [1, 16].map(Fault::Short);
    let lasting = (LASTING.iter()).filter(|errno| befalls(**errno, call));
    (ERRORS.iter().map(|errno| Fault::Error(*errno)))
        .chain(lasting.map(|errno| Fault::ErrorFromHere(*errno)))
        .chain(short.into_iter().filter(|_| transfers))
        .chain([Fault::KilledBefore])
        .chain(comes_back(call).then_some(Fault::KilledAfter))
        .collect()
}

fn is_opening(call: &Call) -> bool {
    matches!(call.number, Sysno::openat | Sysno::openat2)
}

fn comes_back(call: &Call) -> bool {
    !matches!(call.number, Sysno::exit | Sysno::exit_group)
}

/// Does the C library, the allocator or the runtime make this call, and end the program where it
/// fails? Before the first deed or in the middle: it is as a kill.
fn is_vital(call: &Call) -> bool {
    matches!(
        call.number,
        Sysno::mmap
            | Sysno::mprotect
            | Sysno::arch_prctl
            | Sysno::poll
            | Sysno::rt_sigaction
            // For the keys of hash tables; on a node that is up it cannot fail.
            | Sysno::getrandom
    )
}

/// How a scene went.
#[derive(Default)]
struct Row {
    name: &'static str,
    calls: usize,
    errors: usize,
    lasting: usize,
    short: usize,
    kills: usize,
    /// Runs in sync that gave way to NTP.
    gave_way: usize,
    broken: Vec<String>,
}

impl Row {
    fn count(&mut self, fault: Fault) {
        *match fault {
            Fault::Error(_) => &mut self.errors,
            Fault::ErrorFromHere(_) => &mut self.lasting,
            Fault::Short(_) => &mut self.short,
            Fault::KilledBefore | Fault::KilledAfter => &mut self.kills,
        } += 1;
    }

    fn cells(&self) -> [usize; 8] {
        let runs = self.errors + self.lasting + self.short + self.kills;
        [
            self.calls,
            self.errors,
            self.lasting,
            self.short,
            self.kills,
            runs,
            self.gave_way,
            runs - self.broken.len(),
        ]
    }
}

fn play(scene: &Scene) -> Row {
    let cell = Cell::new();
    (scene.prepare)(&cell);
    let saved = Saved::of(&cell.node);
    let before = Left::behind(&cell.node);
    let (undisturbed, left) = cell.run(scene, None);
    let next = cell.next(scene);
    let expected = Expected { before, left, next };
    let mut row = Row {
        name: scene.name,
        calls: undisturbed.calls.len(),
        ..Row::default()
    };
    for call in &undisturbed.calls {
        for fault in faults(call) {
            saved.restore(&cell.node);
            let (run, left) = cell.run(scene, Some((call.aim, fault)));
            // The journal's thread need not come to its end.
            let Some(hit) = run.hit else { continue };
            row.count(fault);
            row.gave_way += usize::from(expected.left.is_marked() && !left.is_marked());
            let mut broken = after_fault(&expected, &run, &left);
            let is_kill = matches!(fault, Fault::KilledBefore | Fault::KilledAfter);
            if matches!(run.end, End::Killed(_)) && !is_kill && !is_vital(&hit) {
                broken.push("it dies");
            }
            let next = cell.next(scene);
            broken.extend(after_recovery(&expected, &next));
            if !broken.is_empty() {
                row.broken.push(format!(
                    "{}: {fault:?} at {} ({:?}): {}\n{:?} {left:#?}\n{}then {next:#?}",
                    scene.name,
                    hit.number,
                    hit.aim,
                    broken.join(", "),
                    run.end,
                    run.stderr,
                ));
            }
        }
    }
    row
}

#[test]
fn every_system_call_goes_wrong() {
    let next = AtomicUsize::new(0);
    let take_scenes = || {
        std::iter::from_fn(|| SCENES.get(next.fetch_add(1, Ordering::Relaxed)))
            .map(play)
            .collect()
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows: Vec<Row> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(take_scenes)).collect();
        (workers.into_iter())
            .flat_map(|worker: std::thread::ScopedJoinHandle<Vec<Row>>| {
                worker.join().expect("it ends")
            })
            .collect()
    });
    rows.sort_by_key(|row| SCENES.iter().position(|scene| scene.name == row.name));
    print_table(&rows);
    let broken: Vec<&str> = (rows.iter())
        .flat_map(|row| row.broken.iter().map(String::as_str))
        .collect();
    assert!(
        broken.is_empty(),
        "{} runs broke a promise; the first of them:\n{}",
        broken.len(),
        broken[..broken.len().min(10)].join("\n")
    );
}

fn print_table(rows: &[Row]) {
    println!("| scene | calls | errors | lasting | short | killed | runs | gave way | held |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut all = [0; 8];
    let print = |name: &str, cells: [usize; 8]| {
        println!(
            "| {name} | {} |",
            cells.map(|cell| cell.to_string()).join(" | ")
        );
    };
    for row in rows {
        let cells = row.cells();
        print(row.name, cells);
        all = std::array::from_fn(|index| all[index] + cells[index]);
    }
    print("all", all);
}
