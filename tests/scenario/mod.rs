//! Miniature nodes drawn from bytes: a log that several programs have written, what stands
//! beside it, and one or two looks at it. The program and the reference must agree.
//!
//! The bytes come from the fuzzer or from proptest; where they run out, everything is as simple
//! as can be.

#![allow(dead_code, reason = "every test uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test may fail, and a table is as long as it says"
)]

use crate::reference::memory::Memory;
use crate::reference::root::{self as reference, Scene, about};
use crate::reference::rules::{Question, remember};
use crate::reference::{Answer, Now, SECOND, Settings};
use arbitrary::{Result, Unstructured};
use ptp_sync_check::apply::Session;
use ptp_sync_check::check::check;
use ptp_sync_check::cli::Args;
use ptp_sync_check::clock::Clocks;
use ptp_sync_check::config::Config;
use ptp_sync_check::report::Report;
use ptp_sync_check::root::Directory;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;
use tempfile::TempDir;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

const BOOT_IDS: [&str; 2] = [
    "11111111-2222-3333-4444-555555555555",
    "99999999-2222-3333-4444-555555555555",
];
const POD: &str = "openshift-ptp_linuxptp-daemon-abcde_0123";
const CONTAINER: &str = "linuxptp-daemon-container";
/// Milliseconds since 1970 when the node of a scenario has started: 2026-07-23.
const STARTED: i64 = 1_784_794_400_000;
/// Milliseconds since boot when its log begins.
const BEGIN: i64 = 100_000_000;

/// A node and what happens on it.
#[derive(Clone)]
pub struct Scenario {
    settings: Settings,
    marker: Marker,
    lines: Vec<Line>,
    /// Real runs come first, when the log had so many lines.
    looks: Vec<(usize, Clock)>,
    /// The last of them.
    earlier: Option<Earlier>,
    now: Clock,
    layout: Layout,
}

/// What the reference remembers from look to look.
#[derive(Default)]
struct Known {
    memory: Memory,
    boot: usize,
}

impl Known {
    /// Puts it into a scene, as far as it is about the same boot and the same log.
    fn enter(&mut self, seen: &mut Seen, now: Clock) {
        if self.boot != now.boot {
            self.memory = Memory::default();
            self.boot = now.boot;
        }
        if let Ok(scene) = seen {
            scene.memory = about(std::mem::take(&mut self.memory), scene.log.as_deref());
        }
    }

    /// Adds what a look has shown. The program may have read no further than it needed to: then
    /// its memory of the ports stays what it was.
    fn learn(&mut self, question: &Question<'_>, log: Option<&str>, has_read_all: bool) {
        let next = remember(question, log);
        if has_read_all {
            self.memory = next;
            return;
        }
        self.memory = Memory {
            written: next.written,
            legs: next.legs,
            log: next.log,
            looks: next.looks,
            boundary_clocks: next.boundary_clocks,
            ..question.memory.clone()
        };
        for (name, instance) in next.instances {
            if instance.has_offsets {
                self.memory.instances.entry(name).or_default().has_offsets = true;
            }
        }
    }
}

/// A node as the reference gets to see it, from look to look.
struct World<'a> {
    scenario: &'a Scenario,
    root: &'a Path,
    looks: Vec<Look>,
    known: Known,
}

/// One look at a node.
struct Look {
    /// The lines that the log holds.
    lines: Range<usize>,
    container: u8,
    now: Clock,
}

