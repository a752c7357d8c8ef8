//! The integration suite: real HTTP, real sockets, a fresh database for each test, a clock that tests move.

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
mod operation;
mod tenant;
mod unread;
mod write_queue;
