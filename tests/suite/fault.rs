//! One test for each of the original's known faults (docs/contract.md#faults-of-the-original) that shows over REST. Those of sockets (6, 8, 11, 12) are
//! with the tests of the push module.

use futures_util::future::{join, join_all};
use kefu::testing::access::Role;
use serde_json::json;

use crate::support::process::{Serve, kefu};
use crate::support::{START, TestApp, User, path, text};

#[tokio::test]
async fn fault_1_a_members_mark_read_leaves_the_admins_count() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("question").await;
    let id = member.own_conversation().await;
    owner.answers(id, "answer").await;
    assert_eq!(member.put(&format!("{}?conversationId={id}", path::MEMBER_READ)).await.ok(), json!(true));
    let after = owner.conversation(id).await;
    assert_eq!((&after["adminUnreadMessageCount"], &after["memberUnreadMessageCount"]), (&json!(1), &json!(0)));
    app.stop().await;
}

#[tokio::test]
async fn fault_2_a_message_that_arrives_while_marking_is_counted_and_no_count_drifts() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("first").await;
    let id = member.own_conversation().await;
    let mark = async || owner.put(&format!("{}?conversationId={id}", path::ADMIN_READ)).await.ok();
    for round in 0..10 {
        // All of them pile up while somebody else writes.
        let lock = app.lock_writes();
        let ((), ()) = join(
            async {
                join(mark(), join_all((0..3).map(|_| member.says("arrives")))).await;
            },
            async {
                owner.get(&format!("{}?id={id}", path::CONVERSATION)).await.ok();
                lock.release();
            },
        )
        .await;
        let count = owner.conversation(id).await["adminUnreadMessageCount"].as_i64().unwrap();
        assert_eq!((count, 0), app.unread_rows(id).await, "round {round}");
    }
    mark().await;
    member.says("last").await;
    assert_eq!(owner.conversation(id).await["adminUnreadMessageCount"], 1);
    app.stop().await;
}

#[tokio::test]
async fn fault_2_a_count_that_has_drifted_heals_when_it_is_read() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("one").await;
    member.says("two").await;
    let id = member.own_conversation().await;
    app.execute("UPDATE kefu_conversation SET admin_unread_message_count = 9");
    assert_eq!(owner.conversation(id).await["adminUnreadMessageCount"], 9);
    owner.put(&format!("{}?conversationId={id}", path::ADMIN_READ)).await.ok();
    assert_eq!(owner.conversation(id).await["adminUnreadMessageCount"], 0);
    assert_eq!(app.unread_rows(id).await, (0, 0));
    app.stop().await;
}

#[tokio::test]
async fn fault_3_no_message_that_shares_a_second_is_skipped_and_their_order_is_defined() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for number in 0..8 {
        member.says(&number.to_string()).await;
        app.clock.advance(300);
    }
    // Seconds hold the messages 1-4, 5-7 and 8. The cut time of 7 is the beginning of its second.
    let seqs = async |query: &str| {
        let messages = member.own_messages(query).await;
        messages.iter().map(|message| message["seq"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(seqs("limit=2").await, [8, 7, 6, 5]);
    assert_eq!(seqs("limit=2&createTime=2026-11-21+12:00:01").await, [4, 3, 2, 1]);
    assert_eq!(seqs("limit=2&createTime=2026-11-21+12:00:00").await, [0; 0]);
    app.stop().await;
}

#[tokio::test]
async fn fault_4_two_first_messages_at_once_make_one_conversation() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    for number in 0..10 {
        let member = app.member(1001 + number).await;
        join(member.says("one"), member.says("two")).await;
        assert_eq!(app.count(&format!("kefu_conversation WHERE user_id = {}", 1001 + number)).await, 1);
        member.says("three").await;
        assert_eq!(owner.messages(member.own_conversation().await, "").await.len(), 3);
    }
    app.stop().await;
}

#[tokio::test]
async fn fault_5_a_send_that_fails_changes_nothing_and_its_retry_stores_one_message() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("first").await;
    let id = member.own_conversation().await;
    let before = owner.conversation(id).await;
    let body = json!({"contentType": 1, "content": text("second"), "clientMessageId": "m-2"});
    // The message goes in, the counters fail.
    app.refuse("UPDATE", "kefu_conversation", "1 = 1");
    member.post(path::MEMBER_SEND, body.clone()).await.fails(500, "系统异常");
    assert_eq!(owner.conversation(id).await, before);
    assert_eq!(app.count("kefu_message").await, 1);
    // And the other way round.
    app.refuse_no_more("kefu_conversation");
    app.refuse("INSERT", "kefu_message", "1 = 1");
    member.post(path::MEMBER_SEND, body.clone()).await.fails(500, "系统异常");
    assert_eq!(owner.conversation(id).await, before);
    app.refuse_no_more("kefu_message");

    let first = member.post(path::MEMBER_SEND, body.clone()).await.ok();
    assert_eq!(member.post(path::MEMBER_SEND, body).await.ok(), first);
    let after = owner.conversation(id).await;
    assert_eq!((&after["adminUnreadMessageCount"], &after["lastSeq"]), (&json!(2), &json!(2)));
    assert_eq!(app.count("kefu_message").await, 2);
    app.stop().await;
}

