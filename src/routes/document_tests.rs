//! Tests of completing single operations.

use super::*;
use crate::http::describe::{failures, failures_with_status};

/// One operation with these extensions, completed.
fn completed(extensions: Value) -> Value {
    let mut operation = json!({
        "summary": "Send",
        "parameters": [{"name": "id", "in": "query", "required": true}],
        "responses": {"200": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Envelope_bool"}}}}},
    });
    for (name, value) in extensions.as_object().unwrap() {
        put(&mut operation, name, value.clone());
    }
    complete(&mut operation, &json!({"Envelope_bool": {"properties": {"code": {"type": "integer"}}}})).unwrap();
    operation
}

#[test]
fn errors_become_examples_of_their_status() {
    let operation = completed(json!({
        "x-errors": failures(&[Error::Busy]),
        "x-error-statuses": failures_with_status(&[("404", Error::NotFound)]),
    }));
    let names = |status: &str| -> Vec<String> {
        let examples = &operation["responses"][status]["content"][JSON]["examples"];
        examples.as_object().unwrap().keys().cloned().collect()
    };
    let of_all =
        ["Forbidden", "Internal", "Invalid", "Missing", "TenantForeign", "Unauthenticated", "WrongType", "success"];
    assert_eq!(names("200"), of_all);
    assert_eq!(names("429"), ["TooManyRequests"]);
    assert_eq!(names("503"), ["Busy"]);
    assert_eq!(names("404"), ["NotFound"]);
    let busy = &operation["responses"]["503"];
    assert!(busy["headers"]["Retry-After"].is_object());
    let expected = json!({"code": 503, "msg": "服务繁忙，请稍后重试", "data": null});
    assert_eq!(busy["content"][JSON]["examples"]["Busy"]["value"], expected);
    assert_eq!(operation.get("x-errors"), None);
}

#[test]
fn an_open_operation_has_no_errors_of_tokens() {
    let operation = completed(json!({"security": [{}]}));
    let examples = &operation["responses"]["200"]["content"][JSON]["examples"];
    assert!(examples["Unauthenticated"].is_null() && examples["Internal"].is_object());
}
