//! A connection that has asked to become a WebSocket.
//!
//! The HTTP server's own loop keeps two buffers of 8 KiB as long as a connection lives, and copies through one of them
//! whatever is sent. Here the application answers the request as it answers any other; then the body's chunks go to the
//! socket as they are, and what the client sends is read through one buffer per thread into the request's payload. A
//! socket at rest holds no buffer.
//!
//! actix-http hands every request over that names `Upgrade: websocket`, and every CONNECT. Only a handshake
//! ([`handshake::verify`]) takes the connection's bytes; the body of any other request ends where its length says, and
//! its answer is the connection's last and says so. It is written with the limit on time that every answer has.
//!
//! Once a socket is closing its connection ends within [`CLOSE_TIMEOUT`] and the second of [`linger`], whether its client
//! reads or not.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_codec::{Encoder, Framed, FramedParts};
use actix_http::h1::{Codec, Message};
use actix_http::{BoxedPayloadStream, ConnectionType, HttpMessage, Payload, Request};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Response, Service, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::{Version, header};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::Closing;
use super::handshake::{self, HandedOver};
use crate::error::Error;
use crate::http::linger::linger;
use crate::http::stream::{TimedStream, TimedWriter};

/// Bytes that one read takes at most.
const READ_BYTES: usize = 16 * 1024;
/// How long a client may take to read the last frames of a socket that is closing.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Serves a connection to its end, from the request on that asks for the upgrade. Whatever the application answers is
/// the connection's last answer.
pub(crate) async fn serve<S, B>(
    app: Rc<S>,
    (request, connection): (Request, Framed<TimedStream, Codec>),
) -> Result<(), Infallible>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    // Boxed: what only the beginning needs takes no room in a socket at rest.
    let Ok(Rest { socket, mut body, kind }) = Box::pin(answer(app, request, connection)).await else {
        return Ok(());
    };
    let (mut socket, written) = match kind {
        Kind::Socket(closing) => {
            let mut socket = socket.into_inner();
            let written = {
                let mut writing = pin!(write(&mut socket, &mut body));
                tokio::select! {
                    biased;
                    written = &mut writing => written,
                    () = closing.begun() => timeout(CLOSE_TIMEOUT, writing).await.unwrap_or_else(|_| timed_out()),
                }
            };
            (socket, written)
        }
        Kind::Answer(codec) => Box::pin(write_encoded(socket, &mut body, *codec)).await,
    };
    if written.is_ok() && socket.shutdown().await.is_ok() {
        Box::pin(linger(socket.as_ref())).await;
    } else {
        // What the client has not read is not kept for it.
        drop(SockRef::from(socket.as_ref()).set_linger(Some(Duration::ZERO)));
    }
    // The body lasts until here: the socket counts as open until its connection has ended.
    Ok(())
}

/// What follows the head of an answer.
struct Rest {
    socket: TimedWriter,
    body: BoxBody,
    kind: Kind,
}

enum Kind {
    /// The connection is a WebSocket; the notice says when it is closing.
    Socket(Arc<Closing>),
    /// An answer that upgrades nothing: its body is encoded.
    Answer(Box<Codec>),
}