#[tokio::test]
async fn fault_7_concurrent_sends_leave_the_newest_as_the_last_message() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("first").await;
    let id = member.own_conversation().await;
    for round in 0..10 {
        let sends = (0..4).map(|number| {
            let (member, owner, words) = (member.clone(), owner.clone(), format!("{round}.{number}"));
            async move { if number % 2 == 0 { member.says(&words).await } else { owner.answers(id, &words).await } }
        });
        join_all(sends).await;
        let (shown, newest) = (owner.conversation(id).await, owner.messages(id, "").await[0].clone());
        assert_eq!(shown["lastMessageContent"], newest["content"]);
        assert_eq!(shown["lastMessageTime"], newest["createTime"]);
        assert_eq!(shown["lastSeq"], newest["seq"]);
    }
    app.stop().await;
}

#[tokio::test]
async fn fault_7_a_concurrent_delete_does_not_hide_new_mail() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("first").await;
    let id = member.own_conversation().await;
    let delete = format!("{}?id={id}", path::DELETE);
    let mut socket = owner.socket("").await;
    for round in 0..10 {
        join(owner.delete(&delete), member.says("new")).await;
        // Whichever came last decides; both are told in the order in which they were stored.
        let events = socket.events_so_far().await;
        let last = events.last().unwrap();
        let hidden = last.kind != "kefu_message_type";
        assert_eq!(owner.conversation(id).await["adminDeleted"], hidden, "round {round}: {events:?}");
        assert_eq!(owner.conversations().await.is_empty(), hidden);
    }
    owner.delete(&delete).await.ok();
    member.says("newest").await;
    assert_eq!(owner.conversations().await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn fault_9_an_admins_avatar_never_shows_on_the_message_of_a_member_with_the_same_id() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let member = app.member(owner.id()).await;
    app.execute("UPDATE kefu_admin SET avatar = 'http://x/admin.png'");
    app.execute("UPDATE kefu_member SET avatar = 'http://x/member.png'");
    app.clock.advance(5000);
    member.says("question").await;
    let id = member.own_conversation().await;
    owner.answers(id, "answer").await;
    for messages in [owner.messages(id, "").await, member.own_messages("").await] {
        assert_eq!(messages[0]["senderAvatar"], "http://x/admin.png");
        assert_eq!(messages[1]["senderAvatar"], "http://x/member.png");
    }
    assert_eq!(owner.conversation(id).await["userAvatar"], "http://x/member.png");
    app.stop().await;
}

