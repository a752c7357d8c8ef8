//! What a logout ends: the login, and of the integrator's tokens all that were issued until then.

use jsonwebtoken::{EncodingKey, Header, encode};
use kefu::clock::Millis;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{START, TestApp, User, eventually, path};

const SHARED: &str = "a secret shared with the integrator";
const LOGOUT: &str = "/app-api/member/auth/logout";
/// The login was ended.
const LOGGED_OUT: Option<u16> = Some(4002);

async fn app() -> TestApp {
    TestApp::spawn_with(|settings| settings.auth.member_token.secret = Some(SHARED.into())).await
}

/// A member who comes with a token of these claims, valid for a month.
fn bearer(app: &TestApp, claims: Value) -> User {
    let mut all = json!({"sub": "247", "nickname": "小明", "exp": START / 1000 + 30 * 86_400});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let token = encode(&Header::default(), &all, &EncodingKey::from_secret(SHARED.as_bytes())).unwrap();
    let tokens = json!({"userId": 247, "accessToken": token, "refreshToken": token, "expiresTime": 0});
    app.user_with(serde_json::from_value(tokens).unwrap())
}

/// Seconds since the tests' beginning, as a claim.
fn second(seconds: Millis) -> Millis {
    START / 1000 + seconds
}

async fn log_out(user: &User) {
    assert_eq!(User::send(user.request(Method::POST, LOGOUT)).await.ok(), json!(true));
}

async fn is_refused(user: &User) -> bool {
    match user.get(path::MEMBER_PROFILE).await.code {
        0 => false,
        401 => true,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_logout_ends_every_token_that_was_issued_until_its_second() {
    let app = app().await;
    app.clock.advance(5_500);
    let access = bearer(&app, json!({"iat": second(0)}));
    let refresh = bearer(&app, json!({"iat": second(1)}));
    let same_second = bearer(&app, json!({"iat": second(5)}));
    let stranger = bearer(&app, json!({"sub": "248", "iat": second(0)}));
    access.says("hi").await;
    let (mut one, mut other, mut strangers) =
        (access.socket("").await, refresh.socket("").await, stranger.socket("").await);
    log_out(&access).await;
    assert_eq!((one.close_code().await, other.close_code().await), (LOGGED_OUT, LOGGED_OUT));
    for ended in [&access, &refresh, &same_second] {
        assert!(is_refused(ended).await);
        assert_eq!(app.handshake(&format!("token={}", ended.access_token())).await, 401);
    }
    let later = bearer(&app, json!({"iat": second(6)}));
    assert!(!is_refused(&later).await);
    assert!(!is_refused(&stranger).await);
    assert!(strangers.events_so_far().await.is_empty(), "another member's socket stays");
    // A logout is for good.
    let app = app.restart().await;
    assert!(is_refused(&refresh.at_node(&app)).await && !is_refused(&later.at_node(&app)).await);
    app.stop().await;
}

#[tokio::test]
async fn a_token_that_does_not_say_when_counts_from_its_first_use() {
    let app = app().await;
    let access = bearer(&app, json!({"jti": "access"}));
    let refresh = bearer(&app, json!({"jti": "refresh"}));
    let mut socket = refresh.socket("").await;
    assert!(!is_refused(&access).await);
    assert_eq!(app.count("kefu_member_token").await, 2);
    app.clock.advance(10_000);
    // Each token costs one row, however often it comes.
    assert!(!is_refused(&refresh).await);
    assert_eq!(app.count("kefu_member_token").await, 2);
    log_out(&access).await;
    assert_eq!(socket.close_code().await, LOGGED_OUT);
    assert!(is_refused(&refresh).await);
    app.clock.advance(1);
    let again = bearer(&app, json!({"jti": "after the logout"}));
    assert!(!is_refused(&again).await);
    // Restarts and other nodes agree.
    let app = app.restart().await;
    assert!(is_refused(&refresh.at_node(&app)).await && !is_refused(&again.at_node(&app)).await);
    app.clock.advance(31 * 86_400_000);
    eventually("expired tokens are forgotten", async || app.count("kefu_member_token").await == 0).await;
    app.stop().await;
}

#[tokio::test]
async fn a_session_ends_alone() {
    let app = app().await;
    let phone = [bearer(&app, json!({"sid": "phone", "typ": "access"})), bearer(&app, json!({"sid": "phone"}))];
    let desk = bearer(&app, json!({"sid": "desk"}));
    let unnamed = bearer(&app, json!({"iat": second(0)}));
    let (mut own, mut others) = (phone[1].socket("").await, desk.socket("").await);
    log_out(&phone[0]).await;
    assert_eq!(own.close_code().await, LOGGED_OUT);
    assert!(is_refused(&phone[0]).await && is_refused(&phone[1]).await);
    assert!(is_refused(&bearer(&app, json!({"sid": "phone", "typ": "not seen before"}))).await);
    assert!(!is_refused(&desk).await && !is_refused(&unnamed).await);
    assert!(others.events_so_far().await.is_empty());
    assert!(!is_refused(&bearer(&app, json!({"sub": "248", "sid": "phone"}))).await, "of another member");
    app.clock.advance(1_000);
    assert!(!is_refused(&bearer(&app, json!({"sid": "phone", "iat": second(1)}))).await, "issued afterwards");
    // Without a session, all end.
    log_out(&unnamed).await;
    assert!(is_refused(&desk).await);
    app.stop().await;
}

#[tokio::test]
async fn other_nodes_close_the_sockets_too() {
    let app = app().await;
    let node = app.another_node(|_| {}).await;
    let refresh = bearer(&app, json!({"iat": second(0), "typ": "refresh"}));
    let mut socket = refresh.at_node(&node).socket("").await;
    assert!(!is_refused(&refresh.at_node(&node)).await);
    log_out(&bearer(&app, json!({"iat": second(0)}))).await;
    assert_eq!(socket.close_code().await, LOGGED_OUT);
    eventually("the other node refuses the token", async || is_refused(&refresh.at_node(&node)).await).await;
    node.stop().await;
    app.stop().await;
}