/// What there is to see; or what follows where there is nothing.
type Seen = std::result::Result<Scene, Answer>;

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, root: &'a Path) -> Self {
        Self {
            scenario,
            root,
            looks: scenario.all_looks(),
            known: Known::default(),
        }
    }

    fn look(&mut self, index: usize) -> Seen {
        let look = &self.looks[index];
        self.scenario.write(self.root, look);
        let mut seen = reference::look(self.root, look.now.into(), &self.scenario.settings);
        self.known.enter(&mut seen, look.now);
        seen
    }

    /// What the reference says. What an earlier run has left out it may or may not meet again.
    fn answers(&self, index: usize, seen: &Seen) -> Vec<Answer> {
        let (now, settings) = (self.looks[index].now.into(), &self.scenario.settings);
        match seen {
            Ok(scene) => vec![
                scene.answer(now, settings),
                scene.answer_without_left_out(now, settings),
            ],
            Err(answer) => vec![answer.clone()],
        }
    }

    fn learn(&mut self, index: usize, seen: Seen, has_read_all: bool) {
        let Ok(scene) = seen else {
            return;
        };
        let question = Question {
            messages: &scene.messages,
            now: self.looks[index].now.into(),
            settings: &self.scenario.settings,
            is_marked: scene.is_marked,
            memory: &scene.memory,
            skips_left_out: true,
        };
        (self.known).learn(&question, scene.log.as_deref(), has_read_all);
    }
}

#[derive(Clone, Debug)]
struct Earlier {
    lines: usize,
    now: Clock,
    /// So many of its lines have rotated away since.
    gone: usize,
    /// Its container has been restarted since.
    restarted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    Absent,
    Foreign,
    OfThisBoot,
    OfAnotherBoot,
    Directory,
}

/// Where the lines are, and what lies beside them.
#[derive(Clone, Debug)]
struct Layout {
    /// So many lines, counted from the end, are in the current file; the rest was rotated.
    current: Option<usize>,
    /// The last line has no newline yet.
    unfinished: bool,
    decoys: bool,
}

/// Milliseconds since boot, and what the wall clock makes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Clock {
    uptime: i64,
    wall: i64,
    /// Which boot it is.
    boot: usize,
}

#[derive(Clone, Debug)]
struct Line {
    at: Clock,
    stderr: bool,
    text: String,
    /// The container runtime has cut it here.
    cut: Option<usize>,
    /// Hours that its time is written ahead of UTC.
    zone: i8,
}

/// An empty directory, in memory where that can be had: there are many of them.
pub fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a temporary directory")
}

fn pick<T: Clone>(bytes: &mut Unstructured<'_>, of: &[T]) -> Result<T> {
    bytes.choose(of).cloned()
}

/// As likely as one in so many; less so where the bytes have run out.
fn rarely(bytes: &mut Unstructured<'_>, one_in: u8) -> Result<bool> {
    Ok(bytes.int_in_range(1..=one_in)? == one_in)
}

