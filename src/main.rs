//! The `kefu` program; everything is in the library, so that tests reach it.

use std::ffi::{c_int, c_long};
use std::io;
use std::process::ExitCode;

use clap::Parser;
use kefu::cli::{Cli, print_patiently};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` in mimalloc.h: milliseconds until free memory goes back to the system.
const PURGE_DELAY: c_int = 15;

#[expect(unsafe_code, reason = "the allocator's crate does not declare it")]
unsafe extern "C" {
    // Any thread may call it at any time; a number that it does not know changes nothing.
    safe fn mi_option_set(option: c_int, value: c_long);
}

fn main() -> ExitCode {
    // Purge immediately. With a delay mimalloc purges only on later allocations, so an idle process would keep the memory of
    // its last peak.
    mi_option_set(PURGE_DELAY, 0);
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let line = error.to_string().replace(['\r', '\n'], " ");
            // There is no other way to say it when standard error is closed.
            let _ = print_patiently(io::stderr(), format!("error: {line}\n"));
            ExitCode::FAILURE
        }
    }
}
