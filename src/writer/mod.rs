//! The writer: everything that changes conversations, in group commits.
//!
//! Protocol: callers put commands into a bounded queue ([`Writer::run`]) and wait. One thread takes whatever waits, up to
//! the batch size and without a timer, so that an idle server commits one and a busy one batches. It runs the batch as one
//! write transaction ([`batch`]), publishes the events in commit order, and only then answers the callers.
//!
//! The writer knows conversations and no command. A [`Command`] lives with its domain and brings what it needs: the
//! conversations to lock, its reads, its rule, and its own rows. Commands of one kind in a batch share a [`Page`], so that
//! a batch of 256 runs as many statements as a batch of one. What several kinds change is [`Shared`] on the [`Desk`].
//!
//! One batch: lock the conversations → for each kind, by [`Rank`]: read, apply each command in memory → store the
//! conversations → write what kinds share → write each kind's rows → build the frames → `COMMIT` → publish → answer.
//!
//! Invariants, and what breaks them:
//! - An answer follows its commit (invariant 1) and its frame's publication (docs/contract.md#websocket):
//!   answering earlier shows pictures twice on the stock member page.
//! - A frame follows its commit, and frames of one conversation leave in `seq` order (invariant 2): publishing from
//!   anywhere but this thread breaks the order. What other nodes have just committed is published first
//!   ([`recovered`]).
//! - If the connection breaks during `COMMIT`, the outcome is unknown and no event is published. As soon as the
//!   database works again, which the thread tries each second, every client is asked to resync (invariant 7). The repeat
//!   of such a send would push nothing.
//! - The queue is bounded in commands and in bytes (invariant 8): a full one refuses at once.
//! - One bad row fails its own sender only: a batch that fails is run again command by command.
//! - The thread ends when every [`Writer`] is dropped and the queue is empty: nothing accepted is left unwritten.

mod batch;
mod command;
mod desk;
mod ids;
mod locked;
mod queue;
mod recovered;
mod thread;

pub(crate) use command::{Command, Page, Rank, Shared};
pub(crate) use desk::Desk;
pub(crate) use ids::Ids;
pub(crate) use locked::Wanted;
pub(crate) use queue::Writer;
pub(crate) use recovered::Stream;
pub(crate) use thread::{WriterThread, start};

#[cfg(test)]
pub(crate) use batch::testing;

/// Bytes of commands above which a batch takes no further one. Its frames must find room in an admin's outbox at once
/// (`push.queue_bytes`, 4 MiB by default), and servers refuse a statement of more than a limit of theirs
/// (`max_allowed_packet`, 16 MiB on MariaDB).
pub(crate) const BATCH_BYTES: usize = 1024 * 1024;
