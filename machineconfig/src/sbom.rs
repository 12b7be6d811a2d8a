//! What the program is made of, as a CycloneDX bill of materials.
//!
//! It has neither a serial number nor a time: the same sources give the same bytes.

use crate::error::{Error, Result};
use crate::recipe::Recipe;
use cyclonedx_bom::models::component::{Classification, Scope};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::prelude::{Bom, Component, Components, Metadata, NormalizedString, Purl};
use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;

/// The bill of a program that was built by a recipe, as JSON.
///
/// # Errors
/// cargo does not say what it has built.
pub fn sbom(recipe: &Recipe, program: &[u8]) -> Result<String> {
    let crates = crates(&tree(recipe)?);
    let checksums = checksums(recipe)?;
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let mut whole = None;
    for (id, found) in &crates {
        dependencies.push(Dependency {
            dependency_ref: id.clone(),
            dependencies: found.uses.iter().cloned().collect(),
        });
        match checksums.get(id) {
            Some(checksum) => components.push(found.component(id, checksum)),
            // What has no checksum comes from here, and nothing else does.
            None => whole = Some(found.program(id, program)),
        }
    }
    components.push(standard_library(recipe));
    let bom = Bom {
        serial_number: None,
        metadata: Some(Metadata {
            component: whole,
            ..Metadata::default()
        }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        ..Bom::default()
    };
    let mut json = Vec::new();
    bom.output_as_json_v1_5(&mut json)
        .map_err(|source| Error::Sbom(source.into()))?;
    Ok(String::from_utf8_lossy(&json).into_owned() + "\n")
}

/// A crate in the tree.
#[derive(Default)]
struct Crate {
    name: String,
    version: String,
    license: String,
    /// Is a part of the program; what derives code at build time is not.
    is_linked: bool,
    uses: BTreeSet<String>,
}

impl Crate {
    fn component(&self, id: &str, checksum: &str) -> Component {
        let license = LicenseChoice::expression(&self.license.replace('/', " OR "));
        Component {
            scope: Some(if self.is_linked {
                Scope::Required
            } else {
                Scope::Excluded
            }),
            hashes: Some(sha256(checksum)),
            licenses: Some(Licenses(vec![license])),
            purl: Purl::new("cargo", &self.name, &self.version).ok(),
            ..self.named(Classification::Library, id)
        }
    }

    fn program(&self, id: &str, program: &[u8]) -> Component {
        Component {
            hashes: Some(sha256(&HEXLOWER.encode(&Sha256::digest(program)))),
            licenses: Some(Licenses(vec![LicenseChoice::expression(&self.license)])),
            ..self.named(Classification::Application, id)
        }
    }

    fn named(&self, class: Classification, id: &str) -> Component {
        Component::new(class, &self.name, &self.version, Some(id.to_owned()))
    }
}

fn sha256(hex: &str) -> Hashes {
    Hashes(vec![Hash {
        alg: HashAlgorithm::SHA_256,
        content: HashValue(hex.to_owned()),
    }])
}

/// Part of every program, and of no lock file. The C library comes with it.
fn standard_library(recipe: &Recipe) -> Component {
    let version = recipe.toolchain.ask(&["--version"]).unwrap_or_default();
    let version = version.trim_start_matches("rustc ");
    Component {
        description: Some(NormalizedString::new(&format!(
            "standard library of Rust for {}, with its C library",
            recipe.triple
        ))),
        ..Component::new(Classification::Library, "std", version, Some("std".into()))
    }
}

/// What cargo builds for a recipe: one line per use of a crate, with the depth of the use.
fn tree(recipe: &Recipe) -> Result<String> {
    let output = recipe
        .toolchain
        .command("cargo")
        .current_dir(&recipe.workspace)
        .args(["tree", "--locked", "--package", "ptp-sync-check"])
        .args(["--edges", "normal", "--target", &recipe.triple])
        .args(["--prefix", "depth", "--no-dedupe", "--format", "|{p}|{l}"])
        .args(recipe.features)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(Error::io("run", "cargo".as_ref()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::Cargo {
            command: "tree",
            status: output.status,
        })
    }
}

/// The crates of a tree, by name and version.
fn crates(tree: &str) -> BTreeMap<String, Crate> {
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    // Those that lead to the current line.
    let mut path: Vec<(String, bool)> = Vec::new();
    for line in tree.lines() {
        let mut fields = line.split('|');
        let mut field = || fields.next().unwrap_or_default();
        let (depth, package, license) = (field().parse().unwrap_or(0), field(), field());
        let mut words = package.split(' ');
        let name = words.next().unwrap_or_default();
        let version = words.next().unwrap_or_default().trim_start_matches('v');
        path.truncate(depth);
        let id = format!("{name}@{version}");
        let user = path.last();
        let is_linked = user.is_none_or(|(_, linked)| *linked) && !package.contains("(proc-macro)");
        if let Some(user) = user.and_then(|(user, _)| crates.get_mut(user)) {
            user.uses.insert(id.clone());
        }
        let found = crates.entry(id.clone()).or_insert_with(|| Crate {
            name: name.to_owned(),
            version: version.to_owned(),
            license: license.to_owned(),
            ..Crate::default()
        });
        found.is_linked |= is_linked;
        path.push((id, is_linked));
    }
    crates
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The checksums in Cargo.lock, by name and version.
fn checksums(recipe: &Recipe) -> Result<BTreeMap<String, String>> {
    let path = recipe.workspace.join("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let lock: Lock = toml::from_str(&text).map_err(|source| Error::Sbom(source.into()))?;
    let checksums = lock.package.into_iter().filter_map(|package| {
        let id = format!("{}@{}", package.name, package.version);
        Some((id, package.checksum?))
    });
    Ok(checksums.collect())
}
