//! A message cut into who says it, when, of what, and the body.
//!
//! linuxptp's programs print `program[MONOTONIC]: [tag] body`; linuxptp-daemon adds lines of its
//! own, `name[UNIX]:[config] body`.

use crate::clock::SECOND_NS;
use crate::ptp::Program;

/// The time in the bracket after a program's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bracket {
    /// Nanoseconds of `CLOCK_MONOTONIC` (linuxptp `print.c`).
    Monotonic(i64),
    /// Nanoseconds since 1970: linuxptp-daemon's lines, and its summaries in linuxptp's shape.
    Unix(i64),
}

/// A message cut into its parts; time and body are not yet understood, since most lines are
/// passed over before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Who says it.
    pub program: Program,
    bracket: &'a [u8],
    /// The message tag without its level, `ptp4l.0.config`; empty where there is none.
    pub instance: &'a [u8],
    /// What it says.
    pub body: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Cuts a message into its parts. None for what no program of interest prints.
    #[must_use]
    pub fn cut(message: &'a [u8]) -> Option<Self> {
        let (program, rest) = match message {
            [b'p', b't', b'p', b'4', b'l', b'[', rest @ ..] => (Program::Ptp4l, rest),
            [b'p', b'h', b'c', b'2', b's', b'y', b's', b'[', rest @ ..] => (Program::Phc2sys, rest),
            [b't', b's', b'2', b'p', b'h', b'c', b'[', rest @ ..] => (Program::Ts2phc, rest),
            [b'G', b'M', b'[', rest @ ..] => (Program::GrandmasterStatus, rest),
            [b'T', b'-', b'B', b'C', b'[', rest @ ..] => (Program::BoundaryStatus, rest),
            _ => return None,
        };
        let (bracket, rest) = rest.split_at_checked(memchr::memchr(b']', rest)?)?;
        match (program, rest) {
            (
                Program::Ptp4l | Program::Phc2sys | Program::Ts2phc,
                [b']', b':', b' ', rest @ ..],
            ) => {
                let (instance, body) = cut_tag(rest).unwrap_or((&[], rest));
                Some(Self {
                    program,
                    bracket,
                    instance,
                    body,
                })
            }
            (
                Program::GrandmasterStatus | Program::BoundaryStatus,
                [b']', b':', b'[', rest @ ..],
            ) => {
                let (instance, rest) = rest.split_at_checked(memchr::memchr(b']', rest)?)?;
                Some(Self {
                    program,
                    bracket,
                    instance,
                    body: rest.strip_prefix(b"] ")?,
                })
            }
            _ => None,
        }
    }

    /// The time in the bracket; None where it is none. linuxptp prints three decimals, the daemon
    /// whole seconds. From a thousand million seconds on it is unix time, whoever prints it: no
    /// node runs for thirty years.
    #[must_use]
    pub fn time(&self) -> Option<Bracket> {
        let (whole, milliseconds) = match self.program {
            Program::GrandmasterStatus | Program::BoundaryStatus => (self.bracket, 0),
            Program::Ptp4l | Program::Phc2sys | Program::Ts2phc => {
                let dot = memchr::memchr(b'.', self.bracket)?;
                let (whole, fraction) = (self.bracket.get(..dot)?, self.bracket.get(dot + 1..)?);
                (whole, natural(fraction).filter(|_| fraction.len() == 3)?)
            }
        };
        let seconds = natural(whole)?;
        let nanoseconds = seconds
            .saturating_mul(SECOND_NS)
            .saturating_add(milliseconds * (SECOND_NS / 1000));
        Some(if seconds >= SECOND_NS {
            Bracket::Unix(nanoseconds)
        } else {
            Bracket::Monotonic(nanoseconds)
        })
    }
}

/// Cuts `[tag:level] body` into the tag without its level, and the body. The level is a digit
/// from linuxptp 4.2 on, and stays a literal `{level}` before. None where there is no tag.
fn cut_tag(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let tag = rest.strip_prefix(b"[")?;
    let (tag, body) = tag.split_at_checked(memchr::memchr(b']', tag)?)?;
    let body = body.strip_prefix(b"] ")?;
    let name = match tag {
        [name @ .., b':', b'0'..=b'9'] => name,
        _ => tag.strip_suffix(b":{level}").unwrap_or(tag),
    };
    memchr::memchr2(b':', b' ', name)
        .is_none()
        .then_some((name, body))
}

/// As [`saturating_integer`], without a sign.
fn natural(digits: &[u8]) -> Option<i64> {
    saturating_integer(digits).filter(|_| !digits.starts_with(b"-"))
}

/// An integer of any length: what does not fit is huge, not wrong, since a huge offset must
/// count against the clock.
#[must_use]
pub fn saturating_integer(digits: &[u8]) -> Option<i64> {
    let (magnitude, negative) = match digits.strip_prefix(b"-") {
        Some(rest) => (rest, true),
        None => (digits, false),
    };
    if magnitude.is_empty() {
        return None;
    }
    magnitude.iter().try_fold(0_i64, |value, digit| {
        let digit = i64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        let step = if negative { -digit } else { digit };
        Some(value.saturating_mul(10).saturating_add(step))
    })
}
