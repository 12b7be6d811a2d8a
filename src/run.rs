//! A run from the command line to the exit status.
//!
//! Everything that can go wrong falls towards NTP: before a real run fails, the marker is gone.

use crate::apply::{Session, give_way};
use crate::check::check;
use crate::cli::{Answer, Args};
use crate::clock::Clocks;
use crate::config::{Config, Output, Places};
use crate::decide::Reason;
use crate::error::Result;
use crate::explain::{Mode, Style, explain};
use crate::journal::{self, Event, Sink};
use crate::marker::{self, Found};
use crate::policy::Verdict;
use crate::report::Report;
use crate::root::Directory;
use crate::setting::misspelt;
use nix::sys::signal::{SigSet, Signal};
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// The check or the marker failed.
const FAILED: u8 = 1;
/// Usage or configuration.
const USAGE: u8 = 2;
/// Out of sync, for those who ask with `--exit-code`.
const OUT_OF_SYNC: u8 = 3;

/// Runs the program with this process's arguments and environment.
#[must_use]
pub fn run() -> ExitCode {
    // Over a limit on file sizes a write shall fail, not kill.
    let _ = SigSet::from(Signal::SIGXFSZ).thread_block();
    let line: Vec<OsString> = std::env::args_os().collect();
    let args = match Args::read(&line) {
        Ok(args) => args,
        Err(Answer::Information(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Err(Answer::Refusal(text)) => {
            complain(text.trim_end());
            return abandon(&Args::guess(&line));
        }
    };
    let config = Config::new(&args, &|name| std::env::var_os(name), Clocks::read());
    let mut config = match config {
        Ok(config) => config,
        Err(error) => {
            complain(&format!("error: {}", error.chain()));
            return abandon(&args);
        }
    };
    let variables: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .collect();
    config.warnings = misspelt(variables.iter().map(String::as_str));
    let outcome = if args.dry_run {
        look(&config)
    } else {
        act(&config, &args)
    };
    match outcome {
        Ok(report) => {
            print_report(&config, &args, &report);
            ExitCode::from(status(&report, &args))
        }
        Err(error) => {
            complain(&format!("error: {}", error.chain()));
            ExitCode::from(FAILED)
        }
    }
}

fn status(report: &Report, args: &Args) -> u8 {
    match (report.reason, report.verdict) {
        (Reason::LogUnreadable, _) => FAILED,
        (_, Verdict::OutOfSync) if args.exit_code => OUT_OF_SYNC,
        _ => 0,
    }
}

/// A dry run.
fn look(config: &Config) -> Result<Report> {
    check(config, &Directory::open(&config.places.root)?)
}

/// A real run.
fn act(config: &Config, args: &Args) -> Result<Report> {
    let outcome = Directory::open(&config.places.root).and_then(|root| {
        let session = Session::begin(&root)?;
        let report = check(config, &root)?;
        session.apply(&root, &config.places, &report)?;
        Ok((report, session, root))
    });
    match outcome {
        Ok((report, session, root)) => {
            session.end();
            std::mem::forget(root);
            if report.verdict != report.previous || args.verbose {
                journal::record(Event::decided(&report), sink(&config.places));
            }
            if report.reason == Reason::LogUnreadable {
                for warning in &report.warnings {
                    complain(&format!("error: {warning}"));
                }
            }
            Ok(report)
        }
        Err(error) => {
            yield_to_ntp(&config.places);
            Err(error)
        }
    }
}

/// The end of a run that was told nonsense.
fn abandon(args: &Args) -> ExitCode {
    if !args.dry_run {
        let places = Places::new(args);
        let stood = Directory::open(&places.root)
            .and_then(|root| marker::look(&root, &places, None))
            .is_ok_and(|found| matches!(found, Found::Present | Found::Foreign));
        if yield_to_ntp(&places) && stood {
            journal::record(Event::abandoned(&places), sink(&places));
        }
    }
    ExitCode::from(USAGE)
}

/// Says so where it fails.
fn yield_to_ntp(places: &Places) -> bool {
    let outcome = give_way(places);
    if let Err(error) = &outcome {
        complain(&format!(
            "error: {}; chronyd stays blocked until {} is removed",
            error.chain(),
            places.outside(&places.marker).display()
        ));
    }
    outcome.is_ok()
}

/// Only what is about this machine belongs into its journal.
fn sink(places: &Places) -> Sink {
    if places.root == Path::new("/") {
        Sink::Journal
    } else {
        Sink::Stderr
    }
}

fn print_report(config: &Config, args: &Args, report: &Report) {
    let mode = if args.dry_run { Mode::Dry } else { Mode::Real };
    match config.output {
        Some(Output::Text) => print(&explain(report, mode, style())),
        Some(Output::Json) => print(&report.to_json()),
        None => {}
    }
}

/// Colours are for terminals, and for those who have not asked for none (no-color.org).
fn style() -> Style {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if wanted && std::io::stdout().is_terminal() {
        Style::Colour
    } else {
        Style::Plain
    }
}

/// Nobody reading must not change the outcome.
fn print(text: &str) {
    let mut stdout = std::io::stdout();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
