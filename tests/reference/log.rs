//! Files to messages, from the start.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A whole message, and when the container runtime took it, in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub wall: Option<i64>,
    pub text: Vec<u8>,
}

/// The lines of a file. What has no newline is still being written.
pub fn lines(file: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    lines.pop();
    lines
}

/// The messages of a container's log: the pieces of each stream, joined. A line that is none of a
/// container runtime's is passed over.
pub fn join<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Vec<Message> {
    let mut begun: [Vec<u8>; 2] = Default::default();
    let mut messages = Vec::new();
    for line in lines {
        let Some((wall, stream, tag, text)) = cut(line) else {
            continue;
        };
        let pieces = &mut begun[stream];
        pieces.extend_from_slice(text);
        if tag == b'F' {
            messages.push(Message {
                wall: time(wall),
                text: std::mem::take(pieces),
            });
        }
    }
    messages
}

/// The messages of a file that a person has named: its lines may also have a time only, or
/// nothing.
pub fn join_any<'a>(lines: impl IntoIterator<Item = &'a [u8]> + Clone) -> Vec<Message> {
    let mut joined = join(lines.clone()).into_iter();
    let is_container = |line: &&[u8]| cut(line).is_some();
    if lines.clone().into_iter().any(|line| is_container(&line)) {
        return joined.by_ref().collect();
    }
    lines
        .into_iter()
        .map(|line| {
            let mut fields = line.splitn(2, |byte| *byte == b' ');
            let first = fields.next().unwrap_or_default();
            match (time(first), fields.next()) {
                (Some(wall), Some(rest)) => Message {
                    wall: Some(wall),
                    text: rest.to_vec(),
                },
                _ => Message {
                    wall: None,
                    text: line.to_vec(),
                },
            }
        })
        .collect()
}

/// `TIME stdout|stderr P|F[:…] TEXT`, as time, stream, tag and text. The time begins with a digit.
fn cut(line: &[u8]) -> Option<(&[u8], usize, u8, &[u8])> {
    let mut fields = line.splitn(4, |byte| *byte == b' ');
    let wall = fields.next()?;
    wall.first().filter(|byte| byte.is_ascii_digit())?;
    let stream = match fields.next()? {
        b"stdout" => 0,
        b"stderr" => 1,
        _ => return None,
    };
    let tag = match fields.next()?.split(|byte| *byte == b':').next()? {
        b"P" => b'P',
        b"F" => b'F',
        _ => return None,
    };
    Some((wall, stream, tag, fields.next().unwrap_or_default()))
}

/// RFC 3339, in nanoseconds since 1970.
pub fn time(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let clamped = time
        .unix_timestamp_nanos()
        .clamp(i64::MIN.into(), i64::MAX.into());
    i64::try_from(clamped).ok()
}
