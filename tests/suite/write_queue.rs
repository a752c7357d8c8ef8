//! The bounded queue and the group commits, seen from outside: somebody else holds the database's write lock, so that
//! sends pile up.

use kefu::settings::Settings;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Reply, TestApp, User, path, text};

/// The answer to a send and what its `Retry-After` says.
type Sent = (Reply, Option<String>);

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
        let response = request.send().await.unwrap();
        let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        (Reply::read(response).await, retry_after)
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
    let mut sends = fill(&app, &member, |number| number.to_string()).await;
    // Full for certain: this one is refused while the lock is still held.
    let (refused, retry_after) = send(&member, "too many").await.unwrap();
    assert_eq!((refused.status, refused.code), (StatusCode::SERVICE_UNAVAILABLE, 503));
    assert_eq!((refused.msg.as_str(), retry_after.as_deref()), ("服务繁忙，请稍后重试", Some("1")));
    sends.push(send(&member, "one more"));
    lock.release();

    let mut stored = vec![];
    for sent in sends {
        let (reply, _) = sent.await.unwrap();
        match reply.status {
            StatusCode::OK => stored.push(reply.ok().as_i64().unwrap()),
            status => assert_eq!((status, reply.code), (StatusCode::SERVICE_UNAVAILABLE, 503)),
        }
    }
    assert!(stored.len() >= 2, "one in the writer's hands and one in the queue");
    stored.sort_unstable();
    let listed = member.own_messages("afterSeq=1&limit=200").await;
    assert_eq!(listed.iter().map(|message| message["id"].as_i64().unwrap()).collect::<Vec<_>>(), stored);
    assert_eq!(write_queue(&app).await, (StatusCode::OK, json!("ok")));
    app.stop().await;
}

#[tokio::test]
async fn a_bad_row_fails_its_own_sender_only() {
    let app = TestApp::spawn_with(queue(8)).await;
    let (member, bystander) = (app.member(1001).await, app.member(1002).await);
    app.execute(
        "CREATE TRIGGER spoil BEFORE INSERT ON kefu_message WHEN NEW.content LIKE '%spoilt%'
         BEGIN SELECT RAISE(ABORT, 'spoilt'); END",
    );
    let lock = app.lock_writes();
    let others = send(&bystander, "good");
    let sends = fill(&app, &member, |number| if number % 2 == 0 { "good".into() } else { "spoilt".into() }).await;
    lock.release();

    let mut good = 0;
    for (number, sent) in sends.into_iter().enumerate() {
        let (reply, _) = sent.await.unwrap();
        match number % 2 {
            // The last ones may have met the full queue.
            _ if reply.code == 503 => {}
            0 => good += i64::from(reply.ok().is_i64()),
            _ => reply.fails(500, "系统异常"),
        }
    }
    others.await.unwrap().0.ok();
    let listed = member.own_messages("afterSeq=0&limit=200").await;
    let seqs: Vec<i64> = listed.iter().map(|message| message["seq"].as_i64().unwrap()).collect();
    assert!(good >= 3 && seqs.into_iter().eq(1..=good));
    assert!(listed.iter().all(|message| message["content"] == text("good")));
    let conversation = member.own_conversation().await;
    assert_eq!(app.owner().await.conversation(conversation).await["adminUnreadMessageCount"], good);
    assert_eq!(app.unread_rows(conversation).await, (good, 0));
    app.stop().await;
}

#[tokio::test]
async fn a_stop_finishes_what_is_in_the_queue() {
    let app = TestApp::spawn_with(queue(4)).await;
    let member = app.member(1001).await;
    member.says("first").await;
    let lock = app.lock_writes();
    let sends = fill(&app, &member, |number| number.to_string()).await;
    let (app, ()) = tokio::join!(app.restart(), async { lock.release() });
    let mut stored = 1;
    for sent in sends {
        stored += i64::from(sent.await.unwrap().0.code == 0);
    }
    assert!(stored > 4);
    assert_eq!(app.count("kefu_message").await, stored);
    app.stop().await;
}
