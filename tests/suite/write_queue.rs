//! The bounded queue and the group commits, seen from outside: somebody else holds the database's write lock, so that
//! sends pile up.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use kefu::settings::Settings;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::database::{Kind, only_on};
use crate::support::{Reply, TIMEOUT, TestApp, User, eventually, path, text};

/// The answer to a send and what its `Retry-After` says; `None` when the service was gone.
type Sent = Option<(Reply, Option<String>)>;

fn queue(commands: usize) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.limits.write_queue = commands;
        settings.limits.write_batch = commands;
    }
}

fn send(member: &User, words: &str) -> JoinHandle<Sent> {
    let request =
        member.request(Method::POST, path::MEMBER_SEND).json(&json!({"contentType": 1, "content": text(words)}));
    tokio::spawn(async move {
        let response = request.send().await.ok()?;
        let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        Some((Reply::read(response).await, retry_after))
    })
}

async fn write_queue(app: &TestApp) -> (StatusCode, Value) {
    let response = app.anonymous().request(Method::GET, "/readyz").send().await.unwrap();
    let status = response.status();
    let state: Value = response.json().await.unwrap();
    (status, state["write_queue"].clone())
}

/// Sends `words(0)`, `words(1)`, … until the queue is full.
async fn fill(app: &TestApp, member: &User, words: impl Fn(usize) -> String) -> Vec<JoinHandle<Sent>> {
    let mut sends = Vec::new();
    loop {
        sends.push(send(member, &words(sends.len())));
        let (status, state) = write_queue(app).await;
        if state == "full" {
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            return sends;
        }
        assert!(sends.len() < 200, "the queue is never full");
    }
}

#[tokio::test]
async fn a_full_queue_answers_503_at_once_and_what_was_accepted_is_stored() {
    let app = TestApp::spawn_with(queue(1)).await;
    let member = app.member(1001).await;
    member.says("first").await;
    let lock = app.lock_writes();
    // One fits into the writer's hands and one into the queue; all others are refused while the lock is still held.
    let mut sends: FuturesUnordered<_> = (0..8).map(|number| send(&member, &number.to_string())).collect();
    for _ in 0..6 {
        let (refused, retry_after) = sends.next().await.unwrap().unwrap().unwrap();
        assert_eq!((refused.status, refused.code), (StatusCode::SERVICE_UNAVAILABLE, 503));
        assert_eq!((refused.msg.as_str(), retry_after.as_deref()), ("服务繁忙，请稍后重试", Some("1")));
    }
    lock.release();

    let mut stored = vec![];
    while let Some(sent) = sends.next().await {
        let (reply, _) = sent.unwrap().unwrap();
        match reply.status {
            StatusCode::OK => stored.push(reply.ok().as_i64().unwrap()),
            status => assert_eq!((status, reply.code), (StatusCode::SERVICE_UNAVAILABLE, 503)),
        }
    }
    assert!(!stored.is_empty());
    stored.sort_unstable();
    let listed = member.own_messages("afterSeq=1&limit=200").await;
    assert_eq!(listed.iter().map(|message| message["id"].as_i64().unwrap()).collect::<Vec<_>>(), stored);
    eventually("it is ready again", async || write_queue(&app).await == (StatusCode::OK, json!("ok"))).await;
    app.stop().await;
}

/// A limit of commands alone would let a few senders of long messages hold half a gigabyte.
#[tokio::test]
async fn the_queue_is_bounded_in_bytes_as_well() {
    const MOST: usize = 1024 * 1024;
    const BYTES: usize = 65_536;
    let app = TestApp::spawn_with(|settings| {
        queue(1000)(settings);
        settings.limits.write_batch = 1;
        settings.limits.write_queue_bytes = MOST;
        settings.limits.content_length = BYTES;
    })
    .await;
    let member = app.member(1001).await;
    let large = "x".repeat(BYTES - text("").len());
    for _ in 0..2 {
        // Taken when the writer has given back what was there before.
        member.says("first").await;
        let lock = app.lock_writes();
        let mut sends: FuturesUnordered<_> = (0..20).map(|_| send(&member, &large)).collect();
        // Fifteen and their commands fill it; what is being written counts until it is answered.
        for _ in 0..20 - MOST / BYTES + 1 {
            let (refused, retry_after) = sends.next().await.unwrap().unwrap().unwrap();
            assert_eq!((refused.status, refused.code), (StatusCode::SERVICE_UNAVAILABLE, 503));
            assert_eq!(retry_after.as_deref(), Some("1"));
        }
        // A short one still has room.
        let short = send(&member, "short");
        lock.release();
        while let Some(sent) = sends.next().await {
            sent.unwrap().unwrap().0.ok();
        }
        short.await.unwrap().unwrap().0.ok();
    }
    assert_eq!(app.count("kefu_message").await, 2 * (1 + 16));
    app.stop().await;
}

#[tokio::test]
async fn a_bad_row_fails_its_own_sender_only() {
    let app = TestApp::spawn_with(queue(8)).await;
    app.refuse("INSERT", "kefu_message", SPOILT);
    assert_only_the_spoilt_fail(app).await;
}

#[tokio::test]
async fn a_commit_that_fails_fails_its_own_sender_only() {
    if only_on(Kind::Sqlite, "where a constraint can wait for the commit and leave the transaction open") {
        return;
    }
    let app = TestApp::spawn_with(queue(8)).await;
    app.refuse_commit("INSERT", "kefu_message", SPOILT);
    assert_only_the_spoilt_fail(app).await;
}

