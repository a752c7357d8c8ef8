//! The database: a pool of connections and the one hop to a blocking thread.
//!
//! [`Db::run`] reads, [`Db::write`] runs one write transaction. The message writer holds a connection of its own
//! ([`kept::KeptConnection`]) and runs its transactions the same way ([`Db::transaction`]). Only `db` and the `store` modules
//! know Diesel.
//!
//! Several writers: those of one process take turns on SQLite, so that they never meet in its busy handler, which waits
//! by sleeping. On a server the rows' locks do it, and a transaction that lost a deadlock is run again, so what is
//! passed to [`Db::write`] may run more than once.
//!
//! A server that is restarted, cut off or hangs, a disk that is full or fails: calls in flight get [`Error::Busy`],
//! also when the commit's outcome is unknown. The outage is known ([`Db::is_unwritable`]) until a transaction is committed
//! again, which [`watch`] tries every second, so that it ends without a client's help. A connection that has failed is not used again, one that was idle is tried before it is used.

mod backend;
pub mod bulk;
mod connection;
mod fault;
pub mod id_block;
pub mod instant;
pub mod kept;
mod migration;
#[cfg(feature = "mysql")]
mod mysql;
mod named_number;
#[cfg(feature = "postgres")]
mod postgres;
mod probe;
pub mod progress;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod testing;
pub mod timestamp;
pub mod watch;

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use tokio::sync::Semaphore;

pub use backend::Backend;
pub use connection::{AnyConnection, MultiBackend, each_backend};
pub use fault::inserted;
pub use instant::mark_restored;
pub use kefu_schema as schema;
pub use migration::migrate;
pub use migration::{Lost, MigrationState, MigrationStatus, is_new, migrate_down, migration_status, what_is_lost};
pub use sqlite::copy::{Copied, Progress};
pub use sqlite::lock::DatabaseLock;

use crate::backoff::Backoff;
use crate::error::{Error, Result};
use crate::settings::{self, Settings};
use crate::telemetry::outage::Outage;
use kept::PooledConnection;
use sqlite::place::OpenedFiles;

/// How long nothing may have failed before a commit shows that the database can be used again.
const SETTLED_AFTER: Duration = Duration::from_millis(500);
/// How often a transaction is run that lost against others.
const ATTEMPTS: u32 = 6;

/// The pauses between them.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(160));

/// What SQLite says of a file that it cannot make sense of.
const DAMAGED: [&str; 2] = ["malformed", "not a database"];

/// What a blocking thread does with a connection.
type Work = Box<dyn FnOnce(&mut AnyConnection) -> Result<Value> + Send>;
/// What comes of it.
type Value = Box<dyn Any + Send>;

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    backend: Backend,
    pool: r2d2::Pool<Manager>,
    /// One permit per connection, so that waiting for one costs no thread.
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
    answer_timeout: Duration,
    /// Held by the writer of SQLite: see the module's text.
    write_turn: Mutex<()>,
    /// Who waits to write waits here first, without a connection: readers need those.
    writers: Semaphore,
    embedded: Option<Embedded>,
    outage: Arc<Outage>,
}

/// What only an embedded database has.
struct Embedded {
    files: Arc<OpenedFiles>,
    /// Never used: as long as a connection is open, SQLite keeps the log's file.
    _first: Mutex<AnyConnection>,
}

impl Db {
    /// Opens the pool on a migrated database.
    ///
    /// # Errors
    /// One line for the operator: the database cannot be reached or set up, is of a newer version, or may only be read.
    pub fn open(backend: Backend, settings: &settings::Database) -> Result<Self, String> {
        Self::with_spare(backend, settings, 1)
    }

