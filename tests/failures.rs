//! What goes wrong on a node, numbered as in the project's list of failure modes, each provoked
//! for real: where that takes a mount or a limit, in a mount namespace of its own.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test may fail, and a table may be long"
)]

mod common;

use common::{
    Answer, CONTAINER, NOW, Node, POD, UPTIME, answer, at, daemon, line, phc2sys, port, program,
    ptp4l, verdict,
};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::{Command, Stdio};

const IN: &str = "in-sync (within-limit)";
const NO_EVIDENCE: &str = "out-of-sync (no-evidence)";
const STALE: &str = "out-of-sync (stale)";
const UNLOCKED: &str = "out-of-sync (servo-unlocked)";
const OVER: &str = "out-of-sync (offset-over-limit)";
const UNREADABLE: &str = "out-of-sync (log-unreadable)";

fn good() -> Vec<String> {
    vec![ptp4l(1.0, "-98", "s2"), phc2sys(0.5, "12", "s2")]
}

fn decided(lines: &[String]) -> String {
    Node::with_log(lines).verdict()
}

fn log_path() -> String {
    format!("{CONTAINER}/0.log")
}

/// Runs a shell script as root of a mount namespace of its own. `$P` is the program with the
/// node's root and time, `$R` the root.
fn in_namespace(node: &Node, script: &str) -> Answer {
    let is_root = nix::unistd::geteuid().is_root();
    let mut command = Command::new("unshare");
    command.arg(if is_root { "-m" } else { "-rm" });
    command
        .args([
            "sh",
            "-c",
            &format!("P=\"$P --root $R --now {NOW} --uptime {UPTIME}\"\n{script}"),
        ])
        .env("P", program())
        .env("R", node.root())
        .stdin(Stdio::null());
    answer(&mut command)
}

/// A real run in which a system call goes wrong (strace(1), `inject`).
fn injected(node: &Node, fault: &str, only: &[&str]) -> Answer {
    let mut command = Command::new("strace");
    command
        .current_dir(node.root())
        .args(["-o", "/dev/null", "-e", &format!("inject={fault}")])
        .args(only)
        .arg(program())
        .args(["-o", "json", "--root", "."])
        .args(["--now", NOW, "--uptime", &UPTIME.to_string()]);
    answer(&mut command)
}

/// A marker that a real run has made.
fn marked() -> Node {
    let node = Node::with_log(&good());
    assert_eq!(verdict(&node.act()), IN);
    assert!(node.is_marked());
    node
}

#[test]
fn f01_no_log_directory() {
    let node = Node::new();
    node.mark();
    let run = node.run(&["-o", "json"]);
    assert_eq!(verdict(&run.json()), "out-of-sync (no-log)");
    assert_eq!((run.status, node.is_marked()), (0, false));
}

#[test]
fn f02_log_gone_between_listing_and_opening() {
    let node = Node::with_log(&good());
    // A name that is listed and cannot be opened: the file behind it is gone.
    fs::remove_file(node.path(&log_path())).expect("removed");
    node.write(
        &format!("{CONTAINER}/0.log.20260724-115959"),
        good().concat().as_bytes(),
    );
    assert_eq!(node.verdict(), IN, "the renamed file serves");

    // The log comes and goes while it is looked for, a thousand times; no run fails.
    let node = Node::with_log(&good());
    let (log, aside) = (node.path(&log_path()), node.path("aside"));
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            for _ in 0..2000 {
                fs::rename(&log, &aside).expect("away");
                fs::rename(&aside, &log).expect("back");
            }
        });
        while !swapping.is_finished() {
            let run = node.run(&["-n", "-o", "json"]);
            let decided = verdict(&run.json());
            assert!(
                [IN, "out-of-sync (no-log)"].contains(&decided.as_str()),
                "{decided}"
            );
            assert_eq!(run.status, 0);
        }
    });
}

#[test]
fn f03_f06_rotated_in_this_second() {
    let node = Node::with_log(&[]);
    assert_eq!(node.verdict(), NO_EVIDENCE, "an empty log alone");
    node.write(
        &format!("{CONTAINER}/0.log.20260724-115959"),
        good().concat().as_bytes(),
    );
    assert_eq!(node.verdict(), IN);
}

#[test]
fn f04_rotated_and_compressed() {
    let node = Node::with_log(&[]);
    node.write(
        &format!("{CONTAINER}/0.log.20260724-115959.gz"),
        b"\x1f\x8b\x08",
    );
    node.write(
        &format!("{CONTAINER}/0.log.20260724-115959.tmp"),
        good().concat().as_bytes(),
    );
    assert_eq!(node.verdict(), NO_EVIDENCE);
}

#[test]
fn f05_log_that_shrinks_under_the_reader() {
    let node = Node::new();
    let lines = good().concat().repeat(2000);
    node.write(&log_path(), lines.as_bytes());
    let path = node.path(&log_path());
    std::thread::scope(|scope| {
        let shrinking = scope.spawn(|| {
            for round in 0..300 {
                let file = File::options().write(true).open(&path).expect("open");
                file.set_len(round * 7 % 500).expect("shorter");
                fs::write(&path, &lines).expect("longer");
            }
        });
        while !shrinking.is_finished() {
            let run = node.run(&["-n", "-o", "json"]);
            assert_eq!(run.status, 0, "{}", run.stderr);
        }
    });
    assert_eq!(node.verdict(), IN);
}

#[test]
fn f07_only_pieces() {
    let pieces: Vec<String> = good()
        .iter()
        .map(|line| line.replace(" F ", " P "))
        .collect();
    assert_eq!(decided(&pieces), NO_EVIDENCE);
}

