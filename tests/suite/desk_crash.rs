//! Rounds of service when a node is killed: what was answered is there (T6 of docs/desk.md), and whom its agents served waits again,
//! once, for the agents of the other nodes.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kefu::clock::Clock;
use kefu::settings::Settings;
use kefu::testing::access::Role;
use kefu::testing::db::{Backend, Db};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::desk_property::assert_sound;
use crate::support::database::only_on_servers;
use crate::support::process::{Serve, done};
use crate::support::{TestApp, User, eventually};

const SETTING: &str = "/admin-api/promotion/kefu-setting/update";
const TASK: &str = "/admin-api/promotion/kefu-task";
const SEND: &str = "/app-api/promotion/kefu-message/send";
const CURRENT: &str = "/app-api/promotion/kefu-task/current";
const MEMBERS: i64 = 8;

/// What members and agents do, as it was answered.
#[derive(Clone, Default)]
struct Book {
    taken: HashSet<i64>,
    /// Whose end was asked for.
    closing: HashSet<i64>,
    closed: HashSet<i64>,
}

/// The data of a successful answer, `None` when there is none.
async fn unless_killed(request: RequestBuilder) -> Option<Value> {
    let answer: Value = request.send().await.ok()?.json().await.ok()?;
    assert_eq!(answer["code"], 0, "{answer}");
    Some(answer["data"].clone())
}

/// A member writes, the owner takes and closes, again and again until nobody answers any more.
async fn serve_member(
    member: User,
    owner: User,
    book: &Mutex<Book>,
    answers: &AtomicUsize,
    enough: &Notify,
    most: usize,
) {
    let answered = || {
        if answers.fetch_add(1, Ordering::Relaxed) + 1 == most {
            enough.notify_one();
        }
    };
    let send = json!({"contentType": 1, "content": "hi"});
    loop {
        let sent = unless_killed(member.request(Method::POST, SEND).json(&send)).await;
        if sent.is_none() {
            return;
        }
        let Some(own) = unless_killed(member.request(Method::GET, CURRENT)).await else { return };
        let take = json!({"conversationId": own["task"]["conversationId"]});
        let taken = unless_killed(owner.request(Method::POST, &format!("{TASK}/take")).json(&take)).await;
        let Some(task) = taken else { return };
        let id = task["id"].as_i64().unwrap();
        book.lock().unwrap().taken.insert(id);
        answered();
        book.lock().unwrap().closing.insert(id);
        let close = owner.request(Method::PUT, &format!("{TASK}/close")).json(&json!({"id": id}));
        if unless_killed(close).await.is_none() {
            return;
        }
        book.lock().unwrap().closed.insert(id);
        answered();
    }
}

#[tokio::test]
async fn what_was_answered_as_taken_or_closed_is_there_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--set", "limits.sends_per_s=0", "--set", "limits.calls_per_s=0", "--set", "log.filter=off"];
    let mut serve = Serve::start(folder.path(), &arguments).await;
    let admin = done(folder.path(), &["token", "admin", "--username", "admin"], "").await;
    let routing = json!({"mode": "manual", "capacity": 1000, "toasts": true});
    serve.user(&admin).put_json(SETTING, json!({"routing": routing})).await.ok();
    let mut members = Vec::new();
    for id in 1001..1001 + MEMBERS {
        let id = id.to_string();
        members.push(done(folder.path(), &["token", "member", "--user-id", &id, "--nickname", "m"], "").await);
    }
    let book = Mutex::<Book>::default();
    for most in [7, 20, 45, 90, 13] {
        let (answers, enough) = (AtomicUsize::new(0), Notify::new());
        let owner = serve.user(&admin);
        let lanes = members.iter().map(|member| serve.user(member));
        let lanes = lanes.map(|member| serve_member(member, owner.clone(), &book, &answers, &enough, most));
        let lanes = lanes.collect::<Vec<_>>();
        tokio::join!(join_all(lanes), async {
            enough.notified().await;
            serve.signal("KILL");
        });
        serve = Serve::start(folder.path(), &arguments).await;
        let book = book.lock().unwrap().clone();
        let owner = serve.user(&admin);
        for id in &book.taken {
            let state = owner.get(&format!("{TASK}/get?id={id}")).await.ok()["state"].as_i64().unwrap();
            let may_be = match (book.closed.contains(id), book.closing.contains(id)) {
                (true, _) => &[-1][..],
                (false, true) => &[1, -1],
                (false, false) => &[1],
            };
            assert!(may_be.contains(&state), "round {id} is {state} after {most} answers");
        }
    }
    assert!(book.lock().unwrap().closed.len() > 50);
    serve.kill().await;
    let url = format!("sqlite:{}", folder.path().join("data/kefu.db").display());
    let db = Db::open(Backend::parse(&url).unwrap(), &Settings::default().database).unwrap();
    assert!(assert_sound(&db).await > 50);
}

