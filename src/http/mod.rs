//! What every handler shares: extractors that refuse bad input, the envelope of answers, and the routes' registration,
//! which describes each operation by its handler's types.

mod allowance;
mod answer;
mod body;
pub(crate) mod describe;
mod extract;
pub mod field;
pub(crate) mod middleware;
pub(crate) mod route;
pub(crate) mod server;
pub(crate) mod stream;

use actix_web::http::header::{self, HeaderMap};

use crate::error::Language;

pub(crate) use answer::{Answer, Data, ENVELOPE};
pub(crate) use extract::{Json, Query, Then, parse_query};
pub(crate) use route::routes;

/// The language that `Accept-Language` asks for: English when its first item is English, else Chinese.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    let english = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().get(..2).is_some_and(|tag| tag.eq_ignore_ascii_case("en")));
    if english { Language::English } else { Language::Chinese }
}
