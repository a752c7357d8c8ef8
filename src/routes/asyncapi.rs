//! The AsyncAPI document: the socket's handshake and every frame, from the types that read and write them. What the
//! OpenAPI document is for REST.

use serde_json::{Map, Value, json};
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

use super::sample::sample;
use super::schema;
use crate::error::{Error, Result};
use crate::fact::frames::{
    AgentChanged, ClientFrameType, Created, Deleted, Hidden, Linked, Marked, MemberUpdated, Pinned, QueuePosition,
    Read, Refusal, ResyncDone, ResyncRequired, ServerFrame, Typing, Viewers,
};
use crate::fact::{MessageView, TaskView};
use crate::http::describe::{Schemas, refer_to};
use crate::socket::api::Handshake;
use crate::socket::client_frame::Content;

const INTRODUCTION: &str = "Push. Messages are sent over HTTP (the OpenAPI document) and arrive here.

A frame is a hint and the database the truth: a client that was away asks for what it missed. docs/websocket.md is the \
    guide: who receives what, resync, heartbeats, close codes, pauses between attempts.

The `content` of a server's frame is JSON **as text**; its schema stands in `contentSchema`. A client may send the text or \
    the object itself. Ignore a type that you do not know.";

/// The document as a value; its keys are sorted.
///
/// # Errors
/// [`Error::Internal`] when a schema cannot be JSON, which none of ours brings about.
pub fn asyncapi() -> Result<Value> {
    let mut schemas = Schemas::new();
    let mut messages = Map::new();
    let (mut from_server, mut from_client) = (vec!["pong".to_owned()], vec!["ping".to_owned()]);
    for frame in ServerFrame::ALL {
        let name = format!("server.{}", frame.as_str());
        let content = serde_json::to_value(content(*frame, &mut schemas)).map_err(Error::internal)?;
        messages.insert(name.clone(), server_frame(frame.as_str(), frame.description(), &content));
        from_server.push(name);
    }
    let of_clients = serde_json::to_value(refer_to::<Content>(&mut schemas)).map_err(Error::internal)?;
    for frame in ClientFrameType::ALL {
        let name = format!("client.{}", frame.as_str());
        messages.insert(name.clone(), client_frame(frame.as_str(), frame.description(), &of_clients));
        from_client.push(name);
    }
    messages.insert("ping".to_owned(), text_frame("ping", "Answered by `pong` at once, also during a replay."));
    messages.insert("pong".to_owned(), text_frame("pong", "The answer to `ping`."));

    let mut schemas = json!(schemas.into_iter().collect::<std::collections::BTreeMap<_, _>>());
    let plain = schemas.clone();
    schema::inline_nullable(&mut schemas, &plain);
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        // Clients may leave out what they do not set.
        if name != "Content" {
            schema::require_nullable(schema);
        }
    }
    add_examples(&mut messages, &schemas);
    Ok(document(messages, &from_server, &from_client, &schemas))
}

/// The whole document as it is committed in `openapi/asyncapi.json`: sorted, indented, with a line feed at its end.
///
/// # Errors
/// As [`asyncapi`].
pub fn asyncapi_text() -> Result<String> {
    let text = serde_json::to_string_pretty(&asyncapi()?).map_err(Error::internal)?;
    Ok(format!("{text}\n"))
}

/// The schema of a frame's content. Exhaustive, so that a new frame does not compile until it is described.
fn content(frame: ServerFrame, schemas: &mut Schemas) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    match frame {
        ServerFrame::Message => refer_to::<MessageView>(schemas),
        ServerFrame::ReadByAdmin | ServerFrame::ReadByMember => refer_to::<Read>(schemas),
        ServerFrame::Created => refer_to::<Created>(schemas),
        ServerFrame::Pinned => refer_to::<Pinned>(schemas),
        ServerFrame::Deleted => refer_to::<Deleted>(schemas),
        ServerFrame::Hidden => refer_to::<Hidden>(schemas),
        ServerFrame::Marked => refer_to::<Marked>(schemas),
        ServerFrame::Linked => refer_to::<Linked>(schemas),
        ServerFrame::MemberUpdated => refer_to::<MemberUpdated>(schemas),
        // A member gets fewer fields, `fact::OwnTaskView`.
        ServerFrame::Task | ServerFrame::TaskOffer => refer_to::<TaskView>(schemas),
        ServerFrame::QueuePosition => refer_to::<QueuePosition>(schemas),
        ServerFrame::Agent => refer_to::<AgentChanged>(schemas),
        ServerFrame::Typing => refer_to::<Typing>(schemas),
        ServerFrame::Viewers => refer_to::<Viewers>(schemas),
        ServerFrame::ResyncRequired => refer_to::<ResyncRequired>(schemas),
        ServerFrame::ResyncDone => refer_to::<ResyncDone>(schemas),
        ServerFrame::Error => refer_to::<Refusal<'_>>(schemas),
    }
}

