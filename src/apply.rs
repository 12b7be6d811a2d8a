//! Making the node agree with a report: the marker, chronyd's verb, and the report itself.
//!
//! Into sync the marker comes first and the verb `stop` last; out of sync the verb `start` comes
//! first. Whatever fails on the way, [`crate::apply::give_way`] leaves the state in which chronyd
//! may run.

use crate::config::Places;
use crate::error::{Error, Result};
use crate::marker;
use crate::memory::{REPORT, REPORT_DIRECTORY};
use crate::policy::Verdict;
use crate::report::Report;
use crate::root::{Directory, is_trusted};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::{Mode, fstat};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// The file that chronyd-restart.service reads its verb from (`EnvironmentFile=`, systemd.exec(5)).
pub const CHRONYD_ENV: &str = "chronyd.env";
const LOCK: &str = "lock";
/// A run takes a millisecond: whoever holds the lock for longer hangs.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// The right to change things: one run at a time, so that the last evaluation wins as a whole.
pub struct Session {
    /// Where the report and the verb are kept. Only root can write there, since the environment
    /// of a root process is as good as its code.
    state: Directory,
    lock: Flock<File>,
}

impl Session {
    /// Waits for other runs to end.
    ///
    /// # Errors
    /// The directory cannot be made or is not safe, or another run does not end.
    pub fn begin(root: &Directory) -> Result<Self> {
        let state = marker::ensure_directory(root, Path::new(REPORT_DIRECTORY))?;
        let stat = fstat(&state).map_err(Error::io("look at", state.path()))?;
        if !is_trusted(&stat) {
            return Err(Error::Untrusted {
                path: state.path().to_owned(),
            });
        }
        let path = state.path().join(LOCK);
        // Readable by root alone: who can open it can lock it.
        let mut file = state
            .open_or_create(LOCK, Mode::from_bits_truncate(0o600))
            .map_err(Error::io("open", &path))?;
        let begun = Instant::now();
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Self { state, lock }),
                Err((unlocked, _)) if begun.elapsed() < LOCK_WAIT => {
                    file = unlocked;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(_) => {
                    let waited_ms = begun.elapsed().as_millis();
                    return Err(Error::Busy { path, waited_ms });
                }
            }
        }
    }

    /// Makes the node agree with a report.
    ///
    /// # Errors
    /// Something could not be written or removed; the caller must then [`give_way`].
    pub fn apply(&self, root: &Directory, places: &Places, report: &Report) -> Result<()> {
        match report.verdict {
            Verdict::InSync => {
                // Without its memory the next run would be less strict.
                self.keep(report)?;
                marker::create(root, places, &content(report))?;
                tell(&self.state, "stop")
            }
            Verdict::OutOfSync => {
                let told = start(&self.state);
                marker::remove(root, places)?;
                told.and(self.keep(report))
            }
        }
    }

    /// Ends with the process, which takes its lock and its descriptors along.
    pub fn end(self) {
        std::mem::forget(self.lock);
        std::mem::forget(self.state);
    }

    fn keep(&self, report: &Report) -> Result<()> {
        marker::replace(&self.state, REPORT, &report.to_json())
    }
}

/// Leaves the state in which chronyd may run, as well as can be: no marker, and the verb `start`.
///
/// # Errors
/// The marker is still there: chronyd stays blocked.
pub fn give_way(places: &Places) -> Result<()> {
    let root = || Directory::open(&places.root);
    let told = root()
        .and_then(|root| root.directory(Path::new(REPORT_DIRECTORY)))
        .and_then(|state| start(&state));
    // Where this fails an old verb may stay. Nobody asks for it: this run has failed, and the
    // unit that then runs removes it (ptp-sync-failsafe.service).
    let verb = Path::new(REPORT_DIRECTORY).join(CHRONYD_ENV);
    let _ = or_by_path(told, places, &verb);
    let removed = root().and_then(|root| marker::remove(&root, places));
    or_by_path(removed, places, &places.marker)
}

/// Removes a file by its path if that alone is left to do: it takes no descriptor.
fn or_by_path(result: Result<()>, places: &Places, path: &Path) -> Result<()> {
    match result {
        Err(error) if error.is_exhausted() => marker::remove_by_path(places, path),
        result => result,
    }
}

/// Tells the unit to start chronyd: no verb at all says so, too.
fn start(state: &Directory) -> Result<()> {
    tell(state, "start").or_else(|error| marker::discard(state, CHRONYD_ENV).map_err(|_| error))
}

/// Writes chronyd's verb, unless it stands there already.
fn tell(state: &Directory, verb: &str) -> Result<()> {
    let content = format!("CHRONYD_VERB={verb}\n");
    match state.first_line(Path::new(CHRONYD_ENV)) {
        Some(told) if told == content.as_bytes() => Ok(()),
        _ => marker::replace(state, CHRONYD_ENV, &content),
    }
}

/// The marker's content: for people, save for the last line.
fn content(report: &Report) -> String {
    let offset = report.deciding_leg().and_then(|leg| leg.offset_ns);
    let offset = offset.map_or(String::new(), |offset| format!("offset_ns: {offset}\n"));
    format!(
        "verdict: {}\nreason: {}\n{offset}limit_ns: {}\ntime: {}\n{}",
        report.verdict,
        report.reason,
        report.limit_ns,
        report.time,
        marker::boot_line(report.memory.boot_id.as_deref()),
    )
}
