//! What an admin changes of the own account, over HTTP and on the command line.

use futures_util::future::join_all;
use kefu::id::TenantId;
use kefu::testing::access::Role;
use kefu::testing::auth::admin;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::process::{Serve, done, failed};
use crate::support::{TENANT, TestApp, User, path};

const PROFILE: &str = "/admin-api/system/user/profile/get";
const UPDATE: &str = "/admin-api/system/user/profile/update";
const PASSWORD: &str = "/admin-api/system/user/profile/update-password";
const RED: &str = "https://shop.example/red.png";

fn login(app: &TestApp, username: &str, password: &str) -> RequestBuilder {
    app.anonymous().request(Method::POST, path::LOGIN).json(&json!({"username": username, "password": password}))
}

async fn log_in(app: &TestApp, username: &str, password: &str) -> User {
    let tokens = User::send(login(app, username, password)).await.ok();
    app.user_with(serde_json::from_value(tokens).unwrap())
}

#[tokio::test]
async fn an_admin_changes_name_and_picture() {
    let app = TestApp::spawn().await;
    let (red, member) = (app.admin("red", Role::Viewer).await, app.member(1001).await);
    let own = red.get(PROFILE).await.ok();
    assert_eq!((&own["username"], &own["nickname"], &own["avatar"]), (&json!("red"), &json!("客服red"), &json!("")));
    // As yudao's page sends it.
    let body = json!({"nickname": "小红", "avatar": RED, "email": "red@shop.example", "mobile": "", "sex": 1});
    assert_eq!(red.put_json(UPDATE, body).await.ok(), json!(true));
    for path in [PROFILE, path::PERMISSION_INFO] {
        let answer = red.get(path).await.ok();
        let user = if path == PROFILE { &answer } else { &answer["user"] };
        assert_eq!((&user["nickname"], &user["avatar"]), (&json!("小红"), &json!(RED)), "{path}");
    }
    red.put_json(UPDATE, json!({"nickname": "大红"})).await.ok();
    assert_eq!(red.get(PROFILE).await.ok()["avatar"], RED, "what is left out stays");
    red.put_json(UPDATE, json!({"avatar": ""})).await.ok();
    assert_eq!(red.get(PROFILE).await.ok()["avatar"], "");
    for wrong in [
        json!({"nickname": ""}),
        json!({"nickname": " "}),
        json!({"nickname": "\u{202e}der"}),
        json!({"nickname": "长".repeat(65)}),
        json!({"nickname": "a\0b"}),
        json!({"avatar": "javascript:alert(1)"}),
        json!({"avatar": "data:image/png;base64,AAAA"}),
        json!({"avatar": format!("https://x/{}", "a".repeat(2048))}),
    ] {
        assert_eq!(red.put_json(UPDATE, wrong.clone()).await.code, 400, "{wrong}");
    }
    assert_eq!(red.get(PROFILE).await.ok()["nickname"], "大红");
    member.get(PROFILE).await.fails(403, "没有该操作权限");
    app.stop().await;
}

#[tokio::test]
async fn the_enabled_admins_of_the_tenant_are_named() {
    const NAMES: &str = "/admin-api/system/user/simple-list";
    let app = TestApp::spawn().await;
    let (red, gone) = (app.admin("red", Role::Viewer).await, app.admin("gone", Role::Agent).await);
    app.admin_of(TenantId::new(2), "stranger", Role::Owner).await;
    red.put_json(UPDATE, json!({"nickname": "小红", "avatar": RED})).await.ok();
    let named = async || red.get(NAMES).await.ok().as_array().unwrap()[1..].to_vec();
    let own = json!({"id": red.id(), "nickname": "小红", "avatar": RED});
    assert_eq!(named().await, [own.clone(), json!({"id": gone.id(), "nickname": "客服gone", "avatar": ""})]);
    admin::set_enabled(&app.db, &app.clock, TENANT, "gone", false).await.unwrap();
    assert_eq!(named().await, [own]);
    app.member(1001).await.get(NAMES).await.fails(403, "没有该操作权限");
    app.stop().await;
}

