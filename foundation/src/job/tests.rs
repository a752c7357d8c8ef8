//! The protocol, with kinds of jobs that a test holds in its hands.

use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{QueryDsl, RunQueryDsl};
use serde::Deserialize;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::db::Db;
use crate::db::id_block::{IdKind, reserve_one};
use crate::db::schema::kefu_id_block;
use crate::db::testing::temporary;
use crate::telemetry::metrics::Metrics;

/// 2026-11-21T00:00:00Z
const NOW: Millis = 1_795_219_200_000;

/// What a [`Step`] is to do when it runs for the n-th time.
type Script = Arc<dyn Fn(u32) -> Act + Send + Sync>;

enum Act {
    Succeed,
    Fail,
    Busy,
    Panic,
    /// Says that it runs, and goes on when it may.
    Wait(Arc<Notify>),
    /// The same, and then it fails.
    WaitAndFail(Arc<Notify>),
    Hang,
}

/// Counts its runs; its effect counts in the table of ids.
#[derive(Serialize, Deserialize)]
struct Step {
    key: String,
}

#[derive(Clone)]
struct Stage {
    script: Script,
    runs: Arc<AtomicU32>,
    begun: Arc<Notify>,
}

impl Job for Step {
    const KIND: &'static str = "test.step";
    type Context = Stage;

    fn key(&self) -> String {
        self.key.clone()
    }

    async fn run(self, stage: Stage, _: Millis) -> Result<Effect> {
        let run = stage.runs.fetch_add(1, Ordering::SeqCst) + 1;
        stage.begun.notify_one();
        match (stage.script)(run) {
            Act::Succeed => {}
            Act::Fail => return Err(Error::internal("it does not work")),
            Act::Busy => return Err(Error::Busy),
            Act::Panic => panic!("it panics"),
            Act::Wait(go_on) => go_on.notified().await,
            Act::WaitAndFail(go_on) => {
                go_on.notified().await;
                return Err(Error::internal("it does not work"));
            }
            Act::Hang => pending().await,
        }
        Ok(Effect::new(|connection| reserve_one(connection, IdKind::File).map(|_| Next::Done)))
    }
}

struct World {
    db: Db,
    clock: Clock,
    stage: Stage,
    _folder: TempDir,
}

/// One node's runner.
struct Node {
    runner: Runner,
    jobs: Jobs,
    metrics: Metrics,
}

impl World {
    fn new(script: impl Fn(u32) -> Act + Send + Sync + 'static) -> Self {
        let (folder, db) = temporary();
        let stage = Stage { script: Arc::new(script), runs: Arc::default(), begun: Arc::default() };
        Self { db, clock: Clock::manual(NOW), stage, _folder: folder }
    }

    fn node(&self) -> Node {
        let (jobs, metrics) = (Jobs::default(), Metrics::new());
        let kinds = Kinds::default().with::<Step>(self.stage.clone());
        let runner = Runner::start(&self.db, &self.clock, kinds, &jobs, &metrics.jobs).unwrap();
        Node { runner, jobs, metrics }
    }

    async fn enqueue(&self, key: &str, run_at: Millis) {
        let (job, now) = (Step { key: key.to_owned() }, self.clock.now());
        self.db.write(move |connection| enqueue(connection, &job, run_at, now)).await.unwrap();
    }

    async fn list(&self) -> Vec<Stored> {
        self.db.run(|connection| list(connection, None, 100)).await.unwrap()
    }

    /// How often the effect was committed.
    async fn effects(&self) -> i64 {
        let row = kefu_id_block::table.find("file").select(kefu_id_block::next_id);
        self.db.run(move |connection| Ok(row.first::<i64>(connection)?)).await.unwrap() - 1
    }

    async fn until(&self, what: &str, holds: impl Fn(&[Stored]) -> bool) {
        let reached = async { while !holds(&self.list().await) {} };
        tokio::time::timeout(Duration::from_secs(30), reached).await.unwrap_or_else(|_| panic!("never: {what}"));
    }

    async fn until_none_is_left(&self) {
        self.until("no job is left", <[Stored]>::is_empty).await;
    }

