//! The bounded queue before the writer's thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::Command;
use super::batch::{Queued, Waiting};
use crate::error::{Error, Result};

/// The way to the writer's thread. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: SyncSender<Box<dyn Queued>>,
    load: Arc<Load>,
    /// How long a caller waits.
    timeout: Duration,
    /// Gone when the thread has ended, which before a shutdown only a panic brings about.
    alive: Weak<()>,
}

/// What waits for the thread and what it does, shared with it.
pub(super) struct Load {
    /// Commands that wait.
    commands: AtomicUsize,
    /// Bytes of the commands that wait or are being written.
    bytes: AtomicUsize,
    most_commands: usize,
    most_bytes: usize,
    /// When the thread has begun the batch that it is writing.
    at_work: Mutex<Option<Instant>>,
}

impl Load {
    /// Nothing, and at most so much.
    pub(super) fn new(most_commands: usize, most_bytes: usize) -> Self {
        Self {
            commands: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            most_commands,
            most_bytes,
            at_work: Mutex::new(None),
        }
    }

    /// The thread has taken so many commands; how many are left.
    pub(super) fn taken(&self, commands: usize) -> usize {
        self.commands.fetch_sub(commands, Ordering::Relaxed).saturating_sub(commands)
    }

    /// The thread has freed so many bytes.
    pub(super) fn freed(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The thread has begun a batch, or ended it.
    pub(super) fn set_at_work(&self, begun: Option<Instant>) {
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = begun;
    }
}

impl Writer {
    pub(super) fn new(queue: SyncSender<Box<dyn Queued>>, load: Arc<Load>, timeout: Duration, alive: Weak<()>) -> Self {
        Self { queue, load, timeout, alive }
    }

    /// Runs a command and returns its answer once it is committed and its events are handed to the sockets.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full or the database is out of reach: the command may then still have been
    /// committed. What the command itself refuses.
    pub(crate) async fn run<C: Command>(&self, command: C) -> Result<C::Answer> {
        let (waiting, answered) = Waiting::new(command);
        self.submit(Box::new(waiting))?;
        // A thread that died drops the answers, one that hangs on a database keeps them; nothing is known of the command
        // then.
        tokio::time::timeout(self.timeout, answered).await.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?
    }

    fn submit(&self, command: Box<dyn Queued>) -> Result<()> {
        let Load { commands, bytes, most_commands, most_bytes, .. } = &*self.load;
        let size = command.bytes();
        // Both are counted before the command is queued, so that the thread never counts down first.
        let waiting = commands.fetch_add(1, Ordering::Relaxed);
        let held = bytes.fetch_add(size, Ordering::Relaxed);
        // A refusal costs almost as much CPU as a send. On few cores, yield to the writer when the queue is half full, on
        // every eighth command only, because the time given away may go to some other thread.
        if waiting > most_commands / 2 && waiting < *most_commands && waiting.is_multiple_of(8) {
            std::thread::yield_now();
        }
        if held + size > *most_bytes || self.queue.try_send(command).is_err() {
            commands.fetch_sub(1, Ordering::Relaxed);
            bytes.fetch_sub(size, Ordering::Relaxed);
            return Err(Error::Busy);
        }
        Ok(())
    }

    /// Whether a send would be refused now because too many wait.
    pub(crate) fn is_full(&self) -> bool {
        self.load.commands.load(Ordering::Relaxed) >= self.load.most_commands
            || self.load.bytes.load(Ordering::Relaxed) >= self.load.most_bytes
    }

    /// Whether the thread hangs on the database: a send would wait in vain.
    pub(crate) fn is_stuck(&self) -> bool {
        let begun = *self.load.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        begun.is_some_and(|begun| begun.elapsed() >= self.timeout)
    }

    /// Whether the thread runs: before a shutdown only a panic ends it.
    pub(crate) fn is_running(&self) -> bool {
        self.alive.strong_count() > 0
    }
}
