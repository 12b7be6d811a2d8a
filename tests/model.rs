//! Days on a node: a random walk of what happens to its clocks and its log, ticks of the timer in
//! between, and what must be true of the marker at each of them.
//!
//! The walk prints the lines that the programs would print, ten seconds apart, and knows what is
//! true. The program is told nothing but the log and the clocks, and remembers in its own files.
//! `MODEL_WALKS=20000 PROPTEST_RNG_SEED=1 cargo test --release --test model -- --nocapture`
//! goes on for years.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::struct_excessive_bools,
    reason = "a test that cannot go on has failed; its figures are for people"
)]

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use ptp_sync_check::apply::Session;
use ptp_sync_check::check::check;
use ptp_sync_check::cli::Args;
use ptp_sync_check::clock::{Clocks, format_time};
use ptp_sync_check::config::Config;
use ptp_sync_check::root::Directory;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// Milliseconds in a second.
const S: i64 = 1000;
/// Between two lines of a program.
const BEAT: i64 = 10 * S;
/// Between two ticks of the timer, to which it adds up to half a minute.
const INTERVAL: i64 = 300 * S;
const JITTER: i64 = 30 * S;
/// The default of `SYNC_AGE` and `HOLDOVER`.
const SYNC_AGE: i64 = 600 * S;
/// The limits for entering and for staying, in nanoseconds.
const ENTER: i64 = 80_000;
const STAY: i64 = 120_000;
/// What has lasted for so long has been printed by every program.
const SEEN: i64 = 2 * BEAT;
/// A file of the log is rotated after so many lines.
const LINES: usize = 4000;
/// Before that many it never is: more than two programs print from one tick to the next.
const GROWN: usize = 200;
const STARTED: i64 = 1_784_894_400 * S;

/// What happens, and for how many beats nothing else does.
#[derive(Clone, Debug)]
struct Step {
    event: Event,
    beats: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// Whatever was lost is there again.
    Heal,
    /// The port of ptp4l fails: no more offsets. phc2sys follows the card all the same.
    Fault,
    /// The servo of ptp4l lets go, and offsets stay tiny.
    Unlock,
    /// ptp4l dies without a word. Where it prints no offsets, phc2sys waits for it.
    Ptp4lDies,
    /// phc2sys dies without a word.
    Phc2sysDies,
    /// Nothing is written any more.
    Silence,
    /// The card, or the system clock, is so far off, in microseconds.
    CardOff(i64),
    SystemOff(i64),
    /// Both wander around the limits: up to so many microseconds.
    Wander(i64),
    /// The log is rotated.
    Rotate,
    /// ptp4l is restarted, from now on with or without offsets in the log.
    Reduce(bool),
    /// The wall clock is set by so many seconds.
    SetClock(i64),
    /// The container is restarted.
    Restart,
    /// The node is restarted.
    Reboot,
}

fn walk() -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![
        12 => Just(Event::Heal),
        3 => Just(Event::Fault),
        2 => Just(Event::Unlock),
        2 => Just(Event::Ptp4lDies),
        2 => Just(Event::Phc2sysDies),
        2 => Just(Event::Silence),
        2 => prop::sample::select(vec![81, 119, 121, 1000, 37_000_000]).prop_map(Event::CardOff),
        2 => prop::sample::select(vec![81, 119, 121, 1000, 37_000_000]).prop_map(Event::SystemOff),
        3 => prop::sample::select(vec![79, 100, 119, 130]).prop_map(Event::Wander),
        2 => Just(Event::Rotate),
        2 => any::<bool>().prop_map(Event::Reduce),
        2 => prop::sample::select(vec![-3600, -300, -3, -1, 1, 3, 300, 3600]).prop_map(Event::SetClock),
        1 => Just(Event::Restart),
        1 => Just(Event::Reboot),
    ];
    let beats = prop_oneof![3 => 1..12_i64, 4 => 12..90_i64, 3 => 90..700_i64];
    let step = (event, beats).prop_map(|(event, beats)| Step { event, beats });
    prop::collection::vec(step, 1..60)
}

