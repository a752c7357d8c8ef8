//! What the document says of every operation.

use std::collections::BTreeSet;

use kefu::testing::routes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, User};

/// One operation of the document.
struct Operation {
    /// As in `GET /healthz`.
    name: String,
    path: String,
    described: Value,
}

impl Operation {
    fn all() -> Vec<Self> {
        let document = routes::document(true).unwrap();
        let paths = document["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, described)| Self {
                name: format!("{} {path}", method.to_uppercase()),
                path: path.clone(),
                described: described.clone(),
            })
        });
        operations.collect()
    }

    fn text(&self, field: &str) -> &str {
        self.described[field].as_str().unwrap_or_default()
    }

    /// Whether it refuses those without a token.
    fn is_secured(&self) -> bool {
        !self.described["security"].as_array().is_some_and(|ways| ways.contains(&json!({})))
    }

    /// Names and values of the examples of one status.
    fn examples(&self, status: &str) -> Vec<(String, Value)> {
        let content = self.described["responses"][status]["content"].as_object();
        let examples = content.into_iter().flatten().flat_map(|(_, content)| content["examples"].as_object());
        examples.flatten().map(|(name, example)| (name.clone(), example["value"].clone())).collect()
    }
}

/// The operations that a rule does not hold for.
#[track_caller]
fn all(rule: impl Fn(&Operation) -> bool) {
    let operations = Operation::all();
    assert!(operations.len() > 30);
    let broken: Vec<&str> = operations.iter().filter(|one| !rule(one)).map(|one| one.name.as_str()).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn every_operation_has_summary_description_tag_and_a_name_of_its_own() {
    all(|one| !one.text("summary").is_empty() && !one.text("description").is_empty());
    all(|one| one.described["tags"].as_array().is_some_and(|tags| tags.len() == 1));
    let operations = Operation::all();
    let names: BTreeSet<&str> = operations.iter().map(|one| one.text("operationId")).collect();
    assert!(names.len() == operations.len() && !names.contains(""));
    all(|one| one.described["responses"].as_object().unwrap().values().all(|answer| !answer["description"].is_null()));
}

#[test]
fn every_tag_is_described() {
    let document = routes::document(true).unwrap();
    let described: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    all(|one| described.contains(&&one.described["tags"][0]));
}

#[test]
fn every_operation_names_its_permission() {
    all(|one| match one.text("x-permission") {
        "anyone" => !one.is_secured() && one.text("description").contains("No token is needed."),
        "any user" => one.path == "/infra/ws",
        "any member" => one.is_secured() && one.path.starts_with("/app-api/"),
        scope if scope.starts_with("scope ") => {
            let name = scope.trim_start_matches("scope ");
            one.described["security"] == json!([{"apiKey": []}])
                && one.path.starts_with("/open-api/")
                && one.text("description").contains(&format!("Needs an API key with the scope `{name}`."))
        }
        "any admin" => one.is_secured() && one.path.starts_with("/admin-api/"),
        permission => {
            one.is_secured()
                && one.path.starts_with("/admin-api/")
                && one.text("description").contains(&format!("Needs the permission `{permission}`."))
        }
    });
}

#[test]
fn every_body_and_every_json_answer_has_an_example() {
    all(|one| {
        let bodies = one.described["requestBody"]["content"].as_object();
        bodies.into_iter().flatten().all(|(_, content)| !content["example"].is_null())
    });
    all(|one| {
        one.described["responses"]
            .as_object()
            .unwrap()
            .iter()
            .all(|(status, answer)| answer["content"]["application/json"].is_null() || !one.examples(status).is_empty())
    });
}

#[test]
fn secured_operations_show_their_refusals() {
    all(|one| {
        let codes: Vec<i64> = one.examples("200").iter().filter_map(|(_, value)| value["code"].as_i64()).collect();
        // What succeeds as something else than an envelope fails in one.
        let succeeds = codes.contains(&0) || one.described["responses"]["200"]["content"]["text/csv"].is_object();
        // Where other programs call, each refusal has a status of its own.
        let refuses = |code: &i64| {
            let own = one.path.starts_with("/open-api/").then(|| one.examples(&code.to_string()));
            own.map_or_else(|| codes.contains(code), |own| own.iter().any(|(_, value)| value["code"] == *code))
        };
        !one.is_secured() || (succeeds && [401, 403, 500].iter().all(refuses))
    });
    all(|one| {
        one.examples("200")
            .iter()
            .all(|(name, value)| value["code"] == 0 || name == "success" || value["data"].is_null())
    });
    all(|one| {
        let has_header = |status: &str| {
            let answer = &one.described["responses"][status];
            answer.is_null() || one.path == "/readyz" || answer["headers"]["Retry-After"].is_object()
        };
        has_header("429") && has_header("503")
    });
}

#[test]
fn references_lead_somewhere_and_every_envelope_may_fail() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = routes::document(true).unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    let used: BTreeSet<&str> = found.into_iter().map(|name| name.rsplit('/').next().unwrap()).collect();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert_eq!(used, schemas.keys().map(String::as_str).collect::<BTreeSet<_>>());

    let envelopes: Vec<_> = schemas.iter().filter(|(name, _)| name.starts_with("Envelope_")).collect();
    assert!(envelopes.len() > 5);
    for (name, schema) in envelopes {
        let data = &schema["properties"]["data"];
        // Generated clients do not compile when a plain value stands beside `null` as an alternative.
        assert!(data.get("anyOf").is_none(), "{name}");
        let nullable = match data.get("type") {
            Some(types) => types[1] == "null",
            // Anything, or an object by reference.
            None => data.get("oneOf").is_none_or(|ways| ways[0]["type"] == "null" && ways[1]["$ref"].is_string()),
        };
        assert!(nullable, "{name}: {data}");
        assert_eq!(schema["required"], json!(["code", "msg", "data"]), "{name}");
    }
}

