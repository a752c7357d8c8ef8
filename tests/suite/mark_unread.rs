//! A conversation that admins have marked as unread: a reminder beside the counts.

use kefu::id::TenantId;
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::{Event, TestApp, User, path};

async fn marks(admin: &User, id: i64) {
    assert_eq!(admin.put_json(path::MARK_UNREAD, json!({"id": id})).await.ok(), json!(true));
}

fn marked(id: i64, marked_unread: bool) -> Event {
    let content = json!({"conversationId": id, "markedUnread": marked_unread});
    Event { kind: "kefu_conversation_marked".into(), content }
}

#[tokio::test]
async fn it_is_shown_until_an_admin_reads_and_changes_nothing_else() {
    let app = TestApp::spawn().await;
    let (member, owner, agent) = (app.member(1001).await, app.owner().await, app.admin("agent", Role::Agent).await);
    member.says("hi").await;
    let id = member.own_conversation().await;
    owner.reads(id).await;
    let (before, messages) = (owner.conversation(id).await, owner.messages(id, "").await);
    let own = member.get(path::MEMBER_CONVERSATION).await.ok();
    assert_eq!(before.get("markedUnread"), None, "a stock client gets the fields that it knows");
    let (mut at_owner, mut at_member) = (owner.socket("").await, member.socket("").await);

    app.clock.advance(1000);
    marks(&agent, id).await;
    marks(&owner, id).await;
    assert_eq!(at_owner.events_so_far().await, [marked(id, true)], "once");
    let mut expected = before.clone();
    expected["markedUnread"] = json!(true);
    assert_eq!(owner.conversation(id).await, expected);
    assert_eq!(owner.conversations().await, [expected]);
    assert_eq!(owner.messages(id, "").await, messages);
    assert_eq!(member.get(path::MEMBER_CONVERSATION).await.ok(), own, "it is none of the member's business");

    // New mail and the member's reading leave it.
    member.says("again").await;
    member.reads_own(id).await;
    assert_eq!(owner.conversation(id).await["markedUnread"], json!(true));
    at_owner.events_so_far().await;
    at_member.events_so_far().await;
    owner.reads(id).await;
    assert_eq!(owner.conversation(id).await.get("markedUnread"), None);
    let kinds = |events: Vec<Event>| events.into_iter().map(|event| event.kind).collect::<Vec<_>>();
    assert_eq!(kinds(at_owner.events_so_far().await), ["kefu_message_read_status_change", "kefu_conversation_marked"]);
    assert_eq!(kinds(at_member.events_so_far().await), ["kefu_message_read_status_change"]);

    // With nothing unread only the mark goes: the member is not told that something was read.
    marks(&owner, id).await;
    agent.reads(id).await;
    assert_eq!(at_owner.events_so_far().await, [marked(id, true), marked(id, false)]);
    assert_eq!(at_member.events_so_far().await, []);
    assert_eq!(owner.conversation(id).await.get("markedUnread"), None);
    app.stop().await;
}

#[tokio::test]
async fn a_mark_needs_the_permission_and_a_conversation_of_the_tenant() {
    let app = TestApp::spawn().await;
    let (member, viewer) = (app.member(1001).await, app.admin("viewer", Role::Viewer).await);
    let stranger = app.admin_of(TenantId::new(2), "stranger", Role::Owner).await;
    member.says("hi").await;
    let id = member.own_conversation().await;
    viewer.put_json(path::MARK_UNREAD, json!({"id": id})).await.fails(403, "没有该操作权限");
    stranger.put_json(path::MARK_UNREAD, json!({"id": id})).await.fails(1_013_019_000, "客服会话不存在");
    member.put_json(path::MARK_UNREAD, json!({"id": id})).await.fails(403, "没有该操作权限");
    assert_eq!(app.owner().await.put_json(path::MARK_UNREAD, json!({})).await.code, 400);
    assert_eq!(viewer.conversation(id).await.get("markedUnread"), None::<&Value>);
    app.stop().await;
}
