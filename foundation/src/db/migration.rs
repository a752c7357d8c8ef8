//! The tables, brought up to this version.

use std::collections::BTreeSet;

#[cfg(any(feature = "mysql", feature = "postgres"))]
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use diesel::{Connection as _, QueryableByName, RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::AnyConnection;

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
#[cfg(feature = "mysql")]
const MYSQL: EmbeddedMigrations = embed_migrations!("../migrations/mysql");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// One migration.
#[derive(Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The migration's folder name; of one that this binary does not know, its version.
    pub name: String,
    /// Who has it.
    pub state: MigrationState,
}

/// Where a migration is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// The database has it.
    Applied,
    /// Only this binary has it.
    Pending,
    /// Only the database has it: a newer binary has run.
    Unknown,
}

/// Runs the same expression on the concrete connection with its database's migrations.
macro_rules! each_database {
    ($connection:expr, $inner:ident, $migrations:ident => $body:expr) => {
        match $connection {
            AnyConnection::Sqlite($inner) => {
                let $migrations = SQLITE;
                $body
            }
            #[cfg(feature = "mysql")]
            AnyConnection::Mysql($inner) => {
                let $migrations = MYSQL;
                $body
            }
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres($inner) => {
                let $migrations = POSTGRES;
                $body
            }
        }
    };
}

/// Applies what is missing and returns the names of what it applied.
///
/// # Errors
/// One line for the operator: a database of a newer version, missing rights, a failed statement.
pub fn migrate(connection: &mut AnyConnection) -> Result<Vec<String>, String> {
    one_at_a_time(connection).map_err(|error| format!("migration failed: {error}"))?;
    refuse_newer(connection)?;
    let applied = match connection {
        // The write lock makes two processes that start at once on a new file take turns; a database that is up to date
        // is only read.
        AnyConnection::Sqlite(inner) => match inner.has_pending_migration(SQLITE) {
            Ok(true) => inner.immediate_transaction(|inner| run_pending(inner, SQLITE)),
            Ok(false) => Ok(Vec::new()),
            Err(error) => Err(error),
        },
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(inner) => run_pending(inner, MYSQL),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(inner) => run_pending(inner, POSTGRES),
    };
    applied.map_err(|error| super::one_line(&format!("migration failed: {error}")))
}

fn run_pending<B: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<B>,
    migrations: EmbeddedMigrations,
) -> diesel::migration::Result<Vec<String>>
where
    EmbeddedMigrations: MigrationSource<B>,
{
    Ok(connection.run_pending_migrations(migrations)?.iter().map(ToString::to_string).collect())
}

/// Two nodes that start at once on a new database: the second waits for the first. The lock and the lifted limits last
/// as long as the connection.
fn one_at_a_time(connection: &mut AnyConnection) -> diesel::QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(()),
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(inner) => inner.batch_execute(
            "SET SESSION innodb_lock_wait_timeout = 600 /*M!100300 , max_statement_time = 0 */;
             DO GET_LOCK(CONCAT('kefu migrate ', MD5(DATABASE())), 600)",
        ),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(inner) => inner.batch_execute(
            "SET statement_timeout = 0; SET lock_timeout = 0; SELECT pg_advisory_lock(hashtext('kefu migrate'))",
        ),
    }
}

/// Every migration of this binary and of the database, oldest first.
pub fn migration_status(connection: &mut AnyConnection) -> Result<Vec<MigrationStatus>, String> {
    let (mut applied, known) = (applied_versions(connection)?, known_migrations()?);
    let mut status = Vec::with_capacity(known.len());
    for (version, name) in known {
        let before = applied.len();
        applied.retain(|found| *found != version);
        let state = if applied.len() < before { MigrationState::Applied } else { MigrationState::Pending };
        status.push(MigrationStatus { name, state });
    }
    applied.sort();
    status.extend(applied.into_iter().map(|name| MigrationStatus { name, state: MigrationState::Unknown }));
    Ok(status)
}

/// What `kefu migrate down` is about to take away.
pub struct Lost {
    /// The migrations that are newer than the one named, newest first.
    pub migrations: Vec<String>,
    /// The tables and columns that go with them, each as one line.
    pub parts: Vec<String>,
}

/// What taking back everything that is newer than `to`, a migration's name or version, would remove.
///
/// # Errors
/// One line for the operator: `to` is not among the applied ones, or the database is of a newer version.
pub fn what_is_lost(connection: &mut AnyConnection, to: &str) -> Result<Lost, String> {
    refuse_newer(connection)?;
    let (applied, known) = (applied_versions(connection)?, known_migrations()?);
    let kept = known.iter().position(|(version, name)| version == to || name == to).map_or(0, |place| place + 1);
    let is_applied = |(version, _): &&(String, String)| applied.contains(version);
    if !known.get(..kept).and_then(|kept| kept.last()).is_some_and(|last| is_applied(&last)) {
        let names: Vec<&str> = known.iter().filter(is_applied).map(|(_, name)| name.as_str()).collect();
        return Err(format!("--to {to}: must be one of those that the database has: {}", names.join(", ")));
    }
    let newer = known.get(kept..).unwrap_or_default();
    let migrations: Vec<String> = newer.iter().rev().filter(is_applied).map(|(_, name)| name.clone()).collect();
    let parts = if migrations.is_empty() { Vec::new() } else { lost_parts(connection, kept)? };
    Ok(Lost { migrations, parts })
}

