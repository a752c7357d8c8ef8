//! A database server that fails while members send: connections that are lost, a server that is killed, one that hangs.
//! Every answer is a success or an honest 503, and what was stored is there once.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use kefu::settings::Relay;
use kefu::testing::db::AnyConnection;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::relay::{at, by};
use crate::support::database::{Kind, only_on_servers, variable};
use crate::support::process::{Serve, command, done, signal};
use crate::support::{Redis, START, TestApp, TestDatabase, User, eventually, path};

/// How long a database may take to come back, on a busy machine.
const RECOVERY: Duration = Duration::from_secs(60);
/// How long a commit hangs: longer than heartbeats of nodes are apart.
const HUNG_MS: i64 = 4000;

#[tokio::test]
async fn lost_connections_cost_only_honest_refusals() {
    if only_on_servers("which has no connections to lose") {
        return;
    }
    let app = TestApp::spawn_with(|settings| settings.limits.sends_per_s = 0).await;
    let mut killer = app.database.connect();
    until_resync(&app, 10, async || kill_connections(&mut killer)).await;
    app.stop().await;
}

#[tokio::test]
async fn a_commit_that_hung_and_was_cut_off_is_resynced_at_all_nodes_without_another_command() {
    if only_on_servers("which can take a commit and lose its answer") {
        return;
    }
    let redis = Redis::spawn().await;
    let app = TestApp::spawn_with(|settings| {
        by(redis.url())(settings);
        settings.database.answer_timeout_ms = HUNG_MS.unsigned_abs();
    })
    .await;
    let other = app.another_node(|_| {}).await;
    let member = app.member(1).await;
    member.says("first").await;
    let mut sockets = [member.socket("").await, at(&other, &member).socket("").await];

    // The writer's batch waits for this row; meanwhile its node goes on to send heartbeats to the other one.
    let mut killer = app.database.connect();
    killer.batch_execute("BEGIN; SELECT id FROM kefu_conversation FOR UPDATE").unwrap();
    let reply = member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": "hangs"})).await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    kill_connections(&mut killer);
    for socket in &mut sockets {
        let since = socket.expect("kefu_resync_required").await["since"].as_i64().unwrap();
        assert!(since <= START - HUNG_MS, "{}: from the time of the batch on", since - START);
    }
    killer.batch_execute("ROLLBACK").unwrap();
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn an_outage_is_two_lines_of_the_log() {
    if only_on_servers("which can be cut off") {
        return;
    }
    let database = TestDatabase::create();
    let (folder, way) = (tempfile::tempdir().unwrap(), Way::to(database.url.as_deref().unwrap()).await);
    let mut command = command(folder.path(), &["--listen", "127.0.0.1:0"]);
    command
        .env("KEFU_DATABASE__URL", &way.url)
        .env("KEFU_DATABASE__ACQUIRE_TIMEOUT_MS", "200")
        .env("KEFU_LOG__FILTER", "warn");
    let serve = Serve::run(command).await;
    let ready = async || reqwest::get(format!("http://{}/readyz", serve.address)).await.unwrap().status() == 200;
    eventually("ready", ready).await;
    way.cut();
    way.refuses(40).await;
    assert!(!ready().await);
    way.mend();
    eventually("ready again", ready).await;
    let errors = serve.terminate().await.errors;
    let lines: Vec<&str> = errors.lines().collect();
    assert!(
        matches!(lines[..], [begin, end] if begin.contains("cannot be used now") && end.contains("can be used again")),
        "{errors}"
    );
}

/// A way to the database server that can be cut for one service alone.
struct Way {
    /// Of the database, over this way.
    url: String,
    is_cut: watch::Sender<bool>,
    refused: watch::Receiver<usize>,
}

impl Way {
    async fn to(url: &str) -> Self {
        let (server, database) = url.rsplit_once('/').unwrap();
        let (credentials, target) = server.rsplit_once('@').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{credentials}@{}/{database}", listener.local_addr().unwrap());
        let (is_cut, cut) = watch::channel(false);
        let (count, refused) = watch::channel(0);
        let target = target.to_owned();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (target, mut cut) = (target.clone(), cut.clone());
                if *cut.borrow() {
                    count.send_modify(|count| *count += 1);
                    continue;
                }
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { url, is_cut, refused }
    }

    fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    fn mend(&self) {
        self.is_cut.send_replace(false);
    }

    /// Waits until so many connections were refused.
    async fn refuses(&self, count: usize) {
        let refused = self.refused.clone().wait_for(|refused| *refused >= count).await.map(drop);
        refused.unwrap();
    }
}

#[tokio::test]
#[ignore = "kills the server that the other tests use: scripts/test runs it alone"]
async fn a_killed_server_costs_only_honest_refusals() {
    assert!(!only_on_servers("which has no process of its own"));
    let app = TestApp::spawn_with(|settings| settings.limits.sends_per_s = 0).await;
    // The last end is an orderly one: PostgreSQL's waits for nobody when it is told by SIGINT.
    let orderly = if Kind::chosen() == Kind::Mysql { "TERM" } else { "INT" };
    let mut ends = ["KILL", "KILL", orderly].into_iter();
    until_resync(&app, 3, async || signal(ends.next().unwrap(), &[server_process()])).await;
    app.stop().await;
}

/// [`under_disturbance`] by which commits lose their answer: what they stored is told to nobody, so every client of every
/// node has to hear that it may have missed something.
async fn until_resync(app: &TestApp, times: usize, disturb: impl AsyncFnMut()) {
    let other = app.another_node(|_| {}).await;
    let mut sockets = vec![app.owner().await.socket("").await];
    if app.settings.push.relay == Relay::Redis {
        sockets.push(other.owner().await.socket("").await);
    }
    assert_eq!(under_disturbance(app, times, disturb).await, 8 * 40);
    for socket in &mut sockets {
        socket.events_until("kefu_resync_required").await;
    }
    other.stop().await;
}

#[tokio::test]
#[ignore = "stops the server that the other tests use: scripts/test runs it alone"]
async fn a_hung_server_costs_only_honest_refusals() {
    assert!(!only_on_servers("which has no process of its own"));
    let app = TestApp::spawn_with(|settings| {
        settings.limits.sends_per_s = 0;
        settings.database.answer_timeout_ms = 1500;
        settings.database.acquire_timeout_ms = 500;
    })
    .await;
    let owner = app.owner().await;
    let member = app.member(9).await;
    let send = json!({"contentType": 1, "content": "hi", "clientMessageId": "hi"});
    let stored = under_disturbance(&app, 2, async || {
        // For some seconds its token is known without the database: its sends reach the writer.
        member.get(path::MEMBER_PROFILE).await.ok();
        let stopped = Stopped::server();
        let refusals = async {
            for _ in 0..2 {
                for reply in [member.post(path::MEMBER_SEND, send.clone()).await, owner.get(path::CONVERSATIONS).await]
                {
                    assert_eq!((reply.status, reply.code), (StatusCode::SERVICE_UNAVAILABLE, 503));
                }
                assert_eq!(app.readiness().await.0, 503);
            }
            assert_eq!(app.readiness().await.1["write_queue"], "stuck");
        };
        tokio::time::timeout(RECOVERY, refusals).await.expect("everything is answered while the server hangs");
        drop(stopped);
        eventually("ready again", async || app.readiness().await.0 == 200).await;
    })
    .await;
    assert_eq!(stored, 8 * 40);
    send_until_stored(&member, &send).await;
    owner.assert_consistent(member.own_conversation().await, 1).await;
    app.stop().await;
}

#[tokio::test]
#[ignore = "stops the server that the other tests use: scripts/test runs it alone"]
async fn a_stop_ends_although_the_server_hangs() {
    assert!(!only_on_servers("which has no process of its own"));
    let (folder, database) = (tempfile::tempdir().unwrap(), TestDatabase::create());
    let url = database.url.as_deref().unwrap();
    let waits = ["server.shutdown_timeout_s=1", "database.answer_timeout_ms=1000", "database.acquire_timeout_ms=500"];
    let arguments: Vec<&str> = waits.iter().flat_map(|wait| ["--set", *wait]).chain(["--database-url", url]).collect();
    let serve = Serve::start(folder.path(), &arguments).await;
    let token = ["token", "member", "--user-id", "1001", "--nickname", "Li", "--database-url", url];
    let member = serve.user(&done(folder.path(), &token, "").await);
    send_until_stored(&member, &json!({"contentType": 1, "content": "stored"})).await;
    let stopped = Stopped::server();
    let reply = member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": "hangs"})).await;
    assert_eq!((reply.status, reply.code), (StatusCode::SERVICE_UNAVAILABLE, 503));
    let told = Instant::now();
    let ended = tokio::time::timeout(RECOVERY, serve.terminate()).await.expect("an end");
    drop(stopped);
    // docs/operation.md: 10 s after `server.shutdown_timeout_s`.
    assert!(told.elapsed() >= Duration::from_secs(11), "{:?}", told.elapsed());
    assert_eq!(ended.code, Some(1), "{}", ended.errors);
    assert!(ended.errors.contains("the stop takes too long"), "{}", ended.errors);
}

/// The process of the server that this run is for.
fn server_process() -> u32 {
    let file = variable(if Kind::chosen() == Kind::Mysql { "TEST_MYSQL_PID" } else { "TEST_POSTGRES_PID" }).unwrap();
    std::fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

fn children(of: u32) -> Vec<u32> {
    let pids =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    // After the name, which ends with the last bracket: the state and the parent.
    let parent = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    pids.filter(|pid| parent(*pid) == Some(of)).collect()
}

/// Processes that go on when this is dropped.
struct Stopped(Vec<u32>);

impl Stopped {
    /// The server. What it has forked works on alone; new ones would come from itself, which stops first.
    fn server() -> Self {
        let server = server_process();
        signal("STOP", &[server]);
        let stopped = Self([vec![server], children(server)].concat());
        signal("STOP", &stopped.0);
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("CONT", &self.0);
    }
}

/// Eight members send 40 messages each and repeat whatever is refused; meanwhile the database is disturbed `times`
/// times. Every answer is a success or an honest 503, and afterwards everything is there once. Returns the number of
/// messages.
async fn under_disturbance(app: &TestApp, times: usize, mut disturb: impl AsyncFnMut()) -> usize {
    let owner = app.owner().await;
    let mut members = Vec::new();
    for id in 1..=8 {
        members.push(app.member(id).await);
    }
    let (progress, mut progressed) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = tokio::task::JoinSet::new();
    for member in members.clone() {
        let progress = progress.clone();
        tasks.spawn(async move {
            let mut refused = 0;
            for number in 0..40 {
                let body =
                    json!({"contentType": 1, "content": format!("{number}"), "clientMessageId": format!("{number}")});
                refused += send_until_stored(&member, &body).await;
                progress.send(()).unwrap();
            }
            refused
        });
    }
    drop(progress);
    for _ in 0..times {
        for _ in 0..(8 * 40 / (times + 1)) {
            progressed.recv().await.unwrap();
        }
        disturb().await;
    }
    let mut refused = 0;
    while let Some(done) = tasks.join_next().await {
        refused += done.unwrap();
    }
    assert!(refused > 0, "nothing was disturbed");
    eventually("ready again", async || app.readiness().await.0 == 200).await;
    for member in &members {
        owner.assert_consistent(member.own_conversation().await, 40).await;
    }
    members.len() * 40
}

/// Returns how often the send was refused.
async fn send_until_stored(member: &User, body: &Value) -> usize {
    let begun = Instant::now();
    for refused in 0.. {
        let reply = member.post(path::MEMBER_SEND, body.clone()).await;
        if reply.status != StatusCode::SERVICE_UNAVAILABLE {
            reply.ok();
            return refused;
        }
        assert_eq!(reply.code, 503);
        assert!(begun.elapsed() < RECOVERY, "not stored");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!()
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    id: i64,
}

/// Ends every other connection to this database from the server's side, wherever it stands.
fn kill_connections(connection: &mut AnyConnection) {
    match Kind::chosen() {
        Kind::Sqlite => unreachable!(),
        Kind::Postgres => connection
            .batch_execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .unwrap(),
        Kind::Mysql => {
            let others = "SELECT CAST(id AS SIGNED) AS id FROM information_schema.processlist \
                 WHERE db = DATABASE() AND id <> CONNECTION_ID()";
            for Id { id } in diesel::sql_query(others).load::<Id>(connection).unwrap() {
                // It may have gone by itself.
                drop(connection.batch_execute(&format!("KILL {id}")));
            }
        }
    }
}
