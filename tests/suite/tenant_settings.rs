//! What a tenant sets for itself: over HTTP and the command line, at all nodes at once.

use kefu::id::TenantId;
use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::process::{done, failed};
use crate::support::{TENANT, TestApp, User, eventually};

const GET: &str = "/admin-api/promotion/kefu-setting/get";
const UPDATE: &str = "/admin-api/promotion/kefu-setting/update";

/// The defaults of rounds of service.
fn routing() -> Value {
    json!({
        "mode": "off", "autoAccept": true, "autoDuty": true, "capacity": 5, "maxWait": 0, "missedTtl": 604_800,
        "offerTimeout": 30, "offlineGrace": 60, "toasts": false, "visibility": "all"
    })
}

async fn settings(admin: &User) -> Value {
    admin.get(GET).await.ok()
}

#[tokio::test]
async fn an_owner_reads_and_changes_the_settings_of_the_own_tenant() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let stranger = app.admin_of(TenantId::new(2), "two", Role::Owner).await;
    let changed =
        json!({"audit": {"keepDays": 365}, "login": {"ttl": 900}, "message": {"typing": false}, "routing": routing()});
    let defaults =
        json!({"audit": {"keepDays": 365}, "login": {"ttl": 0}, "message": {"typing": true}, "routing": routing()});
    assert_eq!(settings(&owner).await, defaults);

    assert_eq!(owner.put_json(UPDATE, json!({"message": {"typing": false}})).await.ok(), true);
    assert_eq!(owner.put_json(UPDATE, json!({"login": {"ttl": 900}})).await.ok(), true);
    assert_eq!(owner.put_json(UPDATE, json!({})).await.ok(), true);
    assert_eq!(settings(&owner).await, changed);
    assert_eq!(settings(&stranger).await, defaults);

    for (change, code, msg) in [
        (json!({"login": {"ttl": 5}}), 400, "请求参数不正确:login.ttl 须为 0 或 300 至 315360000 的整数"),
        (json!({"login": {"ttl": 600}, "message": {"typing": 1}}), 400, "请求参数类型错误:message.typing"),
        (json!({"login": {"ttl": 600}, "massage": {}}), 400, "请求参数不正确:没有设置项 massage"),
        (json!([]), 400, "请求参数类型错误:request body"),
    ] {
        owner.put_json(UPDATE, change).await.fails(code, msg);
    }
    assert_eq!(settings(&owner).await, changed);

    for role in [Role::Agent, Role::Viewer] {
        let other = app.admin(role.as_str(), role).await;
        other.get(GET).await.fails(403, "没有该操作权限");
        other.put_json(UPDATE, json!({})).await.fails(403, "没有该操作权限");
    }
    let app = app.restart().await;
    let owner = app.owner().await;
    assert_eq!(settings(&owner).await, changed);
    app.stop().await;
}

