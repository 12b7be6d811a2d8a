//! A run from the command line to the exit status. Nothing is written before all is well.

use crate::arch::Arch;
use crate::cli::{Build, Command, CommandLine};
use crate::compile::compile;
use crate::elf;
use crate::error::{Error, Result};
use crate::limits;
use crate::manifest::{contents, manifest, yaml};
use crate::recipe::{Effort, Recipe};
use crate::rehearsal::{run_program, verify_units};
use crate::role::Role;
use crate::sbom::sbom;
use crate::units::Units;
use crate::unpack::unpack;
use clap::Parser;
use ignition_config::v3_2::Resource;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Runs the program with this process's arguments.
#[must_use]
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    let done = match &line.command {
        Some(Command::Unpack { file, root }) => unpack_file(file, root),
        None => build(&line.build),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {}", error.chain()));
            ExitCode::FAILURE
        }
    }
}

fn unpack_file(file: &Path, root: &Path) -> Result<()> {
    let text = fs::read_to_string(file).map_err(Error::io("read", file))?;
    unpack(&text, &file.display().to_string(), root)
}

fn build(wanted: &Build) -> Result<()> {
    let roles = roles(&wanted.roles)?;
    let units = Units::new(wanted.interval.as_deref(), &wanted.settings)?;
    let (path, recipe) = if let Some(path) = &wanted.binary {
        (path.clone(), None)
    } else {
        let recipe = Recipe::choose(wanted.arch, effort(wanted), &mut say)?;
        compile(&recipe, &mut say)?;
        (recipe.program(), Some(recipe))
    };
    let program = fs::read(&path).map_err(Error::io("read", &path))?;
    elf::check(&path, &program, wanted.arch)?;
    say(&format!(
        "packing {}, {} bytes",
        path.display(),
        program.len()
    ));
    let contents = contents(&program)?;
    let outputs = roles
        .iter()
        .map(|role| Output::new(role, &contents, &units))
        .collect::<Result<Vec<Output>>>()?;
    // Roles differ in name and label alone, so that one tree stands for all.
    if let Some(output) = outputs.first() {
        rehearse(output, &path, wanted.arch)?;
    }
    let bill = recipe.map(|recipe| sbom(&recipe, &program)).transpose()?;
    fs::create_dir_all(&wanted.out).map_err(Error::io("make", &wanted.out))?;
    for output in &outputs {
        output.write(&wanted.out)?;
    }
    if let Some(bill) = bill {
        let path = (wanted.out).join(format!("ptp-sync-check-{}.cdx.json", wanted.arch));
        fs::write(&path, &bill).map_err(Error::io("write", &path))?;
        say(&format!("{}, what the program is made of", path.display()));
    }
    Ok(())
}

fn effort(wanted: &Build) -> Effort {
    if wanted.small {
        Effort::Small
    } else {
        Effort::Stable
    }
}

fn roles(given: &[String]) -> Result<Vec<Role>> {
    let mut roles = Vec::new();
    for name in given {
        let role: Role = name.parse()?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if roles.is_empty() {
        roles = vec!["master".parse()?, "worker".parse()?];
    }
    Ok(roles)
}

/// Unpacks and tries what is going to be written.
fn rehearse(output: &Output, program: &Path, arch: Arch) -> Result<()> {
    let root = tempfile::tempdir().map_err(Error::io("make", &std::env::temp_dir()))?;
    unpack(&output.yaml, &output.name, root.path())?;
    let notes = [
        run_program(root.path(), program, arch)?,
        verify_units(root.path())?,
    ];
    for note in notes.into_iter().flatten() {
        say(&format!("warning: {note}"));
    }
    Ok(())
}

/// The file for a role, still in memory.
struct Output {
    name: String,
    yaml: String,
    json_bytes: usize,
}

impl Output {
    fn new(role: &Role, contents: &Resource, units: &Units) -> Result<Self> {
        let object = manifest(role, contents, units)?;
        let json_bytes = object.to_string().len();
        limits::check(&role.object(), json_bytes)?;
        Ok(Self {
            name: role.object(),
            yaml: yaml(role, &object)?,
            json_bytes,
        })
    }

    fn write(&self, directory: &Path) -> Result<()> {
        let path = directory.join(format!("{}.yaml", self.name));
        fs::write(&path, &self.yaml).map_err(Error::io("write", &path))?;
        let (bytes, table) = (self.yaml.len(), limits::table(self.json_bytes));
        say(&format!(
            "{}, {bytes} bytes\n{}",
            path.display(),
            table.trim_end()
        ));
        Ok(())
    }
}

/// Nobody listening must not change the outcome.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
