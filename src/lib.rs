//! Decides from linuxptp-daemon's log whether PTP keeps a node's system clock in sync.
//!
//! Data flows one way:
//!
//! ```text
//! Args -> Config ------------------------------------------------------.
//! root -> locate -> tail -> cri -> line -> evidence -> decide -> Report -> explain
//! clocks -----------------------------------'            |         '----> apply -> marker
//! marker, last report -> memory -------------------------'         '----> journal
//! ```
//!
//! [`check::check`] looks and decides and cannot write; [`apply`] writes what a report says.

/// What to do when the clock is out of sync.
pub mod advice;
/// How old a line is.
pub mod age;
/// Makes the node agree with a report.
pub mod apply;
/// From the node to a report, without writing.
pub mod check;
/// What the user typed.
pub mod cli;
/// The two clocks.
pub mod clock;
/// What the program needs.
pub mod config;
/// Container log lines, joined to messages.
pub mod cri;
/// The rules.
pub mod decide;
/// Who says what, and when.
pub mod envelope;
/// What can go wrong.
pub mod error;
/// Messages, gathered to what the rules need.
pub mod evidence;
/// The report for people.
pub mod explain;
/// How each rule came out.
pub mod finding;
/// What has been gathered from a log.
pub mod gathered;
/// The line for the journal.
pub mod journal;
/// One stream before the rules.
pub mod judge;
/// What the next run must know.
pub mod learned;
/// What a body says; the table of line shapes.
pub mod line;
/// Finding the log.
pub mod locate;
/// The file that keeps chronyd from starting.
pub mod marker;
/// What the last run remembers.
pub mod memory;
/// What counts as in sync.
pub mod policy;
/// The ports of a ptp4l and their states.
pub mod ports;
/// The field's words.
pub mod ptp;
/// What a run found out.
pub mod report;
/// Files below a root, without following links.
pub mod root;
/// From the command line to the exit status.
pub mod run;
/// One setting and its value.
pub mod setting;
/// How a stream can stand.
pub mod standing;
/// The samples of one clock.
pub mod stream;
/// A log read backwards.
pub mod tail;

pub use run::run;