/// Takes back everything that is newer than `to`, newest first, and returns the names. What was stored in it is lost.
///
/// # Errors
/// As [`what_is_lost`], and a failed statement: those taken back before it stay so.
pub fn migrate_down(connection: &mut AnyConnection, to: &str) -> Result<Vec<String>, String> {
    one_at_a_time(connection).map_err(|error| format!("migration failed: {error}"))?;
    let Lost { migrations: names, .. } = what_is_lost(connection, to)?;
    each_database!(connection, inner, migrations => take_back(inner, migrations, &names))
        .map_err(|error| super::one_line(&format!("migration failed: {error}")))?;
    Ok(names)
}

fn take_back<B: diesel::backend::Backend>(
    connection: &mut impl MigrationHarness<B>,
    migrations: EmbeddedMigrations,
    names: &[String],
) -> diesel::migration::Result<()>
where
    EmbeddedMigrations: MigrationSource<B>,
{
    let all = migrations.migrations()?;
    for name in names {
        for migration in all.iter().filter(|migration| migration.name().to_string() == *name) {
            connection.revert_migration(migration)?;
        }
    }
    Ok(())
}

/// The tables and columns that only the migrations behind the first `kept` have, with the number of rows of each table. All
/// databases have the same ones, so an empty one in memory tells.
fn lost_parts(connection: &mut AnyConnection, kept: usize) -> Result<Vec<String>, String> {
    let failed = |error: &dyn std::fmt::Display| super::one_line(&format!("cannot tell what would be lost: {error}"));
    let mut model = SqliteConnection::establish(":memory:").map_err(|error| failed(&error))?;
    let mut all = MigrationSource::<Sqlite>::migrations(&SQLITE).map_err(|error| failed(&error))?;
    all.sort_by_key(|migration| migration.name().version().to_string());
    let mut before = BTreeSet::new();
    for (place, migration) in all.iter().enumerate() {
        if place == kept {
            before = columns(&mut model).map_err(|error| failed(&error))?;
        }
        migration.run(&mut model).map_err(|error| failed(&error))?;
    }
    let mut parts = Vec::new();
    for (table, column) in columns(&mut model).map_err(|error| failed(&error))?.difference(&before) {
        if before.iter().any(|(kept, _)| kept == table) {
            parts.push(format!("column {table}.{column}"));
        } else if !parts.iter().any(|part: &String| part.starts_with(&format!("table {table},"))) {
            let query = diesel::sql_query(format!("SELECT COUNT(*) AS n FROM {table}"));
            let rows: Rows = query.get_result(connection).map_err(|error| failed(&error))?;
            parts.push(format!("table {table}, {} rows", rows.n));
        }
    }
    Ok(parts)
}

#[derive(QueryableByName)]
struct Rows {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
}

/// Tables and their columns.
fn columns(model: &mut SqliteConnection) -> diesel::QueryResult<BTreeSet<(String, String)>> {
    let query = "SELECT t.name AS table_name, c.name AS column_name
         FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'";
    let columns: Vec<Column> = diesel::sql_query(query).load(model)?;
    Ok(columns.into_iter().map(|column| (column.table_name, column.column_name)).collect())
}

/// Versions and names of the migrations in this binary, oldest first; all databases have the same.
fn known_migrations() -> Result<Vec<(String, String)>, String> {
    let mut known: Vec<(String, String)> = MigrationSource::<Sqlite>::migrations(&SQLITE)
        .map_err(|error| error.to_string())?
        .iter()
        .map(|migration| (migration.name().version().to_string(), migration.name().to_string()))
        .collect();
    known.sort();
    Ok(known)
}

fn applied_versions(connection: &mut AnyConnection) -> Result<Vec<String>, String> {
    super::each_backend!(connection, inner => {
        inner.applied_migrations()
            .map(|applied| applied.iter().map(ToString::to_string).collect())
            .map_err(|error| super::one_line(&format!("cannot read the database's version: {error}")))
    })
}

/// Whether any migration has been run on the database.
pub fn is_new(connection: &mut AnyConnection) -> Result<bool, String> {
    Ok(applied_versions(connection)?.is_empty())
}

/// Fails when the database has a migration that this binary does not know.
pub(super) fn refuse_newer(connection: &mut AnyConnection) -> Result<(), String> {
    let known = known_migrations()?;
    match applied_versions(connection)?.into_iter().find(|version| known.iter().all(|(ours, _)| ours != version)) {
        None => Ok(()),
        Some(unknown) => {
            Err(format!("the database has migration {unknown}, which this version does not know: use a newer kefu"))
        }
    }
}
