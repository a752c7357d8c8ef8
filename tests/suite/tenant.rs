//! Whose data is whose: members see their own conversation, and tenants nothing of each other.

use kefu::id::TenantId;
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, path, text};

#[tokio::test]
async fn another_members_conversation_answers_as_if_it_did_not_exist() {
    let app = TestApp::spawn().await;
    let (one, two, owner) = (app.member(1001).await, app.member(1002).await, app.owner().await);
    one.says("mine").await;
    let id = one.own_conversation().await;
    owner.answers(id, "yours").await;
    for _ in 0..2 {
        let refused = two.put(&format!("{}?conversationId={id}", path::MEMBER_READ)).await;
        refused.fails(1_013_019_000, "客服会话不存在");
        assert_eq!(two.own_messages(&format!("conversationId={id}")).await.len(), 0);
        assert_eq!(owner.conversation(id).await["memberUnreadMessageCount"], 1);
    }
    // Also once the other one has a conversation.
    two.says("hi").await;
    let refused = two.put(&format!("{}?conversationId={id}", path::MEMBER_READ)).await;
    refused.fails(1_013_019_000, "客服会话不存在");
    assert_eq!(two.own_messages(&format!("conversationId={id}")).await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_tenants_admins_reach_nothing_of_another_tenant() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    member.says("mine").await;
    let id = member.own_conversation().await;
    let stranger = app.admin_of(TenantId::new(2), "admin", Role::Owner).await;

    assert!(stranger.conversations().await.is_empty());
    assert_eq!(stranger.conversation(id).await, Value::Null);
    let not_found = |reply: crate::support::Reply| reply.fails(1_013_019_000, "客服会话不存在");
    not_found(stranger.get(&format!("{}?conversationId={id}", path::ADMIN_LIST)).await);
    not_found(stranger.put(&format!("{}?conversationId={id}", path::ADMIN_READ)).await);
    not_found(stranger.put_json(path::PIN, json!({"id": id, "adminPinned": true})).await);
    not_found(stranger.delete(&format!("{}?id={id}", path::DELETE)).await);
    let body = json!({"conversationId": id, "contentType": 1, "content": text("hi")});
    not_found(stranger.post(path::ADMIN_SEND, body).await);
    assert_eq!(stranger.get("/admin-api/member/user/get?id=1001").await.ok()["nickname"], "");

    let untouched = app.owner().await.conversation(id).await;
    assert_eq!((&untouched["adminUnreadMessageCount"], &untouched["adminPinned"]), (&json!(1), &json!(false)));
    assert_eq!(untouched["adminDeleted"], false);
    app.stop().await;
}

#[tokio::test]
async fn members_with_one_number_in_two_tenants_are_two_members() {
    let app = TestApp::spawn().await;
    let (here, there) = (app.member(1001).await, app.member_of(TenantId::new(2), 1001).await);
    here.says("here").await;
    there.says("there").await;
    assert_ne!(here.own_conversation().await, there.own_conversation().await);
    assert_eq!(here.own_messages("").await[0]["content"], text("here"));
    assert_eq!(there.own_messages("").await[0]["content"], text("there"));
    assert_eq!(app.owner().await.conversations().await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn a_tenant_header_must_name_the_tokens_tenant() {
    let app = TestApp::spawn().await;
    let member = app.member_of(TenantId::new(2), 1001).await;
    for (header, code, msg) in [
        ("2", 0, ""),
        ("", 0, ""),
        ("1", 403, "您无权访问该租户的数据"),
        ("3", 403, "您无权访问该租户的数据"),
        ("one", 400, "请求参数类型错误:tenant-id"),
        ("99999999999999999999", 400, "请求参数类型错误:tenant-id"),
    ] {
        let request = member.request(reqwest::Method::GET, path::MEMBER_LIST).header("tenant-id", header);
        let reply = crate::support::User::send(request).await;
        assert_eq!((reply.code, reply.msg.as_str()), (code, msg), "{header}");
    }
    app.stop().await;
}
