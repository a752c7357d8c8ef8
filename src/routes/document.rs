//! Completes the document that the handlers describe: what many operations have in common is written here, once.
//!
//! A handler names its errors as extensions of `#[utoipa::path]`, besides those that follow from its token, parameters and
//! body: `x-errors`, and `x-error-statuses` for the few with a status of their own. They become examples of the status.

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

use super::sample::{resolve, sample};
use super::schema;
use crate::error::{Error, Problem, Result};
use crate::http::describe::{API_KEY, Failing};
use crate::http::{ENVELOPE, field};

const FAILURE: &str = "#/components/schemas/Failure";
const JSON: &str = "application/json";

/// The finished document; its keys are sorted.
///
/// # Errors
/// [`Error::Internal`] when a handler names no errors where it should.
pub fn finish(document: &OpenApi) -> Result<Value> {
    let mut document = serde_json::to_value(document).map_err(Error::internal)?;
    let mut schemas = document.pointer_mut("/components/schemas").map(Value::take).unwrap_or_default();
    schema::complete(&mut schemas, &document);
    for (_, operations) in members(&mut document, "paths") {
        for operation in operations.as_object_mut().into_iter().flat_map(|methods| methods.values_mut()) {
            complete(operation, &schemas)?;
        }
    }
    if let Some(place) = document.pointer_mut("/components/schemas") {
        *place = schemas;
    }
    Ok(document)
}

/// The members of an object inside an object, none when there is no such object.
fn members<'a>(parent: &'a mut Value, name: &str) -> impl Iterator<Item = (&'a String, &'a mut Value)> {
    parent.get_mut(name).and_then(Value::as_object_mut).into_iter().flatten()
}

/// Completes one operation.
fn complete(operation: &mut Value, schemas: &Value) -> Result<()> {
    let needs_token = match operation.get("security").and_then(Value::as_array) {
        Some(ways) => !ways.iter().any(|way| *way == json!({})),
        None => true,
    };
    add_request_example(operation, schemas);
    add_successes(operation, schemas);
    let is_open = operation.pointer(&format!("/security/0/{API_KEY}")).is_some();
    let mut failures = named_failures(operation)?;
    // Whoever may not call is told so in an envelope, whatever the answer is.
    if needs_token || answers_envelope(operation) {
        failures.extend(implied_errors(operation, needs_token).map(|error| {
            let failing = Failing::from(&error);
            if is_open { Failing { status: error.plain_status().as_str().to_owned(), ..failing } } else { failing }
        }));
    }
    failures.into_iter().for_each(|failing| add_failure(operation, failing));
    Ok(())
}

fn add_request_example(operation: &mut Value, schemas: &Value) {
    let Some(body) = operation.get_mut("requestBody") else { return };
    for (_, content) in members(body, "content") {
        if content.get("example").is_none() {
            let example = content.get("schema").map(|schema| sample(schema, schemas)).unwrap_or_default();
            put(content, "example", example);
        }
    }
}

/// Gives every JSON answer its example, by name, so that failures can stand beside it.
fn add_successes(operation: &mut Value, schemas: &Value) {
    for (status, response) in members(operation, "responses") {
        if response.get("description").is_none_or(|text| *text == "") {
            put(response, "description", json!(description(status)));
        }
        let Some(content) = response.pointer_mut("/content/application~1json") else { continue };
        let Some(schema) = content.get("schema") else { continue };
        if refers_to(schema, FAILURE) {
            continue;
        }
        let value = content.get("example").cloned().unwrap_or_else(|| answer(schema, schemas));
        if let Some(content) = content.as_object_mut() {
            content.remove("example");
        }
        let (name, summary) = if status == "200" { ("success", "Success") } else { ("failure", "Failure") };
        put(content, "examples", json!({name: {"summary": summary, "value": value}}));
    }
}

/// The example of an answer: an envelope's is the one of a success.
fn answer(schema: &Value, schemas: &Value) -> Value {
    match resolve(schema, schemas).pointer("/properties/data") {
        Some(data) => json!({"code": 0, "msg": "", "data": sample(&without_null(data), schemas)}),
        None => sample(schema, schemas),
    }
}

