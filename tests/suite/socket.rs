//! What a client may send on its socket, and what broken clients do to it (docs/contract.md#websocket; RFC 6455).

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Socket, TEXT, TestApp, client_frame};

/// Opcodes without the FIN bit.
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;
/// A whole close frame.
const CLOSE: u8 = 0x88;

#[tokio::test]
async fn text_ping_is_answered_by_text_pong() {
    let app = TestApp::spawn().await;
    for mut socket in [app.member(1001).await.socket("").await, app.owner().await.socket("").await] {
        for _ in 0..3 {
            socket.send("ping").await;
            assert_eq!(socket.next().await, Some(Message::text("pong")));
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_protocol_ping_is_answered_by_a_pong_with_its_payload() {
    let app = TestApp::spawn().await;
    let mut socket = app.member(1001).await.socket("").await;
    socket.stream.send(Message::Ping(b"hello".as_slice().into())).await.unwrap();
    assert_eq!(socket.next_of_any_kind().await, Some(Message::Pong(b"hello".as_slice().into())));
    app.stop().await;
}

#[tokio::test]
async fn empty_frames_are_ignored() {
    let app = TestApp::spawn().await;
    let mut socket = app.member(1001).await.socket("").await;
    socket.send("").await;
    socket.send(" \n").await;
    socket.stream.send(Message::binary(Vec::new())).await.unwrap();
    assert_eq!(socket.events_so_far().await, []);
    app.stop().await;
}

#[tokio::test]
async fn malformed_unknown_and_binary_frames_get_an_error_frame_and_the_socket_stays() {
    let app = TestApp::spawn().await;
    let (member, mut at_owner) = (app.member(1001).await, app.owner().await.socket("").await);
    let mut socket = member.socket("").await;
    let deep = format!("{{\"type\":\"kefu_typing\",\"content\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    for (text, msg) in [
        ("hello", "请求参数类型错误:frame"),
        ("{", "请求参数类型错误:frame"),
        ("null", "请求参数类型错误:frame"),
        ("[]", "请求参数类型错误:frame"),
        (r#"{"type":1}"#, "请求参数类型错误:frame"),
        (r#"{"type":"kefu_typing","content":"{"}"#, "请求参数类型错误:frame"),
        (&deep, "请求参数类型错误:frame"),
        (r#"{"type":"nothing","content":"{}"}"#, "请求参数不正确:类型未知"),
        (r#"{"type":"kefu_message_type","content":"{}"}"#, "请求参数不正确:类型未知"),
        (r#"{"type":"kefu_resync"}"#, "请求参数不正确:内容需要 afterSeq 或 since 之一"),
    ] {
        socket.send(text).await;
        assert_eq!(socket.expect("error").await, json!({"code": 400, "msg": msg}), "{text:.60}");
    }
    socket.stream.send(Message::binary(vec![0, 1, 2])).await.unwrap();
    assert_eq!(socket.expect("error").await, json!({"code": 400, "msg": "请求参数类型错误:binary frame"}));
    assert_eq!(socket.events_so_far().await, []);
    assert_eq!(at_owner.events_so_far().await, []);
    app.stop().await;
}

#[tokio::test]
async fn fragmented_text_is_put_together() {
    let app = TestApp::spawn().await;
    let mut socket = app.member(1001).await.socket("").await;
    let protocol_ping = client_frame(0x89, b"between");
    for fragments in [
        vec![client_frame(TEXT_BEGINS, b"pi"), client_frame(ENDS, b"ng")],
        vec![client_frame(TEXT_BEGINS, b""), client_frame(CONTINUES, b"ping"), client_frame(ENDS, b"")],
        // Control frames may come between (RFC 6455 section 5.4).
        vec![client_frame(TEXT_BEGINS, b"p"), protocol_ping, client_frame(ENDS, b"ing")],
    ] {
        socket.send_raw(&fragments.concat()).await;
        assert_eq!(socket.next().await, Some(Message::text("pong")));
    }
    // A character cut in two is whole again.
    let text = r#"{"type":"客服"}"#.as_bytes();
    let cut = 10;
    assert!(std::str::from_utf8(&text[..cut]).is_err());
    socket.send_raw(&[client_frame(TEXT_BEGINS, &text[..cut]), client_frame(ENDS, &text[cut..])].concat()).await;
    assert_eq!(socket.expect("error").await["msg"], json!("请求参数不正确:类型未知"));
    app.stop().await;
}

#[tokio::test]
async fn frames_that_break_the_protocol_close_their_socket_with_1002_and_harm_no_other() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let mut bystander = member.socket("").await;
    let frames: [(&str, Vec<u8>); 9] = [
        ("not masked", b"\x81\x04ping".to_vec()),
        ("first reserved bit", client_frame(TEXT | 0x40, b"ping")),
        ("last reserved bit", client_frame(TEXT | 0x10, b"ping")),
        ("unknown opcode", client_frame(0x83, b"")),
        ("unknown control opcode", client_frame(0x8B, b"")),
        ("control frame in fragments", client_frame(0x09, b"")),
        ("long control frame", client_frame(0x89, &[0; 126])),
        ("continuation of nothing", client_frame(ENDS, b"x")),
        ("text within fragments", [client_frame(TEXT_BEGINS, b"x"), client_frame(TEXT, b"y")].concat()),
    ];
    for (what, bytes) in frames {
        let mut socket = member.socket("").await;
        socket.send_raw(&bytes).await;
        assert_eq!(socket.close_code().await, Some(1002), "{what}");
    }
    let id = member.says("还在").await;
    assert_eq!(bystander.expect("kefu_message_type").await["id"], json!(id));
    app.until_metric("kefu_sockets{user_type=\"member\"}", 1).await;
    app.stop().await;
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for bytes in [
        client_frame(TEXT, b"\xFF\xFE"),
        // A surrogate and an overlong slash.
        client_frame(TEXT, b"\xED\xA0\x80"),
        client_frame(TEXT, b"\xC0\xAF"),
        [client_frame(TEXT_BEGINS, b"ok"), client_frame(ENDS, b"\x80")].concat(),
    ] {
        let mut socket = member.socket("").await;
        socket.send_raw(&bytes).await;
        assert_eq!(socket.close_code().await, Some(1007));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_message_over_the_limit_closes_with_1009() {
    let app = TestApp::spawn_with(|settings| settings.push.client_message_bytes = 1000).await;
    let member = app.member(1001).await;
    let (fits, half) = (vec![b'x'; 1000], vec![b'x'; 501]);
    let mut socket = member.socket("").await;
    socket.send_raw(&client_frame(TEXT, &fits)).await;
    assert_eq!(socket.expect("error").await["code"], json!(400));
    socket.send_raw(&client_frame(TEXT, &[fits.as_slice(), b"x"].concat())).await;
    assert_eq!(socket.close_code().await, Some(1009));

    let mut socket = member.socket("").await;
    socket.send_raw(&[client_frame(TEXT_BEGINS, &half), client_frame(ENDS, &half)].concat()).await;
    assert_eq!(socket.close_code().await, Some(1009));

    // The header alone says it: a client that announces gigabytes is not listened to.
    for header in [b"\x81\xFF\0\0\0\0\0\0\x03\xE9\0\0\0\0".as_slice(), b"\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"] {
        let mut socket = member.socket("").await;
        socket.send_raw(header).await;
        assert_eq!(socket.close_code().await, Some(1009));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_close_of_the_client_is_answered_and_the_socket_forgotten() {
    let app = TestApp::spawn().await;
    let mut socket: Socket = app.member(1001).await.socket("").await;
    socket.stream.send(Message::Close(None)).await.unwrap();
    assert_eq!(socket.close_code().await, Some(1000));
    app.until_metric("kefu_sockets{user_type=\"member\"}", 0).await;
    app.stop().await;
}

#[tokio::test]
async fn the_code_of_a_clients_close_is_echoed_and_a_wrong_one_is_a_broken_protocol() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let closed_with = async |payload: &[u8]| {
        let mut socket = member.socket("").await;
        socket.send_raw(&client_frame(CLOSE, payload)).await;
        socket.close_code().await
    };
    for code in [1000_u16, 1001, 1003, 1011, 3000, 4001, 4408, 4999] {
        let payload = [&code.to_be_bytes(), "再见".as_bytes()].concat();
        assert_eq!(closed_with(&payload).await, Some(code));
        assert_eq!(closed_with(&code.to_be_bytes()).await, Some(code));
    }
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2000, 5000] {
        assert_eq!(closed_with(&code.to_be_bytes()).await, Some(1002), "{code}");
    }
    assert_eq!(closed_with(b"\x03").await, Some(1002), "half a code");
    assert_eq!(closed_with(b"\x03\xE8\xFF").await, Some(1002), "a reason that is not UTF-8");
    app.stop().await;
}

#[tokio::test]
async fn a_message_of_endless_fragments_closes_with_1009() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for (begins, fragment) in [(TEXT_BEGINS, b"".as_slice()), (0x02, b""), (TEXT_BEGINS, b"x")] {
        let mut socket = member.socket("").await;
        let fragments = client_frame(CONTINUES, fragment).repeat(2000);
        socket.send_raw(&[client_frame(begins, fragment), fragments].concat()).await;
        assert_eq!(socket.close_code().await, Some(1009));
    }
    // What ends is a message, whatever its fragments.
    let mut socket = member.socket("").await;
    let fragments = client_frame(CONTINUES, b"").repeat(500);
    let ping = [client_frame(TEXT_BEGINS, b"pi"), fragments, client_frame(ENDS, b"ng")].concat();
    socket.send_raw(&ping).await;
    assert_eq!(socket.next().await, Some(Message::text("pong")));
    app.stop().await;
}