/// What has come out, over all walks.
#[derive(Default)]
struct Figures {
    walks: u32,
    simulated: i64,
    ticks: u64,
    transitions: u64,
    /// From a loss to the tick that removes the marker, and from the return to the one that
    /// creates it, in milliseconds.
    out: Vec<i64>,
    back: Vec<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    Follows,
    Faulty,
    Unlocked,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SystemClock {
    Follows,
    Dead,
}

/// A node.
struct Node {
    root: TempDir,
    /// Milliseconds since it was first started, which no clock of its own shows.
    time: i64,
    booted: i64,
    boots: u32,
    /// What the wall clock is ahead.
    ahead: i64,
    restarts: u32,
    reference: Reference,
    system: SystemClock,
    is_silent: bool,
    is_reduced: bool,
    card_off: i64,
    system_off: i64,
    wander: i64,
    port: &'static str,
    lines: usize,
    random: u64,
    next_tick: i64,
    is_marked: bool,
    /// Since when the truth has been out of sync, or so near to the limits that it may be called
    /// so; None while it is in sync.
    bad_since: Option<i64>,
    /// The same for the card and for the system clock alone.
    lost_since: [Option<i64>; 2],
    /// Since when all has been well, and printed, and within the limit for entering.
    well_since: Option<i64>,
    /// Something that may end the sync has happened since the last tick.
    disturbed: bool,
    /// The offsets that were printed last.
    newest: [i64; 2],
    /// Until when the last offset that ptp4l printed stands against its port state, since it was
    /// beyond the limit (R6).
    contradicted: i64,
    /// When the marker was made.
    entered: i64,
    /// When the marker's next change became due.
    due: Option<i64>,
}

impl Node {
    fn new() -> Self {
        let root = tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .expect("a directory");
        let node = Self {
            root,
            time: 0,
            booted: -60 * S,
            boots: 0,
            ahead: 0,
            restarts: 0,
            reference: Reference::Follows,
            system: SystemClock::Follows,
            is_silent: false,
            is_reduced: false,
            card_off: 0,
            system_off: 0,
            wander: 0,
            port: "INITIALIZING",
            lines: 0,
            random: 1,
            next_tick: INTERVAL,
            is_marked: false,
            bad_since: Some(0),
            lost_since: [Some(0); 2],
            well_since: None,
            disturbed: true,
            newest: [0; 2],
            contradicted: 0,
            entered: 0,
            due: None,
        };
        fs::create_dir_all(node.container()).expect("a directory");
        node.start();
        node
    }

    /// What a start of the node leaves of the files below /run and /proc.
    fn start(&self) {
        let run = self.root.path().join("run");
        let _ = fs::remove_dir_all(&run);
        fs::create_dir_all(run.join("ptp")).expect("a directory");
        let kernel = self.root.path().join("proc/sys/kernel/random");
        fs::create_dir_all(&kernel).expect("a directory");
        let boot_id = format!("{:08}-2222-3333-4444-555555555555\n", self.boots);
        fs::write(kernel.join("boot_id"), boot_id).expect("a file");
    }

    fn container(&self) -> PathBuf {
        self.root
            .path()
            .join("var/log/pods/openshift-ptp_linuxptp-daemon-abcde_0123/linuxptp-daemon-container")
    }

    fn uptime(&self) -> i64 {
        self.time - self.booted
    }

    fn wall_ns(&self) -> i64 {
        (STARTED + self.time + self.ahead) * 1_000_000
    }

    /// A number below another one, the same ones in each run.
    fn below(&mut self, limit: i64) -> i64 {
        self.random = (self.random)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.random >> 33).unwrap_or(0) % limit
    }

    fn print(&mut self, text: &mut String, program: &str, message: &str) {
        let (uptime, time) = (self.uptime(), format_time(self.wall_ns()));
        let bracket = format!("{}.{:03}", uptime / S, uptime % S);
        let _ = writeln!(
            text,
            "{time} stdout F {program}[{bracket}]: [ptp4l.0.config:6] {message}"
        );
        self.lines += 1;
    }

