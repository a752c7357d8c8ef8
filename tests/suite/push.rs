//! What is pushed, to whom, when and in which order (docs/contract.md#websocket).

use futures_util::future::join_all;
use kefu::id::TenantId;
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::{Event, Socket, TENANT, TestApp, User};

fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

#[tokio::test]
async fn the_frame_is_handed_over_before_send_answers() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let (mut at_member, mut at_owner) = (member.socket("").await, owner.socket("").await);
    for round in 0..20 {
        // The ping is sent after the answer; whatever comes before its pong was there already.
        let id = member.says(&format!("第{round}条")).await;
        for socket in [&mut at_member, &mut at_owner] {
            let events = socket.events_so_far().await;
            let last = events.last().expect("the message comes before the pong");
            assert_eq!((last.kind.as_str(), &last.content["id"]), ("kefu_message_type", &json!(id)));
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn frames_of_one_conversation_leave_in_order() {
    let app = TestApp::spawn().await;
    let (member, owner, agent) = (app.member(1001).await, app.owner().await, app.admin("a", Role::Agent).await);
    member.says("你好").await;
    let conversation = member.own_conversation().await;
    let mut sockets = [member.socket("").await, owner.socket("").await, agent.socket("").await];
    let send = async |index: usize| match index % 3 {
        0 => member.says("问").await,
        1 => owner.answers(conversation, "答").await,
        _ => agent.answers(conversation, "也答").await,
    };
    join_all((0..60).map(send)).await;
    for socket in &mut sockets {
        let events = socket.events_so_far().await;
        let seqs: Vec<i64> = events.iter().map(|event| event.content["seq"].as_i64().unwrap()).collect();
        assert_eq!(seqs, (2..=61).collect::<Vec<_>>());
        assert!(events.is_sorted_by_key(|event| event.content["createTime"].as_i64().unwrap()));
    }
    app.stop().await;
}

#[tokio::test]
async fn every_session_of_the_sender_gets_the_echo_on_every_device_and_tab() {
    let app = TestApp::spawn().await;
    let (member, other_device) = (app.member(1001).await, app.member(1001).await);
    let (owner, other_login) = (app.owner().await, app.owner().await);
    let mut sockets = [
        member.socket("").await,
        member.socket("").await,
        other_device.socket("").await,
        owner.socket("").await,
        owner.socket("").await,
        other_login.socket("").await,
    ];
    let mut ids = vec![member.says("问").await];
    ids.push(owner.answers(member.own_conversation().await, "答").await);
    for socket in &mut sockets {
        let events = socket.events_so_far().await;
        let messages = events.iter().filter(|event| event.kind == "kefu_message_type");
        assert_eq!(messages.map(|event| event.content["id"].as_i64().unwrap()).collect::<Vec<_>>(), ids);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_repeated_send_pushes_nothing() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let mut sockets = [member.socket("").await, app.owner().await.socket("").await];
    let send = async || {
        let body = json!({"contentType": 1, "content": "你好", "clientMessageId": "c-1"});
        member.post("/app-api/promotion/kefu-message/send", body).await.ok()
    };
    let ids = join_all((0..8).map(|_| send())).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for socket in &mut sockets {
        let events = socket.events_so_far().await;
        let messages: Vec<&Event> = events.iter().filter(|event| event.kind == "kefu_message_type").collect();
        assert_eq!(messages.len(), 1);
        assert_eq!((&messages[0].content["id"], &messages[0].content["clientMessageId"]), (&ids[0], &json!("c-1")));
    }
    app.stop().await;
}

#[tokio::test]
async fn an_admins_read_is_told_to_the_member_and_all_admins_once() {
    let app = TestApp::spawn().await;
    let (member, owner, agent) = (app.member(1001).await, app.owner().await, app.admin("a", Role::Agent).await);
    member.says("一").await;
    member.says("二").await;
    let conversation = member.own_conversation().await;
    let mut other_member = app.member(1002).await.socket("").await;
    let mut sockets = [member.socket("").await, owner.socket("").await, agent.socket("").await];
    owner.reads(conversation).await;
    owner.reads(conversation).await;
    agent.reads(conversation).await;
    // Nothing of the admins' is unread: the member's call says nothing either.
    member.reads_own(conversation).await;
    let told = Event {
        kind: "kefu_message_read_status_change".into(),
        content: json!({"conversationId": conversation, "readerType": 2, "seq": 2}),
    };
    for socket in &mut sockets {
        assert_eq!(socket.events_so_far().await, std::slice::from_ref(&told));
    }
    assert_eq!(other_member.events_so_far().await, []);
    app.stop().await;
}

#[tokio::test]
async fn a_members_read_is_told_under_a_type_that_leaves_the_admins_badge_alone() {
    let app = TestApp::spawn().await;
    let (member, owner, agent) = (app.member(1001).await, app.owner().await, app.admin("a", Role::Agent).await);
    member.says("问").await;
    let conversation = member.own_conversation().await;
    owner.answers(conversation, "答").await;
    let mut sockets = [member.socket("").await, owner.socket("").await, agent.socket("").await];
    member.reads_own(conversation).await;
    member.reads_own(conversation).await;
    let told = Event {
        kind: "kefu_message_read_by_member".into(),
        content: json!({"conversationId": conversation, "readerType": 1, "seq": 2}),
    };
    for socket in &mut sockets {
        assert_eq!(socket.events_so_far().await, std::slice::from_ref(&told));
    }
    assert_eq!(owner.conversation(conversation).await["adminUnreadMessageCount"], json!(1));
    app.stop().await;
}

#[tokio::test]
async fn admins_are_told_of_created_pinned_and_deleted_conversations_and_members_are_not() {
    let app = TestApp::spawn().await;
    let (member, owner, viewer) = (app.member(1001).await, app.owner().await, app.admin("v", Role::Viewer).await);
    let mut at_member = member.socket("").await;
    let mut at_admins = [owner.socket("").await, viewer.socket("").await];
    member.says("一").await;
    let id = member.own_conversation().await;
    for pinned in [true, true, false] {
        owner.pins(id, pinned).await;
    }
    owner.deletes(id).await;
    owner.deletes(id).await;
    member.says("二").await;
    for socket in &mut at_admins {
        let events = socket.events_so_far().await;
        assert_eq!(
            kinds(&events),
            [
                "kefu_conversation_created",
                "kefu_message_type",
                "kefu_conversation_pinned",
                "kefu_conversation_pinned",
                "kefu_conversation_deleted",
                "kefu_message_type"
            ]
        );
        assert_eq!(events[0].content, json!({"conversationId": id, "userId": 1001}));
        assert_eq!(events[2].content, json!({"conversationId": id, "adminPinned": true}));
        assert_eq!(events[3].content, json!({"conversationId": id, "adminPinned": false}));
        assert_eq!(events[4].content, json!({"conversationId": id}));
    }
    assert_eq!(kinds(&at_member.events_so_far().await), ["kefu_message_type", "kefu_message_type"]);
    app.stop().await;
}

#[tokio::test]
async fn frames_stay_with_their_member_and_their_tenant() {
    let app = TestApp::spawn().await;
    let other = TenantId::new(2);
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let viewer = app.admin("viewer", Role::Viewer).await;
    let outsiders: Vec<User> = vec![
        app.member(1002).await,
        app.member_of(other, 1001).await,
        app.admin_of(other, "owner", Role::Owner).await,
        // A member whose id is that of the owner: users of different types are different users.
        app.member(owner.id()).await,
    ];
    let mut outside: Vec<Socket> = Vec::new();
    for user in &outsiders {
        outside.push(user.socket("").await);
    }
    let mut inside = [member.socket("").await, owner.socket("").await, viewer.socket("").await];

    member.says("问").await;
    let id = member.own_conversation().await;
    owner.answers(id, "答").await;
    owner.reads(id).await;
    member.reads_own(id).await;
    owner.pins(id, true).await;
    inside[0].send(r#"{"type":"kefu_typing"}"#).await;
    inside[1].send(&json!({"type": "kefu_typing", "content": {"conversationId": id}}).to_string()).await;
    for socket in &mut inside {
        assert!(socket.events_so_far().await.len() >= 4);
    }
    owner.deletes(id).await;
    for socket in &mut outside {
        assert_eq!(socket.events_so_far().await, []);
    }
    app.stop().await;
}

#[tokio::test]
async fn nothing_is_replayed_to_a_socket_that_did_not_ask() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let socket = member.socket("").await;
    member.says("一").await;
    owner.answers(member.own_conversation().await, "二").await;
    socket.close().await;
    member.says("三").await;
    for user in [&member, &owner] {
        assert_eq!(user.socket("").await.events_so_far().await, []);
    }
    app.stop().await;
}

#[tokio::test]
async fn pushed_fields_equal_listed_ones_for_both_senders() {
    let app = TestApp::spawn().await;
    let (member, owner) = with_avatars(&app).await;
    let (mut at_member, mut at_owner) = (member.socket("").await, owner.socket("").await);
    let body = json!({"contentType": 2, "content": "{\"picUrl\":\"http://x/1.png\"}", "clientMessageId": "一"});
    member.post("/app-api/promotion/kefu-message/send", body.clone()).await.ok();
    let id = member.own_conversation().await;
    let mut answer = body;
    answer["conversationId"] = json!(id);
    answer["contentType"] = json!(10);
    owner.post("/admin-api/promotion/kefu-message/send", answer).await.ok();

    let listed = owner.messages(id, "afterSeq=0").await;
    assert_eq!(member.own_messages("afterSeq=0").await, listed);
    for socket in [&mut at_member, &mut at_owner] {
        let events = socket.events_so_far().await;
        let pushed: Vec<&Value> =
            events.iter().filter(|event| event.kind == "kefu_message_type").map(|event| &event.content).collect();
        assert_eq!(pushed, listed.iter().collect::<Vec<_>>());
    }
    // Fault 9: the ids are equal, the pictures are not.
    assert_eq!(member.id(), owner.id());
    assert_eq!(listed[0]["senderAvatar"], json!("http://x/member.png"));
    assert_eq!(listed[1]["senderAvatar"], json!("http://x/admin.png"));
    assert_eq!(listed[0]["senderNickname"], json!(format!("会员{}", owner.id())));
    assert_eq!(listed[1]["senderNickname"], json!("客服"));
    app.stop().await;
}

/// The owner and a member with the same id, each with an avatar.
async fn with_avatars(app: &TestApp) -> (User, User) {
    use diesel::prelude::*;
    use kefu::testing::account;
    use kefu::testing::db::schema::{kefu_admin, kefu_member};
    let id = app.owner().await.id();
    app.member(id).await;
    let painted = app.db.write(move |connection| {
        diesel::update(kefu_admin::table.filter(kefu_admin::id.eq(id)))
            .set(kefu_admin::avatar.eq("http://x/admin.png"))
            .execute(connection)?;
        diesel::update(kefu_member::table.filter(kefu_member::user_id.eq(id)))
            .set(kefu_member::avatar.eq("http://x/member.png"))
            .execute(connection)?;
        Ok(())
    });
    painted.await.unwrap();
    assert!(account::find_admin(&app.db, TENANT, "admin").await.unwrap().is_some());
    (app.member(id).await, app.owner().await)
}
