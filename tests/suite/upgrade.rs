//! Connections that ask for an upgrade, byte for byte: they leave the HTTP server's own loop.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{PATIENCE, TestApp};

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
    tokio::time::timeout(PATIENCE, reading).await.expect("the rest never comes");
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
    let (written, read) = tokio::time::timeout(PATIENCE, all).await.expect("some pings are not answered");
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
