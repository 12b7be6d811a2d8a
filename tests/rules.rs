//! The specification of the decision, rule by rule after docs/rules.md: what a log says, and
//! what follows from it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test may fail, and a table may be long"
)]

mod common;

use common::{Node, UPTIME, at, daemon, line, phc2sys, port, ptp4l, verdict};

/// A log, what stands besides it, and what is decided.
struct Row {
    what: &'static str,
    log: Vec<String>,
    marker: Marker,
    arguments: &'static [&'static str],
    decided: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Marker {
    Present,
    Absent,
}

const IN: &str = "in-sync (within-limit)";
const HOLDING: &str = "in-sync (holding)";
const OVER: &str = "out-of-sync (offset-over-limit)";
const UNLOCKED: &str = "out-of-sync (servo-unlocked)";
const LOST: &str = "out-of-sync (reference-lost)";
const STALE: &str = "out-of-sync (stale)";

fn row(what: &'static str, log: Vec<String>, decided: &'static str) -> Row {
    Row {
        what,
        log,
        marker: Marker::Absent,
        arguments: &[],
        decided,
    }
}

impl Row {
    fn marked(mut self) -> Self {
        self.marker = Marker::Present;
        self
    }

    fn with(mut self, arguments: &'static [&'static str]) -> Self {
        self.arguments = arguments;
        self
    }
}

fn check(rows: Vec<Row>) {
    for row in rows {
        let node = Node::with_log(&row.log);
        if row.marker == Marker::Present {
            node.mark();
        }
        let arguments = [row.arguments, &["--dry-run", "-o", "json"]].concat();
        let report = node.run(&arguments).json();
        assert_eq!(verdict(&report), row.decided, "{}: {report:#}", row.what);
    }
}

/// A system clock that is fine.
fn fine() -> String {
    phc2sys(0.5, "-4", "s2")
}

#[test]
fn r1_age() {
    let skewed = |wall: f64, monotonic: f64| {
        vec![format!(
            "{} stdout F ptp4l[{:.3}]: [ptp4l.0.config:6] master offset 1 s2 freq +0 path delay 1\n",
            at(wall),
            UPTIME - monotonic
        )]
    };
    check(vec![
        row(
            "exactly as old as allowed",
            vec![ptp4l(600.0, "1", "s2")],
            IN,
        ),
        row(
            "a millisecond older",
            vec![ptp4l(600.001, "1", "s2")],
            STALE,
        ),
        row("old by the wall clock only", skewed(601.0, 1.0), STALE),
        row("old by the monotonic clock only", skewed(1.0, 601.0), STALE),
        row("two seconds early", skewed(-2.0, -2.0), IN),
        row(
            "more than two seconds early by the wall clock",
            skewed(-2.001, 0.0),
            "out-of-sync (from-the-future)",
        ),
        row(
            "more than two seconds early by the monotonic clock",
            skewed(0.0, -2.001),
            "out-of-sync (from-the-future)",
        ),
        row(
            "from before the node started",
            skewed(UPTIME + 1.0, 1.0),
            "out-of-sync (from-another-boot)",
        ),
        row(
            "exactly as old as the node is up",
            skewed(UPTIME, 1.0),
            STALE,
        ),
        row(
            "unix seconds in the bracket: the wall time alone counts",
            vec![format!(
                "{} stdout F ptp4l[1784894399.500]: [ptp4l.0.config:6] \
                 master offset summary: cnt=480, min=-12, max=15, avg=0.21, SD=4.37\n",
                at(0.5)
            )],
            IN,
        ),
        row("a shorter age", vec![ptp4l(61.0, "1", "s2")], STALE).with(&["--sync-age", "60"]),
    ]);
}

#[test]
fn r2_limit() {
    let enters = |offset, decided| row("without a marker", vec![ptp4l(1.0, offset, "s2")], decided);
    let stays =
        |offset, decided| row("with a marker", vec![ptp4l(1.0, offset, "s2")], decided).marked();
    let summary = |text: &str| vec![line("ptp4l", 1.0, &format!("[ptp4l.0.config:6] {text}"))];
    check(vec![
        enters("80000", IN),
        enters("80001", OVER),
        enters("-80000", IN),
        enters("-80001", OVER),
        stays("120000", IN),
        stays("120001", OVER),
        stays("-120001", OVER),
        row(
            "a summary counts by its maximum",
            summary("rms   53 max 80001 freq -16642 +/-  40 delay  1089 +/-  20"),
            OVER,
        ),
        row(
            "an enhanced summary counts by its larger end",
            summary("master offset summary: cnt=3, min=-80001, max=3, avg=0.00, SD=1.00"),
            OVER,
        ),
        row(
            "a summary of nothing is no sample",
            summary("master offset summary: cnt=0, min=0, max=0, avg=NaN, SD=NaN"),
            "out-of-sync (no-evidence)",
        ),
        row("a wider limit", vec![ptp4l(1.0, "-899000", "s2")], IN).with(&[
            "--max-offset",
            "1ms",
            "--offset-threshold",
            "101us",
        ]),
    ]);
}