fn server_frame(name: &str, description: &str, content: &Value) -> Value {
    let text = json!({"type": "string", "contentMediaType": "application/json", "contentSchema": content});
    frame(name, description, &json!({"type": {"const": name}, "content": text}), &["type", "content"])
}

fn client_frame(name: &str, description: &str, content: &Value) -> Value {
    let text = json!({"type": "string", "contentMediaType": "application/json", "contentSchema": content});
    let fields = json!({"type": {"const": name}, "content": {"oneOf": [content, text]}});
    frame(name, description, &fields, &["type"])
}

fn frame(name: &str, description: &str, fields: &Value, required: &[&str]) -> Value {
    json!({
        "name": name,
        "title": name,
        "description": description,
        "contentType": "application/json",
        "payload": {"type": "object", "required": required, "properties": fields},
    })
}

fn text_frame(text: &str, description: &str) -> Value {
    json!({
        "name": text,
        "title": text,
        "description": description,
        "contentType": "text/plain",
        "payload": {"type": "string", "const": text},
    })
}

/// Gives every frame of the server an example: what a client reads, content as text.
fn add_examples(messages: &mut Map<String, Value>, schemas: &Value) {
    for message in messages.values_mut() {
        let Some(content) = message.pointer("/payload/properties/content/contentSchema") else { continue };
        let text = sample(content, schemas).to_string();
        let kind = message.get("name").cloned().unwrap_or_default();
        if let Some(message) = message.as_object_mut() {
            message.insert("examples".to_owned(), json!([{"payload": {"type": kind, "content": text}}]));
        }
    }
}

fn document(messages: Map<String, Value>, from_server: &[String], from_client: &[String], schemas: &Value) -> Value {
    let of_channel = |names: &[String]| -> Vec<Value> {
        names.iter().map(|name| json!({"$ref": format!("#/channels/socket/messages/{name}")})).collect()
    };
    let in_channel: Map<String, Value> =
        messages.keys().map(|name| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")}))).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "kefu",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": {"name": env!("CARGO_PKG_LICENSE")},
        },
        "defaultContentType": "application/json",
        "servers": {"service": {
            "host": "{host}",
            "protocol": "ws",
            "description": "The service itself; `wss` behind a proxy with TLS.",
            "variables": {"host": {"default": "127.0.0.1:48080", "description": "Where it listens."}},
        }},
        "channels": {"socket": {
            "address": "/infra/ws",
            "description": "One address for members and admins; the token tells which.",
            "messages": in_channel,
            "bindings": {"ws": {"method": "GET", "query": handshake(), "bindingVersion": "0.1.0"}},
        }},
        "operations": {
            "push": {
                "action": "send",
                "summary": "What the service sends.",
                "channel": {"$ref": "#/channels/socket"},
                "messages": of_channel(from_server),
            },
            "listen": {
                "action": "receive",
                "summary": "What own clients may send. Stock clients send `ping` only.",
                "channel": {"$ref": "#/channels/socket"},
                "messages": of_channel(from_client),
            },
        },
        "components": {"messages": messages, "schemas": as_json_schema(schemas)},
    })
}

/// The query of the handshake.
fn handshake() -> Value {
    let (mut fields, mut required) = (Map::new(), Vec::new());
    for parameter in Handshake::into_params(|| Some(ParameterIn::Query)) {
        let mut field = json!(parameter.schema);
        if let (Some(field), Some(text)) = (field.as_object_mut(), parameter.description) {
            field.insert("description".to_owned(), json!(text));
        }
        if parameter.required == utoipa::openapi::Required::True {
            required.push(parameter.name.clone());
        }
        fields.insert(parameter.name, field);
    }
    json!({"type": "object", "required": required, "properties": as_json_schema(&Value::Object(fields))})
}

/// Plain JSON Schema: OpenAPI's `example` is `examples` there.
fn as_json_schema(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(as_json_schema).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| match name.as_str() {
                "example" => ("examples".to_owned(), json!([member])),
                _ => (name.clone(), as_json_schema(member)),
            })
            .collect::<Map<_, _>>()
            .into(),
        plain => plain.clone(),
    }
}