impl Scenario {
    /// A scenario of these bytes.
    ///
    /// # Errors
    /// Never, in practice: what is missing is nothing.
    pub fn draw(bytes: &mut Unstructured<'_>) -> Result<Self> {
        let settings = settings(bytes)?;
        let marker = pick(
            bytes,
            &[
                Marker::Absent,
                Marker::Foreign,
                Marker::OfThisBoot,
                Marker::Absent,
                Marker::OfThisBoot,
                Marker::OfAnotherBoot,
                Marker::Directory,
            ],
        )?;
        let layout = Layout {
            current: rarely(bytes, 4)?
                .then(|| bytes.int_in_range(0..=12))
                .transpose()?,
            unfinished: rarely(bytes, 8)?,
            decoys: rarely(bytes, 8)?,
        };
        let mut clock = Clock {
            uptime: BEGIN,
            wall: STARTED + BEGIN,
            boot: 0,
        };
        let mut ports = [["INITIALIZING"; 2]; 2];
        let mut lines = Vec::new();
        let programs = bytes.int_in_range(1..=u16::MAX)?;
        let mut earlier = None;
        let pieces = rarely(bytes, 4)?;
        for number in 0..bytes.int_in_range(0..=28)? {
            clock.pass(pick(bytes, &STEPS)?);
            if rarely(bytes, 60)? {
                clock.wall += pick(
                    bytes,
                    &[3000, -3000, 700_000, -700_000, 3_600_000, -3_600_000],
                )?;
            }
            if rarely(bytes, 90)? && clock.boot == 0 {
                clock.boot = 1;
                clock.uptime = 50_000;
                clock.wall += 60_000;
            }
            if earlier.is_none() && number > 0 && rarely(bytes, 24)? {
                clock.pass(500);
                earlier = Some(Earlier {
                    lines: lines.len(),
                    now: clock,
                    gone: 0,
                    restarted: rarely(bytes, 8)?,
                });
                // What a run has just read and what comes next are well apart.
                clock.pass(pick(bytes, &[30_000, 300_000, 660_000])?);
            }
            let Some(text) = message(bytes, programs, clock, &mut ports)? else {
                continue;
            };
            lines.push(Line {
                at: clock,
                stderr: text.starts_with('I'),
                cut: (pieces && rarely(bytes, 3)?)
                    .then(|| bytes.int_in_range(0..=text.len() - 1))
                    .transpose()?
                    .filter(|at| text.is_char_boundary(*at)),
                zone: if pieces {
                    pick(bytes, &[0, 0, 2, -5])?
                } else {
                    0
                },
                text,
            });
        }
        if let Some(earlier) = &mut earlier
            && rarely(bytes, 3)?
        {
            earlier.gone = bytes.int_in_range(0..=earlier.lines)?;
        }
        clock.pass(pick(bytes, &STEPS)?);
        if let Some(line) = lines.last().filter(|_| earlier.is_none()) {
            // One line is exactly so old.
            let settings = &settings;
            let ages =
                [settings.sync_age, settings.holdover, settings.settle].map(|age| age / 1_000_000);
            let age = pick(
                bytes,
                &[
                    None,
                    None,
                    None,
                    Some(ages[0]),
                    Some(ages[1]),
                    Some(ages[2]),
                ],
            )?;
            let line = if rarely(bytes, 2)? {
                line
            } else {
                bytes.choose(&lines)?
            };
            if let Some(age) = age.filter(|_| line.at.boot == clock.boot) {
                let exact = line.at.uptime + age + pick(bytes, &[0, 1, -1])?;
                let skew = clock.wall - clock.uptime;
                clock.uptime = exact.max(lines.last().map_or(0, |last| last.at.uptime - 2001));
                clock.wall = clock.uptime + skew;
            }
        }
        Ok(Self {
            settings,
            marker,
            looks: looks(bytes, &lines, earlier.as_ref())?,
            lines,
            earlier,
            now: clock,
            layout,
        })
    }

    /// Makes the node below this directory, which must be empty, and looks at it.
    ///
    /// # Errors
    /// Where the program and the reference disagree: what either says.
    pub fn try_out(&self, root: &Path) -> std::result::Result<(), String> {
        self.put_marker(root);
        let unstepped = self.unstepped();
        let place = self.has_clock_steps().then(directory);
        let mut worlds = vec![World::new(self, root)];
        worlds.extend((place.iter()).map(|place| World::new(&unstepped, place.path())));
        for (index, look) in self.all_looks().iter().enumerate() {
            let mut all_seen: Vec<Seen> =
                (worlds.iter_mut()).map(|world| world.look(index)).collect();
            // The program lives in the first.
            let is_marked = all_seen[0].as_ref().is_ok_and(|scene| scene.is_marked);
            for scene in all_seen.iter_mut().flatten() {
                scene.is_marked = is_marked;
            }
            let answers = worlds.iter().zip(&all_seen);
            let answers: Vec<Answer> = answers
                .flat_map(|(world, seen)| world.answers(index, seen))
                .collect();
            let report = self.ask(root, look.now);
            // How much of a log that is gone had been read is the program's own business.
            let has_rotated = look.lines.start > 0;
            self.compare(&report, &answers, has_rotated)
                .map_err(|difference| {
                    let memory = all_seen[0].as_ref().map(|scene| &scene.memory);
                    let own = &report.memory;
                    format!("look {index}: {difference}\n{memory:?}\n{own:?}\n{self:?}")
                })?;
            apply(root, &report, &self.args(root, look.now));
            let has_read_all = report.memory.read_until == Some(Now::from(look.now).into());
            for (world, seen) in worlds.iter_mut().zip(all_seen) {
                world.learn(index, seen, has_read_all);
            }
        }
        Ok(())
    }

