//! Connections that are kept, and what is known of their health.

use std::time::{Duration, Instant};

use diesel::{QueryResult, RunQueryDsl};

use super::{AnyConnection, Db};
use crate::backoff::Backoff;
use crate::error::{Error, Result};

/// A connection that was used this recently is taken for alive: a busy service pays nothing for the trying.
const FRESH: Duration = Duration::from_secs(1);
/// The pauses between two attempts to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// A connection and whether it can be used again.
pub(super) struct PooledConnection {
    connection: AnyConnection,
    used_at: Instant,
    suspect: bool,
}

impl PooledConnection {
    /// One that was just opened.
    pub(super) fn new(connection: AnyConnection) -> Self {
        Self { connection, used_at: Instant::now(), suspect: false }
    }

    /// Runs `work`. Afterwards the connection is suspect when the database has failed in it, or when it panicked, which
    /// may have been inside a transaction.
    pub(super) fn use_for<T>(&mut self, work: impl FnOnce(&mut AnyConnection) -> Result<T>) -> Result<T> {
        self.suspect = true;
        let outcome = work(&mut self.connection);
        self.suspect =
            matches!(outcome, Err(Error::Busy | Error::Conflict | Error::Unavailable(_) | Error::Internal(_)));
        self.used_at = Instant::now();
        match outcome {
            // A lost connection has many texts, in many languages.
            Err(Error::Internal(cause)) if self.is_to_server() && !self.answers() => {
                Err(Error::Unavailable(format!("the connection is lost: {cause}")))
            }
            outcome => outcome,
        }
    }

    /// Whether it can be lost: an embedded database that does not answer is damaged.
    const fn is_to_server(&self) -> bool {
        !matches!(self.connection, AnyConnection::Sqlite(_))
    }

    /// Whether it must not be used again.
    pub(super) const fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// Whether it can be used now; one that was idle is tried.
    pub(super) fn is_usable(&mut self) -> bool {
        !self.suspect && (self.used_at.elapsed() < FRESH || self.answers())
    }

    fn answers(&mut self) -> bool {
        try_out(&mut self.connection).is_ok()
    }
}

/// Reads from a table: a member of a Galera cluster that is cut off from the others still answers `SELECT 1`.
pub(super) fn try_out(connection: &mut AnyConnection) -> QueryResult<()> {
    diesel::sql_query("SELECT 1 FROM kefu_id_block WHERE name = 'message'").execute(connection).map(drop)
}

/// One thread's own connection, made anew when it is lost; between two attempts the caller is told at once.
pub struct KeptConnection {
    db: Db,
    connection: Option<PooledConnection>,
    /// When the next attempt to connect may be made, after one has failed.
    retry_at: Option<Instant>,
    backoff: Backoff,
    transactions: u64,
}

impl KeptConnection {
    /// Connects for the first time.
    pub fn new(db: &Db) -> Result<Self> {
        let connection = Some(connect(db)?);
        let backoff = Backoff::new(PAUSES.0, PAUSES.1);
        Ok(Self { db: db.clone(), connection, retry_at: None, backoff, transactions: 0 })
    }

    /// Runs `work` as one write transaction ([`Db::transaction`]).
    ///
    /// # Errors
    /// As there, and [`Error::Busy`] while there is no connection.
    pub fn transaction<T>(&mut self, work: impl FnMut(&mut AnyConnection) -> Result<T>) -> Result<T> {
        let db = self.db.clone();
        self.transactions += 1;
        // Often while tables are nearly empty, seldom later, when plans no longer change.
        let is_time_to_plan = self.transactions.is_power_of_two();
        let outcome = self.usable()?.use_for(|connection| {
            if is_time_to_plan {
                connection.plan_anew();
            }
            db.transaction(connection, work)
        });
        self.db.note_outage(outcome)
    }

    /// Whether a lost connection can leave a commit's outcome unknown.
    pub fn is_to_server(&self) -> bool {
        self.db.backend().is_server()
    }

    fn usable(&mut self) -> Result<&mut PooledConnection> {
        let kept = self.connection.take().and_then(|mut kept| kept.is_usable().then_some(kept));
        let usable = kept.map_or_else(|| self.reconnect(), Ok)?;
        Ok(self.connection.insert(usable))
    }

    fn reconnect(&mut self) -> Result<PooledConnection> {
        if self.retry_at.is_some_and(|retry_at| Instant::now() < retry_at) {
            return Err(Error::Busy);
        }
        let connected = connect(&self.db);
        if connected.is_ok() {
            self.backoff.reset();
        }
        self.retry_at = connected.is_err().then(|| Instant::now() + self.backoff.pause());
        connected
    }
}

fn connect(db: &Db) -> Result<PooledConnection> {
    let mut connection = db.connect()?;
    connection.plan_once();
    Ok(PooledConnection::new(connection))
}
