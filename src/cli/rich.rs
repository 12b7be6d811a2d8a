//! The command line as clap reads it.

use super::{ABOUT, AFTER_HELP, Answer, Args, OPTIONS, Opt, Takes};
use clap::builder::{OsStringValueParser, PathBufValueParser, PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use std::ffi::OsString;

/// The definition for clap, from which the man page and the completions are made as well.
#[must_use]
pub fn command() -> Command {
    Command::new("ptp-sync-check")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(AFTER_HELP)
        .args(OPTIONS.iter().map(Opt::arg))
}

pub fn read(line: &[OsString]) -> Result<Args, Answer> {
    match command().try_get_matches_from(line) {
        Ok(matches) => Ok(args(&matches)),
        Err(error) if error.use_stderr() => Err(Answer::Refusal(error.to_string())),
        Err(answer) => Err(Answer::Information(answer.to_string())),
    }
}

pub fn guess(line: &[OsString]) -> Args {
    let matches = command().ignore_errors(true).try_get_matches_from(line);
    matches.map_or_else(|_| Args::default(), |matches| args(&matches))
}

fn args(matches: &ArgMatches) -> Args {
    let mut args = Args::default();
    for option in &OPTIONS {
        if let Some(value) = option.value(matches) {
            (option.note)(&mut args, value);
        }
    }
    args
}

impl Opt {
    fn arg(&self) -> Arg {
        let arg = Arg::new(self.long)
            .long(self.long)
            .short(self.short)
            .help(self.help)
            .value_name(self.takes.name());
        match self.takes {
            Takes::Nothing => arg.action(ArgAction::SetTrue),
            Takes::Form => arg
                .value_parser(PossibleValuesParser::new([
                    PossibleValue::new("text").help("For people"),
                    PossibleValue::new("json").help("For programs"),
                ]))
                .hide_possible_values(true),
            Takes::Name => arg.value_parser(OsStringValueParser::new()),
            Takes::Number(_) => arg
                .value_parser(OsStringValueParser::new())
                .allow_hyphen_values(true),
            Takes::Path(_) => arg
                .value_parser(PathBufValueParser::new())
                .value_hint(ValueHint::AnyPath),
        }
    }

    /// The value as it was typed, empty for a flag; None where the option was not given.
    fn value(&self, matches: &ArgMatches) -> Option<OsString> {
        match self.takes {
            // Behind an error clap forgets that a flag not given is false.
            Takes::Nothing => {
                let given = matches.get_one(self.long).copied().unwrap_or(false);
                given.then(OsString::new)
            }
            _ => Some(matches.get_raw(self.long)?.next()?.to_owned()),
        }
    }
}
