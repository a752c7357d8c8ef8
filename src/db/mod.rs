//! The database: a pool of connections and the one hop to a blocking thread.
//!
//! [`Db::run`] reads, [`Db::write`] runs one write transaction. The message writer holds a connection of its own and
//! takes the same turn at writing ([`Db::transaction`]), so that writers of one process never meet in SQLite's busy
//! handler, which waits by sleeping. Only `db` and the `store.rs` files know Diesel.

mod backend;
pub mod checkpoint;
mod connection;
pub mod id_block;
#[expect(missing_docs, reason = "generated")]
pub mod schema;
pub(crate) mod values;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use tokio::sync::Semaphore;

pub use backend::{Backend, MigrationStatus, migrate, migration_status};
pub use connection::AnyConnection;
pub(crate) use connection::{MultiBackend, each_backend};

use crate::error::{Error, Result};
use crate::settings;

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    backend: Backend,
    pool: r2d2::Pool<Manager>,
    /// One permit per connection, so that waiting for one costs no thread.
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
    /// Whoever writes holds it: see the module's text.
    write_turn: Mutex<()>,
}

impl Db {
    /// Opens the pool on a migrated database.
    ///
    /// # Errors
    /// One line for the operator: the database cannot be reached or set up, or is of a newer version.
    pub fn open(backend: Backend, settings: &settings::Database) -> Result<Self, String> {
        let mut first = backend.connect().map_err(|error| format!("cannot open the database: {error}"))?;
        migrate(&mut first)?;
        let acquire_timeout = Duration::from_millis(settings.acquire_timeout_ms);
        let pool = r2d2::Pool::builder()
            .max_size(settings.pool_size)
            .min_idle(Some(1))
            .connection_timeout(acquire_timeout)
            .test_on_check_out(false)
            .build_unchecked(Manager { backend: backend.clone() });
        let permits = usize::try_from(settings.pool_size).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Ok(Self(Arc::new(Inner {
            backend,
            pool,
            permits: Arc::new(Semaphore::new(permits)),
            acquire_timeout,
            write_turn: Mutex::new(()),
        })))
    }

    /// Which database this is.
    pub fn backend(&self) -> &Backend {
        &self.0.backend
    }

    /// A connection beside the pool, for a thread that keeps one.
    pub fn connect(&self) -> Result<AnyConnection> {
        self.0.backend.connect().map_err(Error::internal)
    }

    /// Runs `work` on a pooled connection in a blocking thread. For reads; what writes uses [`Db::write`].
    ///
    /// # Errors
    /// [`Error::Busy`] when no connection became free in time; whatever `work` returns.
    pub async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection) -> Result<T> + Send + 'static,
    {
        let permit = tokio::time::timeout(self.0.acquire_timeout, Arc::clone(&self.0.permits).acquire_owned())
            .await
            .map_err(|_| Error::Busy)?
            .map_err(Error::internal)?;
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut connection = inner.pool.get().map_err(|error| {
                tracing::error!(%error, "no database connection");
                Error::Busy
            })?;
            work(&mut connection)
        })
        .await
        .map_err(Error::internal)?
    }

    /// Runs `work` as one write transaction on a pooled connection; an error rolls it back.
    ///
    /// # Errors
    /// As [`Db::run`], and a failed commit.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection) -> Result<T> + Send + 'static,
    {
        let db = self.clone();
        self.run(move |connection| db.transaction(connection, work)).await
    }

    /// Runs `work` as one write transaction on `connection`, in this thread; an error rolls it back.
    ///
    /// # Errors
    /// Whatever `work` returns, and a failed begin or commit.
    pub fn transaction<T>(
        &self,
        connection: &mut AnyConnection,
        work: impl FnOnce(&mut AnyConnection) -> Result<T>,
    ) -> Result<T> {
        let _turn = self.0.write_turn.lock().unwrap_or_else(PoisonError::into_inner);
        connection.batch_execute(self.0.backend.begin_write())?;
        let outcome = work(connection).and_then(|value| {
            connection.batch_execute("COMMIT")?;
            Ok(value)
        });
        if outcome.is_err() {
            // Fails only when there is nothing to roll back any more; the first error is the one to report.
            drop(connection.batch_execute("ROLLBACK"));
        }
        outcome
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        self.run(|connection| {
            diesel::sql_query("SELECT 1").execute(connection)?;
            Ok(())
        })
        .await
    }

    /// Runs `work` while no other thread of this process writes.
    pub(crate) fn while_not_writing<T>(&self, work: impl FnOnce() -> T) -> T {
        let _turn = self.0.write_turn.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

#[derive(Debug)]
struct Manager {
    backend: Backend,
}

impl r2d2::ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = diesel::ConnectionError;

    fn connect(&self) -> Result<AnyConnection, diesel::ConnectionError> {
        self.backend.connect()
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), diesel::ConnectionError> {
        diesel::sql_query("SELECT 1")
            .execute(connection)
            .map(drop)
            .map_err(diesel::ConnectionError::CouldntSetupConfiguration)
    }

    /// A connection that a panic interrupted may stand inside a transaction.
    fn has_broken(&self, _: &mut AnyConnection) -> bool {
        std::thread::panicking()
    }
}
