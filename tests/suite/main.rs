//! The integration suite: real HTTP, real sockets, a fresh database for each test, a clock that tests move.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, too"
)]

mod support;

mod database;
mod message;
mod openapi_document;
mod schema;
mod shop;
