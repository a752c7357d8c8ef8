//! `kefu migrate`

use clap::Subcommand;

use super::Result;
use crate::db::{self, Backend, MigrationStatus};
use crate::settings::{self, Settings};

/// What to do with the tables.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring the tables up to this version
    Up,
    /// Show which migrations have been run and which have not
    Status,
}

/// Runs one of the commands.
pub(super) fn run(settings: &Settings, command: Command) -> Result {
    settings::create_private_folder(&settings.data_dir)?;
    let mut connection = Backend::parse(&settings.database_url())?.open()?;
    let mut text = String::new();
    match command {
        Command::Up => {
            let applied = db::migrate(&mut connection)?;
            for name in &applied {
                text.push_str(&format!("applied {name}\n"));
            }
            if applied.is_empty() {
                text.push_str("nothing to do\n");
            }
        }
        Command::Status => {
            for MigrationStatus { name, applied } in db::migration_status(&mut connection)? {
                text.push_str(&format!("{} {name}\n", if applied { "applied" } else { "pending" }));
            }
        }
    }
    super::print(&text)
}
