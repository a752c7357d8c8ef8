//! What a client says on its socket: never a panic, and what is understood is within its bounds.

#![no_main]

use kefu::testing::client_frame::{ClientFrame, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(ClientFrame::ResyncSeq(_, position) | ClientFrame::ResyncTime(position)) => assert!(position >= 0),
        Ok(ClientFrame::Typing(_)) | Err(_) => {}
    }
});
