//! Examples made from schemas: a schema's or a field's own example, else the smallest value that fits.

use serde_json::{Map, Value, json};

/// A value of a schema.
pub(super) fn sample(schema: &Value, schemas: &Value) -> Value {
    let own = schema.get("example").or_else(|| schema.pointer("/examples/0")).or_else(|| schema.pointer("/enum/0"));
    if let Some(value) = own {
        return value.clone();
    }
    if schema.get("$ref").is_some() {
        let target = resolve(schema, schemas);
        return if target.get("$ref").is_some() { Value::Null } else { sample(target, schemas) };
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            Value::Object(fields.map(|(name, field)| (name.clone(), sample(field, schemas))).collect::<Map<_, _>>())
        }
        Some("array") => schema.get("items").map_or_else(|| json!([]), |items| json!([sample(items, schemas)])),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => json!(true),
        Some("string") => json!("text"),
        // What may be `null` and has no example of its own.
        _ => Value::Null,
    }
}

/// What a reference to a schema stands for; other schemas stand for themselves.
pub(super) fn resolve<'a>(schema: &'a Value, schemas: &'a Value) -> &'a Value {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
    name.and_then(|name| schemas.get(name)).unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_fit_their_schemas() {
        let schemas = json!({"Id": {"type": "integer", "minimum": 1}});
        let schema = json!({"type": "object", "properties": {
            "id": {"$ref": "#/components/schemas/Id"},
            "name": {"type": "string", "example": "小明"},
            "avatar": {"type": ["string", "null"]},
            "receiver": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Id"}]},
            "list": {"type": "array", "items": {"type": "boolean"}},
            "lost": {"$ref": "#/components/schemas/Nowhere"},
        }});
        let expected = json!({"id": 1, "name": "小明", "avatar": null, "receiver": null, "list": [true], "lost": null});
        assert_eq!(sample(&schema, &schemas), expected);
    }
}
