//! What no client should send: it gets the contract's error in its language, nothing is stored, the service goes on.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{TestApp, User, path, text};

/// Asserts code and both messages of what `body` comes to as a member's send.
async fn assert_refused(member: &User, body: Vec<u8>, content_type: &str, (zh, en): (&str, &str)) {
    for (language, msg) in [("zh-CN,zh;q=0.9,en;q=0.8", zh), ("en-US,en;q=0.9", en), ("fr", zh)] {
        let request = member
            .request(Method::POST, path::MEMBER_SEND)
            .header("content-type", content_type)
            .header("accept-language", language)
            .body(body.clone());
        User::send(request).await.fails(400, msg);
    }
}

/// Asserts that nothing was stored and that the service still works.
async fn assert_unharmed(app: &TestApp, member: &User) {
    assert_eq!(app.count("kefu_message").await, 0);
    assert_eq!(app.count("kefu_conversation").await, 0);
    member.says("still here").await;
}

fn wrong_type(what: &str) -> (String, String) {
    (format!("请求参数类型错误:{what}"), format!("request parameter of the wrong type: {what}"))
}

#[tokio::test]
async fn a_body_that_is_no_json_is_of_the_wrong_type() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let (zh, en) = wrong_type("request body");
    for body in [
        b"".as_slice(),
        b"{",
        b"hello",
        b"\xff\xfe\x00",
        b"{\"contentType\":1,\"content\":\"\xc3\x28\"}",
        b"{\"contentType\":1,\"content\":\"\\ud800\"}",
        b"{\"contentType\":1,\"content\":\"x\"} trailing",
        "[".repeat(100_000).as_bytes(),
    ] {
        for (language, msg) in [("zh", &zh), ("en", &en)] {
            let request = member
                .request(Method::POST, path::MEMBER_SEND)
                .header("content-type", "application/json")
                .header("accept-language", language)
                .body(body.to_vec());
            let reply = User::send(request).await;
            // Some are found out at a field, which the message then names.
            assert_eq!((reply.code, &reply.data), (400, &Value::Null), "{}", String::from_utf8_lossy(body));
            let kind = msg.split(':').next().unwrap();
            assert!(reply.msg.starts_with(kind), "{}", reply.msg);
        }
    }
    assert_unharmed(&app, &member).await;
    app.stop().await;
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_named() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for (body, field) in [
        (json!({"contentType": "1", "content": "x"}), "contentType"),
        (json!({"contentType": 1.5, "content": "x"}), "contentType"),
        (json!({"contentType": 99_999_999_999_i64, "content": "x"}), "contentType"),
        (json!({"contentType": 1, "content": {"text": "x"}}), "content"),
        (json!({"contentType": 1, "content": 5}), "content"),
        (json!({"contentType": 1, "content": "x", "clientMessageId": 5}), "clientMessageId"),
    ] {
        let (zh, en) = wrong_type(field);
        assert_refused(&member, body.to_string().into_bytes(), "application/json", (&zh, &en)).await;
    }
    assert_unharmed(&app, &member).await;
    app.stop().await;
}

#[tokio::test]
async fn a_missing_or_broken_field_is_named() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for (body, name) in [
        (json!({}), "contentType"),
        (json!({"contentType": 1}), "content"),
        (json!({"content": "x"}), "contentType"),
        (json!({"contentType": null, "content": "x"}), "contentType"),
        (json!({"contentType": 1, "content": null}), "content"),
    ] {
        let (zh, en) = (format!("请求参数缺失:{name}"), format!("missing request parameter: {name}"));
        assert_refused(&member, body.to_string().into_bytes(), "application/json", (&zh, &en)).await;
    }
    for (body, zh, en) in [
        (json!({"contentType": 9, "content": "x"}), "不支持的消息类型", "contentType is not valid"),
        (json!({"contentType": 1, "content": "null"}), "消息内容与消息类型不符", "content does not fit its type"),
        (
            json!({"contentType": 1, "content": "x", "clientMessageId": "x".repeat(65)}),
            "消息编号的字数须为 1 至 64",
            "clientMessageId must have from 1 to 64 characters",
        ),
        (
            json!({"contentType": 1, "content": "x", "clientMessageId": ""}),
            "消息编号的字数须为 1 至 64",
            "clientMessageId must have from 1 to 64 characters",
        ),
    ] {
        let (zh, en) = (format!("请求参数不正确:{zh}"), format!("invalid request parameter: {en}"));
        assert_refused(&member, body.to_string().into_bytes(), "application/json", (&zh, &en)).await;
    }
    assert_unharmed(&app, &member).await;
    app.stop().await;
}

