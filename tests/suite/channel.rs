//! Channels: managed by owners, known at every node, and which pages each of them lets in.

use std::collections::BTreeSet;

use kefu::id::TenantId;
use kefu::testing::access::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Redis, TestApp, User, eventually};

const LIST: &str = "/admin-api/promotion/kefu-channel/list";
const CREATE: &str = "/admin-api/promotion/kefu-channel/create";
const UPDATE: &str = "/admin-api/promotion/kefu-channel/update";
const SHOP: &str = "https://shop.example";

/// Without the channel of the demo page.
async fn app() -> TestApp {
    TestApp::spawn_with(|settings| settings.server.demo = false).await
}

async fn list(owner: &User) -> Vec<Value> {
    owner.get(LIST).await.ok().as_array().unwrap().clone()
}

async fn channel(owner: &User, id: i64) -> Value {
    owner.get(&format!("/admin-api/promotion/kefu-channel/get?id={id}")).await.ok()
}

async fn delete(owner: &User, id: i64) -> crate::support::Reply {
    owner.delete(&format!("/admin-api/promotion/kefu-channel/delete?id={id}")).await
}

/// Makes a channel; its id and its key.
async fn made(owner: &User, settings: Value) -> (i64, String) {
    let id = owner.post(CREATE, json!({"name": "商城", "settings": settings})).await.ok().as_i64().unwrap();
    (id, channel(owner, id).await["key"].as_str().unwrap().to_owned())
}

