//! Sending and listing (docs/contract.md#member-rest, docs/contract.md#admin-rest, docs/contract.md#json-values).

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{START, TestApp, User, path, text};

#[tokio::test]
async fn a_members_message_reaches_every_admin_and_the_answer_reaches_the_member() {
    let app = TestApp::spawn().await;
    let (member, owner, agent) =
        (app.member(1001).await, app.owner().await, app.admin("agent", kefu::testing::access::Role::Agent).await);
    let (mut at_member, mut at_owner, mut at_agent) =
        (member.socket("").await, owner.socket("").await, agent.socket("").await);

    let id = member.says("你好").await;
    let listed = member.own_messages("").await;
    for socket in [&mut at_owner, &mut at_agent] {
        socket.expect("kefu_conversation_created").await;
        assert_eq!(socket.expect("kefu_message_type").await, listed[0]);
    }
    assert_eq!(at_member.expect("kefu_message_type").await["id"], json!(id));

    let conversation = member.own_conversation().await;
    let answer = owner.answers(conversation, "您好").await;
    for socket in [&mut at_member, &mut at_owner, &mut at_agent] {
        assert_eq!(socket.expect("kefu_message_type").await["id"], json!(answer));
    }
    assert_eq!(owner.messages(conversation, "").await[0], member.own_messages("").await[0]);
    app.stop().await;
}

#[tokio::test]
async fn a_listed_message_has_exactly_the_fields_of_the_contract() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let question = member.says("你好").await;
    let conversation = member.own_conversation().await;
    app.clock.advance(1500);
    let body = json!({"conversationId": conversation, "contentType": 2, "content": "{\"picUrl\":\"x\"}",
        "clientMessageId": "a-1"});
    let answer = owner.post(path::ADMIN_SEND, body).await.ok();

    let expected = json!([
        {
            "id": answer, "conversationId": conversation, "senderId": owner.id(), "senderAvatar": null,
            "senderType": 2, "receiverId": 1001, "receiverType": 1, "contentType": 2,
            "content": "{\"picUrl\":\"x\"}", "readStatus": false, "createTime": START + 1500, "seq": 2,
            "clientMessageId": "a-1", "senderNickname": "客服"
        },
        {
            "id": question, "conversationId": conversation, "senderId": 1001, "senderAvatar": null,
            "senderType": 1, "receiverId": null, "receiverType": null, "contentType": 1,
            "content": "{\"text\":\"你好\"}", "readStatus": false, "createTime": START, "seq": 1,
            "clientMessageId": null, "senderNickname": "会员1001"
        }
    ]);
    assert_eq!(json!(member.own_messages("").await), expected);
    assert_eq!(json!(owner.messages(conversation, "").await), expected);
    app.stop().await;
}

#[tokio::test]
async fn a_send_answers_the_messages_id_as_a_number() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let id = member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": text("hi")})).await.ok();
    assert!(id.as_i64().is_some_and(|id| (1..1 << 53).contains(&id)), "{id}");
    assert_eq!(member.own_messages("").await[0]["id"], id);
    app.stop().await;
}

#[tokio::test]
async fn ten_messages_are_listed_unless_the_limit_says_otherwise() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for number in 1..=12 {
        member.says(&number.to_string()).await;
        app.clock.advance(1000);
    }
    let conversation = member.own_conversation().await;
    for (query, seqs) in [
        ("", vec![12, 11, 10, 9, 8, 7, 6, 5, 4, 3]),
        ("limit=2", vec![12, 11]),
        ("limit=200", (1..=12).rev().collect()),
        // The stock clients send these, too.
        ("no=3&limit=1", vec![12]),
        ("no=1&conversationId=999&limit=1", vec![12]),
        ("createTime=&limit=1", vec![12]),
    ] {
        assert_eq!(seqs_of(&member.own_messages(query).await), seqs, "{query}");
        if !query.contains("conversationId") {
            assert_eq!(seqs_of(&owner.messages(conversation, query).await), seqs, "{query}");
        }
    }
    for query in ["limit=0", "limit=201", "limit=-1"] {
        let refused = member.get(&format!("{}?{query}", path::MEMBER_LIST)).await;
        refused.fails(400, "请求参数不正确:条数须为 1 至 200");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_member_without_messages_has_an_empty_list_and_no_conversation() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    assert_eq!(member.get(path::MEMBER_LIST).await.ok(), json!([]));
    assert_eq!(member.get(path::MEMBER_CONVERSATION).await.ok(), Value::Null);
    app.stop().await;
}

