//! Keys of other programs, and what they call below `/open-api`.

use kefu::id::TenantId;
use kefu::testing::access::Role;
use kefu::testing::auth::Tokens;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, User, path, text};

const SCOPES: [&str; 2] = ["member", "message"];

/// Makes a key; its number and its secret.
async fn make(owner: &User, scopes: &[&str]) -> (i64, String) {
    let made = owner.post(path::API_KEY_CREATE, json!({"name": "商城", "scopes": scopes})).await.ok();
    (made["id"].as_i64().unwrap(), made["secret"].as_str().unwrap().to_owned())
}

/// A program that has this secret.
fn program(app: &TestApp, secret: &str) -> User {
    let tokens = json!({"userId": 1, "accessToken": secret, "refreshToken": "", "expiresTime": 0});
    app.user_with(serde_json::from_value::<Tokens>(tokens).unwrap())
}

async fn shop(app: &TestApp) -> User {
    program(app, &make(&app.owner().await, &SCOPES).await.1)
}

fn member(id: &str) -> String {
    format!("/open-api/members/{id}")
}

fn shipped(id: &str, words: &str) -> Value {
    json!({"contentType": 1, "content": text(words), "clientMessageId": id})
}

async fn says(program: &User, member: &str, body: Value) -> Reply {
    program.post(&format!("/open-api/members/{member}/messages"), body).await
}

