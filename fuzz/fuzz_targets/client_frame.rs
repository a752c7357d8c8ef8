//! What a client says on its socket: never a panic, and what is understood is within its bounds.

#![no_main]

use kefu::testing::client_frame::{ClientFrame, Resync, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(ClientFrame::Resync(Resync::AfterSeq(_, position) | Resync::Since(position))) => assert!(position >= 0),
        Ok(ClientFrame::Typing(_)) | Err(_) => {}
    }
});
