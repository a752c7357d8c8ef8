//! A client's connection as the HTTP server reads and writes it: with a limit on time where the server itself has none.
//!
//! actix-http limits the time of a connection's first head and of the rest between two requests. What is left are the
//! heads of later requests and answers that a client does not take; bodies are limited by [`super::body`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::allowance::Allowance;
use super::exchange::Exchange;

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

    /// The halves of a connection that leaves the HTTP server's loop. What is written goes on to have its limit.
    pub(crate) fn into_split(self) -> (OwnedReadHalf, TimedWriter) {
        let (reader, io) = self.io.into_split();
        (reader, TimedWriter { io, allowance: self.writing })
    }
}

/// The writing half of a connection; ends with [`io::ErrorKind::TimedOut`] when its client is too slow.
pub(crate) struct TimedWriter {
    io: OwnedWriteHalf,
    allowance: Allowance,
}

impl TimedWriter {
    /// The half itself, for a socket, which has limits of its own.
    pub(crate) fn into_inner(self) -> OwnedWriteHalf {
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
        let (begun, is_open) = (this.exchange.begun(), this.exchange.is_open());
        if begun != this.begun || is_open {
            // The head has come. What comes while a request is open is its body, or waits behind it.
            this.begun = begun;
            this.reading.reset();
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(context, buffer);
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        this.exchange.has_read(bytes);
        if is_open {
            return read;
        }
        if read.is_ready() {
            this.reading.moved(bytes.len());
            return read;
        }
        let is_awaited = this.reading.has_moved() || this.exchange.is_owed_a_request();
        if is_awaited && this.reading.poll_used_up(context).is_ready() { timed_out() } else { Poll::Pending }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = poll_write(&mut this.io, &mut this.writing, context, bytes);
        if written.is_ready() && this.exchange.is_owed_a_request() {
            // The wait for the next request begins, which is a matter of reading.
            context.waker().wake_by_ref();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

impl AsyncWrite for TimedWriter {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        poll_write(&mut this.io, &mut this.allowance, context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

fn poll_write(
    io: &mut (impl AsyncWrite + Unpin),
    allowance: &mut Allowance,
    context: &mut Context<'_>,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    match Pin::new(io).poll_write(context, bytes) {
        Poll::Ready(Ok(written)) if written < bytes.len() => {
            allowance.moved(written);
            Poll::Ready(Ok(written))
        }
        Poll::Ready(written) => {
            allowance.reset();
            Poll::Ready(written)
        }
        Poll::Pending if allowance.poll_used_up(context).is_ready() => timed_out(),
        Poll::Pending => Poll::Pending,
    }
}
