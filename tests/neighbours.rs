//! Who shares the node with the program: other runs of it, containers that can write into the
//! marker's directory, pods with confusing names, programs with confusing output, and whoever
//! fills the disk and takes the memory.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops where something is not as expected"
)]

mod cgroup;
mod common;
mod tracer;

use cgroup::Cgroup;
use common::shipped::shipped;
use common::{CONTAINER, NOW, Node, UPTIME, answer, at, phc2sys, port, ptp4l, verdict};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use syscalls::Sysno;

const IN: &str = "in-sync (within-limit)";
const OVER: &str = "out-of-sync (offset-over-limit)";
const NO_EVIDENCE: &str = "out-of-sync (no-evidence)";
const NO_LOG: &str = "out-of-sync (no-log)";

/// Nobody, as whom the attacker runs where that is possible.
const NOBODY: u32 = 65534;
/// Never more is read of a log.
const LOG_BYTES: u64 = 32 << 20;
/// What is read at once.
const BLOCK: u64 = 256 << 10;

fn good() -> Vec<String> {
    vec![ptp4l(1.0, "-98", "s2"), phc2sys(0.5, "12", "s2")]
}

fn bad() -> Vec<String> {
    vec![ptp4l(1.0, "500000", "s2"), phc2sys(0.5, "12", "s2")]
}

/// A line of another program in the container.
fn noise(text: &str) -> String {
    format!("{} stdout F {text}\n", at(0.2))
}

/// The program that ships, on this node at [`NOW`].
fn program(node: &Node) -> Command {
    let mut command = Command::new(shipped());
    command
        .env_clear()
        .arg("--root")
        .arg(node.root())
        .args(["--now", NOW, "--uptime", &UPTIME.to_string()])
        .stdin(Stdio::null());
    command
}

/// A run of it whose system calls are counted.
fn watched(node: &Node) -> tracer::Run {
    let run = tracer::run(&program(node), shipped(), None);
    assert_eq!(run.end, tracer::End::Exited(0), "{}", run.stderr);
    run
}

fn count(run: &tracer::Run, number: Sysno) -> usize {
    (run.calls.iter())
        .filter(|call| call.number == number)
        .count()
}

/// How many bytes a run has asked the log for.
fn asked_bytes(run: &tracer::Run) -> u64 {
    (run.calls.iter())
        .filter(|call| call.number == Sysno::pread64)
        .map(|call| call.arguments[2])
        .sum()
}

fn report(node: &Node) -> serde_json::Value {
    let text = fs::read(node.path("run/ptp-sync-check/report.json")).expect("a report");
    serde_json::from_slice(&text).expect("a whole report")
}

#[test]
fn two_hundred_runs_at_once_with_different_evidence() {
    let node = Node::new();
    let logs = [("good", good()), ("bad", bad())].map(|(name, lines)| {
        node.write(name, lines.concat().as_bytes());
        node.path(name)
    });
    let runs: Vec<_> = (0..200)
        .map(|number| {
            let mut command = program(&node);
            command.arg("--log").arg(&logs[number % 2]);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().expect("spawned")
        })
        .collect();
    let mut gave_up = 0;
    for run in runs {
        let ended = run.wait_with_output().expect("ended");
        let told = String::from_utf8_lossy(&ended.stderr);
        match ended.status.code() {
            Some(0) => {}
            // On a busy machine the last in the queue waits for longer than it may.
            Some(1) if told.contains("has held the lock") => gave_up += 1,
            _ => panic!("{:?}: {told}", ended.status),
        }
    }
    println!("200 runs at once, {gave_up} of them gave up waiting");
    let is_in_sync = report(&node)["verdict"] == "in-sync";
    if gave_up == 0 {
        assert_eq!(node.is_marked(), is_in_sync, "the last one wins as a whole");
        assert_eq!(node.verb() == "stop", is_in_sync);
    }
    assert!(is_in_sync || !node.is_marked());
    assert_eq!(hidden_files(&node), Vec::<String>::new());
    // And whatever has happened, the next run has its way.
    node.log(&good());
    assert_eq!(program(&node).status().expect("it runs").code(), Some(0));
    assert_eq!((node.is_marked(), node.verb().as_str()), (true, "stop"));
}