    /// The earlier looks, and the one that counts.
    fn all_looks(&self) -> Vec<Look> {
        let earlier = self.earlier.as_ref();
        let looks = self.looks.iter().copied();
        let looks = looks.chain(earlier.map(|earlier| (earlier.lines, earlier.now)));
        let is_restarted = earlier.is_some_and(|earlier| earlier.restarted);
        let gone = earlier.map_or(0, |earlier| {
            if is_restarted {
                earlier.lines
            } else {
                earlier.gone
            }
        });
        looks
            .map(|(lines, now)| Look {
                lines: 0..lines,
                container: 0,
                now,
            })
            .chain([Look {
                lines: gone..self.lines.len(),
                container: u8::from(is_restarted),
                now: self.now,
            }])
            .collect()
    }

    /// The same node with a wall clock that was never set since it started.
    fn unstepped(&self) -> Self {
        let skew = |clock: Clock| clock.wall - clock.uptime;
        let now = self.now;
        let first = (self.lines.iter().map(|line| line.at)).find(|at| at.boot == now.boot);
        let before = skew(now) - skew(first.unwrap_or(now));
        let set = |clock: &mut Clock| {
            clock.wall = if clock.boot == now.boot {
                clock.uptime + skew(now)
            } else {
                clock.wall + before
            };
        };
        let mut unstepped = self.clone();
        unstepped
            .lines
            .iter_mut()
            .for_each(|line| set(&mut line.at));
        unstepped.looks.iter_mut().for_each(|(_, at)| set(at));
        if let Some(earlier) = &mut unstepped.earlier {
            set(&mut earlier.now);
        }
        unstepped
    }

    /// Was the wall clock set while the log was written?
    fn has_clock_steps(&self) -> bool {
        let skew = |clock: Clock| clock.wall - clock.uptime;
        (self.lines.iter()).any(|line| skew(line.at) != skew(self.now))
    }

    /// Any of these answers will do: where the wall clock was set, the truth is as good as the letter of
    /// the rules.
    fn compare(
        &self,
        report: &Report,
        answers: &[Answer],
        may_be_stricter: bool,
    ) -> std::result::Result<(), String> {
        let (verdict, reason) = (report.verdict.to_string(), report.reason.to_string());
        // Which of several reasons a memory ends in is a matter of taste. And a reader that stops
        // where lines are old enough can only be stricter where a clock was set.
        let is_out = verdict == "out-of-sync";
        let agree = answers.iter().any(|answer| {
            answer.allows(&verdict, &reason)
                || self.earlier.is_some() && is_out && !answer.in_sync
                || (may_be_stricter || self.has_clock_steps()) && (is_out || answer.in_sync)
        });
        if agree {
            return Ok(());
        }
        let legs: Vec<String> = (report.legs.iter())
            .map(|leg| {
                format!(
                    "{} {} {:?} by {:?}",
                    leg.leg, leg.state, leg.reason, leg.line
                )
            })
            .collect();
        Err(format!(
            "the program says {verdict} ({reason}), {legs:?}; the reference says {answers:?}"
        ))
    }

    fn args(&self, root: &Path, now: Clock) -> Config {
        let nanoseconds = |value: i64| Some(OsString::from(format!("{value}ns")));
        let args = Args {
            root: Some(root.to_owned()),
            max_offset: nanoseconds(self.settings.max_offset),
            offset_threshold: nanoseconds(self.settings.threshold),
            sync_age: nanoseconds(self.settings.sync_age),
            holdover: nanoseconds(self.settings.holdover),
            settle: nanoseconds(self.settings.settle),
            offset_window: nanoseconds(self.settings.window),
            ..Args::default()
        };
        let clocks = Clocks {
            wall_ns: now.wall * 1_000_000,
            monotonic_ns: Some(now.uptime * 1_000_000),
        };
        Config::new(&args, &|_| None, clocks).expect("settings within bounds")
    }

