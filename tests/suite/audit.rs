//! Each administrative change leaves one row, which holds no secret: for every route of the OpenAPI document.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use kefu::testing::access::Role;
use serde_json::{Value, json};

use crate::second_factor::{BEGIN, code, set_up};
use crate::support::process::done;
use crate::support::{Reply, TestApp, User, document, path};

const LIST: &str = "/admin-api/infra/audit/list";
const PROFILE: &str = "/admin-api/system/user/profile";
const SETTING: &str = "/admin-api/promotion/kefu-setting/update";

/// Whose calls leave no row: messages, the daily work on conversations, tokens and uploads.
const EXCEPTIONS: [&str; 7] = [
    "/admin-api/promotion/kefu-message/",
    "/admin-api/promotion/kefu-conversation/",
    "/admin-api/promotion/kefu-task/",
    "/admin-api/system/auth/login",
    "/admin-api/system/auth/logout",
    "/admin-api/system/auth/refresh-token",
    "/admin-api/infra/file/upload",
];

/// Stands in every secret that the examples send.
const SECRET: &str = "sesame";

/// A service with what the examples of calls work on.
struct World {
    app: TestApp,
    owner: User,
    /// For names that no other example has.
    next: AtomicI64,
}

/// An example of a call that changes something.
struct Call {
    by: User,
    /// Behind the path, as in `?id=1`.
    query: String,
    body: Option<Value>,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::spawn().await;
        let owner = app.owner().await;
        Self { app, owner, next: AtomicI64::new(0) }
    }

    fn name(&self) -> String {
        format!("name{}", self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// An admin who has just been made, with the password `password-of-<username>`.
    async fn admin(&self) -> (String, User) {
        let name = self.name();
        let admin = self.app.admin(&name, Role::Agent).await;
        (name, admin)
    }

    async fn channel(&self) -> i64 {
        self.owner.post(path::CHANNEL_CREATE, json!({"name": self.name()})).await.ok().as_i64().unwrap()
    }

    fn owners(&self, query: String, body: Option<Value>) -> Option<Call> {
        Some(Call { by: self.owner.clone(), query, body })
    }

    /// An example of a call of an operation, `None` when there is none: write one here for a new route.
    async fn example(&self, operation: &str) -> Option<Call> {
        match operation {
            "POST /admin-api/promotion/kefu-channel/create" => self.owners(
                String::new(),
                Some(json!({"name": "shop", "settings": {"origins": ["https://shop.example"]}})),
            ),
            "PUT /admin-api/promotion/kefu-channel/update" => {
                let body = json!({"id": self.channel().await, "name": "new", "settings": {"look": {"side": 7}}});
                self.owners(String::new(), Some(body))
            }
            "DELETE /admin-api/promotion/kefu-channel/delete" => {
                self.owners(format!("?id={}", self.channel().await), None)
            }
            "PUT /admin-api/promotion/kefu-setting/update" => {
                self.owners(String::new(), Some(json!({"login": {"ttl": 900}})))
            }
            "PUT /admin-api/promotion/kefu-member/block" => {
                let member = self.app.member(1001).await;
                self.owners(String::new(), Some(json!({"userId": member.id(), "blocked": true, "reason": "广告"})))
            }
            "PUT /admin-api/promotion/kefu-member/exclusive-agent" => {
                let (member, agent) = (self.app.member(1001).await, self.admin().await.1);
                self.owners(String::new(), Some(json!({"userId": member.id(), "adminId": agent.id()})))
            }
            "DELETE /admin-api/promotion/kefu-member/sessions" => {
                let member = self.app.member(1001).await;
                self.owners(format!("?userId={}", member.id()), None)
            }
            "POST /admin-api/promotion/kefu-api-key/create" => {
                self.owners(String::new(), Some(json!({"name": "shop", "scopes": ["member"]})))
            }
            "DELETE /admin-api/promotion/kefu-api-key/delete" => {
                let key = json!({"name": "shop", "scopes": ["member"]});
                let made = self.owner.post(path::API_KEY_CREATE, key).await.ok();
                self.owners(format!("?id={}", made["id"]), None)
            }
            "DELETE /admin-api/system/login/delete" => {
                let (_, admin) = self.admin().await;
                let list = format!("{}?userId={}", path::LOGIN_LIST, admin.id());
                self.owners(format!("?id={}", self.owner.get(&list).await.ok()[0]["id"]), None)
            }
            "PUT /admin-api/system/user/profile/update" => {
                let (_, by) = self.admin().await;
                Some(Call { by, query: String::new(), body: Some(json!({"nickname": "小红"})) })
            }
            "PUT /admin-api/system/user/profile/update-password" => {
                let (name, by) = self.admin().await;
                let old = format!("password-of-{name}");
                let body = json!({"oldPassword": old, "newPassword": format!("{SECRET} horse battery")});
                Some(Call { by, query: String::new(), body: Some(body) })
            }
            "POST /admin-api/system/user/profile/totp/begin" => {
                let (name, by) = self.admin().await;
                let body = json!({"password": format!("password-of-{name}")});
                Some(Call { by, query: String::new(), body: Some(body) })
            }
            "POST /admin-api/system/user/profile/totp/confirm" => {
                let (name, by) = self.admin().await;
                let begun = by.post(BEGIN, json!({"password": format!("password-of-{name}")})).await.ok();
                let code = code(&self.app, begun["secret"].as_str().unwrap());
                Some(Call { by, query: String::new(), body: Some(json!({"code": code})) })
            }
            "POST /admin-api/system/user/profile/totp/disable" => {
                let (name, by) = self.admin().await;
                let (_, recovery) = set_up(&self.app, &by, &name).await;
                let body = json!({"password": format!("password-of-{name}"), "code": recovery[0]});
                Some(Call { by, query: String::new(), body: Some(body) })
            }
            "DELETE /admin-api/system/user/second-factor" => {
                let (name, admin) = self.admin().await;
                set_up(&self.app, &admin, &name).await;
                self.owners(format!("?id={}", admin.id()), None)
            }
            _ => self.example_of_accounts(operation).await,
        }
    }

    async fn role(&self) -> i64 {
        let role = json!({"name": self.name(), "permissions": ["promotion:kefu-message:query"]});
        self.owner.post("/admin-api/system/role/create", role).await.ok().as_i64().unwrap()
    }

    async fn group(&self) -> i64 {
        let made = self.owner.post("/admin-api/promotion/kefu-group/create", json!({"name": self.name()})).await;
        made.ok().as_i64().unwrap()
    }

    async fn example_of_groups(&self, operation: &str) -> Option<Call> {
        match operation {
            "POST /admin-api/promotion/kefu-group/create" => {
                self.owners(String::new(), Some(json!({"name": self.name()})))
            }
            "PUT /admin-api/promotion/kefu-group/update" => {
                self.owners(String::new(), Some(json!({"id": self.group().await, "capacity": 7})))
            }
            "DELETE /admin-api/promotion/kefu-group/delete" => self.owners(format!("?id={}", self.group().await), None),
            "PUT /admin-api/promotion/kefu-agent/update" => {
                let groups = json!([{"id": self.group().await, "lead": true}]);
                let body = json!({"adminId": self.admin().await.1.id(), "capacity": 3, "groups": groups});
                self.owners(String::new(), Some(body))
            }
            // The own duty is daily work, another's is not.
            "PUT /admin-api/promotion/kefu-agent/duty" => {
                self.owners(String::new(), Some(json!({"adminId": self.admin().await.1.id(), "duty": 1})))
            }
            _ => None,
        }
    }

    async fn example_of_accounts(&self, operation: &str) -> Option<Call> {
        if let Some(call) = self.example_of_groups(operation).await {
            return Some(call);
        }
        let (_, path) = operation.split_once("/admin-api/system/")?;
        let (query, body) = match path {
            "user/create" => {
                let password = format!("{SECRET} horse battery");
                let body = json!({"username": self.name(), "nickname": "n", "password": password, "roleIds": [self.role().await]});
                (String::new(), Some(body))
            }
            "user/update" => (String::new(), Some(json!({"id": self.admin().await.1.id(), "nickname": "other"}))),
            "user/update-password" => {
                let password = format!("{SECRET} horse battery");
                (String::new(), Some(json!({"id": self.admin().await.1.id(), "password": password})))
            }
            "user/update-status" => (String::new(), Some(json!({"id": self.admin().await.1.id(), "status": 1}))),
            "user/delete" => (format!("?id={}", self.admin().await.1.id()), None),
            "role/create" => (String::new(), Some(json!({"name": self.name()}))),
            "role/update" => (String::new(), Some(json!({"id": self.role().await, "name": self.name()}))),
            "role/delete" => (format!("?id={}", self.role().await), None),
            "permission/assign-role-permission" => {
                let body = json!({"roleId": self.role().await, "permissions": ["promotion:kefu-message:send"]});
                (String::new(), Some(body))
            }
            "permission/assign-user-role" => {
                let body = json!({"userId": self.admin().await.1.id(), "roleIds": [self.role().await]});
                (String::new(), Some(body))
            }
            _ => return None,
        };
        self.owners(query, body)
    }

    async fn rows(&self) -> i64 {
        self.app.count("kefu_audit").await
    }

    /// The newest row.
    async fn newest(&self) -> Value {
        self.owner.get(&format!("{LIST}?limit=1")).await.ok()[0].take()
    }
}

/// The methods and paths of all admin routes that change something.
fn operations() -> BTreeSet<(String, String)> {
    let document = document();
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    all.filter(|(method, path)| {
        method != "GET"
            && path.starts_with("/admin-api/")
            && !EXCEPTIONS.iter().any(|exception| path.starts_with(exception))
    })
    .collect()
}

async fn send(call: &Call, method: &str, path: &str) -> Reply {
    let request = call.by.request(method.parse().unwrap(), &format!("{path}{}", call.query));
    User::send(match &call.body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

/// The names of members at every depth.
fn names<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            found.insert(name);
            names(value, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

/// Asserts that a row holds no password, token, secret or hash.
#[track_caller]
fn holds_no_secret(row: &Value, answer: &Value) {
    let text = row.to_string().to_lowercase();
    let mut secrets: Vec<String> =
        [SECRET, "password-of-", "$argon2", "eyj", "kk_", "otpauth"].map(str::to_owned).into();
    // What a call answers once, and no other shows.
    let shown = ["secret", "uri", "recoveryCodes"].into_iter().filter_map(|name| answer.get(name));
    secrets.extend(shown.flat_map(|value| match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_lowercase).collect(),
        value => value.as_str().map(str::to_lowercase).into_iter().collect::<Vec<_>>(),
    }));
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} in {row}");
    }
    let mut found = BTreeSet::new();
    names(&row["before"], &mut found);
    names(&row["after"], &mut found);
    let secret = |name: &&str| {
        let name = name.to_lowercase();
        ["password", "token", "secret", "hash", "totp", "recovery"].iter().any(|word| name.contains(word))
    };
    let named: Vec<&str> = found.into_iter().filter(secret).collect();
    assert!(named.is_empty(), "{named:?} in {row}");
}

