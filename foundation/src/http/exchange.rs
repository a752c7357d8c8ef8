//! Where the requests of one connection stand, for those who see only a part of it: the stream sees bytes, the middleware
//! requests and answers.

use std::cell::Cell;
use std::rc::Rc;

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
    /// What the connection has read.
    read: Cell<Tail>,
    /// The body of the last request, as far as it was read by its length. Nothing where a blank line ends the request: behind
    /// its head, or behind its chunks.
    body: Cell<Tail>,
}

/// One request that is being answered; dropped when its answer has been written.
pub(super) struct OpenRequest(Exchange);

impl Exchange {
    /// Counts one request more.
    pub(super) fn begin(&self) -> OpenRequest {
        self.0.begun.set(self.begun() + 1);
        self.0.open.set(self.0.open.get() + 1);
        self.0.body.take();
        OpenRequest(self.clone())
    }

    /// Requests so far.
    pub(super) fn begun(&self) -> u64 {
        self.0.begun.get()
    }

    /// Whether a request is being answered.
    pub(super) fn is_open(&self) -> bool {
        self.0.open.get() > 0
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

    /// The connection has read these bytes.
    pub(super) fn has_read(&self, bytes: &[u8]) {
        self.0.read.set(self.0.read.get().then(bytes));
    }

    /// The last request's body, whose length its head names, has given these bytes.
    pub(super) fn has_given(&self, bytes: &[u8]) {
        self.0.body.set(self.0.body.get().then(bytes));
    }

    /// Whether the beginning of another request has come behind the last one, so that the client owes the rest. Told by the last
    /// bytes, because actix-http keeps its buffer to itself: a beginning that ends just as the body before it is missed.
    pub(super) fn is_owed_a_request(&self) -> bool {
        let (read, body) = (self.0.read.get(), self.0.body.get());
        let is_whole = if body.is_empty() { read.is_blank_line() } else { read.ends_with(body) };
        self.begun() > 0 && !self.is_open() && !is_whole
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let open = &self.0.0.open;
        open.set(open.get().saturating_sub(1));
    }
}

/// The last bytes of something, as many as a blank line and the line break before it have.
#[derive(Clone, Copy, Debug, Default)]
struct Tail {
    /// The last one is the lowest byte.
    bytes: u32,
    length: usize,
}

impl Tail {
    const MOST: usize = 4;

    /// The tail when these follow.
    fn then(self, next: &[u8]) -> Self {
        let last = next.get(next.len().saturating_sub(Self::MOST)..).unwrap_or_default();
        let bytes = last.iter().fold(self.bytes, |bytes, byte| bytes << 8 | u32::from(*byte));
        Self { bytes, length: self.length.saturating_add(next.len()).min(Self::MOST) }
    }

    const fn is_empty(self) -> bool {
        self.length == 0
    }

    fn ends_with(self, other: Self) -> bool {
        let shift = 8 * (Self::MOST - other.length);
        self.length >= other.length && (other.is_empty() || (self.bytes ^ other.bytes) << shift == 0)
    }

    /// Whether it ends with an empty line, behind a line break of either kind.
    fn is_blank_line(self) -> bool {
        [&b"\n\r\n"[..], b"\n\n"].into_iter().any(|line| self.ends_with(Self::default().then(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_request_is_owed_when_its_beginning_has_come() {
        let owed = |body: &[&[u8]], read: &[&[u8]]| {
            let exchange = Exchange::default();
            drop(exchange.begin());
            body.iter().for_each(|bytes| exchange.has_given(bytes));
            read.iter().for_each(|bytes| exchange.has_read(bytes));
            exchange.is_owed_a_request()
        };
        let head: &[u8] = b"GET / HTTP/1.1\r\nhost: k\r\n\r\n";
        for whole in [&[head][..], &[b"GET / HTTP/1.1\r\n", b"\r", b"\n"], &[b"GET / HTTP/1.1\n\n"], &[head, b"\r\n"]] {
            assert!(!owed(&[], whole), "{whole:?}");
        }
        for begun in [&[head, b"G"][..], &[head, b"GET / HTTP/1.1\r\n"], &[b"GET / HTTP/1.1\r\n", b"\r\nGET"]] {
            assert!(owed(&[], begun), "{begun:?}");
        }
        for body in [&[&b"{}"[..]][..], &[b"{", b"}"], &[b"{\"a\":\"b\"", b"}"], &[b"x"]] {
            let sent = body.concat();
            assert!(!owed(body, &[head, &sent]), "{body:?}");
            assert!(!owed(body, &[&[head, &sent].concat()]), "{body:?}");
            assert!(owed(body, &[head, &sent, b"P"]), "{body:?}");
        }
        assert!(!Exchange::default().is_owed_a_request(), "actix-http looks after the first head");
    }
}
