//! The stock clients, call by call: the admin console (Vue 3) and the mall's member client (uni-app, H5), with the headers
//! and bodies that they send and the fields that they cannot do without. How they page is in `history`, what their answers
//! from a shop look like in `shop`.

use kefu::testing::access::Role;
use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::{Reply, Socket, TestApp, User, text};

const ORIGIN: &str = "http://localhost:5173";
/// The beginning of a PNG, which is what tells its kind.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and so on, 0123456789";

async fn app() -> TestApp {
    TestApp::spawn_with(|settings| settings.server.cors_origins = vec![ORIGIN.into()]).await
}

/// A request of the console: `authorization` is the header's whole value.
fn console(
    app: &TestApp,
    method: Method,
    path: &str,
    authorization: Option<&str>,
    body: Option<Value>,
) -> RequestBuilder {
    let mut request = app
        .http
        .request(method.clone(), app.url(path))
        .header("origin", ORIGIN)
        .header("accept", "application/json, text/plain, */*")
        .header("tenant-id", "1");
    if method == Method::GET {
        request = request.header("cache-control", "no-cache").header("pragma", "no-cache");
    }
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    }
}

/// A request of the member client, which names a content type without a body, too.
fn h5(app: &TestApp, method: Method, path: &str, authorization: &str, body: Option<Value>) -> RequestBuilder {
    let request = app
        .http
        .request(method, app.url(path))
        .header("origin", ORIGIN)
        .header("accept", "*/*")
        .header("content-type", "application/json;charset=UTF-8")
        .header("tenant-id", "1")
        .header("terminal", "20")
        .header("platform", "H5")
        .header("authorization", authorization);
    match body {
        Some(body) => request.body(body.to_string()),
        None => request,
    }
}

/// An admin at the console or a member at the shop's pages.
struct Client<'a> {
    app: &'a TestApp,
    user: User,
    is_console: bool,
}

impl<'a> Client<'a> {
    async fn console(app: &'a TestApp) -> Self {
        Self { app, user: app.owner().await, is_console: true }
    }

    async fn member(app: &'a TestApp) -> Self {
        Self { app, user: app.member(247).await, is_console: false }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let token = self.user.access_token();
        User::send(if self.is_console {
            console(self.app, method, path, Some(&format!("Bearer {token}")), body)
        } else {
            h5(self.app, method, path, token, body)
        })
        .await
    }

    async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, None).await.ok()
    }

    /// The socket's address has the refresh token, taken once when the page loads.
    async fn socket(&self) -> Socket {
        let url = self.app.socket_url(&format!("token={}", self.user.refresh_token()));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("origin", ORIGIN.parse().unwrap());
        let extensions = "permessage-deflate; client_max_window_bits";
        request.headers_mut().insert("sec-websocket-extensions", extensions.parse().unwrap());
        let tcp = tokio::net::TcpStream::connect(self.app.address).await.unwrap();
        let (stream, answer) = client_async(request, tcp).await.unwrap();
        assert!(!answer.headers().contains_key("sec-websocket-extensions"), "nothing is compressed");
        Socket { stream }
    }

    async fn sends(&self, content_type: i64, content: &str) -> Reply {
        let (path, mut body) = if self.is_console {
            ("/admin-api/promotion/kefu-message/send", json!({"conversationId": 1}))
        } else {
            ("/app-api/promotion/kefu-message/send", json!({}))
        };
        (body["contentType"], body["content"]) = (json!(content_type), json!(content));
        self.call(Method::POST, path, Some(body)).await
    }
}

/// Asserts that an object has these fields, of these types as their first letters: n(umber), s(tring), b(ool), a(rray),
/// o(bject); a `?` behind one allows null.
#[track_caller]
fn has(value: &Value, fields: &[(&str, &str)]) {
    for (field, kind) in fields {
        let found = value.get(field).unwrap_or_else(|| panic!("no {field} in {value}"));
        let letter = match found {
            Value::Null => "?",
            Value::Bool(_) => "b",
            Value::Number(_) => "n",
            Value::String(_) => "s",
            Value::Array(_) => "a",
            Value::Object(_) => "o",
        };
        assert!(kind.contains(letter), "{field}: {found}");
    }
}

