//! What a client missed, replayed on request (invariant 7): by `lastSeq` or `since` in the handshake, by `kefu_resync`
//! on the open socket.

use futures_util::future::{join, join_all};
use futures_util::stream::{self, StreamExt};
use kefu::id::TenantId;
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::{Event, START, Socket, TestApp, User, eventually};

const DONE: &str = "kefu_resync_done";

fn messages(events: &[Event]) -> Vec<Value> {
    events.iter().filter(|event| event.kind == "kefu_message_type").map(|event| event.content.clone()).collect()
}

fn seqs(events: &[Event]) -> Vec<i64> {
    messages(events).iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}

fn resync(content: Value) -> String {
    json!({"type": "kefu_resync", "content": content.to_string()}).to_string()
}

/// Many sends of a member, some at once.
async fn says_often(member: &User, count: usize) {
    stream::iter(0..count)
        .for_each_concurrent(32, async |_| {
            member.says("又一条").await;
        })
        .await;
}

#[tokio::test]
async fn a_member_gets_what_came_after_the_seq_in_the_handshake() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("一").await;
    owner.answers(member.own_conversation().await, "二").await;
    member.says("三").await;
    for last_seq in 0..=3 {
        let mut socket = member.socket(&format!("lastSeq={last_seq}")).await;
        let replayed = socket.events_until(DONE).await;
        assert_eq!(messages(&replayed), member.own_messages(&format!("afterSeq={last_seq}")).await);
        // Live frames follow, and nothing comes twice.
        assert_eq!(socket.events_so_far().await, []);
    }
    let mut socket = member.socket("lastSeq=3").await;
    assert_eq!(socket.events_until(DONE).await, []);
    member.says("四").await;
    assert_eq!(socket.expect("kefu_message_type").await["seq"], json!(4));
    app.stop().await;
}

#[tokio::test]
async fn a_member_without_a_conversation_may_ask_too() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let mut socket = member.socket("lastSeq=0").await;
    assert_eq!(socket.events_until(DONE).await, []);
    member.says("一").await;
    assert_eq!(socket.expect("kefu_message_type").await["seq"], json!(1));
    app.stop().await;
}

#[tokio::test]
async fn an_admin_gets_all_conversations_of_the_tenant_since_a_time() {
    let app = TestApp::spawn().await;
    let (one, two, owner) = (app.member(1001).await, app.member(1002).await, app.owner().await);
    let foreigner = app.member_of(TenantId::new(2), 1003).await;
    one.says("旧").await;
    app.clock.advance(60_000);
    for user in [&one, &two, &foreigner, &one, &two] {
        user.says("新").await;
        app.clock.advance(1);
    }
    let viewer = app.admin("viewer", Role::Viewer).await;
    for admin in [&owner, &viewer] {
        let mut socket = admin.socket(&format!("since={}", START + 60_000)).await;
        let replayed = messages(&socket.events_until(DONE).await);
        let mut expected = owner.messages(one.own_conversation().await, "afterSeq=1").await;
        expected.extend(owner.messages(two.own_conversation().await, "afterSeq=0").await);
        expected.sort_by_key(|message| message["createTime"].as_i64().unwrap());
        assert_eq!(replayed, expected);

        let mut socket = admin.socket("since=0").await;
        assert_eq!(socket.events_until(DONE).await.len(), 5);
    }
    app.stop().await;
}

#[tokio::test]
async fn an_open_socket_may_ask_by_seq_and_by_time() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for text in ["一", "二", "三"] {
        member.says(text).await;
    }
    let id = member.own_conversation().await;
    let (mut at_member, mut at_owner) = (member.socket("").await, owner.socket("").await);

    at_member.send(&resync(json!({"afterSeq": 1}))).await;
    assert_eq!(seqs(&at_member.events_until(DONE).await), [2, 3]);
    at_owner.send(&resync(json!({"conversationId": id, "afterSeq": 2}))).await;
    assert_eq!(seqs(&at_owner.events_until(DONE).await), [3]);
    at_owner.send(&resync(json!({"since": START}))).await;
    assert_eq!(seqs(&at_owner.events_until(DONE).await), [1, 2, 3]);
    app.stop().await;
}