#[tokio::test]
async fn whom_a_killed_nodes_agents_served_waits_again_once_and_nobody_is_lost() {
    if only_on_servers("SQLite belongs to one process") {
        return;
    }
    let short = |settings: &mut Settings| {
        (settings.push.node_lease_s, settings.push.node_renewal_s) = (3, 1);
        settings.limits.sends_per_s = 0;
        settings.limits.calls_per_s = Some(0);
    };
    // Other processes read the system's clock. Two nodes look after what the third leaves.
    let app = TestApp::spawn_on(Clock::system(), short).await;
    let beside = app.another_node(short).await;
    let owner = app.owner().await;
    let routing = json!({"mode": "manual", "capacity": 100, "offlineGrace": 4});
    owner.put_json(SETTING, json!({"routing": routing})).await.ok();
    let url = app.settings.database_url();
    let set = ["push.node_lease_s=3", "push.node_renewal_s=1", "limits.calls_per_s=0", "log.filter=off"];
    let mut arguments = vec!["--database-url", url.as_str()];
    arguments.extend(set.iter().flat_map(|setting| ["--set", *setting]));
    let killed = Serve::start(app.settings.data_dir.parent().unwrap(), &arguments).await;

    let (ann, ben) = (app.admin("ann", Role::Agent).await, app.admin("ben", Role::Agent).await);
    let ann = ann.at_address(&killed.address);
    eventually("the other node knows", async || {
        let there = owner.at_address(&killed.address);
        there.get("/admin-api/promotion/kefu-setting/get").await.ok()["routing"]["mode"] == "manual"
    })
    .await;
    let (at_ann, _at_ben) = (ann.socket("").await, ben.socket("").await);
    let mut conversations = Vec::new();
    for id in 1001..=1015 {
        let member = app.member(id).await;
        member.says("你好").await;
        conversations.push(member.own_conversation().await);
    }
    let take = async |agent: &User, conversation: i64| {
        agent.post(&format!("{TASK}/take"), json!({"conversationId": conversation})).await.ok()
    };
    let mut of_ann = Vec::new();
    for conversation in &conversations[..10] {
        of_ann.push(take(&ann, *conversation).await);
    }
    let mut of_ben = Vec::new();
    for conversation in &conversations[10..] {
        of_ben.push(take(&ben, *conversation).await);
    }
    let since = Instant::now();
    killed.kill().await;
    drop(at_ann);
    let waiting = async || owner.get(&format!("{TASK}/list?state=3")).await.ok().as_array().unwrap().clone();
    eventually("they wait again", async || waiting().await.len() == 10).await;
    // The last renewal may be a second old, and then counts the grace.
    assert!(since.elapsed() >= Duration::from_secs(2), "{:?}", since.elapsed());

    let version = |task: &Value| task["version"].as_i64().unwrap();
    let now: Vec<Value> = waiting().await;
    for (before, after) in of_ann.iter().zip(&now) {
        assert_eq!((&before["id"], &before["queuedAt"]), (&after["id"], &after["queuedAt"]), "in their order");
        assert_eq!(version(after), version(before) + 1, "once");
    }
    for before in &of_ben {
        assert_eq!(owner.get(&format!("{TASK}/get?id={}", before["id"])).await.ok(), *before);
    }
    // Who comes back to another node goes on.
    let ann = ann.at_node(&beside);
    let _at_ann = ann.socket("").await;
    for conversation in &conversations[..10] {
        take(&ann, *conversation).await;
    }
    assert_eq!(app.count("kefu_task WHERE state = 1").await, 15);
    assert_sound(&app.db).await;
    beside.stop().await;
    app.stop().await;
}
