//! The log of the linuxptp-daemon container, found without asking anyone.
//!
//! kubelet keeps it as `NAMESPACE_POD_UID/CONTAINER/RESTARTS.log` below `/var/log/pods` (kubelet
//! `kuberuntime/helpers.go`), and on rotation renames it to `RESTARTS.log.YYYYMMDD-HHMMSS`
//! (`logs/container_log_manager.go`), later compressed.

use crate::age::FUTURE_MAX_NS;
use crate::clock::SECOND_NS;
use crate::cri;
use crate::error::{Error, Result};
use crate::root::{Directory, is_absent};
use crate::tail::{Bounds, Part};
use nix::sys::stat::FileStat;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Where kubelet keeps the logs of all pods.
pub const PODS: &str = "/var/log/pods";
const POD: &[u8] = b"linuxptp-daemon-";
const CONTAINER: &str = "linuxptp-daemon-container";
/// Pods of one node that are looked at; a node has one, and for a while its predecessor.
const PODS_MAX: usize = 16;

/// A log that was found, open.
pub struct Log {
    /// Its path.
    pub path: PathBuf,
    /// The file.
    pub newest: Part,
    /// When it was last written to.
    modified_ns: i64,
    /// The rotated file behind it, below the root. Most runs need not open it.
    pub older: Option<PathBuf>,
    /// Which lines it may hold.
    pub shape: cri::Shape,
}

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Below `/var/log/pods`, for the pods of this namespace.
    Namespace(String),
    /// This file.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Source {
    /// The log's name, where the user has given it one.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Namespace(_) => None,
            Self::File(path) => Some(path.display().to_string()),
            Self::Stdin => Some(STDIN.to_owned()),
        }
    }
}

/// Standard input, as a log's name.
pub const STDIN: &str = "-";

/// Finds and opens the log. None where there is none.
///
/// # Errors
/// It is there, and cannot be read.
pub fn locate(root: &Directory, source: &Source, now_ns: i64) -> Result<Option<Log>> {
    match source {
        // Between two directory reads kubelet may rename the log or remove the pod.
        Source::Namespace(namespace) => (0..2)
            .map(|_| find(root, namespace, now_ns))
            .find(|found| !matches!(found, Err(error) if is_absent(error)))
            .unwrap_or(Ok(None)),
        Source::File(path) => {
            let (file, stat) = crate::root::open_named(path)?;
            Ok(Some(Log {
                path: path.clone(),
                newest: part(file, &stat),
                modified_ns: modified_ns(&stat),
                older: None,
                shape: cri::Shape::Any,
            }))
        }
        Source::Stdin => {
            let bytes = read_stdin().map_err(Error::io("read", Path::new("standard input")))?;
            let length = bytes.len() as u64;
            let bytes = Box::new(bytes);
            Ok(Some(Log {
                path: PathBuf::from(STDIN),
                newest: Part { bytes, length },
                modified_ns: now_ns,
                older: None,
                shape: cri::Shape::Any,
            }))
        }
    }
}

/// The end of standard input, as much as is ever read of a log.
fn read_stdin() -> io::Result<Vec<u8>> {
    let most = usize::try_from(Bounds::default().total).unwrap_or(usize::MAX);
    let mut stdin = io::stdin().lock();
    let mut bytes = Vec::new();
    while Read::take(&mut stdin, 1 << 20).read_to_end(&mut bytes)? > 0 {
        if bytes.len() > 2 * most {
            bytes.drain(..bytes.len() - most);
        }
    }
    bytes.drain(..bytes.len().saturating_sub(most));
    Ok(bytes)
}