#[tokio::test]
async fn the_new_picture_is_that_of_the_next_message() {
    let app = TestApp::spawn().await;
    let (red, member) = (app.admin("red", Role::Agent).await, app.member(1001).await);
    member.says("hi").await;
    let mut socket = member.socket("").await;
    red.answers(1, "one").await;
    red.put_json(UPDATE, json!({"avatar": RED})).await.ok();
    red.answers(1, "two").await;
    let avatars = [socket.expect("kefu_message_type").await, socket.expect("kefu_message_type").await]
        .map(|message| message["senderAvatar"].clone());
    assert_eq!(avatars, [Value::Null, json!(RED)]);
    app.stop().await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_logins() {
    let app = TestApp::spawn().await;
    app.admin("red", Role::Agent).await;
    let (own, other) = (log_in(&app, "red", "password-of-red").await, log_in(&app, "red", "password-of-red").await);
    let node = app.another_node(|_| {}).await;
    let (mut kept, mut closed) = (own.socket("").await, other.at_node(&node).socket("").await);
    let change = |old: &str, new: &str| own.put_json(PASSWORD, json!({"oldPassword": old, "newPassword": new}));
    assert_eq!(change("wrong", "correct horse").await.code, 400);
    for weak in ["short", "12345678", "Password1", "red20262026", "der20262026", "iloveyou1", "aaaaaaaa"] {
        assert_eq!(change("password-of-red", weak).await.code, 400, "{weak}");
    }
    assert_eq!(own.put_json(PASSWORD, json!({"oldPassword": "password-of-red"})).await.code, 400);
    other.get(PROFILE).await.ok();

    assert_eq!(change("password-of-red", "correct horse").await.ok(), json!(true));
    own.get(PROFILE).await.ok();
    other.get(PROFILE).await.fails(401, "账号未登录");
    assert_eq!(closed.close_code().await, Some(4003));
    assert!(kept.events_so_far().await.is_empty());
    let refresh = format!("/admin-api/system/auth/refresh-token?refreshToken={}", other.refresh_token());
    app.anonymous().post(&refresh, json!(null)).await.fails(400, "无效的刷新令牌");
    assert_eq!(User::send(login(&app, "red", "password-of-red")).await.code, 1_002_000_000);
    log_in(&app, "red", "correct horse").await.get(PROFILE).await.ok();
    node.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn wrong_old_passwords_count_as_failed_logins() {
    let app = TestApp::spawn_with(|settings| settings.limits.login_failures_per_account = 3).await;
    let red = app.admin("red", Role::Agent).await;
    let body = |old: &str| json!({"oldPassword": old, "newPassword": "correct horse"});
    for _ in 0..3 {
        assert_eq!(red.put_json(PASSWORD, body("wrong")).await.code, 400);
    }
    assert_eq!(red.put_json(PASSWORD, body("password-of-red")).await.code, 429);
    app.stop().await;
}

#[tokio::test]
async fn wrong_old_passwords_at_once_are_as_few_as_one_after_the_other() {
    let app = TestApp::spawn_with(|settings| {
        (settings.limits.login_failures_per_account, settings.limits.calls_per_s) = (1, Some(0));
    })
    .await;
    let red = app.admin("red", Role::Agent).await;
    let body = json!({"oldPassword": "wrong", "newPassword": "correct horse"});
    let guesses = join_all((0..20).map(|_| red.put_json(PASSWORD, body.clone()))).await;
    let compared = guesses.iter().filter(|reply| reply.code == 400).count();
    // Those that are compared at the same time do not know of each other: one per core.
    let most = std::thread::available_parallelism().unwrap().get();
    assert!((1..=most).contains(&compared), "{compared}");
    assert!(guesses.iter().all(|reply| [400, 429].contains(&reply.code)));
    app.stop().await;
}

#[tokio::test]
async fn the_command_line_renames_and_refuses_what_looks_alike() {
    let folder = tempfile::tempdir().unwrap();
    let add = |username: &'static str| {
        ["admin", "add", "--username", username, "--nickname", "小红", "--role", "agent"].map(str::to_owned).to_vec()
    };
    let arguments = |list: &[String]| list.iter().map(|text| text.to_owned()).collect::<Vec<_>>();
    let run = async |list: Vec<String>, input: &str, fine: bool| {
        let list = arguments(&list);
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        if fine { done(folder.path(), &list, input).await } else { failed(folder.path(), &list, input).await }
    };
    run(add("red"), "correct horse\n", true).await;
    for alike in ["Red", "rеd", "ｒｅｄ", "red\u{200b}"] {
        assert!(run(add(alike), "correct horse\n", false).await.contains("username"), "{alike}");
    }
    for common in ["12345678\n", "PASSWORD1\n", "blue2026\n"] {
        assert!(run(add("blue"), common, false).await.contains("password"), "{common}");
    }
    let rename = ["admin", "rename", "--username", "red", "--nickname", "大红"].map(str::to_owned).to_vec();
    run(rename, "", true).await;
    let avatar = |url: &str| ["admin", "avatar", "--username", "red", "--url", url].map(str::to_owned).to_vec();
    run(avatar(RED), "", true).await;
    assert!(run(avatar("javascript:alert(1)"), "", false).await.contains("avatar"));
    assert!(run(vec!["admin".into(), "list".into()], "", true).await.contains("red\t大红\tagent\tenabled"));
    let serve = Serve::start(folder.path(), &[]).await;
    let body = json!({"username": "red", "password": "correct horse"});
    let tokens = serve.user_with(None).post(path::LOGIN, body).await.ok();
    let own = serve.user_with(Some(serde_json::from_value(tokens).unwrap())).get(PROFILE).await.ok();
    assert_eq!((&own["nickname"], &own["avatar"]), (&json!("大红"), &json!(RED)));
    serve.terminate().await;
}