/// Which rows the database is told to refuse.
const SPOILT: &str = "NEW.content LIKE '%spoilt%'";

/// Sends good and spoilt messages in one batch.
async fn assert_only_the_spoilt_fail(app: TestApp) {
    let (member, bystander) = (app.member(1001).await, app.member(1002).await);
    let lock = app.lock_writes();
    let others = send(&bystander, "good");
    let sends = fill(&app, &member, |number| if number % 2 == 0 { "good".into() } else { "spoilt".into() }).await;
    lock.release();

    let mut good = 0;
    for (number, sent) in sends.into_iter().enumerate() {
        let (reply, _) = sent.await.unwrap().unwrap();
        match number % 2 {
            // The last ones may have met the full queue.
            _ if reply.code == 503 => {}
            0 => good += i64::from(reply.ok().is_i64()),
            _ => reply.fails(500, "系统异常"),
        }
    }
    let (reply, _) = others.await.unwrap().unwrap();
    assert!(reply.code == 503 || reply.code == 0, "{reply:?}");
    let listed = member.own_messages("afterSeq=0&limit=200").await;
    let seqs: Vec<i64> = listed.iter().map(|message| message["seq"].as_i64().unwrap()).collect();
    assert!(good > 0 && seqs.into_iter().eq(1..=good));
    assert!(listed.iter().all(|message| message["content"] == text("good")));
    let conversation = member.own_conversation().await;
    assert_eq!(app.owner().await.conversation(conversation).await["adminUnreadMessageCount"], good);
    assert_eq!(app.unread_rows(conversation).await, (good, 0));
    app.stop().await;
}

/// MariaDB refuses packets above 16 MiB. SQLite lets a writer wait for five seconds only, within which all must be sent.
#[tokio::test]
async fn what_is_too_much_for_one_statement_is_stored_and_told_in_several_batches() {
    let waiting = if Kind::chosen() == Kind::Sqlite { 80 } else { 260 };
    // The writer takes up to a batch before it has to wait.
    let messages = waiting + 64;
    const BYTES: usize = 65_536;
    let app = TestApp::spawn_with(|settings| {
        queue(waiting)(settings);
        settings.limits.sends_per_s = 0;
        settings.limits.content_length = BYTES;
        settings.push.queue_bytes = 2 * messages * BYTES;
    })
    .await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("first").await;
    let mut socket = owner.socket("").await;
    let lock = app.lock_writes();
    let large = "x".repeat(BYTES - text("000").len());
    // Whoever meets the full queue tries again, and whose body a busy machine has not read in time.
    let send = async |member: User, number: usize| {
        let content = text(&format!("{number:03}{large}"));
        let body = json!({"contentType": 1, "content": content, "clientMessageId": number.to_string()});
        loop {
            // A pooled connection may have ended meanwhile: a repeat is safe.
            if let Ok(response) = member.request(Method::POST, path::MEMBER_SEND).json(&body).send().await
                && response.status() != StatusCode::REQUEST_TIMEOUT
            {
                let reply = Reply::read(response).await;
                if reply.status != StatusCode::SERVICE_UNAVAILABLE {
                    return reply.ok().as_i64().unwrap();
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let sends = join_all((0..messages).map(|number| send(member.clone(), number)));
    let release = async {
        eventually("all wait", async || write_queue(&app).await.1 == "full").await;
        lock.release();
    };
    let both = async { tokio::join!(sends, release) };
    let (mut ids, ()) = tokio::time::timeout(3 * TIMEOUT, both).await.expect("all are stored");
    ids.sort_unstable();
    let mut told = Vec::new();
    while told.len() < ids.len() {
        let event = socket.event().await;
        assert_eq!(event.kind, "kefu_message_type");
        told.push(event.content["id"].as_i64().unwrap());
    }
    assert_eq!(told, ids);
    assert_eq!(app.count("kefu_message").await, 1 + i64::try_from(ids.len()).unwrap());
    let batches = async |up_to: usize| app.metric(&format!("kefu_write_batch_size_bucket{{le=\"{up_to}.0\"}}")).await;
    let all = app.metric("kefu_write_batch_size_count").await;
    assert!(batches(8).await < all, "they did not wait together");
    assert_eq!(batches(32).await, all, "a batch of more than 1 MiB");
    app.stop().await;
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_the_queue() {
    let app = TestApp::spawn_with(|settings| {
        queue(4)(settings);
        // The server cuts its connections at once, so that only the writer itself can finish the queue.
        settings.server.shutdown_timeout_s = 0;
    })
    .await;
    let member = app.member(1001).await;
    member.says("first").await;
    let lock = app.lock_writes();
    let sends = fill(&app, &member, |number| number.to_string()).await;
    let accepted = i64::try_from(sends.len()).unwrap();
    let (app, refused) = tokio::join!(app.restart(), async {
        let mut refused = 0;
        for sent in sends {
            if let Some((reply, _)) = sent.await.unwrap() {
                assert_eq!(reply.code, 503, "nothing is stored yet");
                refused += 1;
            }
        }
        lock.release();
        refused
    });
    let found = app.count("kefu_message").await;
    assert!((1 + 4..=1 + accepted - refused).contains(&found), "{found} of {accepted}, {refused} refused");
    app.stop().await;
}
