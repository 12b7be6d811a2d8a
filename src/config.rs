//! What the program needs, from the command line and the environment.

use crate::cli::{Args, Output};
use crate::clock::{Clocks, SECOND_NS, parse_time};
use crate::decide::Policy;
use crate::error::{Error, Result};
use crate::locate::Source;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Where the marker is by default.
pub const MARKER: &str = "/run/ptp/insync";
/// No measurement is worth more than a week; a longer span is a slip of the unit.
const SPAN_MAX_NS: i64 = 7 * 24 * 3600 * SECOND_NS;
/// A clock that is a second off is not in sync by any measure; a larger limit is a slip of
/// the unit, and would fail open.
const OFFSET_MAX_NS: i64 = SECOND_NS;

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

/// An environment, as a function from names to values.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// How a setting is called, and what it is where nobody says.
#[derive(Clone, Copy)]
struct Name {
    option: &'static str,
    variable: &'static str,
    default: &'static str,
}

impl Name {
    const fn new(option: &'static str, variable: &'static str, default: &'static str) -> Self {
        Self {
            option,
            variable,
            default,
        }
    }
}

const MAX_OFFSET: Name = Name::new("--max-offset", "MAX_OFFSET", "100us");
const OFFSET_THRESHOLD: Name = Name::new("--offset-threshold", "OFFSET_THRESHOLD", "20us");
const SYNC_AGE: Name = Name::new("--sync-age", "SYNC_AGE", "10m");
/// By default the sync age.
const HOLDOVER: Name = Name::new("--holdover", "HOLDOVER", "");
const SETTLE: Name = Name::new("--settle", "SETTLE", "0");
const OFFSET_WINDOW: Name = Name::new("--offset-window", "OFFSET_WINDOW", "0");
const NAMESPACE: Name = Name::new("--namespace", "PTP_NAMESPACE", "openshift-ptp");
const NAMES: [Name; 7] = [
    MAX_OFFSET,
    OFFSET_THRESHOLD,
    SYNC_AGE,
    HOLDOVER,
    SETTLE,
    OFFSET_WINDOW,
    NAMESPACE,
];

/// A setting as it was given.
struct Setting {
    /// The option or variable, for messages.
    name: &'static str,
    value: Option<OsString>,
    default: &'static str,
}

impl Config {
    /// Checks what was typed and what the environment holds. `clocks` are those of the machine.
    ///
    /// # Errors
    /// A value that cannot be used; nothing is guessed.
    pub fn new(args: &Args, environment: Lookup<'_>, clocks: Clocks) -> Result<Self> {
        let setting = |name: Name, given: &Option<OsString>| match given {
            Some(value) => Setting {
                name: name.option,
                value: Some(value.clone()),
                default: name.default,
            },
            None => Setting {
                name: name.variable,
                // Empty means default, so that a unit can say `MAX_OFFSET=`.
                value: environment(name.variable).filter(|value| !value.is_empty()),
                default: name.default,
            },
        };
        let max_offset = setting(MAX_OFFSET, &args.max_offset);
        let threshold = setting(OFFSET_THRESHOLD, &args.offset_threshold);
        let holdover = setting(HOLDOVER, &args.holdover);
        let max_offset_ns = max_offset.offset()?;
        let offset_threshold_ns = threshold.offset()?;
        if offset_threshold_ns >= max_offset_ns {
            return Err(threshold.error(
                format!("is not below the maximum offset of {max_offset_ns} ns"),
                "20us with a maximum offset of 100us",
            ));
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
                Some(path) if path == Path::new("-") => Source::Stdin,
                Some(path) => Source::File(path.clone()),
            },
            clocks: as_of(args, clocks)?,
            output: args
                .output
                .or((args.dry_run || args.verbose).then_some(Output::Text)),
            warnings: Vec::new(),
        })
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

fn setting_error(
    name: &str,
    value: &OsStr,
    problem: impl Into<String>,
    example: &'static str,
) -> Error {
    Error::Setting {
        name: name.to_owned(),
        value: value.to_string_lossy().into_owned(),
        problem: problem.into(),
        example,
    }
}

impl Setting {
    fn error(&self, problem: impl Into<String>, example: &'static str) -> Error {
        setting_error(self.name, self.text(), problem, example)
    }

    fn text(&self) -> &OsStr {
        self.value.as_deref().unwrap_or(OsStr::new(self.default))
    }

    /// Nanoseconds; a bare number is nanoseconds.
    fn offset(&self) -> Result<i64> {
        let example = "100us, or 100000 for nanoseconds";
        let value = self
            .nanoseconds(1)
            .map_err(|problem| self.error(problem, example))?;
        if value > OFFSET_MAX_NS {
            return Err(self.error("is more than a second", example));
        }
        Ok(value)
    }

    /// Nanoseconds; a bare number is seconds.
    fn span(&self) -> Result<i64> {
        let example = "10m, or 600 for seconds";
        let value = self
            .nanoseconds(SECOND_NS)
            .map_err(|problem| self.error(problem, example))?;
        if value > SPAN_MAX_NS {
            return Err(self.error("is more than a week", example));
        }
        Ok(value)
    }

    fn positive_span(&self) -> Result<i64> {
        match self.span()? {
            0 => Err(self.error("must be more than nothing", "10m, or 600 for seconds")),
            span => Ok(span),
        }
    }

    fn nanoseconds(&self, unit_ns: i64) -> std::result::Result<i64, String> {
        let text = self.text().to_str().ok_or("is not UTF-8")?.trim();
        if text.starts_with('-') {
            return Err("is negative".into());
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return (text.parse::<i64>().ok())
                .and_then(|number| number.checked_mul(unit_ns))
                .ok_or("is too large".into());
        }
        let duration =
            humantime::parse_duration(text).map_err(|error| format!("cannot be read ({error})"))?;
        i64::try_from(duration.as_nanos()).map_err(|_| "is too large".into())
    }

    /// A namespace is a DNS label (Kubernetes, RFC 1123).
    fn namespace(&self) -> Result<String> {
        let text = self.text();
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-';
        let bytes = text.as_encoded_bytes();
        let edge = |byte: Option<&u8>| byte.is_some_and(|byte| inner(byte) && *byte != b'-');
        let valid = bytes.len() <= 63
            && bytes.iter().all(inner)
            && edge(bytes.first())
            && edge(bytes.last());
        match text.to_str().filter(|_| valid) {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.error(
                "is no name of a namespace (lower case letters, digits and -)",
                NAMESPACE.default,
            )),
        }
    }
}

/// Warnings about variables that look like ours and are not: a typing error must not pass for
/// the default.
pub fn misspelt<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let known = NAMES.map(|name| name.variable);
    names
        .filter(|name| !known.contains(name))
        .filter_map(|name| {
            let meant = known.into_iter().find(|known| is_near(name, known))?;
            Some(format!(
                "environment variable {name} has no meaning here; is {meant} meant?"
            ))
        })
        .collect()
}

/// One has the other in it, or they differ in at most two letters.
fn is_near(name: &str, known: &str) -> bool {
    if name.len() > known.len() + 8 {
        return false;
    }
    let longer = name.strip_prefix(known).or(name.strip_suffix(known));
    longer.is_some_and(|rest| rest.starts_with('_') || rest.ends_with('_') || rest == "S")
        || distance(name.as_bytes(), known.as_bytes()) <= 2
}

/// The number of letters to insert, drop or change (Levenshtein).
fn distance(one: &[u8], other: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, against) in row.iter_mut().skip(1).zip(other) {
            let changed = diagonal + usize::from(letter != against);
            diagonal = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
