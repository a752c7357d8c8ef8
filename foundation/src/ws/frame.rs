//! Server frames, built once as the bytes that go over the wire (RFC 6455 section 5.2: unmasked, unfragmented).

use bytes::Bytes;
use serde::Serialize;

use crate::error::{Error, Result};

/// Room for the longest header: two bytes and a 64-bit length.
const HEADER_ROOM: usize = 10;

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8A;

/// `{"type":<kind>,"content":"<content as JSON text>"}` (docs/contract.md#websocket).
///
/// # Errors
/// [`Error::Internal`] when `content` cannot be JSON, which no type of ours brings about.
pub fn event(kind: &str, content: &impl Serialize) -> Result<Bytes> {
    #[derive(Serialize)]
    struct Frame<'a> {
        r#type: &'a str,
        content: &'a str,
    }
    let content = serde_json::to_string(content).map_err(Error::internal)?;
    let mut buffer = Vec::with_capacity(HEADER_ROOM + 64 + content.len() + content.len() / 4);
    buffer.resize(HEADER_ROOM, 0);
    serde_json::to_writer(&mut buffer, &Frame { r#type: kind, content: &content }).map_err(Error::internal)?;
    Ok(with_header(TEXT, buffer))
}

/// A text frame of exactly `payload`.
#[cfg(test)]
pub(crate) fn text(payload: &str) -> Bytes {
    control(TEXT, payload.as_bytes())
}

/// A protocol ping.
pub(crate) fn ping() -> Bytes {
    control(PING, b"")
}

/// The answer to a protocol ping.
pub(crate) fn pong(payload: &[u8]) -> Bytes {
    control(PONG, payload)
}

/// A close frame with its code and reason; the reason is ours and short (RFC 6455: at most 123 bytes).
pub(crate) fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    control(CLOSE, &payload)
}

fn control(opcode: u8, payload: &[u8]) -> Bytes {
    let mut buffer = Vec::with_capacity(HEADER_ROOM + payload.len());
    buffer.resize(HEADER_ROOM, 0);
    buffer.extend_from_slice(payload);
    with_header(opcode, buffer)
}

/// Writes the header into the room before the payload and cuts off what is left of the room.
fn with_header(opcode: u8, mut buffer: Vec<u8>) -> Bytes {
    let length = buffer.len().saturating_sub(HEADER_ROOM);
    let mut header = vec![opcode];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => header.push(short),
        (_, Ok(medium)) => {
            header.push(126);
            header.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            header.push(127);
            header.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
        }
    }
    let start = HEADER_ROOM - header.len();
    if let Some(room) = buffer.get_mut(start..HEADER_ROOM) {
        room.copy_from_slice(&header);
    }
    Bytes::from(buffer).slice(start..)
}
