//! Lines of a container's log, as the container runtimes write them, joined to messages.
//!
//! `<time> <stream> <tags> <message>`, where the first tag is `F` for the last piece of a line
//! and `P` for a piece that goes on in the next line of the same stream (Kubernetes, CRI log
//! format). conmon cuts wherever its 8 KiB buffer ends, so that even a short line may come in
//! two pieces. Read backwards, a message is whole once the line before it is no `P`.

use crate::clock::parse_time;

/// Joined messages longer than this are passed over; no line that counts is.
const MESSAGE_MAX: usize = 64 << 10;

/// Which lines a log may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Only what a container runtime writes: the log was found below `/var/log/pods`.
    Cri,
    /// Also lines with a time only (`oc logs --timestamps`) or bare ones: a person named the file.
    Any,
}

/// A whole message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The time before it, as written; empty for a bare line.
    pub time: Vec<u8>,
    /// The text.
    pub text: Vec<u8>,
}

impl Message {
    /// The time before the message, in nanoseconds since 1970.
    #[must_use]
    pub fn wall_ns(&self) -> Option<i64> {
        parse_time(&self.time)
    }

    /// The message as people know it, of bearable length.
    #[must_use]
    pub fn display(&self) -> String {
        let time = String::from_utf8_lossy(&self.time);
        let text = String::from_utf8_lossy(&self.text);
        let shown: String = time
            .chars()
            .chain(if time.is_empty() { None } else { Some(' ') })
            .chain(text.chars())
            .map(|each| if each.is_control() { '\u{fffd}' } else { each })
            .take(300)
            .collect();
        shown
    }

    fn set(&mut self, time: &[u8], text: &[u8]) {
        self.time.clear();
        self.time.extend_from_slice(time);
        self.text.clear();
        self.text.extend_from_slice(text);
    }
}

/// What one line of the file is.
enum Piece<'a> {
    /// A piece of a container's line.
    Cri {
        time: &'a [u8],
        stream: Stream,
        tag: Tag,
        text: &'a [u8],
    },
    /// A line that needs no joining.
    Whole { time: &'a [u8], text: &'a [u8] },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Partial,
    Full,
}

/// Joins the pieces of each stream, fed with the newest line first.
pub struct Joiner {
    shape: Shape,
    stdout: Pending,
    stderr: Pending,
    /// The message handed out last.
    whole: Message,
}

/// The end of a message whose beginning may still come.
#[derive(Default)]
struct Pending {
    state: State,
    message: Message,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// No `F` since the last message: a `P` here belongs to a line not yet finished.
    #[default]
    Empty,
    Held,
    TooLong,
}

impl Joiner {
    /// A joiner for a log whose lines have this shape.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            stdout: Pending::default(),
            stderr: Pending::default(),
            whole: Message::default(),
        }
    }

    /// Takes the next older line. Gives the message that it shows to be whole, if any.
    pub fn push(&mut self, line: &[u8]) -> Option<&Message> {
        match cut(line, self.shape)? {
            Piece::Whole { time, text } => {
                self.whole.set(time, text);
                Some(&self.whole)
            }
            Piece::Cri {
                time,
                stream,
                tag,
                text,
            } => {
                let pending = match stream {
                    Stream::Stdout => &mut self.stdout,
                    Stream::Stderr => &mut self.stderr,
                };
                match tag {
                    Tag::Partial => {
                        pending.prepend(text);
                        None
                    }
                    Tag::Full => {
                        let state = pending.state;
                        std::mem::swap(&mut self.whole, &mut pending.message);
                        pending.message.set(time, text);
                        pending.state = State::Held;
                        (state == State::Held).then_some(&self.whole)
                    }
                }
            }
        }
    }

    /// The messages still held where the log begins: nothing can come before them.
    pub fn finish(self) -> impl Iterator<Item = Message> {
        [self.stdout, self.stderr]
            .into_iter()
            .filter(|pending| pending.state == State::Held)
            .map(|pending| pending.message)
    }
}

impl Pending {
    fn prepend(&mut self, text: &[u8]) {
        if self.state != State::Held {
            return;
        }
        if self.message.text.len() + text.len() > MESSAGE_MAX {
            self.state = State::TooLong;
            return;
        }
        self.message.text.splice(..0, text.iter().copied());
    }
}

/// The time of a container runtime's line.
#[must_use]
pub fn line_time(line: &[u8]) -> Option<i64> {
    match cut_cri(line)? {
        Piece::Cri { time, .. } | Piece::Whole { time, .. } => parse_time(time),
    }
}

/// Cuts a line into its fields.
fn cut(line: &[u8], shape: Shape) -> Option<Piece<'_>> {
    cut_cri(line).or_else(|| match shape {
        Shape::Cri => None,
        Shape::Any => Some(cut_plain(line)),
    })
}

/// `<time> <stream> <tag>[:…][ <text>]`; the text may be missing (conmon 2.2.0 at a container's end).
fn cut_cri(line: &[u8]) -> Option<Piece<'_>> {
    line.first().filter(|byte| byte.is_ascii_digit())?;
    let (time, rest) = line.split_at_checked(memchr::memchr(b' ', line)?)?;
    let (stream, rest) = match rest {
        [b' ', b's', b't', b'd', b'o', b'u', b't', b' ', rest @ ..] => (Stream::Stdout, rest),
        [b' ', b's', b't', b'd', b'e', b'r', b'r', b' ', rest @ ..] => (Stream::Stderr, rest),
        _ => return None,
    };
    let (tags, text) = match rest {
        [_, b' ', text @ ..] => (rest.get(..1)?, text),
        _ => match memchr::memchr(b' ', rest) {
            Some(blank) => (rest.get(..blank)?, rest.get(blank + 1..)?),
            None => (rest, [].as_slice()),
        },
    };
    let tag = match tags {
        [b'F'] | [b'F', b':', ..] => Tag::Full,
        [b'P'] | [b'P', b':', ..] => Tag::Partial,
        _ => return None,
    };
    Some(Piece::Cri {
        time,
        stream,
        tag,
        text,
    })
}

/// `<time> <text>` or `<text>`.
fn cut_plain(line: &[u8]) -> Piece<'_> {
    let timed = || {
        line.first().filter(|byte| byte.is_ascii_digit())?;
        let blank = memchr::memchr(b' ', line)?;
        let (time, text) = (line.get(..blank)?, line.get(blank + 1..)?);
        parse_time(time).map(|_| Piece::Whole { time, text })
    };
    timed().unwrap_or(Piece::Whole {
        time: &[],
        text: line,
    })
}
