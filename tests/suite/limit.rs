//! What a user, an address and a login may do within a time, and that a corrected clock changes none of it.

use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{START, Socket, TestApp, User, path};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const UPLOAD: &str = "/app-api/infra/file/upload";

/// Uploads a picture of so many bytes: HTTP status, code and `Retry-After`.
async fn upload(user: &User, bytes: usize) -> (StatusCode, i64, Option<i64>) {
    let content = [PNG, &vec![0; bytes - PNG.len()]].concat();
    let form = Form::new().part("file", Part::bytes(content).file_name("a.png"));
    let response = user.request(Method::POST, UPLOAD).multipart(form).send().await.unwrap();
    let (status, wait) = (response.status(), response.headers().get("retry-after").cloned());
    let answer: serde_json::Value = response.json().await.unwrap();
    (status, answer["code"].as_i64().unwrap(), wait.map(|wait| wait.to_str().unwrap().parse().unwrap()))
}

#[tokio::test]
async fn lists_and_marks_are_limited_per_user() {
    let app =
        TestApp::spawn_with(|settings| (settings.limits.calls_per_s, settings.limits.call_burst) = (Some(1), 4)).await;
    let (one, other) = (app.member(1001).await, app.member(1002).await);
    one.says("一").await;
    let id = one.own_conversation().await;
    for _ in 0..3 {
        one.get(path::MEMBER_LIST).await.ok();
    }
    let mark = format!("/app-api/promotion/kefu-message/update-read-status?conversationId={id}");
    for request in [one.request(Method::GET, path::MEMBER_LIST), one.request(Method::PUT, &mark)] {
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status(), &response.headers()["retry-after"]),
            (StatusCode::TOO_MANY_REQUESTS, &"1".parse().unwrap())
        );
    }
    one.says("二").await;
    other.get(path::MEMBER_LIST).await.ok();
    app.clock.advance(1000);
    one.get(path::MEMBER_LIST).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn replays_count_as_calls() {
    let app =
        TestApp::spawn_with(|settings| (settings.limits.calls_per_s, settings.limits.call_burst) = (Some(1), 3)).await;
    let member = app.member(1001).await;
    let resync = r#"{"type":"kefu_resync","content":{"afterSeq":0}}"#;
    let mut socket = member.socket("lastSeq=0").await;
    socket.events_until("kefu_resync_done").await;
    for _ in 0..2 {
        socket.send(resync).await;
        socket.events_until("kefu_resync_done").await;
    }
    socket.send(resync).await;
    assert_eq!(socket.expect("error").await["code"], 429);
    assert_eq!(app.handshake(&format!("token={}&lastSeq=0", member.access_token())).await, 429);
    assert_eq!(member.request(Method::GET, path::MEMBER_LIST).send().await.unwrap().status(), 429);
    member.socket("").await;
    app.clock.advance(1000);
    socket.send(resync).await;
    socket.events_until("kefu_resync_done").await;
    app.stop().await;
}

#[tokio::test]
async fn uploads_are_limited_per_user_by_number_and_by_bytes() {
    let app = TestApp::spawn_with(|settings| {
        settings.limits.uploads_per_minute = 3;
        settings.limits.upload_bytes_per_day = 100 * 1024;
        settings.auth.access_ttl_s = 7 * 24 * 3600;
    })
    .await;
    let (one, other) = (app.member(1001).await, app.member(1002).await);
    for _ in 0..3 {
        assert_eq!(upload(&one, 10_000).await.1, 0);
    }
    let (status, code, wait) = upload(&one, 10_000).await;
    assert_eq!((status, code, wait), (StatusCode::TOO_MANY_REQUESTS, 429, Some(20)));
    assert_eq!(upload(&other, 10_000).await.1, 0);

    app.clock.advance(60_000);
    let (status, code, wait) = upload(&one, 90_000).await;
    assert_eq!((status, code), (StatusCode::TOO_MANY_REQUESTS, 429), "some 70 kB are left");
    assert!((10_000..20_000).contains(&wait.unwrap()), "{wait:?}");
    assert_eq!(upload(&one, 60_000).await.1, 0, "what was refused was not counted");
    app.clock.advance(wait.unwrap() * 1000 + 24 * 3_600_000);
    assert_eq!(upload(&one, 90_000).await.1, 0);
    app.stop().await;
}

#[tokio::test]
async fn handshakes_are_limited_per_user_and_per_address() {
    let app = TestApp::spawn_with(|settings| {
        settings.server.trust_forwarded_for = true;
        settings.limits.handshakes_per_minute = Some(3);
        settings.limits.handshakes_per_minute_and_address = 8;
    })
    .await;
    let (one, other) = (app.member(1001).await, app.member(1002).await);
    let status = async |query: &str, address: &str| {
        let request = app.http.get(app.url(&format!("/infra/ws?{query}"))).header("x-forwarded-for", address);
        request.send().await.unwrap().status()
    };
    for _ in 0..3 {
        drop(one.socket("").await);
    }
    let token = |user: &User| format!("token={}", user.refresh_token());
    assert_eq!(app.handshake(&token(&one)).await, 429);
    assert_eq!(app.handshake(&token(&other)).await, 101);
    for _ in 0..8 {
        assert_eq!(status("token=bad", "198.51.100.7").await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(status("token=bad", "198.51.100.7").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status("token=bad", "198.51.100.8").await, StatusCode::UNAUTHORIZED);
    app.stop().await;
}

#[tokio::test]
async fn a_clock_that_was_hours_ahead_refuses_and_closes_nothing_once_it_is_corrected() {
    let app = TestApp::spawn_with(|settings| (settings.limits.sends_per_s, settings.limits.send_burst) = (1, 2)).await;
    app.clock.set(START + 8 * 3_600_000);
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let mut sockets = [member.socket("").await, owner.socket("").await];
    for _ in 0..2 {
        member.says("快").await;
    }
    owner.get(path::PERMISSION_INFO).await.ok();
    app.clock.correct(START);
    for _ in 0..3 {
        let refused = member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": "三"})).await;
        assert_eq!((refused.code, refused.status), (429, StatusCode::TOO_MANY_REQUESTS));
        app.clock.advance(1000);
        member.says("二").await;
    }
    owner.get(path::PERMISSION_INFO).await.ok();
    // Ahead by more than a token lives: the sockets stay, and so does what keeps them open.
    app.clock.correct(START + 40 * 24 * 3_600_000);
    for socket in &mut sockets {
        socket.send("ping").await;
        socket.events_so_far().await;
    }
    app.clock.correct(START);
    for socket in &mut sockets {
        assert_eq!(socket.events_so_far().await, []);
    }
    assert!(Socket::open(&app.socket_url(&format!("token={}", member.refresh_token()))).await.is_ok());
    app.stop().await;
}
