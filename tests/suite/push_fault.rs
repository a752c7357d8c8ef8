//! The known faults of the original that live in its push (docs/contract.md#faults-of-the-original: 6, 8, 11, 12).

use diesel::prelude::*;
use futures_util::future::join_all;
use kefu::id::TenantId;
use kefu::testing::access::Role;
use kefu::testing::auth::admin;
use kefu::testing::db::schema::kefu_message;
use serde_json::{Value, json};

use crate::support::{Event, Socket, TENANT, TestApp};

fn pushed(events: &[Event]) -> Vec<Value> {
    events.iter().filter(|event| event.kind == "kefu_message_type").map(|event| event.content.clone()).collect()
}

#[tokio::test]
async fn fault_6_a_frame_never_leaves_before_its_commit() {
    let app = TestApp::spawn_with(|settings| settings.limits.sends_per_s = 0).await;
    let member = app.member(1001).await;
    let mut socket = app.owner().await.socket("").await;
    let sends = async {
        for _ in 0..50 {
            member.says("你好").await;
        }
    };
    let reads = async {
        socket.expect("kefu_conversation_created").await;
        for _ in 0..50 {
            let id = socket.expect("kefu_message_type").await["id"].as_i64().unwrap();
            // A connection of its own, as another process has: it sees what is committed and nothing else.
            let row = app.db.run(move |connection| {
                Ok(kefu_message::table.find(id).select(kefu_message::id).first::<i64>(connection).optional()?)
            });
            assert_eq!(row.await.unwrap(), Some(id), "pushed before it was committed");
        }
    };
    tokio::join!(sends, reads);
    app.stop().await;
}

#[tokio::test]
async fn fault_6_what_is_not_committed_is_not_pushed() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let mut sockets = [member.socket("").await, app.owner().await.socket("").await];
    app.refuse("INSERT", "kefu_message", "NEW.content = 'bad'");
    let send = async |content: &str| {
        member.post("/app-api/promotion/kefu-message/send", json!({"contentType": 1, "content": content})).await
    };
    // One bad row among good ones fails its own sender only, wherever the batches are cut.
    let contents: Vec<&str> = (0..12).map(|index| if index % 4 == 1 { "bad" } else { "good" }).collect();
    for (reply, content) in join_all(contents.iter().map(|content| send(content))).await.into_iter().zip(&contents) {
        match *content {
            "bad" => reply.fails(500, "系统异常"),
            _ => drop(reply.ok()),
        }
    }
    let listed = member.own_messages("afterSeq=0").await;
    assert_eq!(listed.len(), 9);
    for socket in &mut sockets {
        assert_eq!(pushed(&socket.events_so_far().await), listed);
    }
    app.stop().await;
}

#[tokio::test]
async fn fault_6_what_a_dead_process_did_not_push_is_had_by_asking() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let mut socket = member.socket("").await;
    member.says("一").await;
    assert_eq!(socket.expect("kefu_message_type").await["seq"], json!(1));
    drop(socket);
    member.says("二").await;
    let app = app.restart().await;
    let member = app.member(1001).await;
    member.says("三").await;
    let mut socket = member.socket("lastSeq=1").await;
    let events = socket.events_until("kefu_resync_done").await;
    assert_eq!(pushed(&events), member.own_messages("afterSeq=1").await);
    app.stop().await;
}

#[tokio::test]
async fn fault_8_pushed_and_listed_fields_of_one_message_are_equal() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let mut sockets = [member.socket("").await, owner.socket("").await];
    for content in ["bare", "{\"text\":\"<b>'; DROP TABLE kefu_message; --</b>\\n\"}", "\u{1F600}\u{2028}\u{7f}\"\\"] {
        member.post("/app-api/promotion/kefu-message/send", json!({"contentType": 1, "content": content})).await.ok();
        let id = member.own_conversation().await;
        let body = json!({"conversationId": id, "contentType": 5, "content": content, "clientMessageId": content});
        owner.post("/admin-api/promotion/kefu-message/send", body).await.ok();
        app.clock.advance(-7);
    }
    let listed = member.own_messages("afterSeq=0").await;
    assert_eq!(listed.len(), 6);
    assert_eq!(owner.messages(member.own_conversation().await, "afterSeq=0").await, listed);
    for socket in &mut sockets {
        assert_eq!(pushed(&socket.events_so_far().await), listed);
    }
    app.stop().await;
}

