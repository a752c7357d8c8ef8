//! `kefu migrate`

use clap::Subcommand;

use super::Result;
use crate::settings::Settings;

/// What to do with the tables.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring the tables up to this version
    Up,
    /// Show which migrations have been run and which have not
    Status,
}

/// Runs one of the commands.
pub(super) fn run(_settings: &Settings, command: Command) -> Result {
    match command {
        Command::Up | Command::Status => Err("migrate: not available yet".into()),
    }
}
