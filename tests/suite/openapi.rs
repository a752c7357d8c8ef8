//! The committed document.

use crate::support::TestApp;

#[test]
fn the_committed_document_is_what_the_routes_say() {
    let committed = include_str!("../../openapi/openapi.json");
    let current = kefu::testing::routes::document_text().unwrap();
    assert!(committed == current, "run: cargo run -- openapi > openapi/openapi.json");
}

#[test]
fn the_committed_document_of_the_socket_is_what_the_frames_say() {
    let committed = include_str!("../../openapi/asyncapi.json");
    let current = kefu::testing::routes::asyncapi_text().unwrap();
    assert!(committed == current, "run: cargo run -- asyncapi > openapi/asyncapi.json");
}

#[tokio::test]
async fn the_service_serves_the_document_and_its_pages() {
    let app = TestApp::spawn().await;
    let served: serde_json::Value = app.http.get(app.url("/v3/api-docs")).send().await.unwrap().json().await.unwrap();
    assert_eq!(served, kefu::testing::routes::document(true).unwrap());
    let served = app.http.get(app.url("/v3/async-api-docs")).send().await.unwrap();
    let served: serde_json::Value = served.json().await.unwrap();
    assert_eq!(served, kefu::testing::routes::asyncapi().unwrap());
    let page = app.http.get(app.url("/swagger-ui/")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().await.unwrap().contains("swagger-ui-bundle.js"));
    app.stop().await;
}