#[tokio::test]
async fn each_change_leaves_one_row_without_a_secret() {
    let world = World::new().await;
    let operations = operations();
    assert!(operations.len() >= 8, "{operations:?}");
    let mut without = Vec::new();
    for (method, path) in &operations {
        let name = format!("{method} {path}");
        let Some(call) = world.example(&name).await else {
            without.push(name);
            continue;
        };
        let rows = world.rows().await;
        let reply = send(&call, method, path).await;
        assert_eq!(reply.code, 0, "{name}: {reply:?}");
        assert_eq!(world.rows().await, rows + 1, "{name} must leave one row");
        let row = world.newest().await;
        assert_eq!(row["adminId"], json!(call.by.id()), "{name}: {row}");
        assert_eq!(
            (&row["address"], &row["createTime"]),
            (&json!("127.0.0.1"), &json!(world.app.clock.now())),
            "{name}"
        );
        for field in ["actor", "action", "objectType", "objectId"] {
            assert!(row[field].as_str().is_some_and(|text| !text.is_empty()), "{name}: {field} of {row}");
        }
        assert!(["before", "after"].iter().all(|field| row[field].is_null() || row[field].is_object()), "{row}");
        holds_no_secret(&row, &reply.data);
    }
    assert!(without.is_empty(), "an example is missing in World::example for {without:#?}");
    world.app.stop().await;
}

