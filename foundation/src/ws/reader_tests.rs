use std::cell::Cell;

use futures_util::{FutureExt, stream};
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 70_000;

/// A client's frame, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// What a reader makes of bytes that come in pieces of `piece` bytes, up to their end.
fn read(bytes: &[u8], piece: usize) -> Vec<Result<Message, CloseReason>> {
    let pieces: Vec<_> = bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let mut reader = Reader::new(stream::iter(pieces), LIMIT);
    let mut messages = Vec::new();
    // Nothing waits: there is no runtime whose budget could end.
    while let Some(message) = reader.next(|| {}).now_or_never().unwrap() {
        let is_error = message.is_err();
        messages.push(message);
        if is_error {
            break;
        }
    }
    messages
}

proptest! {
    #[test]
    fn messages_are_the_same_however_their_bytes_are_cut(
        lengths in proptest::collection::vec(0..LIMIT, 0..4),
        piece in 1..5000_usize,
    ) {
        // Payload that looks like headers of huge frames.
        let payloads: Vec<Vec<u8>> = lengths.iter().map(|length| vec![0xFF; *length]).collect();
        let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(0x82, payload)).collect();
        let expected: Vec<_> = payloads.into_iter().map(|payload| Ok(Message::Binary(payload.into()))).collect();
        prop_assert_eq!(read(&bytes, piece), expected);
        // The header alone is enough to refuse the next one.
        let header = &frame(0x82, &vec![0; LIMIT + 1])[..10];
        prop_assert_eq!(read(header, piece), [Err(CloseReason::TooBig)]);
    }
}

#[test]
fn a_message_of_too_many_fragments_is_too_big_even_if_they_are_empty() {
    for (fragment, most) in [(b"".as_slice(), 1024), (b"x", 1024), (&[b'x'; 1000], 70)] {
        let message = |fragments: usize| {
            let between = frame(0x00, fragment).repeat(fragments - 2);
            [frame(0x01, fragment), between, frame(0x80, fragment)].concat()
        };
        let whole = String::from_utf8(fragment.repeat(most)).unwrap();
        assert_eq!(read(&message(most), 16_384), [Ok(Message::Text(whole))]);
        assert_eq!(read(&message(most + 1), 16_384), [Err(CloseReason::TooBig)]);
    }
}

#[test]
fn a_fragment_does_not_hold_the_bytes_that_it_came_in() {
    let pong = frame(0x8A, &[0; 125]);
    let fragment = [frame(0x00, b"x"), pong.repeat(16_384 / pong.len())].concat();
    let pieces = (0..500).map(|_| Ok(Bytes::copy_from_slice(&fragment)));
    let pieces = stream::iter([Ok(Bytes::from(frame(0x01, b"x")))].into_iter().chain(pieces));
    let mut reader = Reader::new(pieces, LIMIT);
    while reader.next(|| {}).now_or_never().unwrap().is_some() {}
    let unfinished = reader.unfinished.as_ref().unwrap();
    let held = unfinished.payload.capacity() + reader.buffer.capacity();
    assert_eq!(unfinished.payload.len(), 501);
    assert!(held < 2048, "{held} bytes are held for 501");
}

#[tokio::test]
async fn a_client_that_sends_without_end_lets_others_go_first() {
    // Everything is there at once; only the budget of the task ends its turn.
    for endless in [frame(0x00, b""), frame(0x8A, b""), frame(0x89, b"ping")] {
        let bytes = [frame(0x01, b""), endless.repeat(1000)].concat();
        let mut reader = Reader::new(stream::iter([Ok(Bytes::from(bytes))]), LIMIT);
        let turns = Cell::new(0);
        let reading = async { while reader.next(|| {}).await.is_some() {} };
        let other = async {
            loop {
                turns.set(turns.get() + 1);
                tokio::task::yield_now().await;
            }
        };
        tokio::select! { biased; () = reading => {}, () = other => {} }
        assert!(turns.get() >= 5, "1001 frames in {} turns", turns.get());
    }
}

#[test]
fn codes_of_close_frames_are_checked() {
    for code in [1000_u16, 1001, 1003, 1011, 1014, 3000, 4408, 4999] {
        assert_eq!(read(&frame(0x88, &code.to_be_bytes()), 99), [Ok(Message::Close(Some(code)))]);
    }
    assert_eq!(read(&frame(0x88, b""), 99), [Ok(Message::Close(None))]);
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535] {
        assert_eq!(read(&frame(0x88, &code.to_be_bytes()), 99), [Err(CloseReason::Protocol)], "{code}");
    }
    for payload in [b"\x03".as_slice(), b"\x03\xE8\xFF"] {
        assert_eq!(read(&frame(0x88, payload), 99), [Err(CloseReason::Protocol)]);
    }
}
