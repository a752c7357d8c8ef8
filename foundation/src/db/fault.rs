//! What a failed statement means for its caller.
//!
//! Diesel has a kind for one SQLSTATE of those that pass (40001) and shows no other, and no error number of MySQL's: the
//! rest is known by its text. Sessions ask for English ([`super::mysql`], [`super::postgres`]).

use diesel::QueryResult;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::error::{Error, Result};

/// The transaction was rolled back in favour of another one.
const CONFLICTS: [&str; 5] = [
    "deadlock detected",
    "Deadlock found",
    "Lock wait timeout",
    "due to lock timeout",
    // The savepoint of `Backend::write_transaction`.
    "SAVEPOINT begun does not exist",
];
/// This statement was ended, others may work.
const ENDED: [&str; 3] = ["due to statement timeout", "Query execution was interrupted", "Connection was killed"];
/// The database cannot be used now: it is out of reach, locked by others, or its disk is full or fails.
const OUTAGES: [&str; 27] = [
    // SQLite: SQLITE_BUSY, FULL, IOERR, CANTOPEN, READONLY, PROTOCOL.
    "database is locked",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
    "locking protocol",
    // What SQLite also says of a disk that cannot be read.
    "database disk image is malformed",
    "file is not a database",
    // MariaDB and MySQL: 1021, 1114, 1030 and 3 with the system's error, 1290.
    "Disk full",
    "' is full",
    "from storage engine",
    "Error writing file",
    "so it cannot execute this statement",
    "gone away",
    "Lost connection",
    // A member of a Galera cluster that is not part of its majority, or has not caught up.
    "WSREP has not yet prepared node",
    // PostgreSQL: classes 53 (insufficient resources), 57P (operator intervention) and 58 (system error).
    "could not extend file",
    "could not write",
    "could not read block",
    "could not fsync file",
    "the database system is",
    "server closed the connection",
    "terminating connection",
    // The system's own texts, behind any of them.
    "No space left on device",
    "Disk quota exceeded",
    "Input/output error",
    "Read-only file system",
];

/// Whether an insert met no row with the same unique key.
///
/// # Errors
/// For every other reason for which it failed.
pub fn inserted(outcome: QueryResult<usize>) -> Result<bool> {
    match outcome {
        Ok(_) => Ok(true),
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl From<diesel::result::Error> for Error {
    /// A database that cannot be used is [`Error::Unavailable`], a statement that was ended [`Error::Busy`]: trying again
    /// may help. The rest is a fault of ours.
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind as Kind, Error as Cause};
        let says = |texts: &[&str], message: &str| texts.iter().any(|text| message.contains(text));
        match &error {
            Cause::DatabaseError(Kind::SerializationFailure, _) => Self::Conflict,
            Cause::DatabaseError(_, information) if says(&CONFLICTS, information.message()) => Self::Conflict,
            // Such texts quote values of rows.
            Cause::DatabaseError(Kind::UniqueViolation | Kind::CheckViolation | Kind::NotNullViolation, _) => {
                Self::internal(error)
            }
            Cause::DatabaseError(Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::ReadOnlyTransaction, _) => {
                Self::Unavailable(error.to_string())
            }
            Cause::DatabaseError(_, information) if says(&ENDED, information.message()) => {
                tracing::warn!(%error, "the database has ended a statement");
                Self::Busy
            }
            Cause::DatabaseError(_, information) if says(&OUTAGES, information.message()) => {
                Self::Unavailable(error.to_string())
            }
            _ => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use diesel::result::{DatabaseErrorKind as Kind, Error as Cause};

    use super::*;

    fn of(kind: Kind, text: &str) -> Error {
        Cause::DatabaseError(kind, Box::new(text.to_owned())).into()
    }

    /// The texts as the servers have them: MariaDB 10.11, PostgreSQL 15, SQLite 3.
    #[test]
    fn what_passes_is_told_from_faults_of_ours() {
        for text in [
            "deadlock detected",
            "Deadlock found when trying to get lock; try restarting transaction",
            "Lock wait timeout exceeded; try restarting transaction",
            "canceling statement due to lock timeout",
            "SAVEPOINT begun does not exist",
        ] {
            assert_eq!(of(Kind::Unknown, text), Error::Conflict, "{text}");
        }
        assert_eq!(of(Kind::SerializationFailure, "Serialisierungsfehler"), Error::Conflict);
        for text in [
            "canceling statement due to statement timeout",
            "Query execution was interrupted (max_statement_time exceeded)",
            "Connection was killed",
        ] {
            assert_eq!(of(Kind::Unknown, text), Error::Busy, "{text}");
        }
        for text in [
            "database is locked",
            "database or disk is full",
            "disk I/O error",
            "database disk image is malformed",
            "Disk full (/tmp/#sql); waiting for someone to free some space... (errno: 28 \"No space left on device\")",
            "The table 'kefu_message' is full",
            "Got error 28 \"No space left on device\" from storage engine InnoDB",
            "Error writing file './binlog.000001' (Errcode: 28 \"No space left on device\")",
            "The MariaDB server is running with the --read-only option so it cannot execute this statement",
            "could not extend file \"base/5/16385\": No space left on device",
            "could not write to file \"pg_wal/xlogtemp.1\": No space left on device",
            "the database system is shutting down",
            "MySQL server has gone away",
            "Lost connection to server during query",
            "server closed the connection unexpectedly",
            "terminating connection due to administrator command",
            "WSREP has not yet prepared node for application use",
        ] {
            assert!(matches!(of(Kind::Unknown, text), Error::Unavailable(_)), "{text}");
        }
        for kind in [Kind::ClosedConnection, Kind::UnableToSendCommand, Kind::ReadOnlyTransaction] {
            assert!(matches!(of(kind, "in any language"), Error::Unavailable(_)));
        }
        assert!(matches!(of(Kind::Unknown, "no such table"), Error::Internal(_)));
        assert!(matches!(of(Kind::UniqueViolation, "Duplicate entry 'No space left on device'"), Error::Internal(_)));
        assert!(matches!(Cause::NotFound.into(), Error::Internal(_)));
    }
}
