//! Tokens that the shop knows and nobody has signed: the stock clients behind a yudao gateway, with the tokens they have.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use kefu::settings::IntrospectionKind;
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::process::lasting_address;
use crate::support::shop::{Asked, Shop, envelope};
use crate::support::{START, TestApp, User, eventually, path};

const CHECK: &str = "/rpc-api/system/oauth2/token/check";
const LOGOUT: &str = "/app-api/member/auth/logout";

const MEMBER: &str = "6e1b2f0c9d8a4b7c8d1e2f3a4b5c6d7e";
const AGENT: &str = "0f9e8d7c6b5a49382716f5e4d3c2b1a0";
const BOSS: &str = "aaaabbbbccccddddeeeeffff00001111";
const CLERK: &str = "1234123412341234abcdabcdabcdabcd";

/// What the token check of a yudao of today says.
fn checked(user: i64, user_type: i64, nickname: &str) -> Value {
    json!({
        "userId": user, "userType": user_type, "tenantId": 1, "userInfo": {"nickname": nickname, "deptId": "103"},
        "scopes": [], "expiresTime": START + 7_200_000,
    })
}

/// What yudao's console is told of a bearer.
fn permissions(names: &[&str], roles: &[&str]) -> Value {
    json!({"user": {"id": 9, "nickname": "x"}, "roles": roles, "permissions": names, "menus": []})
}

/// A yudao with one member, an agent, a super admin, and an admin who has nothing to do with customers.
fn yudao(asked: &Asked) -> (u16, String) {
    let token = |name: &str| asked.line.ends_with(&format!("accessToken={name}"));
    let bearer = asked.headers.get("authorization").map(String::as_str).unwrap_or_default();
    let held = |name: &str| bearer == format!("Bearer {name}");
    if asked.line.starts_with("GET /admin-api/system/auth/get-permission-info") {
        return envelope(match () {
            () if held(AGENT) => {
                permissions(&["promotion:kefu-message:send", "promotion:kefu-message:query"], &["service"])
            }
            () if held(BOSS) => permissions(&["system:user:query"], &["super_admin"]),
            () => permissions(&["trade:order:query"], &["warehouse"]),
        });
    }
    match () {
        () if token(MEMBER) => envelope(checked(247, 1, "小明")),
        () if token(AGENT) => envelope(checked(12, 2, "小红")),
        () if token(BOSS) => envelope(checked(1, 2, "芋道")),
        () if token(CLERK) => envelope(checked(13, 2, "仓管")),
        () => (200, json!({"code": 401, "data": null, "msg": "访问令牌不存在"}).to_string()),
    }
}

async fn app(shop: &Shop) -> TestApp {
    app_at(shop.url(CHECK), IntrospectionKind::Yudao).await
}

async fn app_at(url: String, kind: IntrospectionKind) -> TestApp {
    TestApp::spawn_with(|settings| {
        settings.auth.introspection.url = Some(url);
        settings.auth.introspection.kind = kind;
        // Sockets stay open while a test moves the clock by a minute.
        settings.push.idle_timeout_s = 600;
    })
    .await
}

fn bearer(app: &TestApp, token: &str) -> User {
    let tokens = json!({"userId": 1, "accessToken": token, "refreshToken": token, "expiresTime": 0});
    app.user_with(serde_json::from_value(tokens).unwrap())
}

/// How often a token was asked about.
fn asked(shop: &Shop, token: &str) -> usize {
    shop.questions().iter().filter(|asked| asked.line.contains(CHECK) && asked.line.contains(token)).count()
}

#[tokio::test]
async fn member_and_agent_chat_with_the_tokens_of_their_yudao() {
    let shop = Shop::start(yudao).await;
    let app = app(&shop).await;
    let (member, agent) = (bearer(&app, MEMBER), bearer(&app, AGENT));
    let own = member.get(path::MEMBER_PROFILE).await.ok();
    assert_eq!((&own["id"], &own["nickname"]), (&json!(247), &json!("小明")));
    let mut agents = agent.socket("").await;
    let mut members = member.socket("").await;
    member.says("在吗").await;
    agents.expect("kefu_conversation_created").await;
    assert_eq!(agents.expect("kefu_message_type").await["senderId"], 247);
    let conversation = agent.conversations().await[0]["id"].as_i64().unwrap();
    agent.answers(conversation, "在的").await;
    // The own message comes first.
    members.expect("kefu_message_type").await;
    assert_eq!(members.expect("kefu_message_type").await["senderNickname"], "小红");
    let first = &shop.questions()[0];
    assert_eq!(first.line, format!("GET {CHECK}?accessToken={MEMBER}"));
    assert_eq!(first.headers.get("tenant-id").map(String::as_str), Some("1"));
    let info = agent.get(path::PERMISSION_INFO).await.ok();
    assert_eq!((&info["roles"], &info["user"]["nickname"]), (&json!(["agent"]), &json!("小红")));
    // What an agent may not do.
    agent.get(path::API_KEY_LIST).await.fails(403, "没有该操作权限");
    members.close().await;
    agents.close().await;
    app.stop().await;
}