    fn ask(&self, root: &Path, now: Clock) -> Report {
        check(
            &self.args(root, now),
            &Directory::open(root).expect("the root"),
        )
        .expect("a report")
    }

    fn put_marker(&self, root: &Path) {
        let marker = root.join("run/ptp/insync");
        fs::create_dir_all(root.join("run/ptp")).expect("a directory");
        let put = |content: &str| fs::write(&marker, content).expect("a file");
        match self.marker {
            Marker::Absent => {}
            Marker::Foreign => put(""),
            Marker::OfThisBoot => put(&format!("verdict: in-sync\nboot_id: {}\n", BOOT_IDS[0])),
            Marker::OfAnotherBoot => put("boot_id: 00000000-2222-3333-4444-555555555555\n"),
            Marker::Directory => fs::create_dir(&marker).expect("a directory"),
        }
    }

    /// Writes what the log holds at that time.
    fn write(&self, root: &Path, look: &Look) {
        let (lines, container) = (&self.lines[look.lines.clone()], look.container);
        let pods = root.join("var/log/pods");
        let directory = pods.join(POD).join(CONTAINER);
        for directory in [&directory, &root.join("proc/sys/kernel/random")] {
            fs::create_dir_all(directory).expect("a directory");
        }
        let put = |path: &Path, text: &str| fs::write(path, text).expect("a file");
        put(
            &root.join("proc/sys/kernel/random/boot_id"),
            &format!("{}\n", BOOT_IDS[look.now.boot]),
        );
        let current = self.layout.current.unwrap_or(lines.len()).min(lines.len());
        let (rotated, current) = lines.split_at(lines.len() - current);
        let mut text: String = current.iter().map(Line::written).collect();
        if self.layout.unfinished {
            text +=
                "2026-07-24T12:00:00Z stdout F ptp4l[1.000]: [ptp4l.0.config:6] master offset 9";
        }
        put(&directory.join(format!("{container}.log")), &text);
        if self.layout.current.is_some() {
            let text: String = rotated.iter().map(Line::written).collect();
            put(
                &directory.join(format!("{container}.log.20260724-115000")),
                &text,
            );
        }
        if self.layout.decoys {
            self.write_decoys(&pods, &directory);
        }
    }

    /// What must never be read.
    fn write_decoys(&self, pods: &Path, directory: &Path) {
        let clock = self.now;
        let bad = Line {
            at: clock,
            stderr: false,
            text: sample_line(clock, 0, 900_000, 0),
            cut: None,
            zone: 0,
        }
        .written();
        let good = bad.replace(" 900000 s0", " 5 s2");
        for pod in [
            "evil_linuxptp-daemon-abcde_0123",
            "openshift-ptp-x_linuxptp-daemon-abcde_0123",
            "openshift-ptp_other-abcde_0123",
        ] {
            let directory = pods.join(pod).join(CONTAINER);
            fs::create_dir_all(&directory).expect("a directory");
            fs::write(directory.join("7.log"), &bad).expect("a file");
        }
        for name in ["9.log.gz", "9.log.20260724-115900.gz", "9.log.tmp", "x.log"] {
            fs::write(directory.join(name), &good).expect("a file");
        }
        let sidecar = pods.join(POD).join("cloud-event-proxy");
        fs::create_dir_all(&sidecar).expect("a directory");
        fs::write(sidecar.join("0.log"), &bad).expect("a file");
    }
}