/// Lets the application answer, and writes the answer's head.
async fn answer<S, B>(app: Rc<S>, request: Request, connection: Framed<TimedStream, Codec>) -> io::Result<Rest>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    // What is to be written may begin with answers to earlier requests.
    let FramedParts { io, mut codec, read_buf, write_buf: mut head, .. } = connection.into_parts();
    let (reading, mut socket) = io.into_split();
    let closing = Arc::new(Closing::default());
    let is_handshake = handshake::verify(request.head()).is_ok();
    let left = if is_handshake {
        request.extensions_mut().insert(HandedOver(Arc::clone(&closing)));
        None
    } else {
        Some(body_length(&request))
    };
    if left > Some(0) && read_buf.is_empty() && request.head().expect() && request.head().version == Version::HTTP_11 {
        head.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    socket.write_all(&head).await?;
    head.clear();

    let early = Bytes::copy_from_slice(&read_buf);
    drop(read_buf);
    let payload: BoxedPayloadStream = Box::pin(FromClient { socket: reading, early, left, more: false });
    let (request, _) = request.replace_payload(Payload::Stream { payload });
    let response = match app.call(request).await {
        Ok(response) => Response::from(response).map_into_boxed_body(),
        Err(error) => error.into(),
    };
    let upgrades = is_handshake && response.upgrade();
    let (mut response, body) = response.into_parts();
    if !upgrades {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    codec.encode(Message::Item((response, body.size())), &mut head)?;
    socket.write_all(&head).await?;
    Ok(Rest { socket, body, kind: if upgrades { Kind::Socket(closing) } else { Kind::Answer(Box::new(codec)) } })
}

/// The length of a body that is not chunked. actix-http has refused lengths that are wrong or come twice.
fn body_length(request: &Request) -> u64 {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)
}

/// Writes a socket's frames to their end.
async fn write(socket: &mut OwnedWriteHalf, body: &mut BoxBody) -> Result<(), actix_web::Error> {
    while let Some(chunk) = next(body).await? {
        socket.write_all(&chunk).await?;
    }
    Ok(())
}

/// Writes an answer's body to its end.
async fn write_encoded(
    mut socket: TimedWriter,
    body: &mut BoxBody,
    mut codec: Codec,
) -> (OwnedWriteHalf, Result<(), actix_web::Error>) {
    let written = async {
        loop {
            let chunk = next(body).await?;
            let is_end = chunk.is_none();
            let mut encoded = BytesMut::new();
            codec.encode(Message::Chunk(chunk), &mut encoded)?;
            socket.write_all(&encoded).await?;
            if is_end {
                return Ok(());
            }
        }
    };
    let written = written.await;
    (socket.into_inner(), written)
}

async fn next(body: &mut BoxBody) -> Result<Option<Bytes>, actix_web::Error> {
    let next = poll_fn(|context| Pin::new(&mut *body).poll_next(context)).await;
    next.transpose().map_err(|error| Error::internal(error).into())
}

fn timed_out() -> Result<(), actix_web::Error> {
    Err(io::Error::from(ErrorKind::TimedOut).into())
}

/// What a client sends after its request's head.
struct FromClient {
    socket: OwnedReadHalf,
    /// What came with the head.
    early: Bytes,
    /// What is still to come of a body; `None` for a socket, which ends with its connection.
    left: Option<u64>,
    /// The last read took all it could.
    more: bool,
}

impl FromClient {
    /// How many of so many bytes belong to the body.
    fn of_body(&self, bytes: usize) -> usize {
        self.left.map_or(bytes, |left| usize::try_from(left).unwrap_or(usize::MAX).min(bytes))
    }

    fn take(&mut self, bytes: Bytes) -> Bytes {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
        bytes
    }
}

impl Stream for FromClient {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.left == Some(0) {
            return Poll::Ready(None);
        }
        if !this.early.is_empty() {
            let mut early = std::mem::take(&mut this.early);
            early.truncate(this.of_body(early.len()));
            return Poll::Ready(Some(Ok(this.take(early))));
        }
        // Whoever reads without a pause lets others go first after each full buffer.
        if std::mem::take(&mut this.more) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let most = this.of_body(READ_BYTES);
        READ_BUFFER.with_borrow_mut(|buffer| {
            let Some(buffer) = buffer.get_mut(..most) else { return Poll::Ready(None) };
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut this.socket).poll_read(context, &mut buffer)).map_err(PayloadError::Io)?;
            this.more = buffer.remaining() == 0;
            Poll::Ready(Some(match buffer.filled() {
                [] => Err(PayloadError::Incomplete(None)),
                bytes => Ok(this.take(Bytes::copy_from_slice(bytes))),
            }))
        })
    }
}
