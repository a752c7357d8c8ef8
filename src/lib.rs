//! A self-hosted customer-service chat backend: members and admins write over HTTP and receive over WebSocket.
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`], [`app`], [`routes`] | the commands; start and stop; the route table, which is the OpenAPI document |
//! | [`message`] | messages: written in groups, pushed after their commit, read along `seq` |
//! | [`writer`], [`fact`] | the group commit; what has happened, who hears of it and how |
//! | [`conversation`] | conversations: one per member and tenant |
//! | [`account`], [`auth`] | admins and members; tokens, logins, revocations |
//! | `agent` | agents and their groups |
//! | `api_key` | keys of other programs |
//! | `audit` | who changed what |
//! | [`tenant`], [`channel`] | tenants and their settings; the ways by which visitors come in |
//! | `task` | rounds of service |
//! | [`visitor`] | members who came in through a channel, and how they become members whom the site knows |
//! | [`mod@file`] | uploads |
//! | [`socket`] | the WebSocket's handshake and client frames |
//! | [`import`] | conversations of a yudao shop, taken over |
//! | [`health`] | health and metrics |
//! | [`web`] | the agents' console |
//! | [`shop`] | empty answers to what stock clients ask of a shop |
//!
//! What all of it stands on is a crate of its own, [`kefu_foundation`]: the database, HTTP, the push, jobs, limits, settings, errors, ids.
//! Its modules have their names here, too, so that `crate::db` is `db` in both.
//!
//! Imports go one way: `cli` → `app` → `routes` → the `api` modules and `socket` → the commands of `message` and
//! `conversation` → `writer` → `conversation` → `auth` → `account` → `channel` → `tenant` → the foundation; `writer` → `fact` → `push`.
//! `auth` asks `account`, which does not know `auth`. `push` carries bytes and knows no domain.
//! Only `db` and the `store` modules query with Diesel. docs/architecture.md says more: one
//! message's way, the invariants and where each is kept, and the exceptions.

mod account;
mod agent;
mod api_key;
mod app;
mod audit;
mod auth;
mod channel;
pub mod cli;
mod conversation;
mod fact;
mod file;
mod health;
mod import;
mod message;
mod routes;
mod shop;
mod socket;
mod task;
mod tenant;
mod visitor;
mod web;
mod writer;

// Under their own names, so that a path is the same on either side of the border.
use kefu_foundation::{access, backoff, credential, db, http, job, limit, origin, push, telemetry, text, ws};
pub use kefu_foundation::{clock, error, id, settings};

/// A database for unit tests, as the foundation's own have it.
#[cfg(test)]
#[path = "../foundation/src/db/testing.rs"]
mod test_db;

/// What the integration tests, the benchmark and the fuzz targets drive from inside. Beside it only what `main` needs is public,
/// so that the compiler finds what nobody uses.
pub mod testing {
    pub use crate::app::App;

    /// Roles and permissions.
    pub mod access {
        pub use crate::access::{Permission, Role};
    }

    /// Accounts.
    pub mod account {
        pub use crate::account::{NewAdmin, add_admin, ensure_member, find_admin, list_admins};
    }

    /// Logins and tokens.
    pub mod auth {
        pub use crate::auth::{Auth, TokenUse, Tokens, admin};
    }

    /// The database.
    pub mod db {
        pub use crate::db::{AnyConnection, Backend, Db, id_block, mark_restored, migrate, schema};
    }

    /// The statements over lists of rows.
    pub mod statements {
        pub use crate::db::bulk::Texts;

        /// The texts of every one, by its name.
        pub fn texts() -> Vec<(&'static str, &'static Texts)> {
            [crate::conversation::texts(), crate::message::texts(), crate::account::texts(), crate::task::texts()]
                .concat()
        }
    }

    /// The rules of what is sent.
    pub mod content {
        pub use crate::message::content::{Content, ContentType, MAX_BYTES, check};
    }

    /// The frames that clients send.
    pub mod client_frame {
        pub use crate::socket::client_frame::{ClientFrame, Resync, parse};
    }

    /// The OpenAPI and AsyncAPI documents, and what their fields are called in Chinese.
    pub mod routes {
        pub use crate::http::field;
        pub use crate::routes::{asyncapi, asyncapi_text, document, document_text};
    }
}
