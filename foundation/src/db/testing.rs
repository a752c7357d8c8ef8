//! A database for unit tests. `kefu` includes this file for its own: a feature for it would have every program compiled twice.

use tempfile::TempDir;

use crate::db::{Backend, Db};
use crate::settings;

/// A fresh database, migrated, in a folder of its own that goes with the test.
pub(crate) fn temporary() -> (TempDir, Db) {
    temporary_with(&settings::Database::default())
}

/// As [`temporary`], with these settings.
pub(crate) fn temporary_with(settings: &settings::Database) -> (TempDir, Db) {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(Backend::Sqlite(folder.path().join("kefu.db")), settings).unwrap();
    (folder, db)
}