    /// As [`Db::open`], for a command that soon ends: connects only when a connection is wanted. The C libraries clean up when
    /// a process ends, and a thread that is connecting then crashes.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub fn open_for_command(backend: Backend, settings: &settings::Database) -> Result<Self, String> {
        Self::with_spare(backend, settings, 0)
    }

    /// Keeps so many connections ready that nobody uses.
    fn with_spare(backend: Backend, settings: &settings::Database, spare: u32) -> Result<Self, String> {
        let mut first = backend.open()?;
        migrate(&mut first)?;
        if backend.is_server() {
            probe::write_nothing(&mut first)
                .map_err(|error| one_line(&format!("cannot write to the database: {error}")))?;
        }
        let embedded = match &backend {
            Backend::Sqlite(path) => {
                Some(Embedded { files: Arc::new(OpenedFiles::of(path)), _first: Mutex::new(first) })
            }
            // With the connection goes the lock on migrations.
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            _ => None,
        };
        let outage = Arc::new(Outage::new("the database", SETTLED_AFTER));
        let acquire_timeout = Duration::from_millis(settings.acquire_timeout_ms);
        let files = embedded.as_ref().map(|embedded| Arc::clone(&embedded.files));
        let pool = r2d2::Pool::builder()
            .max_size(settings.pool_size)
            .min_idle(Some(spare))
            .connection_timeout(acquire_timeout)
            .test_on_check_out(backend.is_server())
            .error_handler(Box::new(NoteOutage(Arc::clone(&outage))))
            .build_unchecked(Manager { backend: backend.clone(), files });
        let permits = usize::try_from(settings.pool_size).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let writers = if backend.is_server() { permits } else { 1 };
        Ok(Self(Arc::new(Inner {
            backend,
            embedded,
            pool,
            permits: Arc::new(Semaphore::new(permits)),
            acquire_timeout,
            answer_timeout: Duration::from_millis(settings.answer_timeout_ms),
            write_turn: Mutex::new(()),
            writers: Semaphore::new(writers),
            outage,
        })))
    }

    /// Which database this is.
    pub fn backend(&self) -> &Backend {
        &self.0.backend
    }

    /// How long a caller waits for the database, the write queue included, before it is told [`Error::Busy`].
    pub fn answer_timeout(&self) -> Duration {
        self.0.answer_timeout
    }

    /// A connection beside the pool, for a thread that keeps one.
    ///
    /// # Errors
    /// [`Error::Busy`] when the server cannot be reached.
    pub fn connect(&self) -> Result<AnyConnection> {
        self.0.backend.connect().map_err(|error| {
            self.0.outage.failed(&format!("no connection: {error}"));
            Error::Busy
        })
    }

    /// Notes a failure that means that the database cannot be used, and turns it into [`Error::Busy`].
    fn note_outage<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| match error {
            Error::Unavailable(cause) => {
                self.0.outage.failed(&cause);
                Error::Busy
            }
            other => other,
        })
    }

    /// Whether the database could not be used lately and nothing was committed since.
    pub fn is_unwritable(&self) -> bool {
        self.0.outage.is_on()
    }

    /// Runs `work` on a pooled connection in a blocking thread. For reads; what writes uses [`Db::write`].
    ///
    /// # Errors
    /// [`Error::Busy`] when no connection became free in time, or the connection was lost; whatever `work` returns.
    pub async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut AnyConnection) -> Result<T> + Send + 'static,
    {
        let boxed = |connection: &mut AnyConnection| {
            let value: Value = Box::new(work(connection)?);
            Ok(value)
        };
        let value = self.run_boxed(Box::new(boxed)).await?;
        value.downcast().map(|value| *value).map_err(|_| Error::internal("a read has returned something else"))
    }

    /// Not generic, so that it is compiled once and not for each of some 200 callers, which was a tenth of the program.
    async fn run_boxed(&self, work: Work) -> Result<Value> {
        let permit = tokio::time::timeout(self.0.acquire_timeout, Arc::clone(&self.0.permits).acquire_owned())
            .await
            .map_err(|_| Error::Busy)?
            .map_err(Error::internal)?;
        let (db, span) = (self.clone(), tracing::Span::current());
        let done = tokio::task::spawn_blocking(move || {
            let (_permit, _entered) = (permit, span.enter());
            let mut connection = db.0.pool.get().map_err(|error| {
                db.0.outage.failed(&format!("no connection: {error}"));
                Error::Busy
            })?;
            db.note_outage(connection.use_for(work))
        });
        // The thread of a call that is given up on ends when the server goes on, or with its connection.
        tokio::time::timeout(self.0.answer_timeout, done).await.map_err(|_| Error::Busy)?.map_err(Error::internal)?
    }

    /// Runs `work` as one write transaction on a pooled connection; an error rolls it back. On a server it may run
    /// several times, each time from the beginning.
    ///
    /// # Errors
    /// As [`Db::run`], and a failed commit.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut AnyConnection) -> Result<T> + Send + 'static,
    {
        let _turn = tokio::time::timeout(self.0.acquire_timeout, self.0.writers.acquire())
            .await
            .map_err(|_| Error::Busy)?
            .map_err(Error::internal)?;
        let db = self.clone();
        self.run(move |connection| db.transaction(connection, work)).await
    }

    /// Runs `work` as one write transaction on `connection`, in this thread; an error rolls it back. On a server it may
    /// run several times, each time from the beginning.
    ///
    /// # Errors
    /// [`Error::Busy`] when the connection was lost, which may have been after the commit, or when others were in the
    /// way each time; whatever `work` returns, and a failed begin or commit.
    pub fn transaction<T>(
        &self,
        connection: &mut AnyConnection,
        mut work: impl FnMut(&mut AnyConnection) -> Result<T>,
    ) -> Result<T> {
        let mut value = None;
        self.transaction_of(connection, &mut |connection| {
            value = Some(work(connection)?);
            Ok(())
        })?;
        value.ok_or_else(|| Error::internal("a transaction was committed without its work"))
    }

    /// As [`Db::run_boxed`].
    fn transaction_of(
        &self,
        connection: &mut AnyConnection,
        work: &mut dyn FnMut(&mut AnyConnection) -> Result<()>,
    ) -> Result<()> {
        let _turn =
            (!self.0.backend.is_server()).then(|| self.0.write_turn.lock().unwrap_or_else(PoisonError::into_inner));
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        for _ in 1..ATTEMPTS {
            match self.attempt(connection, work) {
                Err(Error::Conflict) => {
                    connection.forget_statements();
                    std::thread::sleep(backoff.pause());
                }
                outcome => return self.ended(outcome),
            }
        }
        let last = self.attempt(connection, work);
        self.ended(last.map_err(|error| if error == Error::Conflict { Error::Busy } else { error }))
    }

    fn ended(&self, outcome: Result<()>) -> Result<()> {
        if outcome.is_ok() {
            self.0.outage.worked();
        }
        self.note_outage(outcome)
    }

    fn attempt(
        &self,
        connection: &mut AnyConnection,
        work: &mut dyn FnMut(&mut AnyConnection) -> Result<()>,
    ) -> Result<()> {
        let server = self.0.backend.is_server();
        let statements = self.0.backend.write_transaction();
        self.check_file()?;
        let begun = connection.begin_or_end(statements.begin);
        let worked = begun.map_err(Error::from).and_then(|()| work(connection)).map_err(|error| match error {
            Error::Internal(cause)
                if statements.check.is_some_and(|check| connection.batch_execute(check).is_err()) =>
            {
                tracing::warn!(cause, "the transaction was ended by the database");
                Error::Conflict
            }
            error => error,
        });
        let outcome = worked.and_then(|()| match connection.begin_or_end(statements.commit).map_err(Error::from) {
            // What went into a file that is gone is not stored.
            Ok(()) => self.check_file(),
            Err(Error::Internal(cause)) if server => {
                Err(Error::Unavailable(format!("the outcome of a commit is unknown: {cause}")))
            }
            Err(error) => Err(error),
        });
        outcome.map_err(|error| match connection.begin_or_end(statements.roll_back) {
            // Only a lost connection cannot roll back, and says so in many ways. SQLite may have done it already.
            Err(lost) if server => Error::Unavailable(format!("the connection is lost: {error}; {lost}")),
            _ => error,
        })
    }

    /// Whether the database answers and has our tables.
    pub async fn ping(&self) -> Result<()> {
        self.check_file()?;
        self.run(|connection| Ok(kept::try_out(connection)?)).await
    }

    /// Whether the embedded database's files are still in their place.
    fn check_file(&self) -> Result<()> {
        self.0.embedded.as_ref().map_or(Ok(()), |embedded| embedded.files.check())
    }

    /// An error for the operator: why, when the database cannot be used.
    pub fn cause_of(&self, error: &Error) -> String {
        let cause = if *error == Error::Busy { self.0.outage.cause() } else { None };
        cause.unwrap_or_else(|| error.to_string())
    }

    /// Runs `work` while no other thread of this process writes to SQLite.
    pub(crate) fn while_not_writing<T>(&self, work: impl FnOnce() -> T) -> T {
        let _turn = self.0.write_turn.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }
}

