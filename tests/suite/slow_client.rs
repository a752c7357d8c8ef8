//! Clients that are slow, or stop: every request comes to its end, byte for byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{TIMEOUT, TestApp, path};

async fn app() -> TestApp {
    TestApp::spawn_with(|settings| settings.server.request_timeout_s = 1).await
}

async fn send(app: &TestApp, bytes: &str) -> TcpStream {
    let mut connection = TcpStream::connect(app.address).await.unwrap();
    connection.write_all(bytes.as_bytes()).await.unwrap();
    connection
}

/// What comes up to the connection's end, which may be a reset.
async fn rest(connection: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let reading = connection.read_to_end(&mut read);
    drop(tokio::time::timeout(TIMEOUT, reading).await.expect("the connection does not end"));
    String::from_utf8(read).unwrap()
}

fn head(method: &str, path: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nhost: kefu\r\n{headers}\r\n")
}

const JSON: &str = "content-type: application/json";
const CHUNKED: &str = "transfer-encoding: chunked";
const UPGRADE: [&str; 2] = ["connection: upgrade", "upgrade: websocket"];
const FORM: &str = "content-type: multipart/form-data; boundary=b";

#[tokio::test]
async fn a_body_that_stops_midway_is_answered_408() {
    let app = app().await;
    let member = app.member(1001).await;
    let bearer = format!("authorization: Bearer {}", member.access_token());
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\nx";
    let upload = "/app-api/infra/file/upload";
    for (path, headers, body) in [
        (path::LOGIN, vec![JSON, "content-length: 100"], "{".to_owned()),
        (path::LOGIN, vec![JSON, CHUNKED], "5\r\n{\"us".into()),
        (path::LOGIN, vec![JSON, CHUNKED], "1\r\n{\r\n".into()),
        (path::LOGIN, vec![JSON, "content-length: 100", UPGRADE[0], UPGRADE[1]], "{".into()),
        (path::LOGIN, vec![JSON, CHUNKED, UPGRADE[0], UPGRADE[1]], "1\r\n{\r\n".into()),
        (path::MEMBER_SEND, vec![JSON, &bearer, "content-length: 100"], "{".into()),
        (upload, vec![FORM, &bearer, "content-length: 1000"], part.into()),
        (upload, vec![FORM, &bearer, CHUNKED], format!("{:x}\r\n{part}\r\n", part.len())),
        // An upload that is refused is read on, too.
        (upload, vec![FORM, "content-length: 1000"], part.into()),
    ] {
        let mut connection = send(&app, &(head("POST", path, &headers) + &body)).await;
        let answer = rest(&mut connection).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path} {headers:?}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
        assert!(answer.contains(r#"{"code":408,"msg":"请求超时，请稍后重试","data":null}"#), "{answer}");
    }
    // Nothing of it was stored.
    assert_eq!(app.count("kefu_file").await + app.count("kefu_message").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_trickles_is_answered_408() {
    let app = app().await;
    let mut connection = send(&app, &head("POST", path::LOGIN, &[JSON, "content-length: 100000"])).await;
    let (mut reader, mut writer) = connection.split();
    let mut answer = Vec::new();
    let trickle = async {
        while writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = trickle => panic!("no answer"),
        read = tokio::time::timeout(TIMEOUT, reader.read_buf(&mut answer)) => drop(read.unwrap().unwrap()),
    }
    assert!(answer.starts_with(b"HTTP/1.1 408 "));
    app.stop().await;
}

#[tokio::test]
async fn an_answer_before_the_bodys_end_says_that_the_connection_is_closed() {
    let app = app().await;
    for (method, path, headers, body) in [
        ("GET", "/healthz", vec!["content-length: 10"], "x"),
        ("GET", "/healthz", vec![CHUNKED], "1\r\nx\r\n"),
        ("POST", "/unknown", vec![CHUNKED], "1\r\nx\r\n"),
        ("POST", path::MEMBER_SEND, vec![JSON, CHUNKED], "1\r\nx\r\n"),
        ("POST", "/unknown", vec!["content-length: 10", UPGRADE[0], UPGRADE[1]], "x"),
        // An encoding that is wrong: nothing behind it can be told apart.
        ("POST", path::LOGIN, vec![JSON, CHUNKED], "x\r\n"),
    ] {
        let mut connection = send(&app, &(head(method, path, &headers) + body)).await;
        let answer = rest(&mut connection).await;
        let head = answer.split("\r\n\r\n").next().unwrap();
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("connection: close"), "{path} {headers:?}: {head}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_head_of_a_later_request_has_to_come_in_time_too() {
    let app = app().await;
    let mut connection = send(&app, &head("GET", "/healthz", &[])).await;
    let mut first = Vec::new();
    while !first.ends_with(b"}") {
        connection.read_buf(&mut first).await.unwrap();
    }
    connection.write_all(b"GET /healthz HTTP/1.1\r\nhost").await.unwrap();
    assert_eq!(rest(&mut connection).await, "");
    // One that takes its time between two requests is not cut off: that is what connections are kept for.
    let mut connection = send(&app, &head("GET", "/healthz", &[])).await;
    let mut answers = Vec::new();
    let waited = tokio::time::timeout(Duration::from_secs(3), async {
        while connection.read_buf(&mut answers).await.unwrap() > 0 {}
    });
    waited.await.unwrap_err();
    connection.write_all(head("GET", "/healthz", &["connection: close"]).as_bytes()).await.unwrap();
    assert!(rest(&mut connection).await.starts_with("HTTP/1.1 200 "));
    app.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_disconnected() {
    let app = app().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut connection = socket.connect(app.address).await.unwrap();
    let request = head("GET", "/v3/api-docs", &[]);
    let asking = async { while connection.write_all(request.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(TIMEOUT, asking).await.expect("it may ask for ever");
    app.stop().await;
}
