//! What one would write first: the bare endpoint with a transaction per send in a blocking thread, on SQLite with
//! synchronous=FULL. It delivers nothing.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use rusqlite::Connection;

use super::bare::{self, SEND};
use super::sqlite;
use crate::Result;
use crate::token::Verifier;

/// Members whose conversations are there.
const MEMBERS: i64 = 1000;

/// One connection behind a lock: with several, writers would sleep in SQLite's busy handler, which is slower.
type Database = web::Data<Mutex<Connection>>;

async fn send(request: HttpRequest, body: Bytes, verifier: web::Data<Verifier>, database: Database) -> HttpResponse {
    let Some((member, send)) = bare::accept(&request, &body, &verifier) else { return bare::answer(None) };
    let store = move || {
        let mut connection = database.lock().unwrap_or_else(PoisonError::into_inner);
        sqlite::send_one(&mut connection, i64::try_from(member)?, send.content_type, &send.content)
    };
    match web::block(store).await {
        Ok(Ok(id)) => bare::answer(Some(id)),
        _ => HttpResponse::InternalServerError().finish(),
    }
}

/// Serves from a new database in the current folder until told to stop.
pub fn serve() -> Result {
    let verifier = web::Data::new(Verifier::new());
    let database = web::Data::new(Mutex::new(sqlite::create(Path::new("naive.db"), MEMBERS)?));
    bare::serve_app(move |config: &mut web::ServiceConfig| {
        config.app_data(verifier.clone()).app_data(database.clone()).route(SEND, web::post().to(send));
    })
}
