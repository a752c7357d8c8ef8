//! The console's list of conversations (docs/contract.md#admin-rest).

use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::{START, TestApp, User, path};

#[tokio::test]
async fn a_conversation_has_exactly_the_fields_of_the_contract() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("你好").await;
    app.clock.advance(700);
    member.says("在吗").await;
    let id = member.own_conversation().await;
    let mut conversation = owner.conversation(id).await;
    assert!(conversation.as_object_mut().unwrap().remove("cursor").is_some_and(|cursor| cursor.is_string()));
    let expected = json!({
        "id": id, "userId": 1001, "userAvatar": null, "userNickname": "会员1001", "lastMessageTime": START + 700,
        "lastMessageContent": "{\"text\":\"在吗\"}", "lastMessageContentType": 1, "adminPinned": false,
        "userDeleted": false, "adminDeleted": false, "adminUnreadMessageCount": 2, "createTime": START,
        "lastSeq": 2, "memberUnreadMessageCount": 0
    });
    assert_eq!(conversation, expected);
    assert_eq!(owner.conversations().await, [owner.conversation(id).await]);
    app.stop().await;
}

#[tokio::test]
async fn the_list_has_pinned_conversations_first_then_the_newest_message() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let ids = conversations(&app, 4).await;
    assert_eq!(listed(&owner, "").await, [ids[3], ids[2], ids[1], ids[0]]);

    pin(&owner, ids[1], true).await;
    pin(&owner, ids[0], true).await;
    assert_eq!(listed(&owner, "").await, [ids[1], ids[0], ids[3], ids[2]]);
    // New mail, of either side, moves a conversation up among its like.
    owner.answers(ids[0], "您好").await;
    assert_eq!(listed(&owner, "").await, [ids[0], ids[1], ids[3], ids[2]]);
    pin(&owner, ids[1], false).await;
    assert_eq!(listed(&owner, "").await, [ids[0], ids[3], ids[2], ids[1]]);
    app.stop().await;
}

#[tokio::test]
async fn without_a_limit_the_list_is_whole_and_with_one_its_cursors_page_through_it() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let ids = conversations(&app, 7).await;
    pin(&owner, ids[2], true).await;
    pin(&owner, ids[4], true).await;
    let whole = listed(&owner, "").await;
    assert_eq!(whole, [ids[4], ids[2], ids[6], ids[5], ids[3], ids[1], ids[0]]);

    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = owner.get(&format!("{}?limit=2{cursor}", path::CONVERSATIONS)).await.ok();
        let page = page.as_array().unwrap().clone();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        cursor = format!("&cursor={}", last["cursor"].as_str().unwrap());
        paged.extend(ids_of(&page));
    }
    assert_eq!(paged, whole);
    let refused = owner.get(&format!("{}?cursor=x", path::CONVERSATIONS)).await;
    refused.fails(400, "请求参数不正确:翻页位置不合法");
    app.stop().await;
}

#[tokio::test]
async fn pinning_holds_for_every_admin() {
    let app = TestApp::spawn().await;
    let (owner, agent) = (app.owner().await, app.admin("agent", Role::Agent).await);
    let ids = conversations(&app, 1).await;
    pin(&agent, ids[0], true).await;
    assert_eq!(owner.conversation(ids[0]).await["adminPinned"], true);
    pin(&owner, ids[0], false).await;
    assert_eq!(agent.conversation(ids[0]).await["adminPinned"], false);
    app.stop().await;
}

#[tokio::test]
async fn deleting_hides_a_conversation_from_admins_only() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("hi").await;
    let id = member.own_conversation().await;
    assert_eq!(owner.delete(&format!("{}?id={id}", path::DELETE)).await.ok(), json!(true));

    assert!(owner.conversations().await.is_empty());
    assert_eq!(owner.conversation(id).await["adminDeleted"], true);
    assert_eq!(owner.messages(id, "").await.len(), 1);
    assert_eq!(member.own_messages("").await.len(), 1);
    assert_eq!(member.own_conversation().await, id);
    app.stop().await;
}

#[tokio::test]
async fn new_mail_of_either_side_restores_a_deleted_conversation_with_its_history() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("1").await;
    let id = member.own_conversation().await;
    for (seq, answers) in [(2, false), (3, true)] {
        owner.delete(&format!("{}?id={id}", path::DELETE)).await.ok();
        assert!(listed(&owner, "").await.is_empty());
        if answers {
            owner.answers(id, "hi").await
        } else {
            member.says("hi").await
        };
        assert_eq!(listed(&owner, "").await, [id]);
        let restored = owner.conversation(id).await;
        assert_eq!((&restored["adminDeleted"], &restored["lastSeq"]), (&json!(false), &json!(seq)));
    }
    assert_eq!(owner.messages(id, "").await.len(), 3);
    app.stop().await;
}

/// As many members, each with one message, a second apart; their conversations.
async fn conversations(app: &TestApp, count: i64) -> Vec<i64> {
    let mut ids = Vec::new();
    for number in 0..count {
        let member = app.member(1001 + number).await;
        member.says("hi").await;
        ids.push(member.own_conversation().await);
        app.clock.advance(1000);
    }
    ids
}

async fn pin(admin: &User, id: i64, pinned: bool) {
    let done = admin.put_json(path::PIN, json!({"id": id, "adminPinned": pinned})).await;
    assert_eq!(done.ok(), json!(true));
}

async fn listed(admin: &User, query: &str) -> Vec<i64> {
    ids_of(admin.get(&format!("{}?{query}", path::CONVERSATIONS)).await.ok().as_array().unwrap())
}

fn ids_of(conversations: &[Value]) -> Vec<i64> {
    conversations.iter().map(|conversation| conversation["id"].as_i64().unwrap()).collect()
}
