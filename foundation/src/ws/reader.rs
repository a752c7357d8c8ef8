//! Reads a client's messages from the bytes of its connection (RFC 6455 section 5).
//!
//! A limit counts what is held. A frame over the limit is refused by its header, before its payload is there. Fragments
//! are copied into one buffer, so that none of them pins the bytes that it came in, and their number is limited, so that
//! empty ones end, too. A reader at rest holds nothing but the beginning of a frame.
//!
//! A client's share of its thread is bounded by frames: after each one the task may have to let others go first.

use actix_http::ws::{OpCode, Parser, ProtocolError};
use actix_web::error::PayloadError;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

use super::CloseReason;

/// Frames that one message may come in.
const MAX_FRAGMENTS: u32 = 1024;
/// The longest payload of a control frame (RFC 6455 section 5.5).
const MAX_CONTROL_BYTES: u64 = 125;

/// What a client has sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// Text, whole and valid.
    Text(String),
    /// Binary, whole.
    Binary(Bytes),
    /// A ping, to be answered by a pong with the same payload.
    Ping(Bytes),
    /// A pong.
    Pong,
    /// A close frame, with the code to echo.
    Close(Option<u16>),
}

/// The messages of one client.
pub struct Reader<S> {
    bytes: S,
    /// Most bytes of a message.
    limit: usize,
    /// What is not read yet: at rest the beginning of a frame.
    buffer: BytesMut,
    unfinished: Option<Unfinished>,
}

/// The fragments of a message so far.
struct Unfinished {
    opcode: OpCode,
    payload: Vec<u8>,
    fragments: u32,
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Reader<S> {
    /// Reads messages of up to `limit` bytes.
    pub fn new(bytes: S, limit: usize) -> Self {
        Self { bytes, limit, buffer: BytesMut::new(), unfinished: None }
    }

    /// The next message; `None` at the end of the connection. `on_bytes` is called whenever something comes.
    ///
    /// # Errors
    /// The reason to close the socket for, when the client breaks the protocol or a limit. Nothing is to be read then.
    pub(crate) async fn next(&mut self, mut on_bytes: impl FnMut()) -> Option<Result<Message, CloseReason>> {
        loop {
            tokio::task::coop::consume_budget().await;
            match self.frame() {
                Ok(Some(frame)) => match self.message(frame) {
                    Ok(None) => {}
                    Ok(Some(message)) => return Some(Ok(message)),
                    Err(reason) => return Some(Err(reason)),
                },
                Ok(None) => {
                    self.shrink();
                    let bytes = self.bytes.next().await?.ok()?;
                    on_bytes();
                    self.buffer.extend_from_slice(&bytes);
                }
                Err(reason) => return Some(Err(reason)),
            }
        }
    }

    /// Takes the next frame from the buffer once it is whole.
    fn frame(&mut self) -> Result<Option<(bool, OpCode, BytesMut)>, CloseReason> {
        if let Some((opcode, length)) = announced(&self.buffer) {
            // Opcodes from 8 are control frames.
            if opcode >= 8 && length > MAX_CONTROL_BYTES {
                return Err(CloseReason::Protocol);
            }
            if usize::try_from(length).map_or(true, |length| length > self.limit) {
                return Err(CloseReason::TooBig);
            }
        }
        match Parser::parse(&mut self.buffer, true, self.limit) {
            Ok(frame) => Ok(frame.map(|(is_last, opcode, payload)| (is_last, opcode, payload.unwrap_or_default()))),
            Err(ProtocolError::Overflow) => Err(CloseReason::TooBig),
            Err(_) => Err(CloseReason::Protocol),
        }
    }

    /// Takes a frame; the message, if it ends one.
    fn message(
        &mut self,
        (is_last, opcode, payload): (bool, OpCode, BytesMut),
    ) -> Result<Option<Message>, CloseReason> {
        match opcode {
            OpCode::Ping | OpCode::Pong | OpCode::Close => {
                if is_last {
                    control(opcode, &payload).map(Some)
                } else {
                    Err(CloseReason::Protocol)
                }
            }
            OpCode::Text | OpCode::Binary => {
                if self.unfinished.is_some() {
                    return Err(CloseReason::Protocol);
                }
                if is_last {
                    return whole(opcode, payload.to_vec()).map(Some);
                }
                self.unfinished = Some(Unfinished { opcode, payload: payload.to_vec(), fragments: 1 });
                Ok(None)
            }
            OpCode::Continue => {
                let mut unfinished = self.unfinished.take().ok_or(CloseReason::Protocol)?;
                unfinished.fragments += 1;
                if unfinished.fragments > MAX_FRAGMENTS || unfinished.payload.len() + payload.len() > self.limit {
                    return Err(CloseReason::TooBig);
                }
                unfinished.payload.extend_from_slice(&payload);
                if is_last {
                    return whole(unfinished.opcode, unfinished.payload).map(Some);
                }
                self.unfinished = Some(unfinished);
                Ok(None)
            }
            OpCode::Bad => Err(CloseReason::Protocol),
        }
    }

    /// Lets go of the room of what was read, before a wait.
    fn shrink(&mut self) {
        if self.buffer.capacity() > 2 * self.buffer.len() {
            self.buffer = BytesMut::from(self.buffer.as_ref());
        }
    }
}

fn whole(opcode: OpCode, payload: Vec<u8>) -> Result<Message, CloseReason> {
    match opcode {
        OpCode::Text => String::from_utf8(payload).map(Message::Text).map_err(|_| CloseReason::NotUtf8),
        _ => Ok(Message::Binary(payload.into())),
    }
}

fn control(opcode: OpCode, payload: &[u8]) -> Result<Message, CloseReason> {
    Ok(match opcode {
        OpCode::Ping => Message::Ping(Bytes::copy_from_slice(payload)),
        OpCode::Close => {
            let reason = Parser::try_parse_close_payload(payload).map_err(|_| CloseReason::Protocol)?;
            Message::Close(reason.map(|reason| reason.code.into()))
        }
        _ => Message::Pong,
    })
}

/// Opcode and length of the payload, once so much of a frame's header is there. [`Parser::parse`] of actix-http 3.20
/// compares the length with its limit only when the whole payload has come.
fn announced(frame: &[u8]) -> Option<(u8, u64)> {
    let [first, second, rest @ ..] = frame else { return None };
    let length = match (second & 0x7F, rest) {
        (126, [a, b, ..]) => u16::from_be_bytes([*a, *b]).into(),
        (127, [a, b, c, d, e, f, g, h, ..]) => u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
        (126 | 127, _) => return None,
        (length, _) => length.into(),
    };
    Some((first & 0x0F, length))
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
