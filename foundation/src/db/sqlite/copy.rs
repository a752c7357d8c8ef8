//! Whole copies of the embedded database, checked before they count.
//!
//! `VACUUM INTO` is one read transaction: it stops no writer in WAL mode, sees one moment and takes the log's content
//! along. (The backup interface in steps begins anew whenever another process writes; under load it would never end.)
//! While it runs the log cannot start over and grows; [`super::checkpoint`] knows that.
//!
//! A copy is written as a draft beside its place, checked, synced and then renamed, so that under its own name it is
//! whole or not there.

use std::fmt::Display;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tempfile::TempPath;
use url::Url;

use super::lock::beside;
use crate::db::{AnyConnection, migration, one_line};
use crate::error::Result as Done;

/// How often a copy says how far it is.
const INTERVAL: Duration = Duration::from_millis(200);

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Bytes written, and about how many there will be.
    Copying(u64, u64),
    /// The copy is read as a whole.
    Checking,
}

/// What a copy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Conversations of all tenants.
    pub conversations: i64,
    /// Messages of all tenants.
    pub messages: i64,
    /// The copy's size.
    pub bytes: u64,
}

/// How a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Others may be writing to it.
    Shared,
    /// It is a file that nobody changes: SQLite makes no files of its own beside it.
    Alone,
}

/// A kefu database that can be copied.
pub(super) struct Source<'a> {
    path: &'a Path,
    connection: AnyConnection,
}

