//! The two clocks of a node, and times as logs and people write them.
//!
//! The clocks are read once, at the start; everything after that is told the time.

use humantime::format_duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Nanoseconds in a second.
pub const SECOND_NS: i64 = 1_000_000_000;

/// One reading of both clocks of the node: a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    /// `CLOCK_REALTIME`, in nanoseconds since 1970. This is the clock that PTP
    /// steers, so it may be wrong and may step. In a report it is RFC 3339.
    #[serde(rename = "time", with = "rfc3339")]
    pub wall_ns: i64,
    /// `CLOCK_MONOTONIC`, in nanoseconds since boot: the time base of the bracket in
    /// linuxptp's lines (linuxptp `print.c`). None where it does not belong to the log.
    #[serde(rename = "uptime_ns")]
    pub monotonic_ns: Option<i64>,
}

impl Clocks {
    /// Reads the clocks of this machine.
    #[must_use]
    pub fn read() -> Self {
        use nix::time::{ClockId, clock_gettime};
        let read = |id| {
            clock_gettime(id).ok().map(|time| {
                time.tv_sec()
                    .saturating_mul(SECOND_NS)
                    .saturating_add(time.tv_nsec())
            })
        };
        Self {
            // A machine without a wall clock is at 1970, where every line is from the future.
            wall_ns: read(ClockId::CLOCK_REALTIME).unwrap_or_default(),
            monotonic_ns: read(ClockId::CLOCK_MONOTONIC),
        }
    }

    /// So many nanoseconds earlier, on both clocks.
    #[must_use]
    pub fn before(self, ns: i64) -> Self {
        let earlier = |now: i64| now.saturating_sub(ns);
        Self {
            wall_ns: earlier(self.wall_ns),
            monotonic_ns: self.monotonic_ns.map(earlier),
        }
    }
}

/// A time in a report.
mod rfc3339 {
    use super::{format_time, parse_time};
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
    pub fn serialize<S: Serializer>(wall_ns: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_time(*wall_ns))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_time(text.as_bytes()).ok_or_else(|| D::Error::custom("no time"))
    }
}

/// Reads an RFC 3339 time with a zone, in nanoseconds since 1970. None for anything
/// else; a time that does not fit saturates.
#[must_use]
pub fn parse_time(text: &[u8]) -> Option<i64> {
    let text = str::from_utf8(text).ok()?;
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let nanoseconds = time.unix_timestamp_nanos();
    Some(i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX }))
}

/// Writes a time as RFC 3339 in UTC.
#[must_use]
pub fn format_time(wall_ns: i64) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(wall_ns))
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{wall_ns} ns since 1970"))
}

/// Nanoseconds as a number of seconds, for reports.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "a report needs milliseconds, not nanoseconds"
)]
pub fn seconds(nanoseconds: i64) -> f64 {
    (nanoseconds as f64 / 1e6).round() / 1e3
}

/// Writes a span of time for people: milliseconds below a minute, whole units above.
#[must_use]
pub fn format_span(nanoseconds: i64) -> String {
    if nanoseconds.unsigned_abs() < 60 * SECOND_NS.unsigned_abs() {
        return format!("{} s", seconds(nanoseconds));
    }
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let whole = Duration::from_nanos(nanoseconds.unsigned_abs()).as_secs();
    format!("{sign}{}", format_duration(Duration::from_secs(whole)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f66_times_of_all_container_runtimes_are_read() {
        let cases: [(&str, Option<i64>); 13] = [
            ("2026-07-24T10:15:30Z", Some(1_784_888_130_000_000_000)),
            ("2026-07-24T10:15:30.1Z", Some(1_784_888_130_100_000_000)),
            (
                "2026-07-24T10:15:30.123456789+00:00",
                Some(1_784_888_130_123_456_789),
            ),
            ("2026-07-24T15:45:30+05:30", Some(1_784_888_130_000_000_000)),
            (
                "2026-07-24T10:15:30.1234567891Z",
                Some(1_784_888_130_123_456_789),
            ),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799_999_999_999)),
            ("9999-12-31T23:59:59Z", Some(i64::MAX)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-07-24T10:15:30", None),
            ("2026-07-24T10:15:30+05:1800", None),
            ("2026-07-24T10:15:30.Z", None),
            ("now", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_time(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn spans_read_well() {
        let cases = [
            (83_000_000, "0.083 s"),
            (-2_500_000_000, "-2.5 s"),
            (662 * SECOND_NS + 1, "11m 2s"),
        ];
        for (nanoseconds, expected) in cases {
            assert_eq!(format_span(nanoseconds), expected);
        }
    }
}