    fn move_port(&mut self, text: &mut String, to: &'static str) {
        if self.port != to {
            let change = format!("port 1 (ens4f0): {} to {to} on RS_SLAVE", self.port);
            self.print(text, "ptp4l", &change);
            self.port = to;
            if self.contradicted > self.time + SYNC_AGE {
                self.contradicted = self.time;
            }
        }
    }

    /// ptp4l starts: its port is as new.
    fn restart_ptp4l(&mut self) {
        self.port = "INITIALIZING";
    }

    /// A log is rotated when it has grown, never twice between two ticks: what nobody has read
    /// would be gone, and with it what is known of the ports (R9).
    fn rotate(&mut self) {
        if self.lines < GROWN {
            return;
        }
        let directory = self.container();
        let current = directory.join(format!("{}.log", self.restarts));
        for entry in fs::read_dir(&directory).expect("a directory").flatten() {
            // The one before is compressed.
            if entry.path() != current {
                fs::remove_file(entry.path()).expect("removed");
            }
        }
        let stamp = format!(
            "{:08}-{:06}",
            self.time / S / 86_400,
            self.time / S % 86_400
        );
        if current.exists() {
            let rotated = directory.join(format!("{}.log.{stamp}", self.restarts));
            fs::rename(&current, rotated).expect("renamed");
        }
        fs::write(current, "").expect("a file");
        self.lines = 0;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Heal => {
                if self.reference == Reference::Dead {
                    self.restart_ptp4l();
                }
                self.reference = Reference::Follows;
                self.system = SystemClock::Follows;
                self.is_silent = false;
                (self.card_off, self.system_off, self.wander) = (0, 0, 0);
            }
            Event::Fault if self.reference != Reference::Dead => self.reference = Reference::Faulty,
            Event::Unlock if self.reference != Reference::Dead => {
                self.reference = Reference::Unlocked;
            }
            Event::Fault | Event::Unlock => {}
            Event::Ptp4lDies => self.reference = Reference::Dead,
            Event::Phc2sysDies => self.system = SystemClock::Dead,
            Event::Silence => self.is_silent = true,
            Event::CardOff(microseconds) => self.card_off = microseconds * 1000,
            Event::SystemOff(microseconds) => self.system_off = microseconds * 1000,
            Event::Wander(microseconds) => self.wander = microseconds * 1000,
            Event::Rotate => self.rotate(),
            Event::Reduce(is_reduced) => {
                self.is_reduced = is_reduced;
                if self.reference == Reference::Dead {
                    self.reference = Reference::Follows;
                }
                self.restart_ptp4l();
                self.disturb();
            }
            // Just after the start, lines from before the clock was set look like those of an
            // earlier boot, and what nobody has seen is not required (R1, R8).
            Event::SetClock(_) if self.uptime() < 7200 * S => {}
            Event::SetClock(seconds) => {
                self.ahead += seconds * S;
                self.disturb();
            }
            Event::Restart => {
                self.restarts += 1;
                self.lines = 0;
                self.restart_ptp4l();
                self.happen(Event::Heal);
                self.disturb();
            }
            Event::Reboot => {
                self.time += 120 * S;
                self.booted = self.time - 30 * S;
                self.boots += 1;
                self.start();
                self.is_marked = false;
                self.next_tick = self.time + INTERVAL;
                self.due = None;
                self.happen(Event::Restart);
            }
        }
    }

    /// Nothing can be said of the next lines before they are there.
    fn disturb(&mut self) {
        self.disturbed = true;
        self.well_since = None;
        self.due = None;
    }

    /// Ten seconds: what the programs print, and what is true.
    fn beat(&mut self) {
        self.time += BEAT;
        let mut text = String::new();
        if !self.is_silent {
            self.print_ptp4l(&mut text);
            self.print_phc2sys(&mut text);
            let path = self.container().join(format!("{}.log", self.restarts));
            let mut file =
                (OpenOptions::new().append(true).create(true).open(path)).expect("the log");
            file.write_all(text.as_bytes()).expect("written");
            if self.lines > LINES {
                self.rotate();
            }
        }
        let legs = [
            self.reference == Reference::Follows && self.port == "SLAVE",
            self.system == SystemClock::Follows,
        ];
        for ((follows, newest), lost_since) in
            legs.iter().zip(self.newest).zip(&mut self.lost_since)
        {
            if *follows && newest <= STAY {
                *lost_since = None;
            } else {
                lost_since.get_or_insert(self.time);
            }
        }
        let follows = legs == [true; 2];
        let most = self.newest[0].max(self.newest[1]);
        // Silence is a cause, too, whatever the truth is.
        self.disturbed |= self.is_silent;
        if follows && most <= STAY {
            self.bad_since = None;
        } else {
            self.bad_since.get_or_insert(self.time);
            self.disturbed = true;
        }
        let is_contradicted = self.is_reduced && self.time <= self.contradicted;
        self.disturbed |= is_contradicted;
        if follows && most <= ENTER && !self.is_silent && !is_contradicted {
            self.well_since.get_or_insert(self.time);
        } else {
            self.well_since = None;
        }
        // Wandering around the limits is no loss that waits for a reaction.
        let is_due = if self.is_marked {
            // A marker may be made on what was good a while ago.
            self.bad_since.map(|since| since.max(self.entered))
        } else {
            self.well_since
        };
        if is_due.is_none() || self.wander > 0 {
            self.due = None;
        } else {
            self.due = self.due.or(is_due);
        }
    }

    /// The offset that a clock has now.
    fn offset(&mut self, off: i64) -> i64 {
        let wander = self.wander;
        if wander == 0 {
            return off + self.below(50);
        }
        off.max(wander - self.below(60_000.min(wander)))
    }

    fn print_ptp4l(&mut self, text: &mut String) {
        let servo = match self.reference {
            Reference::Dead => return,
            Reference::Faulty => return self.move_port(text, "FAULTY"),
            Reference::Unlocked => {
                let to = if self.port == "SLAVE" {
                    "UNCALIBRATED"
                } else {
                    self.port
                };
                self.move_port(text, to);
                "s0"
            }
            Reference::Follows => match self.port {
                "INITIALIZING" => return self.move_port(text, "LISTENING"),
                "LISTENING" | "FAULTY" => {
                    self.move_port(text, "UNCALIBRATED");
                    "s0"
                }
                _ => {
                    self.move_port(text, "SLAVE");
                    "s2"
                }
            },
        };
        self.newest[0] = self.offset(self.card_off);
        if self.is_reduced {
            // Nothing of the card's offset can be seen, so that it must be true by itself.
            self.newest[0] = 0;
        } else if self.port != "LISTENING" && self.port != "INITIALIZING" {
            let offset = self.newest[0];
            if offset > ENTER {
                self.contradicted = self.time + SYNC_AGE;
            }
            self.print(
                text,
                "ptp4l",
                &format!("master offset {offset:>10} {servo} freq   +3120 path delay      1587"),
            );
        }
    }

    fn print_phc2sys(&mut self, text: &mut String) {
        let waits = self.is_reduced && self.reference == Reference::Dead;
        if self.system == SystemClock::Dead || waits {
            return;
        }
        self.newest[1] = self.offset(self.system_off);
        let offset = self.newest[1];
        self.print(
            text,
            "phc2sys",
            &format!("CLOCK_REALTIME phc offset {offset:>9} s2 freq   +2872 delay    551"),
        );
    }

    /// A run of the program, and what must be true of its verdict.
    fn tick(&mut self, figures: &mut Figures) -> Result<(), String> {
        let args = Args {
            root: Some(self.root.path().to_owned()),
            ..Args::default()
        };
        let clocks = Clocks {
            wall_ns: self.wall_ns(),
            monotonic_ns: Some(self.uptime() * 1_000_000),
        };
        let config = Config::new(&args, &|_| None, clocks).expect("a configuration");
        let root = Directory::open(self.root.path()).expect("the root");
        let report = check(&config, &root).expect("a report");
        let session = Session::begin(&root).expect("nobody else runs");
        (session.apply(&root, &config.places, &report)).expect("it can be written");
        let was_marked = self.is_marked;
        self.is_marked = self.root.path().join("run/ptp/insync").exists();
        figures.ticks += 1;

        let at = format!(
            "{} s, {:?} since {:?}: {} ({}), {:?}",
            self.time / S,
            (
                self.reference,
                self.system,
                self.port,
                self.is_silent,
                self.is_reduced,
                self.newest
            ),
            self.bad_since,
            report.verdict,
            report.reason,
            report
                .legs
                .iter()
                .map(|leg| leg.line.clone())
                .collect::<Vec<_>>()
        );
        // The legs are lost and found by themselves: what is held of one may bridge the loss of
        // the other.
        for since in self.lost_since.into_iter().flatten() {
            let lost_for = self.time - since;
            if self.is_marked && lost_for > SYNC_AGE {
                return Err(format!("in sync, and lost for {} s: {at}", lost_for / S));
            }
        }
        if let Some(since) = self.well_since.filter(|_| !self.is_marked) {
            let well_for = self.time - since;
            if well_for >= SEEN {
                return Err(format!(
                    "out of sync, and all well for {} s: {at}",
                    well_for / S
                ));
            }
        }
        if was_marked != self.is_marked {
            figures.transitions += 1;
            self.entered = self.time;
            let most = self.newest[0].max(self.newest[1]);
            if was_marked && !self.disturbed {
                return Err(format!("left without a cause, {most} ns off: {at}"));
            }
            if !was_marked && most > ENTER {
                return Err(format!("entered {most} ns off: {at}"));
            }
            let reactions = if was_marked {
                &mut figures.out
            } else {
                &mut figures.back
            };
            reactions.extend(self.due.take().map(|since| self.time - since));
        }
        self.disturbed = self.bad_since.is_some() || self.is_silent;
        self.next_tick = self.time + INTERVAL + self.below(JITTER);
        Ok(())
    }

    fn run(&mut self, walk: &[Step], figures: &mut Figures) -> Result<(), String> {
        // What has never been seen since the start of the node is not required (R8).
        let seen = Step {
            event: Event::Heal,
            beats: 4,
        };
        let mut steps: Vec<&Step> = vec![&seen];
        for step in walk {
            steps.push(step);
            if step.event == Event::Reboot {
                steps.push(&seen);
            }
        }
        for step in steps {
            self.happen(step.event);
            for _ in 0..step.beats {
                self.beat();
                if self.time >= self.next_tick {
                    // Ticks come at any moment between two lines.
                    let phase = self.below(BEAT - 1);
                    self.time += phase;
                    let result = self.tick(figures);
                    self.time -= phase;
                    result?;
                }
            }
        }
        figures.walks += 1;
        figures.simulated += self.time;
        Ok(())
    }
}

