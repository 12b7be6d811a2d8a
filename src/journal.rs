//! One line in the journal for every change of the verdict.
//!
//! Written when everything is done, from a thread of its own: a journal that hangs can neither
//! change nor delay the outcome.

use crate::config::Places;
use crate::decide::Reason;
use crate::policy::Verdict;
use crate::report::{Action, Report};
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

/// What there is to say.
#[derive(Clone, Debug)]
pub struct Event {
    previous: Verdict,
    verdict: Verdict,
    reason: Reason,
    offset_ns: Option<i64>,
    age_seconds: Option<f64>,
    limit_ns: Option<u64>,
    log: Option<String>,
    message: String,
}

impl Event {
    /// A run came to a verdict.
    #[must_use]
    pub fn decided(report: &Report) -> Self {
        let leg = report.deciding_leg();
        let offset_ns = leg.and_then(|leg| leg.offset_ns);
        let offset = offset_ns.map_or(String::new(), |offset| format!(", offset {offset} ns"));
        let message = format!(
            "{} ({}), was {}: {} {}{offset}, limit {} ns",
            report.verdict,
            report.reason,
            report.previous,
            report.action,
            report.marker,
            report.limit_ns,
        );
        Self {
            previous: report.previous,
            verdict: report.verdict,
            reason: report.reason,
            offset_ns,
            age_seconds: leg.and_then(|leg| leg.age_seconds),
            limit_ns: Some(report.limit_ns),
            log: report.log.clone(),
            message,
        }
    }

    /// A run that was told nonsense has removed the marker.
    #[must_use]
    pub fn abandoned(places: &Places) -> Self {
        let (previous, verdict) = (Verdict::InSync, Verdict::OutOfSync);
        let (reason, action) = (Reason::ConfigError, Action::Remove);
        let marker = places.outside(&places.marker);
        let marker = marker.display();
        Self {
            previous,
            verdict,
            reason,
            offset_ns: None,
            age_seconds: None,
            limit_ns: None,
            log: None,
            message: format!("{verdict} ({reason}), was {previous}: {action} {marker}"),
        }
    }
}

/// Writes the line for an event.
pub fn record(event: Event, sink: Sink) {
    let message = event.message.clone();
    let sent = sink == Sink::Journal && send(event);
    if !sent {
        // Nobody is left to tell.
        let _ = writeln!(std::io::stderr(), "ptp-sync-check: {message}");
    }
}

/// Sends the line to the journal. False if there is none, or it does not answer.
fn send(event: Event) -> bool {
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
        tracing::subscriber::with_default(subscriber, || emit(&event));
        let _ = done.send(true);
    });
    sender.is_ok() && outcome.recv_timeout(PATIENCE).unwrap_or(false)
}

fn emit(event: &Event) {
    let (verdict, reason) = (event.verdict.word(), event.reason.word());
    let (offset_ns, limit_ns) = (event.offset_ns, event.limit_ns);
    let (age_seconds, log) = (event.age_seconds, event.log.as_deref());
    let message = &event.message;
    macro_rules! line {
        ($level:ident $(, $id:ident = $value:expr)?) => {
            tracing::$level!(
                $($id = $value,)?
                verdict, reason, offset_ns, age_seconds, limit_ns, log, "{message}"
            )
        };
    }
    if event.verdict == event.previous {
        line!(debug);
    } else {
        line!(info, message_id = MESSAGE_ID);
    }
}