#[tokio::test]
async fn a_refused_call_leaves_none() {
    let world = World::new().await;
    let (_, agent) = world.admin().await;
    let refused = world.rows().await;
    for (method, path) in operations() {
        for by in [&world.owner, &agent] {
            let request = || by.request(method.parse().unwrap(), &path);
            for request in [
                request(),
                request().json(&json!([])),
                request().json(&json!({"id": "x", "userId": -1, "name": 1, "nickname": 1})),
            ] {
                assert_ne!(User::send(request).await.code, 0, "{method} {path}");
            }
        }
    }
    let owner = &world.owner;
    owner
        .put_json(SETTING, json!({"login": {"ttl": 900}, "message": {"typing": 1}}))
        .await
        .fails(400, "请求参数类型错误:message.typing");
    let wrong = json!({"oldPassword": "wrong password", "newPassword": "sesame horse battery"});
    owner.put_json(&format!("{PROFILE}/update-password"), wrong).await.fails(400, "请求参数不正确:原密码不正确");
    owner.put_json(path::CHANNEL_UPDATE, json!({"id": 999, "name": "x"})).await.fails(404, "请求未找到");
    assert_eq!(world.rows().await, refused);
    world.app.stop().await;
}

#[tokio::test]
async fn what_changes_nothing_leaves_none() {
    let world = World::new().await;
    let (owner, member) = (&world.owner, world.app.member(1001).await);
    let (channel, login) = (world.channel().await, owner.get(path::LOGIN_LIST).await.ok()[0]["id"].clone());
    let block = json!({"userId": member.id(), "blocked": true, "reason": "广告"});
    owner.put_json(path::MEMBER_BLOCK, block.clone()).await.ok();
    let rows = world.rows().await;
    owner.put_json(path::MEMBER_BLOCK, block).await.ok();
    owner.put_json(SETTING, json!({"login": {"ttl": 0}})).await.ok();
    owner.put_json(SETTING, json!({})).await.ok();
    owner.put_json(path::CHANNEL_UPDATE, json!({"id": channel, "enabled": true, "settings": {}})).await.ok();
    owner.put_json(&format!("{PROFILE}/update"), json!({"nickname": "客服"})).await.ok();
    assert_eq!(world.rows().await, rows);
    let (_, agent) = world.admin().await;
    let rows = world.rows().await;
    let own = agent.get(path::LOGIN_LIST).await.ok()[0]["id"].clone();
    let end = format!("{}?id={own}", path::LOGIN_DELETE);
    owner.delete(&end).await.ok();
    owner.delete(&end).await.ok();
    assert_ne!(own, login);
    assert_eq!(world.rows().await, rows + 1, "one that has ended stays so");
    world.app.stop().await;
}

