//! The man page and the completions under `docs/` are what the command line's definition says.
//!
//! `UPDATE=1 cargo test --test generated` rewrites them. They hold neither version nor date, so
//! that only a change of the command line changes them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is not as expected"
)]

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use ptp_sync_check::cli;
use std::path::{Path, PathBuf};

const NAME: &str = "ptp-sync-check";

#[test]
fn the_man_page_is_up_to_date() {
    compare("ptp-sync-check.8", &man_page());
}

#[test]
fn the_completions_are_up_to_date() {
    for (shell, file) in [
        (Shell::Bash, "ptp-sync-check.bash"),
        (Shell::Zsh, "_ptp-sync-check"),
        (Shell::Fish, "ptp-sync-check.fish"),
    ] {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut cli::command(), NAME, &mut text);
        compare(&format!("completions/{file}"), &text);
    }
}

#[test]
fn the_man_page_names_every_option_and_variable() {
    let page = String::from_utf8(man_page()).expect("UTF-8");
    let plain = page.replace("\\-", "-");
    for arg in options() {
        let long = arg.get_long().expect("every option has a long name");
        assert!(plain.contains(&format!("--{long}")), "--{long}");
    }
    for (variable, _) in variables() {
        let headings = page.matches(&format!("\\fB{variable}\\fR\n")).count();
        assert_eq!(headings, 1, "{variable} in ENVIRONMENT");
    }
}

/// Compares a file under `docs/` with what it should hold, or rewrites it.
fn compare(file: &str, expected: &[u8]) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs")
        .join(file);
    if std::env::var_os("UPDATE").is_some_and(|value| !value.is_empty()) {
        let directory = path.parent().expect("a parent");
        std::fs::create_dir_all(directory).expect("a directory");
        std::fs::write(&path, expected).expect("a file");
    }
    let found = std::fs::read(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/{file} is not what the command line says: UPDATE=1 cargo test --test generated"
    );
}

/// What clap knows, and after it what only people know.
fn man_page() -> Vec<u8> {
    let man = Man::new(cli::command())
        .title("PTP-SYNC-CHECK")
        .section("8")
        // Not empty: clap_mangen would leave it out, and the source would become the date.
        .date(" ")
        .source(NAME)
        .manual("System Administration");
    let mut page = Vec::new();
    let rendered = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page));
    rendered.expect("a page");
    section(&mut page, description);
    man.render_options_section(&mut page).expect("options");
    section(&mut page, environment);
    section(&mut page, files);
    section(&mut page, exit_status);
    section(&mut page, see_also);
    page
}

fn section(page: &mut Vec<u8>, write: impl FnOnce(&mut Roff)) {
    let mut roff = Roff::new();
    write(&mut roff);
    roff.to_writer(page).expect("a section");
}

fn description(roff: &mut Roff) {
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([
        bold(NAME),
        roman(
            " reads the tail of the linuxptp-daemon container's log on an OpenShift node and \
             decides whether PTP keeps the system clock in sync. In sync, it creates a marker \
             file; out of sync, it removes it. While the marker is there, ",
        ),
        bold("chronyd.service"),
        roman(" does not start. Every doubt counts as out of sync, so that NTP takes over."),
    ]);
    roff.control("PP", []);
    roff.text([
        roman("On a node it is run by "),
        bold("chronyd-restart.service"),
        roman(", which then starts or stops chronyd. People run it with "),
        bold("--dry-run"),
        roman(": it explains the decision and changes nothing."),
    ]);
    roff.control("PP", []);
    roff.text([roman(units())]);
}

/// What `--help` says on units, in one paragraph.
fn units() -> String {
    let command = cli::command();
    let text = command.get_after_help().map(ToString::to_string);
    let text = text.expect("a text after the options");
    let (units, _) = text.split_once("\n\n").expect("two paragraphs");
    units.replace('\n', " ")
}

fn environment(roff: &mut Roff) {
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "An option on the command line wins over its variable. An empty variable means the \
         default.",
    )]);
    for (variable, option) in variables() {
        let same = vec![roman("Same as "), bold(format!("--{option}")), roman(".")];
        item(roff, &variable, same);
    }
    let colour = "Where it is set and not empty, reports have no colour.";
    item(roff, "NO_COLOR", vec![roman(colour)]);
}

fn files(roff: &mut Roff) {
    roff.control("SH", ["FILES"]);
    let all: [(&str, Vec<Inline>); 4] = [
        (
            "/run/ptp/insync",
            vec![
                roman("The marker. For "),
                bold("chronyd.service"),
                roman(
                    " its existence counts; its content, verdict and reason among it, is for \
                     people. Every run that finds the clock in sync renews it.",
                ),
            ],
        ),
        (
            "/run/ptp-sync-check/report.json",
            vec![
                roman("The report of the last real run, as "),
                bold("--output json"),
                roman(
                    " prints it. The next run reads back which parts of the chain have been \
                     seen since the node started, and the last port states.",
                ),
            ],
        ),
        (
            "/run/ptp-sync-check/chronyd.env",
            vec![
                bold("CHRONYD_VERB=start"),
                roman(" or "),
                bold("CHRONYD_VERB=stop"),
                roman(": what "),
                bold("chronyd-restart.service"),
                roman(" tells "),
                bold("systemctl"),
                roman(" to do with chronyd."),
            ],
        ),
        (
            "/var/log/pods",
            vec![
                roman("Where the log is found, as "),
                italic("NAMESPACE"),
                roman("_linuxptp-daemon-*_"),
                italic("UID"),
                roman("/linuxptp-daemon-container/"),
                italic("N"),
                roman(
                    ".log. Only the newest container of the newest pod counts. It is read from \
                     its end, and no further than needed.",
                ),
            ],
        ),
    ];
    for (path, text) in all {
        item(roff, path, text);
    }
}

fn exit_status(roff: &mut Roff) {
    roff.control("SH", ["EXIT STATUS"]);
    let all = [
        ("0", "Decided, and the marker agrees with the verdict."),
        (
            "1",
            "The check or the marker failed. Where the marker could not be removed, chronyd stays \
             blocked until it is; the message says so.",
        ),
        (
            "2",
            "Usage or configuration. A real run has removed the marker first.",
        ),
    ];
    for (status, text) in all {
        item(roff, status, vec![roman(text)]);
    }
    let asked = vec![
        roman("Out of sync. Only with "),
        bold("--exit-code"),
        roman("; without it this is 0, too."),
    ];
    item(roff, "3", asked);
}

fn see_also(roff: &mut Roff) {
    roff.control("SH", ["SEE ALSO"]);
    let pages = ["chronyd", "phc2sys", "ptp4l", "ts2phc"];
    let mut line = Vec::new();
    for page in pages {
        line.extend([bold(page), roman("(8), ")]);
    }
    line.extend([bold("systemd.unit"), roman("(5)")]);
    roff.text(line);
}

/// A word and, indented below it, what it means.
fn item(roff: &mut Roff, word: &str, text: Vec<Inline>) {
    roff.control("TP", []);
    roff.text([bold(word)]);
    roff.text(text);
}

fn options() -> Vec<Arg> {
    let mut command: Command = cli::command();
    command.build();
    command.get_arguments().cloned().collect()
}

/// The environment variables that the help of the options names, with their options.
fn variables() -> Vec<(String, String)> {
    let named = |arg: Arg| {
        let help = arg.get_help()?.to_string();
        let (_, rest) = help.split_once("[env: ")?;
        let (variable, _) = rest.split_once(']')?;
        Some((variable.to_owned(), arg.get_long()?.to_owned()))
    };
    options().into_iter().filter_map(named).collect()
}
