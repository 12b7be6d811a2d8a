//! How each rule that mattered came out, in a sentence.

use crate::clock::{SECOND_NS, format_span};
use crate::decide::{LegState, Reason};
use crate::ptp::{Program, Servo};
use crate::report::{LegReport, Report};

/// How a rule came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Warn,
    /// This is why.
    Fail,
}

/// What the rules said about a leg.
#[must_use]
pub fn findings(leg: &LegReport, report: &Report) -> Vec<(Level, String)> {
    if leg.state == LegState::NotVisible {
        let text = "not seen in the log since boot, hence not required";
        return vec![(Level::Warn, text.into())];
    }
    let failed = |reason| leg.state == LegState::Bad && leg.reason == reason;
    let mut findings = Vec::new();
    let Some(age) = leg.age_seconds else {
        let most = span(report.policy.sync_age_seconds);
        let text = format!("seen since boot, but not within the last {most} of this log");
        return vec![(Level::Fail, text)];
    };
    let is_state = leg.offset_ns.is_none() && leg.program == Some(Program::Ptp4l);
    if !is_state {
        let level = if failed(Reason::Stale) {
            Level::Fail
        } else {
            Level::Ok
        };
        let most = span(report.policy.sync_age_seconds);
        findings.push((
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
        findings.push((
            level,
            format!("{what}, expected within {} ns", report.limit_ns),
        ));
    }
    let lost = match leg.state {
        LegState::Holding => Level::Warn,
        _ => Level::Fail,
    };
    if let Some(servo) = leg.servo {
        findings.push(match servo {
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
        findings.push((level, format!("newest port state: {port}")));
    }
    if let LegState::Holding = leg.state {
        let holdover = span(report.policy.holdover_seconds);
        findings.push((
            Level::Warn,
            format!("lost; the last good measurement serves for {holdover}"),
        ));
    }
    if failed(Reason::ReferenceLost) && leg.port_state.is_none() {
        findings.push((
            Level::Fail,
            "the source of this clock is lost (holdover)".into(),
        ));
    }
    if failed(Reason::Settling) {
        let settle = span(report.policy.settle_seconds);
        findings.push((Level::Fail, format!("good, but not yet for {settle}")));
    }
    findings
}

/// Seconds of a report, as a span.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "the casts saturate, and a report shows milliseconds"
)]
#[must_use]
pub fn span(seconds: f64) -> String {
    format_span((seconds * SECOND_NS as f64) as i64)
}