/// The newest container's log of the newest pod.
fn find(root: &Directory, namespace: &str, now_ns: i64) -> Result<Option<Log>> {
    let names = match root.names(Path::new(PODS), |name| is_pod_of(name, namespace)) {
        Err(error) if is_absent(&error) => return Ok(None),
        result => result?,
    };
    let mut pods: Vec<PathBuf> = (names.iter())
        .map(|name| Path::new(PODS).join(name))
        .collect();
    if pods.len() > PODS_MAX {
        pods.sort_by_cached_key(|pod| std::cmp::Reverse(root.modified(pod)));
        pods.truncate(PODS_MAX);
    }
    pods.sort();
    let mut failure = None;
    let mut logs = Vec::new();
    for pod in &pods {
        match open_container(root, &pod.join(CONTAINER)) {
            Ok(log) => logs.extend(log),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        // The pod that cannot be read may be the newest: nothing is known.
        Some(error) => Err(error),
        None if logs.len() > 1 => {
            Ok((logs.into_iter()).max_by_key(|log| log.recency(root, now_ns)))
        }
        None => Ok(logs.pop()),
    }
}

/// Is this the directory of a linuxptp-daemon pod of the namespace? A namespace holds no `_`, so
/// that the first one ends it, and a pod of another namespace can never look like one of ours.
fn is_pod_of(name: &[u8], namespace: &str) -> bool {
    let mut fields = name.splitn(2, |byte| *byte == b'_');
    fields.next() == Some(namespace.as_bytes())
        && fields.next().is_some_and(|pod| pod.starts_with(POD))
}

impl Log {
    /// Orders logs by the time of their last line; that of a pod which has not said anything yet
    /// by the time of the file. A line from the future tells nothing: the
    /// clock has been set back since.
    fn recency(&self, root: &Directory, now_ns: i64) -> (bool, i64) {
        let last_ns = last_time(&self.newest)
            .or_else(|| last_time(&open_older(root, self.older.as_deref()).ok()??))
            .unwrap_or(self.modified_ns);
        (last_ns <= now_ns.saturating_add(FUTURE_MAX_NS), last_ns)
    }
}

/// Opens the file that was written before. None where there is none, or no longer.
///
/// # Errors
/// It is there, and cannot be opened.
pub fn open_older(root: &Directory, older: Option<&Path>) -> Result<Option<Part>> {
    match older.map(|path| root.file(path)) {
        Some(Ok((file, stat))) => Ok(Some(part(file, &stat))),
        // kubelet has compressed it.
        Some(Err(error)) if !is_absent(&error) => Err(error),
        Some(Err(_)) | None => Ok(None),
    }
}

fn modified_ns(stat: &FileStat) -> i64 {
    (stat.st_mtime.saturating_mul(SECOND_NS)).saturating_add(stat.st_mtime_nsec)
}

fn part(file: File, stat: &FileStat) -> Part {
    Part {
        bytes: Box::new(file),
        length: u64::try_from(stat.st_size).unwrap_or_default(),
    }
}

/// The time of the last whole line that has one, not far from the end.
fn last_time(part: &Part) -> Option<i64> {
    let mut block = vec![0; 64 << 10];
    let start = part.length.saturating_sub(block.len() as u64);
    let count = part.bytes.read_at(&mut block, start).ok()?;
    block.truncate(count);
    let whole_lines = block.rsplit(|byte| *byte == b'\n').skip(1);
    whole_lines.take(1000).find_map(cri::line_time)
}

/// Opens the log of a pod's newest container, with its rotated sibling.
fn open_container(root: &Directory, container: &Path) -> Result<Option<Log>> {
    let names = match root.names(container, |_| true) {
        Err(error) if is_absent(&error) => return Ok(None),
        result => result?,
    };
    let known = || {
        names
            .iter()
            .filter_map(|name| Some((cut_name(name.to_str()?)?, name)))
    };
    let Some(newest) = known().map(|((restarts, _), _)| restarts).max() else {
        return Ok(None);
    };
    let rotated = known()
        .filter(|((restarts, age), _)| *restarts == newest && *age == Age::Rotated)
        .map(|(_, name)| container.join(name))
        .max();
    let current = container.join(format!("{newest}.log"));
    let log = |(file, stat): (File, FileStat), older| Log {
        path: root.join(&current),
        newest: part(file, &stat),
        modified_ns: modified_ns(&stat),
        older,
        shape: cri::Shape::Cri,
    };
    match (root.file(&current), rotated) {
        (Ok(found), older) => Ok(Some(log(found, older))),
        // Between renaming the old file and opening the new one there is only the old one.
        (Err(error), Some(rotated)) if is_absent(&error) => {
            Ok(Some(log(root.file(&rotated)?, None)))
        }
        (Err(error), _) => Err(error),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Age {
    Current,
    Rotated,
}

/// `7.log` or `7.log.20260724-101530`; None for compressed, temporary and other files.
fn cut_name(name: &str) -> Option<(u64, Age)> {
    let (restarts, rest) = name.split_once(".log")?;
    let restarts = restarts.parse().ok()?;
    if rest.is_empty() {
        return Some((restarts, Age::Current));
    }
    let (day, time) = rest.strip_prefix('.')?.split_once('-')?;
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    (digits(day, 8) && digits(time, 6)).then_some((restarts, Age::Rotated))
}
