//! SQLite's write-ahead log is moved into the database file by a thread of its own.
//!
//! A checkpoint inside a commit was measured to stall the senders for 20–500 ms. This thread copies with PASSIVE, which
//! blocks nobody. Under a steady load that never reaches the log's end, so the log would grow without bound: above
//! [`RESTART_FRAMES`] the thread takes the writers' turn for the short rest and lets the log start over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Integer;
use diesel::{QueryableByName, RunQueryDsl};

use super::{AnyConnection, Backend, Db};
use crate::error::{Error, Result};

/// How often the log is looked at.
const INTERVAL: Duration = Duration::from_millis(250);
/// Pages of 4 KiB in the log above which it has to start over: 64 MiB.
const RESTART_FRAMES: i32 = 16 * 1024;

/// The running thread; dropping it stops and joins it.
pub struct Checkpointer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts the thread where the database needs one.
    pub fn start(db: &Db) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = match db.backend() {
            Backend::Sqlite(_) => {
                let (db, stop, mut connection) = (db.clone(), Arc::clone(&stop), db.connect()?);
                // Waiting for a reader with the writers' turn in hand would stall every sender.
                connection.batch_execute("PRAGMA busy_timeout = 50")?;
                let run = move || {
                    while !stop.load(Ordering::Acquire) {
                        if let Err(error) = checkpoint(&db, &mut connection) {
                            tracing::warn!(%error, "checkpoint failed");
                        }
                        std::thread::park_timeout(INTERVAL);
                    }
                };
                let thread = std::thread::Builder::new().name("checkpoint".into()).spawn(run);
                Some(thread.map_err(Error::internal)?)
            }
            #[cfg(feature = "mysql")]
            Backend::Mysql(_) => None,
            #[cfg(feature = "postgres")]
            Backend::Postgres(_) => None,
        };
        Ok(Self { stop, thread })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

#[derive(QueryableByName)]
struct Outcome {
    #[diesel(sql_type = Integer)]
    log: i32,
}

fn checkpoint(db: &Db, connection: &mut AnyConnection) -> Result<()> {
    let passive: Outcome = diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result(connection)?;
    if passive.log > RESTART_FRAMES {
        db.while_not_writing(|| connection.batch_execute("PRAGMA wal_checkpoint(RESTART)"))?;
    }
    Ok(())
}
