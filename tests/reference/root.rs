//! A miniature root directory to an answer.

use super::log::{Message, join, join_any, lines};
use super::memory::{Memory, recall};
use super::rules::{Question, decide};
use super::{Answer, Now, Settings};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What there is to decide by.
pub struct Scene {
    /// The log's path, as the program calls it.
    pub log: Option<String>,
    pub messages: Vec<Message>,
    pub is_marked: bool,
    pub memory: Memory,
}

/// Answers as of now, with what an earlier run has remembered in the root.
pub fn answer(root: &Path, now: Now, settings: &Settings) -> Answer {
    match look(root, now, settings) {
        Ok(scene) => scene.answer(now, settings),
        Err(answer) => answer,
    }
}

impl Scene {
    pub fn answer(&self, now: Now, settings: &Settings) -> Answer {
        self.answer_to(now, settings, false)
    }

    /// The same, without what an earlier look has left out as being from the future.
    pub fn answer_without_left_out(&self, now: Now, settings: &Settings) -> Answer {
        self.answer_to(now, settings, true)
    }

    fn answer_to(&self, now: Now, settings: &Settings, skips_left_out: bool) -> Answer {
        decide(&Question {
            messages: &self.messages,
            now,
            settings,
            is_marked: self.is_marked,
            memory: &self.memory,
            skips_left_out,
        })
    }

    /// The same for a file that somebody has named.
    pub fn named(&mut self, name: &str, file: &[u8]) {
        self.messages = join_any(lines(file));
        self.log = Some(name.into());
        self.memory = about(std::mem::take(&mut self.memory), Some(name));
    }
}

/// Reads all of it.
///
/// # Errors
/// There is no log, or it cannot be read: that is an answer, too.
pub fn look(root: &Path, now: Now, settings: &Settings) -> Result<Scene, Answer> {
    let mut scene = surroundings(root, now);
    let container = newest_container(root, settings, now)?;
    let files = files(&container.directory, container.number);
    let mut file_lines = Vec::new();
    for path in &files {
        if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            return Err(Answer::out("log-unreadable"));
        }
        file_lines.push(fs::read(path).map_err(|_| Answer::out("log-unreadable"))?);
    }
    scene.messages = join(file_lines.iter().flat_map(|file| lines(file)));
    let name = container
        .directory
        .join(format!("{}.log", container.number));
    scene.log = Some(name.display().to_string());
    scene.memory = about(scene.memory, scene.log.as_deref());
    Ok(scene)
}

/// The marker and the memory, without a log.
pub fn surroundings(root: &Path, now: Now) -> Scene {
    let boot = fs::read_to_string(root.join("proc/sys/kernel/random/boot_id")).ok();
    let boot = boot.as_deref().map(str::trim);
    let report = root.join("run/ptp-sync-check/report.json");
    // Nobody else may have written it.
    let is_ours = |path: &Path| {
        path.symlink_metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o022 == 0)
    };
    let memory = is_ours(&report)
        .then(|| recall(&fs::read(&report).ok()?, boot, now))
        .flatten();
    Scene {
        log: None,
        messages: Vec::new(),
        is_marked: is_marked(&root.join("run/ptp/insync"), boot),
        memory: memory.unwrap_or_default(),
    }
}

/// A regular file is a marker, unless it says that it is of another boot.
fn is_marked(marker: &Path, boot: Option<&str>) -> bool {
    if !marker.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return false;
    }
    let content = fs::read(marker).unwrap_or_default();
    let content = String::from_utf8_lossy(&content);
    let of = content
        .lines()
        .find_map(|line| line.strip_prefix("boot_id: "));
    of.is_none() || boot.is_none() || of == boot
}

/// Port states are about one log only.
pub fn about(mut memory: Memory, log: Option<&str>) -> Memory {
    if memory.log.as_deref() != log {
        memory.until = None;
        memory.instances.clear();
        memory.boundary_clocks.clear();
    }
    memory
}

struct Container {
    directory: PathBuf,
    number: u64,
    /// Its last line is from the future, and when it was written.
    last: (bool, i64),
}

/// The newest container of the pod that has written last.
fn newest_container(root: &Path, settings: &Settings, now: Now) -> Result<Container, Answer> {
    let pods = fs::read_dir(root.join("var/log/pods")).map_err(|_| Answer::out("no-log"))?;
    let ours = format!("{}_linuxptp-daemon-", settings.namespace);
    let mut found = Vec::new();
    for pod in pods.flatten() {
        if !pod.file_name().to_string_lossy().starts_with(&ours) {
            continue;
        }
        let directory = pod.path().join("linuxptp-daemon-container");
        let Some(number) = numbers(&directory).into_iter().max() else {
            continue;
        };
        let last = (files(&directory, number).iter().rev()).find_map(|path| {
            let file = fs::read(path).ok()?;
            join(lines(&file)).last().and_then(|message| message.wall)
        });
        found.push(Container {
            last: last.map_or((false, i64::MIN), |last| {
                (last <= now.wall + 2 * super::SECOND, last)
            }),
            directory,
            number,
        });
    }
    (found.into_iter().max_by_key(|container| container.last)).ok_or(Answer::out("no-log"))
}

/// How often the containers in this directory had been restarted.
fn numbers(directory: &Path) -> Vec<u64> {
    let names = fs::read_dir(directory).into_iter().flatten().flatten();
    names
        .filter_map(|name| {
            let name = name.file_name().into_string().ok()?;
            let (number, rest) = name.split_once(".log")?;
            (rest.is_empty() || is_stamp(rest)).then_some(number.parse().ok()?)
        })
        .collect()
}

/// The rotated file, if there is one, and behind it the one that is being written.
fn files(directory: &Path, number: u64) -> Vec<PathBuf> {
    let current = directory.join(format!("{number}.log"));
    let rotated = (fs::read_dir(directory).into_iter().flatten().flatten())
        .filter_map(|name| name.file_name().into_string().ok())
        .filter(|name| {
            name.strip_prefix(&format!("{number}.log"))
                .is_some_and(is_stamp)
        })
        .max()
        .map(|name| directory.join(name));
    let current = Some(current).filter(|path| path.symlink_metadata().is_ok());
    [rotated, current].into_iter().flatten().collect()
}

/// `.20260724-101530`
fn is_stamp(text: &str) -> bool {
    text.len() == 16
        && text.char_indices().all(|(at, each)| match at {
            0 => each == '.',
            9 => each == '-',
            _ => each.is_ascii_digit(),
        })
}
