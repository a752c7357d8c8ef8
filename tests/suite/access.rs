//! Who may call what, for every operation of the OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};

use kefu::testing::access::{Permission, Role};
use kefu::testing::auth::Tokens;
use reqwest::Method;
use serde_json::json;

use crate::support::{Reply, TestApp, User, document, path};

/// An operation of the document.
#[derive(Debug)]
struct Operation {
    method: Method,
    path: String,
    permission: Option<String>,
}

/// Every operation that needs a token.
fn protected() -> Vec<Operation> {
    let document = document();
    let everywhere = &document["security"];
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation.get("security").unwrap_or(everywhere).as_array().unwrap();
            // An empty list, or an empty requirement in it, lets anyone in.
            if security.is_empty() || security.contains(&json!({})) {
                continue;
            }
            operations.push(Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                // The others name no permission but `any admin`.
                permission: operation["x-permission"].as_str().filter(|name| name.contains(':')).map(str::to_owned),
            });
        }
    }
    operations
}

fn rest_of(side: &str) -> Vec<Operation> {
    protected().into_iter().filter(|operation| operation.path.starts_with(side)).collect()
}

async fn call(user: &User, operation: &Operation) -> Reply {
    // Neither parameters nor body: who may not call is told so, whatever is sent.
    let response = user.request(operation.method.clone(), &operation.path).send().await.unwrap();
    if response.headers().get("content-type").is_some_and(|kind| kind.to_str().unwrap().starts_with("text/csv")) {
        // A table is no envelope, and comes only when nothing is wrong.
        return Reply { status: response.status(), code: 0, msg: String::new(), data: json!(null) };
    }
    Reply::read(response).await
}

#[test]
fn only_these_operations_need_no_authorization_header() {
    let document = document();
    let is_open = |path: &&str| !protected().iter().any(|operation| operation.path == **path);
    let open: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).filter(is_open).collect();
    let expected = [
        "/admin-api/system/auth/login",
        "/admin-api/system/auth/logout",
        "/admin-api/system/auth/refresh-token",
        "/admin-api/system/tenant/get-by-website",
        "/admin-api/system/tenant/get-id-by-name",
        "/app-api/member/auth/logout",
        "/app-api/member/auth/refresh-token",
        "/app-api/promotion/kefu-visitor/token",
        "/app-api/promotion/kefu-widget/config",
        "/healthz",
        "/infra/file/{date}/{name}",
        // Its token stands in the query.
        "/infra/ws",
        "/metrics",
        "/readyz",
    ];
    assert_eq!(open, expected.into());
}