/// Asserts a failure whose HTTP status is its code.
#[track_caller]
fn refused(reply: Reply, status: u16, msg: &str) {
    let Reply { status: http, code, msg: said, data } = reply;
    let expected = (StatusCode::from_u16(status).unwrap(), i64::from(status), msg, Value::Null);
    assert_eq!((http, code, said.as_str(), data), expected);
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_nowhere() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let (id, secret) = make(&owner, &["message", "member", "message"]).await;
    assert!(secret.len() == 3 + 64 && secret.starts_with("kk_"), "{secret}");
    let list = owner.get(path::API_KEY_LIST).await.ok();
    assert_eq!(list.as_array().unwrap().len(), 1);
    let key = &list[0];
    assert_eq!((&key["id"], &key["name"], &key["scopes"]), (&json!(id), &json!("商城"), &json!(["message", "member"])));
    assert_eq!(key["lastUsedTime"], Value::Null);
    assert!(!list.to_string().contains(&secret[3..]));
    let half = &secret[3..35];
    assert_eq!(app.count(&format!("kefu_api_key WHERE secret_hash LIKE '%{half}%'")).await, 0);
    assert_eq!(app.count("kefu_api_key").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn what_a_key_is_made_from_is_checked() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    for body in [
        json!({"name": "", "scopes": ["member"]}),
        json!({"name": " ", "scopes": ["member"]}),
        json!({"name": "n", "scopes": []}),
        json!({"name": "n", "scopes": ["everything"]}),
        json!({"name": "n"}),
        json!({"scopes": ["member"]}),
        json!({"name": "n".repeat(65), "scopes": ["member"]}),
    ] {
        assert_eq!(owner.post(path::API_KEY_CREATE, body.clone()).await.code, 400, "{body}");
    }
    let unknown = owner.delete(&format!("{}?id=4711", path::API_KEY_DELETE)).await;
    unknown.fails(400, "请求参数不正确:密钥不存在");
    assert_eq!(app.count("kefu_api_key").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn each_tenant_has_its_own_keys() {
    let app = TestApp::spawn().await;
    let (id, secret) = make(&app.owner().await, &SCOPES).await;
    let other = app.admin_of(TenantId::new(2), "two", Role::Owner).await;
    assert_eq!(other.get(path::API_KEY_LIST).await.ok(), json!([]));
    other.delete(&format!("{}?id={id}", path::API_KEY_DELETE)).await.fails(400, "请求参数不正确:密钥不存在");
    let (_, others) = make(&other, &SCOPES).await;
    program(&app, &others).put_json(&member("1001"), json!({"nickname": "二"})).await.ok();
    let shop = program(&app, &secret);
    refused(shop.get(&member("1001")).await, 404, "会员不存在");
    let named = |tenant: &str| shop.request(Method::PUT, &member("1001")).json(&json!({})).header("tenant-id", tenant);
    refused(User::send(named("2")).await, 403, "您无权访问该租户的数据");
    User::send(named("1")).await.ok();
    app.stop().await;
}

#[tokio::test]
async fn only_a_key_with_the_scope_is_let_in_and_it_is_let_in_nowhere_else() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let (_, secret) = make(&owner, &["member"]).await;
    let unknown = format!("kk_{}", "0".repeat(64));
    for token in [unknown.as_str(), "kk_", "garbage", owner.access_token(), &format!("{secret}0"), &secret[3..]] {
        for _ in 0..2 {
            refused(program(&app, token).get(&member("1001")).await, 401, "账号未登录");
        }
    }
    refused(app.anonymous().get(&member("1001")).await, 401, "账号未登录");
    let keeps = program(&app, &secret);
    keeps.put_json(&member("1001"), json!({})).await.ok();
    refused(says(&keeps, "1001", shipped("a", "hi")).await, 403, "没有该操作权限");
    let writes = program(&app, &make(&owner, &["message", "bot", "export"]).await.1);
    refused(writes.get(&member("1001")).await, 403, "没有该操作权限");
    says(&writes, "1001", shipped("a", "hi")).await.ok();
    for path in [path::CONVERSATIONS, path::API_KEY_LIST, path::MEMBER_PROFILE] {
        keeps.get(path).await.fails(401, "账号未登录");
    }
    assert_eq!(app.handshake(&format!("token={secret}")).await, 401);
    app.stop().await;
}

#[tokio::test]
async fn a_deleted_key_ends_here_at_once_and_elsewhere_within_seconds() {
    let app = TestApp::spawn().await;
    let other = app.another_node(|_| {}).await;
    let owner = app.owner().await;
    let (id, secret) = make(&owner, &SCOPES).await;
    let (here, there) = (program(&app, &secret), program(&app, &secret).at_node(&other));
    for shop in [&here, &there] {
        shop.put_json(&member("1001"), json!({"nickname": "小明"})).await.ok();
    }
    says(&here, "1001", shipped("a", "hi")).await.ok();
    assert_eq!(owner.delete(&format!("{}?id={id}", path::API_KEY_DELETE)).await.ok(), true);
    refused(here.get(&member("1001")).await, 401, "账号未登录");
    app.clock.advance(5000);
    refused(there.get(&member("1001")).await, 401, "账号未登录");
    let conversation = owner.get(path::CONVERSATIONS).await.ok()[0]["id"].clone();
    let list = owner.get(&format!("{}?conversationId={conversation}", path::ADMIN_LIST)).await.ok();
    assert_eq!(list[0]["senderNickname"], "商城", "the name stays");
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn the_last_use_is_noted_to_the_minute() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let shop = program(&app, &make(&owner, &SCOPES).await.1);
    let used = async || owner.get(path::API_KEY_LIST).await.ok()[0]["lastUsedTime"].as_i64();
    refused(shop.get(&member("1001")).await, 404, "会员不存在");
    let first = used().await.unwrap();
    assert_eq!(first, app.clock.now() - app.clock.now() % 60_000);
    app.clock.advance(60_000);
    assert_eq!(used().await, Some(first));
    refused(shop.get(&member("1001")).await, 404, "会员不存在");
    assert_eq!(used().await, Some(first + 60_000));
    app.stop().await;
}

#[tokio::test]
async fn a_member_is_introduced_changed_and_read() {
    let app = TestApp::spawn().await;
    let shop = shop(&app).await;
    refused(shop.get(&member("1001")).await, 404, "会员不存在");
    assert_eq!(shop.put_json(&member("1001"), json!({})).await.ok(), true);
    let read = async |id: &str| shop.get(&member(id)).await.ok();
    let made = read("1001").await;
    assert_eq!((&made["id"], &made["nickname"], &made["attributes"]), (&json!(1001), &json!("会员1001"), &json!({})));
    let all = json!({"nickname": "小明", "avatar": "https://shop.example/a.png", "attributes": {"plan": "gold"}});
    shop.put_json(&member("1001"), all).await.ok();
    shop.put_json(&member("1001"), json!({"attributes": {"level": 3}})).await.ok();
    let changed = read("1001").await;
    let (name, told) = (json!("小明"), json!({"level": 3}));
    assert_eq!((&changed["nickname"], &changed["attributes"], &changed["blocked"]), (&name, &told, &json!(false)));
    assert_eq!(changed["avatar"], "https://shop.example/a.png");
    shop.put_json(&member("1001"), json!({"attributes": {}})).await.ok();
    assert_eq!(read("1001").await["attributes"], json!({}));
    // Any text but a number stands for itself, decoded once.
    shop.put_json(&member("user%2F7%252F"), json!({"nickname": "七"})).await.ok();
    assert_eq!(read("user%2F7%252F").await["externalId"], "user/7%2F");
    assert_eq!(app.count("kefu_member").await, 2);
    assert_eq!(app.count("kefu_audit WHERE object_type = 'member'").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_program_that_says_no_name_takes_none_away() {
    const SECRET: &str = "a secret shared with the integrator";
    let app = TestApp::spawn_with(|settings| settings.auth.member_token.secret = Some(SECRET.into())).await;
    let (shop, now) = (shop(&app).await, app.clock.now() / 1000);
    let claims = json!({"sub": "1001", "nickname": "小明", "iat": now, "exp": now + 3600});
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    app.clock.advance(300_000);
    shop.put_json(&member("1001"), json!({"attributes": {"level": "gold"}})).await.ok();
    app.clock.advance(60_000);
    let tokens = json!({"userId": 1, "accessToken": token, "refreshToken": "", "expiresTime": 0});
    let caller = app.user_with(serde_json::from_value::<Tokens>(tokens).unwrap());
    assert_eq!(caller.get(path::MEMBER_PROFILE).await.ok()["nickname"], "小明");
    // One that says it later is believed at once.
    shop.put_json(&member("1001"), json!({"nickname": "大明"})).await.ok();
    assert_eq!(caller.get(path::MEMBER_PROFILE).await.ok()["nickname"], "大明");
    app.stop().await;
}

#[tokio::test]
async fn bad_input_is_refused_before_anything_is_stored() {
    let app = TestApp::spawn().await;
    let shop = shop(&app).await;
    for body in [
        json!({"nickname": " "}),
        json!({"nickname": 1}),
        json!({"avatar": "javascript:alert(1)"}),
        json!({"nickname": "n", "attributes": []}),
        json!({"nickname": "n", "attributes": {"a": "x".repeat(4096)}}),
    ] {
        let reply = shop.put_json(&member("1001"), body.clone()).await;
        assert_eq!((reply.status, reply.code), (StatusCode::BAD_REQUEST, 400), "{body}");
    }
    for id in ["%FF", "%20", "visitor%3Aab", &"x".repeat(129)] {
        refused(shop.put_json(&member(id), json!({})).await, 400, "请求参数不正确:外部编号不合法");
    }
    assert_eq!(app.count("kefu_member").await, 0);
    refused(shop.get("/open-api/unknown").await, 404, "请求未找到");
    refused(shop.delete(&member("1001")).await, 405, "请求方法不正确");
    let english = shop.request(Method::GET, &member("1001")).header("accept-language", "en");
    refused(User::send(english).await, 404, "the member does not exist");
    app.stop().await;
}

#[tokio::test]
async fn a_programs_message_is_stored_once_counted_and_pushed_as_an_admins() {
    let app = TestApp::spawn().await;
    let (owner, member) = (app.owner().await, app.member(1001).await);
    let shop = shop(&app).await;
    let (mut at_member, mut at_owner) = (member.socket("").await, owner.socket("").await);
    let id = says(&shop, "1001", shipped("order-1", "已发货")).await.ok();
    for socket in [&mut at_member, &mut at_owner] {
        // Admins hear of the new conversation first.
        let event = loop {
            let event = socket.event().await;
            if event.kind == "kefu_message_type" {
                break event.content;
            }
        };
        assert_eq!((&event["id"], &event["senderNickname"], &event["senderType"]), (&id, &json!("商城"), &json!(2)));
    }
    assert_eq!(says(&shop, "1001", shipped("order-1", "已发货")).await.ok(), id);
    let other = says(&shop, "1001", shipped("order-1", "other")).await;
    refused(other, 409, "消息编号已用于另一条消息");
    let own = member.get(path::MEMBER_CONVERSATION).await.ok();
    assert_eq!(own["memberUnreadMessageCount"], 1);
    assert_eq!(app.count("kefu_message").await, 1);
    refused(says(&shop, "4711", shipped("order-2", "hi")).await, 404, "会员不存在");
    for body in
        [json!({"contentType": 1, "content": "x"}), json!({"contentType": 99, "content": "x", "clientMessageId": "b"})]
    {
        assert_eq!(says(&shop, "1001", body).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!((app.count("kefu_message").await, app.count("kefu_conversation").await), (1, 1));
    app.stop().await;
}

#[tokio::test]
async fn a_keys_admin_logs_in_nowhere_and_is_in_no_list() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let (id, _) = make(&owner, &SCOPES).await;
    let names = owner.get(path::USER_NAMES).await.ok();
    let page = owner.get("/admin-api/system/user/page").await.ok();
    assert_eq!((names.as_array().unwrap().len(), &page["total"]), (1, &json!(1)), "{names} {page}");
    assert_eq!(app.count("kefu_admin WHERE kind = 1").await, 1);
    for password in ["", "password"] {
        let login = json!({"username": format!("\u{1}key {id}"), "password": password});
        assert_ne!(app.anonymous().post(path::LOGIN, login).await.code, 0);
    }
    let bot = names[0]["id"].as_i64().unwrap() + 1;
    let role = owner.get("/admin-api/system/role/simple-list").await.ok()[0]["id"].clone();
    let assign = json!({"userId": bot, "roleIds": [role]});
    assert_eq!(owner.post("/admin-api/system/permission/assign-user-role", assign).await.code, 400);
    assert_eq!(owner.delete(&format!("/admin-api/system/user/delete?id={bot}")).await.code, 400);
    app.stop().await;
}

#[tokio::test]
async fn a_program_ends_the_sessions_of_a_member() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let shop = shop(&app).await;
    let mut socket = member.socket("").await;
    assert_eq!(shop.delete("/open-api/members/1001/sessions").await.ok(), true);
    assert_eq!(socket.close_code().await, Some(4002));
    member.get(path::MEMBER_PROFILE).await.fails(401, "账号未登录");
    refused(shop.delete("/open-api/members/4711/sessions").await, 404, "会员不存在");
    app.stop().await;
}

#[tokio::test]
async fn each_key_may_call_so_often() {
    let app = TestApp::spawn_with(|settings| settings.limits.api_key_calls_per_minute = 2).await;
    let owner = app.owner().await;
    let (one, other) = (shop(&app).await, program(&app, &make(&owner, &SCOPES).await.1));
    one.put_json(&member("1001"), json!({})).await.ok();
    says(&one, "1001", shipped("a", "hi")).await.ok();
    let reply = one.request(Method::GET, &member("1001")).send().await.unwrap();
    assert_eq!(
        (reply.status(), reply.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::TOO_MANY_REQUESTS, "30")
    );
    other.get(&member("1001")).await.ok();
    app.clock.advance(30_000);
    one.get(&member("1001")).await.ok();
    app.stop().await;
}
