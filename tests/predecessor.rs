//! Every weakness that was found in the shell version, by its number, and that it is gone.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test may fail, and a table may be long"
)]

mod common;

use common::{CONTAINER, Node, at, line, phc2sys, port, ptp4l, verdict};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

const IN: &str = "in-sync (within-limit)";
const NO_EVIDENCE: &str = "out-of-sync (no-evidence)";
const UNLOCKED: &str = "out-of-sync (servo-unlocked)";
const OVER: &str = "out-of-sync (offset-over-limit)";

fn decided(lines: &[String]) -> String {
    Node::with_log(lines).verdict()
}

fn good() -> Vec<String> {
    vec![ptp4l(1.0, "-98", "s2"), phc2sys(0.5, "12", "s2")]
}

/// A CRI line with any message.
fn raw(seconds_ago: f64, message: &str) -> String {
    format!("{} stdout F {message}\n", at(seconds_ago))
}

#[test]
fn s1_s6_a_field_is_never_evaluated() {
    let canary = std::env::temp_dir().join("ptp-sync-check-canary");
    let path = canary.display();
    for offset in [
        format!("a[$(touch${{IFS}}{path})]"),
        format!("`touch {path}`"),
        "MAX_OFFSET".into(),
        "PATH".into(),
    ] {
        let node = Node::with_log(&[ptp4l(1.0, &offset, "s2")]);
        let run = node.run_with(&[("PATH", "/usr/bin:/bin")], &["-n", "-o", "json"]);
        assert_eq!(verdict(&run.json()), NO_EVIDENCE, "{offset}");
        assert!(
            !run.stderr.contains("/usr/bin"),
            "nothing of the environment leaks"
        );
        assert!(!canary.exists(), "{offset}");
    }
}

#[test]
fn s2_another_namespace_is_never_read() {
    let node = Node::new();
    node.write(
        "var/log/pods/evil_linuxptp-daemon-container-abcde_1/linuxptp-daemon-container/0.log",
        good().concat().as_bytes(),
    );
    assert_eq!(node.verdict(), "out-of-sync (no-log)");
}

#[test]
fn s3_the_current_directory_does_not_matter() {
    let node = Node::with_log(&[ptp4l(1.0, "150000", "s2")]);
    for name in ["p", "t", "0", "[ptp4l.0.config]"] {
        node.write(&format!("cwd/{name}"), b"");
    }
    let mut command = node.command();
    command.current_dir(node.path("cwd")).args([
        "-n",
        "-o",
        "json",
        "--now",
        common::NOW,
        "--uptime",
        "100000",
    ]);
    assert_eq!(verdict(&common::answer(&mut command).json()), OVER);
}

#[test]
fn s4_a_link_in_the_place_of_the_marker_is_not_followed() {
    let node = Node::with_log(&good());
    node.directory("run/ptp");
    symlink(node.path("run/evil"), node.path("run/ptp/insync")).expect("a link");
    node.act();
    assert!(!node.path("run/evil").exists());
    assert!(
        node.path("run/ptp/insync")
            .symlink_metadata()
            .expect("a marker")
            .is_file()
    );
}

#[test]
fn s5_nothing_is_made_in_dev() {
    let node = Node::with_log(&[ptp4l(1.0, "1", "s0")]);
    node.directory("dev");
    node.act();
    assert_eq!(
        fs::read_dir(node.path("dev")).expect("a directory").count(),
        0
    );
}

#[test]
fn s7_o15_o16_no_other_program_is_needed() {
    let node = Node::with_log(&good());
    let run = node.run_with(&[("PATH", "/nowhere")], &["-o", "json"]);
    assert_eq!((verdict(&run.json()).as_str(), run.status), (IN, 0));
    let stale = Node::with_log(&[ptp4l(99_000.0, "1", "s2")]);
    let run = stale.run_with(&[("PATH", "/nowhere")], &["-n", "-o", "json"]);
    assert_eq!(verdict(&run.json()), "out-of-sync (stale)");
}

#[test]
fn o1_from_the_future() {
    assert_eq!(
        decided(&[ptp4l(-31_536_000.0, "1", "s2")]),
        "out-of-sync (from-the-future)"
    );
}

#[test]
fn o2_unlocked_servo() {
    assert_eq!(decided(&[ptp4l(1.0, "1", "s0")]), UNLOCKED);
    assert_eq!(decided(&[ptp4l(1.0, "1", "s1")]), UNLOCKED);
}

#[test]
fn o3_the_port_is_lost_after_the_last_good_offset() {
    for change in [
        "SLAVE to LISTENING on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES",
        "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)",
    ] {
        let lines = [ptp4l(9.0, "1", "s2"), port(8.0, 1, change)];
        assert_eq!(decided(&lines), "out-of-sync (reference-lost)");
    }
}