#[tokio::test]
async fn a_conversation_that_does_not_exist_is_not_found() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let not_found = |reply: crate::support::Reply| reply.fails(1_013_019_000, "客服会话不存在");
    let body = json!({"conversationId": 9, "contentType": 1, "content": text("hi")});
    not_found(owner.post(path::ADMIN_SEND, body).await);
    not_found(owner.get(&format!("{}?conversationId=9", path::ADMIN_LIST)).await);
    not_found(owner.put(&format!("{}?conversationId=9", path::ADMIN_READ)).await);
    not_found(owner.put_json(path::PIN, json!({"id": 9, "adminPinned": true})).await);
    not_found(owner.delete(&format!("{}?id=9", path::DELETE)).await);
    not_found(member.put(&format!("{}?conversationId=9", path::MEMBER_READ)).await);
    assert_eq!(owner.get(&format!("{}?id=9", path::CONVERSATION)).await.ok(), Value::Null);
    app.stop().await;
}

#[tokio::test]
async fn a_repeated_client_message_id_returns_the_first_id_and_stores_counts_and_pushes_nothing() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let first = sends_once(&member, "m-1", "first").await;
    let conversation = member.own_conversation().await;
    let before = owner.conversation(conversation).await;
    let mut socket = owner.socket("").await;
    app.clock.advance(1000);

    assert_eq!(sends_once(&member, "m-1", "first").await, first);
    assert_eq!(owner.conversation(conversation).await, before);
    assert_eq!(owner.messages(conversation, "").await.len(), 1);
    assert_eq!(socket.events_so_far().await, []);
    app.stop().await;
}

/// Nothing of a message may be dropped while its sender is told that it was sent.
#[tokio::test]
async fn a_client_message_id_with_another_content_or_type_is_refused_and_changes_nothing() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let first = sends_once(&member, "1", "where is my parcel?").await;
    let conversation = member.own_conversation().await;
    let answer = |words: &str| {
        let content = text(words);
        json!({"conversationId": conversation, "contentType": 1, "content": content, "clientMessageId": "1"})
    };
    let answered = owner.post(path::ADMIN_SEND, answer("on its way")).await.ok();
    let before = owner.conversation(conversation).await;
    let mut socket = owner.socket("").await;

    let refused = |reply: crate::support::Reply| {
        reply.fails(400, "请求参数不正确:clientMessageId 已用于另一条消息");
    };
    let own = |content_type: i32, words: &str| {
        let content = text(words);
        json!({"contentType": content_type, "content": content, "clientMessageId": "1"})
    };
    refused(member.post(path::MEMBER_SEND, own(1, "I want my money back")).await);
    refused(member.post(path::MEMBER_SEND, own(3, "where is my parcel?")).await);
    refused(owner.post(path::ADMIN_SEND, answer("on its way ")).await);
    assert_eq!(owner.conversation(conversation).await, before);
    assert_eq!(socket.events_so_far().await, []);
    // And the first ones are still repeated.
    assert_eq!(sends_once(&member, "1", "where is my parcel?").await, first);
    assert_eq!(owner.post(path::ADMIN_SEND, answer("on its way")).await.ok(), answered);
    assert_eq!(app.count("kefu_message").await, 2);
    app.stop().await;
}

