//! The report for people: what was seen, which rule mattered, and what to do next.

use crate::advice::advice;
use crate::decide::Reason;
use crate::finding::{Level, findings, span};
use crate::policy::Verdict;
use crate::ptp::Leg;
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
        for (level, text) in findings(leg, report) {
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
