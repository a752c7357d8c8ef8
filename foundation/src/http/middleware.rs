//! What happens around every request: its id, its metrics, its log line, the headers that every answer carries, and
//! errors in the language that the client asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_http::ConnectionType;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error as ActixError, HttpResponse, web};
use tracing::Instrument;

use super::body::{AnswerBody, Failure, RequestBody};
use super::exchange::Exchange;
use super::{OPEN_API, language};
use crate::error::{Error, Language};
use crate::settings::Settings;
use crate::telemetry::metrics::Metrics;

/// The header with the id that a request's log lines carry.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Milliseconds above which a request is logged at `info`.
const SLOW_MS: u128 = 1000;

/// Makes request ids: unique over restarts by the random start.
pub struct RequestIds(AtomicU64);

impl RequestIds {
    /// Starts anywhere.
    pub fn new() -> Self {
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
pub async fn observe<B: MessageBody + 'static>(
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
    let (language, metrics) = (language(request.headers()), request.app_data::<web::Data<Metrics>>().cloned());
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    let handled = next.call(request).instrument(span.clone());
    let handled = match &body {
        None => Some(handled.await),
        Some(body) => body.answered_by(handled).await,
    };
    let _entered = span.enter();
    let Some(response) = handled else {
        log(metrics.as_ref(), &method, None, Err(&Error::MalformedBody), started);
        return Err(malformed(language, id));
    };
    let response = or_failed(response?.map_into_boxed_body(), body.as_ref());
    let outcome = match response.response().error() {
        None => Ok(0),
        Some(error) => match error.as_error::<Error>() {
            Some(error) => Err(error),
            None => Ok(response.status().as_u16()),
        },
    };
    log(metrics.as_ref(), &method, response.request().match_pattern().as_deref(), outcome, started);

    let mut response = with_plain_status(in_language(response, language));
    complete(response.headers_mut(), id);
    if response.response().upgrade() {
        return Ok(response);
    }
    Ok(response.map_body(|_, answer| AnswerBody::new(answer, method == Method::HEAD, body, open).boxed()))
}

/// Counts a request and writes its log line; a success has the code 0, or the status of an answer without an envelope.
fn log(
    metrics: Option<&web::Data<Metrics>>,
    method: &Method,
    route: Option<&str>,
    outcome: Result<u16, &Error>,
    started: Instant,
) {
    let (method, took) = (method.as_str(), started.elapsed());
    let code = outcome.map_or_else(Error::code, i64::from);
    if let Some(metrics) = metrics {
        metrics.answered(route, method, code, took);
    }
    let (ms, route) = (took.as_millis(), route.unwrap_or("unmatched"));
    if let Err(Error::Internal(cause)) = outcome {
        tracing::error!(method, route, code, ms, %cause, "request failed");
    } else if ms >= SLOW_MS {
        tracing::info!(method, route, code, ms, "slow request");
    } else {
        tracing::debug!(method, route, code, ms, "request");
    }
}

/// Adds what every answer carries.
fn complete(headers: &mut HeaderMap, id: HeaderValue) {
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
}

/// The answer to a request whose body is broken, while its handler is still at work.
fn malformed(language: Language, id: HeaderValue) -> ActixError {
    let mut response = Error::MalformedBody.to_response(language);
    response.head_mut().set_connection_type(ConnectionType::Close);
    complete(response.headers_mut(), id);
    InternalError::from_response(Error::MalformedBody, response).into()
}

/// The answer, unless the request's body did not come in time. After a body that has failed in any way nothing can be
/// read from the connection, and the client or the proxy in between has to know.
fn or_failed(response: ServiceResponse<BoxBody>, body: Option<&RequestBody>) -> ServiceResponse<BoxBody> {
    let Some(failure) = body.and_then(RequestBody::failure) else { return response };
    let mut response = match failure {
        Failure::TimedOut => response.into_response(HttpResponse::from_error(Error::RequestTimeout)),
        // What was carried out in spite of it stays a success.
        Failure::Broken if response.response().error().is_none() => response,
        Failure::Broken => response.into_response(HttpResponse::from_error(Error::MalformedBody)),
    };
    response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    response
}

/// Where other programs call, what fails has an HTTP status of its own.
fn with_plain_status(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = match response.response().error().and_then(|error| error.as_error::<Error>()) {
        Some(error) if response.request().path().starts_with(OPEN_API) => Some(error.plain_status()),
        _ => None,
    };
    if let Some(status) = status {
        *response.response_mut().status_mut() = status;
    }
    response
}

/// Errors are written in Chinese; a client that asked for English gets them again in English.
fn in_language(response: ServiceResponse<BoxBody>, language: Language) -> ServiceResponse<BoxBody> {
    let english = match response.response().error().and_then(|error| error.as_error::<Error>()) {
        Some(error) if language == Language::English => Some(error.to_response(Language::English).into_body()),
        _ => None,
    };
    match english {
        Some(body) => response.map_body(|_, _| body),
        None => response,
    }
}