#[tokio::test]
async fn permissions_of_the_shop_become_roles_and_what_is_none_of_ours_opens_nothing() {
    let shop = Shop::start(yudao).await;
    let app = app(&shop).await;
    let boss = bearer(&app, BOSS);
    assert_eq!(boss.get(path::PERMISSION_INFO).await.ok()["roles"], json!(["super_admin"]));
    bearer(&app, CLERK).get(path::CONVERSATIONS).await.fails(403, "没有该操作权限");
    // Nobody is made who may do nothing.
    let people = boss.get("/admin-api/system/user/page?pageNo=1&pageSize=10").await.ok();
    assert_eq!((&people["total"], &people["list"][1]["username"]), (&json!(2), &json!("shop:1")));
    assert_eq!(app.count("kefu_audit WHERE action = 'create' AND actor = 'shop'").await, 1);
    // No token of the shop is an account's password.
    let login = json!({"username": "shop:1", "password": BOSS});
    assert_eq!(app.anonymous().post(path::LOGIN, login).await.code, 1_002_000_000);
    app.stop().await;
}

#[tokio::test]
async fn an_answer_is_believed_for_a_minute_and_a_refusal_for_seconds_and_a_burst_asks_once() {
    let gone = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&gone);
    let shop = Shop::start(move |asked| {
        if ended.load(Ordering::SeqCst) { (200, json!({"code": 401, "data": null}).to_string()) } else { yudao(asked) }
    })
    .await;
    let app = app(&shop).await;
    let member = bearer(&app, MEMBER);
    let burst = (0..20).map(|_| member.get(path::MEMBER_PROFILE));
    assert!(futures_util::future::join_all(burst).await.iter().all(|reply| reply.code == 0));
    assert_eq!(asked(&shop, MEMBER), 1);
    gone.store(true, Ordering::SeqCst);
    app.clock.advance(59_999);
    assert_eq!(member.get(path::MEMBER_PROFILE).await.code, 0);
    assert_eq!(asked(&shop, MEMBER), 1);
    app.clock.advance(5001);
    assert_eq!(member.get(path::MEMBER_PROFILE).await.code, 401);
    assert_eq!(member.get(path::MEMBER_PROFILE).await.code, 401);
    assert_eq!(asked(&shop, MEMBER), 2);
    app.clock.advance(5000);
    assert_eq!(member.get(path::MEMBER_PROFILE).await.code, 401);
    assert_eq!(asked(&shop, MEMBER), 3);
    app.stop().await;
}

#[tokio::test]
async fn a_shop_that_is_away_or_answers_nonsense_is_no_reason_to_say_that_a_token_is_bad() {
    let address = lasting_address().await;
    let app = app_at(format!("http://{address}{CHECK}"), IntrospectionKind::Yudao).await;
    assert_eq!(bearer(&app, MEMBER).get(path::MEMBER_PROFILE).await.code, 503);
    assert_eq!(app.handshake(&format!("token={MEMBER}")).await, 503);
    let answers = [
        (500, String::new()),
        (302, String::new()),
        (200, "<html>".to_owned()),
        (200, "[]".to_owned()),
        (200, json!({"code": 500, "msg": "x"}).to_string()),
        (200, format!("{{\"code\":0,\"data\":{{\"userId\":5}},\"msg\":\"{}\"}}", "x".repeat(300_000))),
    ];
    let answers = Arc::new(Mutex::new(answers.to_vec()));
    let left = Arc::clone(&answers);
    let shop = Shop::start_at(&address, move |_| left.lock().unwrap().pop().unwrap()).await;
    while !answers.lock().unwrap().is_empty() {
        app.clock.advance(1000);
        assert_eq!(bearer(&app, MEMBER).get(path::MEMBER_PROFILE).await.code, 503);
    }
    // After a question without an answer there is a pause: it is not asked by every call.
    assert_eq!(bearer(&app, MEMBER).get(path::MEMBER_PROFILE).await.code, 503);
    assert_eq!(shop.connections(), 6);
    app.stop().await;
}

