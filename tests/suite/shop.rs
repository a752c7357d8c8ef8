//! What the stock clients ask of a shop's backend.

use serde_json::{Value, json};

use crate::support::TestApp;

/// Path, who may ask, and the answer.
fn placeholders() -> Vec<(&'static str, &'static str, Value)> {
    let page = || json!({"list": [], "total": 0});
    vec![
        ("/admin-api/system/tenant/get-by-website?website=localhost:80", "anyone", Value::Null),
        ("/admin-api/system/tenant/get-id-by-name?name=芋道源码", "anyone", json!(1)),
        ("/admin-api/system/dict-data/simple-list", "admin", json!([])),
        ("/admin-api/system/notify-message/get-unread-count", "admin", json!(0)),
        ("/admin-api/system/notify-message/get-unread-list", "admin", json!([])),
        ("/admin-api/pay/wallet/get?userId=247", "admin", Value::Null),
        ("/admin-api/product/browse-history/page?pageNo=1&pageSize=10&userId=247", "admin", page()),
        ("/admin-api/trade/order/page?pageNo=1&pageSize=10&userId=247", "admin", page()),
        ("/app-api/system/tenant/get-by-website?website=localhost:80", "anyone", Value::Null),
        ("/app-api/promotion/diy-template/used", "anyone", json!({})),
        ("/app-api/pay/wallet/get", "member", Value::Null),
        ("/app-api/trade/order/get-count", "member", Value::Null),
        ("/app-api/promotion/coupon/get-unused-count", "member", json!(0)),
        ("/app-api/trade/cart/list", "member", json!({"validList": [], "invalidList": []})),
        ("/app-api/product/browse-history/page?page=1&list_rows=5", "member", page()),
        ("/app-api/trade/order/page?list_rows=5", "member", page()),
    ]
}

#[tokio::test]
async fn stock_clients_get_the_emptiest_answers_that_they_work_with() {
    let app = TestApp::spawn().await;
    let viewer = app.admin("viewer", kefu::testing::access::Role::Viewer).await;
    let (anonymous, member) = (app.anonymous(), app.member(1001).await);
    for (path, caller, data) in placeholders() {
        let answers = (anonymous.get(path).await, member.get(path).await, viewer.get(path).await);
        match caller {
            "anyone" => {
                assert_eq!((answers.0.ok(), answers.1.ok(), answers.2.ok()), (data.clone(), data.clone(), data));
            }
            "member" => {
                answers.0.fails(401, "账号未登录");
                assert_eq!(answers.1.ok(), data, "{path}");
                answers.2.fails(403, "没有该操作权限");
            }
            _ => {
                answers.0.fails(401, "账号未登录");
                answers.1.fails(403, "没有该操作权限");
                assert_eq!(answers.2.ok(), data, "{path}");
            }
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn without_the_setting_the_shops_paths_are_unknown() {
    let app = TestApp::spawn_with(|settings| settings.server.shop_placeholders = false).await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    for (path, caller, data) in placeholders() {
        let user = if caller == "admin" { &owner } else { &member };
        let answer = user.get(path).await;
        // What the console asks for while an admin logs in.
        if path.starts_with("/admin-api/system/") {
            assert_eq!(answer.ok(), data, "{path}");
        } else {
            answer.fails(404, "请求未找到");
        }
    }
    let served: Value = app.http.get(app.url("/v3/api-docs")).send().await.unwrap().json().await.unwrap();
    assert_eq!(served, kefu::testing::routes::document(false).unwrap());
    assert!(served["paths"]["/app-api/promotion/diy-template/used"].is_null());
    app.stop().await;
}

#[tokio::test]
async fn a_members_password_login_is_the_integrators_and_unknown_here() {
    let app = TestApp::spawn().await;
    let body = json!({"mobile": "15601691300", "password": "admin123"});
    app.anonymous().post("/app-api/member/auth/login", body).await.fails(404, "请求未找到");
    app.stop().await;
}
