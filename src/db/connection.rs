//! One connection type for all databases.

use diesel::SqliteConnection;

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

/// Runs the same expression on the concrete connection: for the few statements that do not go through
/// [`AnyConnection`] itself (multi-row inserts, statements with a text per backend).
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
pub(crate) use each_backend;
