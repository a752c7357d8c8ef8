//! What every handler shares: extractors that refuse bad input, the envelope of answers, and the routes' registration,
//! which describes each operation by its handler's types.

pub mod address;
mod allowance;
mod answer;
mod body;
pub mod cors;
pub mod describe;
mod exchange;
mod extract;
pub mod field;
pub(crate) mod linger;
mod local_time;
pub mod middleware;
pub mod route;
pub mod server;
pub(crate) mod stream;

use actix_web::HttpRequest;
use actix_web::http::header::{self, EntityTag, Header, HeaderMap, IfNoneMatch};

use crate::error::Language;

pub use answer::{Answer, Data, ENVELOPE};
pub use extract::{Json, Query, Then, parse_query};
pub use local_time::parse_time;
pub use route::routes;

/// Where other programs call with their keys: what fails there has an HTTP status of its own ([`crate::error::Error::plain_status`]).
pub const OPEN_API: &str = "/open-api/";

/// The language that `Accept-Language` asks for: English when its first item is English, else Chinese.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    let english = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().get(..2).is_some_and(|tag| tag.eq_ignore_ascii_case("en")));
    if english { Language::English } else { Language::Chinese }
}

/// Whether the client has this version of a file already: 304 (RFC 9110, section 13.1.2).
pub fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn known_versions() {
        let tag = EntityTag::new_strong("abc".to_owned());
        let request = |known: &str| TestRequest::get().insert_header((header::IF_NONE_MATCH, known)).to_http_request();
        assert!(is_known(&request("\"x\", W/\"abc\""), &tag));
        assert!(is_known(&request("*"), &tag));
        assert!(!is_known(&request("\"x\""), &tag));
        assert!(!is_known(&TestRequest::get().to_http_request(), &tag));
    }
}
