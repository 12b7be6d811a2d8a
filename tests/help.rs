//! What the program says about itself, and to those who mistype.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::must_use_candidate,
    reason = "a test stops where something is not as expected"
)]

mod common;

use common::{Answer, Node, answer};

/// A miniature node, since a command line that cannot be read removes the marker.
fn run(arguments: &[&str]) -> Answer {
    answer(Node::new().command().args(arguments))
}

#[test]
fn help_fits_into_80_columns() {
    for option in ["-h", "--help"] {
        let help = run(&[option]);
        assert_eq!(help.status, 0, "{option}: {}", help.stderr);
        assert!(help.stdout.contains("Usage: ptp-sync-check"), "{option}");
        assert_eq!(help.stderr, "", "{option}");
        for line in help.stdout.lines() {
            let columns = line.chars().count();
            assert!(columns <= 80, "{columns} columns in {option}: {line}");
        }
    }
}

/// Whatever reads the command line: the small build has no clap.
#[test]
fn help_is_what_clap_makes_of_the_options() {
    let expected = ptp_sync_check::cli::command().render_help().to_string();
    assert_eq!(run(&["--help"]).stdout, expected);
}

#[test]
fn the_version_is_the_packages() {
    for option in ["-V", "--version"] {
        let version = run(&[option]);
        let expected = format!("ptp-sync-check {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!((version.status, version.stdout), (0, expected), "{option}");
    }
    let parts: Vec<&str> = env!("CARGO_PKG_VERSION").split('.').collect();
    let is_number = |part: &&str| part.parse::<u32>().is_ok();
    assert!(parts.len() == 3 && parts.iter().all(is_number), "{parts:?}");
}

#[test]
fn what_is_mistyped_is_named() {
    let cases: [(&[&str], &str); 12] = [
        (&["--max-ofset", "100us"], "--max-ofset"),
        (&["--dry-run", "--verbos"], "--verbos"),
        (&["-z"], "-z"),
        (&["-nz"], "-z"),
        (&["in-sync"], "in-sync"),
        (&["--", "-n"], "-n"),
        (&["--output", "yaml"], "yaml"),
        (&["--max-offset"], "--max-offset"),
        (&["--max-offset", "-5us"], "-5us"),
        (&["--log="], "--log"),
        (&["--dry-run=yes"], "yes"),
        (&["--namespace", "--dry-run"], "--namespace"),
    ];
    for (arguments, named) in cases {
        let refused = run(arguments);
        assert_eq!(refused.status, 2, "{arguments:?}: {}", refused.stderr);
        assert_eq!(refused.stdout, "", "{arguments:?}");
        assert!(
            refused.stderr.contains(&format!("'{named}"))
                || refused.stderr.contains(&format!("\"{named}")),
            "{arguments:?}: {}",
            refused.stderr
        );
    }
}

#[test]
fn help_and_version_change_nothing() {
    for option in ["--help", "--version"] {
        let node = Node::new();
        node.mark();
        let told = answer(node.command().arg(option));
        assert_eq!(told.status, 0, "{option}");
        assert!(node.is_marked(), "{option}");
        assert!(!node.path("run/ptp-sync-check").exists(), "{option}");
    }
}
