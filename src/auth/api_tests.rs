use actix_web::body::to_bytes;
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, http};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use utoipa_actix_web::AppExt;

use super::*;
use crate::access::{Permission, Role};
use crate::account::{self, NewAdmin};
use crate::agent::sights::Sights;
use crate::auth::admin;
use crate::channel::Channels;
use crate::clock::Clock;
use crate::clock::Millis;
use crate::db::Db;
use crate::http::address::ClientAddress;
use crate::push::Hub;
use crate::settings;
use crate::telemetry::metrics::Metrics;
use crate::tenant::Tenants;
use crate::test_db::temporary;

const NOW: Millis = 1_795_000_000_000;
const SHARED: &str = "a secret shared with the integrator";
const INFO: &str = "/admin-api/system/auth/get-permission-info";
const OWN: &str = "/app-api/member/user/get";

struct World {
    _folder: tempfile::TempDir,
    db: Db,
    clock: Clock,
    auth: Auth,
    channels: Channels,
    tenants: Tenants,
    sights: Sights,
}

impl World {
    async fn new() -> Self {
        let (folder, db) = temporary();
        let clock = Clock::manual(NOW);
        let mut settings = settings::Auth::default();
        settings.member_token.secret = Some(SHARED.into());
        let secret = "a secret of this service for tests";
        let auth = Auth::new(&settings, &settings::Limits::default(), secret, db.clone(), clock.clone()).unwrap();
        for (username, role) in [("boss", Role::Owner), ("red", Role::Agent)] {
            let new = NewAdmin {
                tenant: DEFAULT_TENANT,
                username: username.into(),
                nickname: "客服".into(),
                role,
                password: "correct horse".into(),
            };
            account::add_admin(&db, &clock, new).await.unwrap();
        }
        let channels = Channels::new(&db, &clock, None).await.unwrap();
        let tenants = Tenants::new(&db, &clock).await.unwrap();
        let hub = Hub::new(&settings::Push::default(), clock.clone(), Metrics::new());
        let sights = Sights::new(&db, &hub, &tenants);
        Self { _folder: folder, db, clock, auth, channels, tenants, sights }
    }

    async fn call(&self, request: TestRequest) -> Value {
        let app = App::new()
            .into_utoipa_app()
            .app_data(web::Data::new(self.auth.clone()))
            .app_data(web::Data::new(self.db.clone()))
            .app_data(web::Data::new(self.channels.clone()))
            .app_data(web::Data::new(self.tenants.clone()))
            .app_data(web::Data::new(self.sights.clone()))
            .app_data(web::Data::new(ClientAddress::default()))
            .configure(routes)
            .configure(account::api::routes)
            .into_app();
        let response = call_service(&init_service(app).await, request.to_request()).await;
        assert_eq!(response.status(), http::StatusCode::OK);
        serde_json::from_slice(&to_bytes(response.into_body()).await.unwrap()).unwrap()
    }

    async fn login(&self, username: &str) -> Value {
        let body = json!({"tenantName":"芋道源码","username":username,"password":"correct horse","rememberMe":true});
        self.call(TestRequest::post().uri("/admin-api/system/auth/login").set_json(body)).await
    }

    async fn get(&self, uri: &str, headers: &[(&str, &str)]) -> Value {
        let request =
            headers.iter().fold(TestRequest::get().uri(uri), |request, header| request.append_header(*header));
        self.call(request).await
    }
}

fn member_token() -> String {
    let claims = json!({"sub": "247", "nickname": "小明", "exp": NOW / 1000 + 3600});
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SHARED.as_bytes())).unwrap()
}

fn text<'a>(answer: &'a Value, pointer: &str) -> &'a str {
    answer.pointer(pointer).and_then(Value::as_str).unwrap()
}

