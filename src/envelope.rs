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

/// A message cut into its parts; the body is not yet understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Who says it.
    pub program: Program,
    /// When it was printed.
    pub bracket: Bracket,
    /// The message tag without its level, `ptp4l.0.config`; empty where there is none.
    pub instance: &'a [u8],
    /// What it says.
    pub body: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Cuts a message into its parts. None for what no program of interest prints.
    #[must_use]
    pub fn cut(message: &'a [u8]) -> Option<Self> {
        let program = match message.first()? {
            b'p' | b't' | b'G' | b'T' => Program::ALL
                .iter()
                .find(|program| message.starts_with(program.word().as_bytes()))?,
            _ => return None,
        };
        let rest = message.get(program.word().len()..)?.strip_prefix(b"[")?;
        let bracket_end = memchr::memchr(b']', rest)?;
        let (bracket, rest) = rest.split_at_checked(bracket_end)?;
        let rest = rest.strip_prefix(b"]:")?;
        match (program, rest.strip_prefix(b" ")) {
            (Program::Ptp4l | Program::Phc2sys | Program::Ts2phc, Some(rest)) => {
                let (instance, body) = cut_tag(rest);
                Some(Self {
                    program: *program,
                    bracket: linuxptp_time(bracket)?,
                    instance,
                    body,
                })
            }
            (Program::GrandmasterStatus | Program::BoundaryStatus, None) => {
                let rest = rest.strip_prefix(b"[")?;
                let end = memchr::memmem::find(rest, b"] ")?;
                Some(Self {
                    program: *program,
                    bracket: Bracket::Unix(saturating_integer(bracket)?.checked_mul(SECOND_NS)?),
                    instance: rest.get(..end)?,
                    body: rest.get(end + 2..)?,
                })
            }
            _ => None,
        }
    }
}

/// Cuts `[tag:level] body` into the tag without its level, and the body. The level is a digit
/// from linuxptp 4.2 on, and stays a literal `{level}` before.
fn cut_tag(rest: &[u8]) -> (&[u8], &[u8]) {
    let tagged = || {
        let tag = rest.strip_prefix(b"[")?;
        let end = memchr::memmem::find(tag, b"] ")?;
        let (tag, body) = (tag.get(..end)?, tag.get(end + 2..)?);
        let (name, level) = match memchr::memchr(b':', tag) {
            Some(colon) => (tag.get(..colon)?, tag.get(colon + 1..)?),
            None => (tag, [].as_slice()),
        };
        let odd = name.iter().any(|byte| matches!(byte, b']' | b' '));
        let known = matches!(level, [] | [b'0'..=b'9'] | b"{level}");
        (!odd && known).then_some((name, body))
    };
    tagged().unwrap_or((&[], rest))
}

/// The bracket of linuxptp's own shape: seconds and three decimals. From a thousand million
/// seconds on it is unix time, since no node runs for thirty years.
fn linuxptp_time(bracket: &[u8]) -> Option<Bracket> {
    let dot = memchr::memchr(b'.', bracket)?;
    let (whole, fraction) = (bracket.get(..dot)?, bracket.get(dot + 1..)?);
    if whole.starts_with(b"-") || fraction.len() != 3 || fraction.starts_with(b"-") {
        return None;
    }
    let whole = saturating_integer(whole)?;
    let milliseconds = saturating_integer(fraction)?;
    let nanoseconds = whole
        .saturating_mul(SECOND_NS)
        .saturating_add(milliseconds * (SECOND_NS / 1000));
    Some(if whole >= SECOND_NS {
        Bracket::Unix(nanoseconds)
    } else {
        Bracket::Monotonic(nanoseconds)
    })
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
