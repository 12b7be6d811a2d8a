//! What is built with what is there. rustc, rustup and cargo are stand-ins, so that a machine
//! without this or that can be had anywhere; cargo only writes down what it was called with.

#![expect(clippy::expect_used, reason = "a test may fail")]

mod common;

use common::{Answer, Workshop};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

const NATIVE: &str = std::env::consts::ARCH;

fn other() -> &'static str {
    if NATIVE == "aarch64" {
        "x86_64"
    } else {
        "aarch64"
    }
}

/// A machine with standard libraries below `lib`.
struct Machine(Workshop);

impl Machine {
    fn new(targets: &[&str]) -> Self {
        let machine = Self(Workshop::new());
        machine.program("rustc", "[ $1 != --print=target-libdir ] || echo lib/$3");
        machine.program("rustup", "exit 1");
        machine.program("cargo", r#"echo "$*" >"${0%/*}/called"; exit 7"#);
        for target in targets {
            let directory = machine.0.path("lib").join(target);
            fs::create_dir_all(&directory).expect("a directory");
            fs::write(directory.join("libstd.rlib"), "").expect("a file");
        }
        machine
    }

    fn program(&self, name: &str, text: &str) {
        let path = self
            .0
            .write(name, format!("#!/bin/sh\n{text}\n").as_bytes());
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("a mode");
    }

    /// What is said, and what cargo was called with; empty if it was not.
    fn build(&self, arguments: &[&str]) -> (Answer, String) {
        let mut command = self.0.command(arguments);
        command.env("RUSTC", self.0.path("rustc"));
        command.env("CARGO", self.0.path("cargo"));
        command.env(
            "PATH",
            format!("{}:/usr/bin:/bin", self.0.path("").display()),
        );
        let answer = Answer::of(&mut command);
        let called = fs::read_to_string(self.0.path("called")).unwrap_or_default();
        (answer, called)
    }
}

#[test]
fn musl_where_it_is() {
    let musl = format!("{NATIVE}-unknown-linux-musl");
    let (answer, called) = Machine::new(&[&musl]).build(&["--arch", NATIVE]);
    assert!(called.contains(&format!("--target {musl}")), "{called}");
    assert!(!answer.stderr.contains("warning"), "{}", answer.stderr);
    assert_eq!(answer.status, 1);
    assert!(
        answer.stderr.contains("exit status: 7"),
        "{}",
        answer.stderr
    );
}

#[test]
fn musl_that_rustup_brings() {
    let machine = Machine::new(&[]);
    machine.program("rustup", "mkdir -p lib/$3 && touch lib/$3/libstd.rlib");
    for arch in ["x86_64", "aarch64"] {
        let (answer, called) = machine.build(&["--arch", arch]);
        let musl = format!("{arch}-unknown-linux-musl");
        assert!(called.contains(&format!("--target {musl}")), "{called}");
        let said = format!("adding the standard library for {musl}\n");
        assert!(answer.stderr.contains(&said), "{}", answer.stderr);
    }
}

#[test]
fn glibc_with_a_warning_where_musl_cannot_be_had() {
    let gnu = format!("{NATIVE}-unknown-linux-gnu");
    let (answer, called) = Machine::new(&[&gnu]).build(&["--arch", NATIVE]);
    assert!(called.contains(&format!("--target {gnu}")), "{called}");
    let said = format!("warning: no standard library for {NATIVE}-unknown-linux-musl; building");
    assert!(answer.stderr.contains(&said), "{}", answer.stderr);
}

#[test]
fn nothing_where_neither_can_be_had() {
    let gnu = [NATIVE, other()].map(|arch| format!("{arch}-unknown-linux-gnu"));
    let machine = Machine::new(&gnu.each_ref().map(String::as_str));
    let (answer, called) = machine.build(&["--arch", other()]);
    assert_eq!((answer.status, called.as_str()), (1, ""));
    let said = format!(
        "no standard library of Rust for {}-unknown-linux-musl",
        other()
    );
    assert!(answer.stderr.contains(&said), "{}", answer.stderr);
}

#[test]
fn small_takes_no_other_library() {
    let sources = "toolchain/lib/rustlib/src/rust/library";
    let machine = Machine::new(&[&format!("{NATIVE}-unknown-linux-gnu")]);
    machine.program("rustup", "[ $1 = run ] && echo toolchain");
    let (answer, called) = machine.build(&["--small", "--arch", NATIVE]);
    assert_eq!((answer.status, called.as_str()), (1, ""));
    let said = "error: --small needs the nightly toolchain with the sources of the standard";
    assert!(answer.stderr.starts_with(said), "{}", answer.stderr);

    fs::create_dir_all(machine.0.path(sources)).expect("a directory");
    machine.0.write(&format!("{sources}/Cargo.lock"), b"");
    let (answer, called) = machine.build(&["--small", "--arch", NATIVE]);
    assert_eq!((answer.status, called.as_str()), (1, ""));
    let said = "error: no standard library of Rust for";
    assert!(answer.stderr.contains(said), "{}", answer.stderr);
}
