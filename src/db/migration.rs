//! The tables, brought up to this version.

#[cfg(any(feature = "mysql", feature = "postgres"))]
use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::AnyConnection;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "mysql")]
const MYSQL: EmbeddedMigrations = embed_migrations!("migrations/mysql");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// One migration of this binary and whether the database has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MigrationStatus {
    /// The migration's folder name.
    pub name: String,
    /// Whether it has been applied.
    pub applied: bool,
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

/// Every migration of this binary, oldest first.
pub(crate) fn migration_status(connection: &mut AnyConnection) -> Result<Vec<MigrationStatus>, String> {
    let pending: Vec<String> = each_database!(connection, inner, migrations => {
        inner.pending_migrations(migrations)
            .map(|pending| pending.iter().map(|migration| migration.name().to_string()).collect())
            .map_err(|error| super::one_line(&error.to_string()))
    })?;
    Ok(known_migrations()?
        .into_iter()
        .map(|(_, name)| MigrationStatus { applied: !pending.contains(&name), name })
        .collect())
}

/// Versions and names of the migrations in this binary; all databases have the same.
fn known_migrations() -> Result<Vec<(String, String)>, String> {
    let mut known: Vec<(String, String)> = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE)
        .map_err(|error| error.to_string())?
        .iter()
        .map(|migration| (migration.name().version().to_string(), migration.name().to_string()))
        .collect();
    known.sort();
    Ok(known)
}

/// Fails when the database has a migration that this binary does not know.
pub(super) fn refuse_newer(connection: &mut AnyConnection) -> Result<(), String> {
    let applied: Vec<String> = super::each_backend!(connection, inner => {
        inner.applied_migrations()
            .map(|applied| applied.iter().map(ToString::to_string).collect())
            .map_err(|error| super::one_line(&format!("cannot read the database's version: {error}")))
    })?;
    let known = known_migrations()?;
    match applied.into_iter().find(|version| known.iter().all(|(ours, _)| ours != version)) {
        None => Ok(()),
        Some(unknown) => {
            Err(format!("the database has migration {unknown}, which this version does not know: use a newer kefu"))
        }
    }
}
