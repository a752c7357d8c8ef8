//! Tokens that the integrator's own system signs for its members.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{START, TestApp, User, path};

const SHARED: &str = "a secret shared with the integrator";

async fn app() -> TestApp {
    TestApp::spawn_with(|settings| {
        settings.auth.member_token.secret = Some(SHARED.into());
        settings.auth.member_token.issuer = Some("shop".into());
        settings.auth.member_token.user_id_claim = "uid".into();
    })
    .await
}

fn claims() -> Value {
    json!({"iss": "shop", "uid": 247, "nickname": "小明", "avatar": "http://x/1.png", "exp": START / 1000 + 3600})
}

/// The claims with some of them changed.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}

fn member(app: &TestApp, claims: &Value) -> User {
    bearer(app, &signed(claims, Algorithm::HS256, SHARED))
}

fn bearer(app: &TestApp, token: &str) -> User {
    let tokens = json!({"userId": 1, "accessToken": token, "refreshToken": token, "expiresTime": 0});
    app.user_with(serde_json::from_value(tokens).unwrap())
}

#[tokio::test]
async fn a_member_is_made_at_the_first_call_and_renamed_by_a_later_token() {
    let app = app().await;
    let own = member(&app, &claims()).get(path::MEMBER_PROFILE).await.ok();
    assert_eq!(own, json!({"id": 247, "nickname": "小明", "avatar": "http://x/1.png"}));
    member(&app, &claims()).says("hi").await;
    let owner = app.owner().await;
    assert_eq!(owner.conversations().await[0]["userNickname"], "小明");

    let renamed = member(&app, &claims_with(json!({"nickname": "大明"})));
    assert_eq!(renamed.get(path::MEMBER_PROFILE).await.ok()["nickname"], "大明");
    assert_eq!(owner.conversations().await[0]["userNickname"], "大明");
    assert_eq!(app.count("kefu_member").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn an_id_that_is_no_number_gets_a_number_of_its_own() {
    let app = app().await;
    let own = member(&app, &claims_with(json!({"uid": "u-abc"}))).get(path::MEMBER_PROFILE).await.ok();
    assert!(own["id"].as_i64().is_some_and(|id| (1 << 52..1 << 53).contains(&id)), "{own}");
    let again = member(&app, &claims_with(json!({"uid": "u-abc"}))).get(path::MEMBER_PROFILE).await.ok();
    assert_eq!(again, own);
    app.stop().await;
}

#[tokio::test]
async fn the_tokens_tenant_decides() {
    let app = app().await;
    let member = member(&app, &claims_with(json!({"tenant_id": 2})));
    member.says("hi").await;
    assert_eq!(app.owner().await.conversations().await.len(), 0);
    assert_eq!(app.count("kefu_conversation WHERE tenant_id = 2").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_token_opens_rest_and_socket_until_it_expires() {
    let app = app().await;
    let member = member(&app, &claims());
    let mut socket = member.socket("").await;
    member.says("hi").await;
    socket.expect("kefu_message_type").await;
    app.clock.advance(3_600_000);
    member.get(path::MEMBER_PROFILE).await.fails(401, "账号未登录");
    assert!(socket.close_code().await.is_some());
    app.stop().await;
}

#[tokio::test]
async fn a_token_that_is_not_the_integrators_is_refused_and_makes_no_member() {
    let app = app().await;
    let none =
        format!("eyJhbGciOiJub25lIn0.{}.", signed(&claims(), Algorithm::HS256, SHARED).split('.').nth(1).unwrap());
    for (what, token) in [
        ("another key", signed(&claims(), Algorithm::HS256, "another secret of sufficient length!")),
        ("another algorithm", signed(&claims(), Algorithm::HS512, SHARED)),
        ("no signature", none),
        ("another issuer", signed(&claims_with(json!({"iss": "x"})), Algorithm::HS256, SHARED)),
        ("an audience", signed(&claims_with(json!({"aud": "x"})), Algorithm::HS256, SHARED)),
        ("no expiry", signed(&claims_with(json!({"exp": null})), Algorithm::HS256, SHARED)),
        ("expired", signed(&claims_with(json!({"exp": START / 1000})), Algorithm::HS256, SHARED)),
        ("not yet valid", signed(&claims_with(json!({"nbf": START / 1000 + 3600})), Algorithm::HS256, SHARED)),
        ("no user", signed(&claims_with(json!({"uid": null})), Algorithm::HS256, SHARED)),
        ("user 0", signed(&claims_with(json!({"uid": 0})), Algorithm::HS256, SHARED)),
    ] {
        let reply = bearer(&app, &token).get(path::MEMBER_PROFILE).await;
        assert_eq!((reply.code, reply.msg.as_str()), (401, "账号未登录"), "{what}");
    }
    assert_eq!(app.count("kefu_member").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_logout_refuses_the_token_from_then_on() {
    let app = app().await;
    let one = member(&app, &claims());
    let other = member(&app, &claims_with(json!({"jti": "other device"})));
    one.get(path::MEMBER_PROFILE).await.ok();
    User::send(one.request(reqwest::Method::POST, "/app-api/member/auth/logout")).await.ok();
    one.get(path::MEMBER_PROFILE).await.fails(401, "账号未登录");
    other.get(path::MEMBER_PROFILE).await.ok();
    app.stop().await;
}