/// The HTTP status and the envelope of a widget's configuration, as a page with these headers gets it.
async fn config(app: &TestApp, key: &str, headers: &[(&str, &str)]) -> (StatusCode, Value) {
    let path = format!("/app-api/promotion/kefu-widget/config?key={key}");
    let request = app.anonymous().request(Method::GET, &path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    (response.status(), response.json().await.unwrap())
}

/// Whether a page with these headers is let in.
async fn is_let_in(app: &TestApp, key: &str, headers: &[(&str, &str)]) -> bool {
    match config(app, key, headers).await {
        (StatusCode::OK, answer) => answer["code"] == 0 || panic!("{answer}"),
        (StatusCode::FORBIDDEN, answer) => answer["code"] != 403 && panic!("{answer}"),
        (status, answer) => panic!("{status} {answer}"),
    }
}

/// The origin that a preflight allows.
async fn preflight(app: &TestApp, origin: &str, path: &str) -> Option<String> {
    let request = app.anonymous().request(Method::OPTIONS, path).header("origin", origin);
    let asked =
        [("access-control-request-method", "POST"), ("access-control-request-headers", "authorization,tenant-id")];
    let request = asked.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    let allowed = response.headers().get("access-control-allow-origin")?;
    assert_eq!(response.headers()["access-control-allow-headers"], "authorization,tenant-id");
    Some(allowed.to_str().unwrap().to_owned())
}

fn defaults() -> Value {
    json!({
        "origins": [], "allowNoOrigin": false, "locale": "auto",
        "look": {
            "color": "#4F5BD5", "position": "right", "side": 20, "bottom": 20, "zIndex": 1000, "theme": "auto", "avatar": null
        },
        "texts": {"title": null, "greeting": null, "reply": null, "away": null, "placeholder": null},
        "preChat": {"enabled": false, "fields": []},
    })
}

#[tokio::test]
async fn an_owner_makes_changes_and_deletes_channels() {
    let app = app().await;
    let owner = app.owner().await;
    assert_eq!(list(&owner).await, Vec::<Value>::new());
    let id = owner.post(CREATE, json!({"name": " 商城 "})).await.ok().as_i64().unwrap();
    let key = channel(&owner, id).await["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("wk_") && key.len() == 27, "{key}");
    let mut expected = json!({
        "id": id, "kind": "web", "name": "商城", "key": key, "enabled": true, "settings": defaults(),
        "createTime": app.clock.now(),
    });
    assert_eq!(channel(&owner, id).await, expected);

    let set = json!({
        "origins": ["HTTPS://Shop.Example:443", "https://*.shop.example", "self"], "allowNoOrigin": true, "locale": "en",
        "look": {"color": "#0f766e", "position": "left", "theme": "dark", "avatar": "https://shop.example/a.png", "zIndex": 9},
        "texts": {"title": "Shop", "away": " "},
        "preChat": {"enabled": true, "fields": [{"name": "email", "required": true}, {"name": "topic", "label": "About"}]},
    });
    assert_eq!(owner.put_json(UPDATE, json!({"id": id, "settings": set})).await.ok(), true);
    expected["settings"] = json!({
        "origins": [SHOP, "https://*.shop.example", "self"], "allowNoOrigin": true, "locale": "en",
        "look": {
            "color": "#0f766e", "position": "left", "side": 20, "bottom": 20, "zIndex": 9, "theme": "dark",
            "avatar": "https://shop.example/a.png"
        },
        "texts": {"title": "Shop", "greeting": null, "reply": null, "away": null, "placeholder": null},
        "preChat": {"enabled": true, "fields": [
            {"name": "email", "label": null, "required": true}, {"name": "topic", "label": "About", "required": false}
        ]},
    });
    assert_eq!(channel(&owner, id).await, expected);

    // What is not named stays, null brings back the default, a list is replaced.
    let change = json!({"look": {"color": null, "side": 0}, "origins": [], "preChat": null});
    assert_eq!(owner.put_json(UPDATE, json!({"id": id, "name": "n", "settings": change})).await.ok(), true);
    expected["name"] = json!("n");
    expected["settings"]["look"]["color"] = json!("#4F5BD5");
    expected["settings"]["look"]["side"] = json!(0);
    expected["settings"]["origins"] = json!([]);
    expected["settings"]["preChat"] = json!({"enabled": false, "fields": []});
    assert_eq!(list(&owner).await, [expected.clone()]);

    assert_eq!(owner.put_json(UPDATE, json!({"id": id, "enabled": false})).await.ok(), true);
    expected["enabled"] = json!(false);
    let app = app.restart().await;
    let owner = app.owner().await;
    assert_eq!(list(&owner).await, [expected]);

    let (second, _) = made(&owner, json!({})).await;
    assert_eq!(delete(&owner, id).await.ok(), true);
    delete(&owner, id).await.fails(404, "请求未找到");
    owner.put_json(UPDATE, json!({"id": id, "name": "x"})).await.fails(404, "请求未找到");
    assert_eq!(channel(&owner, id).await, Value::Null);
    assert_eq!(list(&owner).await.len(), 1);
    assert!(second > id);
    app.stop().await;
}

#[tokio::test]
async fn a_key_is_made_by_the_service_and_never_changes() {
    let app = app().await;
    let owner = app.owner().await;
    let own = json!({"name": "n", "key": "wk_mine", "channelKey": "wk_mine"});
    let id = owner.post(CREATE, own).await.ok().as_i64().unwrap();
    let key = channel(&owner, id).await["key"].clone();
    assert_ne!(key, "wk_mine");
    for change in [json!({"key": "wk_mine"}), json!({"kind": "s0"}), json!({"settings": {}}), json!({"enabled": false})]
    {
        let mut body = json!({"id": id});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        owner.put_json(UPDATE, body).await.ok();
        let now = channel(&owner, id).await;
        assert_eq!((&now["key"], &now["kind"]), (&key, &json!("web")));
    }
    let mut keys = BTreeSet::new();
    for _ in 0..20 {
        keys.insert(made(&owner, json!({})).await.1);
    }
    assert_eq!(keys.len(), 20);
    app.stop().await;
}

#[tokio::test]
async fn each_wrong_field_is_refused_with_its_name() {
    let app = app().await;
    let owner = app.owner().await;
    let (id, _) = made(&owner, json!({})).await;
    let before = list(&owner).await;
    let field = |name: &str| json!({"name": name});
    let long = |length: usize| "字".repeat(length);
    let origin = "形如 https://shop.example 或 https://*.shop.example 的来源（不含路径），或 self";
    for (settings, msg) in [
        (json!({"origin": []}), "请求参数不正确:没有设置项 settings.origin".to_owned()),
        (json!({"look": {"colour": 1}}), "请求参数不正确:没有设置项 settings.look.colour".into()),
        (
            json!({"preChat": {"fields": [field("name"), {"name": "email", "max": 3}]}}),
            "请求参数不正确:没有设置项 settings.preChat.fields[1].max".into(),
        ),
        (json!([]), "请求参数类型错误:settings".into()),
        (json!("self"), "请求参数类型错误:settings".into()),
        (json!({"origins": "self"}), "请求参数类型错误:settings.origins".into()),
        (json!({"origins": [SHOP, 1]}), "请求参数类型错误:settings.origins[1]".into()),
        (
            json!({"origins": [SHOP, "https://shop.example/path"]}),
            format!("请求参数不正确:settings.origins[1] 须为{origin}"),
        ),
        (json!({"origins": ["*"]}), format!("请求参数不正确:settings.origins[0] 须为{origin}")),
        (json!({"origins": ["https://a.*.example"]}), format!("请求参数不正确:settings.origins[0] 须为{origin}")),
        (json!({"origins": ["null"]}), format!("请求参数不正确:settings.origins[0] 须为{origin}")),
        (json!({"origins": ["ftp://shop.example"]}), format!("请求参数不正确:settings.origins[0] 须为{origin}")),
        (json!({"origins": ["wss://shop.example"]}), format!("请求参数不正确:settings.origins[0] 须为{origin}")),
        (json!({"allowNoOrigin": "yes"}), "请求参数类型错误:settings.allowNoOrigin".into()),
        (json!({"locale": "fr"}), "请求参数不正确:settings.locale 须为 auto、zh、en".into()),
        (json!({"locale": 1}), "请求参数类型错误:settings.locale".into()),
        (json!({"look": 1}), "请求参数类型错误:settings.look".into()),
        (json!({"look": {"color": "red"}}), "请求参数不正确:settings.look.color 须为形如 #4F5BD5 的颜色".into()),
        (json!({"look": {"color": "#12345é"}}), "请求参数不正确:settings.look.color 须为形如 #4F5BD5 的颜色".into()),
        (json!({"look": {"position": "top"}}), "请求参数不正确:settings.look.position 须为 right、left".into()),
        (json!({"look": {"side": -1}}), "请求参数不正确:settings.look.side 须为 0 至 1000 的整数".into()),
        (json!({"look": {"side": 1.5}}), "请求参数类型错误:settings.look.side".into()),
        (json!({"look": {"bottom": 1001}}), "请求参数不正确:settings.look.bottom 须为 0 至 1000 的整数".into()),
        (
            json!({"look": {"zIndex": 2_147_483_648_i64}}),
            "请求参数不正确:settings.look.zIndex 须为 0 至 2147483647 的整数".into(),
        ),
        (json!({"look": {"theme": "blue"}}), "请求参数不正确:settings.look.theme 须为 auto、light、dark".into()),
        (json!({"look": {"avatar": "/a.png"}}), "请求参数不正确:settings.look.avatar 须为 http 或 https 地址".into()),
        (
            json!({"look": {"avatar": "javascript:1"}}),
            "请求参数不正确:settings.look.avatar 须为 http 或 https 地址".into(),
        ),
        (json!({"texts": {"title": 7}}), "请求参数类型错误:settings.texts.title".into()),
        (
            json!({"texts": {"greeting": long(501)}}),
            "请求参数不正确:settings.texts.greeting 须为不超过 500 字的文本".into(),
        ),
        (json!({"preChat": {"enabled": 1}}), "请求参数类型错误:settings.preChat.enabled".into()),
        (json!({"preChat": {"fields": {}}}), "请求参数类型错误:settings.preChat.fields".into()),
        (
            json!({"preChat": {"fields": [field("age")]}}),
            "请求参数不正确:settings.preChat.fields[0].name 须为 name、email、phone、topic".into(),
        ),
        (json!({"preChat": {"fields": [{"required": true}]}}), "请求参数缺失:settings.preChat.fields[0].name".into()),
        (
            json!({"preChat": {"fields": [field("name"), field("name")]}}),
            "请求参数不正确:settings.preChat.fields[1].name 须为未列出过的名称".into(),
        ),
        (
            json!({"preChat": {"fields": [{"name": "name", "label": long(65)}]}}),
            "请求参数不正确:settings.preChat.fields[0].label 须为不超过 64 字的文本".into(),
        ),
        (
            json!({"origins": (0..700).map(|one| format!("https://shop-{one}.example")).collect::<Vec<_>>()}),
            "请求参数不正确:settings 须为不超过 16384 字节".into(),
        ),
    ] {
        owner.post(CREATE, json!({"name": "n", "settings": settings})).await.fails(400, &msg);
        let body = json!({"id": id, "name": "other", "enabled": false, "settings": settings});
        owner.put_json(UPDATE, body).await.fails(400, &msg);
    }
    let name = "请求参数不正确:名称须为 1 至 63 个可见字符";
    for (body, msg) in [
        (json!({}), "请求参数缺失:name"),
        (json!({"name": 1}), "请求参数类型错误:name"),
        (json!({"name": " "}), name),
        (json!({"name": long(64)}), name),
        (json!({"name": "a\u{202e}b"}), name),
        (json!({"name": "n", "enabled": "no"}), "请求参数类型错误:enabled"),
        (json!({"name": "n", "kind": "s0"}), "请求参数不正确:渠道类型须为 web"),
    ] {
        owner.post(CREATE, body).await.fails(400, msg);
    }
    owner.put_json(UPDATE, json!({"id": id, "name": ""})).await.fails(400, name);
    owner.put_json(UPDATE, json!({"name": "n"})).await.fails(400, "请求参数缺失:id");
    let english = owner.request(Method::POST, CREATE).header("accept-language", "en");
    let refused = User::send(english.json(&json!({"name": "n", "settings": {"look": {"color": "red"}}}))).await;
    refused.fails(400, "invalid request parameter: settings.look.color must be a colour like #4F5BD5");
    assert_eq!(list(&owner).await, before);
    app.stop().await;
}

#[tokio::test]
async fn a_tenant_sees_its_own_channels_only_and_has_a_hundred_at_most() {
    let app = app().await;
    let (owner, other) = (app.owner().await, app.admin_of(TenantId::new(2), "two", Role::Owner).await);
    let (id, _) = made(&owner, json!({"origins": [SHOP]})).await;
    let before = list(&owner).await;
    assert_eq!((list(&other).await, channel(&other, id).await), (vec![], Value::Null));
    other.put_json(UPDATE, json!({"id": id, "enabled": false})).await.fails(404, "请求未找到");
    delete(&other, id).await.fails(404, "请求未找到");
    assert_eq!(list(&owner).await, before);
    for _ in 0..100 {
        made(&other, json!({})).await;
    }
    other.post(CREATE, json!({"name": "n"})).await.fails(400, "请求参数不正确:最多 100 个渠道");
    assert_eq!((list(&other).await.len(), list(&owner).await.len()), (100, 1));
    app.stop().await;
}

#[tokio::test]
async fn a_widget_reads_its_configuration() {
    let app = app().await;
    let owner = app.owner().await;
    let (id, key) = made(&owner, json!({"origins": [SHOP], "texts": {"title": "Shop"}, "allowNoOrigin": true})).await;
    let (status, answer) = config(&app, &key, &[("origin", SHOP)]).await;
    let mut expected = json!({
        "key": key, "name": "商城", "locale": "auto", "look": defaults()["look"], "preChat": defaults()["preChat"],
        "texts": {"title": "Shop", "greeting": null, "reply": null, "away": null, "placeholder": null},
        "online": false, "uploadBytes": 16 * 1024 * 1024,
    });
    assert_eq!((status, &answer), (StatusCode::OK, &json!({"code": 0, "msg": "", "data": expected})));

    // A member's socket is no admin's.
    let _member = app.member(1001).await.socket("").await;
    assert_eq!(config(&app, &key, &[]).await.1["data"]["online"], false);
    let admin = owner.socket("").await;
    expected["online"] = json!(true);
    assert_eq!(config(&app, &key, &[]).await.1["data"], expected);
    drop(admin);
    let is_online = async || config(&app, &key, &[]).await.1["data"]["online"] == true;
    eventually("nobody is there", async || !is_online().await).await;

    // With rounds of service it takes an agent on duty.
    owner.put_json("/admin-api/promotion/kefu-setting/update", json!({"routing": {"mode": "manual"}})).await.ok();
    owner.put_json("/admin-api/promotion/kefu-agent/duty", json!({"duty": 0})).await.ok();
    let _admin = owner.socket("").await;
    eventually("nobody is on duty", async || !is_online().await).await;
    owner.put_json("/admin-api/promotion/kefu-agent/duty", json!({"duty": 1})).await.ok();
    eventually("an agent is on duty", is_online).await;
    owner.put_json("/admin-api/promotion/kefu-agent/duty", json!({"duty": 2})).await.ok();
    eventually("nobody is on duty", async || !is_online().await).await;

    for wrong in ["wk_unknown", "%00", "demo", &key.to_uppercase(), &format!("{key}x")] {
        let (status, answer) = config(&app, wrong, &[]).await;
        assert_eq!(status, StatusCode::OK);
        assert!([400, 404].contains(&answer["code"].as_i64().unwrap()), "{wrong}: {answer}");
    }
    app.anonymous().get("/app-api/promotion/kefu-widget/config").await.fails(400, "请求参数缺失:key");
    owner.put_json(UPDATE, json!({"id": id, "enabled": false})).await.ok();
    assert_eq!(config(&app, &key, &[("origin", SHOP)]).await.1["code"], 404);
    owner.put_json(UPDATE, json!({"id": id, "enabled": true})).await.ok();
    assert_eq!(config(&app, &key, &[("origin", SHOP)]).await.1["code"], 0);
    delete(&owner, id).await.ok();
    assert_eq!(config(&app, &key, &[("origin", SHOP)]).await.1["code"], 404);
    // Nobody was made by any of this.
    assert_eq!((app.count("kefu_member").await, app.count("kefu_visitor").await), (1, 0));
    app.stop().await;
}

#[tokio::test]
async fn a_channel_lets_in_the_pages_of_its_origins() {
    let app = TestApp::spawn_with(|settings| {
        settings.server.demo = false;
        settings.server.trust_forwarded_for = true;
        settings.server.public_url = Some("https://kefu.example/chat".into());
    })
    .await;
    let owner = app.owner().await;
    let (_, sites) = made(&owner, json!({"origins": [SHOP, "https://*.shop.example", "http://localhost:5173"]})).await;
    for (origin, expected) in [
        (SHOP, true),
        ("https://www.shop.example", true),
        ("http://localhost:5173", true),
        ("http://shop.example", false),
        ("https://shop.example:8443", false),
        ("https://shop.example.evil.example", false),
        ("https://evilshop.example", false),
        ("https://SHOP.example", false),
        ("https://kefu.example", false),
        ("null", false),
        ("", false),
    ] {
        assert_eq!(is_let_in(&app, &sites, &[("origin", origin)]).await, expected, "{origin}");
    }
    assert!(!is_let_in(&app, &sites, &[]).await);
    assert!(!is_let_in(&app, &sites, &[("sec-fetch-site", "same-origin")]).await);

    let (_, own) = made(&owner, json!({"origins": ["self"]})).await;
    let here = format!("http://{}", app.address);
    let page = format!("{here}/widget/demo");
    for (headers, expected) in [
        (&[("origin", here.as_str())][..], true),
        (&[("origin", "https://kefu.example")], true),
        (&[("origin", "http://chat.example"), ("host", "chat.example")], true),
        (&[("origin", "https://chat.example"), ("host", "Chat.Example:443")], true),
        (&[("origin", "https://chat.example"), ("host", "chat.example:8443")], false),
        (
            &[("origin", "https://chat.example"), ("x-forwarded-host", "chat.example"), ("x-forwarded-proto", "https")],
            true,
        ),
        (&[("origin", SHOP)], false),
        (&[("origin", "null"), ("sec-fetch-site", "cross-site")], false),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "none")], false),
        (&[("referer", page.as_str())], true),
        (&[("referer", page.as_str()), ("sec-fetch-site", "cross-site")], false),
        (&[("referer", "https://shop.example/")], false),
        (&[], false),
    ] {
        assert_eq!(is_let_in(&app, &own, headers).await, expected, "{headers:?}");
    }

    let (_, apps) = made(&owner, json!({"origins": [SHOP], "allowNoOrigin": true})).await;
    for (headers, expected) in [
        (&[][..], true),
        (&[("origin", "null")], true),
        (&[("origin", SHOP)], true),
        (&[("origin", "https://evil.example")], false),
        (&[("origin", here.as_str())], false),
    ] {
        assert_eq!(is_let_in(&app, &apps, headers).await, expected, "{headers:?}");
    }
    let (_, closed) = made(&owner, json!({})).await;
    assert!(!is_let_in(&app, &closed, &[("origin", here.as_str()), ("sec-fetch-site", "same-origin")]).await);
    app.stop().await;
}

