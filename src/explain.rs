//! The report for people: what was seen, which rule mattered, and what to do next.

use crate::advice::advice;
use crate::clock::{SECOND_NS, format_span};
use crate::decide::{LegState, Reason};
use crate::policy::Verdict;
use crate::ptp::{Leg, Program, Servo};
use crate::report::{Action, LegReport, Report};
use std::fmt::Write;

/// Whether the report is of something done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing was changed.
    Dry,
    /// What it says has been done.
    Real,
}

/// Whether the reader's terminal shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// ANSI colours.
    Colour,
}

/// How a rule came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Ok,
    Warn,
    Fail,
}

/// The whole report, under 80 columns save for paths and lines of the log.
#[must_use]
pub fn explain(report: &Report, mode: Mode, style: Style) -> String {
    let mut page = Page {
        text: String::new(),
        style,
    };
    page.head(report, mode);
    let was_read = !matches!(report.reason, Reason::NoLog | Reason::LogUnreadable);
    for leg in report.legs.iter().filter(|_| was_read) {
        page.leg(leg, report);
    }
    let level = match report.reason {
        Reason::LogUnreadable => Level::Fail,
        _ => Level::Warn,
    };
    for warning in &report.warnings {
        page.check(level, warning);
    }
    if !report.warnings.is_empty() {
        page.blank();
    }
    page.verdict(report, mode);
    page.text
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn field(&mut self, label: &str, value: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{label:<9} {value}");
    }

    fn paint(&self, text: &str, level: Level) -> String {
        let code = match level {
            Level::Ok => 32,
            Level::Warn => 33,
            Level::Fail => 31,
        };
        match self.style {
            Style::Plain => text.to_owned(),
            Style::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    /// A rule's outcome, wrapped.
    fn check(&mut self, level: Level, text: &str) {
        let tag = match level {
            Level::Ok => "[ OK ]",
            Level::Warn => "[WARN]",
            Level::Fail => "[FAIL]",
        };
        let tag = self.paint(tag, level);
        for (index, line) in wrap(text, 70).iter().enumerate() {
            let mark = if index == 0 { tag.as_str() } else { "      " };
            let _ = writeln!(self.text, "{mark} {line}");
        }
    }

    fn head(&mut self, report: &Report, mode: Mode) {
        let title = match mode {
            Mode::Dry => "dry run: nothing is changed",
            Mode::Real => "real run",
        };
        self.line(&format!("ptp-sync-check {}, {title}", report.version));
        self.blank();
        let uptime = report
            .uptime_seconds
            .map_or(String::new(), |uptime| format!(", {uptime} s after boot"));
        self.field("Time", &format!("{}{uptime}", report.time));
        match &report.log {
            Some(log) => {
                self.field("Log", log);
                let (scanned, all) = (size(report.scanned_bytes), size(report.log_bytes));
                if report.reason != Reason::LogUnreadable {
                    self.field("", &format!("{scanned} of {all} read, from the end"));
                }
            }
            None => self.field("Log", "none found"),
        }
        self.field("Marker", &report.marker);
        let policy = &report.policy;
        let (before, sign) = match report.previous {
            Verdict::InSync => ("present: in sync before", '+'),
            Verdict::OutOfSync => ("absent: out of sync before", '-'),
        };
        self.field("", before);
        self.field(
            "Limit",
            &format!(
                "{} ns = {} {sign} {}",
                report.limit_ns, policy.max_offset_ns, policy.offset_threshold_ns
            ),
        );
        self.blank();
    }

    fn leg(&mut self, leg: &LegReport, report: &Report) {
        self.line(match leg.leg {
            Leg::Reference => "Reference: the network card's clock follows a grandmaster",
            Leg::SystemClock => "System clock: CLOCK_REALTIME follows the network card's clock",
        });
        if let Some(program) = leg.program {
            let stream: Vec<&str> = [
                Some(program.word()),
                leg.instance.as_deref(),
                leg.device.as_deref(),
            ]
            .into_iter()
            .flatten()
            .collect();
            self.field("  stream", &stream.join(" "));
        }
        if let Some(line) = &leg.line {
            self.field("  line", line);
        }
        let ages: Vec<String> = [
            (leg.wall_age_seconds, "by the log's time"),
            (leg.monotonic_age_seconds, "by the time since boot"),
        ]
        .into_iter()
        .filter_map(|(age, clock)| Some(format!("{} {clock}", span(age?))))
        .collect();
        if !ages.is_empty() {
            self.field("  age", &ages.join(", "));
        }
        for (level, text) in checks(leg, report) {
            self.check(level, &text);
        }
        self.blank();
    }

    fn verdict(&mut self, report: &Report, mode: Mode) {
        let (word, level) = match report.verdict {
            Verdict::InSync => ("IN SYNC", Level::Ok),
            Verdict::OutOfSync => ("OUT OF SYNC", Level::Fail),
        };
        let verdict = format!("{} ({})", self.paint(word, level), report.reason);
        self.field("Verdict", &verdict);
        self.field("Action", &action(report, mode));
        if report.verdict == Verdict::InSync {
            return;
        }
        let advice = advice(report.reason);
        self.blank();
        self.line("Likely causes");
        for cause in advice.causes {
            self.line(&format!("  - {cause}"));
        }
        self.line("Next step");
        self.line(&format!("  {}", advice.next));
    }
}

/// What the rules said about a leg.
fn checks(leg: &LegReport, report: &Report) -> Vec<(Level, String)> {
    if leg.state == LegState::NotVisible {
        let text = "not seen in the log since boot, hence not required";
        return vec![(Level::Warn, text.into())];
    }
    let failed = |reason| leg.state == LegState::Bad && leg.reason == reason;
    let mut checks = Vec::new();
    let Some(age) = leg.age_seconds else {
        let text = "seen since boot, nothing of it left in the log";
        return vec![(Level::Fail, text.into())];
    };
    let is_state = leg.offset_ns.is_none() && leg.program == Some(Program::Ptp4l);
    if !is_state {
        let level = if failed(Reason::Stale) {
            Level::Fail
        } else {
            Level::Ok
        };
        let most = span(report.policy.sync_age_seconds);
        checks.push((
            level,
            format!("age is {}, expected at most {most}", span(age)),
        ));
    }
    if let (Some(offset), Some(judged)) = (leg.offset_ns, leg.judged_ns) {
        let over = judged > report.limit_ns;
        let level = if over { Level::Fail } else { Level::Ok };
        let what = if report.policy.offset_window_seconds > 0.0 {
            format!("median offset is {judged} ns, newest {offset} ns")
        } else {
            format!("offset is {offset} ns")
        };
        checks.push((
            level,
            format!("{what}, expected within {} ns", report.limit_ns),
        ));
    }
    let lost = match leg.state {
        LegState::Holding => Level::Warn,
        _ => Level::Fail,
    };
    if let Some(servo) = leg.servo {
        checks.push(match servo {
            Servo::Locked | Servo::LockedStable => {
                (Level::Ok, format!("servo is {servo}, expected s2 or s3"))
            }
            Servo::Unstated => (Level::Ok, "the line carries no servo state".into()),
            Servo::Unlocked | Servo::Jump | Servo::Unknown => {
                (lost, format!("servo is {servo}, expected s2 or s3"))
            }
        });
    }
    if let Some(port) = &leg.port_state {
        let is_loss = leg.state == LegState::Holding || failed(Reason::ReferenceLost);
        let level = if is_loss { lost } else { Level::Ok };
        checks.push((level, format!("newest port state: {port}")));
    }
    if let LegState::Holding = leg.state {
        let holdover = span(report.policy.holdover_seconds);
        checks.push((
            Level::Warn,
            format!("lost; the last good measurement serves for {holdover}"),
        ));
    }
    if failed(Reason::ReferenceLost) && leg.port_state.is_none() {
        checks.push((
            Level::Fail,
            "the source of this clock is lost (holdover)".into(),
        ));
    }
    if failed(Reason::Settling) {
        let settle = span(report.policy.settle_seconds);
        checks.push((Level::Fail, format!("good, but not yet for {settle}")));
    }
    checks
}

fn action(report: &Report, mode: Mode) -> String {
    let would = match mode {
        Mode::Dry => "would ",
        Mode::Real => "",
    };
    match (report.action, report.verdict) {
        (Action::Create, _) => format!("{would}create the marker; chronyd has to stop"),
        (Action::Remove, _) => format!("{would}remove the marker; chronyd has to run"),
        (Action::None, Verdict::InSync) => "none; the marker stays, chronyd stays stopped".into(),
        (Action::None, Verdict::OutOfSync) => "none; there is no marker, chronyd runs".into(),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} B"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// Seconds of a report, as a span.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the casts saturate, and a report shows milliseconds"
)]
fn span(seconds: f64) -> String {
    format_span((seconds * SECOND_NS as f64) as i64)
}

/// Breaks a text at blanks.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