#[tokio::test]
async fn no_operation_is_reached_without_a_valid_access_token() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    let refresh = |user: &User| user.refresh_token().to_owned();
    let forged = format!("{}x", owner.access_token());
    let operations: Vec<_> = rest_of("/app-api").into_iter().chain(rest_of("/admin-api")).collect();
    assert!(operations.len() >= 15, "{operations:?}");
    for operation in &operations {
        call(&app.anonymous(), operation).await.fails(401, "账号未登录");
        for token in ["garbage", "a.b.c", &forged, &refresh(&member), &refresh(&owner)] {
            call(&bearer(&app, token), operation).await.fails(401, "账号未登录");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_socket_is_refused_with_http_401_without_a_valid_token() {
    let app = TestApp::spawn().await;
    for token in ["", "garbage", "a.b.c"] {
        let url = format!("ws://{}/infra/ws?token={token}", app.address);
        match crate::support::Socket::open(&url).await {
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => assert_eq!(response.status(), 401),
            other => panic!("{:?}", other.map(|_| "opened")),
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_token_of_the_other_user_type_is_forbidden_everywhere() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for operation in rest_of("/admin-api") {
        call(&member, &operation).await.fails(403, "没有该操作权限");
    }
    for operation in rest_of("/app-api") {
        call(&owner, &operation).await.fails(403, "没有该操作权限");
    }
    app.stop().await;
}

#[test]
fn each_permission_guards_something() {
    let operations = rest_of("/admin-api");
    let named: BTreeSet<&str> = operations.iter().filter_map(|operation| operation.permission.as_deref()).collect();
    // What any admin may do to the own logins, one permission lets do to those of others; three more do so with rounds of
    // service; one says how much calls show.
    assert_eq!(named.len(), Permission::ALL.len() - 5, "{named:?}");
}

/// What the contract gives to agents.
const AGENT: [&str; 9] = [
    "promotion:kefu-message:send",
    "promotion:kefu-message:query",
    "promotion:kefu-message:update",
    "promotion:kefu-conversation:query",
    "promotion:kefu-conversation:update",
    "promotion:kefu-task:query",
    "promotion:kefu-task:take",
    "promotion:kefu-task:transfer",
    "promotion:kefu-task:close",
];

#[tokio::test]
async fn each_role_may_call_what_its_permissions_name_and_nothing_else() {
    let app = TestApp::spawn().await;
    let operations = rest_of("/admin-api");
    for role in Role::ALL {
        let admin = app.admin(role.as_str(), role).await;
        for operation in &operations {
            let allowed = operation.permission.as_deref().is_none_or(|permission| match role {
                Role::Owner => true,
                Role::Agent => AGENT.contains(&permission),
                // The stock page marks as read at every message: whoever may read them is answered.
                Role::Viewer => {
                    (permission.ends_with(":query") && permission != "promotion:kefu-setting:query")
                        || operation.path == path::ADMIN_READ
                }
            });
            may(&admin, operation, allowed).await;
        }
    }
    app.stop().await;
}

/// The permission that each call needs, by the table "Admin REST" of docs/contract.md.
fn contract() -> BTreeMap<(String, String), String> {
    let (_, section) = include_str!("../../docs/contract.md").split_once("\n## Admin REST\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let quoted = |cell: &str| cell.split('`').nth(1).map(str::to_owned);
    let rows = section.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').collect();
        let call = quoted(cells[0])?;
        let (method, path) = call.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        let path = if path.starts_with("/admin-api") { path.to_owned() } else { format!("/admin-api/promotion{path}") };
        let permission = quoted(cells.last().unwrap()).unwrap();
        let is_whole = ["infra:", "system:"].iter().any(|begin| permission.starts_with(begin));
        Some(((method.to_owned(), path), if is_whole { permission } else { format!("promotion:{permission}") }))
    });
    rows.collect()
}

#[test]
fn the_document_names_the_permissions_of_the_contract() {
    let permissions = rest_of("/admin-api")
        .into_iter()
        .filter_map(|operation| Some(((operation.method.to_string(), operation.path), operation.permission?)));
    assert_eq!(permissions.collect::<BTreeMap<_, _>>(), contract());
}

#[tokio::test]
async fn each_operation_is_opened_by_the_one_permission_that_the_contract_names() {
    let app = TestApp::spawn().await;
    let (operations, contract) = (rest_of("/admin-api"), contract());
    let named = |operation: &Operation| contract.get(&(operation.method.to_string(), operation.path.clone()));
    for permission in Permission::ALL {
        let admin = app.admin_who_may(&permission.as_str().replace(':', "-"), &[permission]).await;
        for operation in &operations {
            let answered = operation.path == path::ADMIN_READ && permission == Permission::QueryMessages;
            let any = operation.path == path::TASK_CLOSE && permission == Permission::CloseAnyTasks;
            let allowed = answered || any || named(operation).is_none_or(|named| named == permission.as_str());
            may(&admin, operation, allowed).await;
        }
    }
    app.stop().await;
}

/// Whether a call is refused for want of a permission, and nothing else.
async fn may(admin: &User, operation: &Operation, allowed: bool) {
    let reply = call(admin, operation).await;
    if allowed {
        assert!(![401, 403].contains(&reply.code), "{operation:?} {reply:?}");
    } else {
        reply.fails(403, "没有该操作权限");
    }
}

#[tokio::test]
async fn a_foreign_tenant_header_is_refused_by_every_operation() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for (user, side) in [(&member, "/app-api"), (&owner, "/admin-api")] {
        for operation in rest_of(side) {
            let request = || user.request(operation.method.clone(), &operation.path);
            User::send(request().header("tenant-id", "2")).await.fails(403, "您无权访问该租户的数据");
            User::send(request().header("tenant-id", "x")).await.fails(400, "请求参数类型错误:tenant-id");
        }
    }
    app.stop().await;
}

fn bearer(app: &TestApp, token: &str) -> User {
    let tokens = json!({"userId": 1, "accessToken": token, "refreshToken": "", "expiresTime": 0});
    app.user_with(serde_json::from_value::<Tokens>(tokens).unwrap())
}
