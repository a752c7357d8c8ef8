//! A connection that has asked to become a WebSocket.
//!
//! The HTTP server's own loop keeps two buffers of 8 KiB as long as a connection lives, and copies through one of them
//! whatever is sent. Here the application answers the request as it answers any other; then the body's chunks go to the
//! socket as they are, and what the client sends is read through one buffer per thread into the request's payload. A
//! socket at rest holds no buffer.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_codec::{Encoder, Framed, FramedParts};
use actix_http::h1::{Codec, Message};
use actix_http::{BoxedPayloadStream, ConnectionType, Payload, Request};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Response, Service, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::rt::net::TcpStream;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::error::Error;

/// Bytes that one read takes at most.
const READ_BYTES: usize = 16 * 1024;
/// How long a client may take to close its side.
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Serves a connection to its end, from the request on that asks for the upgrade. Whatever the application answers is
/// the connection's last answer.
pub(crate) async fn serve<S, B>(
    app: Rc<S>,
    (request, connection): (Request, Framed<TcpStream, Codec>),
) -> Result<(), Infallible>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    // Boxed: what only the beginning needs takes no room in a socket at rest.
    if let Ok(Rest { mut socket, mut body, mut codec }) = Box::pin(answer(app, request, connection)).await
        && write(&mut socket, &mut body, &mut codec).await.is_ok()
        && socket.shutdown().await.is_ok()
    {
        drop(body);
        let rest = Box::pin(discard(socket.as_ref()));
        drop(tokio::time::timeout(LINGER, rest).await);
    }
    // A client that is gone is told nothing; its payload ends.
    Ok(())
}

/// What follows the head of an answer.
struct Rest {
    socket: OwnedWriteHalf,
    body: BoxBody,
    /// For an answer that upgrades nothing: its body is encoded.
    codec: Option<Box<Codec>>,
}

/// Lets the application answer, and writes the answer's head.
async fn answer<S, B>(app: Rc<S>, request: Request, connection: Framed<TcpStream, Codec>) -> io::Result<Rest>
where
    S: Service<Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody + 'static,
{
    // What is to be written may begin with answers to earlier requests.
    let FramedParts { io, mut codec, read_buf, write_buf: mut head, .. } = connection.into_parts();
    let (reading, mut socket) = io.into_split();
    let payload: BoxedPayloadStream =
        Box::pin(FromClient { socket: reading, early: Bytes::copy_from_slice(&read_buf), more: false });
    drop(read_buf);
    let (request, _) = request.replace_payload(Payload::Stream { payload });
    let response = match app.call(request).await {
        Ok(response) => Response::from(response).map_into_boxed_body(),
        Err(error) => error.into(),
    };
    let upgrades = response.upgrade();
    let (mut response, body) = response.into_parts();
    if !upgrades {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    codec.encode(Message::Item((response, body.size())), &mut head)?;
    socket.write_all(&head).await?;
    Ok(Rest { socket, body, codec: (!upgrades).then(|| Box::new(codec)) })
}

/// Writes a body to its end.
async fn write(
    socket: &mut OwnedWriteHalf,
    body: &mut BoxBody,
    codec: &mut Option<Box<Codec>>,
) -> Result<(), actix_web::Error> {
    loop {
        let next = poll_fn(|context| Pin::new(&mut *body).poll_next(context)).await;
        let chunk = next.transpose().map_err(Error::internal)?;
        let is_end = chunk.is_none();
        let chunk = match codec {
            None => chunk.unwrap_or_default(),
            Some(codec) => {
                let mut encoded = BytesMut::new();
                codec.encode(Message::Chunk(chunk), &mut encoded)?;
                encoded.freeze()
            }
        };
        socket.write_all(&chunk).await?;
        if is_end {
            return Ok(());
        }
    }
}

/// Reads what a client still sends up to its end: closing before would reset the connection, and what was written last
/// might not arrive.
async fn discard(socket: &TcpStream) {
    while socket.readable().await.is_ok() {
        match READ_BUFFER.with_borrow_mut(|buffer| socket.try_read(buffer)) {
            // A client that never stops shall not hold the thread, nor its own time limit off.
            Ok(1..) => tokio::task::coop::consume_budget().await,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}

/// What a client sends after its request.
struct FromClient {
    socket: OwnedReadHalf,
    /// What came with the request.
    early: Bytes,
    /// The last read took all it could.
    more: bool,
}

impl Stream for FromClient {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if !this.early.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut this.early))));
        }
        // The WebSocket's reader takes all that is ready before it looks at it, which must not be without end.
        if std::mem::take(&mut this.more) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut this.socket).poll_read(context, &mut buffer)).map_err(PayloadError::Io)?;
            this.more = buffer.remaining() == 0;
            Poll::Ready(Some(match buffer.filled() {
                [] => Err(PayloadError::Incomplete(None)),
                bytes => Ok(Bytes::copy_from_slice(bytes)),
            }))
        })
    }
}
