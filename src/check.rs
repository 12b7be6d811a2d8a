//! The look at the node: from its log, its marker and the last report to a new report.
//!
//! Nothing in here can write, so that a dry run and a real run cannot come to differ.

use crate::clock::SECOND_NS;
use crate::config::Config;
use crate::cri::Joiner;
use crate::decide::{Decision, LegState, Reason, decide};
use crate::error::{Error, Result};
use crate::evidence::{Gatherer, Next};
use crate::gathered::{Coverage, Gathered};
use crate::learned::Learned;
use crate::locate::{Log, STDIN, locate, open_older};
use crate::marker::{self, Found};
use crate::memory::Memory;
use crate::policy::{Rules, Verdict};
use crate::ptp::{Leg, Program, Source};
use crate::report::{Before, Occupied, Report, Scanned};
use crate::root::Directory;
use crate::tail::{Bounds, End, Tail};
use std::path::Path;

/// The beginning of 2020: before that no node with PTP was ever up.
const EARLIEST_NS: i64 = 1_577_836_800 * SECOND_NS;

/// Looks and decides.
///
/// # Errors
/// The last report is there and cannot be read.
pub fn check(config: &Config, root: &Directory) -> Result<Report> {
    let mut config = config.clone();
    let boot_id = boot_id(root);
    let before = before(&mut config, root, boot_id.as_deref());
    let rules = Rules {
        policy: config.policy,
        previous: before.previous,
    };
    let memory = Memory::recall(root, boot_id.as_deref(), config.clocks)?;
    let is_blind = before.occupied != Occupied::Free || !memory.legs.is_empty();
    if boot_id.is_none() && is_blind {
        config.warnings.push(
            "no /proc/sys/kernel/random/boot_id below the root: whether the marker and the last \
             report are from before the node started cannot be told"
                .into(),
        );
    }
    warn_of_clocks(&mut config);
    Ok(match locate(root, &config.source, config.clocks.wall_ns) {
        Ok(Some(log)) => with_log(&mut config, root, &before, rules, memory, log),
        Ok(None) => without_log(&config, &before, memory, Reason::NoLog, Scanned::default()),
        Err(error) => {
            config.warnings.push(error.chain());
            let scanned = Scanned {
                log: config.source.name(),
                ..Scanned::default()
            };
            without_log(&config, &before, memory, Reason::LogUnreadable, scanned)
        }
    })
}

/// What the marker says was in force.
fn before(config: &mut Config, root: &Directory, boot_id: Option<&str>) -> Before {
    let marker = root.join(&config.places.marker);
    let found = marker::look(root, &config.places, boot_id);
    let (previous, occupied) = match &found {
        Ok(Found::Absent) => (Verdict::OutOfSync, Occupied::Free),
        Ok(Found::Present | Found::Foreign) => (Verdict::InSync, Occupied::ByMarker),
        // Whether chronyd is blocked is not known: try to remove it.
        Ok(Found::AnotherBoot | Found::Obstacle(_)) | Err(_) => {
            (Verdict::OutOfSync, Occupied::ByOther)
        }
    };
    let shown = marker.display();
    match found {
        Ok(Found::Foreign) => config.warnings.push(format!(
            "{shown} was not written by this program; it counts all the same"
        )),
        Ok(Found::AnotherBoot) => config.warnings.push(format!(
            "{shown} is from before the node started; it does not count"
        )),
        Ok(Found::Obstacle(what)) => config
            .warnings
            .push(format!("{shown} is {what}, which no marker is")),
        Err(error) => config.warnings.push(error.chain()),
        Ok(Found::Absent | Found::Present) => {}
    }
    Before {
        previous,
        occupied,
        marker: shown.to_string(),
    }
}

/// The kernel's name for this boot; None where /proc is not there.
fn boot_id(root: &Directory) -> Option<String> {
    let path = Path::new("proc/sys/kernel/random/boot_id");
    let content = root.first_line(path)?;
    let id = str::from_utf8(&content).ok()?.trim();
    Some(id.to_owned()).filter(|id| !id.is_empty())
}

fn warn_of_clocks(config: &mut Config) {
    if config.clocks.wall_ns < EARLIEST_NS {
        config
            .warnings
            .push("the wall clock is before 2020: only the times in brackets tell ages".into());
    }
    if config.clocks.monotonic_ns.is_none() {
        config.warnings.push(
            "no uptime: ages come from wall time alone, and lines from before the node started \
             cannot be told (--uptime)"
                .into(),
        );
    }
}

