//! Roles are rows: rights add up, reach every login, socket and node at once, and leave an owner (docs/contract.md#accounts).

use kefu::testing::access::{Permission, Role};
use serde_json::{Value, json};

use crate::support::{TestApp, User, eventually, path};

const ROLE: &str = "/admin-api/system/role";
const USER: &str = "/admin-api/system/user";
const ASSIGN: &str = "/admin-api/system/permission/assign-user-role";
const HOLD: &str = "/admin-api/system/permission/assign-role-permission";

const QUERY: &str = "promotion:kefu-message:query";
const SEND: &str = "promotion:kefu-message:send";
const LIST: &str = "promotion:kefu-conversation:query";

async fn make(owner: &User, name: &str, permissions: &[&str]) -> i64 {
    let role = json!({"name": name, "permissions": permissions});
    owner.post(&format!("{ROLE}/create"), role).await.ok().as_i64().unwrap()
}

/// The number of one of the three.
async fn built_in(owner: &User, code: &str) -> i64 {
    let roles = owner.get(&format!("{ROLE}/simple-list")).await.ok();
    let found = roles.as_array().unwrap().iter().find(|role| role["code"] == code);
    found.unwrap_or_else(|| panic!("no {code} in {roles}"))["id"].as_i64().unwrap()
}

async fn info(user: &User) -> Value {
    user.get("/admin-api/system/auth/get-permission-info").await.ok()
}

#[tokio::test]
async fn rights_of_several_roles_add_up() {
    let app = TestApp::spawn().await;
    let (owner, admin) = (app.owner().await, app.admin("one", Role::Viewer).await);
    let [reads, writes] = [make(&owner, "reads", &[QUERY]).await, make(&owner, "writes", &[SEND]).await];
    owner.post(ASSIGN, json!({"userId": admin.id(), "roleIds": [reads, writes]})).await.ok();
    let found = info(&admin).await;
    assert_eq!(found["permissions"], json!([SEND, QUERY]));
    assert_eq!(found["roles"], json!([format!("role-{reads}"), format!("role-{writes}")]));
    let listed = format!("/admin-api/system/permission/list-user-roles?userId={}", admin.id());
    assert_eq!(owner.get(&listed).await.ok(), json!([reads, writes]));

    // A role that is not enabled counts for nothing; it stays assigned.
    owner.put_json(&format!("{ROLE}/update"), json!({"id": writes, "status": 1})).await.ok();
    assert_eq!(info(&admin).await["permissions"], json!([QUERY]));
    owner.put_json(&format!("{ROLE}/update"), json!({"id": writes, "status": 0})).await.ok();
    assert_eq!(info(&admin).await["permissions"], json!([SEND, QUERY]));
    owner.post(ASSIGN, json!({"userId": admin.id(), "roleIds": []})).await.ok();
    let found = info(&admin).await;
    assert_eq!((&found["permissions"], &found["roles"]), (&json!([]), &json!([])));
    assert_eq!(info(&owner).await["roles"], json!(["super_admin"]));
    app.stop().await;
}

#[tokio::test]
async fn a_right_that_is_lost_is_lost_on_every_node_and_by_open_sockets() {
    let a = TestApp::spawn().await;
    let b = a.another_node(|_| {}).await;
    let (owner, admin, member) = (a.owner().await, a.admin("one", Role::Viewer).await, a.member(1001).await);
    let role = make(&owner, "watcher", &[QUERY, LIST]).await;
    owner.post(ASSIGN, json!({"userId": admin.id(), "roleIds": [role]})).await.ok();
    let mut sockets = Vec::new();
    for node in [&a, &b] {
        let user = admin.at_node(node);
        // What the token may do is in this node's memory from now on.
        user.get(path::CONVERSATIONS).await.ok();
        sockets.push(node.user_with(admin.tokens.clone().unwrap()).socket("").await);
    }
    member.says("one").await;
    sockets[0].events_until("kefu_message_type").await;

    owner.post(HOLD, json!({"roleId": role, "permissions": [LIST]})).await.ok();
    // At the node of the change at once.
    member.says("two").await;
    let heard = sockets[0].events_so_far().await;
    assert!(heard.iter().all(|event| event.kind != "kefu_message_type"), "{heard:?}");
    let id = member.own_conversation().await;
    let messages = format!("{}?conversationId={id}", path::ADMIN_LIST);
    for node in [&a, &b] {
        let user = admin.at_node(node);
        eventually("the right is gone", async || {
            node.clock.advance(1000);
            user.get(&messages).await.code == 403
        })
        .await;
        user.get(path::CONVERSATIONS).await.ok();
    }
    let at_b = member.at_node(&b);
    at_b.says("three").await;
    let heard = sockets[1].events_so_far().await;
    assert!(heard.iter().all(|event| !event.content.to_string().contains("three")), "{heard:?}");

    // And comes back to the same sockets.
    owner.post(HOLD, json!({"roleId": role, "permissions": [LIST, QUERY]})).await.ok();
    eventually("the other node's socket hears again", async || {
        b.clock.advance(1000);
        at_b.says("again").await;
        sockets[1].events_so_far().await.iter().any(|event| event.kind == "kefu_message_type")
    })
    .await;
    b.stop().await;
    a.stop().await;
}

