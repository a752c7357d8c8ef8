//! One task per node that claims due jobs and runs them, [`AT_ONCE`] at a time. See the module above for the protocol.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, poll};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use super::store::operator::Backlog;
use super::store::{self, Claimed, Failure, LEASE, Outlook, State};
use super::{Effect, Jobs, Kinds, MAX_ATTEMPTS, Next};
use crate::clock::{Clock, ClockWatch, Millis};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::telemetry::job::{JobMetrics, Outcome};

/// How many jobs a node runs at a time.
const AT_ONCE: usize = 4;
/// How long the runner sleeps at most: other processes cannot wake it.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(10);
/// How long it sleeps when the database fails, or when a due job could not be claimed.
const SHORT_REST: Duration = Duration::from_secs(1);
/// How often the lease of a running job is renewed.
const RENEWAL: Duration = Duration::from_millis(LEASE.unsigned_abs() / 3);
/// How long a job may run at once.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// The running task.
pub struct Runner {
    task: JoinHandle<()>,
    stop: Arc<Notify>,
}

impl Runner {
    /// Starts to run jobs of these kinds.
    ///
    /// # Errors
    /// When there is no randomness for the runner's name.
    pub fn start(db: &Db, clock: &Clock, kinds: Kinds, jobs: &Jobs, metrics: &JobMetrics) -> Result<Self> {
        let name = format!("{:016x}", getrandom::u64().map_err(Error::internal)?);
        let worker = Worker { db: db.clone(), clock: clock.clone(), kinds, metrics: metrics.clone() };
        // Every number is there from the start.
        metrics.measured(State::ALL.map(|state| (state.as_str(), 0)), 0);
        let stop = Arc::new(Notify::new());
        let watch = ClockWatch::new(clock.clone());
        let task = tokio::spawn(run(worker, name, jobs.clone(), watch, Arc::clone(&stop)));
        Ok(Self { task, stop })
    }

    /// Ends the runs that are under way and gives their jobs back, for other nodes or the next start.
    pub async fn stop(self) {
        self.stop.notify_one();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the task that runs jobs has failed");
        }
    }
}

