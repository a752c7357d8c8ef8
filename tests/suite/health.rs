//! What operators look at, and what every answer carries.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, User, http_client, path, text};

#[tokio::test]
async fn health_and_readiness_say_ok_without_a_token() {
    let app = TestApp::spawn().await;
    let get = async |path: &str| {
        let response = app.anonymous().request(Method::GET, path).send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(get("/healthz").await, (StatusCode::OK, json!({"status": "ok"})));
    let ready = json!({"status": "ok", "database": "ok", "write_queue": "ok", "process": "ok", "relay": "ok"});
    assert_eq!(get("/readyz").await, (StatusCode::OK, ready));
    app.stop().await;
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let mut socket = owner.socket("").await;
    member.says("hi").await;
    let repeated = json!({"contentType": 1, "content": text("hi"), "clientMessageId": "m"});
    member.post(path::MEMBER_SEND, repeated.clone()).await.ok();
    member.post(path::MEMBER_SEND, repeated).await.ok();
    owner.answers(member.own_conversation().await, "hi").await;
    member.get("/unknown").await.fails(404, "请求未找到");
    owner.get(&format!("{}?conversationId=99", path::ADMIN_LIST)).await;
    socket.events_so_far().await;

    let response = app.anonymous().request(Method::GET, "/metrics").send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let metrics = response.text().await.unwrap();
    for line in [
        "kefu_sends_total{user_type=\"member\",outcome=\"stored\"} 2",
        "kefu_sends_total{user_type=\"member\",outcome=\"repeated\"} 1",
        "kefu_sends_total{user_type=\"admin\",outcome=\"stored\"} 1",
        "kefu_sockets{user_type=\"admin\"} 1",
        "kefu_sockets{user_type=\"member\"} 0",
        "kefu_write_queue_depth 0",
        // Four commands, one after the other.
        "kefu_write_batch_size_count 4",
        "kefu_commit_seconds_count 4",
        "kefu_http_request_seconds_count{route=\"/app-api/promotion/kefu-message/send\",method=\"POST\"} 3",
        "kefu_slow_closes_total 0",
        "kefu_http_requests_total{route=\"/app-api/promotion/kefu-message/send\",method=\"POST\",code=\"0\"} 3",
        "kefu_http_requests_total{route=\"unmatched\",method=\"GET\",code=\"404\"} 1",
        "kefu_http_requests_total{route=\"/admin-api/promotion/kefu-message/list\",method=\"GET\",code=\"1013019000\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    app.stop().await;
}

#[tokio::test]
async fn every_answer_has_security_headers_and_an_id() {
    let app = TestApp::spawn().await;
    for path in ["/healthz", "/unknown", path::MEMBER_LIST, "/swagger-ui/", "/v3/api-docs"] {
        let response = app.anonymous().request(Method::GET, path).send().await.unwrap();
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert!(headers.contains_key("cache-control") && headers.contains_key("x-request-id"), "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_plain_request_id_is_echoed_and_another_replaced() {
    let app = TestApp::spawn().await;
    let echoed = async |id: &str| {
        let request = app.anonymous().request(Method::GET, "/healthz").header("x-request-id", id);
        request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(echoed("Proxy-1_a.b").await, "Proxy-1_a.b");
    for id in ["two words", "<script>", &"x".repeat(65), ""] {
        let made = echoed(id).await;
        assert!(made != id && made.len() == 16, "{made}");
    }
    assert_ne!(echoed("").await, echoed("").await);
    app.stop().await;
}

#[tokio::test]
async fn a_user_who_sends_too_fast_is_told_when_to_go_on() {
    let app = TestApp::spawn_with(|settings| (settings.limits.sends_per_s, settings.limits.send_burst) = (1, 3)).await;
    let (member, other) = (app.member(1001).await, app.member(1002).await);
    for _ in 0..3 {
        member.says("hi").await;
    }
    let body = json!({"contentType": 1, "content": text("hi")});
    let response = member.request(Method::POST, path::MEMBER_SEND).json(&body).send().await.unwrap();
    let wait: i64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let refused = Reply::read(response).await;
    assert_eq!((refused.status, refused.code), (StatusCode::TOO_MANY_REQUESTS, 429));
    assert_eq!((refused.msg.as_str(), refused.data), ("请求过于频繁，请稍后重试", Value::Null));
    let english = member.request(Method::POST, path::MEMBER_SEND).header("accept-language", "en").json(&body);
    assert_eq!(User::send(english).await.msg, "too many requests, try again later");
    assert_eq!(member.own_messages("").await.len(), 3);
    other.says("nobody else is held up").await;
    app.clock.advance(wait * 1000);
    member.says("hi").await;
    app.stop().await;
}

#[tokio::test]
async fn a_stop_answers_whoever_is_connected_and_sends_them_elsewhere() {
    let app = TestApp::spawn().await;
    let url = app.url("/healthz");
    // Whether the answer ends the connection.
    let ask = async |client: &reqwest::Client| {
        let answer = client.get(&url).send().await.expect("whoever is connected is answered");
        assert_eq!(answer.status(), StatusCode::OK);
        let ends = answer.headers().get("connection").is_some_and(|value| value == "close");
        drop(answer.bytes().await.unwrap());
        ends
    };
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(http_client().build().unwrap());
        assert!(!ask(idle.last().unwrap()).await);
    }
    let busy = idle.pop().unwrap();
    let visits = async {
        while !ask(&busy).await {}
        let last = join_all(idle.iter().map(&ask)).await;
        assert_eq!(last, [true, true], "the last answer on a connection says so");
    };
    tokio::join!(app.stop(), visits);
}

#[tokio::test]
async fn head_is_answered_as_get_without_the_body() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89".to_vec();
    let part = reqwest::multipart::Part::bytes(png).file_name("a.png");
    let upload = member
        .request(Method::POST, "/app-api/infra/file/upload")
        .multipart(reqwest::multipart::Form::new().part("file", part));
    let file = User::send(upload).await.ok().as_str().unwrap().to_owned();
    let file = file.split_once(&app.address.to_string()).unwrap().1.to_owned();
    let document = crate::support::document();
    let listed = document["paths"].as_object().unwrap().iter();
    let gets = listed.filter(|(_, methods)| methods.get("get").is_some()).map(|(path, _)| path.as_str());
    // Those whose numbers change by asking.
    let gets = gets.filter(|path| !["/metrics", "/infra/ws"].contains(path));
    for path in
        gets.chain([file.as_str(), "/swagger-ui/", "/swagger-ui", "/v3/api-docs", "/unknown", path::MEMBER_SEND])
    {
        let ask = async |method| {
            let request = member.request(method, path).header("accept", "application/json");
            let response = request.send().await.unwrap();
            let mut headers = response.headers().clone();
            headers.remove("x-request-id");
            headers.remove("date");
            (response.status(), headers, response.bytes().await.unwrap().len())
        };
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!((&get.0, &get.1), (&head.0, &head.1), "{path}");
        assert_eq!(head.2, 0, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_root_leads_browsers_on_and_is_unknown_to_others() {
    let app = TestApp::spawn().await;
    let http = http_client().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for method in [Method::GET, Method::HEAD] {
        let browser = http.request(method, app.url("/")).header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        let response = browser.send().await.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["location"]), (302, &"/console/".parse().unwrap()));
    }
    app.anonymous().get("/").await.fails(404, "请求未找到");
    app.stop().await;
}

#[tokio::test]
async fn metrics_come_in_the_format_that_is_asked_for() {
    let app = TestApp::spawn().await;
    for (accept, kind) in [("text/plain", "text/plain; version=0.0.4"), ("*/*", "application/openmetrics-text")] {
        let request = app.anonymous().request(Method::GET, "/metrics").header("accept", accept);
        let response = request.send().await.unwrap();
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(kind), "{accept}");
        assert_eq!(response.text().await.unwrap().ends_with("# EOF\n"), accept == "*/*");
    }
    app.stop().await;
}