    async fn begun(&self) {
        tokio::time::timeout(Duration::from_secs(30), self.stage.begun.notified()).await.unwrap();
    }

    fn runs(&self) -> u32 {
        self.stage.runs.load(Ordering::SeqCst)
    }
}

impl Node {
    async fn counts(&self, outcome: &str, times: u32) {
        let line = format!("kefu_job_runs_total{{kind=\"test.step\",outcome=\"{outcome}\"}} {times}");
        let reached = async {
            while !self.metrics.encode().lines().any(|found| found == line) {
                tokio::task::yield_now().await;
            }
        };
        let text = || self.metrics.encode();
        tokio::time::timeout(Duration::from_secs(30), reached).await.unwrap_or_else(|_| panic!("{line}: {}", text()));
    }
}

#[tokio::test]
async fn a_job_exists_when_its_transaction_is_committed_and_runs_at_its_time() {
    let world = World::new(|_| Act::Succeed);
    let node = world.node();
    let rolled_back: Result<()> = world
        .db
        .write(|connection| {
            enqueue(connection, &Step { key: "a".into() }, NOW, NOW)?;
            Err(Error::NotFound)
        })
        .await;
    assert_eq!((rolled_back, world.list().await.len()), (Err(Error::NotFound), 0));
    for state in State::ALL {
        assert!(
            node.metrics.encode().contains(&format!("kefu_jobs{{state=\"{}\"}} 0", state.as_str())),
            "from the start"
        );
    }

    world.enqueue("later", NOW + 5000).await;
    world.enqueue("now", NOW).await;
    node.jobs.wake();
    world.until("the later one alone is left", |jobs| jobs.len() == 1).await;
    assert_eq!(world.runs(), 1);
    world.clock.advance(5000);
    world.until_none_is_left().await;
    assert_eq!((world.runs(), world.effects().await), (2, 2));
    node.counts("done", 2).await;
    node.runner.stop().await;
}

#[tokio::test]
async fn a_lease_that_was_taken_over_commits_nothing() {
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let world = World::new(move |run| if run == 1 { Act::Wait(Arc::clone(&gate)) } else { Act::Succeed });
    let slow = world.node();
    world.enqueue("a", NOW).await;
    slow.jobs.wake();
    world.begun().await;
    // Long enough for the lease to end, as after a suspended machine wakes up.
    world.clock.advance(store::LEASE + 1);
    let other = world.node();
    world.until_none_is_left().await;
    go_on.notify_one();
    slow.counts("lost", 1).await;
    let done = [&slow, &other].map(|node| node.metrics.encode().contains("outcome=\"done\"} 1"));
    assert!(done.contains(&true));
    assert_eq!((world.runs(), world.effects().await), (2, 1));
    slow.runner.stop().await;
    other.runner.stop().await;
}

#[tokio::test]
async fn a_lease_from_before_a_clock_was_corrected_is_not_waited_for() {
    let world = World::new(|run| if run == 1 { Act::Hang } else { Act::Succeed });
    let ahead = world.node();
    world.clock.set(NOW + 8 * 3_600_000);
    world.enqueue("a", NOW).await;
    ahead.jobs.wake();
    world.begun().await;
    world.clock.set(NOW);
    let other = world.node();
    world.until_none_is_left().await;
    assert_eq!(world.effects().await, 1);
    ahead.runner.stop().await;
    other.runner.stop().await;
}

#[tokio::test]
async fn a_delay_from_before_a_clock_was_corrected_counts_from_the_correction() {
    let world = World::new(|_| Act::Succeed);
    world.clock.correct(NOW + 400 * 24 * 3_600_000);
    let node = world.node();
    world.enqueue("a", NOW + 400 * 24 * 3_600_000 + 3_600_000).await;
    world.clock.correct(NOW);
    world.until("it waits an hour", |jobs| jobs.iter().all(|job| job.run_at == Some(NOW + 3_600_000))).await;
    world.clock.advance(3_600_000);
    world.until_none_is_left().await;
    node.runner.stop().await;
}

