//! Every directory below `fixtures/` is a case: a miniature root, the arguments, and what the
//! program must make of it. `UPDATE=1 cargo test --test golden` rewrites what it makes of them,
//! but never the verdicts in `fixtures/INDEX.md`, which were written down beforehand.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod common;

use common::{Answer, answer, program, verdict};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What a case holds besides its input.
const GOLDENS: [&str; 3] = ["report.json", "report.txt", "after"];
/// What a real run leaves beside the marker and the verb: the report is compared with the one
/// printed, and the lock is empty.
const LEFT_OUT: [&str; 2] = ["ptp-sync-check/report.json", "ptp-sync-check/lock"];
/// Differing lines that are shown: enough to see what happened, few enough to read.
const SHOWN: usize = 6;

/// The files of a directory by their path in it, and what they hold.
type Tree = BTreeMap<String, String>;

#[test]
fn every_fixture_gives_its_golden_report() {
    let cases = cases();
    assert!(!cases.is_empty(), "no fixtures in {}", fixtures().display());
    let index = Index::read();
    let mut failures = Vec::new();
    for case in &cases {
        let made = case.make(&mut failures);
        if std::env::var_os("UPDATE").is_some() {
            case.update(&made);
        }
        case.compare(&made, &mut failures);
        case.compare_with_index(&made, &index, &mut failures);
    }
    index.compare_with_directory(&cases, &mut failures);
    assert!(
        failures.is_empty(),
        "{} differences; where they are meant, UPDATE=1 rewrites the goldens\n\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// One fixture.
struct Case {
    name: String,
    directory: PathBuf,
}

/// What the program makes of a fixture.
struct Made {
    verdict: String,
    json: String,
    text: String,
    after: Tree,
}

/// All fixtures, by name.
fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = entries(&fixtures())
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|directory| Case {
            name: name_of(&directory),
            directory,
        })
        .filter(|case| case.name.starts_with(|first: char| first.is_ascii_digit()))
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

impl Case {
    /// Runs the program on a copy, three times: the second dry run and the real run show that a
    /// dry run has changed nothing.
    fn make(&self, failures: &mut Vec<String>) -> Made {
        let place = self.copy();
        let json = self.run(&place, &["--dry-run", "--output", "json"]);
        let text = self.run(&place, &["--dry-run", "--output", "text"]);
        let real = self.run(&place, &["--output", "json"]);
        let report = json.json();
        let expected = self.expected_status(&report);
        for (what, answer) in [("dry run", &json), ("text", &text), ("real run", &real)] {
            if answer.status != expected {
                failures.push(format!(
                    "{}: {what} ended with status {}, expected {expected}: {}",
                    self.name, answer.status, answer.stderr
                ));
            }
        }
        let run = place.path().join("node/run");
        let kept = fs::read_to_string(run.join(LEFT_OUT[0])).unwrap_or_default();
        for (what, got) in [("real run", &real.stdout), ("kept report", &kept)] {
            failures.extend(difference(&self.name, what, &json.stdout, got));
        }
        Made {
            verdict: verdict(&report),
            json: without_version(&json.stdout),
            text: without_version(&text.stdout),
            after: tree(&run),
        }
    }

    /// A copy of the input. git keeps neither modes nor empty directories, and the program
    /// trusts no report that others can write.
    fn copy(&self) -> TempDir {
        let place = tempfile::tempdir().expect("a temporary directory");
        for from in entries(&self.directory) {
            let name = name_of(&from);
            if !GOLDENS.contains(&name.as_str()) {
                copy(&from, &place.path().join(name));
            }
        }
        fs::create_dir_all(place.path().join("node/run")).expect("a directory");
        place
    }

    /// Runs it in the copy, so that no path in a report is a temporary one.
    fn run(&self, place: &TempDir, arguments: &[&str]) -> Answer {
        let own = fs::read_to_string(self.directory.join("args")).expect("a file `args`");
        let stdin = match fs::File::open(place.path().join("stdin")) {
            Ok(file) => Stdio::from(file),
            Err(_) => Stdio::null(),
        };
        answer(
            Command::new(program())
                .env_clear()
                .current_dir(place.path())
                .args(["--root", "node"])
                .args(own.lines())
                .args(arguments)
                .stdin(stdin),
        )
    }

    fn expected_status(&self, report: &serde_json::Value) -> i32 {
        let own = fs::read_to_string(self.directory.join("args")).expect("a file `args`");
        let asked = own.lines().any(|argument| argument == "--exit-code");
        match (report["reason"].as_str(), report["verdict"].as_str()) {
            (Some("log-unreadable"), _) => 1,
            (_, Some("out-of-sync")) if asked => 3,
            _ => 0,
        }
    }

    fn update(&self, made: &Made) {
        let write = |path: PathBuf, content: &str| {
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, content).expect("a golden file");
        };
        write(self.directory.join("report.json"), &made.json);
        write(self.directory.join("report.txt"), &made.text);
        let after = self.directory.join("after");
        if after.exists() {
            fs::remove_dir_all(&after).expect("the old golden tree goes");
        }
        for (path, content) in &made.after {
            write(after.join(path), content);
        }
    }

    fn compare(&self, made: &Made, failures: &mut Vec<String>) {
        for (name, got) in [("report.json", &made.json), ("report.txt", &made.text)] {
            let golden = fs::read_to_string(self.directory.join(name)).unwrap_or_default();
            failures.extend(difference(&self.name, name, &golden, got));
        }
        let golden = tree(&self.directory.join("after"));
        let paths = |tree: &Tree| {
            tree.keys()
                .fold(String::new(), |all, path| all + path + "\n")
        };
        failures.extend(difference(
            &self.name,
            "the files in after/",
            &paths(&golden),
            &paths(&made.after),
        ));
        for (path, got) in &made.after {
            if let Some(golden) = golden.get(path) {
                let what = format!("after/{path}");
                failures.extend(difference(&self.name, &what, golden, got));
            }
        }
    }

    fn compare_with_index(&self, made: &Made, index: &Index, failures: &mut Vec<String>) {
        match index.verdicts.get(&self.name) {
            None => failures.push(format!("{}: no line in INDEX.md", self.name)),
            Some(expected) if *expected != made.verdict => failures.push(format!(
                "{}: the verdict is {}, INDEX.md expects {expected}",
                self.name, made.verdict
            )),
            Some(_) => {}
        }
    }
}

