//! One setting: its name, where its value comes from, and how the value is read.

use crate::clock::SECOND_NS;
use crate::error::{Error, Result};
use std::ffi::{OsStr, OsString};

/// No measurement is worth more than a week; a longer span is a slip of the unit.
const SPAN_MAX_NS: i64 = 7 * 24 * 3600 * SECOND_NS;
/// A clock that is a second off is not in sync by any measure; a larger limit is a slip of
/// the unit, and would fail open.
const OFFSET_MAX_NS: i64 = SECOND_NS;

/// An environment, as a function from names to values.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// How a setting is called, and what it is where nobody says.
#[derive(Clone, Copy, Debug)]
pub struct Name {
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

/// The offset within which the clock is in sync.
pub const MAX_OFFSET: Name = Name::new("--max-offset", "MAX_OFFSET", "100us");
/// The hysteresis around it.
pub const OFFSET_THRESHOLD: Name = Name::new("--offset-threshold", "OFFSET_THRESHOLD", "20us");
/// The oldest measurement that counts.
pub const SYNC_AGE: Name = Name::new("--sync-age", "SYNC_AGE", "10m");
/// How long the last good measurement serves after a loss; by default the sync age.
pub const HOLDOVER: Name = Name::new("--holdover", "HOLDOVER", "");
/// How long all must be good before entering sync.
pub const SETTLE: Name = Name::new("--settle", "SETTLE", "0");
/// The span of the median.
pub const OFFSET_WINDOW: Name = Name::new("--offset-window", "OFFSET_WINDOW", "0");
/// The namespace of the linuxptp-daemon pods.
pub const NAMESPACE: Name = Name::new("--namespace", "PTP_NAMESPACE", "openshift-ptp");
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
#[derive(Clone, Debug)]
pub struct Setting {
    /// The option or variable, for messages.
    name: &'static str,
    /// None where nobody says.
    pub value: Option<OsString>,
    default: &'static str,
}

/// The error for a value that cannot be used.
pub fn setting_error(
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
    /// A setting as the command line gives it, else the environment.
    #[must_use]
    pub fn new(name: Name, given: Option<&OsStr>, environment: Lookup<'_>) -> Self {
        match given {
            Some(value) => Self {
                name: name.option,
                value: Some(value.to_owned()),
                default: name.default,
            },
            None => Self {
                name: name.variable,
                // Empty means default, so that a unit can say `MAX_OFFSET=`.
                value: environment(name.variable).filter(|value| !value.is_empty()),
                default: name.default,
            },
        }
    }

    /// The error for this value.
    pub fn error(&self, problem: impl Into<String>, example: &'static str) -> Error {
        setting_error(self.name, self.text(), problem, example)
    }

    fn text(&self) -> &OsStr {
        self.value.as_deref().unwrap_or(OsStr::new(self.default))
    }

    /// Nanoseconds; a bare number is nanoseconds.
    ///
    /// # Errors
    /// The value cannot be used.
    pub fn offset(&self) -> Result<i64> {
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
    ///
    /// # Errors
    /// The value cannot be used.
    pub fn span(&self) -> Result<i64> {
        let example = "10m, or 600 for seconds";
        let value = self
            .nanoseconds(SECOND_NS)
            .map_err(|problem| self.error(problem, example))?;
        if value > SPAN_MAX_NS {
            return Err(self.error("is more than a week", example));
        }
        Ok(value)
    }

    /// The same, and more than nothing.
    ///
    /// # Errors
    /// The value cannot be used.
    pub fn positive_span(&self) -> Result<i64> {
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

    /// A namespace is a DNS label.
    ///
    /// # Errors
    /// The value cannot be used.
    pub fn namespace(&self) -> Result<String> {
        match self.text().to_str().filter(|text| is_dns_label(text)) {
            Some(text) => Ok(text.to_owned()),
            None => Err(self.error(
                "is no name of a namespace (lower case letters, digits and -)",
                NAMESPACE.default,
            )),
        }
    }
}

/// Is this a DNS label, as Kubernetes wants its names (RFC 1123)?
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
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
        || name.len().abs_diff(known.len()) <= 2 && distance(name.as_bytes(), known.as_bytes()) <= 2
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