#[test]
fn f08_last_line_without_its_end() {
    let mut lines = vec![ptp4l(2.0, "1", "s0")];
    lines.push(ptp4l(1.0, "1", "s2").trim_end().to_owned());
    assert_eq!(
        decided(&lines),
        UNLOCKED,
        "the line being written does not count yet"
    );
}

#[test]
fn f09_line_cut_short() {
    let whole = ptp4l(1.0, "99", "s2");
    let end = whole.trim_end().len();
    let start = whole.find("ptp4l").expect("a message");
    for cut in start..end {
        // The path delay may lose digits; everything before must be whole.
        if cut <= whole.find("path delay").expect("a delay") + "path delay".len() {
            let text = format!("{}\n", whole.get(..cut).expect("ASCII"));
            assert_eq!(decided(&[text]), NO_EVIDENCE, "cut at {cut}");
        }
    }
}

#[test]
fn f10_huge_lines() {
    for size in [1 << 20, 200 << 20] {
        let node = Node::new();
        node.directory(CONTAINER);
        let mut file = File::create(node.path(&log_path())).expect("a file");
        file.write_all(good().concat().as_bytes()).expect("written");
        let block = vec![b'x'; 1 << 20];
        for _ in 0..size >> 20 {
            file.write_all(&block).expect("written");
        }
        file.write_all(b"\n").expect("written");
        let decided = node.verdict();
        if size < 32 << 20 {
            assert_eq!(decided, IN);
        } else {
            assert_eq!(decided, NO_EVIDENCE, "never more than 32 MiB");
        }
        file.write_all(good().concat().as_bytes()).expect("written");
        assert_eq!(node.verdict(), IN);
    }
}

