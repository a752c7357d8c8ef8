//! `kefu migrate`

use std::io::{self, IsTerminal};

use clap::Subcommand;

use super::Result;
use crate::db::sqlite::place;
use crate::db::{self, AnyConnection, Backend, DatabaseLock, MigrationState, MigrationStatus};
use crate::settings::Settings;

/// What to do with the tables.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring the tables up to this version
    Up {
        /// Create an empty database although a secret, uploads or a lock of an earlier one are there
        #[arg(long)]
        new: bool,
    },
    /// Show which migrations have been run, which have not, and which this version does not know
    Status,
    /// Take back what is newer than a migration, before an older version is started; the service must be stopped
    Down {
        /// The newest migration to keep, as `kefu migrate status` names it
        #[arg(long, value_name = "NAME")]
        to: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs one of the commands.
pub(super) fn run(settings: &Settings, command: Command) -> Result {
    match command {
        Command::Up { new } => {
            if !new {
                place::may_create(settings)?;
            }
            settings.create_data_dir()?;
            let applied = db::migrate(&mut super::open(settings)?)?;
            super::print(&if applied.is_empty() { "nothing to do\n".into() } else { lines("applied", &applied) })
        }
        Command::Status => {
            place::require(settings)?;
            let line = |MigrationStatus { name, state }| match state {
                MigrationState::Applied => format!("applied {name}\n"),
                MigrationState::Pending => format!("pending {name}\n"),
                MigrationState::Unknown => format!("unknown {name}\n"),
            };
            super::print(&db::migration_status(&mut super::open(settings)?)?.into_iter().map(line).collect::<String>())
        }
        Command::Down { to, yes } => {
            place::require(settings)?;
            let _lock = DatabaseLock::take(&Backend::parse(&settings.database_url())?)?;
            down(&mut super::open(settings)?, &to, yes)
        }
    }
}

fn down(connection: &mut AnyConnection, to: &str, yes: bool) -> Result {
    let db::Lost { migrations, parts } = db::what_is_lost(connection, to)?;
    if migrations.is_empty() {
        return super::print("nothing to do\n");
    }
    super::print(&format!(
        "What these migrations have added is removed, with all that is stored in it:\n{}{}A backup brings it back, nothing \
         else does. All nodes must be stopped.\n",
        lines("  taken back:", &migrations),
        lines("  lost:", &parts),
    ))?;
    if !yes && !is_confirmed()? {
        return Err("nothing was changed".into());
    }
    super::print(&lines("took back", &db::migrate_down(connection, to)?))
}

/// Asks whoever is at the terminal.
fn is_confirmed() -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err("nothing was changed: without a terminal --yes has to be given".into());
    }
    super::print("Type yes to go on: ")?;
    Ok(super::first_line("the answer")? == "yes")
}

fn lines(what: &str, items: &[String]) -> String {
    items.iter().map(|item| format!("{what} {item}\n")).collect()
}
