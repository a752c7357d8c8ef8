//! Backups of the embedded database: [`back_up`] makes one, [`restore`] puts one in its place. Both are a checked copy
//! ([`super::copy`]).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;

use super::copy::{Access, Copied, Draft, Progress, Source, open};
use super::lock::{DatabaseLock, beside, resolved};
use crate::clock::{Millis, to_timestamp};
use crate::db::instant::mark_restored;

/// Copies `database`, which may be in use, to `target`, which must not be there. Nothing is changed, not even by a newer
/// version's migrations.
///
/// # Errors
/// One line for the operator: no database of this version or an older one, a damaged one, no space or no right to write.
pub fn back_up(database: &Path, target: &Path, progress: impl Fn(Progress) + Sync) -> Result<Copied, String> {
    let unused = || match target.symlink_metadata() {
        Ok(_) => Err(format!("{} is there already and is not overwritten", target.display())),
        Err(_) => Ok(()),
    };
    unused()?;
    let source = Source::open(database, Access::Shared)?;
    let draft = Draft::copy(source, target, progress)?;
    let copied = draft.check()?;
    unused()?;
    draft.publish(target)?;
    Ok(copied)
}

/// Refuses what is no backup, before anything is made for it.
///
/// # Errors
/// One line for the operator: the file cannot be read, or is no database of this version or an older one.
pub fn require(file: &Path) -> Result<(), String> {
    Source::open(file, Access::Alone).map(drop)
}

/// Puts a copy of `file` in the place of `database` and keeps what was there under the second name it returns. Ids that
/// are given from then on are above all that were given before ([`mark_restored`]).
///
/// # Errors
/// One line for the operator: as [`back_up`], and when a service is running on `database` or anybody has it open. Until
/// the last step, a rename, the present database is the one in place.
pub fn restore(
    file: &Path,
    database: &Path,
    now: Millis,
    progress: impl Fn(Progress) + Sync,
) -> Result<(Copied, Option<PathBuf>), String> {
    let _lock = DatabaseLock::of_file(database)?;
    let database = resolved(database);
    if resolved(file) == database {
        return Err(format!("{} is the database itself", file.display()));
    }
    let draft = Draft::copy(Source::open(file, Access::Alone)?, &database, progress)?;
    draft.change(|connection| mark_restored(connection, now))?;
    let copied = draft.check()?;
    let kept = keep_aside(&database, now)?;
    draft.publish(&database)?;
    Ok((copied, kept))
}

/// Gives the present database a second name. Its log is written into it first: it must not meet the new file. A log that
/// a damaged database could not take, or that has lost its database, is kept too.
fn keep_aside(database: &Path, now: Millis) -> Result<Option<PathBuf>, String> {
    let kept = unused(beside(database, &format!(".before-restore-{}", to_timestamp(now).format("%Y%m%dT%H%M%SZ"))));
    let failed = |error| format!("cannot keep {} as {}: {error}", database.display(), kept.display());
    let present = database.exists();
    if present {
        end_log(database)?;
        fs::hard_link(database, &kept).map_err(failed)?;
    }
    for ending in ["-wal", "-shm"] {
        match fs::rename(beside(database, ending), beside(&kept, ending)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(present.then_some(kept))
}

/// This name, or with `-2`, `-3`, … behind it the first under which nothing is kept yet: two restores may meet in a second.
fn unused(name: PathBuf) -> PathBuf {
    let is_free = |name: &PathBuf| ["", "-wal", "-shm"].iter().all(|ending| !beside(name, ending).exists());
    let others = (2..=u32::MAX).map(|number| beside(&name, &format!("-{number}")));
    std::iter::once(name.clone()).chain(others).find(is_free).unwrap_or(name)
}

/// Writes the log into the database and removes it. Fails when anybody has the database open, which SQLite knows; that it
/// is damaged is no reason not to replace it.
fn end_log(database: &Path) -> Result<(), String> {
    let ended = open(database, "rw").and_then(|mut connection| {
        let end = "PRAGMA busy_timeout = 1000; PRAGMA journal_mode = DELETE";
        connection.batch_execute(end).map_err(|error| error.to_string())
    });
    match ended {
        Err(error) if error.contains("locked") => {
            Err(format!("{} is open in another process; end that first", database.display()))
        }
        _ => Ok(()),
    }
}