#[tokio::test]
async fn one_may_ask_only_for_what_one_may_see() {
    let app = TestApp::spawn().await;
    let (member, other, owner) = (app.member(1001).await, app.member(1002).await, app.owner().await);
    let stranger = app.admin_of(TenantId::new(2), "stranger", Role::Owner).await;
    member.says("一").await;
    let id = member.own_conversation().await;

    // Another's conversation is as if it did not exist.
    let mut at_other = other.socket("").await;
    at_other.send(&resync(json!({"conversationId": id, "afterSeq": 0}))).await;
    assert_eq!(at_other.expect("error").await["code"], json!(1_013_019_000));
    assert_eq!(at_other.events_until(DONE).await, []);
    let mut at_stranger = stranger.socket("since=0").await;
    assert_eq!(at_stranger.events_until(DONE).await, []);
    at_stranger.send(&resync(json!({"conversationId": id, "afterSeq": 0}))).await;
    assert_eq!(at_stranger.expect("error").await["code"], json!(1_013_019_000));
    assert_eq!(at_stranger.events_until(DONE).await, []);

    at_other.send(&resync(json!({"since": 0}))).await;
    assert_eq!(at_other.expect("error").await["code"], json!(403));
    let mut at_owner = owner.socket("").await;
    at_owner.send(&resync(json!({"afterSeq": 0}))).await;
    assert_eq!(at_owner.expect("error").await, json!({"code": 400, "msg": "请求参数缺失:conversationId"}));

    for (user, query) in [
        (&member, "since=0"),
        (&member, "lastSeq=0&since=0"),
        (&owner, "lastSeq=0"),
        (&owner, "lastSeq=0&since=0"),
        (&member, "lastSeq=-1"),
        (&owner, "since=-1"),
        (&member, "lastSeq=x"),
        (&member, "lastSeq=99999999999999999999"),
    ] {
        let path = app.url(&format!("/infra/ws?token={}&{query}", user.refresh_token()));
        let answer: Value = app.http.get(path).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["code"], json!(400), "{query}");
    }
    app.stop().await;
}

/// The content of the frame that ends a replay since a time.
async fn done_since(user: &User, since: i64) -> (Vec<Event>, Value) {
    let mut socket = user.socket(&format!("since={since}")).await;
    let mut events = Vec::new();
    loop {
        let event = socket.event().await;
        if event.kind == DONE {
            return (events, event.content);
        }
        events.push(event);
    }
}

#[tokio::test]
async fn after_a_correction_of_the_time_of_day_admins_are_told_to_load_anew() {
    const HOUR: i64 = 3_600_000;
    let app = TestApp::spawn_with(|settings| settings.auth.access_ttl_s = 7 * 24 * 3600).await;
    let (one, two, owner) = (app.member(1001).await, app.member(1002).await, app.owner().await);
    one.says("旧").await;
    app.clock.correct(START + 8 * HOUR);
    eventually("the correction is stored", async || done_since(&owner, START + HOUR).await.1["reload"] == json!(true))
        .await;
    one.says("八小时后").await;
    let newest = owner.messages(one.own_conversation().await, "afterSeq=0").await[1]["createTime"].as_i64().unwrap();
    assert!(newest >= START + 8 * HOUR);
    app.clock.correct(START + 1000);
    two.says("更正后").await;

    // Ahead of the server: nothing after it, and yet something is missing.
    let (events, done) = done_since(&owner, newest).await;
    assert_eq!(done["reload"], json!(true));
    assert_eq!(messages(&events).len(), 3, "a day earlier");
    // Once the server has caught up, at every node and after a restart.
    app.clock.advance(9 * HOUR);
    let app = app.restart().await;
    let owner = app.owner().await;
    assert_eq!(done_since(&owner, newest).await.1["reload"], json!(true));
    let later = newest + HOUR / 2;
    assert_eq!(done_since(&owner, later).await, (vec![], json!({"restoredAt": null})));
    assert_eq!(done_since(&owner, 0).await.1, json!({"restoredAt": null}), "everything is replayed");
    // A member's position is no time.
    let mut socket = app.member(1002).await.socket("lastSeq=0").await;
    assert_eq!(socket.event().await.content["seq"], json!(1));
    assert_eq!(socket.event().await.content, json!({"restoredAt": null}));
    app.stop().await;
}

