//! Bodies of requests and answers, with limits on what a client can hold of the service by being slow.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header;
use bytes::Bytes;
use futures_util::{FutureExt, Stream};

use super::allowance::Allowance;
use super::exchange::{Exchange, OpenRequest};
use crate::ws::handshake::HandedOver;

/// Bytes of an answer that the server encodes at once. It copies what it is given, and a long list would lie in memory
/// twice for as long as the client does not read it.
const CHUNK: usize = 64 * 1024;

/// Bytes of a request's body that are read before its handler asks for them.
const AHEAD: usize = 16 * 1024;

/// The body of a request while a handler reads it.
///
/// It is kept until the answer has been written: actix-http then sees a body that was not read to its end, and says
/// `Connection: close` and closes. If the body were dropped, actix-http would read on for as long as the client sends.
pub(super) struct RequestBody(Rc<RefCell<Reading>>);

struct Reading {
    payload: Payload,
    /// Told what a body with a length gives.
    exchange: Option<Exchange>,
    /// What was read before the handler asked for it.
    ahead: VecDeque<Bytes>,
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
        let has_length = request.headers().contains_key(header::CONTENT_LENGTH);
        let exchange = request.conn_data::<Exchange>().filter(|_| has_length).cloned();
        let allowance = Allowance::new(allowed);
        let reading = Reading { payload, exchange, ahead: VecDeque::new(), allowance, failure: None };
        let body = Rc::new(RefCell::new(reading));
        request.set_payload(Payload::Stream { payload: Box::pin(Handlers(Rc::clone(&body))) });
        Some(Self(body))
    }

    /// How it has failed, if it has.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.0.borrow().failure
    }

    /// What a handler answers, `None` when the body turns out to be broken first.
    ///
    /// actix-http takes a body with a wrong encoding for the end of the connection: it polls the request once more and drops
    /// it. What the handler does about the body, which may be to remove what it has stored, goes on without it.
    pub(super) async fn answered_by<H: Future + Unpin + 'static>(&self, mut handler: H) -> Option<H::Output> {
        let answer = poll_fn(|context| match Pin::new(&mut handler).poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if self.0.borrow_mut().is_broken(context) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let answer = answer.await;
        if answer.is_none() {
            actix_web::rt::spawn(handler.map(drop));
        }
        answer
    }
}

impl Reading {
    fn poll_payload(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let polled = Pin::new(&mut self.payload).poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => {
                self.allowance.moved(bytes.len());
                if let Some(exchange) = &self.exchange {
                    exchange.has_given(bytes);
                }
            }
            Poll::Ready(Some(Err(_))) => self.failure = Some(Failure::Broken),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    /// Reads ahead, and says whether the body is broken.
    fn is_broken(&mut self, context: &mut Context<'_>) -> bool {
        let mut ahead: usize = self.ahead.iter().map(Bytes::len).sum();
        while self.failure.is_none()
            && ahead < AHEAD
            && let Poll::Ready(Some(Ok(bytes))) = self.poll_payload(context)
        {
            ahead += bytes.len();
            self.ahead.push_back(bytes);
        }
        self.failure == Some(Failure::Broken)
    }
}

/// The end of a body that the handler reads.
struct Handlers(Rc<RefCell<Reading>>);

impl Stream for Handlers {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let reading = &mut *self.0.borrow_mut();
        if let Some(bytes) = reading.ahead.pop_front() {
            return Poll::Ready(Some(Ok(bytes)));
        }
        if reading.failure.is_some() {
            return Poll::Ready(Some(Err(PayloadError::Incomplete(None))));
        }
        let polled = reading.poll_payload(context);
        if polled.is_pending() && reading.allowance.poll_used_up(context).is_ready() {
            reading.failure = Some(Failure::TimedOut);
            return Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))));
        }
        polled
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
