//! What a program on a node must be: for its architecture, and without need of anything there.

use crate::arch::Arch;
use crate::error::{Error, Result};
use object::LittleEndian;
use object::elf::{DT_NEEDED, EM_AARCH64, EM_X86_64, FileHeader64, PT_INTERP};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use std::path::Path;

/// Refuses what would not run on a node of this architecture.
///
/// # Errors
/// What the program is instead.
pub fn check(path: &Path, bytes: &[u8], arch: Arch) -> Result<()> {
    let refuse = |problem: String| Error::Program {
        path: path.to_owned(),
        problem,
        expected: format!("a static program for {arch}"),
    };
    let damaged = |error| refuse(format!("is a damaged ELF file ({error})"));
    if !bytes.starts_with(b"\x7fELF") {
        return Err(refuse("is not an ELF file".into()));
    }
    // Also says so of 32 bits and big endian.
    let header = FileHeader64::<LittleEndian>::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let machine = header.e_machine(endian);
    if machine != arch.machine() {
        return Err(refuse(match machine {
            EM_X86_64 => "is for x86_64".into(),
            EM_AARCH64 => "is for aarch64".into(),
            other => format!("is for another architecture (ELF machine {})", other.0),
        }));
    }
    for segment in header.program_headers(endian, bytes).map_err(damaged)? {
        if segment.p_type(endian) == PT_INTERP {
            return Err(refuse("is dynamic: it names an interpreter".into()));
        }
        let entries = segment.dynamic(endian, bytes).map_err(damaged)?;
        let needs = |entry: &_| Dyn::d_tag(entry, endian) == DT_NEEDED;
        if entries.unwrap_or_default().iter().any(needs) {
            return Err(refuse("is dynamic: it needs shared libraries".into()));
        }
    }
    Ok(())
}
