//! Logins of admins and tokens of both sides (docs/contract.md#auth).

use kefu::testing::access::Role;
use kefu::testing::auth::Tokens;
use kefu::testing::auth::admin;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Reply, START, TENANT, TestApp, User, path};

const REFRESH: &str = "/admin-api/system/auth/refresh-token";
const LOGOUT: &str = "/admin-api/system/auth/logout";
const MEMBER_REFRESH: &str = "/app-api/member/auth/refresh-token";
const MEMBER_LOGOUT: &str = "/app-api/member/auth/logout";

async fn log_in(app: &TestApp, username: &str, password: &str) -> Reply {
    // What the stock console sends.
    let body = json!({"tenantName": "芋道源码", "username": username, "password": password, "rememberMe": true});
    app.anonymous().post(path::LOGIN, body).await
}

async fn refresh(app: &TestApp, path: &str, token: &str) -> Reply {
    User::send(app.anonymous().request(Method::POST, &format!("{path}?refreshToken={token}"))).await
}

fn tokens(data: Value) -> Tokens {
    serde_json::from_value(data).unwrap()
}

async fn assert_logged_in(admin: &User, expected: bool) {
    let reply = admin.get(path::PERMISSION_INFO).await;
    if expected {
        reply.ok();
    } else {
        reply.fails(401, "账号未登录");
    }
}

#[tokio::test]
async fn an_admin_logs_in_and_calls_with_the_token() {
    let app = TestApp::spawn().await;
    let id = app.admin("xiaohong", Role::Agent).await.id();
    let answer = log_in(&app, "xiaohong", "password-of-xiaohong").await.ok();
    assert_eq!((&answer["userId"], &answer["expiresTime"]), (&json!(id), &json!(START + 1_800_000)));
    let admin = app.user_with(tokens(answer));
    let info = admin.get(path::PERMISSION_INFO).await.ok();
    let user = json!({"id": id, "nickname": "客服xiaohong", "avatar": "", "deptId": null, "username": "xiaohong",
        "email": ""});
    assert_eq!(info["user"], user);
    assert_eq!(info["roles"], json!(["agent"]));
    let permissions: Vec<&str> = Role::Agent.permissions().map(kefu::testing::access::Permission::as_str).collect();
    assert_eq!(info["permissions"], json!(permissions));
    assert_eq!(info["menus"][0]["children"][0]["component"], "mall/promotion/kefu/index");
    app.stop().await;
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_one_answer() {
    let app = TestApp::spawn().await;
    app.admin("xiaohong", Role::Agent).await;
    log_in(&app, "xiaohong", "wrong").await.fails(1_002_000_000, "登录失败，账号密码不正确");
    log_in(&app, "nobody", "wrong").await.fails(1_002_000_000, "登录失败，账号密码不正确");
    app.stop().await;
}

#[tokio::test]
async fn a_disabled_admin_neither_logs_in_nor_goes_on() {
    let app = TestApp::spawn().await;
    let admin = app.admin("xiaohong", Role::Agent).await;
    assert_logged_in(&admin, true).await;
    // As the command line does it, in another process.
    admin::set_enabled(&app.db, &app.clock, TENANT, "xiaohong", false).await.unwrap();
    // The server believes a token that it has just checked for five seconds.
    app.clock.advance(5000);
    assert_logged_in(&admin, false).await;
    log_in(&app, "xiaohong", "password-of-xiaohong").await.fails(1_002_000_001, "登录失败，账号被禁用");
    refresh(&app, REFRESH, admin.refresh_token()).await.fails(400, "无效的刷新令牌");

    admin::set_enabled(&app.db, &app.clock, TENANT, "xiaohong", true).await.unwrap();
    assert_logged_in(&admin, false).await;
    log_in(&app, "xiaohong", "password-of-xiaohong").await.ok();
    app.stop().await;
}

#[tokio::test]
async fn a_new_password_ends_every_login() {
    let app = TestApp::spawn().await;
    let admin = app.admin("xiaohong", Role::Agent).await;
    assert_logged_in(&admin, true).await;
    admin::set_password(&app.db, &app.clock, TENANT, "xiaohong", "another password").await.unwrap();
    app.clock.advance(5000);
    assert_logged_in(&admin, false).await;
    log_in(&app, "xiaohong", "password-of-xiaohong").await.fails(1_002_000_000, "登录失败，账号密码不正确");
    log_in(&app, "xiaohong", "another password").await.ok();
    app.stop().await;
}

#[tokio::test]
async fn too_many_failures_lock_one_account_for_a_while() {
    let app = TestApp::spawn_with(|settings| settings.limits.login_failures_per_account = 2).await;
    app.admin("xiaohong", Role::Agent).await;
    app.admin("xiaoming", Role::Agent).await;
    for _ in 0..2 {
        log_in(&app, "xiaohong", "wrong").await.fails(1_002_000_000, "登录失败，账号密码不正确");
    }
    let body = json!({"username": "xiaohong", "password": "password-of-xiaohong"});
    let response = app.anonymous().request(Method::POST, path::LOGIN).json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "the stock console's form loses the text otherwise");
    let wait: i64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let refused = Reply::read(response).await;
    assert_eq!((refused.code, refused.msg.as_str()), (429, "请求过于频繁，请稍后重试"));
    log_in(&app, "xiaoming", "password-of-xiaoming").await.ok();
    app.clock.advance(wait * 1000);
    log_in(&app, "xiaohong", "password-of-xiaohong").await.ok();
    app.stop().await;
}