#[tokio::test]
async fn a_start_notices_that_the_newest_message_is_ahead_of_the_clock() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    member.says("一").await;
    let newest = member.own_messages("afterSeq=0").await[0]["createTime"].as_i64().unwrap();
    app.clock.advance(60_000);
    let owner = app.owner().await;
    assert_eq!(done_since(&owner, newest).await.1, json!({"restoredAt": null}));
    let clock = app.clock.clone();
    let app = app.restart_with(async || clock.correct(START - 60_000)).await;
    clock.advance(180_000);
    assert_eq!(done_since(&app.owner().await, newest).await.1["reload"], json!(true));
    app.stop().await;
}

/// More messages than a queue holds, and more arriving during the replay: each once, in order.
#[tokio::test]
async fn a_long_replay_arrives_whole_while_messages_arrive() {
    let app = TestApp::spawn_with(|settings| {
        settings.limits.sends_per_s = 0;
        settings.push.queue_frames = 100;
    })
    .await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    says_often(&member, 1500).await;

    let (mut at_member, mut at_owner) = join(member.socket("lastSeq=0"), owner.socket("since=0")).await;
    let all: Vec<i64> = (1..=1600).collect();
    let read = async |socket: &mut Socket| {
        let mut events = socket.events_until(DONE).await;
        while seqs(&events).len() < all.len() {
            events.push(socket.event().await);
        }
        assert_eq!(seqs(&events), all);
    };
    let ((), (), ()) = tokio::join!(says_often(&member, 100), read(&mut at_member), read(&mut at_owner));
    for socket in [&mut at_member, &mut at_owner] {
        assert_eq!(socket.events_so_far().await, []);
    }
    app.stop().await;
}

/// Large messages overrun the queue's bytes long before its frames.
#[tokio::test]
async fn a_replay_of_large_messages_arrives_whole() {
    let app = TestApp::spawn_with(|settings| {
        settings.limits.sends_per_s = 0;
        settings.limits.content_length = 65_536;
        settings.push.queue_bytes = 100_000;
    })
    .await;
    let member = app.member(1001).await;
    let large = "x".repeat(60_000);
    let sends = (0..40).map(|_| member.says(&large));
    join_all(sends).await;
    let mut socket = member.socket("lastSeq=0").await;
    assert_eq!(seqs(&socket.events_until(DONE).await), (1..=40).collect::<Vec<_>>());
    app.stop().await;
}

#[tokio::test]
async fn pings_are_answered_during_a_replay() {
    let app = TestApp::spawn_with(|settings| settings.limits.sends_per_s = 0).await;
    let member = app.member(1001).await;
    says_often(&member, 400).await;
    let mut socket = member.socket("lastSeq=0").await;
    socket.send("ping").await;
    let (mut pongs, mut done) = (0, false);
    while !(done && pongs == 1) {
        let text = socket.next().await.unwrap().into_text().unwrap();
        pongs += usize::from(text == "pong");
        done |= text.contains(DONE);
    }
    app.stop().await;
}

/// The client does not read, so the replay cannot end before all this has happened.
#[tokio::test]
async fn what_happens_during_a_replay_follows_it() {
    let app = TestApp::spawn_with(|settings| {
        settings.limits.sends_per_s = 0;
        settings.limits.content_length = 65_536;
    })
    .await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let large = "x".repeat(60_000);
    stream::iter(0..190)
        .for_each_concurrent(16, async |_| {
            member.says(&large).await;
        })
        .await;
    let id = member.own_conversation().await;
    let address = app.socket_url(&format!("token={}&lastSeq=0", member.refresh_token()));
    let mut socket = Socket::open_with_buffer(&address, Some(4096)).await.unwrap();
    owner.reads(id).await;
    owner.answers(id, "在").await;

    let events = socket.events_until(DONE).await;
    assert_eq!(seqs(&events), (1..=191).collect::<Vec<_>>());
    let reads = events.iter().filter(|event| event.kind == "kefu_message_read_status_change").count();
    assert_eq!(reads, 1, "what is not in the table of messages was held back and follows");
    assert_eq!(socket.events_so_far().await, []);
    app.stop().await;
}