/// Files below /run that are nobody's business.
fn hidden_files(node: &Node) -> Vec<String> {
    ["run/ptp", "run/ptp-sync-check"]
        .iter()
        .flat_map(|directory| fs::read_dir(node.path(directory)).expect("a directory"))
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with('.'))
        .collect()
}

/// Everything below a directory but what a run may change: kind and mode, owner, number, time of
/// the last change of its content, and the content.
fn snapshot(root: &Path) -> Vec<String> {
    let mut seen = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.ends_with("run/ptp") || path.ends_with("run/ptp-sync-check") {
            continue;
        }
        let stat = path.symlink_metadata().expect("an entry");
        let content = if stat.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
            String::new()
        } else if stat.is_symlink() {
            let target = fs::read_link(&path).expect("a link");
            target.display().to_string()
        } else {
            String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned()
        };
        seen.push(format!(
            "{} {:o} {}:{} {} {}.{} {content}",
            path.display(),
            stat.mode(),
            stat.uid(),
            stat.gid(),
            stat.ino(),
            stat.mtime(),
            stat.mtime_nsec(),
        ));
    }
    seen.sort();
    seen
}

#[test]
fn an_attacker_who_owns_the_directory_of_the_marker() {
    let node = Node::with_log(&good());
    node.directory("run/ptp").directory("run/ptp-sync-check");
    node.write("canary/of-root", b"precious")
        .write("canary/of-attacker", b"bait")
        .write("canary/full/file", b"precious")
        .directory("canary/empty");
    symlink("of-root", node.path("canary/link")).expect("a link");
    node.write("good", good().concat().as_bytes())
        .write("bad", bad().concat().as_bytes());
    let logs = ["good", "bad"].map(|name| node.path(name));

    let is_root = nix::unistd::geteuid().is_root();
    if is_root {
        // Theirs to write, so that hard links to it are allowed (proc_sys_fs(5)).
        for path in ["run/ptp", "canary/of-attacker"] {
            chown(node.path(path), Some(NOBODY), Some(NOBODY)).expect("owned by nobody");
        }
        open_to_all(node.root());
    } else {
        println!("not as root: the attacker is the user that the program runs as");
    }
    let victims = ["of-root", "of-attacker", "full", "empty", "link", "new"];
    let before = snapshot(node.root());
    let mut attacker = Command::new("python3")
        .args(["-c", include_str!("neighbours/attacker.py")])
        .arg(if is_root {
            NOBODY.to_string()
        } else {
            "-".into()
        })
        .arg(node.path("run/ptp"))
        .args(victims.map(|victim| node.path("canary").join(victim)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");

    let mut statuses = [0; 2];
    for number in 0..400 {
        let run = answer(&mut patiently(
            program(&node).arg("--log").arg(&logs[number % 2]),
        ));
        let status = usize::try_from(run.status)
            .ok()
            .filter(|status| *status < 2);
        statuses[status.unwrap_or_else(|| panic!("{}: {}", run.status, run.stderr))] += 1;
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    }
    drop(attacker.stdin.take());
    let struck = attacker.wait_with_output().expect("the attacker ends");
    let struck: u64 = String::from_utf8_lossy(&struck.stdout)
        .trim()
        .parse()
        .expect("how often");
    println!(
        "{struck} swaps during 400 runs, of which {} failed",
        statuses[1]
    );
    assert!(
        struck > 1000,
        "an attacker who hardly ever struck: {struck}"
    );
    assert_eq!(snapshot(node.root()), before, "nothing else has changed");

    // Its own directory holds nothing but its own files, whole ones.
    for entry in fs::read_dir(node.path("run/ptp-sync-check")).expect("a directory") {
        let entry = entry.expect("an entry");
        assert!(entry.file_type().expect("a kind").is_file(), "{entry:?}");
    }
    // Left alone, it gets what it needs.
    for (log, marked) in logs.iter().zip([true, false]) {
        let run = answer(program(&node).arg("--log").arg(log));
        assert_eq!(
            (run.status, node.is_marked()),
            (0, marked),
            "{}",
            run.stderr
        );
    }
    assert_eq!(snapshot(node.root()), before);
}

/// The command, killed if it never ends: to wait for a FIFO's other end is to wait for ever.
fn patiently(command: &Command) -> Command {
    let mut bounded = Command::new("timeout");
    bounded
        .args(["--signal=KILL", "60"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    bounded
}

/// Lets other users into a temporary directory.
fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(directory, mode).expect("a mode");
}

/// Pods that are not linuxptp-daemon's, whatever they are called. A namespace is a DNS label, a
/// pod's name a DNS subdomain; the rest is here since nothing forbids the disk to hold it.
const STRANGERS: [&[u8]; 22] = [
    b"openshift-ptp-evil_linuxptp-daemon-abcde_1",
    b"evil-openshift-ptp_linuxptp-daemon-abcde_1",
    b"openshift_ptp_linuxptp-daemon-abcde_1",
    b"openshift-pt_linuxptp-daemon-abcde_1",
    b"openshift-ptp.evil_linuxptp-daemon-abcde_1",
    b"OPENSHIFT-PTP_linuxptp-daemon-abcde_1",
    b"openshift-ptp _linuxptp-daemon-abcde_1",
    b" openshift-ptp_linuxptp-daemon-abcde_1",
    b"openshift-ptp\n_linuxptp-daemon-abcde_1",
    b"\xef\xbb\xbfopenshift-ptp_linuxptp-daemon-abcde_1",
    b"openshift-ptp\xff_linuxptp-daemon-abcde_1",
    b"openshift-ptp\xe2\x80\x8b_linuxptp-daemon-abcde_1",
    b"evil_openshift-ptp_linuxptp-daemon-abcde_1",
    b"evil_linuxptp-daemon-abcde_openshift-ptp",
    b"evil_linuxptp-daemon-openshift-ptp_linuxptp-daemon-abcde_1",
    b"openshift-ptp__linuxptp-daemon-abcde_1",
    b"_openshift-ptp_linuxptp-daemon-abcde_1",
    b"openshift-ptp_x.linuxptp-daemon-abcde_1",
    b"openshift-ptp_linuxptp-daemon_1",
    b"openshift-ptp_linuxptp-daemons-abcde_1",
    b"openshift-ptp_Linuxptp-daemon-abcde_1",
    b"openshift-ptplinuxptp-daemon-abcde_1",
];

#[test]
fn pods_that_are_named_to_confuse() {
    for (own, others, expected) in [
        (None, good(), NO_LOG),
        (Some(bad()), good(), OVER),
        (Some(good()), bad(), IN),
    ] {
        let node = Node::new();
        for name in STRANGERS {
            let pod = node.path("var/log/pods").join(OsStr::from_bytes(name));
            let container = pod.join("linuxptp-daemon-container");
            fs::create_dir_all(&container).expect("a directory");
            let newer = others.concat().replace(&at(0.5), &at(0.1));
            fs::write(container.join("9.log"), newer).expect("a log");
        }
        if let Some(own) = own {
            // Other containers of the very pod, and other files beside its log.
            for neighbour in [
                "linuxptp-daemon-container-2/0.log",
                "linuxptp-daemon-containers/0.log",
                "kube-rbac-proxy/0.log",
                "0.log",
                "linuxptp-daemon-container/9.log.tmp",
                "linuxptp-daemon-container/9.logs",
                "linuxptp-daemon-container/-9.log",
                "linuxptp-daemon-container/9 .log",
                "linuxptp-daemon-container/0x9.log",
                "linuxptp-daemon-container/99999999999999999999.log",
            ] {
                let path = format!("{}/{neighbour}", common::POD);
                node.write(&path, others.concat().as_bytes());
            }
            node.log(&own);
        }
        let report = node.look();
        assert_eq!(verdict(&report), expected);
        if expected != NO_LOG {
            let log = report["log"].as_str().expect("a log");
            assert!(log.ends_with(&format!("{CONTAINER}/0.log")), "{log}");
        }
    }
}

#[test]
fn samples_inside_of_what_others_print() {
    let sample =
        "ptp4l[99999.000]: [ptp4l.0.config:6] master offset -98 s2 freq +3120 path delay 1587";
    let clock = "phc2sys[99999.500]: [ptp4l.0.config:6] CLOCK_REALTIME phc offset 12 s2 freq +2872 delay 551";
    let (then, now) = (at(1.0), at(0.2));
    let mut tried = 0;
    for text in [sample, clock] {
        let (head, tail) = text.split_at(20);
        let (name, rest) = text.split_at(3);
        let disguises = [
            // Behind something, in front of something, between something.
            noise(&format!(" {text}")),
            noise(&format!("\t{text}")),
            noise(&format!("\"{text}\"")),
            noise(&format!("I0724 12:00:00.1 1 daemon.go:9] {text}")),
            noise(&format!("level=info msg=\"{text}\"")),
            noise(&format!("{{\"log\":\"{text}\\n\",\"stream\":\"stdout\"}}")),
            noise(&format!("x{text}")),
            noise(&format!("\u{feff}{text}")),
            noise(&format!("\u{1b}[0m{text}")),
            // What some take for the end of a line.
            noise(&format!("noise\r{text}")),
            noise(&format!("noise\\n{text}")),
            noise(&format!("noise\0{text}")),
            noise(&format!("noise\u{b}{text}")),
            noise(&format!("noise\u{85}{text}")),
            noise(&format!("noise\u{2028}{text}")),
            // A container's line within a container's line, and its fields forged.
            noise(&format!("{now} stdout F {text}")),
            noise(&format!("stdout F {text}")),
            noise(&format!("F {text}")),
            noise(&format!("P {text}")),
            format!("{now} stdout X {text}\n"),
            format!("{now} stdout FF {text}\n"),
            format!("{now} stdout f {text}\n"),
            format!("{now} stdin F {text}\n"),
            format!("{now} STDOUT F {text}\n"),
            format!("{now}  stdout F {text}\n"),
            format!("{now} stdout  F {text}\n"),
            format!(" {now} stdout F {text}\n"),
            format!("{text}\n"),
            format!("{now} {text}\n"),
            // Pieces: what is whole only together with somebody else's beginning is theirs.
            format!("{now} stdout P noise \n{now} stdout F {text}\n"),
            format!("{now} stdout P noise\n{now} stderr P x\n{now} stdout F {text}\n"),
            format!("{now} stdout P {head}\n{now} stderr F {tail}\n"),
            format!("{now} stderr P {head}\n{now} stdout F {tail}\n"),
            format!("{now} stdout P {head}\n{now} stdout P {tail}\n"),
            format!("{now} stdout P {name}\n{now} stdout F noise{rest}\n"),
            format!("{now} stdout P noise\n{now} stdout P {head}\n{now} stdout F {tail}\n"),
            // Another program's name, tag or time around the same words.
            noise(&text.replacen('[', " [", 1)),
            noise(&text.replacen("]:", "]", 1)),
            noise(&text.replacen("]: ", "]:", 1)),
            noise(&text.replacen("99999.", "99999,", 1)),
            noise(&text.replacen("99999.", "-99999.", 1)),
            noise(&text.replacen("99999.", "", 1)),
            noise(&text.replacen(".config:6]", ".config:6", 1)),
            noise(&text.to_uppercase()),
            noise(&text.replacen("offset", "offset offset", 1)),
            noise(&format!("{text} {text}")),
        ];
        for disguise in &disguises {
            tried += 1;
            assert_eq!(decided(disguise), NO_EVIDENCE, "{disguise:?}");
            // It neither hides nor outweighs the truth before it.
            let truth = bad().concat().replace(&at(0.5), &then);
            assert_eq!(decided(&(truth + disguise)), OVER, "{disguise:?}");
        }
        assert_ne!(decided(&noise(text)), NO_EVIDENCE, "undisguised it counts");
    }
    let state = "ptp4l[99999.000]: [ptp4l.0.config:5] port 1 (ens4f1): UNCALIBRATED to SLAVE on X";
    let lost = port(1.0, 1, "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)");
    for disguise in [
        noise(&format!("log: {state}")),
        format!("{now} stdout P noise \n{now} stdout F {state}\n"),
    ] {
        tried += 1;
        let decided = decided(&(lost.clone() + &disguise));
        assert_eq!(decided, "out-of-sync (reference-lost)", "{disguise:?}");
    }
    println!("{tried} disguises");
}

fn decided(log: &str) -> String {
    Node::with_log(&[log.to_owned()]).verdict()
}

#[test]
fn a_hundred_thousand_pods() {
    let node = Node::in_memory();
    node.log(&good());
    let alone = watched(&node);
    let pods = node.path("var/log/pods");
    for number in 0..100_000 {
        let name = format!("tenant-{number}_linuxptp-daemon-abcde_0123-uid");
        fs::create_dir(pods.join(name)).expect("a directory");
    }
    let run = watched(&node);
    println!(
        "100 000 pods: {} system calls, {} of them getdents64, {} KiB; alone: {}, {} KiB",
        run.calls.len(),
        count(&run, Sysno::getdents64),
        run.resident_kib,
        alone.calls.len(),
        alone.resident_kib,
    );
    assert!(node.is_marked());
    let listing = count(&run, Sysno::getdents64);
    assert!(listing < 1500, "listed in {listing} calls");
    // Beyond the listing itself, strangers cost nothing.
    let others = run.calls.len() - listing;
    assert!(others <= alone.calls.len(), "{others} other calls");
    let more_kib = run.resident_kib.saturating_sub(alone.resident_kib);
    assert!(more_kib < 512, "{more_kib} KiB more");
}

#[test]
fn a_message_of_100_mb_in_pieces() {
    let node = Node::in_memory();
    node.directory(CONTAINER);
    let path = node.path(CONTAINER).join("0.log");
    let mut log = File::create(&path).expect("a log");
    let (before, after) = ([port_follows(), good().concat()].concat(), good().concat());
    log.write_all(before.as_bytes()).expect("written");
    // As conmon cuts it: 8 KiB a piece.
    let piece = format!("{} stdout P {}\n", at(0.4), "x".repeat(8 << 10));
    for _ in 0..(100 << 20) / piece.len() {
        log.write_all(piece.as_bytes()).expect("written");
    }
    let end = format!("{} stdout F {}", at(0.3), ptp4l(0.0, "1", "s2"));
    log.write_all(end.as_bytes()).expect("written");
    let run = watched(&node);
    let (asked, resident) = (asked_bytes(&run), run.resident_kib);
    println!("100 MB in pieces: {asked} bytes read, {resident} KiB");
    assert_eq!(
        verdict(&report(&node)),
        NO_EVIDENCE,
        "32 MiB back there is nothing"
    );
    assert!(asked <= LOG_BYTES + BLOCK, "{asked}");
    assert!(resident < 4 << 10, "{resident} KiB");
    log.write_all(after.as_bytes()).expect("written");
    let run = watched(&node);
    assert_eq!(verdict(&report(&node)), IN);
    assert!(asked_bytes(&run) <= BLOCK, "{}", asked_bytes(&run));
}

fn port_follows() -> String {
    port(2.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED")
}

#[test]
fn a_log_that_grows_while_it_is_read() {
    const ENOUGH: u64 = 2 << 30;
    const ROTATED_AT: u64 = 128 << 20;
    let node = Node::in_memory();
    node.log(&good());
    let (path, rotated) = (
        node.path(CONTAINER).join("0.log"),
        node.path(CONTAINER).join("0.log.20260724-115959"),
    );
    // A megabyte of noise, and then a sample of each kind.
    let mut block = noise(&"x".repeat(200)).repeat((1 << 20) / 250);
    let _ = write!(block, "{}", good().concat());
    let written = AtomicU64::new(0);
    let stopped = AtomicBool::new(false);
    let begun = std::time::Instant::now();
    let runs = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut log = File::options().append(true).open(&path).expect("a log");
            let mut length = 0;
            while !stopped.load(Ordering::Relaxed) {
                log.write_all(block.as_bytes()).expect("written");
                length += block.len() as u64;
                written.fetch_add(block.len() as u64, Ordering::Relaxed);
                if length > ROTATED_AT {
                    // As kubelet does it.
                    fs::rename(&path, &rotated).expect("rotated");
                    log = File::create(&path).expect("a log");
                    length = 0;
                }
            }
        });
        let mut runs = 0;
        while runs < 50 || written.load(Ordering::Relaxed) < ENOUGH {
            let run = answer(program(&node).args(["--output", "json"]));
            let report = run.json();
            assert_eq!(verdict(&report), IN, "{}", run.stderr);
            assert_eq!(run.status, 0, "{}", run.stderr);
            let scanned = report["scanned_bytes"].as_u64().expect("a number");
            // A block that is being written may hide its samples: then the one before counts.
            assert!(scanned <= 3 << 20, "{scanned} bytes");
            runs += 1;
        }
        stopped.store(true, Ordering::Relaxed);
        runs
    });
    let (bytes, seconds) = (written.into_inner(), begun.elapsed().as_secs());
    println!(
        "{runs} runs while {} MB were written, {seconds} s",
        bytes / 1_000_000
    );
}

