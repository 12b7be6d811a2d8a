//! The files of `systemd/`, and what may be changed in them.

use crate::error::{Error, Result};
use ptp_sync_check::cli::Args;
use ptp_sync_check::clock::Clocks;
use ptp_sync_check::config::Config;
use std::ffi::OsString;
use std::time::Duration;

/// The unit that the drop-in is for.
pub const CHRONYD: &str = "chronyd.service";
/// The only unit that is enabled.
pub const TIMER: &str = "chronyd-restart.timer";
/// The unit that runs the check.
pub const CHECK: &str = "chronyd-restart.service";
/// The unit for when that fails.
pub const FAILSAFE: &str = "ptp-sync-failsafe.service";
/// The drop-in.
pub const CONDITION: &str = "20-conditional-start.conf";

/// More often costs more than it tells; more seldom, and a loss goes unnoticed for too long.
const INTERVAL: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(3600);

/// The texts of the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// [`TIMER`].
    pub timer: String,
    /// [`CHECK`].
    pub check: String,
    /// [`FAILSAFE`].
    pub failsafe: String,
    /// [`CONDITION`].
    pub condition: String,
}

impl Default for Units {
    /// As they lie in `systemd/`.
    fn default() -> Self {
        Self {
            timer: include_str!("../../systemd/chronyd-restart.timer").into(),
            check: include_str!("../../systemd/chronyd-restart.service").into(),
            failsafe: include_str!("../../systemd/ptp-sync-failsafe.service").into(),
            condition: include_str!("../../systemd/20-conditional-start.conf").into(),
        }
    }
}

impl Units {
    /// As the user wants them.
    ///
    /// # Errors
    /// An interval or a setting cannot be used.
    pub fn new(interval: Option<&str>, settings: &[String]) -> Result<Self> {
        let mut units = Self::default();
        if let Some(interval) = interval {
            units.timer = every(&units.timer, interval)?;
        }
        for setting in settings {
            units.check = set(&units.check, setting)?;
        }
        accepted(&units.check, settings)?;
        Ok(units)
    }
}

/// The timer with another interval, and spread over a tenth of it.
fn every(timer: &str, value: &str) -> Result<String> {
    let refuse = |problem: String| Error::Interval {
        value: value.to_owned(),
        problem,
    };
    let interval = humantime::parse_duration(value)
        .map_err(|error| refuse(format!("cannot be read ({error})")))?;
    if !INTERVAL.contains(&interval) {
        return Err(refuse("is not between 10s and 1h".into()));
    }
    if interval.subsec_nanos() != 0 {
        return Err(refuse("is not in whole seconds".into()));
    }
    let seconds = |key: &str, count: u64| (format!("{key}="), format!("{key}={count}s"));
    let changes = [
        seconds("OnUnitInactiveSec", interval.as_secs()),
        seconds("RandomizedDelaySec", interval.as_secs() / 10),
    ];
    let mut timer = timer.to_owned();
    for (start, line) in changes {
        timer = replace(&timer, &start, &line)
            .ok_or_else(|| refuse(format!("has no line {start} to go to in {TIMER}")))?;
    }
    Ok(timer)
}

/// The check's unit with another setting. The unit has a line for each that there is.
fn set(check: &str, setting: &str) -> Result<String> {
    let refuse = |problem: String| Error::Setting {
        value: setting.to_owned(),
        problem,
    };
    let Some((name, value)) = setting.split_once('=') else {
        return Err(refuse("has no =".into()));
    };
    if !names(check).any(|known| known == name) {
        let known: Vec<&str> = names(check).collect();
        return Err(refuse(format!(
            "sets none of the check's settings ({})",
            known.join(", ")
        )));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if !value.bytes().all(plain) {
        return Err(refuse("has more than letters, digits, - and .".into()));
    }
    let start = format!("Environment={name}=");
    replace(check, &start, &format!("{start}{value}"))
        .ok_or_else(|| refuse(format!("has no line to go to in {CHECK}")))
}

/// Would the check take its settings? It is asked itself.
fn accepted(check: &str, settings: &[String]) -> Result<()> {
    let lookup = |name: &str| environment(check).find(|(known, _)| *known == name);
    let environment = |name: &str| lookup(name).map(|(_, value)| OsString::from(value));
    match Config::new(&Args::default(), &environment, Clocks::read()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::Setting {
            value: settings.join(" "),
            problem: format!("is not taken by the check ({})", error.chain()),
        }),
    }
}

/// The names of the check's settings. The verb is none: the check writes it.
fn names(check: &str) -> impl Iterator<Item = &str> {
    environment(check)
        .map(|(name, _)| name)
        .filter(|name| *name != "CHRONYD_VERB")
}

fn environment(check: &str) -> impl Iterator<Item = (&str, &str)> {
    check
        .lines()
        .filter_map(|line| line.strip_prefix("Environment=")?.split_once('='))
}

/// The text with the line that starts so replaced. None if there is no such line.
fn replace(text: &str, start: &str, line: &str) -> Option<String> {
    let old = text.lines().find(|line| line.starts_with(start))?;
    Some(text.replacen(&format!("\n{old}\n"), &format!("\n{line}\n"), 1))
}
