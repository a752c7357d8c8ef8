//! The integration suite: real HTTP, real sockets, a fresh database for each test, a clock that tests move.

mod support;

mod database;
mod message;
mod schema;
