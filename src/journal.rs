//! One line in the journal for every change of the verdict.
//!
//! Written when everything is done, from a thread of its own: a journal that hangs can neither
//! change nor delay the outcome.

use crate::report::Report;
use std::io::Write;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// The predecessor's tag, so that `journalctl -t ptp-chronyd` goes on working.
pub const IDENTIFIER: &str = "ptp-chronyd";
/// Names the event for `journalctl MESSAGE_ID=…`; never reused for another meaning.
pub const MESSAGE_ID: &str = "6a5a9a3c1b7d4d0f9e2c7f3b8d61c0e4";
/// How long a run waits for the journal.
const PATIENCE: Duration = Duration::from_millis(200);

/// Where the line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sink {
    /// The journal; standard error where there is none.
    Journal,
    /// Standard error: the run is about another root than this machine's.
    Stderr,
}

/// Writes the line for a report.
pub fn record(report: &Report, sink: Sink) {
    let message = message(report);
    let sent = sink == Sink::Journal && send(report.clone(), message.clone());
    if !sent {
        // Nobody is left to tell.
        let _ = writeln!(std::io::stderr(), "ptp-sync-check: {message}");
    }
}

fn message(report: &Report) -> String {
    let offset = match report.deciding_leg().and_then(|leg| leg.offset_ns) {
        Some(offset_ns) => format!(", offset {offset_ns} ns"),
        None => String::new(),
    };
    format!(
        "{} ({}), was {}: {} {}{offset}, limit {} ns",
        report.verdict,
        report.reason,
        report.previous,
        report.action,
        report.marker,
        report.limit_ns,
    )
}

/// Sends the line to the journal. False if there is none, or it does not answer.
fn send(report: Report, message: String) -> bool {
    let (done, outcome) = sync_channel(1);
    let sender = thread::Builder::new().spawn(move || {
        let Ok(layer) = tracing_journald::layer() else {
            let _ = done.send(false);
            return;
        };
        let layer = layer
            .with_syslog_identifier(IDENTIFIER.to_owned())
            .with_field_prefix(None);
        let subscriber = Registry::default().with(LevelFilter::DEBUG).with(layer);
        tracing::subscriber::with_default(subscriber, || emit(&report, &message));
        let _ = done.send(true);
    });
    sender.is_ok() && outcome.recv_timeout(PATIENCE).unwrap_or(false)
}

fn emit(report: &Report, message: &str) {
    let leg = report.deciding_leg();
    let (verdict, reason) = (report.verdict.word(), report.reason.word());
    let offset_ns = leg.and_then(|leg| leg.offset_ns);
    let age_seconds = leg.and_then(|leg| leg.age_seconds);
    let limit_ns = report.limit_ns;
    let log = report.log.as_deref();
    macro_rules! event {
        ($level:ident $(, $id:ident = $value:expr)?) => {
            tracing::$level!(
                $($id = $value,)?
                verdict, reason, offset_ns, age_seconds, limit_ns, log, "{message}"
            )
        };
    }
    if report.verdict == report.previous {
        event!(debug);
    } else {
        event!(info, message_id = MESSAGE_ID);
    }
}