#[tokio::test]
async fn too_many_failures_lock_one_address_for_a_while_whatever_the_names() {
    let app = TestApp::spawn_with(|settings| settings.limits.login_failures_per_address = 3).await;
    app.admin("xiaohong", Role::Agent).await;
    for name in ["nobody", "somebody", "anybody"] {
        log_in(&app, name, "wrong").await.fails(1_002_000_000, "登录失败，账号密码不正确");
    }
    let refused = log_in(&app, "xiaohong", "password-of-xiaohong").await;
    assert_eq!((refused.status, refused.code), (StatusCode::OK, 429));
    app.clock.advance(60_000);
    log_in(&app, "xiaohong", "password-of-xiaohong").await.ok();
    app.stop().await;
}

#[tokio::test]
async fn a_stranger_does_not_lock_the_owner_of_the_account_out() {
    let app = TestApp::spawn_with(|settings| {
        settings.server.trust_forwarded_for = true;
        settings.limits.login_failures_per_account = 3;
        settings.limits.login_failures_per_account_in_all = 5;
    })
    .await;
    app.admin("xiaohong", Role::Agent).await;
    let from = async |address: &str, password: &str| {
        let body = json!({"username": "xiaohong", "password": password});
        let request = app.anonymous().request(Method::POST, path::LOGIN).header("x-forwarded-for", address).json(&body);
        User::send(request).await.code
    };
    for (address, tries) in [("203.0.113.1", 3), ("203.0.113.2", 2)] {
        for _ in 0..tries {
            assert_eq!(from(address, "wrong").await, 1_002_000_000);
        }
        assert_eq!(from(address, "wrong").await, 429);
    }
    // Both counts are used up; the owner comes from where nobody has failed, mistypes, and comes back.
    assert_eq!(from("198.51.100.7", "password-of-xiaohong").await, 0);
    for _ in 0..2 {
        assert_eq!(from("198.51.100.7", "mistyped").await, 1_002_000_000);
    }
    assert_eq!(from("198.51.100.7", "password-of-xiaohong").await, 0);
    assert_eq!(from("203.0.113.3", "wrong").await, 1_002_000_000, "the first try of a third address");
    assert_eq!(from("203.0.113.3", "wrong").await, 429);
    assert_eq!(from("203.0.113.1", "password-of-xiaohong").await, 429);
    app.stop().await;
}