/// What the pages read of a message.
const MESSAGE: [(&str, &str); 11] = [
    ("id", "n"),
    ("conversationId", "n"),
    ("senderId", "n"),
    ("senderAvatar", "s?"),
    ("senderType", "n"),
    ("receiverId", "n?"),
    ("receiverType", "n?"),
    ("contentType", "n"),
    ("content", "s"),
    ("readStatus", "b"),
    ("createTime", "n"),
];

const CONVERSATION: [(&str, &str); 12] = [
    ("id", "n"),
    ("userId", "n"),
    ("userAvatar", "s?"),
    ("userNickname", "s"),
    ("lastMessageTime", "n"),
    ("lastMessageContent", "s"),
    ("lastMessageContentType", "n"),
    ("adminPinned", "b"),
    ("userDeleted", "b"),
    ("adminDeleted", "b"),
    ("adminUnreadMessageCount", "n"),
    ("createTime", "n"),
];

const TOKENS: [(&str, &str); 4] = [("userId", "n"), ("accessToken", "s"), ("refreshToken", "s"), ("expiresTime", "n")];

#[tokio::test]
async fn an_admin_signs_in_and_out() {
    let app = app().await;
    app.admin("red", Role::Owner).await;
    let open = async |path: &str| User::send(console(&app, Method::GET, path, None, None)).await.ok();
    let website = open("/admin-api/system/tenant/get-by-website?website=localhost:5173").await;
    assert!(website.is_null() || website["id"] == 1);
    assert_eq!(open("/admin-api/system/tenant/get-id-by-name?name=%E8%8A%8B%E9%81%93%E6%BA%90%E7%A0%81").await, 1);

    let login = async |password: &str| {
        let body = json!({"tenantName": "芋道源码", "username": "red", "password": password, "rememberMe": true});
        User::send(console(&app, Method::POST, "/admin-api/system/auth/login", None, Some(body))).await
    };
    login("wrong").await.fails(1_002_000_000, "登录失败，账号密码不正确");
    let tokens = login("password-of-red").await.ok();
    has(&tokens, &TOKENS);
    let user = app.user_with(serde_json::from_value(tokens).unwrap());
    let admin = Client { app: &app, user, is_console: true };

    let info = admin.get("/admin-api/system/auth/get-permission-info").await;
    has(&info, &[("user", "o"), ("roles", "a"), ("permissions", "a"), ("menus", "a")]);
    has(
        &info["user"],
        &[("id", "n"), ("nickname", "s"), ("avatar", "s"), ("username", "s"), ("deptId", "n?"), ("email", "s")],
    );
    let menu =
        [("id", "n"), ("parentId", "n"), ("name", "s"), ("path", "s"), ("component", "s"), ("componentName", "s")];
    for entry in [&info["menus"][0], &info["menus"][0]["children"][0]] {
        has(entry, &menu);
        has(entry, &[("visible", "b"), ("children", "a?"), ("icon", "s"), ("keepAlive", "b"), ("alwaysShow", "b")]);
    }
    assert_eq!(
        (&info["menus"][0]["path"], &info["menus"][0]["children"][0]["path"]),
        (&json!("/mall"), &json!("kefu"))
    );
    assert_eq!(info["menus"][0]["children"][0]["component"], "mall/promotion/kefu/index");

    assert_eq!(admin.get("/admin-api/system/dict-data/simple-list").await, json!([]));
    assert_eq!(admin.get("/admin-api/system/notify-message/get-unread-count").await, 0);
    assert_eq!(admin.get("/admin-api/system/notify-message/get-unread-list").await, json!([]));
    assert_eq!(admin.call(Method::POST, "/admin-api/system/auth/logout", None).await.ok(), true);
    admin.call(Method::GET, "/admin-api/system/auth/get-permission-info", None).await.fails(401, "账号未登录");
    app.stop().await;
}

