//! The pages over HTTP. They are no part of the OpenAPI document, as they are no interface of programs.

use actix_web::http::header::{self, AcceptEncoding, ContentEncoding, Encoding, EntityTag, Header, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Redirect};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use super::assets::{Asset, CONSOLE};
use super::{Limits, Web};
use crate::error::{Error, Result};
use crate::http::is_known;

/// Where the console is.
pub(crate) const CONSOLE_PATH: &str = "/console/";

/// For files whose names hold a hash of what they are.
pub(super) const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// For files with stable names: asked for each time, and answered with 304.
pub(super) const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// Registers the console's paths.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/console").to(to_console))
        .service(web::resource("/console/version.json").to(version))
        .service(web::resource("/console/{path:.*}").to(console));
}

/// Leads to the console.
pub(crate) async fn to_console(request: HttpRequest) -> Result<Redirect> {
    must_read(&request)?;
    Ok(Redirect::to(CONSOLE_PATH).using_status_code(StatusCode::FOUND))
}

/// What is served, so that an open page notices that there is a newer one, and what it has to know of the settings.
#[derive(Serialize)]
struct Version {
    version: &'static str,
    build: String,
    limits: Limits,
}

async fn version(request: HttpRequest, web: web::Data<Web>) -> Result<HttpResponse> {
    must_read(&request)?;
    let version = Version { version: env!("CARGO_PKG_VERSION"), build: web.assets.build().await, limits: web.limits };
    Ok(web.console(StatusCode::OK).insert_header((header::CACHE_CONTROL, "no-store")).json(version))
}

/// A file of the console; for every other path its page, which knows more paths than there are files.
async fn console(request: HttpRequest, path: web::Path<String>, web: web::Data<Web>) -> Result<HttpResponse> {
    must_read(&request)?;
    let path = path.into_inner();
    let is_asset = path.starts_with("assets/");
    if path.split('/').any(|name| name == "..") {
        return Ok(not_found());
    }
    let file = match path.as_str() {
        "" => None,
        path => web.assets.get(&format!("console/{path}")).await,
    };
    match file {
        Some(file) => {
            let caching = if is_asset { FOR_GOOD } else { ASK_AGAIN };
            Ok(answer(&request, file, caching, |status| web.console(status)))
        }
        None if is_asset => Ok(not_found()),
        None => match web.assets.get(CONSOLE).await {
            Some(page) => Ok(answer(&request, page, ASK_AGAIN, |status| web.console(status))),
            None => Ok(not_found()),
        },
    }
}

/// The file, compressed for clients that take it so; 304 for those who have it. `respond` makes an answer with the headers that
/// all have.
pub(super) fn answer(
    request: &HttpRequest,
    file: Asset,
    caching: HeaderValue,
    respond: impl Fn(StatusCode) -> HttpResponseBuilder,
) -> HttpResponse {
    let Asset { content_type, sha256, bytes, gzip } = file;
    let plain_tag = EntityTag::new_strong(sha256.clone());
    let (body, encoding, tag, varies) = match gzip {
        Some(compressed) if takes_gzip(request) => {
            (compressed, Some(ContentEncoding::Gzip), EntityTag::new_strong(format!("{sha256}-gzip")), true)
        }
        compressed => (bytes, None, plain_tag, compressed.is_some()),
    };
    let is_known = is_known(request, &tag);
    let mut response = respond(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    response.insert_header((header::CACHE_CONTROL, caching)).insert_header(header::ETag(tag));
    if varies {
        response.insert_header((header::VARY, "accept-encoding"));
    }
    if is_known {
        return response.finish();
    }
    if let Some(encoding) = encoding {
        response.insert_header(encoding);
    }
    response.content_type(content_type).body(body)
}

impl Web {
    /// An answer of the console.
    fn console(&self, status: StatusCode) -> HttpResponseBuilder {
        page(status, &self.console_policy)
    }

    /// An answer with the demo page.
    pub(super) fn demo(&self, status: StatusCode) -> HttpResponseBuilder {
        page(status, &self.demo_policy)
    }
}

/// An answer with the headers that all pages have.
fn page(status: StatusCode, policy: &HeaderValue) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, policy.clone()))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"))
        .insert_header((header::PERMISSIONS_POLICY, "camera=(), microphone=(), geolocation=()"));
    response
}

/// Pages are only read.
pub(super) fn must_read(request: &HttpRequest) -> Result<()> {
    if request.method() == Method::GET { Ok(()) } else { Err(Error::MethodNotAllowed) }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let accepted = AcceptEncoding::parse(request).unwrap_or(AcceptEncoding(Vec::new()));
    let (gzip, identity) = (Encoding::gzip(), Encoding::identity());
    accepted.negotiate([&gzip, &identity].into_iter()) == Some(gzip)
}

/// With the status of its own: what loads a page or a script looks at that and reads no envelope.
pub(super) fn not_found() -> HttpResponse {
    Error::NotFound.with_status(StatusCode::NOT_FOUND)
}
