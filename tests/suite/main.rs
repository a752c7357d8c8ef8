//! The integration suite: real HTTP, real sockets, a fresh database for each test, a clock that tests move.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, too"
)]

mod support;

mod access;
mod auth;
mod bad_input;
mod cli;
mod content;
mod conversation;
mod cors;
mod fault;
mod file;
mod history;
mod member_token;
mod message;
mod openapi;
mod openapi_document;
mod operation;
mod shop;
mod tenant;
mod unread;
mod write_queue;