#[test]
fn r3_good() {
    let rms = |age| {
        line(
            "ptp4l",
            age,
            "[ptp4l.0.config] rms  5 max  7 freq -1 +/-  4",
        )
    };
    check(vec![
        row("s0", vec![ptp4l(1.0, "1", "s0")], UNLOCKED),
        row("s1", vec![ptp4l(1.0, "1", "s1")], UNLOCKED),
        row("s3", vec![ptp4l(1.0, "1", "s3")], IN),
        row(
            "a state that nobody knows",
            vec![ptp4l(1.0, "1", "s9")],
            UNLOCKED,
        ),
        row("a summary counts as locked", vec![rms(1.0)], IN),
        row(
            "unless no port follows",
            vec![
                port(9.0, 1, "LISTENING to UNCALIBRATED on RS_SLAVE"),
                rms(1.0),
            ],
            LOST,
        ),
        row(
            "a port that only serves says nothing",
            vec![
                port(
                    9.0,
                    2,
                    "MASTER to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)",
                ),
                rms(1.0),
            ],
            IN,
        ),
        row(
            "one following port is enough",
            vec![
                port(9.0, 2, "LISTENING to UNCALIBRATED on RS_SLAVE"),
                port(8.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
                port(7.0, 2, "UNCALIBRATED to PASSIVE on RS_PASSIVE"),
                rms(1.0),
            ],
            IN,
        ),
    ]);
}

#[test]
fn r4_newest_decides() {
    check(vec![
        row(
            "a bad one after many good ones",
            vec![
                ptp4l(3.0, "1", "s2"),
                ptp4l(2.0, "1", "s2"),
                ptp4l(1.0, "130000", "s2"),
            ],
            OVER,
        )
        .marked(),
        row(
            "a good one after a bad one",
            vec![ptp4l(2.0, "130000", "s2"), ptp4l(1.0, "1", "s2")],
            IN,
        ),
        row(
            "bad whatever the servo says",
            vec![ptp4l(2.0, "1", "s2"), ptp4l(1.0, "130000", "s0")],
            OVER,
        )
        .marked(),
        row(
            "the median passes over an outlier",
            vec![
                ptp4l(3.0, "1", "s2"),
                ptp4l(2.0, "2", "s2"),
                ptp4l(1.0, "130000", "s2"),
            ],
            IN,
        )
        .with(&["--offset-window", "5s"]),
        row(
            "two of three are no outlier",
            vec![
                ptp4l(3.0, "1", "s2"),
                ptp4l(2.0, "-90000", "s2"),
                ptp4l(1.0, "130000", "s2"),
            ],
            OVER,
        )
        .with(&["--offset-window", "5s"]),
        row(
            "a port that follows does not shorten the window",
            vec![
                ptp4l(4.0, "130000", "s2"),
                ptp4l(3.0, "130000", "s2"),
                ptp4l(2.0, "1", "s2"),
                port(1.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
                fine(),
            ],
            OVER,
        )
        .with(&["--offset-window", "5s"]),
        row(
            "what is before the window does not count",
            vec![
                ptp4l(9.0, "1", "s2"),
                ptp4l(8.0, "1", "s2"),
                ptp4l(1.0, "130000", "s2"),
            ],
            OVER,
        )
        .with(&["--offset-window", "5s"]),
    ]);
}

#[test]
fn r5_hold() {
    let lost = |age| port(age, 1, "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)");
    let holdover = |age, suffix: &str| {
        line(
            "ts2phc",
            age,
            &format!("[ts2phc.0.config:6] ens7f0 offset 1 s3 freq +1{suffix}"),
        )
    };
    let gm = |age, state: &str| {
        daemon(
            "GM",
            age,
            &format!("[ts2phc.0.config] ens7f0 T-GM-STATUS {state}"),
        )
    };
    check(vec![
        row(
            "unlocked, held",
            vec![ptp4l(9.0, "1", "s2"), ptp4l(1.0, "1", "s0")],
            HOLDING,
        )
        .marked(),
        row(
            "no marker, no hold",
            vec![ptp4l(9.0, "1", "s2"), ptp4l(1.0, "1", "s0")],
            UNLOCKED,
        ),
        row(
            "never good, no hold",
            vec![ptp4l(9.0, "1", "s1"), ptp4l(1.0, "1", "s0")],
            UNLOCKED,
        )
        .marked(),
        row(
            "just held",
            vec![ptp4l(60.0, "1", "s2"), ptp4l(1.0, "1", "s0")],
            HOLDING,
        )
        .marked()
        .with(&["--holdover", "60"]),
        row(
            "held no longer",
            vec![ptp4l(60.001, "1", "s2"), ptp4l(1.0, "1", "s0")],
            UNLOCKED,
        )
        .marked()
        .with(&["--holdover", "60"]),
        row(
            "a hold longer than the sync age",
            vec![ptp4l(900.0, "1", "s2"), lost(899.0)],
            HOLDING,
        )
        .marked()
        .with(&["--holdover", "15m"]),
        row(
            "no hold at all",
            vec![ptp4l(9.0, "1", "s2"), ptp4l(1.0, "1", "s0")],
            UNLOCKED,
        )
        .marked()
        .with(&["--holdover", "0"]),
        row(
            "the port is lost",
            vec![ptp4l(9.0, "1", "s2"), lost(8.0), fine()],
            HOLDING,
        )
        .marked(),
        row(
            "the port is lost, no marker",
            vec![ptp4l(9.0, "1", "s2"), lost(8.0), fine()],
            LOST,
        ),
        row(
            "states only since its offsets are filtered",
            vec![
                ptp4l(5000.0, "1", "s2"),
                port(4000.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
                lost(599.0),
                fine(),
            ],
            HOLDING,
        )
        .marked(),
        row(
            "states only: since it left SLAVE",
            vec![lost(600.0), fine()],
            HOLDING,
        )
        .marked(),
        row(
            "states only: held no longer",
            vec![lost(600.1), fine()],
            LOST,
        )
        .marked(),
        row(
            "a bad offset is never held",
            vec![ptp4l(9.0, "130000", "s2"), lost(8.0)],
            OVER,
        )
        .marked(),
        row(
            "ts2phc in holdover",
            vec![holdover(9.0, ""), holdover(1.0, " holdover")],
            HOLDING,
        )
        .marked(),
        row(
            "ts2phc in holdover, no marker",
            vec![holdover(1.0, " holdover")],
            LOST,
        ),
        row(
            "ts2phc out of holdover",
            vec![
                holdover(9.0, ""),
                line(
                    "ts2phc",
                    1.0,
                    "[ts2phc.0.config:6] ens7f0 lost holdover lock (offset 134)",
                ),
            ],
            HOLDING,
        )
        .marked(),
        row(
            "the daemon says holdover",
            vec![holdover(2.0, ""), gm(1.0, "s1")],
            LOST,
        ),
        row(
            "the daemon says holdover, ts2phc prints on",
            vec![
                holdover(9.0, ""),
                gm(8.5, "s2"),
                gm(2.0, "s1"),
                holdover(1.0, ""),
            ],
            HOLDING,
        )
        .marked(),
        row(
            "what ts2phc prints meanwhile does not prolong it",
            vec![
                holdover(99.0, ""),
                gm(98.5, "s2"),
                gm(97.5, "s1"),
                gm(2.0, "s1"),
                holdover(1.0, ""),
            ],
            LOST,
        )
        .marked()
        .with(&["--holdover", "60"]),
        row("the daemon alone", vec![gm(1.0, "s2"), fine()], IN),
        row(
            "the daemon alone, free running",
            vec![gm(1.0, "s0"), fine()],
            LOST,
        ),
        row(
            "the daemon alone, long ago",
            vec![gm(601.0, "s2"), fine()],
            STALE,
        ),
        row(
            "the system clock is held, too",
            vec![phc2sys(9.0, "1", "s2"), phc2sys(1.0, "1", "s0")],
            HOLDING,
        )
        .marked(),
    ]);
}

#[test]
fn r6_port_state() {
    let slave = |age| port(age, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    check(vec![
        row("a state does not age", vec![slave(50_000.0), fine()], IN),
        row(
            "port 0 says nothing",
            vec![
                line(
                    "ptp4l",
                    9.0,
                    "[ptp4l.0.config:5] port 0 (/var/run/ptp4lro): UNCALIBRATED to SLAVE on RS_SLAVE",
                ),
                fine(),
            ],
            IN,
        ),
        row(
            "the newest state of a port counts",
            vec![
                slave(9.0),
                port(
                    8.0,
                    1,
                    "SLAVE to LISTENING on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES",
                ),
                fine(),
            ],
            LOST,
        ),
        row(
            "another port takes over",
            vec![
                slave(9.0),
                port(8.0, 1, "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)"),
                port(7.0, 2, "PASSIVE to UNCALIBRATED on RS_SLAVE"),
                port(6.0, 2, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
                fine(),
            ],
            IN,
        ),
        row(
            "a newer SLAVE supersedes s0",
            vec![ptp4l(2.0, "1", "s0"), slave(1.0), fine()],
            IN,
        ),
        row(
            "but no bad offset",
            vec![ptp4l(2.0, "90000", "s0"), slave(1.0), fine()],
            OVER,
        ),
        row(
            "a newer offset supersedes the state",
            vec![slave(9.0), ptp4l(1.0, "1", "s0"), fine()],
            UNLOCKED,
        ),
        row(
            "offsets that have stopped are stale",
            vec![slave(900.0), ptp4l(700.0, "1", "s2"), fine()],
            STALE,
        ),
        row(
            "a port that only serves says nothing of the clock",
            vec![
                ptp4l(2.0, "1", "s2"),
                port(
                    1.0,
                    2,
                    "MASTER to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)",
                ),
                fine(),
            ],
            IN,
        ),
        row(
            "waiting for a grandmaster",
            vec![
                port(9.0, 1, "INITIALIZING to LISTENING on INIT_COMPLETE"),
                fine(),
            ],
            LOST,
        ),
        row(
            "vlan interfaces",
            vec![
                line(
                    "ptp4l",
                    9.0,
                    "[ptp4l.0.config:5] port 1 (ens-4f1.100): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
                ),
                fine(),
            ],
            IN,
        ),
    ]);
}

#[test]
fn r7_leg() {
    let second = |age, offset: &str, servo: &str| {
        line(
            "ptp4l",
            age,
            &format!("[ptp4l.1.config:6] master offset {offset} {servo} freq +0 path delay 1"),
        )
    };
    let ts2phc = |age, offset: &str| {
        line(
            "ts2phc",
            age,
            &format!("[ts2phc.1.config:6] /dev/ptp10 offset {offset} s2 freq +0"),
        )
    };
    check(vec![
        row(
            "one of two lost",
            vec![ptp4l(2.0, "1", "s2"), second(1.0, "900000", "s2"), fine()],
            IN,
        ),
        row(
            "the other of two lost",
            vec![ptp4l(2.0, "1", "s0"), second(1.0, "5", "s2"), fine()],
            IN,
        ),
        row(
            "both lost",
            vec![ptp4l(2.0, "1", "s0"), second(1.0, "1", "s0"), fine()],
            UNLOCKED,
        ),
        row(
            "quiet for too long",
            vec![ptp4l(601.0, "1", "s2"), fine()],
            STALE,
        ),
        row(
            "other clocks than the system clock do not matter",
            vec![
                ptp4l(2.0, "1", "s2"),
                fine(),
                line(
                    "phc2sys",
                    0.4,
                    "[ptp4l.0.config:6] ens5f0 phc offset 900000 s0 freq +0 delay 1",
                ),
                line(
                    "phc2sys",
                    0.3,
                    "[ptp4l.0.config:6] ens5f0.100 sys offset 900000 s0 freq +0 delay 1",
                ),
            ],
            IN,
        ),
        row(
            "a T-BC's ts2phc hands on what ptp4l gets, and vouches for nothing",
            vec![
                second(9.0, "1", "s2"),
                second(1.0, "1", "s0"),
                ts2phc(0.5, "0"),
                fine(),
            ],
            UNLOCKED,
        ),
        row(
            "nor does it with port states only",
            vec![
                line(
                    "ptp4l",
                    9.0,
                    "[ptp4l.1.config:5] port 1 (ens4f1): SLAVE to UNCALIBRATED on SYNCHRONIZATION_FAULT",
                ),
                ts2phc(0.5, "0"),
                fine(),
            ],
            LOST,
        ),
        row(
            "a grandmaster's does, whatever its ports serve",
            vec![
                line(
                    "ptp4l",
                    9.0,
                    "[ptp4l.1.config:5] port 1 (ens4f1): LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES",
                ),
                ts2phc(0.5, "0"),
                fine(),
            ],
            IN,
        ),
        row(
            "T-BC-STATUS is shown and decides nothing",
            vec![
                second(2.0, "1", "s2"),
                daemon(
                    "T-BC",
                    1.0,
                    "[ts2phc.1.config] ens4f0 offset 99999999999 T-BC-STATUS s0",
                ),
                fine(),
            ],
            IN,
        ),
    ]);
}

#[test]
fn r8_verdict() {
    check(vec![
        row("only the reference", vec![ptp4l(1.0, "80000", "s2")], IN),
        row("only the system clock", vec![fine()], IN),
        row("both", vec![ptp4l(1.0, "1", "s2"), fine()], IN),
        row(
            "neither",
            vec![line("phc2sys", 1.0, "Waiting for ptp4l...")],
            "out-of-sync (no-evidence)",
        ),
        row(
            "a good reference does not excuse the system clock",
            vec![ptp4l(1.0, "1", "s2"), phc2sys(1.0, "150000", "s2")],
            OVER,
        ),
        row(
            "a good system clock does not excuse the reference",
            vec![ptp4l(1.0, "150000", "s2"), fine()],
            OVER,
        ),
        row(
            "seen eleven minutes ago is seen",
            vec![ptp4l(660.0, "1", "s2"), fine()],
            STALE,
        ),
    ]);
}

#[test]
fn r8_an_invisible_leg_is_reported_in_words() {
    let report = Node::with_log(&[fine()]).look();
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("reference not visible in the log"),
        "{warnings}"
    );
    let report = Node::with_log(&[ptp4l(1.0, "1", "s2")]).look();
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("system clock not visible in the log"),
        "{warnings}"
    );
}

#[test]
fn r9_a_leg_once_seen_stays_required() {
    let node = Node::with_log(&[ptp4l(1.0, "1", "s2"), fine()]);
    assert_eq!(verdict(&node.act()), IN);
    // A day later the lines of ptp4l have rotated away, and phc2sys is as well as ever.
    let day = 86_400.0;
    node.log(&[phc2sys(-day + 1.0, "1", "s2")]);
    assert_eq!(verdict(&node.act_at(day)), STALE);
    assert_eq!(verdict(&node.act_at(day)), STALE);
    assert!(!node.is_marked());
}

#[test]
fn r9_what_vouches_for_nothing_requires_nothing() {
    let lines = [
        line(
            "ts2phc",
            2.0,
            "[ts2phc.1.config:6] ens7f0 offset 1 s2 freq +1",
        ),
        daemon(
            "T-BC",
            1.0,
            "[ts2phc.1.config] ens4f0 offset 4 T-BC-STATUS s2",
        ),
        fine(),
    ];
    let node = Node::with_log(&lines);
    // Its ptp4l prints states only, and the last one has rotated away before the first run.
    assert_eq!(verdict(&node.act()), IN);
    assert_eq!(verdict(&node.act_at(10.0)), IN);
}

#[test]
fn r9_a_remembered_slave_serves_until_it_is_gone() {
    let node = Node::with_log(&[
        port(9.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
        fine(),
    ]);
    assert_eq!(verdict(&node.act()), IN);
    // The state line rotates away, while nothing of the log is missed.
    let quiet: Vec<String> = (-1200..=0)
        .rev()
        .step_by(60)
        .map(|age| phc2sys(f64::from(age), "1", "s2"))
        .collect();
    node.log(&[quiet.clone(), vec![phc2sys(-1200.0, "1", "s2")]].concat());
    assert_eq!(verdict(&node.act_at(1200.0)), IN);
    // Then the port is lost: held from that moment on.
    let faulty = port(
        -1210.0,
        1,
        "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)",
    );
    node.log(
        &[
            quiet,
            vec![
                phc2sys(-1200.0, "1", "s2"),
                faulty,
                phc2sys(-1215.0, "1", "s2"),
            ],
        ]
        .concat(),
    );
    assert_eq!(verdict(&node.act_at(1216.0)), HOLDING);
    let late: Vec<String> = (1216..2000)
        .step_by(60)
        .map(|time| phc2sys(-f64::from(time), "1", "s2"))
        .collect();
    node.log(
        &[
            vec![port(
                -1210.0,
                1,
                "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)",
            )],
            late,
        ]
        .concat(),
    );
    assert_eq!(verdict(&node.act_at(1810.0)), HOLDING);
    assert_eq!(verdict(&node.act_at(1810.1)), LOST);
}

#[test]
fn r9_what_came_after_outranks_what_is_remembered() {
    let node = Node::with_log(&[
        port(9.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
        fine(),
    ]);
    assert_eq!(verdict(&node.act()), IN);
    // Many lines behind the end, and long ago.
    let mut lines: Vec<String> = (0..900)
        .step_by(5)
        .map(|time| phc2sys(-f64::from(time), "1", "s2"))
        .collect();
    let change = "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)";
    lines.insert(20, port(-98.0, 1, change));
    node.log(&lines);
    assert_eq!(verdict(&node.act_at(896.0)), LOST);
}

#[test]
fn r9_what_is_remembered_is_not_read_again() {
    let slave = port(300.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    let other = format!("{} stderr F nothing that counts\n", at(200.0));
    let old = [slave, other.repeat((2 << 20) / other.len()), fine()];
    let node = Node::with_log(&old);
    assert_eq!(verdict(&node.act()), IN);
    let new = (1..=300).map(|time| phc2sys(-f64::from(time), "1", "s2"));
    node.log(&old.into_iter().chain(new).collect::<Vec<String>>());
    let report = node.act_at(301.0);
    assert_eq!(verdict(&report), IN);
    let scanned = report["scanned_bytes"].as_u64().expect("a number");
    assert!(scanned < 1 << 20, "{scanned} bytes");
}

#[test]
fn r9_a_remembered_slave_serves_no_instance_that_printed_offsets() {
    let node = Node::with_log(&[
        port(9.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
        ptp4l(1.0, "1", "s2"),
        fine(),
    ]);
    assert_eq!(verdict(&node.act()), IN);
    let lines: Vec<String> = (0..2000)
        .step_by(10)
        .map(|time| phc2sys(-f64::from(time), "1", "s2"))
        .collect();
    node.log(&lines);
    assert_eq!(verdict(&node.act_at(1995.0)), STALE);
}

#[test]
fn r9_a_remembered_slave_revives_no_ptp4l_that_has_gone_quiet() {
    let node = Node::new();
    let log = |until: i32| {
        let mut lines = vec![
            port(99.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
            ptp4l(1.0, "1", "s2"),
        ];
        lines.extend((0..until).map(|time| phc2sys(-f64::from(time), "1", "s2")));
        node.log(&lines);
    };
    // A hold that is longer than the sync age has the log read further back than the memory's
    // edge, to the last offset.
    let arguments = ["--holdover", "1h", "--output", "json"];
    for (time, decided) in [(300, IN), (600, STALE), (900, STALE), (1200, STALE)] {
        log(time);
        let report = node.run_at(time.into(), &arguments).json();
        assert_eq!(verdict(&report), decided, "{time}");
    }
}

#[test]
fn r9_a_lock_that_an_offset_stood_against_is_held_when_lost() {
    let mut lines = vec![
        ptp4l(2.0, "500000", "s2"),
        port(1.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
        fine(),
    ];
    let node = Node::with_log(&lines);
    let fine_at = |time: i32| phc2sys(f64::from(-time), "1", "s2");
    // The last time the offset is fresh, the next time nobody reads so far back.
    for (time, decided) in [(300, OVER), (2000, IN)] {
        lines.extend((time - 300..time).step_by(10).map(fine_at));
        node.log(&lines);
        assert_eq!(verdict(&node.act_at(time.into())), decided, "{time}");
    }
    let change = "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)";
    lines.extend([port(-2000.0, 1, change), fine_at(2005)]);
    node.log(&lines);
    assert_eq!(verdict(&node.act_at(2010.0)), HOLDING);
}

#[test]
fn r9_no_port_hides_remembered_offsets() {
    let ptp4l = |age, rest: &str| line("ptp4l", age, &format!("[ptp4l.1.config:6] {rest}"));
    let offset = ptp4l(2.0, "master offset 1 s2 freq +0 path delay 1");
    let ts2phc = |age| {
        line(
            "ts2phc",
            age,
            "[ts2phc.1.config:6] ens7f0 offset 1 s2 freq +1",
        )
    };
    // Quiet since, and its offsets have rotated away: ts2phc hands on what it does not get.
    let serving = "port 2 (x): MASTER to FAULTY on FAULT_DETECTED";
    let waiting = "port 2 (x): LISTENING to FAULTY on FAULT_DETECTED";
    for (before, after) in [(None, Some(serving)), (Some(waiting), None)] {
        let change = before.map(|change| ptp4l(1.5, change));
        let log = [
            Some(offset.clone()),
            change,
            Some(ts2phc(1.0)),
            Some(fine()),
        ];
        let node = Node::with_log(&log.into_iter().flatten().collect::<Vec<_>>());
        node.act();
        let after = after.map(|change| ptp4l(-1197.0, change));
        let log = [
            Some(phc2sys(-900.0, "1", "s2")),
            after,
            Some(ts2phc(-1198.0)),
            Some(phc2sys(-1199.0, "1", "s2")),
        ];
        node.log(&log.into_iter().flatten().collect::<Vec<_>>());
        assert_eq!(verdict(&node.act_at(1200.0)), STALE, "{before:?}");
    }
}

#[test]
fn r9_offsets_that_nobody_needed_are_remembered() {
    let second = |program: &str, age, rest: &str| {
        let tag = format!("[{program}.1.config:6]");
        line(program, age, &format!("{tag} {rest}"))
    };
    // The reference is good already when the other ptp4l comes.
    let node = Node::with_log(&[
        second("ptp4l", 2.0, "master offset 1 s2 freq +0 path delay 1"),
        ptp4l(1.0, "1", "s2"),
    ]);
    assert_eq!(verdict(&node.act()), IN);
    // Both are quiet since, and have rotated away: ts2phc hands on what it does not get.
    node.log(&[
        second("ts2phc", -1198.0, "ens7f0 offset 1 s2 freq +1"),
        phc2sys(-1199.0, "1", "s2"),
    ]);
    assert_eq!(verdict(&node.act_at(1200.0)), STALE);
}

#[test]
fn r9_states_that_took_the_place_of_offsets_outlive_their_lines() {
    let node = Node::new();
    let slave = "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED";
    let log = |from: i32, until: i32| {
        let mut lines: Vec<String> = Vec::new();
        for time in (from..until).step_by(2) {
            match time {
                ..90 => lines.push(ptp4l(-f64::from(time), "1", "s0")),
                // Restarted with log reduction.
                100 => lines.push(port(-100.0, 1, slave)),
                _ => {}
            }
            lines.push(phc2sys(-f64::from(time), "1", "s2"));
        }
        node.log(&lines);
    };
    log(-600, 0);
    assert_eq!(verdict(&node.act()), UNLOCKED);
    for time in (300..=3000).step_by(300) {
        // All that is older has rotated away.
        log((time - 1200).max(-600), time);
        assert_eq!(verdict(&node.act_at(time.into())), IN, "{time}");
    }
}

#[test]
fn r9_a_remembered_slave_hides_no_offset_beyond_the_limit() {
    let node = Node::new();
    let log = |until: i32| {
        let later = (0..until).step_by(10);
        let mut lines = vec![
            ptp4l(2.0, "150000", "s2"),
            port(1.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
        ];
        lines.extend(later.map(|time| phc2sys(-f64::from(time), "1", "s2")));
        node.log(&lines);
    };
    log(1);
    assert_eq!(verdict(&node.act()), OVER);
    for time in [60, 300, 590] {
        log(time);
        assert_eq!(verdict(&node.act_at(time.into())), OVER, "{time}");
    }
    // Too old to be evidence: the state stands alone.
    log(600);
    assert_eq!(verdict(&node.act_at(600.0)), IN);
}

#[test]
fn r9_a_new_slave_hides_no_remembered_offsets() {
    let node = Node::new();
    let log = |until: i32| {
        let mut lines = vec![ptp4l(90.0, "150000", "s2")];
        lines.extend((-89..until).map(|time| phc2sys(-f64::from(time), "1", "s2")));
        if until > 1 {
            let slave = "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED";
            lines.insert(191, port(-100.5, 1, slave));
        }
        node.log(&lines);
    };
    log(1);
    assert_eq!(verdict(&node.act()), OVER);
    for time in [200, 500] {
        log(time);
        assert_eq!(verdict(&node.act_at(time.into())), OVER, "{time}");
    }
    log(520);
    assert_eq!(verdict(&node.act_at(520.0)), IN);
}

#[test]
fn r9_a_report_is_read_back_however_much_a_log_names() {
    let tagged = |tag: &str, rest: &str| line("ptp4l", 50.0, &format!("[{tag}] {rest}"));
    let mut lines: Vec<String> = (0..65 * 65)
        .map(|index| {
            let (tag, number) = (index / 65, index % 65 + 1);
            let change = "LISTENING to UNCALIBRATED on RS_SLAVE";
            tagged(
                &format!("{tag}{}", "t".repeat(250)),
                &format!("port {number}: {change}"),
            )
        })
        .collect();
    lines.push(fine());
    let node = Node::with_log(&lines);
    node.act();
    assert!(read(&node, "run/ptp-sync-check/report.json").len() > 500_000);
    // Nothing but the memory tells that there was a reference.
    node.log(&[phc2sys(-1199.0, "1", "s2")]);
    assert_eq!(verdict(&node.act_at(1200.0)), STALE);
}

#[test]
fn a_tag_of_any_length_is_not_remembered() {
    let endless = "t".repeat(60_000);
    let offset = format!("[{endless}] master offset 1 s2 freq +0 path delay 1");
    let node = Node::with_log(&[line("ptp4l", 1.0, &offset), fine()]);
    assert_eq!(verdict(&node.act()), IN);
    assert!(read(&node, "run/ptp-sync-check/report.json").len() < 10_000);
}

#[test]
fn r9_remembered_offsets_are_older_than_the_oldest_line() {
    let node = Node::with_log(&[ptp4l(1.0, "1", "s2"), fine()]);
    assert_eq!(verdict(&node.act()), IN);
    // Restarted with log reduction, and all that came before has rotated away.
    node.log(&[
        port(-100.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
        phc2sys(-199.0, "1", "s2"),
    ]);
    assert_eq!(verdict(&node.act_at(200.0)), IN);
}

#[test]
fn r9_a_remembered_loss_hides_no_good_summary_before_it() {
    // So few lines that the memory's edge is only noticed at the oldest.
    let rms = "[ptp4l.0.config] rms  5 max  7 freq -1 +/-  4";
    let node = Node::with_log(&[
        port(700.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED"),
        line("ptp4l", 100.0, rms),
        port(99.5, 1, "SLAVE to LISTENING on ANNOUNCE_RECEIPT_TIMEOUT"),
    ]);
    node.mark();
    for time in [0.0, 300.0, 495.0] {
        assert_eq!(verdict(&node.act_at(time)), HOLDING, "{time}");
    }
    assert_eq!(verdict(&node.act_at(505.0)), LOST);
}

#[test]
fn r1_a_state_counts_though_the_wall_clock_was_set_since() {
    for (set, off, decided) in [
        (-3600.0, 0.0, IN),
        (200_000.0, 0.0, IN),
        // By another clock than that of the last report: of another boot, maybe.
        (-3600.0, 5.0, "out-of-sync (from-the-future)"),
    ] {
        let node = Node::with_log(&[port(9.0, 1, "LISTENING to UNCALIBRATED on X"), fine()]);
        node.act();
        let line = |program: &str, ahead: f64, seconds: f64, rest: &str| {
            let (wall, uptime) = (at(-ahead - seconds), UPTIME + seconds);
            format!("{wall} stdout F {program}[{uptime:.3}]: [ptp4l.0.config:5] {rest}\n")
        };
        let slave = "port 1 (ens4f0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED";
        let phc = "CLOCK_REALTIME phc offset 12 s2 freq +2872 delay 551";
        node.log(&[
            line("ptp4l", off, 10.0, slave),
            line("phc2sys", set, 300.0, phc),
        ]);
        let mut command = node.command();
        command.args(["-n", "-o", "json", "--now", &at(-set - 301.0)]);
        command.args(["--uptime", &format!("{:.3}", UPTIME + 301.0)]);
        let report = common::answer(&mut command).json();
        assert_eq!(verdict(&report), decided, "{set} {off}: {report:#}");
    }
}

#[test]
fn r9_a_wall_clock_set_back_hides_nothing_that_came_after() {
    let slave = port(50.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    let node = Node::with_log(&[slave, fine()]);
    assert_eq!(verdict(&node.act()), IN);
    // Ten minutes later by the time since boot, and ten minutes earlier by the wall clock.
    let late = |program: &str, seconds: f64, rest: &str| {
        let (wall, uptime) = (at(1200.0 - seconds), UPTIME + seconds);
        format!("{wall} stdout F {program}[{uptime:.3}]: {rest}\n")
    };
    let lost = "[ptp4l.0.config:5] port 1 (ens4f0): SLAVE to FAULTY on FAULT_DETECTED";
    let phc = "[ptp4l.0.config:6] CLOCK_REALTIME phc offset 12 s2 freq +2872 delay 551";
    node.log(&[late("ptp4l", 30.0, lost), late("phc2sys", 600.0, phc)]);
    let mut command = node.command();
    command.args(["-n", "-o", "json", "--now", &at(600.0)]);
    command.args(["--uptime", &format!("{:.3}", UPTIME + 600.0)]);
    let report = common::answer(&mut command).json();
    assert_eq!(verdict(&report), HOLDING, "{report:#}");
}

#[test]
fn r9_no_memory_where_there_is_doubt() {
    let seen = || {
        let node = Node::with_log(&[ptp4l(1.0, "1", "s2"), fine()]);
        node.act();
        node.log(&[phc2sys(-699.0, "1", "s2")]);
        node
    };
    let report = "run/ptp-sync-check/report.json";
    let look = |node: &Node| verdict(&node.run_at(700.0, &["-n", "-o", "json"]).json());
    assert_eq!(look(&seen()), STALE, "with memory");

    let node = seen();
    std::fs::remove_file(node.path(report)).expect("removed");
    assert_eq!(look(&node), IN, "missing");
    for (what, content) in [
        ("malformed", "{\"memory\": {\"legs\": [".to_owned()),
        ("empty", String::new()),
        (
            "not ours",
            "{\"memory\": {\"legs\": [\"reference\"]}}".to_owned(),
        ),
        (
            "another boot",
            read(&seen(), report).replace("11111111", "99999999"),
        ),
    ] {
        let node = seen();
        node.write(report, content.as_bytes());
        assert_eq!(look(&node), IN, "{what}");
    }
    let node = seen();
    let mut written: serde_json::Value = serde_json::from_str(&read(&node, report)).expect("JSON");
    written["memory"]["read_until"] = serde_json::json!({"time": "yesterday", "uptime_ns": 1});
    node.write(report, written.to_string().as_bytes());
    assert_eq!(look(&node), IN, "a time that is none");
    let node = seen();
    chmod(&node, report, 0o666);
    assert_eq!(look(&node), IN, "others may write it");
    let node = seen();
    let moved = node.path("elsewhere.json");
    std::fs::rename(node.path(report), &moved).expect("moved");
    std::os::unix::fs::symlink(&moved, node.path(report)).expect("a link");
    assert_eq!(look(&node), IN, "a symbolic link");
}

fn read(node: &Node, path: &str) -> String {
    std::fs::read_to_string(node.path(path)).expect("a file")
}

fn chmod(node: &Node, path: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(node.path(path), permissions).expect("a mode");
}

#[test]
fn r10_settle() {
    let every = |from: u32, to: u32, servo: &str| -> Vec<String> {
        (to..=from)
            .rev()
            .flat_map(|age| {
                [
                    ptp4l(f64::from(age), "1", servo),
                    phc2sys(f64::from(age), "1", "s2"),
                ]
            })
            .collect()
    };
    let summaries = |from: u32, to: u32| -> Vec<String> {
        let lines = (to..=from).rev().flat_map(|age| {
            let rms = "[ptp4l.0.config] rms  5 max  7 freq -1 +/-  4";
            [
                line("ptp4l", f64::from(age), rms),
                phc2sys(f64::from(age), "1", "s2"),
            ]
        });
        lines.collect()
    };
    let settling = "out-of-sync (settling)";
    check(vec![
        row("long enough", every(60, 1, "s2"), IN).with(&["--settle", "60"]),
        row("not yet", every(59, 1, "s2"), settling).with(&["--settle", "60"]),
        row("with a marker it does not matter", every(59, 1, "s2"), IN)
            .marked()
            .with(&["--settle", "60"]),
        row(
            "broken by a loss",
            [every(90, 31, "s2"), every(30, 30, "s0"), every(29, 1, "s2")].concat(),
            settling,
        )
        .with(&["--settle", "60"]),
        row("summaries, which tell no servo state", summaries(61, 1), IN).with(&["--settle", "60"]),
        row("summaries, for not long enough", summaries(59, 1), settling).with(&["--settle", "60"]),
        row(
            "summaries after the port began to follow",
            [
                vec![port(
                    90.0,
                    1,
                    "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
                )],
                summaries(89, 1),
            ]
            .concat(),
            IN,
        )
        .with(&["--settle", "60"]),
        row(
            "summaries while the port did not follow yet",
            [
                summaries(89, 50),
                vec![port(
                    49.0,
                    1,
                    "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
                )],
                summaries(48, 1),
            ]
            .concat(),
            settling,
        )
        .with(&["--settle", "60"]),
        row(
            "a state must have lasted",
            vec![port(
                59.0,
                1,
                "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
            )],
            settling,
        )
        .with(&["--settle", "60"]),
        row(
            "a state has lasted",
            vec![port(
                60.0,
                1,
                "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
            )],
            IN,
        )
        .with(&["--settle", "60"]),
    ]);
}

#[test]
fn r10_a_remembered_state_has_lasted_since_it_began() {
    let phc2sys = |from: i32, until: i32| -> Vec<String> {
        (from..until)
            .step_by(10)
            .map(|time| phc2sys(-f64::from(time), "1", "s2"))
            .collect()
    };
    let arguments = ["--settle", "300", "--output", "json"];
    let mut lines = phc2sys(-400, 0);
    lines.push(port(
        5.0,
        1,
        "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
    ));
    let node = Node::with_log(&lines);
    let settling = "out-of-sync (settling)";
    assert_eq!(verdict(&node.run(&arguments).json()), settling);
    // The state line rotates away, while nothing of the log is missed.
    node.log(&phc2sys(-100, 300));
    let dry = [&arguments[..], &["--dry-run"]].concat();
    assert_eq!(verdict(&node.run_at(294.9, &dry).json()), settling);
    assert_eq!(verdict(&node.run_at(295.0, &dry).json()), IN);
}

#[test]
fn r11_order() {
    check(vec![row(
        "programs are as old as their times say, wherever they stand",
        vec![fine(), ptp4l(601.0, "1", "s2")],
        STALE,
    )]);
}

#[test]
fn r12_pods() {
    let log = |node: &Node, pod: &str, name: &str, lines: &[String]| {
        node.write(
            &format!(
                "var/log/pods/openshift-ptp_linuxptp-daemon-{pod}/linuxptp-daemon-container/{name}"
            ),
            lines.concat().as_bytes(),
        );
    };
    let good = [ptp4l(9.0, "1", "s2"), phc2sys(9.0, "1", "s2")];
    let newer = [ptp4l(1.0, "1", "s0")];

    let node = Node::new();
    log(&node, "aaaaa_1", "0.log", &good);
    log(&node, "zzzzz_2", "0.log", &newer);
    assert_eq!(node.verdict(), UNLOCKED, "the newest pod counts");
    let node = Node::new();
    log(&node, "zzzzz_1", "0.log", &good);
    log(&node, "aaaaa_2", "0.log", &newer);
    assert_eq!(node.verdict(), UNLOCKED, "whatever its name");

    let node = Node::new();
    log(&node, "aaaaa_1", "9.log", &good);
    log(&node, "aaaaa_1", "10.log", &newer);
    assert_eq!(node.verdict(), UNLOCKED, "the newest container counts");

    let node = Node::new();
    log(&node, "aaaaa_1", "0.log.20260724-115950", &good);
    log(&node, "aaaaa_1", "0.log", &[]);
    assert_eq!(node.verdict(), IN, "with its rotated sibling");
    log(&node, "aaaaa_1", "0.log", &newer);
    assert_eq!(node.verdict(), UNLOCKED, "behind its own lines");
}

#[test]
fn what_follows_for_log_reduction() {
    let slave = port(3000.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    let faulty = |age| port(age, 1, "SLAVE to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)");
    check(vec![
        row("in sync", vec![slave.clone(), fine()], IN),
        row(
            "then held",
            vec![slave.clone(), faulty(599.0), fine()],
            HOLDING,
        )
        .marked(),
        row("then out", vec![slave, faulty(601.0), fine()], LOST).marked(),
    ]);
}

#[test]
fn what_follows_for_a_telco_boundary_clock() {
    let tt = |age, port: u16, change: &str| {
        line(
            "ptp4l",
            age,
            &format!("[ptp4l.0.config:5] port {port} (ens4f{port}): {change}"),
        )
    };
    let tr = line(
        "ptp4l",
        0.5,
        "[ptp4l.1.config:6] master offset -98 s2 freq +3120 path delay 1587",
    );
    check(vec![row(
        "the instance with serving ports has no stream and hurts nothing",
        vec![
            tt(9.0, 1, "INITIALIZING to LISTENING on INIT_COMPLETE"),
            tt(
                8.0,
                1,
                "LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES",
            ),
            tt(
                7.0,
                2,
                "MASTER to FAULTY on FAULT_DETECTED (FT_UNSPECIFIED)",
            ),
            tr,
            fine(),
        ],
        IN,
    )]);
}

/// Most lines of a log are passed over unread: never one that matters.
#[test]
fn what_is_passed_over_does_not_matter() {
    let ts2phc = |profile: u32, age, offset: &str| {
        let text = format!("[ts2phc.{profile}.config:6] ens4f0 offset {offset} s2 freq      -1");
        line("ts2phc", age, &text)
    };
    let boundary_clock = |profile: u32, age| {
        let text = format!("[ts2phc.{profile}.config] ens4f0 offset 1 T-BC-STATUS s2");
        daemon("T-BC", age, &text)
    };
    let follows = port(3000.0, 1, "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED");
    let flapping = |instance: u32, number: u32| -> Vec<String> {
        (0..70)
            .map(|count| {
                let change = match count % 2 {
                    0 => "UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
                    _ => "SLAVE to UNCALIBRATED on SYNCHRONIZATION_FAULT",
                };
                let text = format!("[ptp4l.{instance}.config:5] port {number} (ens5f0): {change}");
                line("ptp4l", 2900.0 - f64::from(count), &text)
            })
            .collect()
    };
    check(vec![
        row(
            "T-BC-STATUS behind the ts2phc that it is about",
            vec![boundary_clock(1, 2.0), ts2phc(1, 0.5, "500000"), fine()],
            IN,
        ),
        row(
            "without it the ts2phc counts",
            vec![ts2phc(1, 0.5, "500000"), fine()],
            OVER,
        ),
        row(
            "T-BC-STATUS behind that of another profile",
            vec![
                boundary_clock(1, 2.0),
                boundary_clock(2, 1.0),
                ts2phc(1, 0.5, "500000"),
                fine(),
            ],
            IN,
        ),
        row(
            "a port behind one of another instance that flaps",
            [vec![follows.clone()], flapping(1, 1), vec![fine()]].concat(),
            IN,
        ),
        row(
            "a port behind another one of its instance that flaps",
            [vec![follows], flapping(0, 2), vec![fine()]].concat(),
            IN,
        ),
        row(
            "only the one that flaps",
            [flapping(0, 2), vec![fine()]].concat(),
            LOST,
        ),
    ]);
}

#[test]
fn r9_a_leg_that_is_required_tells_why_its_own_lines_do_not_count() {
    let node = Node::with_log(&[ptp4l(1.0, "1", "s2"), fine()]);
    assert_eq!(verdict(&node.act()), IN);
    node.log(&[ptp4l(-100.0, "1", "s2"), phc2sys(-9.0, "1", "s2")]);
    assert_eq!(verdict(&node.act_at(10.0)), "out-of-sync (from-the-future)");
}