#[tokio::test]
async fn the_three_roles_are_fixed_but_for_the_second_factor() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let fixed = "请求参数不正确:不能修改系统内置的角色";
    for code in ["super_admin", "agent", "viewer"] {
        let id = built_in(&owner, code).await;
        let update = format!("{ROLE}/update");
        for change in [json!({"id": id, "name": "other"}), json!({"id": id, "status": 1}), json!({"id": id, "sort": 9})]
        {
            owner.put_json(&update, change).await.fails(400, fixed);
        }
        owner.post(HOLD, json!({"roleId": id, "permissions": [QUERY]})).await.fails(400, fixed);
        owner.delete(&format!("{ROLE}/delete?id={id}")).await.fails(400, fixed);
        // An owner who asks this of owners must set one up before anything else.
        for wanted in [true, false].into_iter().filter(|_| code != "super_admin") {
            owner.put_json(&update, json!({"id": id, "secondFactor": wanted})).await.ok();
            assert_eq!(owner.get(&format!("{ROLE}/get?id={id}")).await.ok()["secondFactor"], json!(wanted));
        }
    }
    let page = owner.get(&format!("{ROLE}/page?pageSize=2")).await.ok();
    assert_eq!((&page["total"], page["list"].as_array().unwrap().len()), (&json!(3), 2));
    assert_eq!(
        (&page["list"][0]["code"], &page["list"][0]["type"], &page["list"][0]["users"]),
        (&json!("super_admin"), &json!(1), &json!(1))
    );
    app.stop().await;
}

#[tokio::test]
async fn a_role_that_is_held_is_not_deleted_and_names_are_unique() {
    let app = TestApp::spawn().await;
    let (owner, one, two) =
        (app.owner().await, app.admin("one", Role::Viewer).await, app.admin("two", Role::Viewer).await);
    let role = make(&owner, "night", &[QUERY]).await;
    for admin in [&one, &two] {
        owner.post(ASSIGN, json!({"userId": admin.id(), "roleIds": [role]})).await.ok();
    }
    let delete = format!("{ROLE}/delete?id={role}");
    owner.delete(&delete).await.fails(400, "请求参数不正确:该角色仍有 2 个账号持有");
    owner.post(ASSIGN, json!({"userId": one.id(), "roleIds": []})).await.ok();
    owner.delete(&delete).await.fails(400, "请求参数不正确:该角色仍有 1 个账号持有");
    owner.post(&format!("{ROLE}/create"), json!({"name": "night"})).await.fails(400, "请求参数不正确:角色名称已存在");
    let code = json!({"name": "other", "code": "agent"});
    owner.post(&format!("{ROLE}/create"), code).await.fails(400, "请求参数不正确:角色编码已存在");
    // What owners are called on the wire.
    let code = json!({"name": "other", "code": "super_admin"});
    owner.post(&format!("{ROLE}/create"), code).await.fails(400, "请求参数不正确:角色编码已存在");
    let unknown = json!({"name": "x", "permissions": ["promotion:kefu-message:no"]});
    owner.post(&format!("{ROLE}/create"), unknown).await.fails(400, "请求参数不正确:没有这样的权限");
    owner.post(ASSIGN, json!({"userId": two.id(), "roleIds": []})).await.ok();
    owner.delete(&delete).await.ok();
    owner.delete(&delete).await.fails(400, "请求参数不正确:角色不存在");
    app.stop().await;
}

