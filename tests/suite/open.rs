//! An admin begins a conversation.

use kefu::id::TenantId;
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::{Event, TestApp, User, path};

async fn opens(admin: &User, user: i64) -> i64 {
    admin.post(path::OPEN, json!({"userId": user})).await.ok().as_i64().unwrap()
}

fn created(id: i64, user: i64) -> Event {
    Event { kind: "kefu_conversation_created".into(), content: json!({"conversationId": id, "userId": user}) }
}

#[tokio::test]
async fn a_member_without_a_conversation_gets_one_and_only_one() {
    let app = TestApp::spawn().await;
    let (member, owner, agent) = (app.member(1001).await, app.owner().await, app.admin("agent", Role::Agent).await);
    let (mut at_owner, mut at_member) = (owner.socket("").await, member.socket("").await);
    let (one, other) = tokio::join!(opens(&owner, 1001), opens(&agent, 1001));
    assert_eq!(one, other);
    assert_eq!(at_owner.events_so_far().await, [created(one, 1001)]);
    assert_eq!(at_member.events_so_far().await, []);
    let shown = owner.conversation(one).await;
    assert_eq!((&shown["userNickname"], &shown["lastSeq"]), (&json!("会员1001"), &json!(0)));
    assert_eq!(owner.conversations().await, [shown]);

    // It is the member's own, from the first message on.
    owner.answers(one, "你好").await;
    member.says("hi").await;
    assert_eq!(member.own_conversation().await, one);
    owner.assert_consistent(one, 2).await;
    assert_eq!(opens(&owner, 1001).await, one);
    app.stop().await;
}

#[tokio::test]
async fn one_that_admins_have_deleted_comes_back() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("hi").await;
    let id = member.own_conversation().await;
    let before = owner.conversation(id).await;
    owner.deletes(id).await;
    assert_eq!(owner.conversations().await, Vec::<Value>::new());
    let mut at_owner = owner.socket("").await;
    assert_eq!(opens(&owner, 1001).await, id);
    assert_eq!(at_owner.events_so_far().await, [created(id, 1001)]);
    assert_eq!(owner.conversations().await, [before], "nothing else has changed");
    assert_eq!(opens(&owner, 1001).await, id);
    assert_eq!(at_owner.events_so_far().await, [], "once");
    app.stop().await;
}

#[tokio::test]
async fn only_members_of_the_tenant_and_with_the_permission() {
    let app = TestApp::spawn().await;
    let (member, owner, viewer) = (app.member(1001).await, app.owner().await, app.admin("v", Role::Viewer).await);
    let stranger = app.admin_of(TenantId::new(2), "stranger", Role::Owner).await;
    let body = || json!({"userId": 1001});
    owner.post(path::OPEN, json!({"userId": 9999})).await.fails(1_013_019_000, "客服会话不存在");
    stranger.post(path::OPEN, body()).await.fails(1_013_019_000, "客服会话不存在");
    viewer.post(path::OPEN, body()).await.fails(403, "没有该操作权限");
    member.post(path::OPEN, body()).await.fails(403, "没有该操作权限");
    app.anonymous().post(path::OPEN, body()).await.fails(401, "账号未登录");
    owner.post(path::OPEN, json!({})).await.fails(400, "请求参数缺失:userId");
    assert_eq!(owner.conversations().await, Vec::<Value>::new());
    app.stop().await;
}