/// Asks both about a log at a moment, in nanoseconds since 1970 and since boot, with a short hold.
/// What either says, where they differ.
pub fn replay(text: &str, wall: i64, uptime: i64, is_marked: bool) -> Option<String> {
    let place = directory();
    let root = place.path();
    let container = root.join("var/log/pods").join(POD).join(CONTAINER);
    for directory in [&container, &root.join("run/ptp")] {
        fs::create_dir_all(directory).expect("a directory");
    }
    fs::write(container.join("0.log"), text).expect("a file");
    if is_marked {
        fs::write(root.join("run/ptp/insync"), "").expect("a file");
    }
    let args = Args {
        root: Some(root.to_owned()),
        holdover: Some(OsString::from("20")),
        ..Args::default()
    };
    let clocks = Clocks {
        wall_ns: wall,
        monotonic_ns: Some(uptime),
    };
    let config = Config::new(&args, &|_| None, clocks).expect("a configuration");
    let report = check(&config, &Directory::open(root).expect("the root")).expect("a report");
    let settings = Settings {
        holdover: 20 * SECOND,
        ..Settings::default()
    };
    let now = Now {
        wall,
        uptime: Some(uptime),
    };
    let expected = crate::reference::root::answer(root, now, &settings);
    let (verdict, reason) = (report.verdict.to_string(), report.reason.to_string());
    (!expected.allows(&verdict, &reason))
        .then(|| format!("at {wall}: {verdict} ({reason}), expected {expected:?}"))
}

/// For people.
impl fmt::Debug for Scenario {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.now;
        writeln!(
            text,
            "marker {:?}, {:?}\nlooks {:?}, earlier {:?}, now {now:?}\n{:?}",
            self.marker, self.settings, self.looks, self.earlier, self.layout
        )?;
        for line in &self.lines {
            let (wall, uptime) = (now.wall - line.at.wall, now.uptime - line.at.uptime);
            writeln!(text, "{wall:>9} {uptime:>9} ms ago: {}", line.text)?;
        }
        Ok(())
    }
}

/// Makes the node agree with a report, as a real run does.
fn apply(root: &Path, report: &Report, config: &Config) {
    let root = Directory::open(root).expect("the root");
    let session = Session::begin(&root).expect("nobody else runs");
    session
        .apply(&root, &config.places, report)
        .expect("it can be written");
}

impl From<Clock> for Now {
    fn from(clock: Clock) -> Self {
        Self {
            wall: clock.wall * 1_000_000,
            uptime: Some(clock.uptime * 1_000_000),
        }
    }
}

impl From<Now> for Clocks {
    fn from(now: Now) -> Self {
        Self {
            wall_ns: now.wall,
            monotonic_ns: now.uptime,
        }
    }
}

impl Clock {
    fn pass(&mut self, milliseconds: i64) {
        self.uptime += milliseconds;
        self.wall += milliseconds;
    }

    fn bracket(self) -> String {
        format!("{}.{:03}", self.uptime / 1000, self.uptime % 1000)
    }

    fn unix(self) -> i64 {
        self.wall / 1000
    }
}

impl Line {
    /// As the container runtime writes it.
    fn written(&self) -> String {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.at.wall) * 1_000_000)
            .expect("a time of our days")
            .to_offset(UtcOffset::from_hms(self.zone, 0, 0).expect("a zone"))
            .format(&Rfc3339)
            .expect("a time of our days");
        let stream = if self.stderr { "stderr" } else { "stdout" };
        match self.cut {
            None => format!("{time} {stream} F {}\n", self.text),
            Some(at) => {
                let (one, other) = self.text.split_at(at);
                let beside = if self.stderr { "stdout" } else { "stderr" };
                format!(
                    "{time} {stream} P {one}\n{time} {beside} F noise\n{time} {stream} F:x {other}\n"
                )
            }
        }
    }
}

/// Some moments before the last of the earlier runs, each well before the next line.
fn looks(
    bytes: &mut Unstructured<'_>,
    lines: &[Line],
    last: Option<&Earlier>,
) -> Result<Vec<(usize, Clock)>> {
    let mut looks = Vec::new();
    let Some(last) = last else {
        return Ok(looks);
    };
    for place in 1..last.lines {
        let (mut now, next) = (lines[place - 1].at, lines[place].at);
        now.pass(500);
        let is_apart = next.boot == now.boot && next.uptime - now.uptime >= 30_000;
        if is_apart && rarely(bytes, 4)? {
            looks.push((place, now));
        }
    }
    Ok(looks)
}