#[tokio::test]
async fn a_request_during_a_run_is_not_lost_and_others_are_one() {
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let world = World::new(move |run| if run == 1 { Act::Wait(Arc::clone(&gate)) } else { Act::Succeed });
    let node = world.node();
    for run_at in [NOW, NOW + 1, NOW - 1] {
        world.enqueue("a", run_at).await;
    }
    node.jobs.wake();
    world.begun().await;
    for run_at in [NOW + 2000, NOW + 1000, NOW + 3000] {
        world.enqueue("a", run_at).await;
    }
    go_on.notify_one();
    world
        .until("it waits for the earliest request", |jobs| {
            jobs.iter().all(|job| job.state == State::Waiting && job.run_at == Some(NOW + 1000))
        })
        .await;
    world.clock.advance(1000);
    world.until_none_is_left().await;
    assert_eq!((world.runs(), world.effects().await), (2, 2));
    node.runner.stop().await;
}

#[tokio::test]
async fn a_request_during_the_last_run_has_runs_of_its_own() {
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let last = u32::try_from(MAX_ATTEMPTS).unwrap();
    let world = World::new(move |run| match run.cmp(&last) {
        std::cmp::Ordering::Less => Act::Fail,
        std::cmp::Ordering::Equal => Act::WaitAndFail(Arc::clone(&gate)),
        std::cmp::Ordering::Greater => Act::Succeed,
    });
    let node = world.node();
    world.enqueue("a", NOW).await;
    node.jobs.wake();
    for attempt in 1..MAX_ATTEMPTS {
        world.until("it has failed", |jobs| jobs[0].state == State::Waiting && jobs[0].attempts == attempt).await;
        world.clock.advance(world.list().await[0].run_at.unwrap() - world.clock.now());
    }
    world.until("it runs for the last time", |jobs| jobs[0].state == State::Running && world.runs() == last).await;
    let wanted = world.clock.now() + 1000;
    world.enqueue("a", wanted).await;
    go_on.notify_one();
    world
        .until("it waits for the request", |jobs| {
            (jobs[0].state, jobs[0].attempts, jobs[0].run_at) == (State::Waiting, 0, Some(wanted))
        })
        .await;
    world.clock.advance(1000);
    world.until_none_is_left().await;
    assert_eq!((world.runs(), world.effects().await), (last + 1, 1));
    node.runner.stop().await;
}

#[tokio::test]
async fn what_always_fails_is_dead_until_an_operator_lets_it_run_again() {
    let works = Arc::new(Mutex::new(false));
    let script = Arc::clone(&works);
    let world = World::new(move |run| match (*script.lock().unwrap(), run) {
        (true, _) => Act::Succeed,
        (false, 2) => Act::Panic,
        (false, _) => Act::Fail,
    });
    let node = world.node();
    world.enqueue("a", NOW).await;
    node.jobs.wake();
    let mut pauses = Vec::new();
    for attempt in 1..MAX_ATTEMPTS {
        world
            .until("it has failed", |jobs| {
                jobs.iter().all(|job| job.state == State::Waiting && job.attempts == attempt)
            })
            .await;
        let pause = world.list().await[0].run_at.unwrap() - world.clock.now();
        pauses.push(pause / 1000);
        world.clock.advance(pause);
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1280, 2560]);
    world.until("it is dead", |jobs| jobs.iter().all(|job| job.state == State::Dead)).await;
    let dead = world.list().await.remove(0);
    assert_eq!((dead.attempts, dead.last_error.contains("it does not work")), (MAX_ATTEMPTS, true), "{dead:?}");
    node.counts("dead", 1).await;
    node.counts("failed", u32::try_from(MAX_ATTEMPTS - 1).unwrap()).await;
    let gauge = async {
        while !node.metrics.encode().contains("kefu_jobs{state=\"dead\"} 1") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gauge).await.unwrap();
    world.clock.advance(365 * 24 * 3_600_000);
    assert_eq!(world.list().await, std::slice::from_ref(&dead));

    *works.lock().unwrap() = true;
    let now = world.clock.now();
    assert_eq!(world.db.write(move |connection| retry(connection, dead.id, now)).await, Ok(true));
    node.jobs.wake();
    world.until_none_is_left().await;
    assert_eq!(world.effects().await, 1);
    node.runner.stop().await;
}