/// `fixtures/INDEX.md`: a line for every fixture and every recording.
struct Index {
    /// The verdict by the name of the fixture.
    verdicts: BTreeMap<String, String>,
    text: String,
}

impl Index {
    fn read() -> Self {
        let text = fs::read_to_string(fixtures().join("INDEX.md")).expect("INDEX.md");
        let verdicts = text
            .lines()
            .filter_map(|line| {
                let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
                let (verdict, _) = rest.split_once(" | ")?;
                Some((name.to_owned(), verdict.to_owned()))
            })
            .filter(|(name, _)| !name.contains('/'))
            .collect();
        Self { verdicts, text }
    }

    fn compare_with_directory(&self, cases: &[Case], failures: &mut Vec<String>) {
        for name in self.verdicts.keys() {
            if !cases.iter().any(|case| case.name == *name) {
                failures.push(format!("{name}: is in INDEX.md, and there is no fixture"));
            }
        }
        for recording in entries(&fixtures().join("recordings")) {
            let name = format!("recordings/{}", name_of(&recording));
            if !self.text.contains(&format!("| `{name}` |")) {
                failures.push(format!("{name}: no line in INDEX.md"));
            }
        }
    }
}

/// The version changes with every release, the goldens shall not.
fn without_version(report: &str) -> String {
    let line = |line: &str| {
        if line.starts_with("  \"version\": ") {
            return "  \"version\": \"VERSION\",".to_owned();
        }
        match line
            .strip_prefix("ptp-sync-check ")
            .map(|rest| rest.split_once(','))
        {
            Some(Some((_, title))) => format!("ptp-sync-check VERSION,{title}"),
            _ => line.to_owned(),
        }
    };
    report.lines().map(|each| line(each) + "\n").collect()
}

/// Where two texts part, in the words of a person; None where they do not.
fn difference(name: &str, what: &str, expected: &str, got: &str) -> Option<String> {
    if expected == got {
        return None;
    }
    let same = (expected.lines().zip(got.lines()))
        .take_while(|(expected, got)| expected == got)
        .count();
    let mut text = format!("{name}: {what} differs from line {} on\n", same + 1);
    // Of texts of one length only the lines that differ, of others all from there on.
    let is_aligned = expected.lines().count() == got.lines().count();
    for (sign, side, other) in [('-', expected, got), ('+', got, expected)] {
        let others = other.lines().map(Some).chain(std::iter::repeat(None));
        let differing = (side.lines().zip(others).skip(same))
            .filter(|(line, other)| !is_aligned || Some(*line) != *other)
            .take(SHOWN);
        for (line, _) in differing {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {sign} {line}");
        }
    }
    Some(text)
}

/// The files below a directory; what is no regular file shows as what it is.
fn tree(directory: &Path) -> Tree {
    let mut tree = Tree::new();
    if directory.is_dir() {
        gather(directory, "", &mut tree);
    }
    tree
}

fn gather(directory: &Path, prefix: &str, tree: &mut Tree) {
    for path in entries(directory) {
        let name = format!("{prefix}{}", name_of(&path));
        let kind = path.symlink_metadata().expect("it is there").file_type();
        if kind.is_dir() {
            gather(&path, &format!("{name}/"), tree);
        } else if !LEFT_OUT.contains(&name.as_str()) {
            let content = if kind.is_file() {
                fs::read_to_string(&path).expect("text")
            } else {
                format!("({kind:?})")
            };
            tree.insert(name, content);
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let kind = from.symlink_metadata().expect("it is there").file_type();
    if kind.is_dir() {
        fs::create_dir(to).expect("a directory");
        for entry in entries(from) {
            copy(&entry, &to.join(name_of(&entry)));
        }
    } else if kind.is_symlink() {
        symlink(fs::read_link(from).expect("a link"), to).expect("a link");
    } else {
        fs::copy(from, to).expect("a file");
        fs::set_permissions(to, Permissions::from_mode(0o644)).expect("a mode");
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().expect("a name");
    name.to_str().expect("a name in UTF-8").to_owned()
}
