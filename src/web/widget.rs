//! The visitors' widget over HTTP: the script that sites name, the files that it loads, and a demo page.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::Web;
use super::api::{ASK_AGAIN, FOR_GOOD, answer, must_read, not_found};
use crate::channel::Channels;
use crate::error::Result;
use crate::settings::Settings;

/// Where the demo page is.
pub(crate) const DEMO_PATH: &str = "/widget/demo";
/// The script that sites name.
const LOADER: &str = "v1.js";
/// For the loader: its name is the same for good, and sites' pages wait for it.
const FRESH: HeaderValue = HeaderValue::from_static("public, max-age=300, stale-while-revalidate=86400");
/// The demo page among the files.
const DEMO: &str = "demo.html";
/// What stands in it for the channel's key.
const KEY: &str = "__KEFU_KEY__";

/// Registers the widget's paths.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(web::resource(DEMO_PATH).to(demo)).service(web::resource("/widget/{path:.*}").to(file));
}

/// A file of the widget.
async fn file(request: HttpRequest, path: web::Path<String>, web: web::Data<Web>) -> Result<HttpResponse> {
    must_read(&request)?;
    let path = path.into_inner();
    if path == DEMO || path.split('/').any(|name| name == "..") {
        return Ok(not_found());
    }
    let caching = match path.as_str() {
        LOADER => FRESH,
        path if path.starts_with("assets/") => FOR_GOOD,
        _ => ASK_AGAIN,
    };
    match web.assets.get(&format!("widget/{path}")).await {
        Some(file) => Ok(answer(&request, file, caching, respond)),
        None => Ok(not_found()),
    }
}

/// An answer with the headers that all files have: pages of every site load them, also those that embed nothing else.
fn respond(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
    response
}

/// A plain page with the widget, by the key of the channel that the first start has made.
async fn demo(
    request: HttpRequest,
    web: web::Data<Web>,
    channels: web::Data<Channels>,
    settings: web::Data<Settings>,
) -> Result<HttpResponse> {
    must_read(&request)?;
    let channel = channels.demo().filter(|_| settings.server.demo);
    let (Some(channel), Some(page)) = (channel, web.demo_page().await) else { return Ok(not_found()) };
    let page = page.replace(KEY, &channel.key);
    let mut response = web.demo(StatusCode::OK);
    Ok(response.insert_header((header::CACHE_CONTROL, "no-store")).content_type("text/html; charset=utf-8").body(page))
}

impl Web {
    /// The demo page, before the key stands in it.
    pub(crate) async fn demo_page(&self) -> Option<String> {
        let page = self.assets.get(&format!("widget/{DEMO}")).await?;
        String::from_utf8(page.bytes.to_vec()).ok()
    }
}
