//! What the user typed. What the program needs is in [`crate::config`].
//!
//! `--help`, the man page and the completions all come from here.

use clap::{CommandFactory, Parser, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// The command line, unread: values are checked in the second stage, so that a bad value from
/// the command line and one from the environment get the same error.
#[expect(clippy::doc_markdown, reason = "the comments are the help text")]
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "ptp-sync-check",
    version,
    about = "Decide from linuxptp-daemon's log whether PTP keeps the system clock in sync",
    long_about = None,
    after_help = "\
Offsets and durations take units (100us, 10m); a bare number is nanoseconds
for offsets and seconds for durations. An empty variable means the default.

Exit status: 0 decided, and the marker agrees; 1 the check or the marker
failed; 2 usage or configuration; 3 out of sync, with --exit-code only."
)]
pub struct Args {
    /// Explain the decision, change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Offset within which the clock is in sync
    /// [env: MAX_OFFSET] [default: 100us]
    #[arg(
        long,
        value_name = "OFFSET",
        verbatim_doc_comment,
        allow_hyphen_values = true
    )]
    pub max_offset: Option<OsString>,

    /// Hysteresis around it
    /// [env: OFFSET_THRESHOLD] [default: 20us]
    #[arg(
        long,
        value_name = "OFFSET",
        verbatim_doc_comment,
        allow_hyphen_values = true
    )]
    pub offset_threshold: Option<OsString>,

    /// Oldest measurement that counts
    /// [env: SYNC_AGE] [default: 10m]
    #[arg(
        long,
        value_name = "DURATION",
        verbatim_doc_comment,
        allow_hyphen_values = true
    )]
    pub sync_age: Option<OsString>,

    /// How long the last good one serves in a loss
    /// [env: HOLDOVER] [default: the sync age]
    #[arg(
        long,
        value_name = "DURATION",
        verbatim_doc_comment,
        allow_hyphen_values = true
    )]
    pub holdover: Option<OsString>,

    /// How long all must be good to enter sync
    /// [env: SETTLE] [default: 0]
    #[arg(
        long,
        value_name = "DURATION",
        verbatim_doc_comment,
        allow_hyphen_values = true
    )]
    pub settle: Option<OsString>,

    /// Judge the median over this, not the newest
    /// [env: OFFSET_WINDOW] [default: 0]
    #[arg(
        long,
        value_name = "DURATION",
        verbatim_doc_comment,
        allow_hyphen_values = true
    )]
    pub offset_window: Option<OsString>,

    /// Namespace of the linuxptp-daemon pods
    /// [env: PTP_NAMESPACE] [default: openshift-ptp]
    #[arg(long, value_name = "NAME", verbatim_doc_comment)]
    pub namespace: Option<OsString>,

    /// Marker file [default: /run/ptp/insync]
    #[arg(long, value_name = "FILE")]
    pub marker: Option<PathBuf>,

    /// Read this log, - for standard input
    /// [default: found below /var/log/pods]
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub log: Option<PathBuf>,

    /// Look for logs, report and marker below DIR
    /// [default: /]
    #[arg(long, value_name = "DIR", verbatim_doc_comment)]
    pub root: Option<PathBuf>,

    /// Decide as of then, in RFC 3339
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub now: Option<OsString>,

    /// Seconds since boot, to go with --now
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub uptime: Option<OsString>,

    /// Print the report as text or json
    #[arg(
        short,
        long,
        value_name = "FORM",
        value_enum,
        hide_possible_values = true
    )]
    pub output: Option<Output>,

    /// Exit with 3 when out of sync
    #[arg(long)]
    pub exit_code: bool,

    /// Print the report after a real run, too
    #[arg(short, long)]
    pub verbose: bool,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

impl Args {
    /// Reads a command line, the program's name included.
    ///
    /// # Errors
    /// It cannot be read, or asks for help or the version.
    pub fn read(line: &[OsString]) -> Result<Self, clap::Error> {
        Self::try_parse_from(line)
    }

    /// As much as can be made out of a command line that cannot be read: enough to know which
    /// marker an unusable real run must remove. Whatever looks like asking for a dry run is one.
    #[must_use]
    pub fn guess(line: &[OsString]) -> Self {
        let mut args = Self::command()
            .ignore_errors(true)
            .try_get_matches_from(line)
            .and_then(|matches| <Self as clap::FromArgMatches>::from_arg_matches(&matches))
            .unwrap_or_default();
        args.dry_run |= line.iter().skip(1).any(|each| {
            let text = each.to_string_lossy();
            let cluster = text.starts_with('-') && !text.starts_with("--") && text.contains('n');
            cluster || text.starts_with("--d")
        });
        args
    }
}
