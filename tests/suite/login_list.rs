//! The list of logins, and the end of one.

use kefu::testing::access::Role;
use kefu::testing::auth::Tokens;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User, path};

/// A new login of an admin of [`TestApp::admin`], from a browser that calls itself so.
async fn logs_in(app: &TestApp, username: &str, browser: &str) -> User {
    let body = json!({"username": username, "password": format!("password-of-{username}")});
    let request = app.anonymous().request(Method::POST, path::LOGIN).header("user-agent", browser).json(&body);
    app.user_with(serde_json::from_value::<Tokens>(User::send(request).await.ok()).unwrap())
}

async fn logins(user: &User, query: &str) -> Vec<Value> {
    user.get(&format!("{}?{query}", path::LOGIN_LIST)).await.ok().as_array().unwrap().clone()
}

async fn ends(user: &User, login: &Value) -> crate::support::Reply {
    user.delete(&format!("{}?id={}", path::LOGIN_DELETE, login["id"])).await
}

#[tokio::test]
async fn an_admin_sees_the_own_logins_and_ends_one_everywhere() {
    let app = TestApp::spawn().await;
    drop(app.admin("red", Role::Agent).await);
    app.clock.advance(5000);
    let phone = logs_in(&app, "red", "Phone/1").await;
    app.clock.advance(5000);
    let desk = logs_in(&app, "red", "Desk/2 \u{202e}").await;
    let listed = logins(&desk, "").await;
    assert_eq!(listed.len(), 3, "with the one of `kefu token`");
    let now = app.clock.now();
    let row = |listed: &Value, device: &str, address: &str, time: i64, current: bool| {
        json!({"id": listed["id"], "device": device, "address": address, "createTime": time, "lastUsedTime": time,
            "current": current})
    };
    assert_eq!(listed[0], row(&listed[0], "Desk/2", "127.0.0.1", now, true));
    assert_eq!(listed[1], row(&listed[1], "Phone/1", "127.0.0.1", now - 5000, false));
    assert_eq!(listed[2], row(&listed[2], "", "", now - 10_000, false));

    let mut at_phone = phone.socket("").await;
    let mut at_desk = desk.socket("").await;
    assert_eq!(ends(&desk, &listed[1]).await.ok(), json!(true));
    assert_eq!(at_phone.close_code().await, Some(4002));
    phone.get(path::CONVERSATIONS).await.fails(401, "账号未登录");
    let refresh = format!("/admin-api/system/auth/refresh-token?refreshToken={}", phone.refresh_token());
    phone.post(&refresh, json!({})).await.fails(400, "无效的刷新令牌");
    assert_eq!(at_desk.events_so_far().await, []);
    assert_eq!(logins(&desk, "").await.len(), 2);
    assert_eq!(ends(&desk, &listed[1]).await.ok(), json!(true), "one that has ended stays so");
    app.stop().await;
}

#[tokio::test]
async fn a_refresh_is_a_use() {
    let app = TestApp::spawn().await;
    drop(app.admin("red", Role::Agent).await);
    let user = logs_in(&app, "red", "Desk/2").await;
    let began = app.clock.now();
    let refreshes = async |browser: &str| {
        let path = format!("/admin-api/system/auth/refresh-token?refreshToken={}", user.refresh_token());
        User::send(user.request(Method::POST, &path).header("user-agent", browser)).await.ok();
        let row = logins(&user, "").await.remove(0);
        (row["lastUsedTime"].as_i64().unwrap() - began, row["device"].as_str().unwrap().to_owned())
    };
    app.clock.advance(59_999);
    assert_eq!(refreshes("Desk/3").await, (0, "Desk/2".to_owned()), "to the minute");
    app.clock.advance(1);
    assert_eq!(refreshes("Desk/3").await, (60_000, "Desk/3".to_owned()));
    app.stop().await;
}

#[tokio::test]
async fn those_of_others_need_the_permission() {
    let app = TestApp::spawn().await;
    let (owner, agent) = (app.owner().await, app.admin("red", Role::Agent).await);
    let member = app.member(1001).await;
    let stranger = app.admin_of(kefu::id::TenantId::new(2), "stranger", Role::Owner).await;
    let of = |user: &User, user_type: i32| format!("userId={}&userType={user_type}", user.id());
    assert_eq!(logins(&agent, &of(&agent, 2)).await.len(), 1);
    agent.get(&format!("{}?{}", path::LOGIN_LIST, of(&owner, 2))).await.fails(403, "没有该操作权限");
    agent.get(&format!("{}?{}", path::LOGIN_LIST, of(&member, 1))).await.fails(403, "没有该操作权限");
    let (of_agent, of_member) = (logins(&owner, &of(&agent, 2)).await, logins(&owner, &of(&member, 1)).await);
    assert_eq!((of_agent.len(), of_member.len()), (1, 1));
    assert_eq!(logins(&stranger, &of(&agent, 2)).await, Vec::<Value>::new());

    let own = logins(&owner, "").await.remove(0);
    let unknown = "请求参数不正确:登录记录不存在";
    ends(&agent, &own).await.fails(400, unknown);
    ends(&stranger, &own).await.fails(400, unknown);
    ends(&agent, &json!({"id": 999_999})).await.fails(400, unknown);
    member.get(path::LOGIN_LIST).await.fails(403, "没有该操作权限");
    app.anonymous().get(path::LOGIN_LIST).await.fails(401, "账号未登录");
    let mut at_member = member.socket("").await;
    ends(&owner, &of_member[0]).await.ok();
    assert_eq!(at_member.close_code().await, Some(4002));
    ends(&owner, &of_agent[0]).await.ok();
    agent.get(path::LOGIN_LIST).await.fails(401, "账号未登录");
    app.stop().await;
}

#[tokio::test]
async fn a_login_that_is_ended_here_ends_at_other_nodes() {
    let app = TestApp::spawn().await;
    if app.settings.database_url().starts_with("sqlite:") {
        return app.stop().await;
    }
    let node = app.another_node(|_| {}).await;
    let red = app.admin("red", Role::Agent).await;
    let mut there = red.at_node(&node).socket("").await;
    red.at_node(&node).get(path::CONVERSATIONS).await.ok();
    let own = logins(&app.owner().await, &format!("userId={}", red.id())).await.remove(0);
    ends(&app.owner().await, &own).await.ok();
    assert_eq!(there.close_code().await, Some(4002));
    red.at_node(&node).get(path::CONVERSATIONS).await.fails(401, "账号未登录");
    node.stop().await;
    app.stop().await;
}
