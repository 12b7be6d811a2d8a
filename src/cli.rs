//! What the user typed. What the program needs is in [`crate::config`].
//!
//! `OPTIONS` is the one definition: both readers follow it, and `--help`, the man page and the
//! completions are made from it.

#[cfg(feature = "lexopt")]
mod lean;
#[cfg(not(feature = "lexopt"))]
mod rich;

#[cfg(feature = "lexopt")]
use lean as reader;
#[cfg(not(feature = "lexopt"))]
use rich as reader;
#[cfg(not(feature = "lexopt"))]
pub use rich::command;

use std::ffi::OsString;
use std::path::PathBuf;

/// The command line, unread: values are checked in the second stage, so that a bad value from
/// the command line and one from the environment get the same error.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// Explain the decision, change nothing.
    pub dry_run: bool,
    /// The offset within which the clock is in sync.
    pub max_offset: Option<OsString>,
    /// The hysteresis around it.
    pub offset_threshold: Option<OsString>,
    /// The oldest measurement that counts.
    pub sync_age: Option<OsString>,
    /// How long the last good measurement serves after a loss.
    pub holdover: Option<OsString>,
    /// How long all must be good to enter sync.
    pub settle: Option<OsString>,
    /// The span of the median.
    pub offset_window: Option<OsString>,
    /// The namespace of the linuxptp-daemon pods.
    pub namespace: Option<OsString>,
    /// The marker.
    pub marker: Option<PathBuf>,
    /// The log, where it is not to be looked for.
    pub log: Option<PathBuf>,
    /// Where all paths begin.
    pub root: Option<PathBuf>,
    /// The time of the decision.
    pub now: Option<OsString>,
    /// The seconds since boot that go with it.
    pub uptime: Option<OsString>,
    /// The form of the report.
    pub output: Option<OsString>,
    /// Exit with 3 when out of sync.
    pub exit_code: bool,
    /// Print the report after a real run, too.
    pub verbose: bool,
}

/// What there is to say instead of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The help or the version, as asked for.
    Information(String),
    /// The command line cannot be read.
    Refusal(String),
}

/// One option.
struct Opt {
    short: Option<char>,
    long: &'static str,
    takes: Takes,
    help: &'static str,
    /// Takes note of it and of its value, which is empty where it takes none.
    note: fn(&mut Args, OsString),
}