#[tokio::test]
async fn an_answer_that_does_not_say_whose_a_token_is_holds_nobody_else_up() {
    let shop = Shop::start(|asked| {
        let odd = [
            ("null", json!({"code": 0, "data": null})),
            ("nobody", json!({"code": 0, "data": {"userId": null, "userType": 1}})),
            ("tenant", json!({"code": 0, "data": {"userId": 5, "userType": 1, "tenantId": 0}})),
            ("expired", json!({"code": 1_002_015_000, "data": null, "msg": "租户已过期"})),
            ("third", json!({"code": 0, "data": {"userId": 5, "userType": 3}})),
        ];
        let answer = odd.iter().find(|(token, _)| asked.line.ends_with(&format!("accessToken={token}")));
        answer.map_or_else(|| yudao(asked), |(_, answer)| (200, answer.to_string()))
    })
    .await;
    let app = app(&shop).await;
    for (token, code) in [("null", 503), ("nobody", 503), ("tenant", 503), ("expired", 503), ("third", 401)] {
        assert_eq!(bearer(&app, token).get(path::MEMBER_PROFILE).await.code, code, "{token}");
    }
    assert_eq!(bearer(&app, MEMBER).get(path::MEMBER_PROFILE).await.code, 0);
    app.stop().await;
}

#[tokio::test]
async fn texts_that_nobody_knows_do_not_keep_those_waiting_whom_the_shop_knows() {
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let shop = Shop::start(move |asked| {
        if failing.load(Ordering::SeqCst) && !asked.line.ends_with(MEMBER) {
            (503, String::new())
        } else {
            yudao(asked)
        }
    })
    .await;
    let app = app(&shop).await;
    assert_eq!(bearer(&app, MEMBER).get(path::MEMBER_PROFILE).await.code, 0);
    fails.store(true, Ordering::SeqCst);
    app.clock.advance(61_000);
    assert_eq!(bearer(&app, "made-up").get(path::MEMBER_PROFILE).await.code, 503);
    assert_eq!(bearer(&app, AGENT).get(path::PERMISSION_INFO).await.code, 503, "the pause of those who are not known");
    assert_eq!(bearer(&app, MEMBER).get(path::MEMBER_PROFILE).await.code, 0);
    assert_eq!((asked(&shop, MEMBER), asked(&shop, AGENT)), (2, 0));
    app.stop().await;
}

#[tokio::test]
async fn an_open_socket_ends_with_its_token_at_the_shop_and_not_with_the_shop() {
    let state = Arc::new(Mutex::new("valid"));
    let now = Arc::clone(&state);
    let shop = Shop::start(move |asked| match *now.lock().unwrap() {
        "valid" => yudao(asked),
        "away" => (502, String::new()),
        _ => (200, json!({"code": 401, "data": null}).to_string()),
    })
    .await;
    let app = app(&shop).await;
    let (member, agent) = (bearer(&app, MEMBER), bearer(&app, AGENT));
    let (mut members, mut agents) = (member.socket("").await, agent.socket("").await);
    *state.lock().unwrap() = "away";
    app.clock.advance(61_000);
    // One of the two is asked about; the other one may find the pause.
    eventually("the shop is asked again", async || shop.connections() >= 4).await;
    *state.lock().unwrap() = "valid";
    app.clock.advance(6000);
    member.says("still there?").await;
    agents.expect("kefu_conversation_created").await;
    agents.expect("kefu_message_type").await;
    members.expect("kefu_message_type").await;
    *state.lock().unwrap() = "ended";
    app.clock.advance(61_000);
    assert_eq!((members.close_code().await, agents.close_code().await), (Some(4002), Some(4002)));
    app.stop().await;
}

