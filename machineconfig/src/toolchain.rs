//! The compilers that build the binary.

use std::path::Path;
use std::process::Command;

/// A toolchain of Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The one that this program is run with.
    Current,
    /// Only with it can the standard library be built anew.
    Nightly,
}

impl Toolchain {
    /// A command of the toolchain: cargo or rustc.
    #[must_use]
    pub fn command(self, program: &str) -> Command {
        match self {
            // cargo tells those that it runs where it is.
            Self::Current => std::env::var_os(program.to_uppercase())
                .map_or_else(|| Command::new(program), Command::new),
            Self::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", program]);
                command
            }
        }
    }

    /// What the compiler says of itself; None without a compiler.
    #[must_use]
    pub fn ask(self, question: &[&str]) -> Option<String> {
        let output = self.command("rustc").args(question).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let answer = text.trim();
        (output.status.success() && !answer.is_empty()).then(|| answer.to_owned())
    }

    /// Is the standard library for a target there?
    #[must_use]
    pub fn has(self, triple: &str) -> bool {
        let directory = self.ask(&["--print=target-libdir", "--target", triple]);
        let files = directory.and_then(|path| std::fs::read_dir(path).ok());
        files.is_some_and(|mut files| files.next().is_some())
    }

    /// Is there, or can rustup bring, the standard library for a target?
    #[must_use]
    pub fn can_have(self, triple: &str, say: &mut dyn FnMut(&str)) -> bool {
        if self.has(triple) {
            return true;
        }
        say(&format!("adding the standard library for {triple}"));
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", triple]);
        if self == Self::Nightly {
            rustup.args(["--toolchain", "nightly"]);
        }
        rustup.status().is_ok_and(|status| status.success()) && self.has(triple)
    }

    /// Are the sources of the standard library there?
    #[must_use]
    pub fn has_sources(self) -> bool {
        let sysroot = self.ask(&["--print=sysroot"]);
        sysroot.is_some_and(|path| {
            let sources = Path::new(&path).join("lib/rustlib/src/rust/library");
            sources.join("Cargo.lock").exists()
        })
    }
}