#[tokio::test]
async fn fault_11_only_admins_who_may_query_get_chats_and_no_client_can_push() {
    let app = TestApp::spawn().await;
    let stranger = app.admin_of(TenantId::new(2), "stranger", Role::Owner).await;
    let mut at_stranger = stranger.socket("").await;
    let mut inside = Vec::new();
    for role in Role::ALL {
        inside.push(app.admin(role.as_str(), role).await.socket("").await);
    }
    let member = app.member(1001).await;
    let mut at_member = member.socket("").await;
    // What the original's demo listener took, and server frames sent by a client.
    for kind in ["demo-message-send", "demo-message-receive", "notice-push", "kefu_message_type"] {
        let content = json!({"toUserId": 1, "text": "假的", "conversationId": 1}).to_string();
        at_member.send(&json!({"type": kind, "content": content}).to_string()).await;
        assert_eq!(at_member.expect("error").await["code"], json!(400), "{kind}");
    }
    let id = member.says("真的").await;
    for socket in &mut inside {
        let events = socket.events_so_far().await;
        assert_eq!(pushed(&events).len(), 1, "the three roles may all query: {events:?}");
        assert_eq!(pushed(&events)[0]["id"], json!(id));
        assert_eq!(events.len(), 2);
    }
    assert_eq!(at_stranger.events_so_far().await, []);
    app.stop().await;
}

#[tokio::test]
async fn fault_11_a_socket_does_not_survive_logout_expiry_or_disabling() {
    let app = TestApp::spawn().await;
    let (one, two, three) =
        (app.owner().await, app.admin("two", Role::Agent).await, app.admin("three", Role::Agent).await);
    let (mut logged_out, mut disabled) = (one.socket("").await, two.socket("").await);
    let mut expired = Socket::open(&app.socket_url(&format!("token={}", three.access_token()))).await.unwrap();
    one.post("/admin-api/system/auth/logout", json!({})).await.ok();
    admin::set_enabled(&app.db, &app.clock, TENANT, "two", false).await.unwrap();
    assert_eq!(logged_out.close_code().await, Some(4002));
    assert_eq!(disabled.close_code().await, Some(4003));
    app.clock.set(three.tokens.as_ref().unwrap().expires_time);
    assert_eq!(expired.close_code().await, Some(4001));
    // Nobody is left to receive anything.
    let frames = app.metric("kefu_frames_sent_total").await;
    app.member(1001).await.says("有人吗").await;
    assert_eq!(app.metric("kefu_frames_sent_total").await, frames);
    app.stop().await;
}

#[tokio::test]
async fn fault_12_a_socket_that_does_not_read_is_closed_with_4008_and_delays_no_other() {
    let app = TestApp::spawn_with(|settings| {
        settings.limits.sends_per_s = 0;
        settings.limits.content_length = 65_536;
        settings.push.queue_frames = 16;
    })
    .await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let address = app.socket_url(&format!("token={}", owner.refresh_token()));
    let mut slow = Socket::open_with_buffer(&address, Some(4096)).await.unwrap();
    let mut quick = [owner.socket("").await, app.admin("agent", Role::Agent).await.socket("").await];
    let large = "x".repeat(60_000);
    let mut sent = Vec::new();
    while app.metric("kefu_slow_closes_total").await == 0 {
        assert!(sent.len() < 1000, "the slow socket is never closed");
        sent.push(member.says(&large).await);
        for socket in &mut quick {
            let events = pushed(&socket.events_so_far().await);
            assert_eq!(events.len(), 1);
            assert_eq!(events[0]["id"], json!(sent.last()));
        }
    }
    assert_eq!(slow.close_code().await, Some(4008));
    // It comes back and has lost nothing.
    let mut back = owner.socket("since=0").await;
    let ids: Vec<Value> =
        pushed(&back.events_until("kefu_resync_done").await).iter().map(|message| message["id"].clone()).collect();
    assert_eq!(ids, sent.iter().map(|id| json!(id)).collect::<Vec<_>>());
    app.stop().await;
}