#[tokio::test]
async fn a_member_who_logs_out_here_is_out_though_the_shop_knows_nothing_of_it() {
    let shop = Shop::start(yudao).await;
    let app = app(&shop).await;
    let (member, boss) = (bearer(&app, MEMBER), bearer(&app, BOSS));
    let mut socket = member.socket("").await;
    member.post(LOGOUT, json!({})).await.ok();
    assert_eq!(socket.close_code().await, Some(4002));
    assert_eq!(member.get(path::MEMBER_PROFILE).await.code, 401);
    boss.get(path::PERMISSION_INFO).await.ok();
    boss.post("/admin-api/system/auth/logout", json!({})).await.ok();
    assert_eq!(boss.get(path::PERMISSION_INFO).await.code, 401);
    assert_eq!(asked(&shop, BOSS), 1);
    app.stop().await;
}

#[tokio::test]
async fn roles_follow_the_shop_at_open_sockets_and_the_last_owner_stays_one() {
    let demoted = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&demoted);
    let shop = Shop::start(move |asked| {
        if now.load(Ordering::SeqCst) && asked.line.contains("get-permission-info") {
            return envelope(permissions(&["promotion:kefu-conversation:query"], &[]));
        }
        yudao(asked)
    })
    .await;
    let app = app(&shop).await;
    let (boss, agent) = (bearer(&app, BOSS), bearer(&app, AGENT));
    boss.get(path::PERMISSION_INFO).await.ok();
    agent.get(path::PERMISSION_INFO).await.ok();
    // The account of the first start.
    let first = json!({"id": 1, "status": 1});
    boss.put_json("/admin-api/system/user/update-status", first).await.ok();
    demoted.store(true, Ordering::SeqCst);
    app.clock.advance(61_000);
    assert_eq!(agent.get(path::PERMISSION_INFO).await.ok()["roles"], json!(["viewer"]));
    assert_eq!(
        agent.post(path::ADMIN_SEND, json!({"conversationId": 1, "contentType": 1, "content": "x"})).await.code,
        403
    );
    assert_eq!(boss.get(path::PERMISSION_INFO).await.ok()["roles"], json!(["super_admin"]));
    // Of two owners one may go.
    let owner = app.admin("zoe", Role::Owner).await;
    app.clock.advance(61_000);
    assert_eq!(boss.get(path::PERMISSION_INFO).await.ok()["roles"], json!(["viewer"]));
    assert_eq!(app.count("kefu_audit WHERE action = 'update' AND actor = 'shop'").await, 2);
    // An account that is disabled here stays so, whatever the shop says.
    let user = boss.get(path::PERMISSION_INFO).await.ok()["user"]["id"].clone();
    owner.put_json("/admin-api/system/user/update-status", json!({"id": user, "status": 1})).await.ok();
    // Not 401: the stock console would get itself another token, for ever.
    assert_eq!(boss.get(path::PERMISSION_INFO).await.code, 403);
    app.stop().await;
}

#[tokio::test]
async fn a_second_factor_is_the_business_of_the_shop() {
    let shop = Shop::start(yudao).await;
    let app = app(&shop).await;
    let (owner, agent) = (app.owner().await, bearer(&app, AGENT));
    let mut socket = agent.socket("").await;
    let roles = owner.get("/admin-api/system/role/simple-list").await.ok();
    let role = roles.as_array().unwrap().iter().find(|role| role["code"] == "agent").unwrap();
    let change = json!({"id": role["id"], "secondFactor": true});
    owner.put_json("/admin-api/system/role/update", change).await.ok();
    app.member(7).await.says("still there?").await;
    socket.expect("kefu_conversation_created").await;
    socket.expect("kefu_message_type").await;
    assert_eq!(agent.get(path::CONVERSATIONS).await.code, 0);
    socket.close().await;
    app.stop().await;
}

