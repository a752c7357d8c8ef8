//! The `kefu` program; everything is in the library, so that tests reach it.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use kefu::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let line = error.to_string().replace(['\r', '\n'], " ");
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(io::stderr(), "error: {line}");
            ExitCode::FAILURE
        }
    }
}
