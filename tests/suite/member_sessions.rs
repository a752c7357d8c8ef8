//! The end of all sessions of a member by an admin.

use jsonwebtoken::{EncodingKey, Header, encode};
use kefu::id::TenantId;
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::{Redis, Reply, SITE, START, Site, Socket, TestApp, User, eventually, path};

const SHARED: &str = "a secret shared with the integrator";
/// The login was ended.
const LOGGED_OUT: Option<u16> = Some(4002);

async fn app() -> TestApp {
    TestApp::spawn_with(|settings| settings.auth.member_token.secret = Some(SHARED.into())).await
}

/// A member who comes with a token of these claims.
fn bearer(app: &TestApp, claims: Value) -> User {
    let mut all = json!({"sub": "1001", "exp": START / 1000 + 3600});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let token = encode(&Header::default(), &all, &EncodingKey::from_secret(SHARED.as_bytes())).unwrap();
    let tokens = json!({"userId": 1001, "accessToken": token, "refreshToken": token, "expiresTime": 0});
    app.user_with(serde_json::from_value(tokens).unwrap())
}

async fn ends(admin: &User, member: i64) -> Reply {
    admin.delete(&format!("{}?userId={member}", path::MEMBER_SESSIONS)).await
}

async fn is_refused(user: &User) -> bool {
    match user.get(path::MEMBER_PROFILE).await.code {
        0 => false,
        401 => true,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn logins_and_tokens_that_were_there_end_and_later_ones_are_good() {
    let app = app().await;
    let owner = app.owner().await;
    let issued = START / 1000;
    let all = [
        app.member(1001).await,
        app.member(1001).await,
        bearer(&app, json!({"iat": issued})),
        bearer(&app, json!({"iat": issued, "sid": "phone"})),
        bearer(&app, json!({"jti": "says no time"})),
    ];
    let stranger = app.member(1002).await;
    let mut sockets = Vec::new();
    for user in &all {
        sockets.push(user.socket("").await);
    }
    let mut strangers = stranger.socket("").await;
    assert_eq!(ends(&owner, 1001).await.ok(), json!(true));
    for (user, mut socket) in all.iter().zip(sockets) {
        assert_eq!(socket.close_code().await, LOGGED_OUT);
        assert!(is_refused(user).await);
        assert_eq!(app.handshake(&format!("token={}", user.access_token())).await, 401);
    }
    assert!(!is_refused(&stranger).await);
    assert!(strangers.events_so_far().await.is_empty(), "another member's socket stays");
    app.clock.advance(1000);
    let again = [app.member(1001).await, bearer(&app, json!({"iat": issued + 1}))];
    for user in &again {
        assert!(!is_refused(user).await);
    }
    let app = app.restart().await;
    assert!(is_refused(&all[2].at_node(&app)).await && !is_refused(&again[1].at_node(&app)).await, "for good");
    app.stop().await;
}

#[tokio::test]
async fn a_visitor_is_ended_as_any_member() {
    let app = TestApp::spawn().await;
    let (owner, site) = (app.owner().await, Site::new(&app, &app.owner().await).await);
    let visitor = site.visitor().await;
    visitor.says("hi").await;
    let mut socket = visitor.socket_from(&app, Some(SITE)).await.unwrap();
    ends(&owner, visitor.id()).await.ok();
    assert_eq!(socket.close_code().await, LOGGED_OUT);
    assert!(is_refused(&visitor).await);
    app.stop().await;
}

#[tokio::test]
async fn another_node_closes_what_was_there() {
    let redis = Redis::spawn().await;
    let a = TestApp::spawn_with(crate::relay::by(redis.url())).await;
    let b = a.another_node(|_| {}).await;
    let (owner, member) = (a.owner().await, a.member(1001).await);
    let there = member.at_node(&b);
    let mut socket = Socket::open(&b.socket_url(&format!("token={}", member.access_token()))).await.unwrap();
    ends(&owner, member.id()).await.ok();
    assert_eq!(socket.close_code().await, LOGGED_OUT);
    // The clock stands still: no trust has expired.
    eventually("the end is known at the other node", async || is_refused(&there).await).await;
    b.stop().await;
    a.stop().await;
}

#[tokio::test]
async fn owners_may_end_those_of_members_of_their_tenant_who_exist() {
    let app = TestApp::spawn().await;
    let (owner, member) = (app.owner().await, app.member(1001).await);
    for role in [Role::Agent, Role::Viewer] {
        let admin = app.admin(role.as_str(), role).await;
        ends(&admin, member.id()).await.fails(403, "没有该操作权限");
    }
    let other = app.admin_of(TenantId::new(2), "other", Role::Owner).await;
    ends(&other, member.id()).await.fails(400, "请求参数不正确:会员不存在");
    ends(&owner, 4711).await.fails(400, "请求参数不正确:会员不存在");
    assert!(!is_refused(&member).await);
    app.stop().await;
}

#[tokio::test]
async fn the_list_of_members_says_who_is_blocked() {
    let app = TestApp::spawn().await;
    let (owner, member) = (app.owner().await, app.member(1001).await);
    let row = async || owner.get(path::MEMBER_PAGE).await.ok()["list"][0].clone();
    assert_eq!(row().await.get("blocked"), None);
    owner.put_json(path::MEMBER_BLOCK, json!({"userId": member.id(), "blocked": true})).await.ok();
    assert_eq!(row().await["blocked"], true);
    owner.put_json(path::MEMBER_BLOCK, json!({"userId": member.id(), "blocked": false})).await.ok();
    assert_eq!(row().await.get("blocked"), None);
    app.stop().await;
}