#[tokio::test]
async fn a_host_that_no_trusted_proxy_names_is_not_believed() {
    let app = app().await;
    let owner = app.owner().await;
    let (_, own) = made(&owner, json!({"origins": ["self"]})).await;
    let headers = [("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")];
    assert!(!is_let_in(&app, &own, &headers).await);
    app.stop().await;
}

#[tokio::test]
async fn visitors_calls_are_allowed_from_the_origins_of_enabled_channels() {
    let app = TestApp::spawn_with(|settings| settings.server.cors_origins = vec!["https://admin.example".into()]).await;
    let (owner, other) = (app.owner().await, app.admin_of(TenantId::new(2), "two", Role::Owner).await);
    let (send, script) = ("/app-api/promotion/kefu-message/send", "/widget/v1.js");
    let below = "https://www.shop.example";
    assert_eq!(preflight(&app, SHOP, send).await, None);
    let (id, key) = made(&owner, json!({"origins": [SHOP]})).await;
    let (second, _) = made(&other, json!({"origins": ["https://*.shop.example"]})).await;
    for path in [send, script] {
        for origin in [SHOP, below, "https://admin.example"] {
            assert_eq!(preflight(&app, origin, path).await.as_deref(), Some(origin), "{path}");
        }
        assert_eq!(preflight(&app, "https://evil.example", path).await, None);
    }
    // What admins call is for the settings alone.
    let admin_send = "/admin-api/promotion/kefu-message/send";
    assert_eq!(preflight(&app, SHOP, admin_send).await, None);
    assert_eq!(preflight(&app, "https://admin.example", admin_send).await.as_deref(), Some("https://admin.example"));
    // The answer is for the page to read, also when it is a refusal.
    for path in ["/app-api/promotion/kefu-message/list", &format!("/app-api/promotion/kefu-widget/config?key={key}")] {
        for (origin, is_read) in [(SHOP, true), (below, true), ("https://evil.example", false)] {
            let answer = app.anonymous().request(Method::GET, path).header("origin", origin).send().await.unwrap();
            let allowed = answer.headers().get("access-control-allow-origin").map(|allowed| allowed.to_str().unwrap());
            assert_eq!(allowed, is_read.then_some(origin), "{path}");
            assert!(answer.headers()["vary"].to_str().unwrap().to_lowercase().contains("origin"));
        }
    }
    owner.put_json(UPDATE, json!({"id": id, "enabled": false})).await.ok();
    assert_eq!(preflight(&app, SHOP, send).await, None);
    delete(&other, second).await.ok();
    assert_eq!(preflight(&app, below, send).await, None);
    assert_eq!(preflight(&app, "https://admin.example", send).await.as_deref(), Some("https://admin.example"));
    app.stop().await;
}