/// Milliseconds between two lines: mostly few.
const STEPS: [i64; 20] = [
    1000, 1, 7, 60, 100, 500, 999, 1000, 1001, 2000, 5000, 9000, 30_000, 59_999, 60_000, 120_000,
    299_000, 590_000, 600_001, 700_000,
];

const MAGNITUDES: [i64; 16] = [
    0,
    1,
    5,
    100,
    79_999,
    80_000,
    80_001,
    100_000,
    119_999,
    120_000,
    120_001,
    1_000_000,
    12,
    34,
    37_000_000_000,
    i64::MAX,
];

fn settings(bytes: &mut Unstructured<'_>) -> Result<Settings> {
    let mut settings = Settings::default();
    if rarely(bytes, 3)? {
        settings.sync_age = pick(bytes, &[600, 60, 1, 3600])? * SECOND;
        settings.holdover = settings.sync_age;
        if rarely(bytes, 2)? {
            settings.holdover = pick(bytes, &[0, 60, 300, 900])? * SECOND;
        }
        match bytes.int_in_range(0..=3)? {
            1 => settings.settle = pick(bytes, &[1, 60, 300])? * SECOND,
            2 => settings.window = pick(bytes, &[1, 30, 120])? * SECOND,
            3 => {
                (settings.max_offset, settings.threshold) =
                    pick(bytes, &[(1000, 0), (1_000_000, 999_999), (120_000, 40_000)])?;
            }
            _ => {}
        }
    }
    Ok(settings)
}

