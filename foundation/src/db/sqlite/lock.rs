//! One service per embedded database: its writer and its push are alone in one process, so that a second one on the same
//! file would push to half of the clients.
//!
//! The lock is the system's (`flock`) on a file beside the database: it ends with the process, however that ends, and the
//! file stays. Not on the database itself, which SQLite locks in its own way and a restore replaces.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::db::Backend;

/// Held by `kefu serve` and `kefu restore`; dropping it lets the next one in.
#[derive(Debug)]
pub struct DatabaseLock {
    file: File,
    path: PathBuf,
}

impl DatabaseLock {
    /// Takes the lock of an embedded database; a server needs none, because nodes share it.
    ///
    /// # Errors
    /// One line for the operator: another process has it, or the file cannot be made.
    pub fn take(backend: &Backend) -> Result<Option<Self>, String> {
        match backend {
            Backend::Sqlite(path) => Self::of_file(path).map(Some),
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => Ok(None),
            #[cfg(feature = "postgres")]
            Backend::Postgres(_) => Ok(None),
        }
    }

    /// Notes in the lock's file, which stays, that there is a database: should it be gone at a later start, that one does not
    /// take itself for the first ([`super::place`]).
    ///
    /// # Errors
    /// One line for the operator: the file cannot be written.
    pub fn note_database(&self) -> Result<(), String> {
        let noted = self.file.metadata().and_then(|found| match found.len() {
            0 => (&self.file).write_all(b"A database belongs to this lock.\n"),
            _ => Ok(()),
        });
        noted.map_err(|error| format!("cannot write to the database's lock file {}: {error}", self.path.display()))
    }

    /// Takes the lock of the database in this file.
    ///
    /// # Errors
    /// One line for the operator: another process has it, or its file cannot be opened.
    pub(super) fn of_file(database: &Path) -> Result<Self, String> {
        let database = resolved(database);
        let path = beside(&database, ".lock");
        let file = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| format!("cannot open the database's lock file {}: {error}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => Err(format!(
                "another kefu process is running on {}: only one may serve or restore it",
                database.display()
            )),
            Err(TryLockError::Error(error)) => Err(format!("cannot lock {}: {error}", path.display())),
        }
    }
}

/// The file itself, when a link leads to it: SQLite keeps its own files beside that one.
pub(super) fn resolved(database: &Path) -> PathBuf {
    fs::canonicalize(database).unwrap_or_else(|_| database.to_owned())
}

/// The same path with something at its end.
pub(in crate::db) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_has_one_lock_by_whatever_name_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let (database, link) = (folder.path().join("kefu.db"), folder.path().join("link.db"));
        fs::write(&database, "").unwrap();
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let lock = DatabaseLock::of_file(&database).unwrap();
        for name in [&database, &link, &folder.path().join("./kefu.db")] {
            let refused = DatabaseLock::of_file(name).unwrap_err();
            assert!(refused.contains("another kefu process"), "{refused}");
        }
        drop(lock);
        DatabaseLock::of_file(&link).unwrap();
    }
}