/// Every text for people in the document.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(["summary", "description"].iter().filter_map(|name| members.get(*name)?.as_str()));
            members.values().for_each(|member| texts(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        _ => {}
    }
}

#[test]
fn texts_speak_to_readers_who_know_neither_the_stock_clients_nor_our_papers() {
    for document in [routes::document(true).unwrap(), routes::asyncapi().unwrap()] {
        let mut found = Vec::new();
        texts(&document, &mut found);
        assert!(found.len() > 30);
        let inside: Vec<_> =
            found.iter().filter(|text| text.contains("additive") || text.contains("contract")).collect();
        assert!(inside.is_empty(), "{inside:?}");
    }
    assert_eq!(routes::document(true).unwrap()["servers"][0]["url"], "/");
}

#[test]
fn what_an_answer_always_has_is_required_and_what_it_may_lack_is_never_null() {
    let document = routes::document(true).unwrap();
    for name in
        ["MessageView", "ConversationView", "MemberCard", "PermissionInfo", "AdminProfile", "Menu", "OnlineUser"]
    {
        let schema = &document["components"]["schemas"][name];
        let required = schema["required"].as_array().unwrap();
        for (field, described) in schema["properties"].as_object().unwrap() {
            let null = described["type"].as_array().is_some_and(|types| types.contains(&json!("null")))
                || described["oneOf"][0]["type"] == "null";
            assert!(!null || required.contains(&json!(field)), "{name}.{field} may be null and is not required");
        }
    }
    let message = &document["components"]["schemas"]["MessageView"];
    assert_eq!(message["required"].as_array().unwrap().len(), 14);
    assert_eq!(message["properties"]["receiverType"]["enum"], json!([1, 2, null]));
    assert_eq!(document["components"]["schemas"]["ContentType"]["enum"], json!([1, 2, 3, 4, 5, 10, 11]));
}

#[test]
fn every_field_of_a_request_has_a_chinese_name_for_people() {
    let document = routes::document(false).unwrap();
    let mut fields = BTreeSet::new();
    for one in Operation::all() {
        let parameters = one.described["parameters"].as_array().into_iter().flatten();
        let named =
            parameters.filter(|parameter| parameter["in"] == "query").map(|parameter| parameter["name"].clone());
        fields.extend(named.map(|name| name.as_str().unwrap().to_owned()));
        let body = &one.described["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        if let Some(name) = body.as_str().and_then(|reference| reference.rsplit('/').next()) {
            fields.extend(document["components"]["schemas"][name]["properties"].as_object().unwrap().keys().cloned());
        }
    }
    assert!(fields.contains("content") && fields.contains("limit"));
    let nameless: Vec<_> = fields.iter().filter(|field| routes::field::name(field) == field.as_str()).collect();
    assert!(nameless.is_empty(), "add them to foundation/src/http/field.rs: {nameless:?}");
}

#[tokio::test]
async fn other_methods_are_refused_in_the_envelope() {
    let app = TestApp::spawn().await;
    let anonymous = app.anonymous();
    for operation in Operation::all() {
        // Files also answer HEAD, and nothing below their folder is known to be a path.
        if !operation.path.contains('{') {
            let request = anonymous.request(Method::PATCH, &operation.path);
            User::send(request).await.fails(405, "请求方法不正确");
        }
    }
    app.stop().await;
}
