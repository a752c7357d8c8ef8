//! What one listener has heard: a frame reader for unmasked server frames that looks for a message's id and keeps it.

use std::time::Instant;

use memchr::memmem;

use super::http::leading_number;

/// What the frames of a server look like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The product's envelope; frames of other types than messages are not counted.
    Kefu,
    /// Every text frame is a message.
    Plain,
}

/// One message that arrived.
#[derive(Clone, Copy)]
pub(crate) struct Heard {
    /// The message's id; 0 in [`Dialect::Plain`].
    pub id: u64,
    /// When it was read.
    pub at: Instant,
}

/// The frames of one socket.
pub(crate) struct Inbox {
    dialect: Dialect,
    /// The beginning of a frame whose end has not been read.
    rest: Vec<u8>,
    /// Every message, in the order of arrival.
    pub heard: Vec<Heard>,
    /// The close code, when the server has closed.
    pub closed: Option<u16>,
}

/// What the socket has to do after reading.
pub(crate) enum Duty {
    /// Nothing.
    None,
    /// Answer a ping with this payload.
    Pong(Vec<u8>),
}

/// A message's frame up to its id.
const KEFU_MESSAGE: &[u8] = br#"{"type":"kefu_message_type","#;
const KEFU_ID: &[u8] = br#"{\"id\":"#;

impl Inbox {
    pub(crate) const fn new(dialect: Dialect) -> Self {
        Self { dialect, rest: Vec::new(), heard: Vec::new(), closed: None }
    }

    /// Takes what was read; returns how many messages it held.
    pub(crate) fn feed(&mut self, data: &[u8], at: Instant) -> (u64, Duty) {
        if self.rest.is_empty() {
            let (taken, count, duty) = self.frames(data, at);
            self.rest.extend_from_slice(data.get(taken..).unwrap_or_default());
            return (count, duty);
        }
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(data);
        let (taken, count, duty) = self.frames(&joined, at);
        joined.drain(..taken);
        // An idle socket keeps no memory of its last burst.
        if !joined.is_empty() {
            self.rest = joined;
        }
        (count, duty)
    }

    fn frames(&mut self, data: &[u8], at: Instant) -> (usize, u64, Duty) {
        let (mut taken, mut count, mut duty) = (0, 0, Duty::None);
        while let Some((opcode, payload, size)) = split(data.get(taken..).unwrap_or_default()) {
            taken += size;
            match opcode {
                0x1 => count += u64::from(self.text(payload, at)),
                0x8 => self.closed = Some(close_code(payload)),
                0x9 => duty = Duty::Pong(payload.to_vec()),
                _ => {}
            }
        }
        (taken, count, duty)
    }

    fn text(&mut self, payload: &[u8], at: Instant) -> bool {
        let id = match self.dialect {
            Dialect::Plain => Some(0),
            Dialect::Kefu if payload.starts_with(KEFU_MESSAGE) => {
                memmem::find(payload, KEFU_ID).and_then(|found| leading_number(payload.get(found + KEFU_ID.len()..)?))
            }
            Dialect::Kefu => None,
        };
        self.heard.extend(id.map(|id| Heard { id, at }));
        id.is_some()
    }
}

/// The first frame: opcode, payload and its whole size; `None` when it is not all there.
fn split(data: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (first, second) = (*data.first()?, *data.get(1)?);
    let (length, header): (usize, usize) = match second & 0x7F {
        126 => (usize::from(u16::from_be_bytes(data.get(2..4)?.try_into().ok()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(data.get(2..10)?.try_into().ok()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let size = header.checked_add(length)?;
    Some((first & 0x0F, data.get(header..size)?, size))
}

fn close_code(payload: &[u8]) -> u16 {
    payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x81];
        match payload.len() {
            short @ ..126 => frame.push(short.try_into().unwrap()),
            medium @ ..65536 => {
                frame.push(126);
                frame.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
            }
            long => {
                frame.push(127);
                frame.extend_from_slice(&u64::try_from(long).unwrap().to_be_bytes());
            }
        }
        frame.extend_from_slice(payload);
        frame
    }

    fn message(id: u64, length: usize) -> Vec<u8> {
        let content = "x".repeat(length);
        frame(format!(r#"{{"type":"kefu_message_type","content":"{{\"id\":{id},\"c\":\"{content}\"}}"}}"#).as_bytes())
    }

    #[test]
    fn frames_of_every_length_are_found_however_they_are_cut() {
        let mut stream = Vec::new();
        for (id, length) in [(1, 10), (2, 300), (3, 70_000), (4, 0)] {
            stream.extend(message(id, length));
            stream.extend(frame(br#"{"type":"kefu_conversation_created","content":"{\"id\":9}"}"#));
        }
        stream.extend([0x88, 2, 0x0F, 0xA8]);
        for cut in [1, 2, 3, 7, 100, 65_000, stream.len()] {
            let mut inbox = Inbox::new(Dialect::Kefu);
            let count: u64 = stream.chunks(cut).map(|chunk| inbox.feed(chunk, Instant::now()).0).sum();
            let ids: Vec<u64> = inbox.heard.iter().map(|heard| heard.id).collect();
            assert_eq!((count, ids, inbox.closed), (4, vec![1, 2, 3, 4], Some(4008)), "cut every {cut}");
        }
    }

    #[test]
    fn a_ping_is_answered_with_its_payload() {
        let mut inbox = Inbox::new(Dialect::Plain);
        let (_, duty) = inbox.feed(&[0x89, 2, b'h', b'i'], Instant::now());
        assert!(matches!(duty, Duty::Pong(payload) if payload == b"hi"));
    }
}