#[tokio::test]
async fn nobody_grants_or_touches_what_they_do_not_hold() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let chief = app
        .admin_who_may(
            "chief",
            &[
                Permission::QueryMessages,
                Permission::CreateUsers,
                Permission::UpdateUsers,
                Permission::DeleteUsers,
                Permission::CreateRoles,
                Permission::UpdateRoles,
                Permission::DeleteRoles,
                Permission::AssignPermissions,
            ],
        )
        .await;
    let agent = app.admin("agent", Role::Agent).await;
    let (more, less) = (make(&owner, "more", &[QUERY, SEND]).await, make(&owner, "less", &[QUERY]).await);
    let refused = "没有该操作权限";
    // Roles.
    let role = json!({"name": "mine", "permissions": [SEND]});
    chief.post(&format!("{ROLE}/create"), role).await.fails(403, refused);
    chief.post(HOLD, json!({"roleId": less, "permissions": [QUERY, SEND]})).await.fails(403, refused);
    chief.post(HOLD, json!({"roleId": more, "permissions": [QUERY]})).await.fails(403, refused);
    chief.put_json(&format!("{ROLE}/update"), json!({"id": more, "status": 1})).await.fails(403, refused);
    chief.delete(&format!("{ROLE}/delete?id={more}")).await.fails(403, refused);
    // Accounts.
    chief.post(ASSIGN, json!({"userId": chief.id(), "roleIds": [more]})).await.fails(403, refused);
    let new = |roles: &[i64]| json!({"username": "new", "nickname": "new", "password": "sesame horse battery", "roleIds": roles});
    chief.post(&format!("{USER}/create"), new(&[built_in(&owner, "agent").await])).await.fails(403, refused);
    for who in [agent.id(), owner.id()] {
        chief.post(ASSIGN, json!({"userId": who, "roleIds": []})).await.fails(403, refused);
        let password = json!({"id": who, "password": "sesame horse battery"});
        chief.put_json(&format!("{USER}/update-password"), password).await.fails(403, refused);
        chief.put_json(&format!("{USER}/update-status"), json!({"id": who, "status": 1})).await.fails(403, refused);
        chief.put_json(&format!("{USER}/update"), json!({"id": who, "nickname": "x"})).await.fails(403, refused);
        chief.delete(&format!("{USER}/delete?id={who}")).await.fails(403, refused);
    }
    // What they hold they may give.
    let made = chief.post(&format!("{USER}/create"), new(&[less])).await.ok();
    chief.put_json(&format!("{USER}/update-status"), json!({"id": made, "status": 1})).await.ok();
    // Without the right to assign nobody makes an account with roles, or a role with permissions.
    let clerk = app.admin_who_may("clerk", &[Permission::CreateUsers, Permission::CreateRoles]).await;
    let none = make(&owner, "none", &[]).await;
    let with = json!({"username": "c", "nickname": "c", "password": "sesame horse battery", "roleIds": [none]});
    clerk.post(&format!("{USER}/create"), with).await.fails(403, refused);
    let role = json!({"name": "c", "permissions": ["system:user:create"]});
    clerk.post(&format!("{ROLE}/create"), role).await.fails(403, refused);
    app.stop().await;
}

#[tokio::test]
async fn an_enabled_owner_is_left_whatever_is_tried() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    // Holds everything, and is no owner.
    let all: Vec<Permission> = Permission::ALL.to_vec();
    let chief = app.admin_who_may("chief", &all).await;
    let last = "请求参数不正确:必须保留至少一个启用的所有者";
    let (status, delete) = (format!("{USER}/update-status"), format!("{USER}/delete?id={}", owner.id()));
    chief.put_json(&status, json!({"id": owner.id(), "status": 1})).await.fails(400, last);
    chief.delete(&delete).await.fails(400, last);
    for user in [&chief, &owner] {
        user.post(ASSIGN, json!({"userId": owner.id(), "roleIds": []})).await.fails(400, last);
    }
    let own = "请求参数不正确:不能停用或删除自己的账号";
    owner.put_json(&status, json!({"id": owner.id(), "status": 1})).await.fails(400, own);
    owner.delete(&delete).await.fails(400, own);

    // One who is disabled is none.
    let second = app.admin("second", Role::Owner).await;
    owner.put_json(&status, json!({"id": second.id(), "status": 1})).await.ok();
    chief.put_json(&status, json!({"id": owner.id(), "status": 1})).await.fails(400, last);
    owner.put_json(&status, json!({"id": second.id(), "status": 0})).await.ok();
    chief.put_json(&status, json!({"id": owner.id(), "status": 1})).await.ok();
    assert_eq!(chief.get(&format!("{USER}/page?status=1")).await.ok()["list"][0]["username"], json!("admin"));
    app.stop().await;
}

#[tokio::test]
async fn two_owners_who_take_the_role_from_each_other_leave_one() {
    let a = TestApp::spawn().await;
    let b = a.another_node(|_| {}).await;
    let owner = a.owner().await;
    let (one, two) = (a.admin("one", Role::Owner).await, a.admin("two", Role::Owner).await);
    let role = built_in(&owner, "super_admin").await;
    one.post(ASSIGN, json!({"userId": owner.id(), "roleIds": []})).await.ok();
    let (at_a, at_b) = (one.at_node(&a), two.at_node(&b));
    for _ in 0..5 {
        let (first, second) = tokio::join!(
            at_a.post(ASSIGN, json!({"userId": two.id(), "roleIds": []})),
            at_b.post(ASSIGN, json!({"userId": one.id(), "roleIds": []})),
        );
        let codes = [first.code, second.code];
        assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{first:?} {second:?}");
        // The one who is left makes the other an owner again.
        let (left, lost) = if first.code == 0 { (&at_a, &two) } else { (&at_b, &one) };
        left.post(ASSIGN, json!({"userId": lost.id(), "roleIds": [role]})).await.ok();
        for node in [&a, &b] {
            eventually("both are owners at both nodes", async || {
                node.clock.advance(1000);
                let both = [one.at_node(node), two.at_node(node)];
                let mut rights = 0;
                for user in &both {
                    rights += usize::from(user.get(&format!("{ROLE}/simple-list")).await.code == 0);
                }
                rights == 2
            })
            .await;
        }
    }
    b.stop().await;
    a.stop().await;
}