/// A line of one of the programs that run on this node, if that one does.
fn message(
    bytes: &mut Unstructured<'_>,
    programs: u16,
    now: Clock,
    ports: &mut [[&'static str; 2]; 2],
) -> Result<Option<String>> {
    let program = bytes.int_in_range(0..=15_u8)?;
    let profile = usize::from(program & 1 | u8::from(program == 14));
    // linuxptp-daemon speaks of a grandmaster only where ptp4l takes no time.
    let is_grandmaster = programs & (1 << (10 + profile)) != 0;
    let takes_time = matches!(program, 0..=3 | 14);
    if programs & (1 << program) == 0 || is_grandmaster && takes_time {
        return Ok(None);
    }
    let bracket = now.bracket();
    let tag = format!("[ptp4l.{profile}.config:6]");
    let text = match program {
        0 | 1 => {
            let offset = offset(bytes)?;
            sample_line(now, profile, offset, servo(bytes)?)
        }
        2 | 3 if rarely(bytes, 3)? => {
            let (one, other) = (offset(bytes)?, offset(bytes)?);
            format!(
                "ptp4l[{}.000]: {tag} master offset summary: cnt={}, min={one}, max={other}, avg=0.21, SD=NaN",
                now.unix(),
                pick(bytes, &[1, 30, 0])?
            )
        }
        2 | 3 => {
            let most = offset(bytes)?.unsigned_abs();
            format!("ptp4l[{bracket}]: {tag} rms    3 max {most:>4} freq -16642 +/-  40")
        }
        4..=7 => {
            let number = usize::from(program / 6);
            let state = &mut ports[profile][number];
            // The second port mostly serves.
            let to = pick(
                bytes,
                match number {
                    _ if is_grandmaster => &["MASTER", "LISTENING", "FAULTY", "INITIALIZING"],
                    0 => &[
                        "SLAVE",
                        "UNCALIBRATED",
                        "LISTENING",
                        "FAULTY",
                        "SLAVE",
                        "MASTER",
                        "INITIALIZING",
                    ],
                    _ => &[
                        "MASTER",
                        "LISTENING",
                        "FAULTY",
                        "MASTER",
                        "PASSIVE",
                        "SLAVE",
                        "INITIALIZING",
                    ],
                },
            )?;
            let from = std::mem::replace(state, to);
            if from == to {
                return Ok(None);
            }
            format!(
                "ptp4l[{bracket}]: {tag} port {} (ens{number}f0): {from} to {to} on RS_SLAVE",
                number + 1
            )
        }
        8 | 9 => {
            let device = pick(bytes, &["ens7f0", "ens8f0", "/dev/ptp6"])?;
            let (offset, servo) = (offset(bytes)?, servo(bytes)?);
            let end = match bytes.int_in_range(0..=8)? {
                7 => format!("{device} lost holdover lock (offset {offset:>10})"),
                8 => format!("{device} offset {offset:>10} s{servo} freq      +1 holdover"),
                6 => format!("{device} offset {offset:>10}"),
                _ => format!("{device} offset {offset:>10} s{servo} freq      +1"),
            };
            format!("ts2phc[{bracket}]: [ts2phc.{profile}.config:6] {end}")
        }
        10 | 11 => format!(
            "GM[{}]:[ts2phc.{profile}.config] ens7f0 T-GM-STATUS {}",
            now.unix(),
            pick(bytes, &["s2", "s2", "s1", "s0", "-1"])?
        ),
        12 | 13 => {
            let (offset, servo) = (offset(bytes)?, servo(bytes)?);
            let tag = pick(
                bytes,
                &["ptp4l.0.config:6", "ptp4l.0.config:6", "phc2sys.2.config"],
            )?;
            let device = pick(
                bytes,
                &[
                    "CLOCK_REALTIME",
                    "CLOCK_REALTIME",
                    "CLOCK_REALTIME",
                    "ens7f0",
                ],
            )?;
            if rarely(bytes, 4)? {
                format!(
                    "phc2sys[{bracket}]: [{tag}] {device} rms    3 max {:>4} freq -76829 +/-   0 delay  1085 +/-   0",
                    offset.unsigned_abs()
                )
            } else {
                format!(
                    "phc2sys[{bracket}]: [{tag}] {device} phc offset {offset:>9} s{servo} freq   +2872 delay    551"
                )
            }
        }
        14 => format!(
            "T-BC[{}]:[ts2phc.1.config] ens4f0 offset 99999999999 T-BC-STATUS s0",
            now.unix()
        ),
        _ => pick(bytes, &NOISE)?.replace("{bracket}", &bracket),
    };
    Ok(Some(text))
}

/// What looks like evidence and is none.
const NOISE: [&str; 6] = [
    "phc2sys[{bracket}]: [ptp4l.0.config:4] reconfiguring after port state change",
    "I0724 10:15:30.123456       1 event.go:266] ptp4l[{bracket}]: [ptp4l.0.config:6] master offset 900000 s0 freq +0 path delay 1",
    "ptp4l[{bracket}]: [ptp4l.0.config:6] master offset 12.5 s2 freq +0 path delay 1",
    "ptp4l[{bracket}]: [ptp4l.0.config:6] port 0 (/var/run/ptp4lro): INITIALIZING to SLAVE on RS_SLAVE",
    "ts2phc[{bracket}]: [ts2phc.0.config:3] UTC-TAI offset not set in system! Trying to revert to leapfile",
    "dpll[1784894400]:[ts2phc.0.config] ens2f0 frequency_status 3 offset 0 phase_status 3 pps_status 1 s2",
];

fn sample_line(now: Clock, profile: usize, offset: i64, servo: u8) -> String {
    format!(
        "ptp4l[{}]: [ptp4l.{profile}.config:6] master offset {offset:>10} s{servo} freq   +3120 path delay      1587",
        now.bracket()
    )
}

fn offset(bytes: &mut Unstructured<'_>) -> Result<i64> {
    let magnitude = pick(bytes, &MAGNITUDES)?;
    Ok(if bytes.ratio(1, 4)? {
        -magnitude
    } else {
        magnitude
    })
}

fn servo(bytes: &mut Unstructured<'_>) -> Result<u8> {
    pick(bytes, &[2, 2, 2, 2, 3, 0, 1, 9])
}
