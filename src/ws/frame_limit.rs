//! Refuses a frame by its header.
//!
//! The library looks at a frame's length only when the whole frame has arrived: whoever announces gigabytes and sends
//! them would have them kept in memory. This scan of the incoming bytes ends the stream as soon as a header names more
//! than the limit (RFC 6455 section 5.2).

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

/// The longest header: two bytes, a 64-bit length, the mask's key.
const HEADER_LIMIT: usize = 14;

/// The bytes of a client; after a header over the limit, [`PayloadError::Overflow`].
pub(crate) struct FrameLimit<S> {
    bytes: S,
    scan: Scan,
}

impl<S> FrameLimit<S> {
    /// Limits frames to `limit` bytes of payload.
    pub(crate) fn new(bytes: S, limit: usize) -> Self {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Self { bytes, scan: Scan { limit, header: Vec::with_capacity(HEADER_LIMIT), payload_left: 0 } }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for FrameLimit<S> {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        Pin::new(&mut this.bytes).poll_next(context).map(|next| {
            next.map(|bytes| {
                bytes.and_then(|bytes| if this.scan.passes(&bytes) { Ok(bytes) } else { Err(PayloadError::Overflow) })
            })
        })
    }
}

/// Where in its frames a client is.
struct Scan {
    limit: u64,
    /// The beginning of a header.
    header: Vec<u8>,
    /// What is still to come of the current frame's payload.
    payload_left: u64,
}

impl Scan {
    /// Whether every header that `bytes` completes is within the limit.
    fn passes(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let payload = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
            self.payload_left -= u64::try_from(payload).unwrap_or(self.payload_left);
            let Some((next, rest)) = bytes.get(payload..).and_then(<[u8]>::split_first) else { return true };
            bytes = rest;
            self.header.push(*next);
            if let Some((header, length)) = lengths(&self.header) {
                if length > self.limit {
                    return false;
                }
                if self.header.len() == header {
                    self.header.clear();
                    self.payload_left = length;
                }
            }
        }
    }
}

/// The lengths of a header and of its frame's payload, once so much of the header is there.
fn lengths(header: &[u8]) -> Option<(usize, u64)> {
    let [_, second, rest @ ..] = header else { return None };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    match (second & 0x7F, rest) {
        (126, [a, b, ..]) => Some((4 + mask, u16::from_be_bytes([*a, *b]).into())),
        (127, [a, b, c, d, e, f, g, h, ..]) => Some((10 + mask, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))),
        (126 | 127, _) => None,
        (length, _) => Some((2 + mask, length.into())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scan(limit: u64) -> Scan {
        Scan { limit, header: Vec::new(), payload_left: 0 }
    }

    fn frame(length: usize) -> Vec<u8> {
        let mut frame = vec![0x81];
        match length {
            0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
            126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend(u64::try_from(length).unwrap().to_be_bytes());
            }
        }
        // Payload that looks like headers of huge frames.
        frame.extend(vec![0xFF; 4 + length]);
        frame
    }

    proptest! {
        #[test]
        fn frames_within_the_limit_pass_and_one_over_it_does_not(
            lengths in proptest::collection::vec(0..70_000_usize, 0..4),
            chunk in 1..5000_usize,
        ) {
            let bytes: Vec<u8> = lengths.iter().flat_map(|length| frame(*length)).collect();
            let mut within = scan(70_000);
            prop_assert!(bytes.chunks(chunk).all(|bytes| within.passes(bytes)));
            prop_assert!(within.header.is_empty() && within.payload_left == 0);
            // The header alone is enough.
            prop_assert!(!frame(70_001)[..10].chunks(chunk).all(|bytes| within.passes(bytes)));
        }
    }
}
