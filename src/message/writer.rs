//! The writer: everything that changes conversations and messages, in group commits.
//!
//! Protocol: callers put commands into a bounded queue and wait. One thread takes whatever waits, up to the batch size
//! and without a timer, so that an idle server commits one and a busy one batches. It runs the batch as one write
//! transaction, publishes the events in commit order, and only then answers the callers.
//!
//! Invariants, and what breaks them:
//! - An answer follows its commit (invariant 1) and its frame's publication (contract, "Push before the answer"):
//!   answering earlier shows pictures twice on the stock member page.
//! - A frame follows its commit, and frames of one conversation leave in `seq` order (invariant 2): publishing from
//!   anywhere but this thread breaks the order. What other nodes have just committed is told first (`recovered`).
//! - What may have been committed without an answer of the server is told by nobody: once the server works again, all
//!   clients are told to resync (invariant 7). The repeat of such a send would push nothing.
//! - The queue is bounded (invariant 8): a full one refuses at once.
//! - One bad row fails its own sender only: a batch that fails is run again command by command.
//! - The thread ends when every [`Writer`] is dropped and the queue is empty: nothing accepted is left unwritten.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::batch::{self, Command, Done};
use super::ids::Ids;
use super::{NewMessage, event, store};
use crate::clock::{Clock, Millis};
use crate::db::Db;
use crate::db::kept::KeptConnection;
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, TenantId, UserType};
use crate::push::{Event, Hub};
use crate::settings::Limits;
use crate::telemetry::metrics::{Metrics, Outcome};

/// Message content above which a batch takes no further command. Its frames must find room in an admin's outbox at once
/// (`push.queue_bytes`, 4 MiB by default), and servers refuse a statement of more than a limit of theirs
/// (`max_allowed_packet`, 16 MiB on MariaDB).
pub(crate) const BATCH_BYTES: usize = 1024 * 1024;

/// How far the clock may go back, in milliseconds, before that counts as the correction of a wrong clock.
const CORRECTION: Millis = 600_000;

/// The way to the writer's thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: SyncSender<Queued>,
    depth: Arc<AtomicUsize>,
    capacity: usize,
    /// How long a caller waits.
    timeout: Duration,
    at_work: AtWork,
    /// Gone when the thread has ended, which before a shutdown only a panic brings about.
    alive: Weak<()>,
    metrics: Metrics,
}

/// The running thread.
pub(crate) struct WriterThread(JoinHandle<()>);

/// When the thread has begun the batch that it is writing.
type AtWork = Arc<Mutex<Option<Instant>>>;

struct Queued {
    command: Command,
    answer: oneshot::Sender<Result<Done>>,
}

impl Writer {
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
    ) -> Result<(Self, WriterThread)> {
        let (queue, waiting) = sync_channel(limits.write_queue);
        let (depth, at_work) = (Arc::new(AtomicUsize::new(0)), AtWork::default());
        let mut thread = Thread {
            connection: KeptConnection::new(db)?,
            newest: store::newest_time(&mut db.connect()?)?.unwrap_or(Millis::MIN),
            hub: hub.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            depth: Arc::clone(&depth),
            at_work: Arc::clone(&at_work),
            ids: Ids::new(),
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
        let (capacity, timeout) = (limits.write_queue, db.answer_timeout());
        let writer = Self { queue, depth, capacity, timeout, at_work, alive, metrics: metrics.clone() };
        Ok((writer, WriterThread(thread)))
    }

    /// Stores a message and returns its id once it is committed and handed to the sockets. A repeat of a
    /// `clientMessageId` returns the first id.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full or the database is out of reach (the message may then still have been
    /// stored: repeating with the same `clientMessageId` is safe); [`Error::ConversationNotFound`].
    pub(crate) async fn send(&self, message: NewMessage) -> Result<MessageId> {
        let sender = message.sender.user_type;
        let done = self.submit(Command::Send(message)).await;
        let outcome = match &done {
            Ok(Done::Sent(_)) => Outcome::Stored,
            Ok(Done::Repeated(_) | Done::Marked) => Outcome::Repeated,
            Err(Error::Busy) => Outcome::Busy,
            Err(_) => Outcome::Failed,
        };
        self.metrics.sent(sender, outcome);
        match done? {
            Done::Sent(id) | Done::Repeated(id) => Ok(id),
            Done::Marked => Err(Error::internal("a send came back as a mark")),
        }
    }

    /// Marks everything that is in the conversation now as read by one side.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::ConversationNotFound`].
    pub(crate) async fn mark_read(
        &self,
        tenant: TenantId,
        reader: UserType,
        conversation: ConversationId,
    ) -> Result<()> {
        self.submit(Command::MarkRead { tenant, reader, conversation }).await.map(drop)
    }

    /// Pins or unpins a conversation for all admins.
    ///
    /// # Errors
    /// As [`Writer::mark_read`].
    pub(crate) async fn pin(&self, tenant: TenantId, conversation: ConversationId, pinned: bool) -> Result<()> {
        self.submit(Command::Pin { tenant, conversation, pinned }).await.map(drop)
    }

    /// Deletes a conversation from the admins' list until new mail brings it back.
    ///
    /// # Errors
    /// As [`Writer::mark_read`].
    pub(crate) async fn delete(&self, tenant: TenantId, conversation: ConversationId) -> Result<()> {
        self.submit(Command::Delete { tenant, conversation }).await.map(drop)
    }

    /// Whether a send would be refused now because too many wait.
    pub(crate) fn is_full(&self) -> bool {
        self.depth.load(Ordering::Relaxed) >= self.capacity
    }

    /// Whether the thread hangs on the database: a send would wait in vain.
    pub(crate) fn is_stuck(&self) -> bool {
        let begun = *self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        begun.is_some_and(|begun| begun.elapsed() >= self.timeout)
    }

    /// Whether the thread runs: before a shutdown only a panic ends it.
    pub(crate) fn is_running(&self) -> bool {
        self.alive.strong_count() > 0
    }

    async fn submit(&self, command: Command) -> Result<Done> {
        let (answer, answered) = oneshot::channel();
        // Counted before it is queued, so that the thread never counts down first.
        let waiting = self.depth.fetch_add(1, Ordering::Relaxed);
        // Refusing costs nearly as much as accepting: where processors are few, the writer has its go before the queue is
        // full. Not at each command, as others than the writer may take it, too.
        if waiting > self.capacity / 2 && waiting < self.capacity && waiting.is_multiple_of(8) {
            std::thread::yield_now();
        }
        if self.queue.try_send(Queued { command, answer }).is_err() {
            self.depth.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        // A thread that died drops the answers, one that hangs on a database keeps them; nothing is known of the command
        // then.
        tokio::time::timeout(self.timeout, answered).await.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?
    }
}

impl WriterThread {
    /// Waits until everything accepted is written. Every [`Writer`] must have been dropped.
    pub(crate) fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the writer's thread has panicked");
        }
    }
}

