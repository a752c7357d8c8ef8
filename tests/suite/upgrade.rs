//! Connections that ask for an upgrade, byte for byte: they leave the HTTP server's own loop.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{TIMEOUT, TestApp, path};

const UPGRADE: &str = "host: kefu\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// Text `ping`, masked with zeros.
const PING: &[u8] = b"\x81\x84\0\0\0\0ping";
const PONG: &[u8] = b"\x81\x04pong";

/// Opens a connection and sends `bytes` in one piece.
async fn send(app: &TestApp, bytes: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(app.address).await.unwrap();
    connection.write_all(bytes).await.unwrap();
    connection
}

/// Reads until what was read ends with `end`, or to the end of the connection.
async fn read_until(connection: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async { while !read.ends_with(end) && connection.read_buf(&mut read).await.unwrap() > 0 {} };
    tokio::time::timeout(TIMEOUT, reading).await.expect("the rest never comes");
    read
}

fn count(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).filter(|window| *window == needle).count()
}

#[tokio::test]
async fn frames_behind_the_handshake_and_in_one_large_piece_are_all_read() {
    let app = TestApp::spawn().await;
    let token = app.member(1001).await.access_token().to_owned();
    let handshake = format!("GET /infra/ws?token={token} HTTP/1.1\r\n{UPGRADE}");
    let mut connection = send(&app, &[handshake.as_bytes(), PING].concat()).await;
    let answer = read_until(&mut connection, PONG).await;
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(count(&answer, PONG), 1);

    // More than one read takes.
    let pings = 10_000;
    let (mut reader, mut writer) = connection.split();
    let mut pongs = vec![0; pings * PONG.len()];
    let pings = PING.repeat(pings);
    let all = async { tokio::join!(writer.write_all(&pings), reader.read_exact(&mut pongs)) };
    let (written, read) = tokio::time::timeout(TIMEOUT, all).await.expect("some pings are not answered");
    written.and(read.map(drop)).unwrap();
    assert!(pongs.chunks(PONG.len()).all(|pong| pong == PONG));
    app.stop().await;
}