#[tokio::test]
async fn a_busy_database_is_no_attempt_and_a_payload_that_cannot_be_read_is_dead_at_once() {
    let world = World::new(|_| Act::Busy);
    let node = world.node();
    world.enqueue("a", NOW).await;
    node.jobs.wake();
    for failures in 1..=2 {
        node.counts("failed", failures).await;
        world.until("it waits", |jobs| jobs.iter().all(|job| job.state == State::Waiting)).await;
        let waiting = world.list().await.remove(0);
        assert_eq!((waiting.attempts, waiting.run_at), (0, Some(world.clock.now() + 10_000)));
        if failures == 1 {
            world.clock.advance(10_000);
        }
    }
    let spoil = "UPDATE kefu_job SET payload = '{', run_at = '2026-01-01 00:00:00'";
    world.db.write(move |connection| Ok(diesel::sql_query(spoil).execute(connection)?)).await.unwrap();
    node.jobs.wake();
    world.until("it is dead", |jobs| jobs.iter().all(|job| job.state == State::Dead)).await;
    assert!(world.list().await[0].last_error.contains("payload"));
    node.runner.stop().await;
}

#[tokio::test]
async fn a_failure_that_cannot_be_written_is_written_when_the_database_works_again() {
    let go_on = Arc::new(Notify::new());
    let world = World::new({
        let go_on = Arc::clone(&go_on);
        move |_| Act::WaitAndFail(Arc::clone(&go_on))
    });
    let node = world.node();
    world.enqueue("a", NOW).await;
    node.jobs.wake();
    world.begun().await;
    let execute = async |sql: &'static str| {
        let mut connection = world.db.connect().unwrap();
        connection.batch_execute(sql).unwrap();
    };
    execute("CREATE TRIGGER broken BEFORE UPDATE ON kefu_job BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END").await;
    go_on.notify_one();
    let failed = async {
        while !world.db.is_unwritable() {
            tokio::task::yield_now().await
        }
    };
    tokio::time::timeout(Duration::from_secs(30), failed).await.unwrap();
    execute("DROP TRIGGER broken").await;
    // The clock stands still: no lease ends.
    let is_written = |jobs: &[Stored]| jobs.iter().all(|job| job.state == State::Waiting && job.attempts == 1);
    world.until("it waits for its next run", is_written).await;
    node.runner.stop().await;
}

#[tokio::test]
async fn a_stop_gives_back_and_a_kind_of_another_version_is_left_alone() {
    let world = World::new(|run| if run == 1 { Act::Hang } else { Act::Succeed });
    let node = world.node();
    world.enqueue("a", NOW).await;
    world.enqueue("b", NOW).await;
    let rename = "UPDATE kefu_job SET kind = 'later.kind' WHERE key = 'b'";
    world.db.write(move |connection| Ok(diesel::sql_query(rename).execute(connection)?)).await.unwrap();
    node.jobs.wake();
    world.begun().await;
    node.runner.stop().await;
    let jobs = world.list().await;
    assert!(jobs.iter().all(|job| (job.state, job.attempts) == (State::Waiting, 0)), "{jobs:?}");
    let next = world.node();
    world.until("the known one has run", |jobs| jobs.len() == 1).await;
    assert_eq!(world.list().await[0].kind, "later.kind");
    assert_eq!(world.effects().await, 1);
    next.runner.stop().await;
}

#[tokio::test]
async fn what_ends_its_process_each_time_is_dead_in_the_end() {
    let world = World::new(|_| Act::Succeed);
    world.enqueue("a", NOW).await;
    for round in 0..=MAX_ATTEMPTS {
        let now = world.clock.now();
        // As a process does that is killed while the job runs.
        let claimed = world.db.write(move |connection| {
            let due = store::outlook(connection, &[Step::KIND], 4, now)?.due;
            store::claim(connection, &due, "killed", i64::from(round), now)
        });
        assert_eq!(claimed.await.unwrap()[0].attempts, round + 1);
        world.clock.advance(store::LEASE + 1);
    }
    let node = world.node();
    world.until("it is dead", |jobs| jobs.iter().all(|job| job.state == State::Dead)).await;
    assert_eq!(world.runs(), 0);
    node.runner.stop().await;
}
