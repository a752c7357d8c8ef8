//! A self-hosted customer-service chat backend: members and admins write over HTTP and hear over WebSocket.
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`], [`app`], [`routes`] | the commands; start and stop; the route table, which is the OpenAPI document |
//! | [`message`] | messages: written in groups, pushed after their commit, read along `seq` |
//! | [`conversation`] | conversations: one per member and tenant |
//! | [`account`], [`auth`] | admins and members; tokens, passwords, permissions |
//! | [`mod@file`] | uploads |
//! | [`socket`], [`push`] | the WebSocket's handshake and client frames; events to sessions |
//! | [`import`] | conversations of a yudao shop, taken over |
//! | [`operation`], [`telemetry`] | health and metrics; numbers and logs |
//! | [`shop`] | empty answers to what stock clients ask of a shop |
//! | [`http`], [`limit`] | extractors, envelope, middleware; rate limits |
//! | [`db`] | pool, migrations, checkpoints, ids |
//! | [`settings`], [`error`], [`id`], [`clock`] | what everything stands on |
//!
//! Imports go one way: `cli` → `app` → `routes` → the `api` modules and `socket` → `message` → `conversation` →
//! `account` → the foundation. `account` and `auth` are halves of one thing. `push` carries bytes and knows no domain.
//! Only `db`, the `store` modules and [`account::profiles`] query with Diesel. docs/architecture.md says more: one
//! message's way, the invariants and where each is kept, and the exceptions.

pub mod account;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod conversation;
pub mod db;
pub mod error;
pub mod file;
pub mod http;
pub mod id;
pub mod import;
pub mod limit;
pub mod message;
pub mod operation;
pub mod push;
pub mod routes;
pub mod settings;
pub mod shop;
pub mod socket;
pub mod telemetry;
