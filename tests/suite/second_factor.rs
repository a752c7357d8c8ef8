//! Second factors: set up, used at a login, asked for by a role, and switched off.

use std::collections::BTreeSet;

use kefu::testing::access::Role;
use reqwest::Method;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::support::{Reply, TestApp, User, document, eventually, path};

const PROFILE: &str = "/admin-api/system/user/profile/get";
pub(crate) const BEGIN: &str = "/admin-api/system/user/profile/totp/begin";
pub(crate) const CONFIRM: &str = "/admin-api/system/user/profile/totp/confirm";
const DISABLE: &str = "/admin-api/system/user/profile/totp/disable";
const RESET: &str = "/admin-api/system/user/second-factor";
const WANTED: (i64, &str) = (1_002_000_002, "请输入动态验证码");
const WRONG: (i64, &str) = (1_002_000_003, "动态验证码不正确");
const STEP: i64 = 30_000;

/// The code that an app shows now.
pub(crate) fn code(app: &TestApp, secret: &str) -> String {
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    totp.generate(u64::try_from(app.clock.now() / 1000).unwrap()).to_string()
}

/// A code that is none of those that are good now.
fn wrong_code(app: &TestApp, secret: &str) -> String {
    let number: u32 = code(app, secret).parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

fn password(username: &str) -> String {
    format!("password-of-{username}")
}

/// Sets the second factor of an admin up; returns the secret and the recovery codes.
pub(crate) async fn set_up(app: &TestApp, admin: &User, username: &str) -> (String, Vec<String>) {
    let begun = admin.post(BEGIN, json!({"password": password(username)})).await.ok();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    let confirmed = admin.post(CONFIRM, json!({"code": code(app, &secret)})).await.ok();
    (secret, serde_json::from_value(confirmed["recoveryCodes"].clone()).unwrap())
}

async fn logs_in(app: &TestApp, username: &str, code: Value) -> Reply {
    let mut body = json!({"username": username, "password": password(username)});
    if !code.is_null() {
        body["code"] = code;
    }
    app.anonymous().post(path::LOGIN, body).await
}

const ROLE: &str = "/admin-api/system/role";

/// The number of one of the roles that every tenant has.
async fn role(app: &TestApp, code: &str) -> Value {
    let roles = app.owner().await.get(&format!("{ROLE}/page?pageSize=200")).await.ok();
    roles["list"].as_array().unwrap().iter().find(|role| role["code"] == code).unwrap()["id"].clone()
}

/// Lets a role of the first tenant ask for a second factor, or no longer.
async fn ask(app: &TestApp, code: &str, asks: bool) {
    let change = json!({"id": role(app, code).await, "secondFactor": asks});
    app.owner().await.put_json(&format!("{ROLE}/update"), change).await.ok();
}

#[tokio::test]
async fn without_one_a_login_is_as_it_was() {
    let app = TestApp::spawn().await;
    drop(app.admin("red", Role::Agent).await);
    for code in [Value::Null, json!(""), json!("123456")] {
        let answer = logs_in(&app, "red", code).await.ok();
        let fields: BTreeSet<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["accessToken", "expiresTime", "refreshToken", "userId"].into());
        let user = app.user_with(serde_json::from_value(answer).unwrap());
        let info = user.get(path::PERMISSION_INFO).await.ok();
        assert!(info.get("secondFactor").is_none() && !info["permissions"].as_array().unwrap().is_empty());
    }
    app.stop().await;
}