#[test]
fn f11_bytes_that_are_no_text() {
    for junk in [
        &b"\0"[..],
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x1b[31m",
        b"\n\n\n",
    ] {
        let node = Node::new();
        let mut log = good().concat().into_bytes();
        log.extend_from_slice(junk);
        log.push(b'\n');
        node.write(&log_path(), &log);
        assert_eq!(node.verdict(), IN, "{junk:?}");
    }
    let crlf = ptp4l(1.0, "1", "s2").replace('\n', "\r\n");
    assert_eq!(
        decided(&[ptp4l(2.0, "1", "s0"), crlf]),
        UNLOCKED,
        "that line is left out"
    );
}

#[test]
fn f12_numbers_of_other_scripts() {
    for offset in ["\u{2212}98", "\u{ff11}\u{ff12}", "\u{0661}"] {
        assert_eq!(decided(&[ptp4l(1.0, offset, "s2")]), NO_EVIDENCE);
    }
}

#[test]
fn f13_shell_in_a_field() {
    for offset in [
        "a[$(touch${IFS}/run/pwned)]",
        "`id`",
        "$(id)",
        "MAX_OFFSET",
        ";reboot",
    ] {
        assert_eq!(decided(&[ptp4l(1.0, offset, "s2")]), NO_EVIDENCE);
    }
}

#[test]
fn f14_offsets_beyond_64_bits_are_huge() {
    for offset in [
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551619",
        "-99999999999999999999999999999999",
    ] {
        assert_eq!(
            decided(&[ptp4l(2.0, "1", "s2"), ptp4l(1.0, offset, "s2")]),
            OVER,
            "{offset}"
        );
    }
}

#[test]
fn f15_what_is_no_integer() {
    for offset in [
        "nan", "inf", "1e9", "12.5", "0x10", "+5", "--5", "5+3", "1_000", "-",
    ] {
        assert_eq!(
            decided(&[ptp4l(1.0, offset, "s2")]),
            NO_EVIDENCE,
            "{offset}"
        );
    }
    let report = Node::with_log(&[ptp4l(1.0, "010", "s2")]).look();
    assert_eq!(
        report["legs"][0]["offset_ns"], 10,
        "decimal, whatever it begins with"
    );
}

fn summary(text: &str) -> String {
    line("ptp4l", 1.0, &format!("[ptp4l.0.config:6] {text}"))
}

#[test]
fn f16_a_summary_of_nothing() {
    let nothing = "master offset summary: cnt=0, min=0, max=0, avg=NaN, SD=NaN";
    assert_eq!(decided(&[summary(nothing)]), NO_EVIDENCE);
}

#[test]
fn f17_the_larger_end_of_a_summary() {
    let lopsided = "master offset summary: cnt=9, min=-200000, max=3, avg=1.00, SD=2.00";
    assert_eq!(decided(&[summary(lopsided)]), OVER);
}

#[test]
fn f18_the_maximum_of_a_summary() {
    assert_eq!(
        decided(&[summary("rms    3 max 200000 freq -1 +/-   4")]),
        OVER
    );
    assert_eq!(
        decided(&[summary("rms    3 max    nan freq -1 +/-   4")]),
        NO_EVIDENCE
    );
}

#[test]
fn f19_f20_f21_servo_states() {
    for (servo, expected) in [
        ("s0", UNLOCKED),
        ("s1", UNLOCKED),
        ("s2", IN),
        ("s3", IN),
        ("s9", UNLOCKED),
    ] {
        assert_eq!(decided(&[ptp4l(1.0, "1", servo)]), expected, "{servo}");
    }
    assert_eq!(decided(&[ptp4l(1.0, "1", "s22")]), NO_EVIDENCE);
}

#[test]
fn f22_f23_a_port_is_lost_and_comes_back() {
    let lost = port(5.0, 1, "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)");
    let node = Node::with_log(
        &[
            vec![ptp4l(6.0, "1", "s2"), lost.clone()],
            vec![phc2sys(0.5, "1", "s2")],
        ]
        .concat(),
    );
    assert_eq!(node.verdict(), "out-of-sync (reference-lost)");
    node.mark();
    assert_eq!(node.verdict(), "in-sync (holding)");
    let back = port(3.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    let lines = [ptp4l(6.0, "1", "s2"), lost, back, phc2sys(0.5, "1", "s2")];
    assert_eq!(decided(&lines), IN);
}

#[test]
fn f24_serving_ports_of_a_boundary_clock() {
    let serving = line(
        "ptp4l",
        0.2,
        "[ptp4l.1.config:5] port 1 (ens4f0): MASTER to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)",
    );
    assert_eq!(decided(&[good(), vec![serving]].concat()), IN);
}

#[test]
fn f25_a_program_ends_without_a_word() {
    let lines = [
        ptp4l(601.0, "1", "s2"),
        format!(
            "{} stderr F I0724 12:00:00.1 1 daemon.go:9] ptp4l[1784894000]:[ptp4l.0.config] PTP_PROCESS_STATUS:0\n",
            at(600.0)
        ),
        phc2sys(0.5, "1", "s2"),
    ];
    assert_eq!(decided(&lines), STALE);
}

#[test]
fn f26_holdover_of_a_boundary_clock_is_shown() {
    let status = daemon(
        "T-BC",
        0.8,
        "[ts2phc.1.config] ens4f0 offset -3 T-BC-STATUS s1",
    );
    let report = Node::with_log(&[vec![status], vec![ptp4l(0.9, "1", "s0")]].concat()).look();
    assert_eq!(verdict(&report), UNLOCKED);
    assert!(
        report["warnings"]
            .to_string()
            .contains("T-BC-STATUS s1 on ens4f0"),
        "{report}"
    );
}

#[test]
fn f27_log_reduction() {
    let slave = port(9000.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    assert_eq!(decided(&[slave, phc2sys(0.5, "1", "s2")]), IN);
}

#[test]
fn f28_phc2sys_silent() {
    assert_eq!(
        decided(&[phc2sys(601.0, "1", "s2"), ptp4l(0.5, "1", "s2")]),
        STALE
    );
}

#[test]
fn f29_the_utc_offset_is_missing() {
    let node = Node::with_log(&[phc2sys(0.5, "-37000000123", "s2")]);
    assert_eq!(node.verdict(), OVER);
    assert!(node.run(&["-n"]).stdout.contains("UTC offset"));
}

#[test]
fn f30_one_of_two_instances_bad() {
    let bad = line(
        "ptp4l",
        0.2,
        "[ptp4l.1.config:6] master offset 900000 s2 freq +0 path delay 1",
    );
    assert_eq!(decided(&[good(), vec![bad]].concat()), IN);
}

#[test]
fn f31_from_the_future() {
    assert_eq!(
        decided(&[ptp4l(-31_536_000.0, "1", "s2")]),
        "out-of-sync (from-the-future)"
    );
}

#[test]
fn f32_f33_the_wall_clock_steps() {
    // The clock was an hour ahead until a second ago: old lines are from the future.
    let step = |by: f64| {
        let old = ptp4l(by, "1", "s2");
        let then = old.replace(
            &format!("{:.3}", UPTIME - by),
            &format!("{:.3}", UPTIME - 2.0),
        );
        Node::with_log(&[then])
    };
    for (by, reason) in [(-3600.0, "out-of-sync (from-the-future)"), (3600.0, STALE)] {
        let node = step(by);
        assert_eq!(node.verdict(), reason);
        let old = fs::read_to_string(node.path(&log_path())).expect("a log");
        node.log(&[old, ptp4l(0.5, "1", "s2")]);
        assert_eq!(node.verdict(), IN, "the next line counts");
    }
}

#[test]
fn f34_one_reading_of_the_clocks() {
    // All ages of a report are of one moment: lines of one time have one age.
    let report = Node::with_log(&[ptp4l(1.0, "1", "s2"), phc2sys(1.0, "1", "s2")]).look();
    assert_eq!(
        report["legs"][0]["age_seconds"],
        report["legs"][1]["age_seconds"]
    );
}

#[test]
fn f35_f36_a_log_from_before_the_node_started() {
    let old = [ptp4l(UPTIME + 9.0, "1", "s2")];
    assert_eq!(decided(&old), NO_EVIDENCE, "no bracket is negative");
    let bracket = format!(
        "{} stdout F ptp4l[{:.3}]: [ptp4l.0.config:6] master offset 1 s2 freq +0 path delay 1\n",
        at(1.0),
        UPTIME + 9.0
    );
    assert_eq!(decided(&[bracket]), "out-of-sync (from-the-future)");
}

#[test]
fn f35_a_wall_time_from_before_the_node_started() {
    let lines = [format!(
        "{} stdout F ptp4l[12.000]: [ptp4l.0.config:6] master offset 1 s2 freq +0 path delay 1\n",
        at(UPTIME + 1.0)
    )];
    assert_eq!(decided(&lines), "out-of-sync (from-another-boot)");
}

#[test]
fn f37_unix_seconds_in_the_bracket() {
    let text = "master offset summary: cnt=480, min=-12, max=15, avg=0.21, SD=4.37";
    let lines = [format!(
        "{} stdout F ptp4l[1784894399.000]: [ptp4l.0.config:6] {text}\n",
        at(1.0)
    )];
    assert_eq!(decided(&lines), IN);
}

#[test]
fn f38_f39_old_and_new_pods_and_containers() {
    let node = Node::new();
    let old = "var/log/pods/openshift-ptp_linuxptp-daemon-zzzzz_old/linuxptp-daemon-container";
    node.write(&format!("{old}/0.log"), good().concat().as_bytes());
    node.log(&[ptp4l(0.2, "1", "s0")]);
    assert_eq!(node.verdict(), UNLOCKED, "the newest pod");
    node.write(
        &format!("{CONTAINER}/1.log"),
        phc2sys(0.1, "1", "s0").as_bytes(),
    );
    let report = node.look();
    assert_eq!(verdict(&report), UNLOCKED);
    assert_eq!(
        report["legs"][0]["state"], "not-visible",
        "its newest container alone"
    );
}

#[test]
fn f40_f41_other_namespaces() {
    for pod in [
        "evil_linuxptp-daemon-abcde_1",
        "openshift-ptp2_linuxptp-daemon-abcde_1",
        "openshift-ptp_x_linuxptp-daemon-abcde_1",
        "x_openshift-ptp_linuxptp-daemon-abcde_1",
        "openshift-pt_p_linuxptp-daemon-abcde_1",
        "openshift-ptp_notlinuxptp-daemon-abcde_1",
    ] {
        let node = Node::new();
        node.write(
            &format!("var/log/pods/{pod}/linuxptp-daemon-container/0.log"),
            good().concat().as_bytes(),
        );
        assert_eq!(node.verdict(), "out-of-sync (no-log)", "{pod}");
    }
    let node = Node::new();
    node.write(
        "var/log/pods/ptp-two_linuxptp-daemon-abcde_1/linuxptp-daemon-container/0.log",
        good().concat().as_bytes(),
    );
    assert_eq!(
        verdict(
            &node
                .run(&["-n", "-o", "json", "--namespace", "ptp-two"])
                .json()
        ),
        IN
    );
}

#[test]
fn f42_something_else_in_the_place_of_the_log() {
    let elsewhere = Node::with_log(&good());
    let target = elsewhere.path(&log_path());
    let unreadable = |what: &str, put: &dyn Fn(&std::path::Path)| {
        let node = Node::new();
        node.directory(CONTAINER).mark();
        put(&node.path(&log_path()));
        let run = node.run(&["-o", "json"]);
        assert_eq!(verdict(&run.json()), UNREADABLE, "{what}");
        assert_eq!((run.status, node.is_marked()), (1, false), "{what}");
        assert!(
            run.stderr.contains("0.log is a") || run.stderr.contains("0.log is "),
            "{what}: {}",
            run.stderr
        );
    };
    unreadable("a link", &|path| symlink(&target, path).expect("a link"));
    unreadable("a FIFO", &mkfifo);
    unreadable("a directory", &|path| {
        fs::create_dir(path).expect("a directory");
    });
    unreadable("a socket", &|path| {
        std::os::unix::net::UnixListener::bind(path).expect("a socket");
    });

    // A link on the way is as bad as one at its end.
    let node = Node::new();
    node.directory("var/log/pods");
    symlink(elsewhere.path(POD), node.path(POD)).expect("a link");
    assert_eq!(node.verdict(), UNREADABLE);

    // So it is for a file that was named, and a FIFO does not make it wait.
    let node = Node::new();
    mkfifo(&node.path("fifo"));
    let run = node.run(&["-n", "--log", node.path("fifo").to_str().expect("UTF-8")]);
    assert_eq!(run.status, 1);
    assert!(
        run.stdout.contains("is a FIFO, expected a regular file"),
        "{}",
        run.stdout
    );
}

fn mkfifo(path: &std::path::Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600)).expect("a FIFO");
}

#[test]
fn f43_a_log_that_may_not_be_read() {
    let node = Node::with_log(&good());
    node.mark();
    // Root may read anything; without its capabilities, it is as everybody.
    fs::set_permissions(node.path(&log_path()), fs::Permissions::from_mode(0o000)).expect("a mode");
    let run = in_namespace(
        &node,
        "exec setpriv --bounding-set -all --inh-caps -all --reset-env $P -o json",
    );
    assert_eq!(verdict(&run.json()), UNREADABLE, "{}", run.stderr);
    assert_eq!((run.status, node.is_marked()), (1, false));
    assert!(run.stderr.contains("Permission denied"), "{}", run.stderr);
}

#[test]
fn f44_a_log_that_cannot_be_read() {
    let node = marked();
    let run = injected(&node, "pread64:error=EIO", &["-P", &log_path()]);
    assert_eq!(verdict(&run.json()), UNREADABLE, "{}", run.stderr);
    assert_eq!((run.status, node.is_marked()), (1, false));
}

#[test]
fn f45_ten_thousand_pods() {
    let node = Node::with_log(&good());
    for number in 0..10_000 {
        node.directory(&format!("var/log/pods/openshift-other_pod-{number}_uid"));
    }
    for number in 0..200 {
        node.directory(&format!(
            "var/log/pods/openshift-ptp_linuxptp-daemon-x{number}_uid"
        ));
    }
    // The pod that is written to has been touched last.
    node.write(&format!("{CONTAINER}/touch"), b"");
    fs::remove_file(node.path(&format!("{CONTAINER}/touch"))).expect("removed");
    let pod = File::open(node.path(POD)).expect("a directory");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    pod.set_modified(later).expect("a time");
    assert_eq!(node.verdict(), IN);
}

#[test]
fn f46_the_offset_is_megabytes_back() {
    let node = Node::new();
    let other = format!(
        "{} stderr F I0724 12:00:00.1 1 daemon.go:9] nothing that counts\n",
        at(0.1)
    );
    let log = [good().concat(), other.repeat((12 << 20) / other.len())].concat();
    node.write(&log_path(), log.as_bytes());
    assert_eq!(node.verdict(), IN);
}

#[test]
fn f47_no_directory_for_the_marker() {
    let node = Node::with_log(&good());
    assert_eq!(verdict(&node.act()), IN);
    assert!(node.is_marked());
    let mode = fs::metadata(node.path("run/ptp"))
        .expect("a directory")
        .mode();
    assert_eq!(mode & 0o777, 0o755);
}

#[test]
fn f48_the_marker_is_a_link() {
    for target in ["run/target", "nowhere"] {
        let node = Node::with_log(&good());
        node.directory("run/ptp").write("run/target", b"precious");
        symlink(node.path(target), node.path("run/ptp/insync")).expect("a link");
        assert_eq!(verdict(&node.act()), IN);
        let marker = node
            .path("run/ptp/insync")
            .symlink_metadata()
            .expect("a marker");
        assert!(marker.is_file(), "a file in its place");
        assert_eq!(
            fs::read(node.path("run/target")).expect("a file"),
            b"precious"
        );
        assert!(!node.path("nowhere").exists());

        fs::remove_file(node.path("run/ptp/insync")).expect("removed");
        symlink(node.path(target), node.path("run/ptp/insync")).expect("a link");
        node.log(&[ptp4l(1.0, "1", "s0")]);
        node.act();
        assert!(!node.is_marked());
        assert_eq!(
            fs::read(node.path("run/target")).expect("a file"),
            b"precious"
        );
    }
}

#[test]
fn f49_the_marker_is_a_directory_or_a_fifo() {
    type Put = &'static dyn Fn(&Node);
    let obstacles: [(&str, Put); 4] = [
        ("a directory", &|node| {
            _ = node.directory("run/ptp/insync");
        }),
        ("a full directory", &|node| {
            _ = node.write("run/ptp/insync/x", b"keep");
        }),
        ("a FIFO", &|node| mkfifo(&node.path("run/ptp/insync"))),
        ("a socket", &|node| {
            drop(std::os::unix::net::UnixListener::bind(node.path("run/ptp/insync")).expect("one"));
        }),
    ];
    for (what, put) in obstacles {
        for (log, expected) in [(good(), true), (vec![ptp4l(1.0, "1", "s0")], false)] {
            let node = Node::with_log(&log);
            node.directory("run/ptp");
            put(&node);
            let run = node.run(&["-o", "json"]);
            let report = run.json();
            assert_eq!(
                (run.status, &report["previous"]),
                (0, &"out-of-sync".into()),
                "{what}"
            );
            assert_eq!(
                report["action"],
                if expected { "create" } else { "remove" },
                "{what}"
            );
            assert_eq!(node.is_marked(), expected, "{what}");
            if expected {
                let marker = node.path("run/ptp/insync").symlink_metadata().expect("one");
                assert!(marker.is_file(), "{what}");
            }
        }
    }
}

#[test]
fn f50_the_directory_of_the_marker_is_a_link() {
    let node = Node::with_log(&good());
    node.write("elsewhere/insync", b"precious");
    symlink(node.path("elsewhere"), node.path("run/ptp")).expect("a link");
    let run = node.run(&[]);
    assert_eq!(run.status, 1);
    assert!(
        run.stderr.contains("run/ptp") && run.stderr.contains("chronyd stays blocked"),
        "{}",
        run.stderr
    );
    assert_eq!(
        fs::read(node.path("elsewhere/insync")).expect("a file"),
        b"precious"
    );
}

#[test]
fn f51_a_marker_that_cannot_be_removed() {
    let node = marked();
    node.log(&[ptp4l(1.0, "1", "s0")]);
    let run = in_namespace(
        &node,
        "mount --bind $R/run/ptp $R/run/ptp && mount -o remount,ro,bind $R/run/ptp; exec $P",
    );
    assert_eq!(run.status, 1);
    assert!(
        run.stderr.contains("cannot remove") && run.stderr.contains("insync"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("chronyd stays blocked"),
        "{}",
        run.stderr
    );
    assert_eq!(
        node.verb(),
        "start",
        "chronyd is told to start all the same"
    );
    assert_eq!(node.run(&[]).status, 0, "the next run repairs it");
    assert!(!node.is_marked());
}

#[test]
fn f52_no_room_for_the_marker() {
    for size in ["nr_inodes=1", "size=4k,nr_inodes=2"] {
        let node = Node::with_log(&good());
        node.directory("run/ptp");
        let run = in_namespace(
            &node,
            &format!(
                "mount -t tmpfs -o {size} none $R/run/ptp || exit 9\n\
                 head -c 1M /dev/zero > $R/run/ptp/fill 2>/dev/null\n\
                 $P; status=$?; ls -A $R/run/ptp; exit $status"
            ),
        );
        assert_eq!(run.status, 1, "{size}: {} {}", run.stdout, run.stderr);
        assert!(!run.stdout.contains("insync"), "{size}: {}", run.stdout);
        assert!(
            run.stderr.contains("No space left on device"),
            "{size}: {}",
            run.stderr
        );
        assert_eq!(node.verb(), "start", "{size}");
    }
}

#[test]
fn f52_no_room_for_the_report_takes_the_marker_away() {
    let node = marked();
    let run = in_namespace(
        &node,
        "mount -t tmpfs -o size=4k none $R/run/ptp-sync-check || exit 9\n\
         head -c 1M /dev/zero > $R/run/ptp-sync-check/fill 2>/dev/null\n\
         exec $P",
    );
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(!node.is_marked());
}

#[test]
fn f53_a_marker_made_by_somebody_else() {
    let node = Node::with_log(&[ptp4l(1.0, "110000", "s2")]);
    node.mark();
    let report = node.look();
    assert_eq!(
        report["previous"], "in-sync",
        "it counts as the predecessor's did"
    );
    assert_eq!(verdict(&report), IN);
    assert!(
        report["warnings"]
            .to_string()
            .contains("was not written by this program")
    );
}

#[test]
fn f54_ptp_is_removed() {
    let node = marked();
    fs::remove_dir_all(node.path("var/log/pods")).expect("removed");
    assert_eq!(verdict(&node.act()), "out-of-sync (no-log)");
    assert!(!node.is_marked());
}

#[test]
fn f55_a_marker_from_before_the_node_started() {
    let node = marked();
    node.log(&[ptp4l(1.0, "110000", "s2"), phc2sys(1.0, "1", "s2")]);
    assert_eq!(node.verdict(), IN, "within the limit to stay");
    let marker = node.path("run/ptp/insync");
    let content = fs::read_to_string(&marker)
        .expect("a marker")
        .replace("11111111", "99999999");
    fs::write(&marker, content).expect("written");
    let report = node.look();
    assert_eq!(verdict(&report), OVER, "beyond the limit to enter");
    assert_eq!(report["previous"], "out-of-sync");
}

#[test]
fn f56_many_runs_at_once() {
    let node = Node::with_log(&good());
    let runs: Vec<_> = (0..40)
        .map(|_| {
            let mut command = node.command();
            command.args(["--now", NOW, "--uptime", &UPTIME.to_string()]);
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().expect("spawned")
        })
        .collect();
    for mut run in runs {
        assert!(run.wait().expect("ended").success());
    }
    assert!(node.is_marked());
    assert_eq!(node.verb(), "stop");
    assert_eq!(leftovers(&node), Vec::<String>::new());
}

#[test]
fn f56_a_run_that_hangs_does_not_stop_the_others_for_long() {
    let node = marked();
    let lock = File::open(node.path("run/ptp-sync-check/lock")).expect("a lock");
    let held = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).expect("held");
    let run = node.run(&[]);
    drop(held);
    assert_eq!(run.status, 1);
    assert!(run.stderr.contains("has held the lock"), "{}", run.stderr);
    assert!(
        !node.is_marked(),
        "nobody knows what it will do: chronyd may run"
    );
    let mode = fs::metadata(node.path("run/ptp-sync-check/lock"))
        .expect("a lock")
        .mode();
    assert_eq!(mode & 0o777, 0o600, "only root can hold it");
}

/// Temporary files below /run.
fn leftovers(node: &Node) -> Vec<String> {
    ["run/ptp", "run/ptp-sync-check"]
        .iter()
        .flat_map(|directory| fs::read_dir(node.path(directory)).expect("a directory"))
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.starts_with('.'))
        .collect()
}

