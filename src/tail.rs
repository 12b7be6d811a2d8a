//! A log read backwards: the newest line first, in blocks, never more than needed.
//!
//! A log is a file and, behind it, its rotated sibling ([`crate::tail::Tail::go_on`]). The cost depends on how
//! far a reader goes, not on the size of the files. Files may grow, shrink and be replaced
//! meanwhile: what has been read stays true, and a file that shrinks simply ends sooner.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Something with bytes at positions.
pub trait ReadAt {
    /// Reads up to `buffer.len()` bytes from `offset` on; 0 at the end.
    ///
    /// # Errors
    /// What the kernel says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.get(start..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }
}

/// One file of a log and the length that is read of it.
pub struct Part {
    /// The bytes.
    pub bytes: Box<dyn ReadAt>,
    /// Everything from here on is not looked at.
    pub length: u64,
}

/// How much is read, and in which steps.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The first block; most runs need no second.
    pub first_block: usize,
    /// Every further block.
    pub block: usize,
    /// A longer line is passed over. Runtimes cut theirs at 16 KiB (containerd
    /// `max_container_log_line_size`) and 8 KiB (conmon `STDIO_BUF_SIZE`).
    pub line: usize,
    /// Nothing is read beyond this many bytes.
    pub total: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            first_block: 16 << 10,
            block: 256 << 10,
            line: 64 << 10,
            total: 32 << 20,
        }
    }
}

/// Why the reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The file begins here.
    Start,
    /// There is more, but not for this run.
    Limit,
}

/// The lines of a log, newest first.
pub struct Tail {
    bytes: Box<dyn ReadAt>,
    bounds: Bounds,
    /// Unread lines lie in `buffer[start..end]`; free room is in front of them.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Where `buffer[start]` lies in the file.
    position: u64,
    scanned: u64,
    scanning: Scanning,
}

/// What the bytes at the end of the buffer belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scanning {
    /// To a line without its newline: it is still being written, or a part of one too long.
    Discard,
    /// To a whole line.
    Line,
}

impl Tail {
    /// Reads a file.
    #[must_use]
    pub fn new(part: Part, bounds: Bounds) -> Self {
        Self {
            bytes: part.bytes,
            bounds,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            position: part.length,
            scanned: 0,
            scanning: Scanning::Discard,
        }
    }

    /// Goes on in the file that was written before this one.
    pub fn go_on(&mut self, part: Part) {
        self.bytes = part.bytes;
        self.position = part.length;
        self.scanning = Scanning::Discard;
        self.end = self.start;
    }

    /// How many bytes have been read.
    #[must_use]
    pub fn scanned_bytes(&self) -> u64 {
        self.scanned
    }

    /// Where the reading ended, once [`Tail::next_line`] has given None.
    #[must_use]
    pub fn end(&self) -> End {
        if self.position == 0 {
            End::Start
        } else {
            End::Limit
        }
    }

    /// The line before the last one given, without its newline; None at the end.
    ///
    /// # Errors
    /// A file could not be read.
    pub fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        let line = loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(newline) = memchr::memrchr(b'\n', unread) {
                let line = self.start + newline + 1..self.end;
                self.end = self.start + newline;
                let whole = std::mem::replace(&mut self.scanning, Scanning::Line);
                if whole == Scanning::Line && line.len() <= self.bounds.line {
                    break line;
                }
                continue;
            }
            if self.position == 0 {
                let line = self.start..self.end;
                self.end = self.start;
                let whole = std::mem::replace(&mut self.scanning, Scanning::Discard);
                if whole == Scanning::Line && line.len() <= self.bounds.line {
                    break line;
                }
                return Ok(None);
            }
            if unread.len() > self.bounds.line || self.scanning == Scanning::Discard {
                self.scanning = Scanning::Discard;
                self.end = self.start;
            }
            if !self.fill()? {
                return Ok(None);
            }
        };
        Ok(self.buffer.get(line))
    }

    /// Puts the block before the unread bytes in front of them. False at the limit.
    fn fill(&mut self) -> io::Result<bool> {
        let left = self.bounds.total.saturating_sub(self.scanned);
        let wanted = if self.scanned == 0 {
            self.bounds.first_block
        } else {
            self.bounds.block
        };
        let wanted = usize::try_from(self.position.min(left))
            .unwrap_or(usize::MAX)
            .min(wanted);
        if wanted == 0 {
            return Ok(false);
        }
        let kept = self.end - self.start;
        if self.start < wanted {
            let room = wanted + kept;
            if self.buffer.len() < room {
                self.buffer.resize(room, 0);
            }
            let start = self.buffer.len() - kept;
            self.buffer.copy_within(self.start..self.end, start);
            self.start = start;
            self.end = start + kept;
        }
        let offset = self.position - wanted as u64;
        let block = self.start - wanted..self.start;
        let read = match self.buffer.get_mut(block) {
            Some(block) => read_full(self.bytes.as_ref(), block, offset)?,
            None => 0,
        };
        if read < wanted {
            // The file has shrunk: what lay here is gone, and what follows has lost its beginning.
            self.scanning = Scanning::Discard;
            self.position = 0;
            self.end = self.start;
            return Ok(true);
        }
        self.start -= wanted;
        self.position = offset;
        self.scanned += wanted as u64;
        Ok(true)
    }
}

/// Reads until the buffer is full or the file ends.
fn read_full(bytes: &dyn ReadAt, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match bytes.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
