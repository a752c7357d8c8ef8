//! Work that outlives the process: rows of `kefu_job`, each run by whichever node comes first.
//!
//! Protocol. [`enqueue`] adds a job's row in the transaction of its caller, so that the job exists exactly when what asked
//! for it is committed. Each node's runner ([`runner`]) claims due rows with a lease, runs them, and ends each in one
//! transaction with the job's own effect on the database:
//!
//! ```text
//! waiting --claim--> running --end--> row deleted, or waiting for its next time
//!    ^                  |
//!    |<----- failed ----+---- too many attempts ----> dead --`kefu job retry`--> waiting
//!    |<- lease expired -+
//! ```
//!
//! Invariants, and what keeps them:
//! - Nothing is lost: a row leaves the table only by its end. A node that dies leaves rows whose lease expires; the next
//!   claim of any node takes them.
//! - No effect on the database is doubled: the end first confirms the lease under the row's lock, then applies the effect,
//!   then deletes or reschedules the row, all in one transaction. A lease that another node has taken over is not confirmed,
//!   and nothing of that run is committed. What a job does outside of the database may happen twice: jobs are idempotent.
//! - A request that arrives while its job runs is not lost: it is counted in `requests`, and an end that has seen fewer
//!   requests lets the job run again.
//! - A node claims only the kinds that it knows, so that old and new nodes can share a database during an upgrade.
//! - A job that always fails, or that always ends its process, dies after [`MAX_ATTEMPTS`]: an operator sees it and decides.
//! - Correctness does not depend on clocks: a wrong one lets a job run early, late or twice, which the lease's number makes
//!   harmless. A lease that ends further ahead than any lease can is taken for the mark of a corrected clock, and so is a
//!   waiting row whose last change lies ahead: it keeps its delay.
//!
//! The runner does not poll: it sleeps until the next due time, a call of [`Jobs::wake`], or at most [`runner::LONGEST_REST`], after
//! which it looks for what other processes (the command line, a dead node) have left.

mod kinds;
pub(crate) mod runner;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::id::TenantId;

pub use kinds::Kinds;
pub use runner::Runner;
pub use store::operator::{Stored, list, retry, retry_dead};
pub use store::{State, cancel, hurry, recover};

/// How often a job is tried before it is dead: at the delays of [`delay`], for about an hour and a half.
pub(crate) const MAX_ATTEMPTS: i32 = 10;
/// The delay after the first failure and the longest one, in milliseconds.
const DELAYS: (Millis, Millis) = (10_000, 3_600_000);

/// One kind of job. Its fields are the payload, stored as JSON.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the kind in the table and in the metrics, `<module>.<verb>`, at most 64 bytes. It never changes.
    const KIND: &'static str;
    /// What the job works with; given to [`Kinds::with`].
    type Context: Clone + Send + Sync + 'static;

    /// What makes two jobs of this kind the same, at most 255 bytes.
    fn key(&self) -> String;

    /// The tenant that the job belongs to, if any.
    fn tenant(&self) -> Option<TenantId> {
        None
    }

    /// Does what happens outside of the database, and returns what is to happen in it. May be run again at any point, so it
    /// does nothing twice that must be done once. Dropped at a shutdown, and when the lease is lost.
    ///
    /// # Errors
    /// Any error lets the job be tried again later. [`Error::Busy`] does not count as an attempt.
    fn run(self, context: Self::Context, now: Millis) -> impl Future<Output = Result<Effect>> + Send;
}

/// A change of the database, made in a write transaction.
type Change = Box<dyn FnMut(&mut AnyConnection) -> Result<Next> + Send>;

/// The last step of a job, committed together with the end of its row. May run more than once, each time from the
/// beginning, as with [`crate::db::Db::write`].
pub struct Effect(Change);

impl Effect {
    /// A change of the database, which also says whether the job is done.
    pub fn new(change: impl FnMut(&mut AnyConnection) -> Result<Next> + Send + 'static) -> Self {
        Self(Box::new(change))
    }

    /// Nothing more is to be done.
    pub fn none() -> Self {
        Self::new(|_| Ok(Next::Done))
    }
}

/// What becomes of a job after it has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Its row is deleted.
    Done,
    /// It runs again at this time: at once for the rest of a large amount of work, later for a periodic job.
    At(Millis),
}

/// Adds a job inside the caller's write transaction, to be run at `run_at` or as soon as a node can. A job of the same kind
/// and key that is there already gets the new payload and the earlier of both times; a dead one waits again. A caller who
/// wants it run now calls [`Jobs::wake`] after the commit.
///
/// # Errors
/// [`Error::Conflict`], which runs the transaction again, when another transaction is adding the same job.
pub fn enqueue<J: Job>(connection: &mut AnyConnection, job: &J, run_at: Millis, now: Millis) -> Result<()> {
    let payload = serde_json::to_string(job).map_err(Error::internal)?;
    let tenant = job.tenant().map_or(0, TenantId::get);
    store::enqueue(
        connection,
        &store::Request { kind: J::KIND, key: &job.key(), payload: &payload, tenant, run_at, now },
    )
}

/// The way to this node's runner. Cheap to clone.
#[derive(Clone, Default)]
pub struct Jobs(Arc<Notify>);

impl Jobs {
    /// Lets the runner look for due jobs now.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// How long a job waits after its n-th failure, in milliseconds: 10 s, then twice as long each time, at most an hour.
const fn delay(attempts: i32) -> Millis {
    let doublings = if attempts > 1 { attempts - 1 } else { 0 };
    let factor: Millis = if doublings > 12 { 1 << 12 } else { 1 << doublings };
    let delay = DELAYS.0 * factor;
    if delay < DELAYS.1 { delay } else { DELAYS.1 }
}
