//! SQLite's write-ahead log is moved into the database file by a thread of its own.
//!
//! A checkpoint inside a commit was measured to stall the senders for 20–500 ms. This thread copies with PASSIVE, which
//! blocks nobody. Under a steady load that never reaches the log's end, so the log would grow without bound: above
//! [`RESTART_FRAMES`] the thread takes the writers' turn for the short rest and lets the log start over. Not while a long
//! reader, such as a backup, holds an old state: waiting for it would only stall the senders, so the log grows meanwhile.
//! It cannot be bounded without refusing messages; above [`LONG_FRAMES`] the service's log says so, once each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Integer;
use diesel::{QueryableByName, RunQueryDsl};

use super::lock::beside;
use crate::db::{AnyConnection, Backend, Db};
use crate::error::{Error, Result};
use crate::telemetry::outage::Outage;

/// How often the log is looked at.
const INTERVAL: Duration = Duration::from_millis(250);
/// Pages of 4 KiB in the log above which it has to start over: 64 MiB.
const RESTART_FRAMES: i32 = 16 * 1024;

/// Pages in the log above which an operator should know that a reader keeps it from starting over: 1 GiB.
const LONG_FRAMES: i32 = 256 * 1024;

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
            Backend::Sqlite(path) => {
                let wal = beside(path, "-wal");
                let (db, stop, mut connection) = (db.clone(), Arc::clone(&stop), db.connect()?);
                // Waiting for a reader with the writers' turn in hand would stall every sender.
                connection.batch_execute("PRAGMA busy_timeout = 50")?;
                let run = move || {
                    let (outage, mut is_long) = (Outage::new("the database's file", Duration::ZERO), false);
                    while !stop.load(Ordering::Acquire) {
                        match checkpoint(&db, &mut connection) {
                            Ok(log) => {
                                outage.worked();
                                if log > LONG_FRAMES && !is_long {
                                    tracing::warn!(
                                        "{} is above 1 GiB: something has been reading it for long",
                                        wal.display()
                                    );
                                }
                                is_long = log > LONG_FRAMES || (is_long && log > RESTART_FRAMES);
                            }
                            Err(error) => outage.failed(&format!("checkpoint failed: {error}")),
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

/// Pages in the log, and how many of them are in the database file.
#[derive(QueryableByName)]
struct Outcome {
    #[diesel(sql_type = Integer)]
    log: i32,
    #[diesel(sql_type = Integer)]
    checkpointed: i32,
}

impl Outcome {
    /// Whether the log is long, and all of it that was there a moment ago could be copied.
    const fn may_restart(&self) -> bool {
        self.log > RESTART_FRAMES && self.log - self.checkpointed < RESTART_FRAMES / 16
    }
}

/// Copies what can be copied, and gives the pages that were in the log.
fn checkpoint(db: &Db, connection: &mut AnyConnection) -> Result<i32> {
    let outcome = passive(connection)?;
    if outcome.may_restart() {
        db.while_not_writing(|| connection.batch_execute("PRAGMA wal_checkpoint(RESTART)"))?;
    }
    Ok(outcome.log)
}

fn passive(connection: &mut AnyConnection) -> Result<Outcome> {
    Ok(diesel::sql_query("PRAGMA wal_checkpoint(PASSIVE)").get_result(connection)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_do_not_wait_for_a_reader_that_holds_an_old_state() {
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::Sqlite(folder.path().join("kefu.db"));
        let [mut writer, mut reader, mut checkpointer] = std::array::from_fn(|_| backend.open().unwrap());
        writer.batch_execute("CREATE TABLE t (a)").unwrap();
        reader.batch_execute("BEGIN; SELECT * FROM t").unwrap();
        let mebibytes = 66;
        let rows = format!(
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < {mebibytes})
             INSERT INTO t SELECT zeroblob(1048576) FROM n"
        );
        writer.batch_execute(&rows).unwrap();

        let outcome = passive(&mut checkpointer).unwrap();
        assert!(outcome.log > RESTART_FRAMES && !outcome.may_restart(), "{} {}", outcome.log, outcome.checkpointed);
        reader.batch_execute("COMMIT").unwrap();
        assert!(passive(&mut checkpointer).unwrap().may_restart());
    }
}
