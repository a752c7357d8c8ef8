//! The one route table, which is also the OpenAPI document: a route is registered and described in one call, so that
//! the two cannot drift apart.

mod asyncapi;
pub mod document;
mod sample;
mod schema;

use std::sync::OnceLock;

use actix_web::dev::ResourceDef;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;
use utoipa::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::{Error, Failure, Result};
use crate::http::describe::{API_KEY, BEARER};
use crate::id::TenantId;
pub use asyncapi::{asyncapi, asyncapi_text};

use crate::{
    account, agent, api_key, audit, auth, channel, conversation, file, health, message, shop, socket, task, tenant,
    visitor,
};

/// Registers every route, those of the shop's data ([`shop`]) when they are asked for.
pub(crate) fn register(config: &mut ServiceConfig<'_>, shop_placeholders: bool) {
    config
        .configure(message::api::routes)
        .configure(conversation::api::routes)
        .configure(tenant::api::routes)
        .configure(channel::api::routes)
        .configure(auth::api::routes)
        .configure(account::api::routes)
        .configure(agent::api::routes)
        .configure(task::api::routes)
        .configure(api_key::api::routes)
        .configure(audit::api::routes)
        .configure(visitor::api::routes)
        .configure(file::api::routes)
        .configure(socket::api::routes)
        .configure(socket::presence::routes)
        .configure(health::api::routes)
        .configure(shop::api::console_routes);
    if shop_placeholders {
        config.configure(shop::api::routes);
    }
}

/// What holds for every operation.
const INTRODUCTION: &str = "Customer-service chat: HTTP up, WebSocket down.

Every answer is an envelope, `{\"code\":0,\"msg\":\"\",\"data\":…}`, and its HTTP status is 200 also for errors: look at \
    `code`, which is 0 on success. Only 429 and 503 are HTTP statuses too, with `Retry-After`; below `/open-api` every code is. An unknown path has the \
    code 404, another method of a known path 405. `msg` is Chinese; with `Accept-Language: en` it is English.

The token in `Authorization` decides the tenant; the header `tenant-id` may name it, and another one is refused.

Times are milliseconds since the epoch, ids are numbers below 2^53, fields without a value are `null`.";

#[derive(OpenApi)]
#[openapi(
    info(title = "kefu", description = INTRODUCTION),
    tags(
        (name = "member message", description = "What a member's client calls."),
        (name = "admin message", description = "Messages in the admin console."),
        (name = "admin conversation", description = "Conversations in the admin console."),
        (name = "admin setting", description = "What a tenant sets for itself."),
        (name = "channel", description = "The ways by which visitors come in."),
        (name = "widget", description = "What the widget on a site's pages calls."),
        (name = "auth", description = "Logins."),
        (name = "user", description = "The accounts of admins."),
        (name = "role", description = "What admins may do."),
        (name = "group", description = "Agents, and the groups that they work in."),
        (name = "task", description = "Rounds of service: who serves which member."),
        (name = "api key", description = "The keys of other programs, for the admins."),
        (name = "open api", description = "What other programs call with their keys. Here every failure has an HTTP status of its own."),
        (name = "audit", description = "Who changed what."),
        (name = "member", description = "Who a member is."),
        (name = "visitor", description = "What the widget calls for a visitor of a page."),
        (name = "file", description = "Uploaded files."),
        (name = "socket", description = "Push."),
        (name = "operation", description = "Health and metrics."),
        (name = "shop placeholder", description = "What stock clients ask of a shop's backend, answered with nothing. \
            Behind a gateway the shop answers; `server.shop_placeholders` turns off what is not asked for during a login.")
    ),
    components(schemas(Failure, TenantId)),
    servers((url = "/", description = "The service that this document comes from.")),
    security(("bearer" = []))
)]
struct Document;

/// The document without its paths, which [`register`] adds.
fn document_head() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token; `Bearer ` may be left out."))
        .build();
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The secret of an API key, `kk_…`, for the paths below `/open-api`."))
        .build();
    let schemes = &mut document.components.get_or_insert_default().security_schemes;
    for (name, scheme) in [(BEARER, scheme), (API_KEY, key)] {
        schemes.insert(name.to_owned(), RefOr::T(SecurityScheme::Http(scheme)));
    }
    document
}

/// The document of what [`register`] registers.
///
/// # Errors
/// [`Error::Internal`] when a handler's description is wrong (see [`document::finish`]).
pub fn document(shop_placeholders: bool) -> Result<Value> {
    let app = actix_web::App::new()
        .into_utoipa_app()
        .openapi(document_head())
        .configure(|config: &mut ServiceConfig<'_>| register(config, shop_placeholders));
    document::finish(&app.split_for_parts().1)
}

/// The whole document as it is committed in `openapi/openapi.json`: sorted, indented, with a line feed at its end.
///
/// # Errors
/// As [`document`].
pub fn document_text() -> Result<String> {
    let text = serde_json::to_string_pretty(&document(true)?).map_err(Error::internal)?;
    Ok(format!("{text}\n"))
}

/// The documents as texts, since as trees they would take megabytes, and the paths of the first.
pub(crate) struct Documents {
    pub openapi: web::Bytes,
    pub asyncapi: web::Bytes,
    /// Tells a wrong method from an unknown path.
    paths: Vec<ResourceDef>,
}

impl Documents {
    /// Made once in a process: only `shop_placeholders` changes them.
    ///
    /// # Errors
    /// As [`document()`] and [`asyncapi()`].
    pub(crate) fn get(shop_placeholders: bool) -> Result<&'static Self> {
        static WITH: OnceLock<Documents> = OnceLock::new();
        static WITHOUT: OnceLock<Documents> = OnceLock::new();
        let made = if shop_placeholders { &WITH } else { &WITHOUT };
        if let Some(documents) = made.get() {
            return Ok(documents);
        }
        let documents = Self::make(shop_placeholders)?;
        Ok(made.get_or_init(|| documents))
    }

    fn make(shop_placeholders: bool) -> Result<Self> {
        let openapi = document(shop_placeholders)?;
        let paths = openapi.get("paths").and_then(Value::as_object).into_iter().flatten();
        Ok(Self {
            paths: paths.map(|(path, _)| ResourceDef::new(path.as_str())).collect(),
            openapi: openapi.to_string().into(),
            asyncapi: asyncapi()?.to_string().into(),
        })
    }
}

/// Answers whatever no route took.
pub(crate) async fn not_found(request: HttpRequest, documents: web::Data<&'static Documents>) -> Result<HttpResponse> {
    let wrong_method = documents.paths.iter().any(|path| path.is_match(request.path()));
    Err(if wrong_method { Error::MethodNotAllowed } else { Error::NotFound })
}
