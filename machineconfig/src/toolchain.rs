//! The compilers that build the binary.

use std::path::{Path, PathBuf};
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

    /// Where the standard library for a target is, or would be.
    #[must_use]
    pub fn libraries(self, triple: &str) -> Option<PathBuf> {
        let directory = self.ask(&["--print=target-libdir", "--target", triple]);
        directory.map(PathBuf::from)
    }

    /// Is the standard library for a target there?
    #[must_use]
    pub fn has(self, triple: &str) -> bool {
        let files = self.libraries(triple).and_then(|path| path.read_dir().ok());
        files.is_some_and(|mut files| files.next().is_some())
    }

    /// Does the current one have, or can rustup bring it, the standard library for a target?
    #[must_use]
    pub fn current_can_have(triple: &str, say: &mut dyn FnMut(&str)) -> bool {
        if Self::Current.has(triple) {
            return true;
        }
        say(&format!("adding the standard library for {triple}"));
        let mut rustup = Command::new("rustup");
        let status = rustup.args(["target", "add", triple]).status();
        status.is_ok_and(|status| status.success()) && Self::Current.has(triple)
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
