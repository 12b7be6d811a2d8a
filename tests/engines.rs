//! The two regex engines read every pattern alike, on every line of the fixtures and recordings.

#![allow(clippy::expect_used, reason = "a test may fail")]

use ptp_sync_check::envelope::Envelope;
use ptp_sync_check::line::FORMATS;
use std::path::{Path, PathBuf};

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// The bodies of all lines, and those of the examples with each of their bytes changed.
fn bodies() -> Vec<String> {
    let logs = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
    let mut bodies = Vec::new();
    for log in logs {
        let content = std::fs::read(&log).expect("a file");
        for line in content.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            // Wherever a message may begin, prefix or not.
            for start in [0]
                .into_iter()
                .chain(line.match_indices(' ').map(|(at, _)| at + 1))
            {
                let message = line.get(start..).unwrap_or_default();
                if let Some(envelope) = Envelope::cut(message.as_bytes()) {
                    bodies.push(String::from_utf8_lossy(envelope.body).into_owned());
                }
            }
        }
    }
    for format in &FORMATS {
        let envelope = Envelope::cut(format.example.as_bytes()).expect("an example");
        let body = str::from_utf8(envelope.body).expect("ASCII");
        for at in 0..body.len() {
            for replacement in [" ", "0", "-", "x", "\u{e9}", "\n"] {
                let mut changed = body.to_owned();
                changed.replace_range(at..=at, replacement);
                bodies.push(changed);
            }
        }
    }
    bodies.sort();
    bodies.dedup();
    bodies
}

#[test]
fn both_engines_read_every_pattern_alike() {
    let bodies = bodies();
    assert!(bodies.len() > 5000, "only {} bodies", bodies.len());
    for format in &FORMATS {
        let large = regex::Regex::new(format.pattern).expect(format.name);
        let small = regex_lite::Regex::new(format.pattern).expect(format.name);
        let mut matches = 0;
        for body in &bodies {
            let by_large = large.captures(body).map(|found| {
                found
                    .iter()
                    .map(|field| field.map(|field| field.range()))
                    .collect::<Vec<_>>()
            });
            let by_small = small.captures(body).map(|found| {
                found
                    .iter()
                    .map(|field| field.map(|field| field.range()))
                    .collect::<Vec<_>>()
            });
            assert_eq!(by_large, by_small, "{}: {body:?}", format.name);
            matches += usize::from(by_large.is_some());
        }
        assert!(matches > 0, "{} matches nothing", format.name);
    }
}