/// A log of which all that is ever read has to be read, and everything in it be looked at.
fn long_log() -> Node {
    let node = Node::new();
    let noise = noise("ptp4l[99999.000]: [ptp4l.0.config:6] master offset nothing at all");
    let log = [good().concat(), noise.repeat((40 << 20) / noise.len())].concat();
    node.write(&format!("{CONTAINER}/0.log"), log.as_bytes());
    node
}

#[test]
fn in_8_mib_of_memory_and_1_percent_of_a_cpu() {
    let cgroup = Cgroup::new(8 << 20, 1);
    for (node, expected) in [
        (Node::with_log(&good()), IN),
        (Node::with_log(&bad()), OVER),
        (long_log(), NO_EVIDENCE),
    ] {
        let began = std::time::Instant::now();
        let run = answer(&mut cgroup.run(program(&node).args(["--output", "json"])));
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert_eq!(verdict(&run.json()), expected);
        println!(
            "{expected}: {} KiB at most, throttled {} times, {} ms",
            cgroup.peak_bytes() >> 10,
            cgroup.throttled(),
            began.elapsed().as_millis()
        );
    }
    assert!(cgroup.throttled() > 0, "the quota never held anything up");
    assert!(cgroup.peak_bytes() > 0 && cgroup.peak_bytes() <= 8 << 20);
    assert_eq!(cgroup.killed(), 0, "by want of memory");
}

#[test]
fn in_8_mib_of_address_space() {
    for (node, expected) in [
        (Node::with_log(&good()), IN),
        (Node::with_log(&bad()), OVER),
        (long_log(), NO_EVIDENCE),
    ] {
        let plain = program(&node);
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--as={}", 8 << 20))
            .arg(plain.get_program())
            .args(plain.get_args())
            .args(["--output", "json"]);
        let run = answer(&mut command);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert_eq!(verdict(&run.json()), expected);
    }
}