fn without_log(
    config: &Config,
    before: &Before,
    mut memory: Memory,
    reason: Reason,
    scanned: Scanned,
) -> Report {
    let decision = Decision::impossible(reason);
    memory.written = Some(config.clocks);
    Report::new(config, before, scanned, &decision, None, memory)
}

fn with_log(
    config: &mut Config,
    root: &Directory,
    before: &Before,
    rules: Rules,
    memory: Memory,
    log: Log,
) -> Report {
    let path = log.path.display().to_string();
    // Standard input is another log each time.
    let identity = Some(path.as_str()).filter(|path| *path != STDIN);
    let known = memory.clone().about(identity);
    let mut scanned = Scanned {
        log: Some(path.clone()),
        log_bytes: log.newest.length,
        scanned_bytes: 0,
    };
    let read = read(config, root, rules, &known, log, &mut scanned);
    let (gathered, coverage) = match read {
        Ok(read) => read,
        Err(error) => {
            config.warnings.push(error.chain());
            return without_log(config, before, memory, Reason::LogUnreadable, scanned);
        }
    };
    let decision = decide(&gathered.evidence, &rules);
    warn_of_evidence(config, &decision, &gathered, coverage);
    let learned = Learned::new(&gathered.evidence, &rules, config.clocks);
    let next = known.next(identity, learned, coverage, config.clocks);
    Report::new(config, before, scanned, &decision, Some(&gathered), next)
}

/// Reads the log from its end, as far as it matters.
fn read(
    config: &Config,
    root: &Directory,
    rules: Rules,
    known: &Memory,
    log: Log,
    scanned: &mut Scanned,
) -> Result<(Gathered, Coverage)> {
    let mut joiner = Joiner::new(log.shape);
    let mut gatherer = Gatherer::new(config.clocks, rules, known);
    let mut older = log.older;
    let mut tail = Tail::new(log.newest, Bounds::default());
    let end = loop {
        let line = tail.next_line().map_err(Error::io("read", &log.path))?;
        let next = line.map(|line| {
            let message = joiner.push(line);
            message.map_or(Next::Older, |message| gatherer.add(message))
        });
        match next {
            Some(Next::Older) => {}
            Some(end) => break end,
            None if tail.end() == End::Limit => break Next::Older,
            None => match open_older(root, older.take().as_deref())? {
                Some(part) => {
                    scanned.log_bytes += part.length;
                    tail.go_on(part);
                }
                None => break Next::Older,
            },
        }
    };
    scanned.scanned_bytes = tail.scanned_bytes();
    if end == Next::Decided {
        return Ok((gatherer.finish(), Coverage::EndOnly));
    }
    if end == Next::Older && tail.end() == End::Start {
        for message in joiner.finish() {
            gatherer.add_oldest(&message);
        }
    }
    let coverage = gatherer.coverage();
    Ok((gatherer.complete(), coverage))
}

fn warn_of_evidence(
    config: &mut Config,
    decision: &Decision,
    gathered: &Gathered,
    coverage: Coverage,
) {
    for leg in &decision.legs {
        if leg.state == LegState::NotVisible && decision.verdict == Verdict::InSync {
            config.warnings.push(match leg.leg {
                Leg::Reference => "reference not visible in the log: whether the network card's \
                                   clock follows a grandmaster is not known"
                    .into(),
                Leg::SystemClock => "system clock not visible in the log: whether it follows the \
                                     network card's clock is not known"
                    .into(),
            });
        }
    }
    for (leg, reason) in &gathered.evidence.excluded {
        config.warnings.push(match reason {
            Reason::FromTheFuture => {
                format!("{leg}: lines later than the clocks are left out (a clock was set back?)")
            }
            Reason::FromAnotherBoot => {
                format!("{leg}: lines from before the node started are left out")
            }
            _ => format!(
                "{leg}: lines without a usable time are left out; their bracket counts from boot: \
                 give --uptime"
            ),
        });
    }
    let status =
        (gathered.evidence.streams.iter()).find(|stream| stream.program == Program::BoundaryStatus);
    if let Some(status) = status.filter(|status| status.newest.source == Source::Holdover) {
        config.warnings.push(format!(
            "linuxptp-daemon says that this boundary clock is in holdover (T-BC-STATUS s1 on {})",
            status.device.as_deref().unwrap_or_default()
        ));
    }
    if coverage == Coverage::Gap {
        config
            .warnings
            .push("part of the log was never read: remembered port states are forgotten".into());
    }
}
