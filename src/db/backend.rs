//! From a database URL to a connection: which backend it is, how its connections are set up, its migrations.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::migration::Migration;
use diesel::{Connection as _, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::AnyConnection;
use super::connection::each_backend;

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Which database a URL names, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The embedded database in this file.
    Sqlite(PathBuf),
}

impl Backend {
    /// Reads a database URL.
    ///
    /// # Errors
    /// One line for the operator: an unknown scheme, or one whose feature this binary was built without.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once(':').ok_or("database.url: no scheme; use sqlite:<path>")?;
        match scheme {
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" | ":memory:" => Err("database.url: sqlite: needs the path of a file".into()),
                path => Ok(Self::Sqlite(path.into())),
            },
            "mysql" | "postgres" | "postgresql" => {
                Err(format!("database.url: {scheme} is not available in this version; use sqlite:<path>"))
            }
            other => Err(format!("database.url: unknown scheme {other}; use sqlite:<path>")),
        }
    }

    /// Opens and sets up one connection.
    pub fn connect(&self) -> diesel::ConnectionResult<AnyConnection> {
        match self {
            Self::Sqlite(path) => connect_sqlite(path).map(AnyConnection::Sqlite),
        }
    }

    /// The statement that begins a write transaction. SQLite takes the write lock at once: upgrading a read lock later
    /// fails when another writer came in between.
    pub const fn begin_write(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BEGIN IMMEDIATE",
        }
    }
}

/// WAL with synchronous=FULL keeps every answered send through a power loss (invariant 1). Checkpoints are not made by
/// commits but by a thread of their own ([`super::checkpoint`]).
fn connect_sqlite(path: &Path) -> diesel::ConnectionResult<SqliteConnection> {
    let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
    connection
        .batch_execute(
            "PRAGMA busy_timeout = 5000;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA temp_store = MEMORY;",
        )
        .map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// One migration of this binary and whether the database has it.
#[derive(Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The migration's folder name.
    pub name: String,
    /// Whether it has been applied.
    pub applied: bool,
}

/// Applies what is missing and returns the names of what it applied.
///
/// # Errors
/// One line for the operator: a database of a newer version, missing rights, a failed statement.
pub fn migrate(connection: &mut AnyConnection) -> Result<Vec<String>, String> {
    if let Some(unknown) = newer_migration(connection)? {
        return Err(format!(
            "the database has migration {unknown}, which this version does not know: use a newer kefu"
        ));
    }
    let applied = each_backend!(connection, inner => {
        inner.run_pending_migrations(SQLITE_MIGRATIONS).map(|done| done.iter().map(ToString::to_string).collect())
    });
    applied.map_err(|error| format!("migration failed: {error}"))
}

/// Every migration of this binary, oldest first.
pub fn migration_status(connection: &mut AnyConnection) -> Result<Vec<MigrationStatus>, String> {
    let pending: Vec<String> = each_backend!(connection, inner => {
        inner.pending_migrations(SQLITE_MIGRATIONS)
            .map(|pending| pending.iter().map(|migration| migration.name().to_string()).collect())
            .map_err(|error| error.to_string())
    })?;
    Ok(known_migrations()?
        .into_iter()
        .map(|(_, name)| MigrationStatus { applied: !pending.contains(&name), name })
        .collect())
}

/// Versions and names of the migrations in this binary.
fn known_migrations() -> Result<Vec<(String, String)>, String> {
    use diesel::migration::MigrationSource;
    let mut known: Vec<(String, String)> = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE_MIGRATIONS)
        .map_err(|error| error.to_string())?
        .iter()
        .map(|migration| (migration.name().version().to_string(), migration.name().to_string()))
        .collect();
    known.sort();
    Ok(known)
}

fn newer_migration(connection: &mut AnyConnection) -> Result<Option<String>, String> {
    let applied: Vec<String> = each_backend!(connection, inner => {
        inner.applied_migrations()
            .map(|applied| applied.iter().map(ToString::to_string).collect())
            .map_err(|error| error.to_string())
    })?;
    let known = known_migrations()?;
    Ok(applied.into_iter().find(|version| known.iter().all(|(ours, _)| ours != version)))
}
