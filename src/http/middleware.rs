//! What happens around every request: its id, its metrics, its log line, the headers that every answer carries, and
//! errors in the language that the client asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error as ActixError, web};

use tracing::Instrument;

use super::language;
use crate::error::{Error, Language};
use crate::telemetry::metrics::Metrics;

/// The header with the id that a request's log lines carry.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Milliseconds above which a request is logged at `info`.
const SLOW_MS: u128 = 1000;

/// Makes request ids: unique over restarts by the random start.
pub(crate) struct RequestIds(AtomicU64);

impl RequestIds {
    /// Starts anywhere.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(getrandom::u64().unwrap_or(0)))
    }

    /// The client's or the proxy's own id when it is a plain short word, else a new one.
    fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let plain = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=64).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        headers.get(REQUEST_ID).filter(plain).cloned().unwrap_or_else(|| {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            HeaderValue::try_from(format!("{number:016x}")).unwrap_or(HeaderValue::from_static("0"))
        })
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

/// See the module's text.
pub(crate) async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
    let started = Instant::now();
    let id = match request.app_data::<web::Data<RequestIds>>() {
        Some(ids) => ids.of(request.headers()),
        None => HeaderValue::from_static("0"),
    };
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    let response = next.call(request).instrument(span.clone()).await?;
    let _entered = span.enter();

    let code = match response.response().error() {
        None => 0,
        Some(error) => match error.as_error::<Error>() {
            Some(error) => error.code(),
            None => i64::from(response.status().as_u16()),
        },
    };
    let (took, route) = (started.elapsed(), response.request().match_pattern());
    let (method, route) = (response.request().method().as_str(), route.as_deref());
    if let Some(metrics) = response.request().app_data::<web::Data<Metrics>>() {
        metrics.answered(route, method, code, took);
    }
    let (ms, route) = (took.as_millis(), route.unwrap_or("unmatched"));
    if let Some(Error::Internal(cause)) = response.response().error().and_then(|error| error.as_error()) {
        tracing::error!(method, route, code, ms, %cause, "request failed");
    } else if ms >= SLOW_MS {
        tracing::info!(method, route, code, ms, "slow request");
    } else {
        tracing::debug!(method, route, code, ms, "request");
    }

    let mut response = in_language(response);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    Ok(response)
}

/// Errors are written in Chinese; a client that asked for English gets them again in English.
fn in_language<B: MessageBody + 'static>(response: ServiceResponse<B>) -> ServiceResponse<impl MessageBody> {
    let english = match response.response().error().and_then(|error| error.as_error::<Error>()) {
        Some(error) if language(response.request().headers()) == Language::English => {
            Some(error.to_response(Language::English).into_body())
        }
        _ => None,
    };
    match english {
        Some(body) => response.map_body(|_, _| body),
        None => response.map_into_boxed_body(),
    }
}
