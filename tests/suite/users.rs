//! Accounts over REST and on the command line (docs/contract.md#accounts).

use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::support::process::{Serve, done, failed};
use crate::support::{TestApp, User, path};

const USER: &str = "/admin-api/system/user";

async fn login(app: &TestApp, username: &str, password: &str) -> crate::support::Reply {
    let body = json!({"username": username, "password": password});
    app.anonymous().post("/admin-api/system/auth/login", body).await
}

fn of(app: &TestApp, reply: crate::support::Reply) -> User {
    app.user_with(serde_json::from_value(reply.ok()).unwrap())
}

async fn found(owner: &User, query: &str) -> Vec<String> {
    let page = owner.get(&format!("{USER}/page?{query}")).await.ok();
    page["list"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_account_lives_from_its_making_to_its_end() {
    let app = TestApp::spawn().await;
    let (owner, member) = (app.owner().await, app.member(1001).await);
    let roles = owner.get("/admin-api/system/role/simple-list").await.ok();
    let new = json!({
        "username": "red", "nickname": "小红", "password": "sesame horse battery", "email": "red@shop.example",
        "mobile": "138", "remark": "days", "roleIds": [roles[1]["id"]],
    });
    let mut nowhere = new.clone();
    nowhere["email"] = json!("red at shop.example");
    let refused = "请求参数不正确:邮箱须为邮件地址，最多 255 个字符";
    owner.post(&format!("{USER}/create"), nowhere).await.fails(400, refused);
    let id = owner.post(&format!("{USER}/create"), new.clone()).await.ok().as_i64().unwrap();
    owner.post(&format!("{USER}/create"), new.clone()).await.fails(400, "请求参数不正确:用户名已存在");
    let user = owner.get(&format!("{USER}/get?id={id}")).await.ok();
    for field in ["username", "nickname", "email", "mobile", "remark"] {
        assert_eq!(user[field], new[field], "{user}");
    }
    assert_eq!(
        (&user["status"], &user["roles"], &user["secondFactor"]),
        (&json!(0), &json!([roles[1]]), &json!(false))
    );
    let red = of(&app, login(&app, "red", "sesame horse battery").await);
    member.says("hi").await;
    let conversation = member.own_conversation().await;
    red.answers(conversation, "hello").await;
    let mut socket = red.socket("").await;

    // Others see the new name and picture at once.
    let change = json!({"id": id, "nickname": "小红红", "avatar": "https://shop.example/red.png"});
    owner.put_json(&format!("{USER}/update"), change).await.ok();
    red.answers(conversation, "again").await;
    let message = socket.expect("kefu_message_type").await;
    assert_eq!(
        (&message["senderNickname"], &message["senderAvatar"]),
        (&json!("小红红"), &json!("https://shop.example/red.png"))
    );

    // Whose own it is says the old one, too.
    let own = json!({"id": owner.id(), "password": "other horse battery"});
    let refused = "请求参数不正确:请在个人中心修改自己的密码";
    owner.put_json(&format!("{USER}/update-password"), own).await.fails(400, refused);

    // A new password ends the logins, and so does the end of the account.
    let reset = json!({"id": id, "password": "other horse battery"});
    owner.put_json(&format!("{USER}/update-password"), reset).await.ok();
    assert_eq!(socket.close_code().await, Some(4003));
    red.get(path::CONVERSATIONS).await.fails(401, "账号未登录");
    assert_eq!(login(&app, "red", "sesame horse battery").await.code, 1_002_000_000);
    let red = of(&app, login(&app, "red", "other horse battery").await);
    let mut socket = red.socket("").await;
    // A login with the new password stays, also where the end of the old ones is learned of after it.
    let other = app.another_node(|_| ()).await;
    let reset = json!({"id": id, "password": "third horse battery"});
    let mut elsewhere = red.at_node(&other).socket("").await;
    owner.put_json(&format!("{USER}/update-password"), reset).await.ok();
    let red = of(&app, login(&app, "red", "third horse battery").await);
    let mut stays = red.at_node(&other).socket("").await;
    let mut stays_here = red.socket("").await;
    assert_eq!((socket.close_code().await, elsewhere.close_code().await), (Some(4003), Some(4003)));
    for socket in [&mut stays, &mut stays_here] {
        // Fails where it has ended. With a relay the new node says that it may have missed some, and nothing else comes.
        let events = socket.events_so_far().await;
        assert!(events.iter().all(|event| event.kind == "kefu_resync_required"), "{events:?}");
    }
    other.stop().await;
    let mut socket = stays_here;
    let reset = json!({"id": id, "password": "other horse battery"});
    owner.put_json(&format!("{USER}/update-password"), reset).await.ok();
    assert_eq!(socket.close_code().await, Some(4003));
    let red = of(&app, login(&app, "red", "other horse battery").await);
    let mut socket = red.socket("").await;
    owner.put_json(&format!("{USER}/update-status"), json!({"id": id, "status": 1})).await.ok();
    assert_eq!(socket.close_code().await, Some(4003));
    assert_eq!(login(&app, "red", "other horse battery").await.code, 1_002_000_001);
    owner.put_json(&format!("{USER}/update-status"), json!({"id": id, "status": 0})).await.ok();
    let red = of(&app, login(&app, "red", "other horse battery").await);
    let mut socket = red.socket("").await;
    owner.delete(&format!("{USER}/delete?id={id}")).await.ok();
    assert_eq!(socket.close_code().await, Some(4003));
    red.get(path::CONVERSATIONS).await.fails(401, "账号未登录");
    assert_eq!(login(&app, "red", "other horse battery").await.code, 1_002_000_000);
    assert_eq!(owner.get(&format!("{USER}/get?id={id}")).await.ok(), Value::Null);
    owner.delete(&format!("{USER}/delete?id={id}")).await.fails(400, "请求参数不正确:用户不存在");

    // The name is free; number and nickname stay beside what was written.
    let next = owner.post(&format!("{USER}/create"), new).await.ok().as_i64().unwrap();
    assert_ne!(next, id);
    let messages = owner.get(&format!("{}?conversationId={conversation}", path::ADMIN_LIST)).await.ok();
    assert_eq!((&messages[0]["senderId"], &messages[0]["senderNickname"]), (&json!(id), &json!("小红红")));
    app.stop().await;
}

#[tokio::test]
async fn accounts_are_found_by_name_state_and_role() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    for name in ["amy", "ann", "bob_1", "bobx1"] {
        app.admin(name, Role::Agent).await;
    }
    let viewer = app.admin("vic", Role::Viewer).await;
    let roles = owner.get("/admin-api/system/role/simple-list").await.ok();
    assert_eq!(found(&owner, "pageSize=200").await, ["admin", "amy", "ann", "bob_1", "bobx1", "vic"]);
    assert_eq!(found(&owner, "q=a").await, ["admin", "amy", "ann"]);
    assert_eq!(found(&owner, "q=bob_").await, ["bob_1"], "_ means itself");
    assert_eq!(found(&owner, "q=BOB_").await, ["bob_1"], "on every database");
    assert_eq!(found(&owner, "q=%25").await, Vec::<String>::new());
    // By nickname: all are called 客服 and their name.
    assert_eq!(found(&owner, "q=%E5%AE%A2%E6%9C%8Dann").await, ["ann"]);
    assert_eq!(found(&owner, &format!("roleId={}", roles[2]["id"])).await, ["vic"]);
    owner.put_json(&format!("{USER}/update-status"), json!({"id": viewer.id(), "status": 1})).await.ok();
    assert_eq!(found(&owner, "status=1").await, ["vic"]);
    assert_eq!(found(&owner, "pageSize=2&pageNo=2").await, ["ann", "bob_1"]);
    // What differs from the rules is refused before anything is stored.
    for (body, message) in [
        (json!({"username": "x", "nickname": "x", "password": "password"}), "密码"),
        (json!({"username": "ａmy", "nickname": "x", "password": "sesame horse battery"}), "用户名与已有账号过于相似"),
        (json!({"username": "x", "nickname": "x", "password": "sesame horse battery", "roleIds": [999]}), "角色不存在"),
    ] {
        let reply = owner.post(&format!("{USER}/create"), body).await;
        assert_eq!(reply.code, 400, "{reply:?}");
        assert!(reply.msg.contains(message), "{reply:?}");
    }
    app.stop().await;
}

/// What an operator does who is locked out (docs/operation.md).
#[tokio::test]
async fn the_command_line_opens_the_door_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = async |arguments: &[&str], input: &str| done(folder.path(), arguments, input).await;
    let add = ["admin", "add", "--username", "red", "--nickname", "小红", "--role", "agent"];
    run(&add, "sesame horse battery\n").await;
    let boss = ["admin", "add", "--username", "boss", "--nickname", "b", "--role", "owner"];
    run(&boss, "sesame horse battery\n").await;
    // The last owner stays one, here too.
    for command in
        [&["admin", "disable", "--username", "boss"][..], &["admin", "role", "--username", "boss", "--role", "agent"]]
    {
        let error = failed(folder.path(), command, "").await;
        assert!(error.contains("owner"), "{error}");
    }
    run(&["admin", "disable", "--username", "red"], "").await;
    assert_eq!(run(&["admin", "grant-owner", "--username", "red"], "").await, "red is an owner now\n");
    let list = run(&["admin", "list"], "").await;
    assert!(list.lines().any(|line| line.ends_with("red\t小红\towner,agent\tenabled")), "{list}");
    run(&["admin", "disable", "--username", "boss"], "").await;
    assert_eq!(run(&["admin", "second-factor-off", "--username", "red"], "").await, "red has no second factor\n");
    let error = failed(folder.path(), &["admin", "grant-owner", "--username", "nobody"], "").await;
    assert!(error.contains("username is unknown"), "{error}");

    // A running service notices.
    let serve = Serve::start(folder.path(), &[]).await;
    let tokens = run(&["token", "admin", "--username", "red"], "").await;
    let red = serve.user(&tokens);
    assert_eq!(
        red.get("/admin-api/system/auth/get-permission-info").await.ok()["roles"],
        json!(["super_admin", "agent"])
    );
    let rows = red.get("/admin-api/infra/audit/list?adminId=0&limit=1").await.ok();
    assert_eq!((&rows[0]["actor"], &rows[0]["action"]), (&json!("command line"), &json!("update-status")));
    serve.terminate().await;
}