#[tokio::test]
async fn a_code_is_wanted_at_a_login_once_it_is_confirmed_and_each_is_good_once() {
    let app = TestApp::spawn().await;
    let red = app.admin("red", Role::Agent).await;
    let begun = red.post(BEGIN, json!({"password": password("red")})).await.ok();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert_eq!(begun["uri"], format!("otpauth://totp/kefu:red?secret={secret}&issuer=kefu"));
    logs_in(&app, "red", Value::Null).await.ok();
    let profile = red.get(PROFILE).await.ok();
    assert_eq!((&profile["secondFactor"], &profile["secondFactorRequired"]), (&json!(false), &json!(false)));

    red.post(CONFIRM, json!({"code": wrong_code(&app, &secret)})).await.fails(WRONG.0, WRONG.1);
    let recovery = red.post(CONFIRM, json!({"code": code(&app, &secret)})).await.ok();
    assert_eq!(recovery["recoveryCodes"].as_array().unwrap().len(), 10);
    red.post(CONFIRM, json!({"code": code(&app, &secret)})).await.fails(400, "请求参数不正确:请先开始设置动态验证码");
    assert_eq!(red.get(PROFILE).await.ok()["secondFactor"], true, "the login that set it up goes on");

    for none in [Value::Null, json!(""), json!(" ")] {
        logs_in(&app, "red", none).await.fails(WANTED.0, WANTED.1);
    }
    logs_in(&app, "red", json!(code(&app, &secret))).await.fails(WRONG.0, WRONG.1);
    app.clock.advance(STEP);
    let now = code(&app, &secret);
    logs_in(&app, "red", json!(format!(" {} {}", &now[..3], &now[3..]))).await.ok();
    logs_in(&app, "red", json!(now)).await.fails(WRONG.0, WRONG.1);
    // The person is slow.
    app.clock.advance(STEP);
    let slow = code(&app, &secret);
    app.clock.advance(STEP);
    logs_in(&app, "red", json!(slow)).await.ok();
    let old = code(&app, &secret);
    app.clock.advance(2 * STEP);
    logs_in(&app, "red", json!(old)).await.fails(WRONG.0, WRONG.1);
    logs_in(&app, "red", json!(wrong_code(&app, &secret))).await.fails(WRONG.0, WRONG.1);

    let wrong_password = json!({"username": "red", "password": "not the one", "code": code(&app, &secret)});
    app.anonymous().post(path::LOGIN, wrong_password).await.fails(1_002_000_000, "登录失败，账号密码不正确");
    logs_in(&app, "red", json!(code(&app, &secret))).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn each_recovery_code_is_good_once() {
    let app = TestApp::spawn_with(|settings| settings.limits.login_failures_per_account = 0).await;
    let red = app.admin("red", Role::Agent).await;
    let (secret, recovery) = set_up(&app, &red, "red").await;
    for code in &recovery {
        logs_in(&app, "red", json!(code.to_uppercase())).await.ok();
        logs_in(&app, "red", json!(code)).await.fails(WRONG.0, WRONG.1);
    }
    app.clock.advance(STEP);
    logs_in(&app, "red", json!(code(&app, &secret))).await.ok();
    // What is stored gives none of them away.
    let stored = app.count(&format!("kefu_admin WHERE recovery_codes LIKE '%{}%'", recovery[0].replace('-', ""))).await;
    assert_eq!(stored, 0);
    app.stop().await;
}

#[tokio::test]
async fn one_code_at_two_nodes_at_once_is_good_for_one_login() {
    let app = TestApp::spawn().await;
    let other = app.another_node(|_| ()).await;
    let red = app.admin("red", Role::Agent).await;
    let (secret, recovery) = set_up(&app, &red, "red").await;
    app.clock.advance(STEP);
    for code in [code(&app, &secret), recovery[0].clone()] {
        let (one, two) = tokio::join!(logs_in(&app, "red", json!(code)), logs_in(&other, "red", json!(code)));
        let mut codes = [one.code, two.code];
        codes.sort_unstable();
        assert_eq!(codes, [0, WRONG.0]);
    }
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn wrong_codes_count_as_failed_logins() {
    let app = TestApp::spawn_with(|settings| settings.limits.login_failures_per_account = 3).await;
    let (red, blue) = (app.admin("red", Role::Agent).await, app.admin("blue", Role::Agent).await);
    let (secret, _) = set_up(&app, &red, "red").await;
    let begun = blue.post(BEGIN, json!({"password": password("blue")})).await.ok();
    for _ in 0..5 {
        logs_in(&app, "red", Value::Null).await.fails(WANTED.0, WANTED.1);
    }
    app.clock.advance(STEP);
    for _ in 0..3 {
        logs_in(&app, "red", json!(wrong_code(&app, &secret))).await.fails(WRONG.0, WRONG.1);
    }
    logs_in(&app, "red", json!(code(&app, &secret))).await.fails(429, "请求过于频繁，请稍后重试");
    for path in [BEGIN, DISABLE] {
        assert_eq!(red.post(path, json!({"password": password("red"), "code": "x"})).await.code, 429, "{path}");
    }
    let pending = begun["secret"].as_str().unwrap();
    for _ in 0..2 {
        blue.post(CONFIRM, json!({"code": wrong_code(&app, pending)})).await.fails(WRONG.0, WRONG.1);
    }
    blue.post(BEGIN, json!({"password": "not the one"})).await.fails(400, "请求参数不正确:密码不正确");
    assert_eq!(blue.post(CONFIRM, json!({"code": code(&app, pending)})).await.code, 429);
    app.clock.advance(60_000);
    logs_in(&app, "red", json!(code(&app, &secret))).await.ok();
    app.stop().await;
}

/// What an admin may call who has to set a second factor up.
const DURING_SET_UP: [&str; 6] =
    [BEGIN, CONFIRM, DISABLE, PROFILE, path::PERMISSION_INFO, "/admin-api/system/auth/logout"];

#[tokio::test]
async fn a_role_that_asks_for_one_lets_its_holders_do_nothing_else_first() {
    let app = TestApp::spawn().await;
    let other = app.another_node(|_| ()).await;
    app.admin("red", Role::Agent).await;
    let owner = app.admin("own", Role::Owner).await;
    ask(&app, "agent", true).await;
    let answer = logs_in(&app, "red", Value::Null).await.ok();
    assert_eq!(answer["secondFactor"], "setup");
    let red = app.user_with(serde_json::from_value(answer).unwrap());
    let everywhere = document()["security"].clone();
    let mut refused = 0;
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let is_open = operation.get("security").unwrap_or(&everywhere).as_array().unwrap().contains(&json!({}));
            if path.starts_with("/admin-api/") && !is_open && !DURING_SET_UP.contains(&path.as_str()) {
                let method: Method = method.to_uppercase().parse().unwrap();
                User::send(red.request(method, path)).await.fails(403, "没有该操作权限");
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "{refused}");
    for token in [red.access_token(), red.refresh_token()] {
        assert_eq!(app.handshake(&format!("token={token}")).await, 403);
    }
    let info = red.get(path::PERMISSION_INFO).await.ok();
    assert_eq!(
        (&info["secondFactor"], &info["permissions"], &info["menus"]),
        (&json!("setup"), &json!([]), &json!([]))
    );
    let profile = red.get(PROFILE).await.ok();
    assert_eq!((&profile["secondFactor"], &profile["secondFactorRequired"]), (&json!(false), &json!(true)));
    let refresh = format!("/admin-api/system/auth/refresh-token?refreshToken={}", red.refresh_token());
    User::send(red.request(Method::POST, &refresh)).await.ok();
    assert_eq!(owner.get(PROFILE).await.ok()["secondFactorRequired"], false, "another role");

    // The same tokens permit everything as soon as it is set up, at the other node within about a second.
    let there = red.at_node(&other);
    there.get(path::CONVERSATIONS).await.fails(403, "没有该操作权限");
    set_up(&app, &red, "red").await;
    red.get(path::CONVERSATIONS).await.ok();
    assert_eq!(app.handshake(&format!("token={}", red.refresh_token())).await, 101);
    eventually("the other node knows", async || there.get(path::CONVERSATIONS).await.code == 0).await;
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn only_an_enabled_role_that_is_held_asks() {
    let app = TestApp::spawn().await;
    app.admin("red", Role::Agent).await;
    ask(&app, "viewer", true).await;
    assert!(logs_in(&app, "red", Value::Null).await.ok().get("secondFactor").is_none());
    ask(&app, "agent", true).await;
    assert_eq!(logs_in(&app, "red", Value::Null).await.ok()["secondFactor"], "setup");
    ask(&app, "agent", false).await;
    let red = logs_in(&app, "red", Value::Null).await.ok();
    assert!(red.get("secondFactor").is_none());
    // A second role beside: rights add up, and so does what is asked for, while the role counts.
    let owner = app.owner().await;
    let own = json!({"name": "own", "secondFactor": true});
    let own = owner.post(&format!("{ROLE}/create"), own).await.ok();
    let roles = json!({"userId": red["userId"], "roleIds": [role(&app, "agent").await, own]});
    owner.post("/admin-api/system/permission/assign-user-role", roles).await.ok();
    owner.put_json(&format!("{ROLE}/update"), json!({"id": own, "status": 1})).await.ok();
    assert!(logs_in(&app, "red", Value::Null).await.ok().get("secondFactor").is_none());
    owner.put_json(&format!("{ROLE}/update"), json!({"id": own, "status": 0})).await.ok();
    assert_eq!(logs_in(&app, "red", Value::Null).await.ok()["secondFactor"], "setup");
    app.stop().await;
}

#[tokio::test]
async fn it_is_switched_off_with_password_and_code() {
    let app = TestApp::spawn().await;
    let red = app.admin("red", Role::Agent).await;
    red.post(DISABLE, json!({"password": password("red")})).await.ok();
    assert_eq!(app.count("kefu_audit WHERE object_type = 'second_factor'").await, 0, "there was none");
    let (secret, recovery) = set_up(&app, &red, "red").await;
    app.clock.advance(STEP);
    let right = code(&app, &secret);
    let body = |password: &str, code: &str| json!({"password": password, "code": code});
    red.post(DISABLE, body("not the one", &right)).await.fails(400, "请求参数不正确:密码不正确");
    red.post(DISABLE, json!({"password": password("red")})).await.fails(WANTED.0, WANTED.1);
    red.post(DISABLE, body(&password("red"), &wrong_code(&app, &secret))).await.fails(WRONG.0, WRONG.1);
    // Nor is another one begun without a code.
    red.post(BEGIN, json!({"password": password("red")})).await.fails(WANTED.0, WANTED.1);
    red.post(DISABLE, body(&password("red"), &right)).await.ok();
    logs_in(&app, "red", Value::Null).await.ok();
    logs_in(&app, "red", json!(recovery[0])).await.ok();
    assert_eq!(red.get(PROFILE).await.ok()["secondFactor"], false);

    // Another one in its place: the earlier recovery codes end.
    let (_, first) = set_up(&app, &red, "red").await;
    let begun = red.post(BEGIN, body(&password("red"), &first[0])).await.ok();
    let second = begun["secret"].as_str().unwrap();
    assert_eq!(
        logs_in(&app, "red", json!(first[1])).await.code,
        0,
        "the first one counts until the other is confirmed"
    );
    red.post(CONFIRM, json!({"code": code(&app, second)})).await.ok();
    logs_in(&app, "red", json!(first[2])).await.fails(WRONG.0, WRONG.1);
    app.clock.advance(STEP);
    logs_in(&app, "red", json!(code(&app, second))).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn a_password_that_was_changed_meanwhile_switches_nothing_off() {
    let app = TestApp::spawn().await;
    let red = app.admin("red", Role::Agent).await;
    set_up(&app, &red, "red").await;
    let new = json!({"oldPassword": password("red"), "newPassword": "another horse battery"});
    red.put_json("/admin-api/system/user/profile/update-password", new).await.ok();
    assert_eq!(red.get(PROFILE).await.ok()["secondFactor"], true);
    red.post(DISABLE, json!({"password": password("red")})).await.fails(400, "请求参数不正确:密码不正确");
    app.stop().await;
}

#[tokio::test]
async fn a_colleague_switches_it_off_for_one_who_has_lost_the_device() {
    let app = TestApp::spawn().await;
    let (owner, red) = (app.admin("own", Role::Owner).await, app.admin("red", Role::Agent).await);
    set_up(&app, &red, "red").await;
    let reset = async |by: &User, id: i64| by.delete(&format!("{RESET}?id={id}")).await;
    reset(&red, owner.id()).await.fails(403, "没有该操作权限");
    reset(&owner, owner.id()).await.fails(400, "请求参数不正确:请在个人中心关闭自己的动态验证码");
    reset(&owner, 999).await.fails(400, "请求参数不正确:用户不存在");
    let stranger = app.admin_of(kefu::id::TenantId::new(2), "two", Role::Owner).await;
    reset(&stranger, red.id()).await.fails(400, "请求参数不正确:用户不存在");
    logs_in(&app, "red", Value::Null).await.fails(WANTED.0, WANTED.1);
    reset(&owner, red.id()).await.ok();
    let rows = app.count("kefu_audit").await;
    reset(&owner, red.id()).await.ok();
    assert_eq!(app.count("kefu_audit").await, rows, "there is none any more");
    logs_in(&app, "red", Value::Null).await.ok();

    // Where a role asks for one, open sockets end with it, and the tokens permit the set-up alone.
    let socket_of = async |user: &User| user.socket("").await;
    set_up(&app, &red, "red").await;
    ask(&app, "agent", true).await;
    let mut socket = socket_of(&red).await;
    reset(&owner, red.id()).await.ok();
    assert_eq!(socket.close_code().await, Some(4003));
    red.get(path::CONVERSATIONS).await.fails(403, "没有该操作权限");
    app.stop().await;
}

#[tokio::test]
async fn the_secret_is_shown_once_and_stands_in_no_row_of_a_change() {
    let app = TestApp::spawn().await;
    let (owner, red) = (app.owner().await, app.admin("red", Role::Viewer).await);
    let (secret, recovery) = set_up(&app, &red, "red").await;
    let mut answers = String::new();
    for path in [PROFILE, path::PERMISSION_INFO, "/admin-api/infra/audit/list", path::LOGIN_LIST] {
        answers += &red.get(path).await.ok().to_string();
        answers += &owner.get(path).await.ok().to_string();
    }
    assert!(answers.contains("second_factor") && !answers.contains(&secret));
    assert!(recovery.iter().all(|code| !answers.contains(code) && !answers.contains(&code.replace('-', ""))));
    app.stop().await;
}
