//! Groups and agents (docs/contract.md#groups-and-agents).

use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::{TestApp, User};

const GROUP: &str = "/admin-api/promotion/kefu-group";
const AGENTS: &str = "/admin-api/promotion/kefu-agent/list";
const UPDATE: &str = "/admin-api/promotion/kefu-agent/update";

async fn make(owner: &User, body: Value) -> i64 {
    owner.post(&format!("{GROUP}/create"), body).await.ok().as_i64().unwrap()
}

async fn agent(owner: &User, id: i64) -> Value {
    let agents = owner.get(AGENTS).await.ok();
    agents.as_array().unwrap().iter().find(|agent| agent["adminId"] == id).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_group_is_made_changed_and_deleted_once_it_is_empty() {
    let app = TestApp::spawn().await;
    let (owner, one) = (app.owner().await, app.admin("one", Role::Agent).await);
    let sales = make(&owner, json!({"name": "售前"})).await;
    let after = make(
        &owner,
        json!({"name": "售后", "policy": "level", "capacity": 7, "strict": true, "priority": -3,
        "fallbackGroupId": sales, "offDuty": "fallback", "maxWaiting": 20}),
    )
    .await;
    let found = one.get(&format!("{GROUP}/get?id={after}")).await.ok();
    let expected = json!({
        "id": after, "name": "售后", "policy": "level", "capacity": 7, "strict": true, "priority": -3, "calendarId": null,
        "fallbackGroupId": sales, "offDuty": "fallback", "maxWaiting": 20, "members": 0, "createTime": app.clock.now(),
    });
    assert_eq!(found, expected);
    owner
        .put_json(&format!("{GROUP}/update"), json!({"id": after, "fallbackGroupId": null, "name": "售后二"}))
        .await
        .ok();
    let groups = owner.get(&format!("{GROUP}/list")).await.ok();
    assert_eq!(
        (&groups[1]["name"], &groups[1]["fallbackGroupId"], &groups[1]["capacity"], &groups[0]["name"]),
        (&json!("售后二"), &Value::Null, &json!(7), &json!("售前"))
    );
    let groups = json!([{"id": after, "level": 9, "lead": true}, {"id": sales, "excluded": true}]);
    owner.put_json(UPDATE, json!({"adminId": one.id(), "capacity": 3, "groups": groups})).await.ok();
    let delete = format!("{GROUP}/delete?id={after}");
    owner.delete(&delete).await.fails(400, "请求参数不正确:该分组仍有 1 名客服");
    assert_eq!(owner.get(&format!("{GROUP}/get?id={after}")).await.ok()["members"], json!(1));
    owner.put_json(UPDATE, json!({"adminId": one.id(), "groups": []})).await.ok();
    assert_eq!(agent(&owner, one.id()).await["capacity"], json!(3), "what is left out stays");
    owner.delete(&delete).await.ok();
    owner.delete(&delete).await.fails(400, "请求参数不正确:分组不存在");
    app.stop().await;
}

#[tokio::test]
async fn names_are_unique_and_groups_make_no_circle() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let taken = "请求参数不正确:分组名称已存在";
    let (first, second) = (make(&owner, json!({"name": "a"})).await, make(&owner, json!({"name": "b"})).await);
    owner.post(&format!("{GROUP}/create"), json!({"name": "a"})).await.fails(400, taken);
    owner.put_json(&format!("{GROUP}/update"), json!({"id": second, "name": "a"})).await.fails(400, taken);
    // Of two at once one is made.
    let body = || owner.post("/admin-api/promotion/kefu-group/create", json!({"name": "c"}));
    let (one, other) = tokio::join!(body(), body());
    assert_eq!(u8::from(one.code == 0) + u8::from(other.code == 0), 1, "{one:?} {other:?}");

    let update = async |id: i64, fallback: Value| {
        owner.put_json(&format!("{GROUP}/update"), json!({"id": id, "fallbackGroupId": fallback})).await
    };
    let circle = "请求参数不正确:后备分组不能循环";
    let third = make(&owner, json!({"name": "d", "fallbackGroupId": second})).await;
    update(second, json!(first)).await.ok();
    update(first, json!(first)).await.fails(400, circle);
    update(first, json!(third)).await.fails(400, circle);
    update(first, json!(999)).await.fails(400, "请求参数不正确:分组不存在");
    owner.delete(&format!("{GROUP}/delete?id={first}")).await.fails(400, "请求参数不正确:该分组是“b”的后备分组");
    let stranger = app.admin_of(kefu::id::TenantId::new(2), "stranger", Role::Owner).await;
    assert_eq!(stranger.get(&format!("{GROUP}/get?id={first}")).await.ok(), Value::Null);
    let foreign = json!({"name": "x", "fallbackGroupId": first});
    stranger.post(&format!("{GROUP}/create"), foreign).await.fails(400, "请求参数不正确:分组不存在");
    for (wrong, message) in [
        (json!({"name": " "}), "分组名称"),
        (json!({"name": "x", "policy": "first"}), "分配方式"),
        (json!({"name": "x", "offDuty": "no"}), "无人值班时"),
        (json!({"name": "x", "capacity": -1}), "接待上限须为 0 至 1000"),
        (json!({"name": "x", "calendarId": 1}), "日历"),
    ] {
        let reply = owner.post(&format!("{GROUP}/create"), wrong).await;
        assert!(reply.code == 400 && reply.msg.contains(message), "{reply:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn agents_are_the_enabled_accounts_with_what_is_set_for_them() {
    let app = TestApp::spawn().await;
    let (owner, one, two) =
        (app.owner().await, app.admin("one", Role::Agent).await, app.admin("two", Role::Agent).await);
    let group = make(&owner, json!({"name": "g"})).await;
    let groups = json!([{"id": group, "level": 4}]);
    owner.put_json(UPDATE, json!({"adminId": one.id(), "capacity": 8, "groups": groups})).await.ok();
    let expected = json!({
        "adminId": one.id(), "username": "one", "nickname": "客服one", "avatar": "", "capacity": 8,
        "groups": [{"id": group, "name": "g", "level": 4, "lead": false, "excluded": false}],
    });
    assert_eq!(agent(&owner, one.id()).await, expected);
    owner.put_json(UPDATE, json!({"adminId": one.id(), "capacity": null})).await.ok();
    assert_eq!(agent(&owner, one.id()).await["capacity"], Value::Null);
    for (body, message) in [
        (json!({"adminId": one.id(), "groups": [{"id": 999}]}), "分组不存在"),
        (json!({"adminId": one.id(), "groups": [{"id": group}, {"id": group}]}), "分组重复"),
        (json!({"adminId": one.id(), "groups": [{"id": group, "level": 10}]}), "技能等级须为 0 至 9"),
        (json!({"adminId": one.id(), "capacity": 1001}), "接待上限"),
        (json!({"adminId": 999}), "客服不存在或已停用"),
    ] {
        let reply = owner.put_json(UPDATE, body).await;
        assert!(reply.code == 400 && reply.msg.contains(message), "{reply:?}");
    }
    // One who is disabled keeps the place, one who is deleted leaves it.
    owner.put_json(UPDATE, json!({"adminId": two.id(), "groups": groups})).await.ok();
    let status = |status: i32| json!({"id": two.id(), "status": status});
    owner.put_json("/admin-api/system/user/update-status", status(1)).await.ok();
    assert_eq!(agent(&owner, two.id()).await, Value::Null);
    owner.put_json("/admin-api/system/user/update-status", status(0)).await.ok();
    assert_eq!(agent(&owner, two.id()).await["groups"][0]["level"], json!(4));
    owner.delete(&format!("/admin-api/system/user/delete?id={}", two.id())).await.ok();
    assert_eq!(owner.get(&format!("{GROUP}/get?id={group}")).await.ok()["members"], json!(1));
    app.stop().await;
}
