//! What a message may contain: never a panic, and what is let through fits the columns.

#![no_main]

use kefu::testing::content::{ContentType, MAX_BYTES, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (i32, &str)| {
    let (code, content) = input;
    for code in [code, 1, 2, 10] {
        let Some(kind) = ContentType::from_code(code) else { continue };
        if check(kind, content, 2048).is_ok() {
            assert!(!content.is_empty() && !content.contains('\0'));
            assert!(content.chars().count() <= 2048 && content.len() <= MAX_BYTES);
        }
    }
});
