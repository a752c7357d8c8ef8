//! What happens around every request: its id, its metrics, its log line, the headers that every answer carries, and
//! errors in the language that the client asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_http::ConnectionType;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error as ActixError, HttpResponse, web};
use tracing::Instrument;

use super::body::{AnswerBody, Failure, RequestBody};
use super::language;
use super::stream::Exchange;
use crate::error::{Error, Language};
use crate::settings::Settings;
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

/// Does what the module says around one request.
///
/// Handlers see a `HEAD` as the `GET` that it is answered like; only the answer's body stays away.
pub(crate) async fn observe<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, ActixError> {
    let started = Instant::now();
    let method = request.method().clone();
    if method == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    let exchange = request.conn_data::<Exchange>();
    if exchange.is_some_and(Exchange::is_closing) {
        return Ok(request.into_response(HttpResponse::from_error(Error::Busy)));
    }
    let open = exchange.map(Exchange::begin);
    let timeout_s = request.app_data::<web::Data<Settings>>().map(|all| all.server.request_timeout_s);
    let body = timeout_s.and_then(|seconds| RequestBody::take(&mut request, Duration::from_secs(seconds)));
    let id = match request.app_data::<web::Data<RequestIds>>() {
        Some(ids) => ids.of(request.headers()),
        None => HeaderValue::from_static("0"),
    };
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    let response = next.call(request).instrument(span.clone()).await?;
    let _entered = span.enter();
    let response = or_failed(response.map_into_boxed_body(), body.as_ref());

    let code = match response.response().error() {
        None => 0,
        Some(error) => match error.as_error::<Error>() {
            Some(error) => error.code(),
            None => i64::from(response.status().as_u16()),
        },
    };
    let (took, route) = (started.elapsed(), response.request().match_pattern());
    let (method_name, route) = (method.as_str(), route.as_deref());
    if let Some(metrics) = response.request().app_data::<web::Data<Metrics>>() {
        metrics.answered(route, method_name, code, took);
    }
    let (ms, route) = (took.as_millis(), route.unwrap_or("unmatched"));
    if let Some(Error::Internal(cause)) = response.response().error().and_then(|error| error.as_error()) {
        tracing::error!(method = method_name, route, code, ms, %cause, "request failed");
    } else if ms >= SLOW_MS {
        tracing::info!(method = method_name, route, code, ms, "slow request");
    } else {
        tracing::debug!(method = method_name, route, code, ms, "request");
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
    if response.response().upgrade() {
        return Ok(response);
    }
    Ok(response.map_body(|_, answer| AnswerBody::new(answer, method == Method::HEAD, body, open).boxed()))
}

/// The answer, unless the request's body did not come in time. After a body that has failed in any way nothing can be
/// read from the connection, and the client or the proxy in between has to know.
fn or_failed(response: ServiceResponse<BoxBody>, body: Option<&RequestBody>) -> ServiceResponse<BoxBody> {
    let Some(failure) = body.and_then(RequestBody::failure) else { return response };
    let mut response = match failure {
        Failure::TimedOut => response.into_response(HttpResponse::from_error(Error::RequestTimeout)),
        Failure::Broken => response,
    };
    response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    response
}

/// Errors are written in Chinese; a client that asked for English gets them again in English.
fn in_language(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let english = match response.response().error().and_then(|error| error.as_error::<Error>()) {
        Some(error) if language(response.request().headers()) == Language::English => {
            Some(error.to_response(Language::English).into_body())
        }
        _ => None,
    };
    match english {
        Some(body) => response.map_body(|_, _| body),
        None => response,
    }
}
