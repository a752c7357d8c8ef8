//! Bodies of requests and answers, with limits on what a client can hold of the service by being slow.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

use super::allowance::Allowance;
use super::stream::OpenRequest;
use crate::ws::handshake::HandedOver;

/// Bytes of an answer that the server encodes at once. It copies what it is given, and a long list would lie in memory
/// twice for as long as the client does not read it.
const CHUNK: usize = 64 * 1024;

/// The body of a request while a handler reads it.
///
/// It is kept until the answer has been written: actix-http then sees a body that was not read to its end, and says
/// `Connection: close` and closes. If the body were dropped, actix-http would read on for as long as the client sends.
pub(super) struct RequestBody(Rc<RefCell<Reading>>);

struct Reading {
    payload: Payload,
    allowance: Allowance,
    failure: Option<Failure>,
}

/// How a body has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The client took too long.
    TimedOut,
    /// The connection broke off, or the body's encoding is wrong.
    Broken,
}

impl RequestBody {
    /// Puts itself between a request and its body, if it has one. What comes after a handshake is none.
    pub(super) fn take(request: &mut ServiceRequest, allowed: Duration) -> Option<Self> {
        if request.extensions().contains::<HandedOver>() {
            return None;
        }
        let payload = request.parts_mut().1.take();
        if matches!(payload, Payload::None) {
            return None;
        }
        let reading = Reading { payload, allowance: Allowance::new(allowed), failure: None };
        let body = Rc::new(RefCell::new(reading));
        request.set_payload(Payload::Stream { payload: Box::pin(Handlers(Rc::clone(&body))) });
        Some(Self(body))
    }

    /// How it has failed, if it has.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.0.borrow().failure
    }
}

/// The end of a body that the handler reads.
struct Handlers(Rc<RefCell<Reading>>);

impl Stream for Handlers {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reading = &mut *self.0.borrow_mut();
        match Pin::new(&mut reading.payload).poll_next(context) {
            Poll::Ready(Some(Ok(bytes))) => {
                reading.allowance.moved(bytes.len());
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(error))) => {
                reading.failure = Some(Failure::Broken);
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if reading.allowance.poll_used_up(context).is_ready() => {
                reading.failure = Some(Failure::TimedOut);
                Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The body of an answer, handed over in chunks. It keeps what has to last until it is written.
pub(super) struct AnswerBody {
    body: BoxBody,
    /// What is left of the last part.
    rest: Bytes,
    /// For `HEAD`: the size is told and nothing is sent.
    head_only: bool,
    _request_body: Option<RequestBody>,
    _open: Option<OpenRequest>,
}

impl AnswerBody {
    pub(super) fn new(
        body: BoxBody,
        head_only: bool,
        request_body: Option<RequestBody>,
        open: Option<OpenRequest>,
    ) -> Self {
        Self { body, rest: Bytes::new(), head_only, _request_body: request_body, _open: open }
    }
}

impl MessageBody for AnswerBody {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.head_only {
            return Poll::Ready(None);
        }
        if this.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut this.body).poll_next(context)) {
                Some(Ok(bytes)) => this.rest = bytes,
                Some(Err(error)) => {
                    tracing::error!(%error, "an answer broke off");
                    return Poll::Ready(Some(Err(error)));
                }
                None => return Poll::Ready(None),
            }
        }
        let length = this.rest.len().min(CHUNK);
        Poll::Ready(Some(Ok(this.rest.split_to(length))))
    }
}
