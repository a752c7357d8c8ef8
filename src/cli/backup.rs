//! `kefu backup` and `kefu restore`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Result;
use crate::clock::Clock;
use crate::db::sqlite::place;
use crate::db::{self, Backend, Copied, DatabaseLock, Progress};
use crate::settings::Settings;

/// What to copy to.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The new file; uploads and the signing secret are not in it
    file: PathBuf,
}

/// What to copy from.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup
    #[arg(required_unless_present = "mark", conflicts_with = "mark")]
    file: Option<PathBuf>,
    /// Only mark the database as restored, after a restore by a server's own means: lifts ids above all that were given
    #[arg(long)]
    mark: bool,
}

/// Copies the database and says what is in the copy.
pub(super) fn back_up(settings: &Settings, Backup { file }: &Backup) -> Result {
    let (database, started) = (embedded(settings)?, Clock::system().now());
    place::require(settings)?;
    let copied = db::sqlite::backup::back_up(&database, file, reporter()?)?;
    super::print(&format!("backed up {} to {}\n", summary(copied, started), file.display()))
}

/// Puts a backup in the database's place and says what is in it.
pub(super) fn restore(settings: &Settings, Restore { file, .. }: &Restore) -> Result {
    let Some(file) = file else { return mark(settings) };
    let (database, started) = (embedded(settings)?, Clock::system().now());
    db::sqlite::backup::require(file)?;
    settings.create_data_dir()?;
    let (copied, kept) = db::sqlite::backup::restore(file, &database, started, reporter()?)?;
    let kept = kept.map(|kept| format!("; what was there is now {}", kept.display())).unwrap_or_default();
    super::print(&format!("restored {} from {}{kept}\n", summary(copied, started), file.display()))
}

fn mark(settings: &Settings) -> Result {
    place::require(settings)?;
    let _lock = DatabaseLock::take(&Backend::parse(&settings.database_url())?)?;
    super::with_database(settings, async |db, clock| {
        let now = clock.now();
        Ok(db.write(move |connection| db::mark_restored(connection, now)).await?)
    })?;
    super::print("marked as restored\n")
}

/// The path of the embedded database; for a server, what does it there.
fn embedded(settings: &Settings) -> Result<PathBuf> {
    let url = settings.database_url();
    let instead = match url.split_once(':') {
        Some(("mysql", _)) => "mariadb-dump --single-transaction or mariadb-backup",
        Some(("postgres" | "postgresql", _)) => "pg_dump or pg_basebackup",
        _ => match Backend::parse(&url)? {
            Backend::Sqlite(path) => return Ok(path),
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            _ => "the server's own means",
        },
    };
    Err(format!("only for the embedded database; on this server use {instead} (docs/operation.md, Backup and restore)")
        .into())
}

/// Shows how far a copy is.
fn reporter() -> Result<impl Fn(Progress) + Sync> {
    let bar = super::progress_bar("{wide_bar} {percent} % {msg}")?;
    Ok(move |progress| match progress {
        Progress::Copying(written, total) => {
            bar.set_length(total);
            bar.set_position(written);
        }
        Progress::Checking => bar.set_message("checking"),
    })
}

fn summary(copied: Copied, started: i64) -> String {
    let Copied { conversations, messages, bytes } = copied;
    let took = Duration::from_millis((Clock::system().now() - started).unsigned_abs()).as_secs_f64();
    format!("{conversations} conversations, {messages} messages, {bytes} bytes in {took:.1} s")
}