#[actix_web::test]
async fn the_console_logs_in_and_finds_its_page() {
    let world = World::new().await;
    let login = world.login("boss").await;
    assert_eq!((&login["code"], &login["msg"], &login["data"]["userId"]), (&json!(0), &json!(""), &json!(1)));
    let token = text(&login, "/data/accessToken");
    let info = world.get(INFO, &[("authorization", &format!("Bearer {token}")), ("tenant-id", "1")]).await;
    assert_eq!(info["data"]["roles"], json!(["super_admin"]));
    assert_eq!(info["data"]["permissions"].as_array().unwrap().len(), Permission::ALL.len());
    assert_eq!(info["data"]["user"]["username"], "boss");
    assert_eq!(info["data"]["menus"][0]["path"], "/mall");
    let page = &info["data"]["menus"][0]["children"][0];
    assert_eq!((&page["componentName"], &page["children"]), (&json!("KeFu"), &Value::Null));
    let agent = world.login("red").await;
    let info = world.get(INFO, &[("authorization", text(&agent, "/data/accessToken"))]).await;
    assert_eq!(info["data"]["roles"], json!(["agent"]));
}

#[actix_web::test]
async fn a_token_opens_its_own_side_and_tenant_only() {
    let world = World::new().await;
    let login = world.login("boss").await;
    let (access, refresh) = (text(&login, "/data/accessToken"), text(&login, "/data/refreshToken"));
    let member = member_token();
    let card = "/admin-api/member/user/get?id=247";
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let cases: &[(&str, Headers<'_>, i64)] = &[
        (INFO, &[], 401),
        (INFO, &[("authorization", "")], 401),
        (INFO, &[("authorization", "Bearer ")], 401),
        (INFO, &[("authorization", "Basic eDp5")], 401),
        (INFO, &[("authorization", refresh)], 401),
        (INFO, &[("authorization", "x"), ("tenant-id", "x")], 401),
        (INFO, &[("authorization", &member)], 403),
        (card, &[("authorization", &member)], 403),
        (OWN, &[("authorization", access)], 403),
        (OWN, &[], 401),
        (OWN, &[("authorization", &member)], 0),
        (INFO, &[("authorization", access), ("tenant-id", "2")], 403),
        (INFO, &[("authorization", access), ("tenant-id", "one")], 400),
        (INFO, &[("authorization", access), ("tenant-id", "")], 0),
        (card, &[("authorization", &format!("bearer {access}"))], 0),
        ("/admin-api/member/user/get", &[("authorization", access)], 400),
        ("/admin-api/member/user/get?id=x", &[("authorization", access)], 400),
    ];
    for (uri, headers, code) in cases {
        // Twice: the second time from the cache.
        for _ in 0..2 {
            let answer = world.get(uri, headers).await;
            assert_eq!(answer["code"], *code, "{uri} {headers:?} {answer}");
            assert_eq!(answer["data"].is_null(), *code != 0);
        }
    }
}

#[actix_web::test]
async fn members_see_themselves_and_admins_their_card() {
    let world = World::new().await;
    let own = world.get(OWN, &[("authorization", &member_token()), ("tenant-id", "1")]).await;
    assert_eq!(own["data"], json!({"id": 247, "nickname": "小明", "avatar": ""}));
    let login = world.login("red").await;
    let token = text(&login, "/data/accessToken");
    let card = world.get("/admin-api/member/user/get?id=247", &[("authorization", token)]).await;
    assert_eq!((&card["data"]["nickname"], &card["data"]["createTime"]), (&json!("小明"), &json!(NOW)));
    assert!(card["data"].as_object().unwrap().contains_key("mobile"));
    let unknown = world.get("/admin-api/member/user/get?id=9", &[("authorization", token)]).await;
    assert_eq!((&unknown["data"]["id"], &unknown["data"]["avatar"]), (&json!(9), &json!("")));
}

#[actix_web::test]
async fn a_refresh_does_not_look_at_the_authorization_header() {
    let world = World::new().await;
    let login = world.login("red").await;
    let token = text(&login, "/data/refreshToken");
    let refresh = |side: &str, token: &str| {
        let uri = format!("/{side}/auth/refresh-token?refreshToken={token}");
        TestRequest::post().uri(&uri).insert_header(("authorization", "Bearer dead"))
    };
    let refreshed = world.call(refresh("admin-api/system", token)).await;
    assert_eq!((&refreshed["code"], text(&refreshed, "/data/refreshToken")), (&json!(0), token));
    for (request, code, message) in [
        (refresh("app-api/member", token), 400, "无效的刷新令牌"),
        (refresh("admin-api/system", "garbage"), 400, "无效的刷新令牌"),
        (refresh("admin-api/system", ""), 400, "请求参数缺失:refreshToken"),
    ] {
        assert_eq!(world.call(request).await, json!({"code": code, "msg": message, "data": null}));
    }
    world.clock.advance(31 * 24 * 3_600_000);
    let late = world.call(refresh("admin-api/system", token)).await;
    assert_eq!(late, json!({"code": 401, "msg": "刷新令牌已过期", "data": null}));
}

#[actix_web::test]
async fn a_logout_answers_true_whatever_the_token() {
    let world = World::new().await;
    let login = world.login("red").await;
    let token = text(&login, "/data/accessToken");
    let logout = |uri: &str| TestRequest::post().uri(uri);
    for uri in ["/admin-api/system/auth/logout", "/app-api/member/auth/logout"] {
        let done = json!({"code": 0, "msg": "", "data": true});
        assert_eq!(world.call(logout(uri)).await, done);
        assert_eq!(world.call(logout(uri).insert_header(("authorization", "Bearer dead"))).await, done);
    }
    let other = logout("/app-api/member/auth/logout").insert_header(("authorization", token));
    assert_eq!(world.call(other).await["code"], 403);
    assert_eq!(world.get(INFO, &[("authorization", token)]).await["code"], 0);
    let own = logout("/admin-api/system/auth/logout").insert_header(("authorization", token));
    assert_eq!(world.call(own).await["data"], true);
    assert_eq!(world.get(INFO, &[("authorization", token)]).await["code"], 401);
}

#[actix_web::test]
async fn a_bad_login_says_why() {
    let world = World::new().await;
    let login = |body: Value| TestRequest::post().uri("/admin-api/system/auth/login").set_json(body);
    for (body, code) in [
        (json!({"username": "red", "password": "wrong"}), 1_002_000_000),
        (json!({"username": "nobody", "password": "wrong"}), 1_002_000_000),
        (json!({"username": "", "password": "wrong"}), 400),
        (json!({"username": "red", "password": "x".repeat(129)}), 400),
        (json!({"username": "red"}), 400),
        (json!({"username": 5, "password": "wrong"}), 400),
    ] {
        let answer = world.call(login(body)).await;
        assert_eq!((&answer["code"], &answer["data"]), (&json!(code), &Value::Null));
    }
    let body = json!({"username": "red", "password": "correct horse"});
    let foreign = login(body.clone()).insert_header(("tenant-id", "2"));
    assert_eq!(world.call(foreign).await["code"], 1_002_000_000);
    admin::set_enabled(&world.db, &world.clock, DEFAULT_TENANT, "red", false).await.unwrap();
    assert_eq!(world.call(login(body)).await["code"], 1_002_000_001);
}

#[test]
fn every_route_is_in_the_document_with_its_parameters() {
    let (_, document) =
        App::new().into_utoipa_app().configure(routes).configure(account::api::routes).split_for_parts();
    let document = serde_json::to_value(&document).unwrap();
    assert_eq!(document["paths"].as_object().unwrap().len(), 41);
    let parameters = |pointer: &str| document.pointer(pointer).unwrap()["parameters"].clone();
    let refresh = parameters("/paths/~1admin-api~1system~1auth~1refresh-token/post");
    assert_eq!(refresh.as_array().unwrap().len(), 1);
    assert_eq!((&refresh[0]["name"], &refresh[0]["in"]), (&json!("refreshToken"), &json!("query")));
    assert!(document.pointer("/components/schemas/i64").is_none(), "an alias is no schema");
    let card = parameters("/paths/~1admin-api~1member~1user~1get/get");
    assert_eq!((card.as_array().unwrap().len(), &card[0]["name"]), (1, &json!("id")));
}