#[tokio::test]
async fn of_two_contents_with_one_client_message_id_in_one_batch_one_is_stored() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    member.says("first").await;
    for round in 1..=3 {
        // The writer takes one and waits; the rest gathers.
        let lock = app.lock_writes();
        let send = |words: &'static str| {
            let (member, id) = (member.clone(), format!("m-{round}"));
            let body = json!({"contentType": 1, "content": text(words), "clientMessageId": id});
            async move { member.post(path::MEMBER_SEND, body).await }
        };
        let release = async {
            // All are read by the service before the lock goes: the next answer comes after theirs have begun.
            app.readiness().await;
            lock.release();
        };
        let (replies, ()) = tokio::join!(join_all(["a", "b", "a", "b", "a"].map(send)), release);
        let stored: Vec<_> = replies.iter().filter(|reply| reply.code == 0).map(|reply| reply.data.clone()).collect();
        assert!((2..=3).contains(&stored.len()) && stored.iter().all(|id| *id == stored[0]), "{replies:?}");
        assert!(replies.iter().all(|reply| reply.code == 0 || reply.code == 400), "{replies:?}");
        assert_eq!(app.count("kefu_message").await, 1 + round);
    }
    app.stop().await;
}

#[tokio::test]
async fn two_sends_with_one_client_message_id_at_once_store_one_message() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for round in 0..5 {
        let id = format!("m-{round}");
        let ids = join_all((0..6).map(|_| sends_once(&member, &id, "hi"))).await;
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
    assert_eq!(seqs_of(&member.own_messages("").await), [5, 4, 3, 2, 1]);
    assert_eq!(app.count("kefu_message").await, 5);
    app.stop().await;
}

#[tokio::test]
async fn a_client_message_id_belongs_to_its_sender_and_conversation() {
    let app = TestApp::spawn().await;
    let (one, two, owner) = (app.member(1001).await, app.member(1002).await, app.owner().await);
    let first = sends_once(&one, "same", "hi").await;
    assert_ne!(sends_once(&two, "same", "hi").await, first);
    let conversation = one.own_conversation().await;
    let body = json!({"conversationId": conversation, "contentType": 1, "content": text("hi"),
        "clientMessageId": "same"});
    assert_ne!(owner.post(path::ADMIN_SEND, body).await.ok(), json!(first));
    assert_eq!(app.count("kefu_message").await, 3);
    app.stop().await;
}

#[tokio::test]
async fn first_messages_at_once_share_one_conversation() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    join_all((0..8).map(|number| {
        let member = member.clone();
        async move { member.says(&number.to_string()).await }
    }))
    .await;
    assert_eq!(app.count("kefu_conversation").await, 1);
    assert_eq!(seqs_of(&member.own_messages("").await), [8, 7, 6, 5, 4, 3, 2, 1]);
    app.stop().await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart_and_numbers_go_on() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let first = member.says("before").await;
    let before = member.own_messages("").await;
    let app = app.restart().await;
    let member = app.user_with(member.tokens.unwrap());
    assert_eq!(member.own_messages("").await, before);
    assert!(member.says("after").await > first);
    assert_eq!(seqs_of(&member.own_messages("").await), [2, 1]);
    app.stop().await;
}

#[tokio::test]
async fn the_stock_member_clients_raw_token_and_content_type_are_understood() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let request = app
        .anonymous()
        .request(Method::POST, path::MEMBER_SEND)
        .header("authorization", member.access_token())
        .header("content-type", "application/json;charset=UTF-8")
        .header("tenant-id", "1")
        .header("terminal", "20")
        .header("platform", "H5")
        .body(r#"{"contentType":1,"content":"{\"text\":\"hi\"}"}"#);
    let id = User::send(request).await.ok();
    assert_eq!(member.own_messages("").await[0]["id"], id);
    app.stop().await;
}

async fn sends_once(member: &User, id: &str, words: &str) -> i64 {
    let body = json!({"contentType": 1, "content": text(words), "clientMessageId": id});
    member.post(path::MEMBER_SEND, body).await.ok().as_i64().unwrap()
}

fn seqs_of(messages: &[Value]) -> Vec<i64> {
    messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}