#[test]
fn o4_o7_n8_what_is_no_decimal_integer() {
    for offset in ["nan", "foo", "", "5+3", "--5", "+5", "0x10", "1e9", "12.5"] {
        assert_eq!(
            decided(&[ptp4l(1.0, offset, "s2")]),
            NO_EVIDENCE,
            "{offset}"
        );
    }
    let shifted = line(
        "ptp4l",
        1.0,
        "[ptp4l.0.config:6] master extra offset 1 s2 freq +0 path delay 1",
    );
    assert_eq!(decided(&[shifted]), NO_EVIDENCE);
    assert_eq!(
        Node::with_log(&[ptp4l(1.0, "089", "s2")]).look()["legs"][0]["offset_ns"],
        89
    );
}

#[test]
fn o5_o8_a_line_that_is_not_whole() {
    let huge = ptp4l(1.0, "9999999", "s2");
    let cut = huge
        .split("99999 s2")
        .next()
        .expect("a beginning")
        .to_owned();
    assert_eq!(
        decided(std::slice::from_ref(&cut)),
        NO_EVIDENCE,
        "being written"
    );
    let piece = format!("{}\n", cut.replace(" F ", " P "));
    assert_eq!(
        decided(std::slice::from_ref(&piece)),
        NO_EVIDENCE,
        "a piece"
    );
    let rest = raw(1.0, "99999 s2 freq +0 path delay 1");
    assert_eq!(decided(&[piece, rest]), OVER, "two pieces");
}

#[test]
fn o6_n9_numbers_that_wrap() {
    for offset in [
        "9223372036854775808",
        "-9223372036854775808",
        "18446744073709551619",
    ] {
        assert_eq!(decided(&[ptp4l(1.0, offset, "s2")]), OVER, "{offset}");
    }
    let node = Node::with_log(&good());
    node.mark();
    let run = node.run_with(&[("MAX_OFFSET", "9223372036854775807")], &[]);
    assert_eq!((run.status, node.is_marked()), (2, false));
}

#[test]
fn o9_a_line_that_quotes_one() {
    let sample = "ptp4l[99999.500]: [ptp4l.0.config:6] master offset 1 s2 freq +0 path delay 1";
    for quoting in [
        format!(
            "I0724 12:00:00.085236  624338 log_parsing.go:65] Failed to extract metrics from ptp4l output: {sample}"
        ),
        format!(" {sample}"),
        format!("{sample} and more"),
        format!("xptp4l{sample}"),
    ] {
        assert_eq!(decided(&[raw(0.5, &quoting)]), NO_EVIDENCE, "{quoting}");
    }
    // conmon may cut a quoting line exactly before the quotation.
    let pieces = [
        format!("{} stderr P I0724 12:00:00.1 1 x.go:1] \n", at(0.5)),
        format!("{} stderr F {sample}\n", at(0.5)),
    ];
    assert_eq!(decided(&pieces), NO_EVIDENCE, "in two pieces");
}

#[test]
fn o10_o11_times_that_are_none() {
    for time in ["now", "tomorrow", "2026-07-24T11:59:59.000000000"] {
        let text = "ptp4l[99999.500]: [ptp4l.0.config:6] master offset 1 s2 freq +0 path delay 1";
        assert_eq!(
            decided(&[format!("{time} stdout F {text}\n")]),
            NO_EVIDENCE,
            "{time}"
        );
    }
}

#[test]
fn o12_o13_o14_settings_never_fail_open() {
    for (name, value) in [
        ("MAX_OFFSET", "1e5"),
        ("MAX_OFFSET", "100.5"),
        ("MAX_OFFSET", "100 000"),
        ("SYNC_AGE", "abc"),
        ("SYNC_AGE", "nan"),
        ("OFFSET_THRESHOLD", "-99999999"),
    ] {
        let node = Node::with_log(&[ptp4l(86_400.0, "1000000000", "s2")]);
        node.mark();
        let run = node.run_with(&[(name, value)], &[]);
        assert_eq!((run.status, node.is_marked()), (2, false), "{name}={value}");
    }
    let far = Node::with_log(&[ptp4l(1.0, "1000000000", "s2")]);
    let run = far.run_with(
        &[("MAX_OFFSET", "100us"), ("SYNC_AGE", "10m")],
        &["-n", "-o", "json"],
    );
    assert_eq!(verdict(&run.json()), OVER, "units mean what they say");
}

#[test]
fn o17_a_good_instance_does_not_hide_what_the_system_clock_shows() {
    // Two cards in high availability: one suffices for the reference. That phc2sys follows the
    // bad one shows in its own offset.
    let other = line(
        "ptp4l",
        0.2,
        "[ptp4l.1.config:6] master offset 3 s2 freq +0 path delay 1",
    );
    let lines = [
        ptp4l(0.5, "900000", "s2"),
        other,
        phc2sys(0.1, "900000", "s2"),
    ];
    let report = Node::with_log(&lines).look();
    assert_eq!(verdict(&report), OVER);
    assert_eq!(report["legs"][0]["instance"], "ptp4l.1.config");
}

