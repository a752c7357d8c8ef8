//! Whether the embedded database's file is where it should be: before a start, and under a running service.
//!
//! An absent file is created only where nothing speaks of an earlier one, because an empty database in the place of a lost
//! one looks like a service without its messages. A file that is deleted or replaced while the service has it open goes on
//! taking writes, which are gone with the process: [`OpenedFiles::check`] is asked after each commit, before the answer. The same
//! holds for its log (`-wal`) and the log's index (`-shm`), which SQLite keeps for as long as a connection is open.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::lock::{beside, resolved};
use crate::db::Backend;
use crate::error::{Error, Result as Done};
use crate::settings::Settings;

/// Refuses to go on where the settings name a database that is not there: for commands that have nothing to do without one.
///
/// # Errors
/// One line for the operator.
pub fn require(settings: &Settings) -> Result<(), String> {
    match absent(settings)? {
        None => Ok(()),
        Some(path) => Err(format!(
            "there is no database at {} ({}); is this the folder and the configuration of the service? `kefu serve` or \
             `kefu migrate up` creates one",
            path.display(),
            settings.database_key()
        )),
    }
}

/// Refuses to have an embedded database created beside what an earlier one has left.
///
/// # Errors
/// One line for the operator, with the ways out.
pub fn may_create(settings: &Settings) -> Result<(), String> {
    let Some(path) = absent(settings)? else { return Ok(()) };
    let left = left_behind(&path, &settings.data_dir);
    if left.is_empty() {
        return Ok(());
    }
    let left: Vec<String> = left.iter().map(|path| path.display().to_string()).collect();
    Err(format!(
        "there is no database at {} ({}), but {} is there: the database was deleted or moved, or another one is named. Put \
         it back (kefu restore BACKUP), or create an empty one: kefu migrate up --new",
        path.display(),
        settings.database_key(),
        left.join(", ")
    ))
}

/// The path of the embedded database when there is none, or an empty file.
fn absent(settings: &Settings) -> Result<Option<PathBuf>, String> {
    match Backend::parse(&settings.database_url())? {
        Backend::Sqlite(path) => Ok(fs::metadata(&path).map_or(true, |file| file.len() == 0).then_some(path)),
        #[cfg(feature = "mysql")]
        Backend::Mysql(_) => Ok(None),
        #[cfg(feature = "postgres")]
        Backend::Postgres(_) => Ok(None),
    }
}

/// What speaks of a database that was at `path`: its log, a lock that was held by a service that had opened it, and what
/// only a service with a database makes.
fn left_behind(path: &Path, data_dir: &Path) -> Vec<PathBuf> {
    let database = resolved(path);
    let is_filled = |path: &PathBuf| match fs::metadata(path) {
        Ok(found) if found.is_dir() => fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()),
        Ok(found) => found.len() > 0,
        Err(_) => false,
    };
    let traces =
        [data_dir.join("secret"), data_dir.join("files"), beside(&database, "-wal"), beside(&database, ".lock")];
    traces.into_iter().filter(is_filled).collect()
}

/// The files of the database that this process has opened.
pub(crate) struct OpenedFiles {
    files: [(PathBuf, Option<Identity>); 3],
    /// Whether the log has said that one is gone. Held while they are looked at, so that of two threads the later look has
    /// the last word.
    is_reported: Mutex<bool>,
}

/// Device and inode.
type Identity = (u64, u64);

impl OpenedFiles {
    /// The files of the database at `path` as they are now, while a connection to it is open.
    pub(crate) fn of(path: &Path) -> Self {
        let database = resolved(path);
        let files = [path.to_owned(), beside(&database, "-wal"), beside(&database, "-shm")];
        let files = files.map(|path| {
            let identity = identity(&path);
            (path, identity)
        });
        Self { files, is_reported: Mutex::new(false) }
    }

    /// Whether they are still there, at the cost of a system call each.
    ///
    /// # Errors
    /// [`Error::Busy`] when one is not: what was written since then will be gone with the process.
    pub(crate) fn check(&self) -> Done<()> {
        let mut is_reported = self.is_reported.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = self.files.iter().find(|(path, opened)| opened.is_none() || identity(path) != *opened);
        if std::mem::replace(&mut *is_reported, gone.is_some()) == gone.is_none() {
            match gone {
                None => tracing::info!("the database's files are back: writing again"),
                Some((path, _)) => tracing::error!(
                    "the database's file {} was deleted, moved or replaced under the running service: nothing is written \
                     any more. Put the same file back, or stop the service and restore a backup (kefu restore)",
                    path.display()
                ),
            }
        }
        if gone.is_none() { Ok(()) } else { Err(Error::Busy) }
    }
}

fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