#[tokio::test]
async fn a_body_of_another_content_type_is_of_the_wrong_type() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let body = json!({"contentType": 1, "content": "x"}).to_string();
    let (zh, en) = wrong_type("Content-Type");
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "?", ""]
    {
        assert_refused(&member, body.clone().into_bytes(), content_type, (&zh, &en)).await;
    }
    assert_unharmed(&app, &member).await;
    app.stop().await;
}

#[tokio::test]
async fn an_oversized_body_is_refused_and_a_deep_one_does_no_harm() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let body = json!({"contentType": 1, "content": "x".repeat(600_000)}).to_string().into_bytes();
    let msg =
        ("请求参数不正确:请求体过大或不完整", "invalid request parameter: the request body is too large or incomplete");
    assert_refused(&member, body, "application/json", msg).await;

    let deep = format!("{{\"contentType\":1,\"content\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let (zh, en) = wrong_type("content");
    assert_refused(&member, deep.into_bytes(), "application/json", (&zh, &en)).await;
    assert_unharmed(&app, &member).await;
    app.stop().await;
}

#[tokio::test]
async fn a_bad_parameter_of_a_query_is_named() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    for (path, query, zh, en) in [
        (path::ADMIN_LIST, "", "请求参数缺失:conversationId", "missing request parameter: conversationId"),
        (
            path::ADMIN_LIST,
            "conversationId=",
            "请求参数缺失:conversationId",
            "missing request parameter: conversationId",
        ),
        (
            path::ADMIN_LIST,
            "conversationId=x",
            "请求参数类型错误:conversationId",
            "request parameter of the wrong type: conversationId",
        ),
        (
            path::ADMIN_LIST,
            "conversationId=1&limit=99999999999999999999",
            "请求参数类型错误:limit",
            "request parameter of the wrong type: limit",
        ),
        (
            path::ADMIN_LIST,
            "conversationId=1&limit=9223372036854775807",
            "请求参数不正确:条数须为 1 至 200",
            "invalid request parameter: limit must be from 1 to 200",
        ),
        (
            path::ADMIN_LIST,
            "conversationId=1&createTime=yesterday",
            "请求参数类型错误:createTime",
            "request parameter of the wrong type: createTime",
        ),
        (path::CONVERSATION, "", "请求参数缺失:id", "missing request parameter: id"),
        (path::CONVERSATION, "id=1%27%20OR%201=1", "请求参数类型错误:id", "request parameter of the wrong type: id"),
        (
            path::CONVERSATIONS,
            "limit=1001",
            "请求参数不正确:条数须为 1 至 1000",
            "invalid request parameter: limit must be from 1 to 1000",
        ),
    ] {
        for (language, msg) in [("zh", zh), ("en", en)] {
            let request = owner.request(Method::GET, &format!("{path}?{query}")).header("accept-language", language);
            User::send(request).await.fails(400, msg);
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_say_so() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for (method, path, code, zh, en) in [
        (Method::GET, "/", 404, "请求未找到", "not found"),
        (Method::GET, "/app-api/unknown", 404, "请求未找到", "not found"),
        (Method::POST, "/app-api/promotion/kefu-message/send/", 404, "请求未找到", "not found"),
        (Method::GET, "/../../etc/passwd", 404, "请求未找到", "not found"),
        (Method::GET, path::MEMBER_SEND, 405, "请求方法不正确", "method not allowed"),
        (Method::DELETE, path::MEMBER_LIST, 405, "请求方法不正确", "method not allowed"),
        (Method::POST, path::PIN, 405, "请求方法不正确", "method not allowed"),
        (Method::PATCH, "/healthz", 405, "请求方法不正确", "method not allowed"),
    ] {
        for (language, msg) in [("zh", zh), ("en", en)] {
            let request = member.request(method.clone(), path).header("accept-language", language);
            User::send(request).await.fails(code, msg);
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn sql_in_every_parameter_is_only_text() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let sql = "x'); DELETE FROM kefu_message; --";
    let body = json!({"contentType": 1, "content": sql, "clientMessageId": sql});
    member.post(path::MEMBER_SEND, body).await.ok();
    assert_eq!(member.own_messages("").await[0]["clientMessageId"], sql);
    let cursor = "0.1;DROP TABLE kefu_message.1";
    assert_eq!(owner.get(&format!("{}?cursor={cursor}", path::CONVERSATIONS)).await.code, 400);
    let login = json!({"username": "admin' OR '1'='1", "password": "' OR '1'='1"});
    app.anonymous().post(path::LOGIN, login).await.fails(1_002_000_000, "登录失败，账号密码不正确");
    assert_eq!(app.count("kefu_message").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn bytes_that_are_no_http_end_their_connection_only() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n".to_vec(),
        [b"GET / HTTP/1.1\r\nX: ".as_slice(), &vec![b'x'; 300_000], b"\r\n\r\n"].concat(),
    ] {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        // The service may close before it has read everything.
        drop(stream.write_all(&bytes).await);
        drop(stream.shutdown().await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_unharmed(&app, &member).await;
    app.stop().await;
}

#[tokio::test]
async fn ten_thousand_connections_opened_and_dropped_leave_the_service_answering() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for batch in 0..50 {
        let streams = join_all((0..200).map(|_| TcpStream::connect(app.address))).await;
        for (number, stream) in streams.into_iter().enumerate() {
            let mut stream = stream.unwrap();
            match number % 3 {
                0 => {}
                1 => stream.write_all(b"POST /app-api/promotion/kefu-message/send HTTP/1.1\r\n").await.unwrap(),
                _ => stream.write_all(b"GET /infra/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n").await.unwrap(),
            }
        }
        if batch % 10 == 0 {
            let send = json!({"contentType": 1, "content": text("hi")});
            member.post(path::MEMBER_SEND, send).await.ok();
        }
    }
    assert_eq!(member.own_messages("").await.len(), 5);
    app.stop().await;
}

#[tokio::test]
async fn nul_is_refused_wherever_it_comes() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let login = json!({"username": "a\0b", "password": "x"});
    assert_eq!(app.anonymous().post(path::LOGIN, login).await.code, 400);
    assert_eq!(app.anonymous().post(path::LOGIN, json!({"username": "admin", "password": "a\0b"})).await.code, 400);
    for body in [
        json!({"contentType": 1, "content": "a\0b"}),
        json!({"contentType": 1, "content": "a", "clientMessageId": "a\0b"}),
        json!({"contentType": 1, "content": "a", "unknown": "a\0b"}),
    ] {
        assert_eq!(member.post(path::MEMBER_SEND, body.clone()).await.code, 400, "{body}");
    }
    for query in ["createTime=%00", "limit=1%00", "unknown=a%00b", "a%00=b"] {
        assert_eq!(member.get(&format!("{}?{query}", path::MEMBER_LIST)).await.code, 400, "{query}");
        assert_eq!(owner.get(&format!("{}?{query}&cursor=%00", path::CONVERSATIONS)).await.code, 400, "{query}");
    }
    let refresh = "/app-api/member/auth/refresh-token?refreshToken=a%00b";
    assert_eq!(app.anonymous().post(refresh, Value::Null).await.code, 400);
    // The spelling of NUL inside the JSON that a content holds is plain text.
    let nested = json!({"contentType": 1, "content": "{\"text\":\"a\\u0000b\"}"});
    member.post(path::MEMBER_SEND, nested).await.ok();
    app.stop().await;
}
