//! Blocking a member: who may, what is refused and what is not, and how soon (docs/contract.md#visitors).

use kefu::testing::access::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Redis, Reply, Site, Socket, TestApp, User, eventually, path};

const BLOCKED: (i64, &str) = (1_013_022_000, "您已被限制使用客服");

async fn sets(admin: &User, member: &User, blocked: bool) -> Reply {
    admin.put_json(path::MEMBER_BLOCK, json!({"userId": member.id(), "blocked": blocked, "reason": "广告"})).await
}

async fn sends(member: &User) -> Reply {
    member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": "x"})).await
}

async fn uploads(member: &User) -> Reply {
    let part = reqwest::multipart::Part::bytes("text".as_bytes()).file_name("a.txt");
    let form = reqwest::multipart::Form::new().part("file", part);
    User::send(member.request(Method::POST, "/app-api/infra/file/upload").multipart(form)).await
}

async fn card(admin: &User, member: &User) -> Value {
    admin.get(&format!("{}?id={}", path::MEMBER_CARD, member.id())).await.ok()
}

#[tokio::test]
async fn a_blocked_member_reads_and_neither_writes_nor_uploads() {
    let app = TestApp::spawn().await;
    let (owner, site) = (app.owner().await, Site::new(&app, &app.owner().await).await);
    for member in [app.member(1001).await, site.visitor().await] {
        member.says("hi").await;
        let conversation = member.own_conversation().await;
        let mut admin = owner.socket("").await;
        let mut open = member.socket_from(&app, Some(crate::support::SITE)).await.unwrap();
        assert_eq!(open.events_so_far().await, []);

        sets(&owner, &member, true).await.ok();
        assert_eq!(open.close_code().await, Some(4003));
        let told = admin.expect("kefu_member_update").await;
        assert_eq!(told, json!({"conversationId": conversation, "userId": member.id()}));
        sends(&member).await.fails(BLOCKED.0, BLOCKED.1);
        uploads(&member).await.fails(BLOCKED.0, BLOCKED.1);
        assert_eq!(member.handshake_from(&app, Some(crate::support::SITE)).await, 403);
        assert_eq!(member.own_messages("").await.len(), 1, "lists stay readable");
        assert_eq!(member.own_conversation().await, conversation);
        assert_eq!(owner.conversation(conversation).await["lastSeq"], 1);
        let found = card(&owner, &member).await;
        assert_eq!((&found["blocked"], &found["blockReason"]), (&json!(true), &json!("广告")));

        // The same again changes nothing and tells nothing.
        sets(&owner, &member, true).await.ok();
        assert_eq!(admin.events_so_far().await, []);
        sets(&owner, &member, false).await.ok();
        let found = card(&owner, &member).await;
        assert_eq!((found.get("blocked"), found.get("blockReason")), (None, None));
        sends(&member).await.ok();
        uploads(&member).await.ok();
        assert_eq!(member.handshake_from(&app, Some(crate::support::SITE)).await, 101);
        admin.close().await;
        app.clock.advance(60_000);
    }
    app.stop().await;
}

#[tokio::test]
async fn owners_may_block_members_of_their_tenant_who_exist() {
    let app = TestApp::spawn().await;
    let (owner, member) = (app.owner().await, app.member(1001).await);
    for role in [Role::Agent, Role::Viewer] {
        let admin = app.admin(role.as_str(), role).await;
        sets(&admin, &member, true).await.fails(403, "没有该操作权限");
    }
    let stranger = app.admin_of(kefu::id::TenantId::new(2), "other", Role::Owner).await;
    sets(&stranger, &member, true).await.fails(400, "请求参数不正确:会员不存在");
    let unknown = json!({"userId": 4711, "blocked": true});
    owner.put_json(path::MEMBER_BLOCK, unknown).await.fails(400, "请求参数不正确:会员不存在");
    sends(&member).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn a_block_reaches_tokens_that_another_node_believes() {
    let redis = Redis::spawn().await;
    let a = TestApp::spawn_with(crate::relay::by(redis.url())).await;
    let b = a.another_node(|_| {}).await;
    let (owner, member) = (a.owner().await, a.member(1001).await);
    let there = member.at_node(&b);
    there.says("hi").await;
    let mut socket = Socket::open(&b.socket_url(&format!("token={}", member.access_token()))).await.unwrap();
    sets(&owner, &member, true).await.ok();
    assert_eq!(socket.close_code().await, Some(4003));
    // The clock stands still: no trust has expired.
    eventually("the block is known at the other node", async || sends(&there).await.code == BLOCKED.0).await;
    assert_eq!(there.own_messages("").await.len(), 1);
    sets(&owner, &member, false).await.ok();
    eventually("it is known that it has ended", async || {
        sends(&there).await.status == StatusCode::OK && sends(&there).await.code == 0
    })
    .await;
    b.stop().await;
    a.stop().await;
}
