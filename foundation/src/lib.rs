//! What the domains of kefu stand on: the two lower storeys of the house, which know no domain.
//!
//! | module | what it is |
//! |---|---|
//! | [`settings`], [`error`], [`id`], [`credential`], [`clock`], [`text`], [`origin`], [`backoff`] | what everything stands on |
//! | [`access`], [`fact`] | roles and permissions; what has happened, as values |
//! | [`db`] | pool, migrations, checkpoints, ids |
//! | [`http`], [`limit`] | extractors, envelope, middleware; rate limits |
//! | [`push`], [`ws`] | events to connections; RFC 6455 |
//! | [`job`] | work that outlives the process |
//! | [`telemetry`] | numbers and logs |
//!
//! A crate of its own, so that the compiler needs less memory for each part and holds them to the import rule
//! (docs/architecture.md, "Three crates"). Only `kefu` uses it, whose root has these modules under the same names. What `kefu`
//! does not use is `pub(crate)`, so that the compiler finds what nobody uses within.

pub mod access;
pub mod backoff;
pub mod clock;
pub mod credential;
pub mod db;
pub mod error;
pub mod fact;
pub mod http;
pub mod id;
pub mod job;
pub mod limit;
pub mod origin;
pub mod push;
pub mod settings;
pub mod telemetry;
pub mod text;
pub mod ws;
