//! What the types of a handler say about its operation in the OpenAPI document: who may call it from its callers'
//! extractor, parameters and body from the others, the answer from what it returns. A handler's `#[utoipa::path]` adds what
//! no type knows: texts, tags, examples and errors.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{AdditionalProperties, SchemaType, Type};
use utoipa::openapi::{Content, Object, Ref, RefOr, Required, ResponseBuilder, Schema, SecurityRequirement};
use utoipa::{IntoParams, ToSchema};

use super::{Json, Query, Then};
use crate::access::{Permission, Scope};
use crate::error::{Error, Language, Result};

/// Named schemas on their way into the document.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// The extension that tells programs what [`Caller::sentence`] tells people.
const PERMISSION: &str = "x-permission";
/// How a token is sent, as the document's security schemes name it.
pub const BEARER: &str = "bearer";
/// How the secret of an API key is sent, likewise.
pub const API_KEY: &str = "apiKey";
const JSON: &str = "application/json";

/// A part of a handler's signature that the document shows.
pub trait Describe {
    /// Adds what this type says.
    fn describe(description: &mut Description);
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// No token is needed.
    Anyone,
    /// Every member and every admin.
    AnyUser,
    /// Every member.
    AnyMember,
    /// Every admin.
    AnyAdmin,
    /// Admins who hold this permission.
    Holder(Permission),
    /// Programs whose key has this scope.
    Key(Scope),
}

impl Caller {
    fn name(self) -> String {
        let name = match self {
            Self::Anyone => "anyone",
            Self::AnyUser => "any user",
            Self::AnyMember => "any member",
            Self::AnyAdmin => "any admin",
            Self::Holder(permission) => permission.as_str(),
            Self::Key(scope) => return format!("scope {}", scope.as_str()),
        };
        name.to_owned()
    }

    fn sentence(self) -> String {
        match self {
            Self::Anyone => "No token is needed.".to_owned(),
            Self::AnyUser => "Every member and every admin may call it.".to_owned(),
            Self::AnyMember => "Every member may call it.".to_owned(),
            Self::AnyAdmin => "Every admin may call it.".to_owned(),
            Self::Holder(permission) => format!("Needs the permission `{}`.", permission.as_str()),
            Self::Key(scope) => format!("Needs an API key with the scope `{}`.", scope.as_str()),
        }
    }
}

/// An operation of the document, and the schemas that it refers to.
pub struct Description {
    operation: Operation,
    /// Add a schema here before referring to it.
    pub schemas: Schemas,
    caller: Caller,
}

impl Description {
    /// Begins with what `#[utoipa::path]` says. Only the one operation whose token comes in the query names its callers
    /// there: `any user`.
    pub fn new(operation: Operation, schemas: Schemas) -> Self {
        let named = operation.extensions.as_ref().and_then(|extensions| extensions.get(PERMISSION));
        let caller = if named.is_some() { Caller::AnyUser } else { Caller::Anyone };
        Self { operation, schemas, caller }
    }

    /// Says who may call. Without a call of this no token is needed.
    pub const fn caller(&mut self, caller: Caller) {
        self.caller = caller;
    }

    /// Says that no token is needed, and that one makes a difference.
    pub fn optional_caller(&mut self) {
        let token = SecurityRequirement::new(BEARER, Vec::<String>::new());
        self.operation.security = Some(vec![SecurityRequirement::default(), token]);
    }

    /// Adds a parameter.
    pub fn parameter(&mut self, parameter: Parameter) {
        self.operation.parameters.get_or_insert_default().push(RefOr::T(parameter));
    }

    /// Says that the answer is the JSON of this schema.
    pub(crate) fn answer(&mut self, schema: &str) {
        let answer = self.operation.responses.responses.entry("200".to_owned());
        let answer = answer.or_insert_with(|| RefOr::T(ResponseBuilder::new().build()));
        if let RefOr::T(answer) = answer {
            let content = answer.content.entry(JSON.to_owned()).or_insert_with(no_content);
            set_schema(content, Ref::from_schema_name(schema).into());
        }
    }

    /// The finished operation, which says who may call it.
    pub fn finish(self) -> (Operation, Schemas) {
        let Self { mut operation, schemas, caller } = self;
        if matches!(caller, Caller::Anyone | Caller::AnyUser) && operation.security.is_none() {
            operation.security = Some(vec![SecurityRequirement::default()]);
        }
        if let Caller::Key(_) = caller {
            operation.security = Some(vec![SecurityRequirement::new(API_KEY, Vec::<String>::new())]);
        }
        let text = operation.description.take().map(|text| format!("{text}\n\n")).unwrap_or_default();
        operation.description = Some(format!("{text}{}", caller.sentence()));
        operation.extensions.get_or_insert_default().insert(PERMISSION.to_owned(), Value::from(caller.name()));
        (operation, schemas)
    }
}

