//! The writer's thread: takes what waits, commits it, publishes it, answers.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::batch::{Applied, Batch, Queued, Written};
use super::queue::{Load, Writer};
use super::{BATCH_BYTES, Ids, Stream};
use crate::clock::{Clock, Millis};
use crate::db::Db;
use crate::db::id_block;
use crate::db::kept::KeptConnection;
use crate::error::{Error, Result};
use crate::push::Hub;
use crate::settings::Limits;
use crate::telemetry::metrics::Metrics;

/// How far the clock may go back, in milliseconds, before that counts as the correction of a wrong clock.
const CORRECTION: Millis = 600_000;
/// How often the thread tries the server while a commit's outcome is unknown and no command comes.
const RETRY: Duration = Duration::from_secs(1);

/// The running thread.
pub(crate) struct WriterThread(JoinHandle<()>);

impl WriterThread {
    /// Waits until everything accepted is written. Every [`Writer`] must have been dropped.
    pub(crate) fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the writer's thread has panicked");
        }
    }
}

/// Starts the thread with a database connection of its own.
///
/// # Errors
/// When the connection or the thread cannot be had.
pub(crate) fn start(
    db: &Db,
    hub: &Hub,
    clock: &Clock,
    limits: &Limits,
    metrics: &Metrics,
    stream: Stream,
) -> Result<(Writer, WriterThread)> {
    let (queue, waiting) = sync_channel(limits.write_queue);
    let load = Arc::new(Load::new(limits.write_queue, limits.write_queue_bytes));
    let mut thread = Thread {
        connection: KeptConnection::new(db)?,
        newest: (stream.newest_time)(&mut db.connect()?)?.unwrap_or(Millis::MIN),
        hub: hub.clone(),
        clock: clock.clone(),
        metrics: metrics.clone(),
        stream,
        load: Arc::clone(&load),
        ids: Ids::default(),
        unsure_since: None,
    };
    let batch_size = limits.write_batch;
    let running = Arc::new(());
    let alive = Arc::downgrade(&running);
    let run = move || {
        let _running = running;
        thread.run(&waiting, batch_size);
    };
    let thread = std::thread::Builder::new().name("writer".into()).spawn(run).map_err(Error::internal)?;
    Ok((Writer::new(queue, load, db.answer_timeout(), alive), WriterThread(thread)))
}

struct Thread {
    connection: KeptConnection,
    hub: Hub,
    clock: Clock,
    metrics: Metrics,
    stream: Stream,
    load: Arc<Load>,
    ids: Ids,
    /// The newest time given to a batch.
    newest: Millis,
    /// When the server failed first, until it works again: a commit without an answer may have happened.
    unsure_since: Option<Instant>,
}

impl Thread {
    fn run(&mut self, waiting: &Receiver<Box<dyn Queued>>, batch_size: usize) {
        while let Some(first) = self.next(waiting) {
            let mut batch = Batch::default();
            let mut bytes = 0;
            for command in std::iter::once(first).chain(waiting.try_iter()).take(batch_size) {
                bytes += command.bytes();
                command.join(&mut batch);
                if bytes >= BATCH_BYTES {
                    break;
                }
            }
            let left = self.load.taken(batch.len());
            self.metrics.write_queue.set(i64::try_from(left).unwrap_or(i64::MAX));
            self.load.set_at_work(Some(Instant::now()));
            self.write(batch);
            self.load.freed(bytes);
            self.load.set_at_work(None);
        }
    }

    /// Waits for a command; `None` when every [`Writer`] has been dropped. As long as a commit's outcome is unknown, the
    /// thread tries the server meanwhile: no command may come for hours, and clients lack a message until they resync.
    fn next(&mut self, waiting: &Receiver<Box<dyn Queued>>) -> Option<Box<dyn Queued>> {
        while self.unsure_since.is_some() {
            match waiting.recv_timeout(RETRY) {
                Ok(command) => return Some(command),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    self.load.set_at_work(Some(Instant::now()));
                    if self.try_out().is_ok() {
                        self.require_resync();
                    }
                    self.load.set_at_work(None);
                }
            }
        }
        waiting.recv().ok()
    }

    /// Commits something. A server that can only be read works for no client.
    fn try_out(&mut self) -> Result<()> {
        self.connection.transaction(id_block::try_out)
    }

    /// Asks all clients to resync if a commit's outcome is unknown. The server works again.
    fn require_resync(&mut self) {
        if let Some(since) = self.unsure_since.take() {
            self.hub.may_have_missed(since.elapsed());
        }
    }

    /// Writes a batch, publishes its events and answers its callers.
    fn write(&mut self, batch: Batch) {
        let begun = Instant::now();
        let error = match self.commit(&batch) {
            Ok(Written { events, applied }) => {
                self.require_resync();
                self.hub.publish(&events);
                applied.into_iter().for_each(Applied::answer);
                return;
            }
            Err(error) => error,
        };
        if error == Error::Busy {
            if self.unsure_since.is_none() && self.connection.is_to_server() {
                self.unsure_since = Some(begun);
                self.hub.relay().missed(begun.elapsed());
            }
            batch.refuse(&error);
        } else if batch.len() == 1 {
            batch.refuse(&error);
        } else {
            tracing::warn!(%error, commands = batch.len(), "a batch failed; running its commands one by one");
            batch.split().for_each(|alone| self.write(alone));
        }
    }

    /// The time of the next batch. It does not go back with the clock, so that an admin who resyncs from the newest time
    /// seen misses no later message; a clock that was far ahead and has been corrected is believed.
    fn now(&mut self) -> Millis {
        let now = self.clock.now();
        self.newest = if self.newest.saturating_sub(now) > CORRECTION { now } else { self.newest.max(now) };
        self.newest
    }

    fn commit<'a>(&mut self, batch: &'a Batch) -> Result<Written<'a>> {
        let started = Instant::now();
        let now = self.now();
        let (hub, stream) = (&self.hub, &self.stream);
        let work = |connection: &mut _, ids: &mut _| batch.run(connection, ids, now, hub, stream);
        let committed = self.ids.transaction(&mut self.connection, work)?;
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        self.metrics.write_batch.observe(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        Ok(committed)
    }
}
