//! Typing notices: from a client through the server to the other side, never stored, rate limited.

use kefu::id::TenantId;
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::{Event, TestApp, tables};

fn typing(conversation: i64) -> String {
    json!({"type": "kefu_typing", "content": json!({"conversationId": conversation}).to_string()}).to_string()
}

fn notice(content: Value) -> Event {
    Event { kind: "kefu_typing".into(), content }
}

#[tokio::test]
async fn a_members_typing_reaches_every_admin_and_an_admins_the_member_and_the_other_admins() {
    let app = TestApp::spawn().await;
    let (member, owner, viewer) = (app.member(1001).await, app.owner().await, app.admin("v", Role::Viewer).await);
    member.says("问").await;
    let id = member.own_conversation().await;
    let (mut at_member, mut other_tab) = (member.socket("").await, member.socket("").await);
    let (mut at_owner, mut at_viewer) = (owner.socket("").await, viewer.socket("").await);
    let mut at_other = app.member(1002).await.socket("").await;

    at_member.send(r#"{"type":"kefu_typing"}"#).await;
    assert_eq!(at_member.events_so_far().await, []);
    let told = notice(json!({"conversationId": id, "userId": 1001, "userType": 1}));
    assert_eq!(at_owner.events_so_far().await, std::slice::from_ref(&told));
    assert_eq!(at_viewer.events_so_far().await, [told]);

    let mut other_window = owner.socket("").await;
    at_owner.send(&typing(id)).await;
    assert_eq!(at_owner.events_so_far().await, []);
    assert_eq!(other_window.events_so_far().await, []);
    let told = notice(json!({"conversationId": id, "userId": owner.id(), "userType": 2}));
    assert_eq!(at_member.events_so_far().await, std::slice::from_ref(&told));
    assert_eq!(other_tab.events_so_far().await, std::slice::from_ref(&told));
    assert_eq!(at_viewer.events_so_far().await, [told]);
    assert_eq!(at_other.events_so_far().await, []);

    let stored = tables::sound_conversations(&app.db, 1).await;
    assert_eq!((stored.len(), stored[0].messages.len()), (1, 1), "a typing notice is never stored");
    app.stop().await;
}

#[tokio::test]
async fn typing_is_rate_limited_per_user() {
    let app = TestApp::spawn_with(|settings| settings.limits.typing_per_s = 2).await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("问").await;
    let (mut first, mut second) = (member.socket("").await, member.socket("").await);
    let mut at_owner = owner.socket("").await;
    for _ in 0..5 {
        first.send(r#"{"type":"kefu_typing"}"#).await;
    }
    assert_eq!(first.events_so_far().await, [], "what is over the limit is dropped without a word");
    assert_eq!(at_owner.events_so_far().await.len(), 1);
    second.send(r#"{"type":"kefu_typing"}"#).await;
    second.events_so_far().await;
    drop(first);
    let mut first = member.socket("").await;
    first.send(r#"{"type":"kefu_typing"}"#).await;
    first.events_so_far().await;
    assert_eq!(
        at_owner.events_so_far().await.len(),
        0,
        "another socket, or the same one again, has no count of its own"
    );
    app.clock.advance(499);
    first.send(r#"{"type":"kefu_typing"}"#).await;
    first.events_so_far().await;
    assert_eq!(at_owner.events_so_far().await.len(), 0);
    app.clock.advance(1);
    first.send(r#"{"type":"kefu_typing"}"#).await;
    first.events_so_far().await;
    assert_eq!(at_owner.events_so_far().await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn who_may_not_answer_may_not_type_either() {
    let app = TestApp::spawn().await;
    let (member, viewer) = (app.member(1001).await, app.admin("v", Role::Viewer).await);
    let stranger = app.admin_of(TenantId::new(2), "stranger", Role::Owner).await;
    member.says("问").await;
    let id = member.own_conversation().await;
    let mut at_member = member.socket("").await;

    let mut at_viewer = viewer.socket("").await;
    at_viewer.send(&typing(id)).await;
    assert_eq!(at_viewer.expect("error").await, json!({"code": 403, "msg": "没有该操作权限"}));

    let mut at_stranger = stranger.socket("").await;
    at_stranger.send(&typing(id)).await;
    assert_eq!(at_stranger.expect("error").await, json!({"code": 1_013_019_000, "msg": "客服会话不存在"}));

    let mut at_owner = app.owner().await.socket("").await;
    at_owner.send(r#"{"type":"kefu_typing"}"#).await;
    assert_eq!(at_owner.expect("error").await, json!({"code": 400, "msg": "请求参数缺失:conversationId"}));

    assert_eq!(at_member.events_so_far().await, []);
    app.stop().await;
}

#[tokio::test]
async fn a_member_cannot_type_into_anothers_conversation() {
    let app = TestApp::spawn().await;
    let (member, other) = (app.member(1001).await, app.member(1002).await);
    member.says("问").await;
    let id = member.own_conversation().await;
    let mut at_owner = app.owner().await.socket("").await;
    let mut socket = other.socket("").await;
    // Before the first message there is nobody to tell.
    socket.send(&typing(id)).await;
    assert_eq!(socket.events_so_far().await, []);
    assert_eq!(at_owner.events_so_far().await, []);
    app.stop().await;
}