#[tokio::test]
async fn an_earlier_request_on_the_connection_is_answered_first() {
    let app = TestApp::spawn().await;
    let token = app.member(1001).await.access_token().to_owned();
    let requests =
        format!("GET /healthz HTTP/1.1\r\nhost: kefu\r\n\r\nGET /infra/ws?token={token} HTTP/1.1\r\n{UPGRADE}");
    let mut connection = send(&app, &[requests.as_bytes(), PING].concat()).await;
    let answers = read_until(&mut connection, PONG).await;
    let answers = String::from_utf8_lossy(&answers);
    let (health, handshake) = (answers.find("HTTP/1.1 200 ").unwrap(), answers.find("HTTP/1.1 101 ").unwrap());
    assert!(health < handshake, "{answers}");
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_socket_answers_as_ever_and_ends_the_connection() {
    let app = TestApp::spawn().await;
    for (path, status, within) in [
        ("/healthz", "200", ""),
        ("/unknown", "200", r#""code":404"#),
        ("/infra/ws?token=nonsense", "401", r#""code":401"#),
        // Longer than one chunk.
        ("/v3/api-docs", "200", r#""openapi":"3.1.0""#),
    ] {
        let mut connection = send(&app, format!("GET {path} HTTP/1.1\r\n{UPGRADE}").as_bytes()).await;
        let answer = read_until(&mut connection, b"the connection's end").await;
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {head}");
        assert!(head.contains("connection: close") && head.contains("x-request-id: "), "{path}: {head}");
        assert!(head.contains(&format!("content-length: {}", body.len())) && body.contains(within), "{path}: {head}");
    }
    app.stop().await;
}

/// All that comes up to the connection's end.
async fn all(connection: &mut TcpStream) -> String {
    String::from_utf8(read_until(connection, b"the connection's end").await).unwrap()
}

#[tokio::test]
async fn a_body_behind_an_upgrade_header_is_read_by_its_length() {
    let app = TestApp::spawn_with(|settings| {
        (settings.limits.login_failures_per_account, settings.limits.login_failures_per_address) = (0, 0);
    })
    .await;
    let body = r#"{"username":"admin","password":"x"}"#;
    let (length, chunk) = (body.len(), format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()));
    // What follows the body is another request, and none of it.
    let next = "GET /healthz HTTP/1.1\r\nhost: kefu\r\n\r\n";
    for (asks, framing, body) in [
        ("upgrade: websocket", format!("content-length: {length}"), body),
        ("upgrade: websocket", "transfer-encoding: chunked".to_owned(), chunk.as_str()),
        ("upgrade: websocket\r\nexpect: 100-continue", format!("content-length: {length}"), body),
        ("upgrade: h2c", format!("content-length: {length}"), body),
    ] {
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: kefu\r\nconnection: upgrade\r\n{asks}\r\ncontent-type: application/json\r\n\
             {framing}\r\n\r\n",
            path::LOGIN
        );
        for pieces in [vec![format!("{head}{body}")], vec![head.clone(), body.to_owned()], vec![head + body + next]] {
            let mut connection = send(&app, b"").await;
            for piece in pieces {
                connection.write_all(piece.as_bytes()).await.unwrap();
            }
            let answer = all(&mut connection).await;
            assert!(answer.contains(r#""code":1002000000"#), "{asks}, {framing}: {answer}");
            assert!(answer.contains("connection: close\r\n") && !answer.contains(" 101 "), "{asks}: {answer}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_client_that_waits_for_a_100_before_its_body_gets_it() {
    let app = TestApp::spawn().await;
    for asks in ["connection: upgrade\r\nupgrade: websocket", "accept: */*"] {
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: kefu\r\n{asks}\r\ncontent-type: application/json\r\n\
             expect: 100-continue\r\ncontent-length: 2\r\n\r\n",
            path::LOGIN
        );
        let mut connection = send(&app, head.as_bytes()).await;
        let answer = read_until(&mut connection, b"\r\n\r\n").await;
        assert!(answer.starts_with(b"HTTP/1.1 100 "), "{asks}");
        connection.write_all(b"{}").await.unwrap();
        let answer = read_until(&mut connection, b"}").await;
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{asks}");
    }
    app.stop().await;
}

#[tokio::test]
async fn only_a_handshake_to_the_letter_is_answered_with_101() {
    let app = TestApp::spawn().await;
    let token = app.member(1001).await.access_token().to_owned();
    let handshake = format!("GET /infra/ws?token={token} HTTP/1.1\r\n{UPGRADE}");
    let smuggled = "GET /metrics HTTP/1.1\r\nhost: kefu\r\n\r\n";
    for (from, to, status) in [
        ("upgrade: websocket", "upgrade: websocket, foo", "400"),
        ("upgrade: websocket", "upgrade: foo, websocket", "400"),
        ("upgrade: websocket", "upgrade: websocket/13", "400"),
        ("upgrade: websocket", "upgrade: websocket\r\nupgrade: websocket", "400"),
        ("upgrade: websocket", "upgrade: websocket\r\nupgrade: h2c", "400"),
        ("upgrade: websocket", "upgrade: h2c", "400"),
        ("connection: Upgrade", "connection: keep-alive", "400"),
        ("host: kefu", "host: kefu\r\ncontent-length: 5", "400"),
        ("host: kefu", "host: kefu\r\ntransfer-encoding: chunked", "400"),
        ("sec-websocket-version: 13", "sec-websocket-version: 8", "426"),
        ("sec-websocket-version: 13", "x: y", "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", "400"),
        (" HTTP/1.1", " HTTP/1.0", "400"),
        // The path's other methods.
        ("GET /infra", "POST /infra", "200"),
        ("GET /infra", "HEAD /infra", "400"),
        ("GET /infra", "CONNECT /infra", "200"),
    ] {
        assert!(handshake.contains(from), "{from}");
        let request = handshake.replacen(from, to, 1);
        let body = if to.contains("chunked") { "5\r\nhello\r\n0\r\n\r\n" } else { "" };
        let body = if to.contains("content-length") { "hello" } else { body };
        let mut connection = send(&app, format!("{request}{body}{smuggled}").as_bytes()).await;
        let answer = read_until(&mut connection, b"the connection's end").await;
        let answer = String::from_utf8_lossy(&answer);
        let version = if to.contains("1.0") { "HTTP/1.0" } else { "HTTP/1.1" };
        assert!(answer.starts_with(&format!("{version} {status} ")), "{to}: {answer}");
        let head = answer.split("\r\n\r\n").next().unwrap();
        assert!(!head.contains("connection: upgrade") && !answer.contains(" 101 "), "{to}: {head}");
        assert!(!answer.contains("kefu_sockets"), "{to}: what comes behind the last answer is not carried out");
        assert_eq!(head.contains("sec-websocket-version: 13"), status == "426", "{head}");
        assert_eq!(version == "HTTP/1.1", head.contains("connection: close"), "{to}: {head}");
    }
    assert_eq!(app.metric("kefu_sockets{user_type=\"member\"}").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn nothing_behind_a_refused_handshake_is_taken_for_a_request() {
    let app = TestApp::spawn().await;
    for path in ["/infra/ws?token=nonsense", "/unknown", "/healthz"] {
        let bytes = format!("GET {path} HTTP/1.1\r\n{UPGRADE}GET /metrics HTTP/1.1\r\nhost: kefu\r\n\r\n");
        let mut connection = send(&app, bytes.as_bytes()).await;
        let answer = all(&mut connection).await;
        assert_eq!(count(answer.as_bytes(), b"HTTP/1.1 "), 1, "{path}: {answer}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_socket_that_the_server_ends_gets_a_close_frame_and_the_connections_end() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let handshake = format!("GET /infra/ws?token={} HTTP/1.1\r\n{UPGRADE}", member.access_token());
    let mut connection = send(&app, &[handshake.as_bytes(), PING].concat()).await;
    read_until(&mut connection, PONG).await;
    // A frame that breaks the protocol: not masked.
    connection.write_all(b"\x81\x04ping").await.unwrap();
    let end = read_until(&mut connection, b"the connection's end").await;
    assert_eq!(end.get(2..4), Some(1002_u16.to_be_bytes().as_slice()), "a close frame, then the end");
    app.stop().await;
}
