//! Clients that are slow, or stop: every request comes to its end, byte for byte.

use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Reply, TIMEOUT, TestApp, eventually, path};

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
    ] {
        let mut connection = send(&app, &(head(method, path, &headers) + body)).await;
        let answer = rest(&mut connection).await;
        let head = answer.split("\r\n\r\n").next().unwrap();
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("connection: close"), "{path} {headers:?}: {head}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_is_not_encoded_as_http_says_is_answered_400_whatever_its_handler_waits_for() {
    let app = app().await;
    let sends = format!("authorization: Bearer {}", app.member(1001).await.access_token());
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\ntext";
    let part = format!("{:x}\r\n{part}\r\n", part.len());
    for (path, headers, begin) in [
        // Its token is looked up when the body comes.
        (path::MEMBER_SEND, [JSON, &sends], "5\r\n{\"con\r\n"),
        (path::LOGIN, [JSON, "accept-language: zh"], "1\r\n{\r\n"),
        // It has begun to store, and has to take that back.
        ("/app-api/infra/file/upload", [FORM, &sends], &part),
    ] {
        for broken in
            ["zz\r\n", "-1\r\n", "\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "5\r\nhelloXX", ";\r\n"]
        {
            for pieces in [&[""][..], &["", begin], &[begin]] {
                let head = head("POST", path, &[headers[0], headers[1], CHUNKED]);
                let mut connection = TcpStream::connect(app.address).await.unwrap();
                // What has begun before the rest comes, and what comes at once.
                connection.write_all((head + pieces[0]).as_bytes()).await.unwrap();
                let rest_of = [&pieces[1..], &[broken]].concat().concat();
                connection.write_all(rest_of.as_bytes()).await.unwrap();
                let answer = rest(&mut connection).await;
                let (head, body) =
                    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{path} {broken}: no answer"));
                assert!(
                    head.starts_with("HTTP/1.1 400 ") && head.contains("connection: close"),
                    "{path} {broken}: {head}"
                );
                assert!(
                    head.contains("x-request-id: ") && body.starts_with(r#"{"code":400,"#),
                    "{path} {broken}: {answer}"
                );
            }
        }
    }
    assert_eq!(app.count("kefu_file").await + app.count("kefu_message").await, 0);
    eventually("what was stored is removed", async || {
        app.count("kefu_job WHERE kind = 'file.remove_unfinished'").await == 0
    })
    .await;
    app.stop().await;
}

#[tokio::test]
async fn a_head_that_begins_in_one_piece_with_what_was_before_has_to_come_in_time() {
    let app = app().await;
    let (get, login) = (head("GET", "/healthz", &[]), "{\"username\":\"a\",\"password\":\"b\"}");
    let length = format!("content-length: {}", login.len());
    let post = head("POST", path::LOGIN, &[JSON, &length]) + login;
    let chunked = format!("{}{:x}\r\n{login}\r\n0\r\n\r\n", head("POST", path::LOGIN, &[JSON, CHUNKED]), login.len());
    let answered = async |requests: &str, answers: usize| {
        let mut connection = send(&app, requests).await;
        let answer = rest(&mut connection).await;
        assert_eq!(answer.matches("HTTP/1.1 200 ").count(), answers, "{requests}: {answer}");
    };
    let (get, post, chunked) = (get.as_str(), post.as_str(), chunked.as_str());
    let cut = [
        ([get, "GET /he"].concat(), 1),
        ([get, "GET /healthz HTTP/1.1\r\nhost: k\r\n"].concat(), 1),
        ([get, get, get, "G"].concat(), 3),
        ([post, "POST /x HTTP/1.1\r\nhost: k\r\ncontent-le"].concat(), 1),
        ([chunked, "GET /"].concat(), 1),
        ([post, get, "GET /"].concat(), 2),
    ];
    futures_util::future::join_all(cut.iter().map(|(requests, answers)| answered(requests, *answers))).await;
    // Whole requests are followed by as long a rest as a client likes.
    for whole in [[get, get].concat(), post.to_owned(), chunked.to_owned(), [get, "\r\n"].concat()] {
        let mut connection = send(&app, &whole).await;
        let mut answers = Vec::new();
        let waited = tokio::time::timeout(Duration::from_secs(2), async {
            while connection.read_buf(&mut answers).await.unwrap() > 0 {}
        });
        waited.await.unwrap_err();
        connection.write_all(head("GET", "/healthz", &["connection: close"]).as_bytes()).await.unwrap();
        assert!(rest(&mut connection).await.starts_with("HTTP/1.1 200 "), "{whole}");
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

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_whatever_upgrade_was_asked_for() {
    let app = app().await;
    let member = app.member(1001).await;
    let picture = [&b"\x89PNG\r\n\x1a\n"[..], &vec![7; 12 * 1024 * 1024]].concat();
    let form = Form::new().part("file", Part::bytes(picture).file_name("a.png"));
    let upload = member.request(Method::POST, "/app-api/infra/file/upload").multipart(form);
    let url = Reply::read(upload.send().await.unwrap()).await.ok();
    let path = url.as_str().unwrap().strip_prefix(&app.url("")).unwrap().to_owned();
    for upgrade in
        [&[][..], &UPGRADE, &["connection: upgrade", "upgrade: h2c"], &["connection: upgrade", "upgrade: websocket, x"]]
    {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut connection = socket.connect(app.address).await.unwrap();
        connection.write_all(head("GET", &path, upgrade).as_bytes()).await.unwrap();
        let ends = async { while connection.write_all(&[b' '; 4096]).await.is_ok() {} };
        tokio::time::timeout(TIMEOUT, ends).await.unwrap_or_else(|_| panic!("it is held: {upgrade:?}"));
    }
    app.stop().await;
}
