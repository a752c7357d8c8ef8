//! One connection type for all databases.

#![expect(missing_docs, reason = "Diesel's derive makes a backend's type without")]

use diesel::connection::SimpleConnection;
#[cfg(feature = "mysql")]
use diesel::connection::{CacheSize, Connection as _};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl, SqliteConnection};

/// A connection to whichever database the settings name.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// The embedded database.
    Sqlite(SqliteConnection),
    /// MariaDB or MySQL.
    #[cfg(feature = "mysql")]
    Mysql(diesel::MysqlConnection),
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
}

impl AnyConnection {
    /// Runs a text that begins or ends a transaction. SQLite keeps it prepared: two of them frame every commit.
    pub(super) fn begin_or_end(&mut self, text: &'static str) -> QueryResult<()> {
        match self {
            Self::Sqlite(connection) => Prepared(text).execute(connection).map(drop),
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            server => server.batch_execute(text),
        }
    }

    /// Prepares for the same few statements over and over, each over a short list: PostgreSQL plans them once.
    pub(super) fn plan_once(&mut self) {
        #[cfg(feature = "postgres")]
        if let Self::Postgres(connection) = self {
            super::postgres::plan_once(connection);
        }
    }

    /// Lets plans be made anew, because tables may have grown.
    pub(super) fn plan_anew(&mut self) {
        #[cfg(feature = "postgres")]
        if let Self::Postgres(connection) = self {
            super::postgres::plan_anew(connection);
        }
    }

    /// Closes the prepared statements after one of them has failed. MariaDB's C library (3.3) does not take notice of an
    /// error, e.g. a lost deadlock, that ends a result after its header: run again, the same statement would wait
    /// for the rest of that result for ever, with the locks of its transaction in hand.
    pub(super) fn forget_statements(&mut self) {
        #[cfg(feature = "mysql")]
        if let Self::Mysql(connection) = self {
            connection.set_prepared_statement_cache_size(CacheSize::Disabled);
            connection.set_prepared_statement_cache_size(CacheSize::Unbounded);
        }
    }
}

/// Runs the same expression on the concrete connection: for the few statements that do not go through
/// [`AnyConnection`] itself (multi-row inserts, statements with a text per backend).
#[macro_export]
macro_rules! each_backend {
    ($connection:expr, $inner:ident => $body:expr) => {
        match $connection {
            $crate::db::AnyConnection::Sqlite($inner) => $body,
            #[cfg(feature = "mysql")]
            $crate::db::AnyConnection::Mysql($inner) => $body,
            #[cfg(feature = "postgres")]
            $crate::db::AnyConnection::Postgres($inner) => $body,
        }
    };
}
pub use each_backend;

/// A statement without parameters that stays prepared; Diesel's `sql_query` prepares its text each time.
struct Prepared(&'static str);

impl QueryFragment<Sqlite> for Prepared {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(self.0);
        Ok(())
    }
}

impl QueryId for Prepared {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Connection> RunQueryDsl<Connection> for Prepared {}