#[tokio::test]
async fn a_row_says_what_was_and_what_is() {
    let world = World::new().await;
    let owner = &world.owner;
    let shown = async || {
        let row = world.newest().await;
        (
            format!("{} {}", row["objectType"].as_str().unwrap(), row["action"].as_str().unwrap()),
            row["before"].clone(),
            row["after"].clone(),
        )
    };
    owner.put_json(SETTING, json!({"login": {"ttl": 900}, "message": {"typing": true}})).await.ok();
    assert_eq!(shown().await, ("setting update".into(), json!({"login": {"ttl": 0}}), json!({"login": {"ttl": 900}})));

    let id = world.channel().await;
    let (what, before, after) = shown().await;
    assert_eq!((what.as_str(), before), ("channel create", Value::Null));
    assert_eq!(
        (&after["kind"], &after["enabled"], &after["settings"]["look"]["side"]),
        (&json!("web"), &json!(true), &json!(20))
    );
    let change = json!({"id": id, "enabled": false, "settings": {"look": {"side": 7}}});
    owner.put_json(path::CHANNEL_UPDATE, change).await.ok();
    let (was, is) = (
        json!({"enabled": true, "settings": {"look": {"side": 20}}}),
        json!({"enabled": false, "settings": {"look": {"side": 7}}}),
    );
    assert_eq!(shown().await, ("channel update".into(), was, is));
    owner.delete(&format!("{}?id={id}", path::CHANNEL_DELETE)).await.ok();
    let (what, before, after) = shown().await;
    assert_eq!((what.as_str(), &before["settings"]["look"]["side"], after), ("channel delete", &json!(7), Value::Null));

    let member = world.app.member(1001).await;
    owner.put_json(path::MEMBER_BLOCK, json!({"userId": member.id(), "blocked": true, "reason": "广告"})).await.ok();
    let (free, blocked) = (json!({"blocked": false, "reason": null}), json!({"blocked": true, "reason": "广告"}));
    assert_eq!(shown().await, ("member block".into(), free.clone(), blocked.clone()));
    owner.put_json(path::MEMBER_BLOCK, json!({"userId": member.id(), "blocked": false})).await.ok();
    assert_eq!(shown().await, ("member unblock".into(), blocked, free));

    let agent = world.admin().await.1.id();
    let (nobody, one) = (json!({"exclusiveAgentId": null}), json!({"exclusiveAgentId": agent}));
    for (id, was, is) in [(Some(agent), nobody.clone(), one.clone()), (None, one, nobody)] {
        owner.put_json(path::EXCLUSIVE_AGENT, json!({"userId": member.id(), "adminId": id})).await.ok();
        assert_eq!(shown().await, ("member exclusive-agent".into(), was, is));
    }
    let rows = world.rows().await;
    owner.put_json(path::EXCLUSIVE_AGENT, json!({"userId": member.id(), "adminId": null})).await.ok();
    assert_eq!(world.rows().await, rows, "nothing has changed");

    owner.put_json(&format!("{PROFILE}/update"), json!({"nickname": "小红"})).await.ok();
    assert_eq!(shown().await, ("profile update".into(), json!({"nickname": "客服"}), json!({"nickname": "小红"})));
    assert_eq!(world.newest().await["actor"], "客服", "the name that the admin had");
    world.app.stop().await;
}

