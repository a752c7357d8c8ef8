//! Browsers of other origins (docs/contract.md#cors).

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use crate::support::{TestApp, path};

const SHOP: &str = "https://shop.example";

async fn app() -> TestApp {
    TestApp::spawn_with(|settings| settings.server.cors_origins = vec![SHOP.into(), "https://admin.example".into()])
        .await
}

async fn preflight(app: &TestApp, origin: &str, path: &str, method: &str, headers: &str) -> (StatusCode, HeaderMap) {
    let mut request = app
        .anonymous()
        .request(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method);
    if !headers.is_empty() {
        request = request.header("access-control-request-headers", headers);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.headers().clone())
}

#[tokio::test]
async fn the_stock_clients_preflights_are_allowed_and_their_headers_echoed() {
    let app = app().await;
    for (path, method, headers) in [
        (path::CONVERSATIONS, "GET", "authorization,cache-control,pragma,tenant-id,visit-tenant-id"),
        (path::ADMIN_SEND, "POST", "authorization,content-type"),
        (path::PIN, "PUT", "authorization,content-type"),
        (path::DELETE, "DELETE", "authorization"),
        (path::LOGIN, "POST", "content-type"),
        (path::MEMBER_LIST, "GET", "authorization,content-type,platform,tenant-id,terminal"),
        ("/app-api/infra/file/upload", "POST", "authorization,tenant-id"),
        ("/admin-api/system/auth/refresh-token", "POST", "tenant-id"),
    ] {
        let (status, answer) = preflight(&app, SHOP, path, method, headers).await;
        assert!(status.is_success(), "{method} {path} {status}");
        assert_eq!(answer["access-control-allow-origin"], SHOP);
        let allowed = |name: &str| {
            let listed = answer[name].to_str().unwrap().to_ascii_lowercase();
            listed.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>()
        };
        assert!(allowed("access-control-allow-methods").contains(&method.to_ascii_lowercase()), "{answer:?}");
        let echoed = allowed("access-control-allow-headers");
        assert!(headers.split(',').all(|header| echoed.iter().any(|found| found == header)), "{headers}: {echoed:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn answers_carry_the_origin_whether_they_succeed_or_fail() {
    let app = app().await;
    let member = app.member(1001).await;
    let member_and_path = [
        (&member, path::MEMBER_LIST, 200),
        (&member, "/app-api/promotion/kefu-message/list?limit=0", 200),
        (&member, path::CONVERSATIONS, 200),
        (&member, "/unknown", 200),
        (&app.anonymous(), path::MEMBER_LIST, 200),
    ];
    for (user, path, status) in member_and_path {
        let response = user.request(Method::GET, path).header("origin", SHOP).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["access-control-allow-origin"]),
            (status, &SHOP.parse().unwrap())
        );
        assert!(response.headers()["vary"].to_str().unwrap().to_ascii_lowercase().contains("origin"));
    }
    app.stop().await;
}

#[tokio::test]
async fn an_answer_with_a_status_of_its_own_carries_the_origin_too() {
    let app = TestApp::spawn_with(|settings| {
        settings.server.cors_origins = vec![SHOP.into()];
        (settings.limits.sends_per_s, settings.limits.send_burst) = (1, 1);
    })
    .await;
    let member = app.member(1001).await;
    member.says("hi").await;
    let body = serde_json::json!({"contentType": 1, "content": "hi"});
    let request = member.request(Method::POST, path::MEMBER_SEND).header("origin", SHOP).json(&body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers()["access-control-allow-origin"], SHOP);
    app.stop().await;
}

#[tokio::test]
async fn other_origins_are_not_allowed() {
    let app = app().await;
    let (_, answer) = preflight(&app, "https://evil.example", path::LOGIN, "POST", "content-type").await;
    assert!(!answer.contains_key("access-control-allow-origin"), "{answer:?}");
    let request = app.anonymous().request(Method::GET, "/healthz").header("origin", "https://evil.example");
    assert!(!request.send().await.unwrap().headers().contains_key("access-control-allow-origin"));
    app.stop().await;
}

#[tokio::test]
async fn by_default_no_other_origin_is_allowed_and_the_services_own_pages_work() {
    let app = TestApp::spawn().await;
    let (_, answer) = preflight(&app, SHOP, path::LOGIN, "POST", "content-type").await;
    assert!(!answer.contains_key("access-control-allow-origin"), "{answer:?}");
    // Browsers send Origin with their own pages' POSTs as well.
    let own = format!("http://{}", app.address);
    let body = serde_json::json!({"contentType": 1, "content": "hi"});
    let member = app.member(1001).await;
    let request = member.request(Method::POST, path::MEMBER_SEND).header("origin", own).json(&body);
    crate::support::User::send(request).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn an_asterisk_allows_every_origin() {
    let app = TestApp::spawn_with(|settings| settings.server.cors_origins = vec!["*".into()]).await;
    let (status, answer) = preflight(&app, "https://any.example", path::MEMBER_LIST, "GET", "authorization").await;
    assert!(status.is_success());
    assert!(["*", "https://any.example"].map(|o| o.parse().unwrap()).contains(&answer["access-control-allow-origin"]));
    assert!(answer["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    app.stop().await;
}

#[tokio::test]
async fn an_asterisk_before_a_domain_allows_its_subdomains() {
    let app =
        TestApp::spawn_with(|settings| settings.server.cors_origins = vec!["https://*.shop.example".into()]).await;
    for (origin, allowed) in [
        ("https://www.shop.example", true),
        ("https://a.b.shop.example", true),
        ("https://shop.example", false),
        ("http://www.shop.example", false),
        ("https://www.shop.example:8443", false),
        ("https://www.shop.example.evil.example", false),
        ("https://evilshop.example", false),
        ("https://.shop.example", false),
    ] {
        let (_, answer) = preflight(&app, origin, path::LOGIN, "POST", "content-type").await;
        let echoed = answer.get("access-control-allow-origin").is_some_and(|echoed| echoed == origin);
        assert_eq!(echoed, allowed, "{origin}: {answer:?}");
    }
    app.stop().await;
}
