//! Completes the document's schemas, in the forms that generators of clients understand.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::sample::resolve;

/// Says of answers which fields are always there, and writes what may be `null` in place unless it is an object.
pub(super) fn complete(schemas: &mut Value, document: &Value) {
    let plain = schemas.clone();
    inline_nullable(schemas, &plain);
    let in_requests = reachable(&operations(document, "requestBody"), schemas);
    let in_answers = reachable(&operations(document, "responses"), schemas);
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        if in_answers.contains(name) && !in_requests.contains(name) {
            require_nullable(schema);
        }
    }
}

/// In an answer a field that may be `null` is always sent; one that is sent only when it is set is never `null`, and its
/// schema says so.
pub(super) fn require_nullable(schema: &mut Value) {
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let nullable: Vec<Value> = fields.filter(|(_, field)| may_be_null(field)).map(|(name, _)| json!(name)).collect();
    let Some(schema) = schema.as_object_mut().filter(|_| !nullable.is_empty()) else { return };
    if let Some(required) = schema.entry("required").or_insert_with(|| json!([])).as_array_mut() {
        let new = nullable.into_iter().filter(|name| !required.contains(name)).collect::<Vec<_>>();
        required.extend(new);
    }
}

fn may_be_null(schema: &Value) -> bool {
    let null = json!("null");
    let listed = schema.get("type").and_then(Value::as_array).is_some_and(|types| types.contains(&null));
    listed || null_or(schema).is_some()
}

/// The other one of two alternatives of which one is `null`.
fn null_or(schema: &Value) -> Option<&Value> {
    match schema.get("oneOf")?.as_array()?.as_slice() {
        [null, other] | [other, null] if null.get("type").is_some_and(|kind| kind == "null") => Some(other),
        _ => None,
    }
}

/// `null` beside a reference to a plain value becomes one schema with a list of types.
pub(super) fn inline_nullable(schema: &mut Value, schemas: &Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| inline_nullable(item, schemas)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| inline_nullable(member, schemas));
            if let Some(inlined) = inlined(schema, schemas) {
                *schema = inlined;
            }
        }
        _ => {}
    }
}

fn inlined(schema: &Value, schemas: &Value) -> Option<Value> {
    let other = null_or(schema)?;
    let mut inlined = resolve(other, schemas).clone();
    let kind = inlined.get("type")?.as_str().filter(|kind| *kind != "object")?.to_owned();
    let members = inlined.as_object_mut()?;
    members.insert("type".to_owned(), json!([kind, "null"]));
    if let Some(values) = members.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
        members.remove("x-enum-varnames");
    }
    if let Some(description) = schema.get("description").or(other.get("description")) {
        members.insert("description".to_owned(), description.clone());
    }
    Some(inlined)
}

/// This part of every operation.
fn operations(document: &Value, part: &str) -> Vec<Value> {
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let operations = paths.filter_map(|(_, methods)| methods.as_object()).flatten();
    operations.filter_map(|(_, operation)| operation.get(part).cloned()).collect()
}

/// The names of the schemas that these values refer to, directly or through others.
fn reachable(values: &[Value], schemas: &Value) -> BTreeSet<String> {
    let (mut names, mut open) = (BTreeSet::new(), values.iter().collect::<Vec<_>>());
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                open.extend(members.values());
                let reference = members.get("$ref").and_then(Value::as_str);
                let Some(name) = reference.and_then(|reference| reference.rsplit('/').next()) else { continue };
                if names.insert(name.to_owned()) {
                    open.extend(schemas.get(name));
                }
            }
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_value_or_null_is_one_schema_and_always_sent_in_answers() {
        let mut schemas = json!({
            "Id": {"type": "integer", "minimum": 1},
            "Side": {"type": "integer", "enum": [1, 2], "x-enum-varnames": ["member", "admin"]},
            "Row": {"type": "object"},
            "View": {"type": "object", "required": ["id"], "properties": {
                "id": {"$ref": "#/components/schemas/Id"},
                "other": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Id"}], "description": "Another."},
                "side": {"oneOf": [{"$ref": "#/components/schemas/Side"}, {"type": "null"}]},
                "row": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Row"}]},
                "rare": {"type": "string"},
            }},
        });
        let answer = json!({"$ref": "#/components/schemas/View"});
        let document = json!({"paths": {"/x": {"get": {"responses": {"200": {"schema": answer}}}}}});
        complete(&mut schemas, &document);
        let view = &schemas["View"];
        let fields = &view["properties"];
        let expected = json!({"type": ["integer", "null"], "minimum": 1, "description": "Another."});
        assert_eq!(fields["other"], expected);
        assert_eq!(fields["side"], json!({"type": ["integer", "null"], "enum": [1, 2, null]}));
        assert_eq!(fields["row"]["oneOf"][0]["type"], "null");
        assert_eq!(view["required"], json!(["id", "other", "row", "side"]));
    }
}
