//! The envelope of answers. A handler returns [`Answer`], so that its type is what the OpenAPI document shows.

use actix_web::body::BoxBody;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, Object, RefOr, Schema, SchemaFormat};

use super::describe::{Describe, Description, Schemas, refer_to};
use crate::error::Error;
use crate::fact::{MessageView, OwnTaskView, TaskView};
use crate::id::{ChannelId, ConversationId, GroupId, MessageId, RoleId, UserId};

/// What the names of envelopes begin with among the document's schemas.
pub const ENVELOPE: &str = "Envelope_";

/// A success: HTTP 200 with the envelope around this.
#[derive(Debug)]
pub struct Answer<T>(pub T);

#[derive(Serialize)]
struct Envelope<T> {
    code: i64,
    msg: &'static str,
    data: T,
}

impl<T: Data> Responder for Answer<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut body = Vec::with_capacity(self.0.json_bytes());
        match serde_json::to_writer(&mut body, &Envelope { code: 0, msg: "", data: self.0 }) {
            Ok(()) => HttpResponse::Ok().content_type(ContentType::json()).body(body),
            Err(error) => Error::internal(error).error_response(),
        }
    }
}

impl<T: Data> Describe for Answer<T> {
    fn describe(description: &mut Description) {
        let name = format!("{ENVELOPE}{}", T::title());
        let envelope = envelope(T::data_schema(&mut description.schemas));
        description.schemas.push((name.clone(), envelope.into()));
        description.answer(&name);
    }
}

/// What an answer may carry. A type needs no more than `impl Data for T {}`.
pub trait Data: Serialize + ToSchema + Sized {
    /// The name, as a part of the envelope's.
    fn title() -> String {
        Self::name().into_owned()
    }

    /// About how many bytes of JSON an answer with it takes. Bytes that are not used cost nothing; those that are missing
    /// let the answer be copied as it grows.
    fn json_bytes(&self) -> usize {
        256
    }

    /// The schema: objects by reference, everything else in place. Adds what it refers to.
    fn data_schema(schemas: &mut Schemas) -> RefOr<Schema> {
        refer_to::<Self>(schemas)
    }
}

impl Data for bool {}

impl Data for String {}

// What is declared in this crate is said to be an answer's data here, where the compiler allows it.

impl Data for ChannelId {}

impl Data for ConversationId {}

impl Data for GroupId {}

impl Data for MessageId {}

impl Data for RoleId {}

impl Data for UserId {}

impl Data for MessageView {}

impl Data for OwnTaskView {}

impl Data for TaskView {}

/// Anything.
impl Data for Value {
    fn title() -> String {
        "Anything".to_owned()
    }
}

impl<T: Data> Data for Vec<T>
where
    Self: ToSchema,
{
    fn title() -> String {
        format!("Vec_{}", T::title())
    }

    fn json_bytes(&self) -> usize {
        self.iter().map(T::json_bytes).sum::<usize>() + 64
    }

    fn data_schema(schemas: &mut Schemas) -> RefOr<Schema> {
        ArrayBuilder::new().items(T::data_schema(schemas)).into()
    }
}

/// Every answer's data may be `null`, so this adds nothing.
impl<T: Data> Data for Option<T>
where
    Self: ToSchema,
{
    fn title() -> String {
        T::title()
    }

    fn data_schema(schemas: &mut Schemas) -> RefOr<Schema> {
        T::data_schema(schemas)
    }
}

fn envelope(data: RefOr<Schema>) -> Object {
    let code = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some("0 on success, else the code of the failure."));
    let msg = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Empty on success, else the message for the user, Chinese by default."));
    ObjectBuilder::new()
        .description(Some("What every answer is wrapped in."))
        .property("code", code)
        .required("code")
        .property("msg", msg)
        .required("msg")
        .property("data", nullable(data))
        .required("data")
        .build()
}

/// What may be `null`, too. Generators of clients understand a list of types; of alternatives they understand only those
/// between `null` and an object.
fn nullable(schema: RefOr<Schema>) -> RefOr<Schema> {
    const DESCRIPTION: &str = "The answer; `null` on failure.";
    let or_null = |schema_type| match schema_type {
        SchemaType::Type(one) => SchemaType::Array(vec![one, Type::Null]),
        other => other,
    };
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.schema_type = or_null(object.schema_type);
            object.description = Some(DESCRIPTION.to_owned());
            object.into()
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.schema_type = or_null(array.schema_type);
            array.description = Some(DESCRIPTION.to_owned());
            RefOr::T(Schema::Array(array))
        }
        other => {
            let null = ObjectBuilder::new().schema_type(Type::Null);
            OneOfBuilder::new().item(null).item(other).description(Some(DESCRIPTION)).into()
        }
    }
}