#[tokio::test]
async fn fault_10_too_long_a_content_and_an_unknown_type_are_the_clients_fault() {
    let app = TestApp::spawn().await;
    let (member, agent) = (app.member(1001).await, app.admin("agent", Role::Agent).await);
    member.says("hi").await;
    let id = member.own_conversation().await;
    for (kind, content) in [(1, "x".repeat(2049)), (7, "x".into()), (i64::from(i32::MIN), "x".into())] {
        let body = json!({"contentType": kind, "content": content});
        assert_eq!(member.post(path::MEMBER_SEND, body).await.code, 400);
        let body = json!({"conversationId": id, "contentType": kind, "content": content});
        assert_eq!(agent.post(path::ADMIN_SEND, body).await.code, 400);
    }
    assert_eq!(app.count("kefu_message").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn fault_13_neither_message_text_nor_tokens_nor_passwords_are_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let member = kefu(folder.path(), &["token", "member", "--user-id", "7", "--nickname", "m"], "").await;
    let admin = kefu(
        folder.path(),
        &["admin", "add", "--username", "a", "--nickname", "a", "--role", "owner"],
        "a secret password\n",
    )
    .await;
    assert_eq!((member.code, admin.code), (Some(0), Some(0)), "{member:?} {admin:?}");
    let serve = Serve::start(folder.path(), &["--set", "log.filter=trace"]).await;
    let member = serve.user(&member.output);
    let anonymous = serve.user_with(None);
    let body = json!({"username": "a", "password": "a secret password"});
    let tokens = anonymous.post(path::LOGIN, body).await.ok();
    let admin = serve.user(&tokens.to_string());

    let mut socket = admin.socket("").await;
    member.says("MARKER").await;
    let id = member.own_conversation().await;
    admin.answers(id, "MARKER").await;
    admin.messages(id, "").await;
    // Refused ones are not logged either.
    for refused in [json!({"contentType": 1, "content": "MARKER".repeat(1000)}), json!({"contentType": "MARKER"})] {
        assert_eq!(member.post(path::MEMBER_SEND, refused).await.code, 400);
    }
    let refresh = format!("/admin-api/system/auth/refresh-token?refreshToken={}", admin.refresh_token());
    User::send(admin.request(reqwest::Method::POST, &refresh)).await.ok();
    socket.event().await;
    socket.close().await;
    let body = json!({"name": "shop", "settings": {"allowNoOrigin": true}});
    let channel = admin.post(path::CHANNEL_CREATE, body).await.ok();
    let key = admin.get(&format!("{}?id={channel}", path::CHANNEL)).await.ok()["key"].clone();
    let first = serve.user(&anonymous.post(path::VISITOR_TOKEN, json!({"key": key})).await.ok().to_string());
    let body = json!({"key": key, "visitorToken": first.refresh_token()});
    let visitor = serve.user(&anonymous.post(path::VISITOR_TOKEN, body).await.ok().to_string());
    visitor.says("MARKER").await;
    visitor.put_json(path::VISITOR_UPDATE, json!({"nickname": "MARKER", "attributes": {"a": "MARKER"}})).await.ok();
    visitor.put_json(path::VISITOR_PAGE, json!({"url": "https://MARKER/", "title": "MARKER"})).await.ok();
    admin.put_json(path::MEMBER_BLOCK, json!({"userId": 7, "blocked": false, "reason": "MARKER"})).await.ok();
    member.links(&visitor).await.ok();

    let ended = serve.terminate().await;
    assert!(ended.errors.contains("/app-api/promotion/kefu-message/send"), "the requests are in the log");
    for user in [&member, &admin, &first, &visitor] {
        for token in [user.access_token(), user.refresh_token()] {
            assert!(!ended.errors.contains(token), "a token is in the log");
            let signature = token.rsplit('.').next().unwrap();
            assert!(!ended.errors.contains(signature), "a token's signature is in the log");
        }
    }
    for secret in ["MARKER", "a secret password"] {
        let line = ended.errors.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}

/// The times of the tests are the seconds that fault 3 names.
const _: () = assert!(START % 1000 == 0);
