//! What a message may contain (docs/contract.md#refused-content).

use serde_json::{Value, json};

use crate::support::{TestApp, path, text};

#[tokio::test]
async fn content_is_stored_and_returned_byte_for_byte() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let contents = [
        "{\"text\":\"hi\\n\"}",
        " { \"b\" : 1.00, \"text\":\"\\u4f60\" , \"a\" : 1e2 } ",
        "{\"text\":\"<script>alert(1)</script><img src=x onerror=alert(1)>\"}",
        "'; DROP TABLE kefu_message; --",
        "%_\\ \"quoted\" `back` ${x} #{x} ?1 :a $1",
        "[笑掉牙] 👩‍👩‍👧‍👦 e\u{301} \u{202e}rtl \u{feff}bom",
        "a\u{1}\u{7f}\tb\r\nc",
        "{not json",
        "123",
        "true",
        "\"plain\"",
    ];
    for content in contents {
        member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": content})).await.ok();
        assert_eq!(member.own_messages("limit=1").await[0]["content"], content);
        let conversation = owner.conversation(member.own_conversation().await).await;
        assert_eq!(conversation["lastMessageContent"], content);
    }
    app.stop().await;
}

#[tokio::test]
async fn every_content_type_may_be_sent_but_system_only_by_admins() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for (kind, content) in [
        (1, "{\"text\":\"hi\"}"),
        (2, "{\"picUrl\":\"http://x/y.png\"}"),
        (3, "{\"url\":\"v.amr\"}"),
        (4, "{\"url\":\"v.mp4\"}"),
        (10, "{\"spuId\":633,\"spuName\":\"杯子\",\"picUrl\":\"x\",\"price\":12900,\"stock\":77,\"salesCount\":3}"),
        (11, "{\"id\":9001,\"no\":\"o2026\"}"),
        (2, "https://x/y.png"),
        (11, "{}"),
    ] {
        member.post(path::MEMBER_SEND, json!({"contentType": kind, "content": content})).await.ok();
        assert_eq!(member.own_messages("limit=1").await[0]["contentType"], kind);
    }
    let refused = member.post(path::MEMBER_SEND, json!({"contentType": 5, "content": "x"})).await;
    refused.fails(400, "请求参数不正确:不支持的消息类型");
    let conversation = member.own_conversation().await;
    let system = json!({"conversationId": conversation, "contentType": 5, "content": "客服已接入"});
    owner.post(path::ADMIN_SEND, system).await.ok();
    assert_eq!(member.own_messages("limit=1").await[0]["contentType"], 5);
    app.stop().await;
}

#[tokio::test]
async fn content_that_breaks_the_stock_pages_is_refused_on_both_sides() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("hi").await;
    let conversation = member.own_conversation().await;
    for (kind, content, problem) in [
        (1, "null", "消息内容与消息类型不符"),
        (1, "{\"text\":123}", "消息内容与消息类型不符"),
        (1, "{\"text\":null}", "消息内容与消息类型不符"),
        (1, "{}", "消息内容与消息类型不符"),
        (1, "[\"text\"]", "消息内容与消息类型不符"),
        (2, "null", "消息内容与消息类型不符"),
        (2, "{\"picUrl\":null}", "消息内容与消息类型不符"),
        (2, "{\"picUrl\":\" \"}", "消息内容与消息类型不符"),
        (10, " null ", "消息内容与消息类型不符"),
        (10, "text", "消息内容与消息类型不符"),
        (11, "null", "消息内容与消息类型不符"),
        (11, "[]", "消息内容与消息类型不符"),
        (1, "", "消息内容不能为空"),
        (1, "a\0b", "请求体不能包含空字符"),
        (0, "x", "不支持的消息类型"),
        (6, "x", "不支持的消息类型"),
        (-1, "x", "不支持的消息类型"),
    ] {
        let expected = format!("请求参数不正确:{problem}");
        let body = json!({"contentType": kind, "content": content});
        member.post(path::MEMBER_SEND, body).await.fails(400, &expected);
        let body = json!({"conversationId": conversation, "contentType": kind, "content": content});
        owner.post(path::ADMIN_SEND, body).await.fails(400, &expected);
    }
    assert_eq!(app.count("kefu_message").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn content_of_2048_characters_fits_and_one_more_is_refused() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let send = |content: String| member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": content}));
    for character in ["a", "客", "😀"] {
        let longest = character.repeat(2048);
        send(longest.clone()).await.ok();
        assert_eq!(member.own_messages("limit=1").await[0]["content"], Value::String(longest));
        send(character.repeat(2049)).await.fails(400, "请求参数不正确:消息内容过长，最多 2048 字");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_limit_of_content_can_be_set_up_to_64_kib() {
    let app = TestApp::spawn_with(|settings| settings.limits.content_length = 65_536).await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let longest = text(&"x".repeat(65_536 - text("").len()));
    member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": longest})).await.ok();
    let listed = owner.messages(member.own_conversation().await, "").await;
    assert_eq!(listed[0]["content"], Value::String(longest));
    for (content, unit) in [("x".repeat(65_537), "字"), ("客".repeat(30_000), "字节")] {
        let refused = member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": content})).await;
        refused.fails(400, &format!("请求参数不正确:消息内容过长，最多 65536 {unit}"));
    }
    app.stop().await;
}
