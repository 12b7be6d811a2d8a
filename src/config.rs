//! What the program needs, from the command line and the environment.

use crate::cli::Args;
use crate::clock::{Clocks, SECOND_NS, parse_time};
use crate::error::Result;
use crate::locate::{STDIN, Source};
use crate::policy::Policy;
use crate::root::below;
use crate::setting::{
    HOLDOVER, Lookup, MAX_OFFSET, NAMESPACE, Name, OFFSET_THRESHOLD, OFFSET_WINDOW, SETTLE,
    SYNC_AGE, Setting, setting_error,
};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Where the marker is by default.
pub const MARKER: &str = "/run/ptp/insync";

/// Everything that a run is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// What counts as in sync.
    pub policy: Policy,
    /// What is looked at and changed.
    pub places: Places,
    /// Where the log is.
    pub source: Source,
    /// The time.
    pub clocks: Clocks,
    /// How the report is printed, if at all.
    pub output: Option<Output>,
    /// What a person should know about the configuration.
    pub warnings: Vec<String>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Where the marker and the files beside it are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Everything is below this directory.
    pub root: PathBuf,
    /// The marker, below the root.
    pub marker: PathBuf,
}

impl Places {
    /// The places that a command line names.
    #[must_use]
    pub fn new(args: &Args) -> Self {
        Self {
            root: args.root.clone().unwrap_or_else(|| PathBuf::from("/")),
            marker: (args.marker.clone()).unwrap_or_else(|| PathBuf::from(MARKER)),
        }
    }

    /// Where a path below the root is, seen from outside.
    #[must_use]
    pub fn outside(&self, path: &Path) -> PathBuf {
        self.root.join(below(path))
    }
}

impl Places {
    /// A marker needs a name.
    fn checked(self) -> Result<Self> {
        match self.marker.file_name().and_then(OsStr::to_str) {
            Some(_) => Ok(self),
            None => Err(setting_error(
                "--marker",
                self.marker.as_os_str(),
                "names no file",
                MARKER,
            )),
        }
    }
}

impl Config {
    /// Checks what was typed and what the environment holds. `clocks` are those of the machine.
    ///
    /// # Errors
    /// A value that cannot be used; nothing is guessed.
    pub fn new(args: &Args, environment: Lookup<'_>, clocks: Clocks) -> Result<Self> {
        let setting = |name: Name, given: &Option<OsString>| {
            Setting::new(name, given.as_deref(), environment)
        };
        let max_offset = setting(MAX_OFFSET, &args.max_offset);
        let threshold = setting(OFFSET_THRESHOLD, &args.offset_threshold);
        let holdover = setting(HOLDOVER, &args.holdover);
        let max_offset_ns = max_offset.offset()?;
        let offset_threshold_ns = threshold.offset()?;
        if offset_threshold_ns >= max_offset_ns {
            // Whoever gave one of them meant that one.
            return Err(match threshold.value {
                Some(_) => threshold.error(
                    format!("is not below the maximum offset of {max_offset_ns} ns"),
                    "20us with a maximum offset of 100us",
                ),
                None => max_offset.error(
                    format!("is not above the threshold of {offset_threshold_ns} ns"),
                    "100us with a threshold of 20us",
                ),
            });
        }
        let sync_age_ns = setting(SYNC_AGE, &args.sync_age).positive_span()?;
        let policy = Policy {
            max_offset_ns,
            offset_threshold_ns,
            sync_age_ns,
            holdover_ns: match holdover.value {
                None => sync_age_ns,
                Some(_) => holdover.span()?,
            },
            settle_ns: setting(SETTLE, &args.settle).span()?,
            offset_window_ns: setting(OFFSET_WINDOW, &args.offset_window).span()?,
        };
        let namespace = setting(NAMESPACE, &args.namespace).namespace()?;
        Ok(Self {
            policy,
            places: Places::new(args).checked()?,
            source: match &args.log {
                None => Source::Namespace(namespace),
                Some(path) if path == Path::new(STDIN) => Source::Stdin,
                Some(path) => Source::File(path.clone()),
            },
            clocks: as_of(args, clocks)?,
            output: match &args.output {
                Some(form) => Some(Output::read(form)?),
                None => (args.dry_run || args.verbose).then_some(Output::Text),
            },
            warnings: Vec::new(),
        })
    }
}

impl Output {
    fn read(value: &OsStr) -> Result<Self> {
        match value.to_str() {
            Some("text") => Ok(Self::Text),
            Some("json") => Ok(Self::Json),
            _ => {
                let problem = "is no form of a report";
                Err(setting_error("--output", value, problem, "text, or json"))
            }
        }
    }
}

/// The clocks, as of the time that the user has given. With a time alone, this machine's
/// monotonic clock does not belong to it.
fn as_of(args: &Args, clocks: Clocks) -> Result<Clocks> {
    let now = args.now.as_deref().map(|value| {
        parse_time(value.as_encoded_bytes()).ok_or_else(|| {
            setting_error(
                "--now",
                value,
                "is not a time with a zone",
                "2026-11-22T11:02:55Z",
            )
        })
    });
    let uptime = args.uptime.as_deref().map(|value| {
        read_seconds(value).ok_or_else(|| {
            setting_error("--uptime", value, "is not a number of seconds", "5174.398")
        })
    });
    let (now, uptime) = (now.transpose()?, uptime.transpose()?);
    Ok(Clocks {
        wall_ns: now.unwrap_or(clocks.wall_ns),
        monotonic_ns: match (now, uptime) {
            (_, Some(uptime_ns)) => Some(uptime_ns),
            (Some(_), None) => None,
            (None, None) => clocks.monotonic_ns,
        },
    })
}

/// Seconds with at most nine decimals, in nanoseconds.
fn read_seconds(value: &OsStr) -> Option<i64> {
    let text = value.to_str()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds: i64 = format!("{fraction:0<9}").parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    whole.checked_mul(SECOND_NS)?.checked_add(nanoseconds)
}
