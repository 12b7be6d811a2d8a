//! The command line as lexopt reads it: the same options and the same help in a fifteenth of
//! clap's size.

use super::{ABOUT, AFTER_HELP, Answer, Args, OPTIONS, Opt, Takes};
use lexopt::{Arg, Error, Parser};
use std::ffi::OsString;
use std::fmt::Write;

const VERSION: &str = concat!("ptp-sync-check ", env!("CARGO_PKG_VERSION"), "\n");

pub fn read(line: &[OsString]) -> Result<Args, Answer> {
    let mut reading = Reading::new(line);
    while reading.step()? {}
    Ok(reading.args)
}

pub fn guess(line: &[OsString]) -> Args {
    let mut reading = Reading::new(line);
    while reading.step() != Ok(false) {}
    reading.args
}

struct Reading {
    parser: Parser,
    args: Args,
    seen: Vec<&'static str>,
}

impl Reading {
    fn new(line: &[OsString]) -> Self {
        Self {
            parser: Parser::from_iter(line),
            args: Args::default(),
            seen: Vec::new(),
        }
    }

    /// Reads one option; false at the end.
    fn step(&mut self) -> Result<bool, Answer> {
        let Some(argument) = self.parser.next()? else {
            return Ok(false);
        };
        let option = match argument {
            Arg::Short('h') | Arg::Long("help") => {
                return Err(Answer::Information(help()));
            }
            Arg::Short('V') | Arg::Long("version") => {
                return Err(Answer::Information(VERSION.to_owned()));
            }
            Arg::Short(short) => find(|option| option.short == Some(short)),
            Arg::Long(long) => find(|option| option.long == long),
            Arg::Value(_) => None,
        };
        let option = option.ok_or_else(|| argument.unexpected())?;
        if self.seen.contains(&option.long) {
            return Err(Error::Custom(format!("--{} is there twice", option.long).into()).into());
        }
        self.seen.push(option.long);
        let value = self.value(option)?;
        (option.note)(&mut self.args, value);
        Ok(true)
    }

    /// What follows an option; empty for a flag.
    fn value(&mut self, option: &Opt) -> Result<OsString, Error> {
        if matches!(option.takes, Takes::Nothing) {
            return Ok(OsString::new());
        }
        let value = self.parser.value()?;
        let hyphen = value.len() > 1 && value.as_encoded_bytes().starts_with(b"-");
        let forgotten = match option.takes {
            Takes::Nothing | Takes::Number(_) => false,
            Takes::Form | Takes::Name => hyphen,
            Takes::Path(_) => hyphen || value.is_empty(),
        };
        if forgotten {
            let option = Some(format!("--{}", option.long));
            return Err(Error::MissingValue { option });
        }
        Ok(value)
    }
}

fn find(is_meant: impl Fn(&Opt) -> bool) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| is_meant(option))
}

/// Word for word as clap has it.
fn help() -> String {
    let mut text = format!("{ABOUT}\n\nUsage: ptp-sync-check [OPTIONS]\n\nOptions:\n");
    for option in &OPTIONS {
        let name = option.takes.name();
        let value = name.map_or(String::new(), |name| format!(" <{name}>"));
        let long = format!("{}{value}", option.long);
        row(&mut text, option.short, &long, option.help);
    }
    row(&mut text, Some('h'), "help", "Print help");
    row(&mut text, Some('V'), "version", "Print version");
    text + "\n" + AFTER_HELP + "\n"
}

fn row(text: &mut String, short: Option<char>, long: &str, help: &str) {
    let short = short.map_or("    ".to_owned(), |short| format!("-{short}, "));
    let mut left = format!("{short}--{long}");
    for line in help.lines() {
        let _ = writeln!(text, "  {left:<31}  {line}");
        left.clear();
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        Self::Refusal(format!(
            "error: {error}\n\nFor more information, try '--help'.\n"
        ))
    }
}
