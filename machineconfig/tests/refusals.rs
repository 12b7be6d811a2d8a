//! What would hurt on a node is refused, in words that name the thing, the value and a right form.

#![expect(clippy::panic, reason = "a test may fail")]

mod common;

use common::{AARCH64, Workshop, X86_64, elf};

/// Refused with this text; nothing is written.
#[track_caller]
fn refused(workshop: &Workshop, arguments: &[&str], text: &str) {
    let answer = workshop.run(&[&["--binary", "program"], arguments].concat());
    assert_eq!(answer.status, 1, "{}", answer.stderr);
    assert!(answer.stderr.contains(text), "{}", answer.stderr);
    assert!(!workshop.path("05-chronyd-dynamic-worker.yaml").exists());
}

#[test]
fn roles() {
    let workshop = Workshop::new();
    let long = "a".repeat(64);
    for role in ["", "Worker", "my_pool", "-a", "a-", "a.b", "a/b", &long] {
        let text = format!("--role: {role:?} is no name of a pool");
        refused(
            &workshop,
            &["--role", "worker", &format!("--role={role}")],
            &text,
        );
    }
}

#[test]
fn intervals() {
    let workshop = Workshop::new();
    let cases = [
        ("", "cannot be read"),
        ("5", "cannot be read"),
        ("soon", "cannot be read"),
        ("-5m", "cannot be read"),
        ("9s", "is not between 10s and 1h"),
        ("61m", "is not between 10s and 1h"),
        ("10500ms", "is not in whole seconds"),
    ];
    for (value, problem) in cases {
        let option = format!("--interval={value}");
        refused(
            &workshop,
            &[&option],
            &format!("--interval: {value:?} {problem}"),
        );
        refused(&workshop, &[&option], "; a right form is 5m");
    }
}

#[test]
fn settings() {
    let workshop = Workshop::new();
    let cases = [
        ("MAX_OFFSET", "has no ="),
        (
            "MAX_OFSET=1us",
            "sets none of the check's settings (MAX_OFFSET,",
        ),
        ("CHRONYD_VERB=stop", "sets none of the check's settings"),
        ("LD_PRELOAD=x", "sets none of the check's settings"),
        (
            "MAX_OFFSET=100 us",
            "has more than letters, digits, - and .",
        ),
        ("MAX_OFFSET=1us\nExecStart=x", "has more than letters"),
        ("PTP_NAMESPACE=%n", "has more than letters"),
        (
            "MAX_OFFSET=fast",
            "is not taken by the check (MAX_OFFSET: \"fast\"",
        ),
        (
            "MAX_OFFSET=-1",
            "is not taken by the check (MAX_OFFSET: \"-1\" is negative",
        ),
        ("OFFSET_THRESHOLD=100us", "is not below the maximum offset"),
        ("SYNC_AGE=0", "must be more than nothing"),
        ("PTP_NAMESPACE=Openshift", "is no name of a namespace"),
    ];
    for (value, problem) in cases {
        refused(&workshop, &["--set", value], problem);
    }
}

#[test]
fn settings_that_go_together_are_judged_together() {
    let workshop = Workshop::new();
    refused(
        &workshop,
        &["--set", "MAX_OFFSET=10us"],
        "is not below the maximum",
    );
    workshop.build(&["--set", "MAX_OFFSET=10us", "--set", "OFFSET_THRESHOLD=2us"]);
}

#[test]
fn programs() {
    let answer = "ptp-sync-check 0.0.0\n";
    let mut dynamic = elf(X86_64, answer);
    if let Some(kind) = dynamic.get_mut(64) {
        *kind = 3;
    }
    let mut small = elf(X86_64, answer);
    if let Some(class) = small.get_mut(4) {
        *class = 1;
    }
    let cut: Vec<u8> = elf(X86_64, answer).into_iter().take(80).collect();
    let cases: [(Vec<u8>, &str); 8] = [
        (
            b"#!/bin/sh\n".to_vec(),
            "program is not an ELF file, expected a static program",
        ),
        (Vec::new(), "is not an ELF file"),
        (cut, "is a damaged ELF file"),
        (small, "is a damaged ELF file"),
        (
            dynamic,
            "is dynamic: it names an interpreter, expected a static program for x86_64",
        ),
        (
            elf(AARCH64, answer),
            "is for aarch64, expected a static program for x86_64",
        ),
        (
            elf(243, answer),
            "is for another architecture (ELF machine 243)",
        ),
        (
            elf(X86_64, "busybox\n"),
            "and \"busybox\", expected an answer of ptp-sync-check",
        ),
    ];
    for (bytes, problem) in cases {
        let workshop = Workshop::new();
        workshop.write("program", &bytes);
        refused(&workshop, &[], problem);
    }
}

#[test]
fn a_program_that_needs_libraries() {
    let Ok(own) = std::env::current_exe() else {
        panic!("a test has a program");
    };
    let workshop = Workshop::new();
    let arguments = ["--arch", std::env::consts::ARCH, "--binary"];
    let own = own.to_string_lossy();
    let answer = workshop.run(&[&arguments[..], &[&own]].concat());
    assert!(
        answer.stderr.contains("is dynamic: it"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_file_that_is_not_there() {
    refused(
        &Workshop::new(),
        &["--out", "program"],
        "cannot make program",
    );
    let answer = Workshop::new().run(&["--binary", "absent"]);
    assert_eq!(
        answer.stderr,
        "error: cannot read absent: No such file or directory (os error 2)\n"
    );
}

#[test]
fn usage() {
    for arguments in [
        &["--arch", "riscv64"][..],
        &["--small", "--binary", "program"],
        &["unpack"],
        &["worker"],
    ] {
        assert_eq!(Workshop::new().run(arguments).status, 2);
    }
}

#[test]
fn help_fits_into_80_columns() {
    for arguments in [&["--help"][..], &["unpack", "--help"]] {
        let help = Workshop::new().run(arguments).stdout;
        assert!(help.contains("Usage:"));
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