#[tokio::test]
async fn changes_of_two_nodes_at_once_leave_a_row_each() {
    let world = World::new().await;
    let other = world.app.another_node(|_| ()).await;
    let there = world.owner.at_node(&other);
    let rows = world.rows().await;
    for round in 1..=4 {
        let (ttl, days) = (json!({"login": {"ttl": 300 + round}}), json!({"audit": {"keepDays": round}}));
        let (one, two, three) = tokio::join!(
            world.owner.put_json(SETTING, ttl),
            there.put_json(SETTING, days),
            there.post(path::CHANNEL_CREATE, json!({"name": "x"}))
        );
        one.ok();
        two.ok();
        three.ok();
    }
    assert_eq!(world.rows().await, rows + 12);
    let here = world.owner.get(LIST).await.ok();
    assert_eq!(there.get(LIST).await.ok(), here);
    let ids: BTreeSet<i64> = here.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
    assert_eq!(i64::try_from(ids.len()).unwrap(), world.rows().await);
    other.stop().await;
    world.app.stop().await;
}

#[tokio::test]
async fn a_change_whose_row_cannot_be_written_does_not_happen() {
    let world = World::new().await;
    world.app.refuse("INSERT", "kefu_audit", "NEW.id > 0");
    assert_eq!(world.owner.put_json(SETTING, json!({"login": {"ttl": 900}})).await.code, 500);
    world.app.refuse_no_more("kefu_audit");
    assert_eq!(world.owner.get("/admin-api/promotion/kefu-setting/get").await.ok()["login"]["ttl"], 0);
    world.app.stop().await;
}

#[tokio::test]
async fn the_command_lines_changes_are_kept_as_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let run = async |arguments: &[&str], input: &str| done(folder.path(), arguments, input).await;
    run(&["admin", "add", "--username", "red", "--nickname", "小红", "--role", "agent"], "correct horse\n").await;
    run(&["admin", "rename", "--username", "red", "--nickname", "大红"], "").await;
    run(&["admin", "avatar", "--username", "red", "--url", "https://shop.example/red.png"], "").await;
    run(&["admin", "password", "--username", "red"], "another horse\n").await;
    run(&["admin", "role", "--username", "red", "--role", "owner"], "").await;
    run(&["admin", "role", "--username", "red", "--role", "owner"], "").await;
    run(&["tenant", "set", "login.ttl", "900"], "").await;
    let serve = crate::support::process::Serve::start(folder.path(), &[]).await;
    let login = json!({"username": "red", "password": "another horse"});
    let tokens = serve.user_with(None).post(path::LOGIN, login).await.ok();
    let red = serve.user(&tokens.to_string());
    let rows = red.get(LIST).await.ok();
    let rows = rows.as_array().unwrap();
    let done: Vec<String> = rows
        .iter()
        .map(|row| {
            assert_eq!(
                (&row["adminId"], &row["actor"], &row["address"]),
                (&json!(0), &json!("command line"), &json!(""))
            );
            assert!(!row.to_string().contains("horse") && !row.to_string().contains("argon2"), "{row}");
            format!("{} {}", row["objectType"].as_str().unwrap(), row["action"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "setting update",
        "user assign-roles",
        "user update-password",
        "profile update",
        "profile update",
        "user create",
    ];
    assert_eq!(done, expected);
    serve.kill().await;
}