#[tokio::test]
async fn all_nodes_know_the_same_channels() {
    let redis = Redis::spawn().await;
    let app = TestApp::spawn_with(|settings| {
        settings.push.relay = kefu::settings::Relay::Redis;
        settings.push.redis_url = Some(redis.url());
        settings.server.demo = false;
    })
    .await;
    let other = app.another_node(|_| ()).await;
    let (owner, there) = (app.owner().await, app.owner().await.at_node(&other));
    let knows = async |node: &TestApp, key: &str, origin: &str| {
        app.clock.advance(1000);
        let (_, answer) = config(node, key, &[("origin", origin)]).await;
        answer["code"] == 0 && preflight(node, origin, "/app-api/x").await.is_some()
    };
    let (id, key) = made(&owner, json!({"origins": [SHOP]})).await;
    assert!(knows(&app, &key, SHOP).await, "its own node knows it at once");
    eventually("the other node knows it", async || knows(&other, &key, SHOP).await).await;
    assert_eq!(list(&there).await, list(&owner).await);

    let changes = json!({"id": id, "settings": {"origins": ["https://new.example"]}});
    there.put_json(UPDATE, changes).await.ok();
    eventually("the first node knows the change", async || knows(&app, &key, "https://new.example").await).await;
    assert!(!knows(&app, &key, SHOP).await);

    let admin = owner.socket("").await;
    // The clock stands still: it would close the silent socket.
    eventually("an admin of the other node counts", async || {
        config(&other, &key, &[("origin", "https://new.example")]).await.1["data"]["online"] == true
    })
    .await;
    drop(admin);
    delete(&owner, id).await.ok();
    eventually("it is gone", async || !knows(&other, &key, "https://new.example").await).await;
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn changes_at_once_are_all_kept() {
    let app = app().await;
    let other = app.another_node(|_| ()).await;
    let (owner, there) = (app.owner().await, app.owner().await.at_node(&other));
    let (id, _) = made(&owner, json!({})).await;
    for round in 0..3 {
        let (color, name) = (format!("#00000{round}"), format!("n{round}"));
        let (one, two, three) = tokio::join!(
            owner.put_json(UPDATE, json!({"id": id, "settings": {"look": {"color": color}}})),
            there.put_json(UPDATE, json!({"id": id, "settings": {"look": {"side": round}}})),
            there.put_json(UPDATE, json!({"id": id, "name": name})),
        );
        [one, two, three].into_iter().for_each(|reply| assert_eq!(reply.ok(), true));
        let now = channel(&owner, id).await;
        let look = &now["settings"]["look"];
        assert_eq!((&look["color"], &look["side"], &now["name"]), (&json!(color), &json!(round), &json!(name)));
    }
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_has_gone_back_is_believed() {
    let app = app().await;
    let owner = app.owner().await;
    let (_, first) = made(&owner, json!({"origins": [SHOP]})).await;
    let (id, second) = made(&owner, json!({"origins": [SHOP]})).await;
    assert_eq!(config(&app, &second, &[("origin", SHOP)]).await.1["code"], 0);
    // As after a failover to a server that has not got the last change.
    app.execute(&format!("DELETE FROM kefu_channel WHERE id = {id}"));
    app.execute("UPDATE kefu_id_block SET next_id = next_id - 1 WHERE name = 'channel_change'");
    app.clock.advance(1000);
    eventually("it is gone", async || config(&app, &second, &[("origin", SHOP)]).await.1["code"] == 404).await;
    assert_eq!(config(&app, &first, &[("origin", SHOP)]).await.1["code"], 0);
    app.stop().await;
}

#[tokio::test]
async fn an_address_reads_so_many_configurations_a_minute() {
    let app = TestApp::spawn_with(|settings| {
        settings.server.trust_forwarded_for = true;
        settings.limits.widget_configs_per_minute_and_address = 3;
    })
    .await;
    let read = async |address: &str| config(&app, "wk_unknown", &[("x-forwarded-for", address)]).await.0;
    for _ in 0..3 {
        assert_eq!(read("198.51.100.7").await, StatusCode::OK);
    }
    assert_eq!(read("198.51.100.7").await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(read("198.51.100.8").await, StatusCode::OK);
    assert_eq!(read("2001:db8::1").await, StatusCode::OK);
    app.clock.advance(20_000);
    assert_eq!(read("198.51.100.7").await, StatusCode::OK);
    app.stop().await;
}

#[tokio::test]
async fn the_first_start_makes_a_channel_for_the_demo_page() {
    let app = TestApp::spawn().await;
    let owner = app.owner().await;
    let channels = list(&owner).await;
    let [demo] = channels.as_slice() else { panic!("{channels:?}") };
    assert_eq!((&demo["name"], &demo["kind"], &demo["enabled"]), (&json!("demo"), &json!("web"), &json!(true)));
    let mut settings = defaults();
    settings["origins"] = json!(["self"]);
    settings["texts"]["greeting"] = json!("您好，有什么可以帮您？\nHello! How can we help?");
    assert_eq!(demo["settings"], settings);
    let own = format!("http://{}", app.address);
    assert!(is_let_in(&app, demo["key"].as_str().unwrap(), &[("origin", &own)]).await);

    let app = app.restart().await;
    let owner = app.owner().await;
    assert_eq!(list(&owner).await, channels);
    delete(&owner, demo["id"].as_i64().unwrap()).await.ok();
    let app = app.restart().await;
    assert_eq!(list(&app.owner().await).await, Vec::<Value>::new(), "what was deleted stays so");
    app.stop().await;
}
