//! Which browsers' pages may call (docs/contract.md#cors).

use actix_cors::Cors;
use actix_web::dev::RequestHead;

use crate::origin::Origins;

/// Pages of the origins in the settings may call, `*` stands for all; beside them those that `also` names. Asked headers are
/// echoed: `*` does not cover Authorization.
pub fn cors(origins: &[String], also: impl Fn(&str, &RequestHead) -> bool + 'static) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "POST", "PUT", "DELETE"])
        .allow_any_header()
        .expose_headers(["retry-after", "x-request-id"])
        .max_age(3600);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin();
    }
    let always: Origins = origins.iter().map(String::as_str).collect();
    cors.allowed_origin_fn(move |origin, request| {
        origin.to_str().is_ok_and(|origin| always.contains(origin) || also(origin, request))
    })
}