#[tokio::test]
async fn an_admin_works_at_the_page() {
    let app = app().await;
    let (admin, member) = (Client::console(&app).await, Client::member(&app).await);
    member.sends(1, &text("hello")).await.ok();
    let list = admin.get("/admin-api/promotion/kefu-conversation/list").await;
    has(&list[0], &CONVERSATION);
    assert_eq!(list[0]["adminUnreadMessageCount"], 1);
    has(&admin.get("/admin-api/promotion/kefu-conversation/get?id=1").await, &CONVERSATION);
    assert!(admin.get("/admin-api/promotion/kefu-conversation/get?id=99").await.is_null());

    let messages = admin.get("/admin-api/promotion/kefu-message/list?conversationId=1").await;
    has(&messages[0], &MESSAGE);
    let earlier = "/admin-api/promotion/kefu-message/list?conversationId=1&createTime=2026-11-21%2012%3A00%3A00";
    assert_eq!(admin.get(earlier).await, json!([]), "the end of the history");
    // Enter adds a line feed, which is kept.
    let answered = admin.sends(1, "{\"text\":\"hi\\n\"}").await.ok();
    assert!(answered.is_i64());
    let newest = admin.get("/admin-api/promotion/kefu-message/list?conversationId=1").await[0].clone();
    assert_eq!((&newest["id"], &newest["content"]), (&answered, &json!("{\"text\":\"hi\\n\"}")));

    let read = "/admin-api/promotion/kefu-message/update-read-status?conversationId=1";
    for _ in 0..2 {
        assert_eq!(admin.call(Method::PUT, read, None).await.ok(), true, "also when nothing was unread");
    }
    let pin = Some(json!({"id": 1, "adminPinned": true}));
    let pinned = "/admin-api/promotion/kefu-conversation/update-conversation-pinned";
    assert_eq!(admin.call(Method::PUT, pinned, pin).await.ok(), true);
    let shown = admin.get("/admin-api/promotion/kefu-conversation/get?id=1").await;
    assert_eq!((&shown["adminPinned"], &shown["adminUnreadMessageCount"]), (&json!(true), &json!(0)));

    let delete = "/admin-api/promotion/kefu-conversation/delete?id=1";
    assert_eq!(admin.call(Method::DELETE, delete, None).await.ok(), true);
    assert_eq!(admin.get("/admin-api/promotion/kefu-conversation/list").await, json!([]));
    has(&admin.get("/admin-api/promotion/kefu-conversation/get?id=1").await, &CONVERSATION);
    member.sends(1, &text("again")).await.ok();
    assert_eq!(admin.get("/admin-api/promotion/kefu-conversation/list").await.as_array().unwrap().len(), 1);

    let card = admin.get("/admin-api/member/user/get?id=247").await;
    has(
        &card,
        &[("id", "n"), ("nickname", "s"), ("avatar", "s"), ("mobile", "s?"), ("createTime", "n?"), ("levelName", "s?")],
    );
    assert!(admin.get("/admin-api/member/user/get?id=9999").await.is_object(), "null crashes the panel");
    assert!(admin.get("/admin-api/pay/wallet/get?userId=247").await.is_null());
    for page in [
        "/admin-api/product/browse-history/page?pageNo=1&pageSize=10&userId=247&userDeleted=false",
        "/admin-api/trade/order/page?pageNo=1&pageSize=10&userId=247",
    ] {
        assert_eq!(admin.get(page).await, json!({"list": [], "total": 0}));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_member_works_at_the_page() {
    let app = app().await;
    let (admin, member) = (Client::console(&app).await, Client::member(&app).await);
    let website = "/app-api/system/tenant/get-by-website?website=localhost:3000";
    let tenant = User::send(app.http.get(app.url(website)).header("tenant-id", "1")).await.ok();
    assert!(tenant.is_null() || tenant["id"] == 1, "another id wipes the token");
    let look = User::send(app.http.get(app.url("/app-api/promotion/diy-template/used"))).await.ok();
    assert!(look.is_object(), "null makes the chat unreachable");
    has(&member.get("/app-api/member/user/get").await, &[("id", "n"), ("nickname", "s"), ("avatar", "s")]);
    for (path, data) in [
        ("/app-api/pay/wallet/get", json!(null)),
        ("/app-api/trade/order/get-count", json!(null)),
        ("/app-api/promotion/coupon/get-unused-count", json!(0)),
        ("/app-api/trade/cart/list", json!({"validList": [], "invalidList": []})),
        ("/app-api/product/browse-history/page?page=1&list_rows=5", json!({"list": [], "total": 0})),
        ("/app-api/trade/order/page?page=1&list_rows=5", json!({"list": [], "total": 0})),
    ] {
        assert_eq!(member.get(path).await, data, "{path}");
    }
    let list = "/app-api/promotion/kefu-message/list?no=1&limit=20";
    assert_eq!(member.get(list).await, json!([]), "before the first message");
    assert!(member.sends(1, &text("hi")).await.ok().is_i64());
    app.clock.advance(1_000);
    admin.sends(1, &text("您好")).await.ok();
    let messages = member.get(list).await;
    has(&messages[0], &MESSAGE);
    assert_eq!(messages[0]["content"], text("您好"), "newest first");
    let earlier = "/app-api/promotion/kefu-message/list?no=2&limit=20&createTime=2026-11-21+12:00:00";
    assert_eq!(member.get(earlier).await, json!([]));
    assert_eq!(member.call(Method::POST, "/app-api/member/auth/logout", None).await.ok(), true);
    app.stop().await;
}

#[tokio::test]
async fn both_upload_pictures_and_show_them_without_a_token() {
    let app = app().await;
    let (admin, member) = (Client::console(&app).await, Client::member(&app).await);
    member.sends(1, &text("hi")).await.ok();
    let file = || Part::bytes(PNG).file_name("x.png").mime_str("image/png").unwrap();
    let forms = [
        (&admin, "/admin-api/infra/file/upload", Form::new().part("file", file())),
        // Twice a picture: by the uploader and by the page.
        (&member, "/app-api/infra/file/upload", Form::new().text("directory", "").part("file", file())),
        (&member, "/app-api/infra/file/upload", Form::new().text("directory", "").part("file", file())),
    ];
    for (client, path, form) in forms {
        let request = client.user.request(Method::POST, path).header("tenant-id", "1").header("origin", ORIGIN);
        let url = User::send(request.multipart(form)).await.ok();
        let shown = app.http.get(url.as_str().unwrap()).send().await.unwrap();
        assert_eq!((shown.status(), &shown.headers()["content-type"]), (StatusCode::OK, &"image/png".parse().unwrap()));
        assert_eq!(shown.bytes().await.unwrap(), PNG);
        client.sends(2, &json!({"picUrl": url}).to_string()).await.ok();
    }
    app.stop().await;
}

#[tokio::test]
async fn an_expired_token_is_refreshed_and_the_call_repeated() {
    let app = app().await;
    for is_console in [true, false] {
        let client = if is_console { Client::console(&app).await } else { Client::member(&app).await };
        let (side, call) = if is_console {
            ("/admin-api/system/auth", "/admin-api/promotion/kefu-conversation/list")
        } else {
            ("/app-api/member/auth", "/app-api/promotion/kefu-message/list?no=1&limit=20")
        };
        app.clock.advance(1_801_000);
        // With a real HTTP 401 neither would refresh.
        client.call(Method::GET, call, None).await.fails(401, "账号未登录");
        let refresh = async |token: &str| {
            let path = format!("{side}/refresh-token?refreshToken={token}");
            User::send(if is_console {
                app.http.post(app.url(&path)).header("tenant-id", "1").header("origin", ORIGIN)
            } else {
                // With the dead token still on it.
                h5(&app, Method::POST, &path, client.user.access_token(), None)
            })
            .await
        };
        let tokens = refresh(client.user.refresh_token()).await.ok();
        has(&tokens, &TOKENS);
        assert_eq!(tokens["refreshToken"], client.user.refresh_token(), "the socket's address keeps it");
        let replay = format!("Bearer {}", tokens["accessToken"].as_str().unwrap());
        let request = if is_console {
            console(&app, Method::GET, call, Some(&replay), None)
        } else {
            h5(&app, Method::GET, call, &replay, None)
        };
        User::send(request).await.ok();
        // The console looks at `data` alone.
        refresh("garbage").await.fails(400, "无效的刷新令牌");
        assert_eq!(app.handshake(&format!("token={}", client.user.refresh_token())).await, 101);
    }
    app.clock.advance(31 * 86_400_000);
    let late = Client::member(&app).await;
    app.clock.advance(31 * 86_400_000);
    let path = format!("/app-api/member/auth/refresh-token?refreshToken={}", late.user.refresh_token());
    User::send(app.http.post(app.url(&path))).await.fails(401, "刷新令牌已过期");
    app.stop().await;
}

#[tokio::test]
async fn sockets_do_what_both_pages_rely_on() {
    let app = app().await;
    let (admin, member) = (Client::console(&app).await, Client::member(&app).await);
    // The console opens two at its start and drops the first at once.
    drop(admin.socket().await);
    let (mut console, mut page, mut tab) = (admin.socket().await, member.socket().await, member.socket().await);
    for socket in [&mut console, &mut page, &mut tab] {
        for _ in 0..3 {
            assert!(socket.events_so_far().await.is_empty(), "a ping is answered by the text pong and by nothing else");
        }
    }
    // The member's page shows its own text through this frame only.
    member.sends(1, &text("hello")).await.ok();
    for socket in [&mut page, &mut tab] {
        has(&socket.expect("kefu_message_type").await, &MESSAGE);
    }
    assert_eq!(console.expect("kefu_conversation_created").await["conversationId"], 1);
    let pushed = console.expect("kefu_message_type").await;
    assert_eq!(pushed, admin.get("/admin-api/promotion/kefu-message/list?conversationId=1").await[0]);

    admin.sends(1, &text("您好")).await.ok();
    let times = [page.expect("kefu_message_type").await, console.expect("kefu_message_type").await]
        .map(|message| message["createTime"].as_i64().unwrap());
    assert!(times[0] > pushed["createTime"].as_i64().unwrap() && times[0] == times[1]);
    tab.expect("kefu_message_type").await;

    let read = "/admin-api/promotion/kefu-message/update-read-status?conversationId=1";
    admin.call(Method::PUT, read, None).await.ok();
    for socket in [&mut console, &mut page, &mut tab] {
        assert_eq!(socket.expect("kefu_message_read_status_change").await["conversationId"], 1);
    }
    // One that reconnects at the same address gets nothing a second time.
    page.close().await;
    assert!(member.socket().await.events_so_far().await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn preflights_are_answered_with_what_they_ask_for() {
    let app = app().await;
    for (method, path, headers) in [
        ("POST", "/admin-api/system/auth/login", "content-type"),
        ("POST", "/admin-api/system/auth/login", "content-type,tenant-id"),
        ("POST", "/admin-api/system/auth/refresh-token", "tenant-id"),
        ("GET", "/admin-api/system/auth/get-permission-info", "authorization,cache-control,pragma,tenant-id"),
        ("GET", "/admin-api/promotion/kefu-conversation/list", "authorization,cache-control,pragma"),
        (
            "GET",
            "/admin-api/promotion/kefu-message/list",
            "authorization,cache-control,pragma,tenant-id,visit-tenant-id",
        ),
        ("POST", "/admin-api/promotion/kefu-message/send", "authorization,content-type"),
        ("PUT", "/admin-api/promotion/kefu-message/update-read-status", "authorization"),
        ("PUT", "/admin-api/promotion/kefu-conversation/update-conversation-pinned", "authorization,content-type"),
        ("DELETE", "/admin-api/promotion/kefu-conversation/delete", "authorization"),
        ("POST", "/admin-api/infra/file/upload", "authorization,tenant-id"),
        ("GET", "/app-api/promotion/kefu-message/list", "authorization,content-type,platform,tenant-id,terminal"),
        ("POST", "/app-api/promotion/kefu-message/send", "authorization,content-type,platform,tenant-id,terminal"),
        ("POST", "/app-api/member/auth/refresh-token", "authorization,content-type,platform,tenant-id,terminal"),
        ("POST", "/app-api/infra/file/upload", "authorization,tenant-id"),
    ] {
        let request = app.http.request(Method::OPTIONS, app.url(path)).header("origin", ORIGIN);
        let request = request.header("access-control-request-method", method);
        let answer = request.header("access-control-request-headers", headers).send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.status());
        assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN);
        let listed = listed(answer.headers(), "access-control-allow-headers");
        assert!(headers.split(',').all(|header| listed.iter().any(|one| one == header)), "{headers}: {listed:?}");
        assert!(listed_methods(answer.headers()).contains(&method.to_ascii_lowercase()), "{method} {path}");
    }
    app.stop().await;
}

fn listed(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers[name].to_str().unwrap().split(',').map(|item| item.trim().to_ascii_lowercase()).collect()
}

fn listed_methods(headers: &HeaderMap) -> Vec<String> {
    listed(headers, "access-control-allow-methods")
}

#[tokio::test]
async fn whatever_fails_is_http_200_and_names_the_origin() {
    let app = app().await;
    let member = Client::member(&app).await;
    for (authorization, path) in [
        (None, "/admin-api/promotion/kefu-conversation/list"),
        (Some(member.user.access_token()), "/admin-api/promotion/kefu-conversation/list"),
        (Some(member.user.access_token()), "/app-api/promotion/kefu-message/list?limit=0"),
        (None, "/app-api/unknown"),
    ] {
        let response = console(&app, Method::GET, path, authorization, None).send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], ORIGIN, "{path}");
        let reply = Reply::read(response).await;
        assert!(reply.status == 200 && reply.code != 0 && !reply.msg.is_empty() && reply.data.is_null(), "{reply:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn contents_that_break_the_pages_are_refused_and_others_kept_as_they_are() {
    let app = app().await;
    let (admin, member) = (Client::console(&app).await, Client::member(&app).await);
    member.sends(1, "not JSON <b>at all</b>").await.ok();
    for client in [&admin, &member] {
        for (content_type, content) in
            [(1, "null"), (2, "null"), (10, "null"), (1, "{\"text\":123}"), (1, "[]"), (99, "x")]
        {
            let refused = client.sends(content_type, content).await;
            assert_eq!((refused.status.as_u16(), refused.code), (200, 400), "{content_type} {content}");
        }
    }
    let product = json!({"spuId": 633, "spuName": "杯子", "picUrl": "http://x/1.png", "price": 12900, "salesCount": 3, "stock": 77});
    let order = json!({"id": 9001, "no": "o2026", "status": 10, "deliveryType": 1, "commentStatus": false,
        "productCount": 1, "payPrice": 12900, "items": [{"id": 1, "spuId": 633, "spuName": "杯子",
        "picUrl": "http://x/1.png", "count": 1, "price": 12900, "properties": [{"valueName": "白色"}]}]});
    let kept = [
        (1, "123".to_owned()),
        (1, "{\"text\":\"[笑掉牙]\\n\"}".to_owned()),
        (2, "{\"picUrl\":\"http://x/1.png\"}".to_owned()),
        (10, product.to_string()),
        (11, order.to_string()),
    ];
    for (content_type, content) in &kept {
        member.sends(*content_type, content).await.ok();
    }
    let shown = admin.get("/admin-api/promotion/kefu-message/list?conversationId=1").await;
    let shown = shown.as_array().unwrap().iter().map(|one| one["content"].as_str().unwrap());
    let sent = kept.iter().rev().map(|(_, content)| content.as_str());
    assert!(shown.take(kept.len()).eq(sent), "byte for byte");
    app.stop().await;
}