#[tokio::test]
async fn a_token_that_may_do_nothing_here_takes_no_right_from_another_one() {
    let shop = Shop::start(|asked| {
        let scope = if asked.body == "token=chat" { "promotion:kefu-message:send" } else { "openid" };
        (200, json!({"active": true, "sub": "a-7", "user_type": 2, "scope": scope}).to_string())
    })
    .await;
    let app = app_at(shop.url("/introspect"), IntrospectionKind::Rfc7662).await;
    let (chat, other) = (bearer(&app, "chat"), bearer(&app, "other"));
    for _ in 0..2 {
        assert_eq!(chat.get(path::PERMISSION_INFO).await.ok()["roles"], json!(["agent"]));
        assert_eq!(other.get(path::PERMISSION_INFO).await.code, 403);
        app.clock.advance(61_000);
    }
    assert_eq!(app.count("kefu_audit WHERE actor = 'shop'").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn rfc_7662_is_asked_with_a_form_and_the_name_of_the_service() {
    let shop = Shop::start(|asked| {
        let answer = match asked.body.as_str() {
            "token=member%2Btoken" => json!({"active": true, "sub": "u-7", "name": "Mia", "picture": "http://x/7.png"}),
            "token=admin.token" => json!({
                "active": true, "sub": "a-7", "user_type": 2, "username": "amy", "scope": "openid promotion:kefu-message:send",
                "exp": START / 1000 + 90,
            }),
            _ => json!({"active": false}),
        };
        (200, answer.to_string())
    })
    .await;
    let url = shop.url("/oauth2/introspect");
    let app = TestApp::spawn_with(|settings| {
        settings.auth.introspection.url = Some(url);
        settings.auth.introspection.client_id = Some("kefu".into());
        settings.auth.introspection.client_secret = Some("s3cret of the shop".into());
    })
    .await;
    let member = bearer(&app, "member+token").get(path::MEMBER_PROFILE).await.ok();
    assert_eq!((&member["nickname"], &member["avatar"]), (&json!("Mia"), &json!("http://x/7.png")));
    let asked = shop.questions().remove(0);
    assert_eq!(asked.line, "POST /oauth2/introspect");
    assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(asked.headers["authorization"], "Basic a2VmdTpzM2NyZXQgb2YgdGhlIHNob3A=");
    let admin = bearer(&app, "admin.token");
    assert_eq!(admin.get(path::PERMISSION_INFO).await.ok()["roles"], json!(["agent"]));
    bearer(&app, "other").get(path::MEMBER_PROFILE).await.fails(401, "账号未登录");
    // A token ends when the shop says, also within the minute.
    app.clock.advance(30_000);
    assert_eq!(admin.get(path::PERMISSION_INFO).await.code, 0);
    app.clock.advance(60_000);
    assert_eq!(admin.get(path::PERMISSION_INFO).await.code, 401);
    let asked = shop.questions().len();
    for none in ["ü", &"x".repeat(4097)] {
        assert_ne!(bearer(&app, none).get(path::MEMBER_PROFILE).await.code, 0);
    }
    assert_eq!(shop.questions().len(), asked, "what is no token is not asked");
    app.stop().await;
}

#[tokio::test]
async fn own_tokens_and_those_of_a_known_key_are_asked_of_nobody() {
    let shop = Shop::start(yudao).await;
    let url = shop.url(CHECK);
    let app = TestApp::spawn_with(|settings| {
        settings.auth.introspection.url = Some(url);
        settings.auth.introspection.kind = IntrospectionKind::Yudao;
        settings.auth.member_token.secret = Some("a secret shared with the integrator".into());
    })
    .await;
    app.member(7).await.says("hi").await;
    app.owner().await.conversations().await;
    let claims = json!({"sub": "8", "exp": START / 1000 + 60});
    let key = jsonwebtoken::EncodingKey::from_secret(b"a secret shared with the integrator");
    let signed = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    bearer(&app, &signed).get(path::MEMBER_PROFILE).await.ok();
    let other = jsonwebtoken::EncodingKey::from_secret(b"a secret that this service does not know");
    let forged = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &other).unwrap();
    assert_eq!(bearer(&app, &forged).get(path::MEMBER_PROFILE).await.code, 401);
    // A key of a program on a wrong path stays here.
    let key = app.owner().await.post(path::API_KEY_CREATE, json!({"name": "shop", "scopes": ["member"]})).await.ok();
    assert_eq!(bearer(&app, key["secret"].as_str().unwrap()).get(path::MEMBER_PROFILE).await.code, 401);
    assert!(shop.questions().is_empty());
    // One that is signed as no key of ours could is the shop's to know.
    let es512 = "eyJhbGciOiJFUzUxMiJ9.eyJzdWIiOiI4In0.AAAA";
    assert_eq!(bearer(&app, es512).get(path::MEMBER_PROFILE).await.code, 401);
    assert_eq!(asked(&shop, es512), 1);
    bearer(&app, MEMBER).get(path::MEMBER_PROFILE).await.ok();
    eventually("the opaque one was asked", async || asked(&shop, MEMBER) == 1).await;
    app.stop().await;
}