#[test]
fn the_marker_tells_the_truth_for_days() {
    let given = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = given("PROPTEST_RNG_SEED").unwrap_or(1);
    let walks = given("MODEL_WALKS").map_or(120, |walks| u32::try_from(walks).unwrap_or(u32::MAX));
    let figures = RefCell::new(Figures::default());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: walks,
        max_shrink_iters: 20_000,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    eprintln!("seed {seed}");
    let result = runner.run(&walk(), |walk| {
        Node::new()
            .run(&walk, &mut figures.borrow_mut())
            .map_err(TestCaseError::fail)
    });
    if let Err(failure) = result {
        panic!("seed {seed}: {failure}");
    }
    figures.into_inner().show();
}

impl Figures {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    fn show(mut self) {
        let days = self.simulated as f64 / 86_400e3;
        eprintln!(
            "{} walks, {days:.1} days ({:.2} years), {} ticks, {} transitions",
            self.walks,
            days / 365.25,
            self.ticks,
            self.transitions
        );
        for (what, times) in [
            ("loss to out", &mut self.out),
            ("sync to in", &mut self.back),
        ] {
            times.sort_unstable();
            let at = |part: usize| {
                times
                    .get((times.len().saturating_sub(1)) * part / 100)
                    .map_or(0, |ms| ms / S)
            };
            eprintln!(
                "{what}: {} times, min {} s, median {} s, p95 {} s, max {} s",
                times.len(),
                at(0),
                at(50),
                at(95),
                at(100)
            );
        }
        assert!(self.transitions > 0, "nothing has happened");
    }
}