#[test]
fn f57_killed_between_writing_and_renaming() {
    for call in [
        "renameat:when=1",
        "renameat:when=2",
        "renameat:when=3",
        "write:when=1",
        "write:when=2",
    ] {
        let node = Node::with_log(&good());
        let (name, when) = call.split_once(':').expect("two parts");
        let run = injected(&node, &format!("{name}:signal=SIGKILL:{when}"), &[]);
        assert_ne!(run.status, 0, "{call}");
        assert_eq!(node.run(&[]).status, 0, "{call}: the next run recovers");
        assert!(node.is_marked());
        assert_eq!(leftovers(&node), Vec::<String>::new(), "{call}");
    }
}

#[test]
fn f58_terminated() {
    let node = marked();
    let run = injected(&node, "pread64:signal=SIGTERM", &["-P", &log_path()]);
    assert_ne!(run.status, 0);
    assert!(node.is_marked(), "nothing was decided, nothing changed");
}

#[test]
fn f60_f61_f62_f63_settings() {
    let refused = [
        ("MAX_OFFSET", "abc"),
        ("MAX_OFFSET", "-5"),
        ("MAX_OFFSET", "1e5"),
        ("MAX_OFFSET", "100.5"),
        ("MAX_OFFSET", "100 000"),
        ("MAX_OFFSET", "0"),
        ("MAX_OFFSET", "2s"),
        ("MAX_OFFSET", "9223372036854775807"),
        ("MAX_OFFSET", "99999999999999999999"),
        ("OFFSET_THRESHOLD", "100us"),
        ("OFFSET_THRESHOLD", "-99999999"),
        ("OFFSET_THRESHOLD", "9223372036854775807"),
        ("SYNC_AGE", "abc"),
        ("SYNC_AGE", "0"),
        ("SYNC_AGE", "-1"),
        ("SYNC_AGE", "nan"),
        ("SYNC_AGE", "1e9"),
        ("SYNC_AGE", "99999999999999999999"),
        ("HOLDOVER", "long"),
        ("SETTLE", "-1s"),
        ("OFFSET_WINDOW", "10 parsecs"),
        ("PTP_NAMESPACE", "open_shift"),
        ("PTP_NAMESPACE", "../etc"),
    ];
    for (name, value) in refused {
        let node = marked();
        let run = node.run_with(&[(name, value)], &[]);
        assert_eq!(run.status, 2, "{name}={value}: {}", run.stderr);
        let told = run.stderr.contains(name) && run.stderr.contains(value);
        assert!(
            told && run.stderr.contains("a right form is"),
            "{}",
            run.stderr
        );
        assert!(!node.is_marked(), "{name}={value}");
        assert_eq!(node.verb(), "start");
        let event = "out-of-sync (config-error), was in-sync: remove ";
        assert!(run.stderr.contains(event), "{}", run.stderr);
        let again = node.run_with(&[(name, value)], &[]);
        assert!(!again.stderr.contains(event), "no change, no event");

        let node = marked();
        assert_eq!(node.run_with(&[(name, value)], &["-n"]).status, 2);
        assert!(node.is_marked(), "a dry run changes nothing");
    }
    let accepted = [
        ("MAX_OFFSET", ""),
        ("MAX_OFFSET", " 100us "),
        ("MAX_OFFSET", "100000"),
        ("MAX_OFFSET", "1ms"),
        ("MAX_OFFSET", "1s"),
        ("OFFSET_THRESHOLD", "0"),
        ("SYNC_AGE", ""),
        ("SYNC_AGE", "1h 30m"),
        ("HOLDOVER", "0"),
        ("HOLDOVER", "4h"),
        ("SETTLE", "30s"),
        ("OFFSET_WINDOW", "5"),
        ("PTP_NAMESPACE", ""),
    ];
    for (name, value) in accepted {
        let node = marked();
        let run = node.run_with(&[(name, value)], &[]);
        assert_eq!(run.status, 0, "{name}={value}: {}", run.stderr);
        assert!(node.is_marked(), "{name}={value}");
    }
    let report = Node::with_log(&good())
        .run_with(
            &[("SYNC_AGE", "99")],
            &["-n", "-o", "json", "--sync-age", "5m"],
        )
        .json();
    assert_eq!(
        report["policy"]["sync_age_seconds"], 300.0,
        "the command line wins"
    );
    assert_eq!(
        report["policy"]["holdover_seconds"], 300.0,
        "the holdover follows"
    );
}

