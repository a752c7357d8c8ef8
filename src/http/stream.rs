//! A client's connection as the HTTP server reads and writes it: with a limit on time where the server itself has none.
//!
//! actix-http limits the time of a connection's first head and of the rest between two requests. What is left are the
//! heads of later requests and answers that a client does not take; bodies are limited by [`super::body`].

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::allowance::Allowance;

/// What the requests of one connection share; they find it in their connection's data.
#[derive(Clone, Default)]
pub(crate) struct Exchange(Rc<State>);

#[derive(Default)]
struct State {
    /// Requests so far.
    begun: Cell<u64>,
    /// Requests that are being answered.
    open: Cell<u64>,
    /// An answer has said that it is the connection's last.
    closing: Cell<bool>,
}

/// One request that is being answered; dropped when its answer has been written.
pub(super) struct OpenRequest(Exchange);

impl Exchange {
    /// Counts one request more.
    pub(super) fn begin(&self) -> OpenRequest {
        self.0.begun.set(self.0.begun.get() + 1);
        self.0.open.set(self.0.open.get() + 1);
        OpenRequest(self.clone())
    }

    /// An answer says `Connection: close`.
    pub(super) fn close(&self) {
        self.0.closing.set(true);
    }

    /// Whether an answer has said `Connection: close`: requests that a client has sent behind must not be carried out
    /// (RFC 9112 section 9.6), though actix-http would.
    pub(super) fn is_closing(&self) -> bool {
        self.0.closing.get()
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let open = &self.0.0.open;
        open.set(open.get().saturating_sub(1));
    }
}

/// A connection that ends with [`io::ErrorKind::TimedOut`] when its client is too slow.
pub(crate) struct TimedStream {
    io: TcpStream,
    exchange: Exchange,
    /// Requests that had begun at the last read.
    begun: u64,
    reading: Allowance,
    writing: Allowance,
}

impl TimedStream {
    /// Gives the client `allowed` (see [`Allowance`]) for each head and each answer.
    pub(super) fn new(io: TcpStream, allowed: Duration) -> Self {
        Self {
            io,
            exchange: Exchange::default(),
            begun: 0,
            reading: Allowance::new(allowed),
            writing: Allowance::new(allowed),
        }
    }

    /// The connection, for its options.
    pub(super) fn get_ref(&self) -> &TcpStream {
        &self.io
    }

    /// Where the requests of this connection stand.
    pub(super) fn exchange(&self) -> Exchange {
        self.exchange.clone()
    }

    /// The connection itself, for one that becomes a WebSocket.
    pub(crate) fn into_inner(self) -> TcpStream {
        self.io
    }
}

fn timed_out<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let State { begun, open, .. } = &*this.exchange.0;
        if begun.get() != this.begun || open.get() > 0 {
            // The head has come. What comes while a request is open is its body, or waits behind it.
            this.begun = begun.get();
            this.reading.reset();
        }
        if open.get() > 0 {
            return Pin::new(&mut this.io).poll_read(context, buffer);
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.io).poll_read(context, buffer) {
            Poll::Ready(read) => {
                this.reading.moved(buffer.filled().len().saturating_sub(before));
                Poll::Ready(read)
            }
            Poll::Pending if this.reading.has_moved() && this.reading.poll_used_up(context).is_ready() => timed_out(),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match Pin::new(&mut this.io).poll_write(context, bytes) {
            Poll::Ready(Ok(written)) if written < bytes.len() => {
                this.writing.moved(written);
                Poll::Ready(Ok(written))
            }
            Poll::Ready(written) => {
                this.writing.reset();
                Poll::Ready(written)
            }
            Poll::Pending if this.writing.poll_used_up(context).is_ready() => timed_out(),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
