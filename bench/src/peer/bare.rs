//! The ceiling of HTTP: an actix-web endpoint that parses the same body, verifies the same token, answers the envelope
//! and does nothing else.

use std::net::SocketAddr;
use std::process::Command;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::Result;
use crate::process::{self, Child};
use crate::token::Verifier;

/// The path of both endpoints.
pub(crate) const SEND: &str = "/send";

/// A running endpoint of this very program.
pub(crate) struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

impl Endpoint {
    /// Starts `bench peer` with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        let folder = process::folder()?;
        let program = std::env::current_exe()?;
        let mut child = Child::spawn(Command::new(program).arg("peer").args(arguments).current_dir(folder.path()))?;
        let address = child.line_after("http://")?.parse()?;
        Ok(Self { address, _child: child, _folder: folder })
    }
}

/// What a member sends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Send {
    pub content_type: i32,
    pub content: String,
}

#[derive(Serialize)]
struct Envelope {
    code: i64,
    msg: &'static str,
    data: Option<u64>,
}

/// Parses and verifies a request; `None` when it is not valid.
pub(crate) fn accept(request: &HttpRequest, body: &Bytes, verifier: &Verifier) -> Option<(u64, Send)> {
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let member = verifier.member(header.strip_prefix("Bearer ")?)?;
    Some((member, serde_json::from_slice(body).ok()?))
}

/// The envelope of a success, or of a refusal without an id.
pub(crate) fn answer(id: Option<u64>) -> HttpResponse {
    let code = if id.is_some() { 0 } else { 400 };
    HttpResponse::Ok().json(Envelope { code, msg: "", data: id })
}

async fn send(request: HttpRequest, body: Bytes, verifier: web::Data<Verifier>) -> HttpResponse {
    let accepted = accept(&request, &body, &verifier);
    answer(accepted.map(|(member, send)| {
        member + u64::from(send.content_type.unsigned_abs()) + u64::from(send.content.is_empty())
    }))
}

/// Serves until told to stop.
pub(crate) fn serve() -> Result {
    let verifier = web::Data::new(Verifier::new());
    serve_app(move |config: &mut web::ServiceConfig| {
        config.app_data(verifier.clone()).route(SEND, web::post().to(send));
    })
}

/// Serves an application on a free port and prints its address.
pub(crate) fn serve_app(configure: impl Fn(&mut web::ServiceConfig) + Clone + std::marker::Send + 'static) -> Result {
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || App::new().configure(configure.clone())).bind("127.0.0.1:0")?;
        let address = server.addrs().first().copied().ok_or("no address")?;
        crate::report::print(&format!("http://{address}\n"))?;
        Ok(server.shutdown_timeout(1).run().await?)
    })
}