struct Thread {
    connection: KeptConnection,
    hub: Hub,
    clock: Clock,
    metrics: Metrics,
    depth: Arc<AtomicUsize>,
    at_work: AtWork,
    ids: Ids,
    /// The newest time given to a batch.
    newest: Millis,
    /// When the server failed first, until it works again: a commit without an answer may have happened.
    unsure_since: Option<Instant>,
}

impl Thread {
    fn run(&mut self, waiting: &Receiver<Queued>, batch_size: usize) {
        let mut commands = Vec::with_capacity(batch_size);
        let mut answers = Vec::with_capacity(batch_size);
        while let Ok(first) = waiting.recv() {
            let mut bytes = 0;
            for queued in std::iter::once(first).chain(waiting.try_iter()).take(batch_size) {
                bytes += queued.command.content_bytes();
                commands.push(queued.command);
                answers.push(queued.answer);
                if bytes >= BATCH_BYTES {
                    break;
                }
            }
            let depth = self.depth.fetch_sub(commands.len(), Ordering::Relaxed).saturating_sub(commands.len());
            self.metrics.write_queue.set(i64::try_from(depth).unwrap_or(i64::MAX));
            self.set_at_work(Some(Instant::now()));
            let batch: Vec<&Command> = commands.iter().collect();
            for (answer, outcome) in answers.drain(..).zip(self.write(&batch)) {
                // A caller that has gone away does not need the answer.
                drop(answer.send(outcome));
            }
            self.set_at_work(None);
            commands.clear();
        }
    }

    fn set_at_work(&self, begun: Option<Instant>) {
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }

    /// Writes and publishes a batch; one outcome per command.
    fn write(&mut self, batch: &[&Command]) -> Vec<Result<Done>> {
        let begun = Instant::now();
        match self.commit(batch) {
            Ok((outcomes, events)) => {
                if let Some(since) = self.unsure_since.take() {
                    self.hub.may_have_missed(since.elapsed());
                }
                self.hub.publish(&events);
                outcomes
            }
            Err(Error::Busy) => {
                if self.unsure_since.is_none() && self.connection.is_to_server() {
                    self.unsure_since = Some(begun);
                    self.hub.relay().skip();
                }
                vec![Err(Error::Busy); batch.len()]
            }
            Err(error) if batch.len() == 1 => vec![Err(error)],
            Err(error) => {
                tracing::warn!(%error, commands = batch.len(), "a batch failed; running its commands one by one");
                batch.iter().flat_map(|command| self.write(&[command])).collect()
            }
        }
    }

    /// The time of the next batch. It does not go back with the clock, so that an admin who resyncs from the newest time
    /// seen misses no later message; a clock that was far ahead and has been corrected is believed.
    fn now(&mut self) -> Millis {
        let now = self.clock.now();
        self.newest = if self.newest.saturating_sub(now) > CORRECTION { now } else { self.newest.max(now) };
        self.newest
    }

    fn commit(&mut self, batch: &[&Command]) -> Result<(Vec<Result<Done>>, Vec<Event>)> {
        let started = Instant::now();
        let now = self.now();
        let (ids, hub, mut tried) = (&mut self.ids, &self.hub, false);
        let committed = self.connection.transaction(|connection| {
            if std::mem::replace(&mut tried, true) {
                ids.discard();
            }
            let (outcomes, changes) = batch::run(connection, ids, batch, now, hub)?;
            // Frames are built before the commit: what cannot be told is not stored.
            let mut events = Vec::with_capacity(changes.len());
            for change in &changes {
                events.extend(event::of_change(change, batch)?);
            }
            Ok((outcomes, events))
        });
        match &committed {
            Ok(_) => {
                self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
                self.metrics.write_batch.observe(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
            }
            Err(_) => self.ids.discard(),
        }
        committed
    }
}