#[tokio::test]
async fn updates_of_different_keys_at_once_are_all_kept() {
    let app = TestApp::spawn().await;
    let other = app.another_node(|_| ()).await;
    let owner = app.owner().await;
    let there = owner.at_node(&other);
    for round in 0..3 {
        let (ttl, typing) = (300 + round, round % 2 == 0);
        let (one, two) = tokio::join!(
            owner.put_json(UPDATE, json!({"login": {"ttl": ttl}})),
            there.put_json(UPDATE, json!({"message": {"typing": typing}})),
        );
        one.ok();
        two.ok();
        let expected = json!({"audit": {"keepDays": 365}, "login": {"ttl": ttl}, "message": {"typing": typing}, "routing": routing()});
        for admin in [&owner, &there] {
            eventually("both nodes have both", async || settings(admin).await == expected).await;
        }
    }
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn the_command_line_reaches_a_running_service() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let (folder, url) = (app.settings.data_dir.parent().unwrap(), app.settings.database_url());
    let command = async |line: &str| {
        let arguments: Vec<&str> = line.split(' ').chain(["--database-url", &url]).collect();
        done(folder, &arguments, "").await
    };
    assert_eq!(
        command("tenant get").await,
        "audit.keepDays\t365\nlogin.ttl\t0\nmessage.typing\ttrue\nrouting.autoAccept\ttrue\nrouting.autoDuty\ttrue\n\
         routing.capacity\t5\nrouting.maxWait\t0\nrouting.missedTtl\t604800\nrouting.mode\toff\nrouting.offerTimeout\t30\n\
         routing.offlineGrace\t60\nrouting.toasts\tfalse\nrouting.visibility\tall\n"
    );
    assert_eq!(settings(&owner).await["login"]["ttl"], 0);
    assert_eq!(command("tenant set login.ttl 600").await, "set login.ttl to 600\n");
    assert_eq!(command("tenant get login.ttl").await, "600\n");
    assert_eq!(command("tenant get login.ttl --tenant 2").await, "0\n");
    app.clock.advance(1000);
    eventually("the service has it", async || settings(&owner).await["login"]["ttl"] == 600).await;
    for (line, why) in [
        (
            "tenant get nothing",
            "there is no setting nothing; there are: audit.keepDays, login.ttl, message.typing, routing.autoAccept",
        ),
        ("tenant set nothing 1", "there is no setting nothing"),
        ("tenant set login.ttl 1", "login.ttl must be 0 or a whole number from 300 to 315360000"),
        ("tenant set login.ttl soon", "login.ttl"),
    ] {
        let arguments: Vec<&str> = line.split(' ').chain(["--database-url", &url]).collect();
        let refused = failed(folder, &arguments, "").await;
        assert!(refused.contains(why), "{line}: {refused}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_has_gone_back_is_believed() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    for ttl in [600, 900] {
        owner.put_json(UPDATE, json!({"login": {"ttl": ttl}})).await.ok();
    }
    app.clock.advance(1000);
    assert_eq!(settings(&owner).await["login"]["ttl"], 900);
    // As after a failover to a server that has not got the last change.
    app.execute("UPDATE kefu_tenant SET settings = '{\"login\":{\"ttl\":600}}', change_no = change_no - 1");
    app.clock.advance(1000);
    eventually("the older state counts", async || settings(&owner).await["login"]["ttl"] == 600).await;
    // A number that comes again.
    owner.put_json(UPDATE, json!({"login": {"ttl": 1200}})).await.ok();
    assert_eq!(settings(&owner).await["login"]["ttl"], 1200);
    app.stop().await;
}

#[tokio::test]
async fn a_member_sees_an_admin_type_unless_the_tenant_does_not_want_it() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    member.says("hi").await;
    let id = member.own_conversation().await;
    let (mut hears, mut types) = (member.socket("").await, owner.socket("").await);
    let typing = json!({"type": "kefu_typing", "content": json!({"conversationId": id}).to_string()}).to_string();
    types.send(&typing).await;
    assert_eq!(types.events_so_far().await, []);
    assert_eq!(hears.events_so_far().await.len(), 1);

    owner.put_json(UPDATE, json!({"message": {"typing": false}})).await.ok();
    app.clock.advance(5000);
    types.send(&typing).await;
    assert_eq!((types.events_so_far().await, hears.events_so_far().await), (vec![], vec![]));

    // The admins still see the member.
    hears.send(r#"{"type":"kefu_typing"}"#).await;
    assert_eq!(hears.events_so_far().await, []);
    assert_eq!(types.events_so_far().await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn an_admins_login_ends_when_the_tenant_says() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    owner.put_json(UPDATE, json!({"login": {"ttl": 900}})).await.ok();
    let (admin, member) = (app.admin("short", Role::Owner).await, app.member(1001).await);
    let refresh = async |user: &User, side: &str| {
        let path = format!("{side}/auth/refresh-token?refreshToken={}", user.refresh_token());
        user.post(&path, json!({})).await
    };
    app.clock.advance(899_000);
    admin.conversations().await;
    let refreshed = refresh(&admin, "/admin-api/system").await.ok();
    assert!(refreshed["expiresTime"].as_i64().unwrap() <= app.clock.now() + 1000, "{refreshed}");
    app.clock.advance(2000);
    admin.get(GET).await.fails(401, "账号未登录");
    refresh(&admin, "/admin-api/system").await.fails(401, "刷新令牌已过期");
    // Members, and logins from before, last as long as the service's settings say.
    refresh(&member, "/app-api/member").await.ok();
    refresh(&owner, "/admin-api/system").await.ok();
    app.stop().await;
}

#[tokio::test]
async fn a_tenant_has_one_row_from_its_first_user_on() {
    let app = TestApp::spawn().await;
    assert_eq!(app.count("kefu_tenant").await, 1);
    let users = (0..8).map(|id| app.member_of(TenantId::new(7), 1001 + id));
    futures_util::future::join_all(users).await;
    app.admin_of(TenantId::new(8), "eight", Role::Agent).await;
    app.admin_of(TENANT, "one", Role::Agent).await;
    assert_eq!(app.count("kefu_tenant").await, 3);
    assert_eq!(app.count("kefu_tenant WHERE id = tenant_id AND id IN (1, 7, 8)").await, 3);
    app.stop().await;
}