#[test]
fn f64_unknown_options_and_misspelt_variables() {
    let node = marked();
    let run = node.run(&["--foo"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("--foo"), "{}", run.stderr);
    assert!(
        !node.is_marked(),
        "a unit with a bad option must not leave the marker"
    );

    let node = marked();
    assert_eq!(node.run(&["--dry-rum"]).status, 2);
    assert_eq!(node.run(&["-nx"]).status, 2);
    assert!(node.is_marked(), "who means a dry run shall have one");

    for name in [
        "MAX_OFSET",
        "MAX_OFFSETS",
        "SYNCAGE",
        "MAX_OFFSET_NS",
        "HOLD_OVER",
    ] {
        let report = Node::with_log(&good())
            .run_with(&[(name, "1")], &["-n", "-o", "json"])
            .json();
        assert!(
            report["warnings"].to_string().contains(name),
            "{name}: {report}"
        );
    }
    let report = Node::with_log(&good())
        .run_with(
            &[("PATH", "/"), ("HOME", "/"), ("OFFSET", "1")],
            &["-n", "-o", "json"],
        )
        .json();
    assert_eq!(report["warnings"].to_string(), "[]");
}

#[test]
fn f65_locale_and_time_zone() {
    let plain = Node::with_log(&good());
    let odd = plain.run_with(
        &[
            ("TZ", "Asia/Kathmandu"),
            ("LC_ALL", "tr_TR.UTF-8"),
            ("LANG", "ar"),
        ],
        &["-n"],
    );
    assert_eq!(odd.stdout, plain.run(&["-n"]).stdout);
}

#[test]
fn f66_times_of_all_runtimes() {
    let stamped = |time: &str| {
        decided(&[format!(
            "{time} stdout F ptp4l[99999.000]: [ptp4l.0.config:6] master offset 1 s2 freq +0 path delay 1\n"
        )])
    };
    for time in [
        "2026-07-24T11:59:59Z",
        "2026-07-24T11:59:59.5Z",
        "2026-07-24T11:59:59.123456789+00:00",
        "2026-07-24T17:29:59.000+05:30",
        "2026-07-24T03:59:59.1234567-08:00",
        "2026-07-24T11:59:59.1234567891234Z",
    ] {
        assert_eq!(stamped(time), IN, "{time}");
    }
    for time in [
        "2026-07-24T11:59:59",
        "2026-07-24",
        "now",
        "tomorrow",
        "2026-07-24T11:59:59+05:1800",
    ] {
        assert_eq!(stamped(time), NO_EVIDENCE, "{time}");
    }
}

#[test]
fn f67_nobody_reads_the_output() {
    for redirect in [">&-", ">/dev/full", "| true", ">&- 2>&-"] {
        let node = Node::with_log(&good());
        let run = in_namespace(&node, &format!("$P -v {redirect}; exit 0"));
        assert_eq!(run.status, 0, "{redirect}");
        assert!(
            node.is_marked(),
            "{redirect}: the decision is applied all the same"
        );
    }
}

#[test]
fn f68_no_journal() {
    // With the machine's own root the journal would be told; here /run is empty.
    let node = Node::with_log(&good());
    let run = in_namespace(
        &node,
        "mount -t tmpfs none /run && mkdir -p /run/ptp || exit 9\n\
         P=$(echo \"$P\" | sed \"s,--root $R,,\")\n\
         $P --log $R/var/log/pods/*/linuxptp-daemon-container/0.log; status=$?\n\
         ls -A /run/ptp; exit $status",
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(run.stdout, "insync\n");
    assert!(
        run.stderr
            .contains("ptp-sync-check: in-sync (within-limit), was out-of-sync"),
        "{}",
        run.stderr
    );
}

#[test]
fn f68_a_journal_that_hangs_delays_nothing() {
    let node = Node::with_log(&good());
    // A socket that nobody reads, filled up to its limit.
    node.write(
        "hang.py",
        br#"
import socket, subprocess, sys, time
journal = "/run/systemd/journal/socket"
deaf = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
deaf.bind(journal)
mouth = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
mouth.setblocking(False)
try:
    while True:
        mouth.sendto(b"x" * 1000, journal)
except BlockingIOError:
    pass
begun = time.monotonic()
status = subprocess.run(sys.argv[1:]).returncode
assert time.monotonic() - begun < 5, "delayed"
sys.exit(status)
"#,
    );
    let script = "mount -t tmpfs none /run && mkdir -p /run/ptp /run/systemd/journal || exit 9\n\
         P=$(echo \"$P\" | sed \"s,--root $R,,\")\n\
         python3 $R/hang.py $P --log $R/var/log/pods/*/linuxptp-daemon-container/0.log\n\
         status=$?; ls -A /run/ptp; exit $status";
    let run = in_namespace(&node, script);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert_eq!(run.stdout, "insync\n");
}

#[test]
fn f69_no_proc() {
    let node = marked();
    fs::remove_dir_all(node.path("proc")).expect("removed");
    let report = node.look();
    assert_eq!(verdict(&report), IN);
    assert!(
        report["warnings"].to_string().contains("boot_id"),
        "{report}"
    );
}

#[test]
fn f73_a_single_outlier() {
    let lines = [
        ptp4l(3.0, "1", "s2"),
        ptp4l(2.0, "2", "s2"),
        ptp4l(1.0, "150000", "s2"),
    ];
    assert_eq!(decided(&lines), OVER, "as the predecessor judged it");
    let node = Node::with_log(&lines);
    assert_eq!(
        verdict(
            &node
                .run(&["-n", "-o", "json", "--offset-window", "10s"])
                .json()
        ),
        IN
    );
}

#[test]
fn f74_jitter_around_the_threshold() {
    // A sine of 30 us around 90 us: 60 to 120 us. Between the limits nothing changes.
    let node = Node::new();
    let mut changes = 0;
    let mut before = String::new();
    for tick in 0..40 {
        let offset = 90_000.0 + 30_000.0 * (f64::from(tick) * 0.7).sin();
        node.log(&[ptp4l(
            -f64::from(tick) * 300.0,
            &format!("{offset:.0}"),
            "s2",
        )]);
        let report = node.act_at(f64::from(tick) * 300.0);
        let now = report["verdict"].to_string();
        changes += usize::from(now != before);
        before = now;
    }
    assert!(changes <= 2, "{changes} changes in 40 ticks");
    assert!(node.is_marked());
}

#[test]
fn f75_slow_drift_across_the_threshold() {
    let node = Node::new();
    for tick in 0..30 {
        let offset = f64::from(tick) * 5_000.0;
        let time = f64::from(tick) * 300.0;
        node.log(&[ptp4l(-time, &format!("{offset:.0}"), "s2")]);
        let expected = if offset <= 120_000.0 {
            "in-sync"
        } else {
            "out-of-sync"
        };
        assert_eq!(node.act_at(time)["verdict"], expected, "{offset} ns");
    }
}

#[test]
fn f76_clocks_at_the_ends_of_time() {
    let look = |now: &str, stamp: &str| {
        let text = "[ptp4l.0.config:6] master offset 1 s2 freq +0 path delay 1";
        let node = Node::with_log(&[format!("{stamp} stdout F ptp4l[300.000]: {text}\n")]);
        let mut command = node.command();
        command.args(["-n", "-o", "json", "--now", now, "--uptime", "301"]);
        answer(&mut command).json()
    };
    let report = look("1970-01-01T00:05:01Z", "1970-01-01T00:05:00Z");
    assert_eq!(verdict(&report), IN);
    assert!(
        report["warnings"].to_string().contains("before 2020"),
        "{report}"
    );
    assert_eq!(
        verdict(&look("2038-01-19T03:14:09Z", "2038-01-19T03:14:08Z")),
        IN
    );
    assert_eq!(
        verdict(&look("2200-01-01T00:00:01Z", "2200-01-01T00:00:00Z")),
        IN
    );
    assert_eq!(
        verdict(&look(NOW, "9999-12-31T23:59:59Z")),
        "out-of-sync (from-the-future)"
    );
}

#[test]
fn f77_the_monotonic_clock_of_another_namespace() {
    let node = Node::with_log(&good());
    let mut command = node.command();
    command.args(["-n", "-o", "json", "--now", NOW, "--uptime", "5"]);
    let report = answer(&mut command).json();
    assert_eq!(
        report["verdict"], "out-of-sync",
        "lines from beyond the uptime are no evidence"
    );
    assert_eq!(report["reason"], "from-the-future");
}

#[test]
fn f78_little_memory() {
    let node = Node::new();
    let other = format!(
        "{} stderr F I0724 12:00:00.1 1 daemon.go:9] nothing that counts\n",
        at(0.1)
    );
    let log = [good().concat(), other.repeat((40 << 20) / other.len())].concat();
    node.write(&log_path(), log.as_bytes());
    let run = in_namespace(&node, "ulimit -d 8192; exec $P -n -o json");
    assert_eq!(
        verdict(&run.json()),
        NO_EVIDENCE,
        "never more than 32 MiB: {}",
        run.stderr
    );
    node.log(&good());
    let run = in_namespace(&node, "ulimit -d 8192; exec $P -n -o json");
    assert_eq!(verdict(&run.json()), IN);
}

/// A build that is not static needs descriptors before it begins.
const NEVER_STARTED: i32 = 127;

#[test]
fn f79_no_descriptors_and_no_file_sizes() {
    for limit in 3..12 {
        let node = marked();
        let run = in_namespace(&node, &format!("exec prlimit --nofile={limit} $P"));
        if run.status == 0 || run.status == NEVER_STARTED {
            assert!(node.is_marked(), "{limit}");
        } else {
            assert_eq!(run.status, 1, "{limit}: {}", run.stderr);
            assert!(!node.is_marked(), "{limit}: {}", run.stderr);
        }
    }
    let node = marked();
    let run = in_namespace(&node, "ulimit -f 0; exec $P");
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.contains("File too large"), "{}", run.stderr);
    assert!(!node.is_marked());
}

#[test]
fn f80_a_program_of_another_kind_is_no_program() {
    // What the unit does about it is tested with the unit. Here: it cannot pass for a verdict.
    let node = marked();
    node.write("bad", b"\x7fELF\x02\x01\x01 of another machine");
    fs::set_permissions(node.path("bad"), fs::Permissions::from_mode(0o755)).expect("a mode");
    assert!(Command::new(node.path("bad")).arg("-n").output().is_err());
}