#[tokio::test]
async fn a_storm_of_refreshes_is_stopped_for_its_login_alone() {
    let app = TestApp::spawn_with(|settings| settings.limits.refreshes_per_minute = 3).await;
    let (one, same, other) = (app.owner().await, app.owner().await, app.member(1001).await);
    for _ in 0..3 {
        refresh(&app, REFRESH, one.refresh_token()).await.ok();
    }
    let refused = refresh(&app, REFRESH, one.refresh_token()).await;
    assert_eq!((refused.status, refused.code, refused.data), (StatusCode::OK, 429, serde_json::Value::Null));
    refresh(&app, REFRESH, same.refresh_token()).await.ok();
    refresh(&app, MEMBER_REFRESH, other.refresh_token()).await.ok();
    app.clock.advance(20_000);
    refresh(&app, REFRESH, one.refresh_token()).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn an_access_token_ends_with_its_time_and_a_refresh_gives_another() {
    let app = TestApp::spawn().await;
    let (admin, member) = (app.owner().await, app.member(1001).await);
    app.clock.advance(1_799_999);
    assert_logged_in(&admin, true).await;
    app.clock.advance(1);
    assert_logged_in(&admin, false).await;
    for (user, path, own) in [(&admin, REFRESH, path::PERMISSION_INFO), (&member, MEMBER_REFRESH, path::MEMBER_PROFILE)]
    {
        // The stock member client still sends its dead token here.
        let request = user.request(Method::POST, &format!("{path}?refreshToken={}", user.refresh_token()));
        let fresh = tokens(User::send(request).await.ok());
        assert_eq!(fresh.expires_time, START + 3_600_000);
        assert_eq!(fresh.refresh_token, user.refresh_token(), "a refresh does not rotate");
        app.user_with(fresh).get(own).await.ok();
    }
    app.stop().await;
}

#[tokio::test]
async fn a_refresh_token_that_is_wrong_or_expired_says_so() {
    let app = TestApp::spawn().await;
    let (admin, member) = (app.owner().await, app.member(1001).await);
    for token in ["garbage", admin.access_token(), member.refresh_token()] {
        refresh(&app, REFRESH, token).await.fails(400, "无效的刷新令牌");
    }
    refresh(&app, MEMBER_REFRESH, admin.refresh_token()).await.fails(400, "无效的刷新令牌");
    refresh(&app, REFRESH, "").await.fails(400, "请求参数缺失:refreshToken");
    app.clock.advance(30 * 24 * 3_600_000);
    refresh(&app, REFRESH, admin.refresh_token()).await.fails(401, "刷新令牌已过期");
    app.stop().await;
}

#[tokio::test]
async fn with_rotation_a_refresh_token_that_comes_back_ends_its_login() {
    let app = TestApp::spawn_with(|settings| settings.auth.rotate_refresh_tokens = true).await;
    let (first, other) = (app.owner().await, app.owner().await);
    let second = app.user_with(tokens(refresh(&app, REFRESH, first.refresh_token()).await.ok()));
    assert_ne!(second.refresh_token(), first.refresh_token());
    assert_logged_in(&second, true).await;
    refresh(&app, REFRESH, first.refresh_token()).await.fails(400, "无效的刷新令牌");
    assert_logged_in(&second, false).await;
    refresh(&app, REFRESH, second.refresh_token()).await.fails(400, "无效的刷新令牌");
    assert_logged_in(&other, true).await;
    app.stop().await;
}

#[tokio::test]
async fn a_logout_ends_its_login_at_once_and_no_other() {
    let app = TestApp::spawn().await;
    for (one, other, logout, refresh_path, own) in [
        (app.owner().await, app.owner().await, LOGOUT, REFRESH, path::PERMISSION_INFO),
        (app.member(1001).await, app.member(1001).await, MEMBER_LOGOUT, MEMBER_REFRESH, path::MEMBER_PROFILE),
    ] {
        one.get(own).await.ok();
        assert_eq!(User::send(one.request(Method::POST, logout)).await.ok(), json!(true));
        one.get(own).await.fails(401, "账号未登录");
        refresh(&app, refresh_path, one.refresh_token()).await.fails(400, "无效的刷新令牌");
        other.get(own).await.ok();
        // Whoever is logged out already is told that it is done.
        assert_eq!(User::send(one.request(Method::POST, logout)).await.ok(), json!(true));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_token_is_understood_with_and_without_bearer_and_only_in_the_header() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let token = member.access_token();
    for value in [token.to_owned(), format!("Bearer {token}"), format!("bearer {token}")] {
        let request = app.anonymous().request(Method::GET, path::MEMBER_PROFILE).header("authorization", value);
        User::send(request).await.ok();
    }
    let in_query = app.anonymous().get(&format!("{}?token={token}", path::MEMBER_PROFILE)).await;
    in_query.fails(401, "账号未登录");
    app.stop().await;
}

#[tokio::test]
async fn members_see_themselves_and_admins_see_their_card() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let own = member.get(path::MEMBER_PROFILE).await.ok();
    assert_eq!(own, json!({"id": 1001, "nickname": "会员1001", "avatar": ""}));
    let card = owner.get("/admin-api/member/user/get?id=1001").await.ok();
    assert_eq!((&card["nickname"], &card["createTime"]), (&json!("会员1001"), &json!(START)));
    // The console's panel cannot bear null.
    assert_eq!(owner.get("/admin-api/member/user/get?id=9").await.ok()["id"], 9);
    app.stop().await;
}