impl<'a> Source<'a> {
    /// Opens a database for reading.
    ///
    /// # Errors
    /// One line for the operator.
    pub(super) fn open(path: &'a Path, access: Access) -> Result<Self, String> {
        let is_file = fs::metadata(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?.is_file();
        if !is_file {
            return Err(format!("{} is no file", path.display()));
        }
        // A log beside it belongs to it and has to be read.
        let alone = access == Access::Alone && !beside(path, "-wal").exists();
        let connection = open(path, if alone { "ro&immutable=1" } else { "ro" })
            .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
        let mut source = Self { path, connection: AnyConnection::Sqlite(connection) };
        source.check_kind()?;
        Ok(source)
    }

    /// Whether it is a kefu database, and none of a newer version.
    fn check_kind(&mut self) -> Result<(), String> {
        let tables = "SELECT COUNT(*) AS n FROM sqlite_master WHERE type = 'table' AND name IN
             ('__diesel_schema_migrations', 'kefu_conversation', 'kefu_message', 'kefu_id_block')";
        let found: Number = diesel::sql_query(tables).get_result(&mut self.connection).map_err(|error| {
            let text = error.to_string();
            let what = if text.contains("not a database") { "is no SQLite database" } else { text.as_str() };
            format!("{}: {what}", self.path.display())
        })?;
        if found.n != 4 {
            return Err(format!("{} is no kefu database", self.path.display()));
        }
        migration::refuse_newer(&mut self.connection).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

/// A copy that is not finished; removed unless it is published.
pub(super) struct Draft {
    path: TempPath,
    /// What it is a copy of.
    source: PathBuf,
}

impl Draft {
    /// Writes a copy of `source` beside `target`.
    pub(super) fn copy(
        mut source: Source<'_>,
        target: &Path,
        progress: impl Fn(Progress) + Sync,
    ) -> Result<Self, String> {
        let target = std::path::absolute(target).map_err(|error| format!("{}: {error}", target.display()))?;
        let failed = |error: &dyn Display| {
            one_line(&format!("cannot copy {} to {}: {error}", source.path.display(), target.display()))
        };
        let text = target.to_str().ok_or_else(|| failed(&"the name is not UTF-8"))?;
        // What it holds is for its owner alone; SQLite takes an empty file as it is.
        let path = tempfile::Builder::new()
            .prefix(&format!("{}.", text.rsplit('/').next().unwrap_or_default()))
            .suffix(".part")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(target.parent().unwrap_or_else(|| Path::new("/")))
            .map_err(|error| failed(&error))?
            .into_temp_path();
        let text = path.to_str().ok_or_else(|| failed(&"the name is not UTF-8"))?;

        let size = "SELECT (page_count - freelist_count) * page_size AS n
             FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let size: Number =
            diesel::sql_query(size).get_result(&mut source.connection).map_err(|error| failed(&error))?;
        let total = u64::try_from(size.n).unwrap_or_default();
        let written = || fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let copied = watched(
            || diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(text).execute(&mut source.connection),
            || progress(Progress::Copying(written(), total)),
        );
        copied.map_err(|error| failed(&error))?;
        progress(Progress::Checking);
        Ok(Self { source: source.path.to_owned(), path })
    }

    fn connect(&self, mode: &str) -> Result<AnyConnection, String> {
        open(&self.path, mode).map(AnyConnection::Sqlite).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &dyn Display) -> String {
        one_line(&format!("the copy of {} failed its check: {error}", self.source.display()))
    }

    /// Changes something in it, as one transaction.
    pub(super) fn change(&self, work: impl FnOnce(&mut AnyConnection) -> Done<()>) -> Result<(), String> {
        let mut connection = self.connect("rw")?;
        connection.transaction(|connection| work(connection)).map_err(|error| self.failed(&error))
    }

    /// Reads all of it.
    pub(super) fn check(&self) -> Result<Copied, String> {
        let mut connection = self.connect("ro")?;
        let failed = |error: diesel::result::Error| self.failed(&error);
        let found: Vec<Finding> = diesel::sql_query("PRAGMA integrity_check").load(&mut connection).map_err(failed)?;
        match found.first() {
            Some(first) if first.integrity_check == "ok" => {}
            first => {
                let what = first.map_or("no answer", |first| first.integrity_check.as_str());
                return Err(self.failed(&format_args!("the database is damaged: {what}")));
            }
        }
        let mut rows = |table| {
            let query = diesel::sql_query(format!("SELECT COUNT(*) AS n FROM {table}"));
            query.get_result::<Number>(&mut connection).map(|number| number.n).map_err(failed)
        };
        let (conversations, messages) = (rows("kefu_conversation")?, rows("kefu_message")?);
        let bytes = fs::metadata(&self.path).map_err(|error| self.failed(&error))?.len();
        Ok(Copied { conversations, messages, bytes })
    }

    /// Gives it its name, on disk.
    pub(super) fn publish(self, target: &Path) -> Result<(), String> {
        let folder = self.path.parent().map(Path::to_owned);
        let sync = |path: &Path| File::open(path)?.sync_all();
        sync(&self.path)
            .and_then(|()| self.path.persist(target).map_err(|failed| failed.error))
            .and_then(|()| sync(folder.as_deref().unwrap_or_else(|| Path::new("/"))))
            .map_err(|error| format!("cannot write {}: {error}", target.display()))
    }
}

/// Runs `work` while another thread calls `report` now and then.
fn watched<T>(work: impl FnOnce() -> T, report: impl Fn() + Sync) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                report();
                std::thread::park_timeout(INTERVAL);
            }
        });
        let outcome = work();
        done.store(true, Ordering::Release);
        watcher.thread().unpark();
        outcome
    })
}

/// Opens a file that is there. `mode` is that of SQLite's URIs and what follows it.
pub(super) fn open(path: &Path, mode: &str) -> Result<SqliteConnection, String> {
    let mut connection =
        SqliteConnection::establish(&uri(path, mode)?).map_err(|error| one_line(&error.to_string()))?;
    connection.batch_execute("PRAGMA busy_timeout = 5000").map_err(|error| one_line(&error.to_string()))?;
    Ok(connection)
}

/// The address of a file with a mode, for SQLite.
pub(in crate::db) fn uri(path: &Path, mode: &str) -> Result<String, String> {
    let url = std::path::absolute(path).ok().and_then(|path| Url::from_file_path(path).ok());
    url.map(|url| format!("{url}?mode={mode}")).ok_or_else(|| format!("{}: no path of a file", path.display()))
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Finding {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}
