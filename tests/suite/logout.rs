//! What a logout ends: the login, and of the integrator's tokens all that were issued until then.

use jsonwebtoken::{EncodingKey, Header, encode};
use kefu::clock::Millis;
use kefu::testing::access::Role;
use reqwest::Method;
use serde_json::{Value, json};

use crate::job::runs;
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

const HOUR: Millis = 3_600_000;

#[tokio::test]
async fn a_logout_while_the_clock_is_ahead_does_not_outlast_the_correction() {
    let mut app = app().await;
    for is_down in [false, true] {
        let true_time = app.clock.now();
        let (then, later) = (true_time / 1000, true_time / 1000 + 1);
        let of = |app: &TestApp, sub: &str, claims: Value| {
            let mut all = json!({"sub": sub, "jti": is_down});
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            bearer(app, all)
        };
        let ended = [
            of(&app, "1", json!({"iat": then, "typ": "refresh"})),
            of(&app, "2", json!({"sid": "phone", "iat": then, "typ": "refresh"})),
        ];
        for token in &ended {
            assert!(!is_refused(token).await);
        }
        app.clock.correct(true_time + 8 * HOUR);
        log_out(&of(&app, "1", json!({"iat": then}))).await;
        log_out(&of(&app, "2", json!({"sid": "phone", "iat": then}))).await;
        if is_down {
            let clock = app.clock.clone();
            clock.correct(true_time);
            app = app.restart().await;
        } else {
            app.clock.correct(true_time);
        }
        let fresh = [of(&app, "1", json!({"iat": later})), of(&app, "2", json!({"sid": "phone", "iat": later}))];
        for token in &fresh {
            eventually("a token that was issued afterwards is good", async || !is_refused(token).await).await;
        }
        for token in &ended {
            assert!(is_refused(&token.at_node(&app)).await, "what had ended stays so");
        }
        app.clock.advance(120_000);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_logout_ends_the_other_token_whatever_the_clocks_say() {
    let app = app().await;
    // The integrator's clock is ahead, as far as it may be.
    for (member, claims) in [("11", json!({"iat": second(40)})), ("12", json!({"iat": second(40), "sid": "phone"}))] {
        let of = |kind: &str| {
            let mut all = json!({"sub": member, "typ": kind});
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            bearer(&app, all)
        };
        let (access, refresh) = (of("access"), of("refresh"));
        let mut socket = refresh.socket("").await;
        log_out(&access).await;
        assert_eq!(socket.close_code().await, LOGGED_OUT);
        assert!(is_refused(&refresh).await);
    }
    // The access token has just expired.
    for (member, claims) in [("21", json!({"iat": second(0)})), ("22", json!({"sid": "phone"})), ("23", json!({}))] {
        let of = |exp: Millis| {
            let mut all = json!({"sub": member, "exp": exp});
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            bearer(&app, all)
        };
        let (access, refresh) = (of(app.clock.now() / 1000 + 2), of(second(86_400)));
        assert!(!is_refused(&access).await);
        let mut socket = refresh.socket("").await;
        app.clock.advance(3_000);
        log_out(&access).await;
        assert_eq!(socket.close_code().await, LOGGED_OUT, "{claims}");
        assert!(is_refused(&refresh).await);
        // It says nothing any more of what comes after it.
        let again = bearer(&app, json!({"sub": member, "iat": app.clock.now() / 1000 + 1, "sid": "phone"}));
        assert!(!is_refused(&again).await);
        log_out(&access).await;
        assert!(!is_refused(&again).await);
    }
    // This clock is behind, and the tokens do not say when they were issued, or do.
    for (member, claims) in [("31", json!({})), ("32", json!({"iat": app.clock.now() / 1000}))] {
        let of = |kind: &str| {
            let mut all = json!({"sub": member, "typ": kind});
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            bearer(&app, all)
        };
        let (access, refresh) = (of("access"), of("refresh"));
        let mut socket = refresh.socket("").await;
        assert!(!is_refused(&access).await);
        let true_time = app.clock.now();
        app.clock.correct(true_time - 8 * HOUR);
        log_out(&access).await;
        assert_eq!(socket.close_code().await, LOGGED_OUT);
        app.clock.correct(true_time);
        assert!(is_refused(&access).await && is_refused(&refresh).await, "{claims}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_start_with_a_clock_that_is_ahead_deletes_nothing() {
    let app = app().await;
    app.admin("red", Role::Agent).await;
    let tokens =
        ["access", "refresh"].map(|kind| json!({"sid": "phone", "typ": kind, "exp": second(3 * 365 * 86_400)}));
    let [access, refresh] = tokens.map(|claims| bearer(&app, claims));
    assert!(!is_refused(&refresh).await);
    log_out(&access).await;
    let (logins, revocations) = (app.count("kefu_login").await, app.count("kefu_revocation").await);
    let clock = app.clock.clone();
    clock.correct(START + 500 * 24 * HOUR);
    let app = app.restart().await;
    eventually("the run of the start", async || runs(&app, "auth.delete_expired", "done").await == 1).await;
    clock.advance(HOUR / 2);
    clock.correct(START + HOUR / 2);
    clock.advance(2 * HOUR);
    assert!(is_refused(&refresh.at_node(&app)).await);
    assert_eq!((app.count("kefu_login").await, app.count("kefu_revocation").await), (logins, revocations));
    app.stop().await;
}
