//! What a failed statement means for whoever sent it.
//!
//! Diesel has a kind for one SQLSTATE of those that pass (40001) and shows no other, and no error number of MySQL's: the
//! rest is known by its text. Sessions ask for English ([`super::mysql`], [`super::postgres`]).

use crate::error::Error;

/// The transaction was rolled back in favour of another one.
const CONFLICTS: [&str; 5] = [
    "deadlock detected",
    "Deadlock found",
    "Lock wait timeout",
    "due to lock timeout",
    // The savepoint of `Backend::write_transaction`.
    "SAVEPOINT begun does not exist",
];
/// The database cannot be used now.
const PASSING: [&str; 9] = [
    "database is locked",
    "gone away",
    "Lost connection",
    "server closed the connection",
    "terminating connection",
    "due to statement timeout",
    "Query execution was interrupted",
    "Connection was killed",
    // A member of a Galera cluster that is not part of its majority, or has not caught up.
    "WSREP has not yet prepared node",
];

impl From<diesel::result::Error> for Error {
    /// A database that is locked or out of reach is [`Error::Busy`]: trying again may help. The rest is a fault of ours.
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind as Kind, Error as Cause};
        let says = |texts: &[&str], message: &str| texts.iter().any(|text| message.contains(text));
        match &error {
            Cause::DatabaseError(Kind::SerializationFailure, _) => Self::Conflict,
            Cause::DatabaseError(_, information) if says(&CONFLICTS, information.message()) => Self::Conflict,
            Cause::DatabaseError(Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::ReadOnlyTransaction, _) => {
                tracing::error!(%error, "the database cannot be used now");
                Self::Busy
            }
            Cause::DatabaseError(_, information) if says(&PASSING, information.message()) => {
                tracing::error!(%error, "the database cannot be used now");
                Self::Busy
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
            "database is locked",
            "MySQL server has gone away",
            "Lost connection to server during query",
            "server closed the connection unexpectedly",
            "terminating connection due to administrator command",
            "canceling statement due to statement timeout",
            "Query execution was interrupted (max_statement_time exceeded)",
            "Connection was killed",
            "WSREP has not yet prepared node for application use",
        ] {
            assert_eq!(of(Kind::Unknown, text), Error::Busy, "{text}");
        }
        for kind in [Kind::ClosedConnection, Kind::UnableToSendCommand, Kind::ReadOnlyTransaction] {
            assert_eq!(of(kind, "in any language"), Error::Busy);
        }
        assert!(matches!(of(Kind::Unknown, "no such table"), Error::Internal(_)));
        assert!(matches!(of(Kind::UniqueViolation, "duplicate key"), Error::Internal(_)));
        assert!(matches!(Cause::NotFound.into(), Error::Internal(_)));
    }
}
