//! The program `ptp-sync-check`; everything is in the library of the same name.

use std::process::ExitCode;

/// One mapping serves the whole run, where musl's own allocator makes eighty
/// system calls while the patterns are compiled.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    ptp_sync_check::run()
}