#[test]
fn o18_a_directory_in_the_place_of_the_marker() {
    let node = Node::with_log(&[ptp4l(1.0, "1", "s0")]);
    node.directory("run/ptp/insync");
    assert_eq!(node.run(&[]).status, 0);
    assert!(!node.is_marked());
}

#[test]
fn o19_the_marker_shows_when_it_was_last_confirmed() {
    let node = Node::with_log(&good());
    node.act();
    let marker = node.path("run/ptp/insync");
    let first = (
        fs::metadata(&marker).expect("a marker").ino(),
        fs::read_to_string(&marker).expect("content"),
    );
    node.log(&[ptp4l(-59.0, "1", "s2"), phc2sys(-59.0, "1", "s2")]);
    node.act_at(60.0);
    let content = fs::read_to_string(&marker).expect("content");
    assert_ne!(
        first.0,
        fs::metadata(&marker).expect("a marker").ino(),
        "replaced as a whole"
    );
    assert!(content.contains("time: 2026-07-24T12:01:00Z"), "{content}");
}

#[test]
fn n1_n2_log_reduction_and_summaries() {
    let slave = port(9.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    assert_eq!(decided(&[slave, phc2sys(0.5, "1", "s2")]), IN);
    for text in [
        "[ptp4l.0.config:6] master offset summary: cnt=480, min=-12, max=15, avg=0.21, SD=4.37",
        "[ptp4l.0.config] rms   53 max   74 freq -16642 +/-  40 delay  1089 +/-  20",
        "rms   53 max   74 freq -16642 +/-  40",
    ] {
        assert_eq!(decided(&[line("ptp4l", 1.0, text)]), IN, "{text}");
    }
}

#[test]
fn n3_other_shapes_than_master_offset() {
    for (program, text) in [
        (
            "ptp4l",
            "[ptp4l.0.config] ens4f0 offset -1 s2 freq -3972 path delay 89",
        ),
        (
            "ts2phc",
            "[ts2phc.0.config] ens2f1 master offset          0 s2 freq      -0",
        ),
        (
            "ts2phc",
            "[ts2phc.0.config:6] /dev/ptp6 offset         -1 s3 freq      +2",
        ),
        (
            "phc2sys",
            "[ens4f0] CLOCK_REALTIME phc offset 12 s2 freq -7790 delay 551",
        ),
    ] {
        assert_eq!(decided(&[line(program, 1.0, text)]), IN, "{program} {text}");
    }
}

#[test]
fn n4_rotated_a_moment_ago() {
    let node = Node::with_log(&[]);
    node.write(
        &format!("{CONTAINER}/0.log.20260724-115959"),
        good().concat().as_bytes(),
    );
    assert_eq!(node.verdict(), IN);
}

#[test]
fn n5_one_bad_byte() {
    let node = Node::new();
    let mut log = b"\0\xff\n".to_vec();
    log.extend(good().concat().bytes());
    log.extend(b"\xc3\x28\0\n");
    node.write(&format!("{CONTAINER}/0.log"), &log);
    assert_eq!(node.verdict(), IN);
}

#[test]
fn n6_two_thousand_lines_back() {
    let noise = vec![raw(1.0, "I0724 12:00:00.1 1 x.go:1] nothing"); 5000];
    assert_eq!(decided(&[good(), noise].concat()), IN);
}

#[test]
fn n7_one_outlier_can_be_passed_over() {
    let lines = [
        ptp4l(3.0, "1", "s2"),
        ptp4l(2.0, "1", "s2"),
        ptp4l(1.0, "150000", "s2"),
    ];
    let node = Node::with_log(&lines);
    let run = node.run_with(&[("OFFSET_WINDOW", "10s")], &["-n", "-o", "json"]);
    assert_eq!(verdict(&run.json()), IN);
}

#[test]
fn r2_out_of_sync_is_no_failure() {
    let node = Node::with_log(&[ptp4l(1.0, "1", "s0")]);
    assert_eq!(node.run(&[]).status, 0);
    assert_eq!(node.run(&["--exit-code"]).status, 3);
    assert_eq!(Node::with_log(&good()).run(&["--exit-code"]).status, 0);
}

#[test]
fn r9_the_system_clock_itself_is_examined() {
    let lines = [ptp4l(0.5, "1", "s2"), phc2sys(0.2, "150000", "s2")];
    assert_eq!(decided(&lines), OVER);
}

#[test]
fn c9_a_real_run_prints_nothing() {
    let node = Node::with_log(&good());
    node.act();
    let run = node.run(&[]);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("", ""),
        "nothing has changed"
    );
}