async fn run(worker: Worker, name: String, jobs: Jobs, mut watch: ClockWatch, stop: Arc<Notify>) {
    let mut running = JoinSet::new();
    // A process cannot know of a correction from before its start.
    let mut corrected = true;
    loop {
        // Registered before the look at the clock, so that a movement after it is not missed.
        let mut moved = std::pin::pin!(worker.clock.moved().fuse());
        let has_moved = poll!(&mut moved).is_ready();
        corrected |= watch.look().is_some();
        corrected = corrected && !worker.follow_correction().await;
        let free = AT_ONCE.saturating_sub(running.len());
        let rest = match worker.claim(&name, free).await {
            Ok((claimed, rest)) => {
                for job in claimed {
                    let worker = worker.clone();
                    running.spawn(async move { worker.run(job).await });
                }
                rest
            }
            // `db` logs the outage once.
            Err(Error::Busy) => SHORT_REST,
            Err(error) => {
                tracing::warn!(%error, "jobs could not be claimed");
                SHORT_REST
            }
        };
        if running.is_empty() {
            worker.measure().await;
        }
        if has_moved {
            continue;
        }
        tokio::select! {
            () = stop.notified() => break,
            () = jobs.0.notified() => {}
            () = &mut moved => {}
            Some(_) = running.join_next() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
    running.shutdown().await;
    let now = worker.clock.now();
    if let Err(error) = worker.db.write(move |connection| store::release(connection, &name, now)).await {
        tracing::warn!(%error, "running jobs could not be given back; they go on when their lease ends");
    }
}

#[derive(Clone)]
struct Worker {
    db: Db,
    clock: Clock,
    kinds: Kinds,
    metrics: JobMetrics,
}

/// How a run has ended.
type Ended = std::result::Result<Effect, Failure>;

impl Worker {
    /// Moves what was planned by a clock that was ahead; returns whether that was done.
    async fn follow_correction(&self) -> bool {
        let clock = self.clock.clone();
        self.db.write(move |connection| store::follow_correction(connection, clock.now())).await.is_ok()
    }

    /// Leases up to `free` due jobs; returns them and how long there is nothing more to claim.
    async fn claim(&self, name: &str, free: usize) -> Result<(Vec<Claimed>, Duration)> {
        if free == 0 {
            return Ok((Vec::new(), LONGEST_REST));
        }
        let (clock, kinds, limit) = (self.clock.clone(), self.kinds.names(), i64::try_from(free).unwrap_or(i64::MAX));
        // The clock is read where the statement runs: by a time from before a wait, leases of others that were given
        // meanwhile look as if a clock that was ahead had given them.
        let looked = self.db.run(move |connection| {
            let now = clock.now();
            store::outlook(connection, &kinds, limit, now).map(|outlook| (outlook, now))
        });
        let (Outlook { due, next }, now) = looked.await?;
        if due.is_empty() {
            return Ok((Vec::new(), next.map_or(LONGEST_REST, |next| rest_until(next, now))));
        }
        let lease = i64::from_ne_bytes(getrandom::u64().map_err(Error::internal)?.to_ne_bytes());
        let (wanted, name, clock) = (due.len(), name.to_owned(), self.clock.clone());
        let claim = move |connection: &mut AnyConnection| store::claim(connection, &due, &name, lease, clock.now());
        let claimed = self.db.write(claim).await?;
        let rest =
            if claimed.len() < wanted { SHORT_REST } else { next.map_or(LONGEST_REST, |next| rest_until(next, now)) };
        Ok((claimed, rest))
    }

    /// Runs a claimed job to its end, its failure, or the loss of its lease.
    async fn run(&self, job: Claimed) {
        let ended = tokio::select! {
            ended = self.perform(&job) => ended,
            () = self.keep_lease(&job) => return self.count(&job, Outcome::Lost),
        };
        let settled = match ended {
            Ok(effect) => self.end(&job, effect).await,
            Err(failure) => Err(failure),
        };
        let outcome = match settled {
            Ok(outcome) => outcome,
            Err(failure) => self.fail(&job, failure).await,
        };
        self.count(&job, outcome);
    }

    async fn perform(&self, job: &Claimed) -> Ended {
        // Failures count, and so do runs that have ended their process.
        if job.attempts > MAX_ATTEMPTS {
            return Err(Failure::Lasting("the service ended each time while the job ran".to_owned()));
        }
        let work = self.kinds.prepare(&job.kind, &job.payload, self.clock.now()).map_err(Failure::Lasting)?;
        match tokio::time::timeout(TIME_LIMIT, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(done)) => done.map_err(failure),
            Ok(Err(_)) => Err(Failure::Passing("the job has panicked".to_owned())),
            Err(_) => Err(Failure::Passing(format!("the job took longer than {} s", TIME_LIMIT.as_secs()))),
        }
    }

    /// Renews the lease again and again; returns when it is lost.
    async fn keep_lease(&self, job: &Claimed) {
        loop {
            tokio::time::sleep(RENEWAL).await;
            let (job, clock) = (job.clone(), self.clock.clone());
            match self.db.write(move |connection| store::renew(connection, &job, clock.now())).await {
                Ok(true) | Err(Error::Busy) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "a job's lease could not be renewed"),
            }
        }
    }

    /// Commits the job's effect together with the end of its row, or nothing when the lease is lost.
    async fn end(&self, claimed: &Claimed, mut effect: Effect) -> std::result::Result<Outcome, Failure> {
        let (job, clock) = (claimed.clone(), self.clock.clone());
        let committed = self.db.write(move |connection| {
            let now = clock.now();
            if !store::renew(connection, &job, now)? {
                return Ok(Outcome::Lost);
            }
            let next: Next = (effect.0)(connection)?;
            store::end(connection, &job, next, now)?;
            Ok(Outcome::Done)
        });
        committed.await.map_err(failure)
    }

    async fn fail(&self, claimed: &Claimed, failure: Failure) -> Outcome {
        let written = loop {
            let (job, noted, clock) = (claimed.clone(), failure.clone(), self.clock.clone());
            let written = self.db.write(move |connection| {
                let now = clock.now();
                if !store::renew(connection, &job, now)? {
                    return Ok(None);
                }
                store::fail(connection, &job, &noted, now).map(Some)
            });
            match written.await {
                // Until this is written the row says that the job runs, and nobody takes it before its lease ends.
                Err(Error::Busy) => tokio::time::sleep(SHORT_REST).await,
                written => break written,
            }
        };
        let Claimed { id, kind, key, attempts, .. } = claimed;
        match written {
            Ok(Some(true)) => {
                tracing::error!(id, kind, key, attempts, ?failure, "a job is dead: kefu job list, kefu job retry");
                Outcome::Dead
            }
            // `db` has logged the outage.
            Ok(Some(false)) if failure == Failure::Busy => Outcome::Failed,
            Ok(Some(false)) => {
                tracing::warn!(id, kind, key, attempts, ?failure, "a job has failed and will be tried again");
                Outcome::Failed
            }
            Ok(None) => Outcome::Lost,
            Err(error) => {
                tracing::warn!(id, kind, key, %error, ?failure, "a failed job goes on when its lease ends");
                Outcome::Failed
            }
        }
    }

    fn count(&self, job: &Claimed, outcome: Outcome) {
        self.metrics.ran(&job.kind, outcome);
    }

    /// Brings the gauges up to date.
    async fn measure(&self) {
        let now = self.clock.now();
        match self.db.run(move |connection| store::operator::backlog(connection, now)).await {
            Ok(Backlog { counts, oldest }) => {
                let counts = counts.into_iter().map(|(state, count)| (state.as_str(), count));
                self.metrics.measured(counts, oldest);
            }
            Err(Error::Busy) => {}
            Err(error) => tracing::warn!(%error, "jobs could not be counted"),
        }
    }
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Busy | Error::Conflict => Failure::Busy,
        error => Failure::Passing(error.to_string()),
    }
}

fn rest_until(next: Millis, now: Millis) -> Duration {
    Duration::from_millis((next - now).max(1).unsigned_abs()).min(LONGEST_REST)
}