/// What follows an option, as the help calls it.
#[derive(Clone, Copy)]
enum Takes {
    Nothing,
    Form,
    Name,
    /// May begin with a hyphen, so that a negative number is told what is wrong with it. With all
    /// others that would be the next option, and the value was forgotten.
    Number(&'static str),
    Path(&'static str),
}

const ABOUT: &str = "Decide from linuxptp-daemon's log whether PTP keeps the system clock in sync";

/// All but `--help` and `--version`.
const OPTIONS: [Opt; 16] = [
    Opt {
        short: Some('n'),
        long: "dry-run",
        takes: Takes::Nothing,
        help: "Explain the decision, change nothing",
        note: |args, _| args.dry_run = true,
    },
    Opt {
        short: None,
        long: "max-offset",
        takes: Takes::Number("OFFSET"),
        help: "Offset within which the clock is in sync\n\
               [env: MAX_OFFSET] [default: 100us]",
        note: |args, value| args.max_offset = Some(value),
    },
    Opt {
        short: None,
        long: "offset-threshold",
        takes: Takes::Number("OFFSET"),
        help: "Hysteresis around it\n\
               [env: OFFSET_THRESHOLD] [default: 20us]",
        note: |args, value| args.offset_threshold = Some(value),
    },
    Opt {
        short: None,
        long: "sync-age",
        takes: Takes::Number("DURATION"),
        help: "Oldest measurement that counts\n\
               [env: SYNC_AGE] [default: 10m]",
        note: |args, value| args.sync_age = Some(value),
    },
    Opt {
        short: None,
        long: "holdover",
        takes: Takes::Number("DURATION"),
        help: "How long the last good one serves in a loss\n\
               [env: HOLDOVER] [default: the sync age]",
        note: |args, value| args.holdover = Some(value),
    },
    Opt {
        short: None,
        long: "settle",
        takes: Takes::Number("DURATION"),
        help: "How long all must be good to enter sync\n\
               [env: SETTLE] [default: 0]",
        note: |args, value| args.settle = Some(value),
    },
    Opt {
        short: None,
        long: "offset-window",
        takes: Takes::Number("DURATION"),
        help: "Judge the median over this, not the newest\n\
               [env: OFFSET_WINDOW] [default: 0]",
        note: |args, value| args.offset_window = Some(value),
    },
    Opt {
        short: None,
        long: "namespace",
        takes: Takes::Name,
        help: "Namespace of the linuxptp-daemon pods\n\
               [env: PTP_NAMESPACE] [default: openshift-ptp]",
        note: |args, value| args.namespace = Some(value),
    },
    Opt {
        short: None,
        long: "marker",
        takes: Takes::Path("FILE"),
        help: "Marker file [default: /run/ptp/insync]",
        note: |args, value| args.marker = Some(value.into()),
    },
    Opt {
        short: None,
        long: "log",
        takes: Takes::Path("FILE"),
        help: "Read this log, - for standard input\n\
               [default: found below /var/log/pods]",
        note: |args, value| args.log = Some(value.into()),
    },
    Opt {
        short: None,
        long: "root",
        takes: Takes::Path("DIR"),
        help: "Look for logs, report and marker below DIR\n\
               [default: /]",
        note: |args, value| args.root = Some(value.into()),
    },
    Opt {
        short: None,
        long: "now",
        takes: Takes::Number("TIME"),
        help: "Decide as of then, in RFC 3339",
        note: |args, value| args.now = Some(value),
    },
    Opt {
        short: None,
        long: "uptime",
        takes: Takes::Number("SECONDS"),
        help: "Seconds since boot, to go with --now",
        note: |args, value| args.uptime = Some(value),
    },
    Opt {
        short: Some('o'),
        long: "output",
        takes: Takes::Form,
        help: "Print the report as text or json",
        note: |args, value| args.output = Some(value),
    },
    Opt {
        short: None,
        long: "exit-code",
        takes: Takes::Nothing,
        help: "Exit with 3 when out of sync",
        note: |args, _| args.exit_code = true,
    },
    Opt {
        short: Some('v'),
        long: "verbose",
        takes: Takes::Nothing,
        help: "Print the report after a real run, too",
        note: |args, _| args.verbose = true,
    },
];

const AFTER_HELP: &str = "\
Offsets and durations take units (100us, 10m); a bare number is nanoseconds
for offsets and seconds for durations. An empty variable means the default.

Exit status: 0 decided, and the marker agrees; 1 the check or the marker
failed; 2 usage or configuration; 3 out of sync, with --exit-code only.";

impl Takes {
    /// None where nothing follows.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Form => Some("FORM"),
            Self::Name => Some("NAME"),
            Self::Number(name) | Self::Path(name) => Some(name),
        }
    }
}

impl Args {
    /// Reads a command line, the program's name included.
    ///
    /// # Errors
    /// It cannot be read, or asks for help or the version.
    pub fn read(line: &[OsString]) -> Result<Self, Answer> {
        reader::read(line)
    }

    /// As much as can be made out of a command line that cannot be read: enough to know which
    /// marker an unusable real run must remove. Whatever looks like asking for a dry run is one.
    #[must_use]
    pub fn guess(line: &[OsString]) -> Self {
        let mut args = reader::guess(line);
        args.dry_run |= line.iter().skip(1).any(|each| {
            let text = each.to_string_lossy();
            let cluster = text.starts_with('-') && !text.starts_with("--") && text.contains('n');
            cluster || text.starts_with("--d")
        });
        args
    }
}
