//! Every file of the corpus once more through its fuzz target, without a fuzzer: what has ever
//! been interesting, or wrong, stays tried. `fuzz/run` looks for more.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed"
)]

mod reference;
mod scenario;
mod targets;

use std::fs;
use std::path::Path;

#[test]
fn every_file_of_the_corpus_passes_its_target() {
    for (name, target) in targets::ALL {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(name);
        let mut files: Vec<_> = fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        assert!(
            files.len() >= 5,
            "{} holds next to nothing",
            directory.display()
        );
        for file in files {
            // Which one it was, if it fails.
            eprintln!("{}", file.display());
            target(&fs::read(&file).expect("a file"));
        }
    }
}
