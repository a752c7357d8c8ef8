//! The integration suite: real HTTP, real sockets, a fresh database for each test, a clock that tests move.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

mod crash;
mod handshake;
mod lifetime;
mod message;
mod property;
mod push;
mod push_fault;
mod resync;
mod socket;
mod typing;