/// An error of the database for the operator: with the setting that names it, the embedded one's file and, for a damaged
/// file, the way out.
pub fn described(settings: &Settings, error: &str) -> String {
    let file = match Backend::parse(&settings.database_url()) {
        Ok(Backend::Sqlite(path)) => Some(path.display().to_string()),
        _ => None,
    };
    let file = file.filter(|file| !error.contains(file.as_str())).map(|file| format!("{file}: ")).unwrap_or_default();
    let is_damaged = DAMAGED.iter().any(|text| error.contains(text));
    let way_out =
        if is_damaged { "; the file is damaged: put a backup in its place (kefu restore BACKUP)" } else { "" };
    format!("{}: {file}{error}{way_out}", settings.database_key())
}

/// A driver's text as one line for the operator.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes note of connections that the pool fails to make. Its own handler has a line for each, and it tries it each second.
#[derive(Debug)]
struct NoteOutage(Arc<Outage>);

impl r2d2::HandleError<Error> for NoteOutage {
    fn handle_error(&self, error: Error) {
        self.0.failed(&format!("no connection: {error}"));
    }
}

struct Manager {
    backend: Backend,
    /// Of an embedded database.
    files: Option<Arc<OpenedFiles>>,
}

impl Manager {
    fn check_file(&self) -> Result<()> {
        self.files.as_ref().map_or(Ok(()), |files| files.check())
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = PooledConnection;
    type Error = Error;

    fn connect(&self) -> Result<PooledConnection> {
        self.check_file()?;
        let connection = self.backend.connect().map_err(Error::internal)?;
        // One that opened another file in their place would go on reading that file after they are back.
        self.check_file()?;
        Ok(PooledConnection::new(connection))
    }

    fn is_valid(&self, connection: &mut PooledConnection) -> Result<()> {
        if connection.is_usable() { Ok(()) } else { Err(Error::Busy) }
    }

    fn has_broken(&self, connection: &mut PooledConnection) -> bool {
        connection.is_suspect()
    }
}
