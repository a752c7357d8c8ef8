//! What differs between the databases: texts and times they must keep, connections that are lost, several nodes.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use kefu::db::schema::kefu_id_block;
use kefu::db::{AnyConnection, Backend};
use kefu::settings::Relay;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::database::{Kind, only_on_servers, variable};
use crate::support::{START, TestApp, User};

/// How long a database may take to come back, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const SEND: &str = "/app-api/promotion/kefu-message/send";

#[tokio::test]
async fn every_character_and_every_millisecond_is_kept() {
    let app = TestApp::spawn_with(|settings| settings.limits.content_length = 65_536).await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let longest = "🀄".repeat(65_536 / 4);
    let texts =
        ["👨‍👩‍👧‍👦🇨🇳𠮷﷽", "trailing spaces  ", "\u{1}\u{7f}\u{85}\u{2028}\u{feff}\u{ffff}\u{10ffff}", "'\"\\%_?$1", &longest];
    for (place, text) in texts.iter().enumerate() {
        app.clock.set(START + 123 + i64::try_from(place).unwrap() * 1001);
        let id = member.post(SEND, json!({"contentType": 2, "content": text})).await.ok();
        let listed = member.own_messages("limit=1").await;
        assert_eq!((&listed[0]["id"], &listed[0]["content"]), (&id, &json!(text)));
        assert_eq!(listed[0]["createTime"], json!(app.clock.now()));
        let conversation = owner.conversation(member.own_conversation().await).await;
        assert_eq!(
            (&conversation["lastMessageContent"], &conversation["lastMessageTime"]),
            (&json!(text), &json!(app.clock.now()))
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn client_message_ids_are_compared_byte_for_byte() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let mut ids = Vec::new();
    for client_message_id in ["a", "A", "a ", "á", "ａ", "a\u{301}"] {
        let body = json!({"contentType": 1, "content": "hi", "clientMessageId": client_message_id});
        let id = member.post(SEND, body.clone()).await.ok();
        assert!(!ids.contains(&id), "{client_message_id:?}");
        assert_eq!(member.post(SEND, body).await.ok(), id, "{client_message_id:?}");
        ids.push(id);
    }
    assert_eq!(member.own_messages("limit=100").await.len(), ids.len());
    app.stop().await;
}

#[tokio::test]
async fn commands_of_all_kinds_share_a_batch() {
    let app = TestApp::spawn_with(|settings| settings.limits.sends_per_s = 0).await;
    let owner = app.owner().await;
    let mut members = Vec::new();
    for id in 1..=9 {
        let member = app.member(id).await;
        member.says("first").await;
        members.push((member.own_conversation().await, member));
    }
    let newcomers = [app.member(51).await, app.member(52).await, app.member(53).await];
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..6 {
        for (conversation, member) in &members {
            let (conversation, member, owner) = (*conversation, member.clone(), owner.clone());
            tasks.spawn(async move {
                member.says(&format!("question {round}")).await;
                owner.answers(conversation, &format!("answer {round}")).await;
                owner
                    .put(&format!("/admin-api/promotion/kefu-message/update-read-status?conversationId={conversation}"))
                    .await
                    .ok();
                let body = json!({"id": conversation, "adminPinned": round % 2 == 0});
                owner.put_json("/admin-api/promotion/kefu-conversation/update-conversation-pinned", body).await.ok();
            });
        }
        for newcomer in newcomers.clone() {
            tasks.spawn(async move {
                newcomer.says("hello").await;
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    for (conversation, _) in &members {
        assert_consistent(&owner, *conversation, 13).await;
    }
    for newcomer in &newcomers {
        assert_consistent(&owner, newcomer.own_conversation().await, 6).await;
    }
    assert_eq!(owner.conversations().await.len(), members.len() + newcomers.len());
    app.stop().await;
}

/// The conversation has this many messages, `seq` without gaps, `createTime` strictly increasing, the right last
/// message, and counts what is unread.
async fn assert_consistent(owner: &User, conversation: i64, messages: usize) {
    let mut listed = Vec::new();
    loop {
        let page = owner.messages(conversation, &format!("limit=200&afterSeq={}", listed.len())).await;
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed.len(), messages);
    let head = owner.conversation(conversation).await;
    for (place, message) in listed.iter().enumerate() {
        assert_eq!(message["seq"], json!(place + 1));
        assert!(place == 0 || message["createTime"].as_i64() > listed[place - 1]["createTime"].as_i64());
    }
    let unread = |sender: i64| {
        listed
            .iter()
            .filter(|message| message["senderType"] == json!(sender) && message["readStatus"] == json!(false))
            .count()
    };
    assert_eq!(
        (&head["adminUnreadMessageCount"], &head["memberUnreadMessageCount"]),
        (&json!(unread(1)), &json!(unread(2)))
    );
    let last = listed.last().unwrap();
    assert_eq!((&head["lastMessageContent"], &head["lastMessageTime"]), (&last["content"], &last["createTime"]));
    assert_eq!(head["lastSeq"], json!(messages));
}

#[tokio::test]
async fn two_nodes_write_to_the_same_conversations() {
    if only_on_servers("SQLite belongs to one process") {
        return;
    }
    let first = TestApp::spawn_with(|settings| settings.limits.sends_per_s = 0).await;
    let second = first.another_node(|_| {}).await;
    let owner = first.owner().await;
    let mut members = Vec::new();
    for id in 1..=5 {
        members.push(first.member(id).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..20 {
        for member in &members {
            for (node, member) in [(1, member.clone()), (2, member.at_node(&second))] {
                tasks.spawn(async move { member.says(&format!("{round} at {node}")).await });
            }
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    for member in &members {
        assert_consistent(&owner, member.own_conversation().await, 40).await;
    }
    second.stop().await;
    first.stop().await;
}

#[tokio::test]
async fn whoever_loses_a_deadlock_tries_again() {
    if only_on_servers("where writers take turns") {
        return;
    }
    let app = TestApp::spawn().await;
    let both_hold_one = Arc::new(Barrier::new(2));
    let crosswise = |first: &'static str, second: &'static str| {
        let (db, both_hold_one, mut tries) = (app.db.clone(), Arc::clone(&both_hold_one), 0);
        tokio::spawn(async move {
            let take = |name: &str| {
                diesel::sql_query(format!("UPDATE kefu_id_block SET next_id = next_id + 1 WHERE name = '{name}'"))
            };
            db.write(move |connection| {
                tries += 1;
                lock(connection, first)?;
                if tries == 1 {
                    both_hold_one.wait();
                }
                lock(connection, second)?;
                take(first).execute(connection)?;
                take(second).execute(connection)?;
                Ok(tries)
            })
            .await
        })
    };
    let (one, other) = (crosswise("file", "revocation"), crosswise("revocation", "file"));
    let tries = (one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    assert!(tries.0 + tries.1 >= 3, "nobody lost: {tries:?}");
    #[derive(QueryableByName)]
    struct Next {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        next_id: i64,
    }
    let taken = "SELECT next_id FROM kefu_id_block WHERE name IN ('file', 'revocation')";
    for Next { next_id } in diesel::sql_query(taken).load(&mut app.database.connect()).unwrap() {
        assert_eq!(next_id, 3);
    }
    app.stop().await;
}

/// Locks a row by a statement that stays prepared and whose result begins before it waits for the lock.
fn lock(connection: &mut AnyConnection, name: &str) -> kefu::error::Result<()> {
    let query = kefu_id_block::table
        .filter(kefu_id_block::name.between(name, format!("{name}~")))
        .select(kefu_id_block::next_id)
        .for_update();
    let rows: QueryResult<Vec<i64>> = match connection {
        AnyConnection::Sqlite(_) => {
            drop(query);
            Err(diesel::NotFound)
        }
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(connection) => query.load(connection),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(connection) => query.load(connection),
    };
    assert_eq!(rows?.len(), 1);
    Ok(())
}

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
        member.get("/app-api/member/user/get").await.ok();
        let stopped = Stopped::server();
        let refusals = async {
            for _ in 0..2 {
                for reply in [
                    member.post(SEND, send.clone()).await,
                    owner.get("/admin-api/promotion/kefu-conversation/list").await,
                ] {
                    assert_eq!((reply.status, reply.code), (StatusCode::SERVICE_UNAVAILABLE, 503));
                }
                assert_eq!(app.readiness().await.0, 503);
            }
            assert_eq!(app.readiness().await.1["write_queue"], "stuck");
        };
        tokio::time::timeout(PATIENCE, refusals).await.expect("everything is answered while the server hangs");
        drop(stopped);
        eventually("ready again", async || app.readiness().await.0 == 200).await;
    })
    .await;
    assert_eq!(stored, 8 * 40);
    send_until_stored(&member, &send).await;
    assert_consistent(&owner, member.own_conversation().await, 1).await;
    app.stop().await;
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

fn signal(name: &str, processes: &[u32]) {
    let pids = processes.iter().map(u32::to_string);
    assert!(std::process::Command::new("kill").args(["-s", name]).args(pids).status().unwrap().success());
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
    eventually("ready again", async || {
        owner.request(Method::GET, "/readyz").send().await.unwrap().status() == StatusCode::OK
    })
    .await;
    for member in &members {
        assert_consistent(&owner, member.own_conversation().await, 40).await;
    }
    members.len() * 40
}

/// Returns how often the send was refused.
async fn send_until_stored(member: &User, body: &Value) -> usize {
    let begun = Instant::now();
    for refused in 0.. {
        let reply = member.post(SEND, body.clone()).await;
        if reply.status != StatusCode::SERVICE_UNAVAILABLE {
            reply.ok();
            return refused;
        }
        assert_eq!(reply.code, 503);
        assert!(begun.elapsed() < PATIENCE, "not stored");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!()
}

/// Asks until it is so.
async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "not {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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

#[tokio::test]
async fn a_bad_address_is_one_line_without_the_password() {
    let Some(server) = Kind::chosen().server() else {
        assert!(only_on_servers("which has no address to get wrong"));
        return;
    };
    let wrong = |from: &str, to: &str| format!("{}/postgres", server.replace(from, to));
    let port = server.rsplit(':').next().unwrap();
    let urls = match Kind::chosen() {
        Kind::Mysql => {
            vec![wrong("kefu:kefu", "kefu:not-this-one"), wrong(port, "1"), format!("{server}/no_such_database")]
        }
        _ => vec![wrong("kefu@", "nobody:not-this-one@"), wrong(port, "1"), format!("{server}/no_such_database")],
    };
    for url in urls {
        let folder = tempfile::tempdir().unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_kefu"))
            .args(["serve", "--listen", "127.0.0.1:0", "--database-url", &url, "--data-dir"])
            .arg(folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(text.contains("cannot open the database") && !text.contains("not-this-one"), "{text}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let app = TestApp::spawn().await;
    let url = app.settings.database_url();
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99999999999999')";
    Backend::parse(&url).unwrap().connect().unwrap().batch_execute(newer).unwrap();
    let refused = kefu::db::Db::open(Backend::parse(&url).unwrap(), &app.settings.database).err().unwrap();
    assert!(refused.contains("99999999999999") && refused.contains("newer kefu"), "{refused}");
    app.stop().await;
}