/// A failure as the document shows it, made from the error itself. A handler names its own in the extension `x-errors`,
/// those with a status of their own in `x-error-statuses`.
#[derive(Serialize, Deserialize)]
pub struct Failing {
    /// The error's name.
    pub name: String,
    /// The HTTP status.
    pub status: String,
    /// Whether `Retry-After` comes with it.
    pub retry_after: bool,
    /// The English message.
    pub summary: String,
    /// The answer's body.
    pub body: Value,
}

impl From<&Error> for Failing {
    fn from(error: &Error) -> Self {
        Self {
            name: format!("{error:?}").chars().take_while(|letter| letter.is_alphanumeric()).collect(),
            status: error.http_status().as_str().to_owned(),
            retry_after: error.retry_after_s().is_some(),
            summary: error.message(Language::English).into_owned(),
            body: json!(error.envelope(&error.message(Language::Chinese))),
        }
    }
}

/// The value of `x-errors`.
pub fn failures(errors: &[Error]) -> Vec<Failing> {
    errors.iter().map(Failing::from).collect()
}

/// The value of `x-error-statuses`: each error under the status that it has there.
pub fn failures_with_status(errors: &[(&str, Error)]) -> Vec<Failing> {
    let failing = |(status, error): &(&str, Error)| Failing { status: (*status).to_owned(), ..Failing::from(error) };
    errors.iter().map(failing).collect()
}

/// The schema of a type: an object by reference, everything else in place. Adds what it refers to.
pub fn refer_to<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    T::schemas(schemas);
    match T::schema() {
        RefOr::T(Schema::Object(plain)) if plain.schema_type != SchemaType::Type(Type::Object) => plain.into(),
        schema => {
            let name = T::name().into_owned();
            schemas.push((name.clone(), schema));
            Ref::from_schema_name(name).into()
        }
    }
}

/// The schema of changes to an object: every property is left to the client's choice, and no other is allowed.
pub fn changes_of<T: ToSchema>() -> RefOr<Schema> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => optional(object).into(),
        other => other,
    }
}

fn optional(mut object: Object) -> Object {
    object.description = None;
    object.required.clear();
    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    for property in object.properties.values_mut() {
        if let RefOr::T(Schema::Object(inner)) = property
            && !inner.properties.is_empty()
        {
            *inner = optional(inner.clone());
        }
    }
    object
}

fn no_content() -> RefOr<Content> {
    RefOr::T(Content::default())
}

/// Sets a content's schema and leaves its example.
fn set_schema(content: &mut RefOr<Content>, schema: RefOr<Schema>) {
    if let RefOr::T(content) = content {
        content.schema = Some(schema);
    }
}

impl<A: Describe, B: Describe> Describe for Then<A, B> {
    fn describe(description: &mut Description) {
        A::describe(description);
        B::describe(description);
    }
}

impl<T: ToSchema> Describe for Json<T> {
    fn describe(description: &mut Description) {
        let schema = refer_to::<T>(&mut description.schemas);
        let body =
            description.operation.request_body.get_or_insert_with(|| RefOr::T(RequestBodyBuilder::new().build()));
        if let RefOr::T(body) = body {
            body.required = Some(Required::True);
            set_schema(body.content.entry(JSON.to_owned()).or_insert_with(no_content), schema);
        }
    }
}

impl<T: IntoParams> Describe for Query<T> {
    fn describe(description: &mut Description) {
        let parameters = T::into_params(|| Some(ParameterIn::Query)).into_iter().map(RefOr::T);
        description.operation.parameters.get_or_insert_default().extend(parameters);
    }
}

/// A refusal that the handler itself passes on.
impl<T: Describe> Describe for Result<T> {
    fn describe(description: &mut Description) {
        T::describe(description);
    }
}

/// Says nothing of its type: `#[utoipa::path]` describes these answers, paths and bodies.
macro_rules! silent {
    ($([$($generic:ident)?] $type:ty),* $(,)?) => {
        $(impl<$($generic)?> Describe for $type {
            fn describe(_: &mut Description) {}
        })*
    };
}

silent!([] HttpRequest, [] HttpResponse, [] web::Payload, [T] web::Data<T>, [T] web::Path<T>);

macro_rules! parameters {
    ($($name:ident)*) => {
        impl<$($name: Describe),*> Describe for ($($name,)*) {
            fn describe(_description: &mut Description) {
                $($name::describe(_description);)*
            }
        }
    };
}

parameters! {}
parameters! {A}
parameters! {A B}
parameters! {A B C}
parameters! {A B C D}
parameters! {A B C D E}
parameters! {A B C D E F}
parameters! {A B C D E F G}
parameters! {A B C D E F G H}