/// The schema of what is no `null`.
fn without_null(schema: &Value) -> Value {
    let mut schema = schema.pointer("/oneOf/1").unwrap_or(schema).clone();
    if let Some(first) = schema.pointer("/type/0").cloned() {
        put(&mut schema, "type", first);
    }
    schema
}

fn description(status: &str) -> &'static str {
    match status {
        "200" => "A success, or an error in the envelope",
        "429" => "Too many requests; try again after `Retry-After` seconds",
        "503" => "Busy; try again after `Retry-After` seconds",
        _ => "An error",
    }
}

/// The failures that the handler names.
fn named_failures(operation: &mut Value) -> Result<Vec<Failing>> {
    let mut failures = Vec::new();
    for name in ["x-errors", "x-error-statuses"] {
        if let Some(named) = operation.as_object_mut().and_then(|operation| operation.remove(name)) {
            failures.extend(serde_json::from_value::<Vec<Failing>>(named).map_err(Error::internal)?);
        }
    }
    Ok(failures)
}

/// Whether the answer is an envelope.
fn answers_envelope(operation: &Value) -> bool {
    let schema = operation.pointer("/responses/200/content/application~1json/schema");
    schema.is_some_and(|schema| refers_to(schema, &format!("#/components/schemas/{ENVELOPE}")))
}

fn refers_to(schema: &Value, prefix: &str) -> bool {
    schema.get("$ref").and_then(Value::as_str).is_some_and(|reference| reference.starts_with(prefix))
}

/// The errors that follow from an operation's token, parameters and body.
fn implied_errors(operation: &Value, needs_token: bool) -> impl Iterator<Item = Error> {
    let mut errors = vec![Error::Internal(String::new()), Error::Busy];
    if needs_token {
        errors.extend([Error::Unauthenticated, Error::Forbidden, Error::TenantForeign]);
        // Calls are counted per user; what is posted has limits of its own.
        errors.push(Error::TooManyRequests { retry_after_s: 1 });
    }
    let parameters = || operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let name = |parameter: &Value| parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    // Without what stands in the path there is another path.
    let required = |parameter: &&Value| {
        parameter.get("required") == Some(&json!(true)) && parameter.get("in") != Some(&json!("path"))
    };
    if let Some(parameter) = parameters().find(required) {
        errors.push(Error::Missing(name(parameter).into()));
    }
    let body = operation.get("requestBody").map(|_| "request body".to_owned());
    if let Some(input) = parameters().next().map(name).or(body) {
        let problem = Problem {
            zh: format!("{}不合法", field::name(&input)).into(),
            en: format!("{input} is not valid").into(),
        };
        errors.extend([Error::WrongType(input.into()), Error::Invalid(problem)]);
    } else if needs_token {
        errors.push(Error::WrongType("tenant-id".into()));
    }
    errors.into_iter()
}

/// Adds a failure to the answers.
fn add_failure(operation: &mut Value, failing: Failing) {
    let Failing { name, status, retry_after, summary, body } = failing;
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    let response = responses.entry(&status).or_insert_with(|| json!({"description": description(&status)}));
    if retry_after {
        let header = json!({"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}});
        put(response, "headers", json!({"Retry-After": header}));
    }
    let content = entry(entry(response, "content"), JSON);
    if content.get("schema").is_none() {
        put(content, "schema", json!({"$ref": FAILURE}));
    }
    put(entry(content, "examples"), &name, json!({"summary": summary, "value": body}));
}

/// The member of that name, an empty object when it is not there yet.
fn entry<'a>(parent: &'a mut Value, name: &str) -> &'a mut Value {
    if !parent.is_object() {
        *parent = Value::Object(Map::new());
    }
    match parent {
        Value::Object(members) => members.entry(name).or_insert_with(|| json!({})),
        other => other,
    }
}

fn put(parent: &mut Value, name: &str, value: Value) {
    *entry(parent, name) = value;
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
