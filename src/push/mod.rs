//! Push: events to the WebSocket sessions of their recipients.
//!
//! Protocol: whoever commits a change publishes its [`Event`]s afterwards, those of one conversation always from one
//! thread at a time and in `seq` order. [`Hub::publish`] puts each event's shared bytes into the bounded outbox of every
//! session of its recipients, hands the events to the [`Relay`] for the other nodes, and returns; each connection's own
//! thread sends what waits for it.
//!
//! Invariants, and what would break them:
//! - A frame leaves only after its commit (invariant 2): nothing here is called before.
//! - Frames of one conversation leave every socket in the order of their publication: an outbox is first in, first out.
//!   With other nodes, whoever publishes includes what its own sockets have not been given yet, and an event that comes
//!   again is passed over (`delivered.rs`).
//! - One slow socket delays no other (invariant 8): pushing never waits, a full outbox closes its socket.
//! - A session is registered before its replay reads the database, and what is published meanwhile is held back: the other
//!   way round, a message between the two would be lost.
//! - What a replay has sent is not sent again by a live frame that is published later than its commit could be read.
//! - No lock is held across an await; the registry's lock is held for a fan-out, that of what was delivered for one
//!   event's, an outbox's for one push.
//!
//! Push carries opaque bytes and knows no domain.

mod delivered;
pub mod frame;
mod hub;
mod outbox;
pub mod relay;
mod session;
mod turn;

use bytes::Bytes;

pub use delivered::Undelivered;
pub use hub::{Hub, RESYNC_REQUIRED};
pub use outbox::{Outbox, OutboxBody, Pushed, Replayed};
pub use relay::Relay;
pub use session::{Incoming, Session, Ticket, read};

use crate::id::{TenantId, UserId};

/// Something that happened, for the sessions of its recipients.
#[derive(Clone, Debug)]
pub struct Event {
    /// The tenant whose users receive it.
    pub tenant: TenantId,
    /// This member's sessions receive it.
    pub member: Option<UserId>,
    /// The sessions of all admins who may query messages receive it.
    pub admins: bool,
    /// The frame as it goes over the wire.
    pub frame: Bytes,
    /// Where it stands in its stream, when it can be replayed.
    pub position: Option<Position>,
}

/// A place in a stream that can be replayed: for messages, the conversation and the `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The stream.
    pub stream: i64,
    /// The place in it, gapless from 1.
    pub seq: i64,
}

/// Why the server closes a socket, with the code that the client sees (contract, "WebSocket"; docs/websocket.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client asked for it.
    Normal,
    /// The server shuts down.
    GoingAway,
    /// The client broke RFC 6455.
    Protocol,
    /// A text frame that is not UTF-8.
    NotUtf8,
    /// A message over the size limit.
    TooBig,
    /// A fault of ours: what the client asked for cannot be had now.
    Fault,
    /// The token has expired.
    Expired,
    /// The login was ended: logout, or a refresh token used twice.
    LoggedOut,
    /// The account was disabled or its password changed.
    ShutOut,
    /// The socket could not keep up; it has to resync.
    Slow,
    /// No byte came for the idle timeout.
    Idle,
    /// The user opened more sockets than are allowed; the oldest goes.
    TooMany,
}

impl CloseReason {
    /// The close code.
    pub const fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::TooBig => 1009,
            Self::Fault => 1011,
            Self::Expired => 4001,
            Self::LoggedOut => 4002,
            Self::ShutOut => 4003,
            Self::Slow => 4008,
            Self::Idle => 4009,
            Self::TooMany => 4010,
        }
    }

    /// The reason beside the code.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::GoingAway => "the server is going away",
            Self::Protocol => "protocol error",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::TooBig => "message too big",
            Self::Fault => "internal error: reconnect and resync",
            Self::Expired => "the token has expired",
            Self::LoggedOut => "logged out",
            Self::ShutOut => "the account was disabled or its password changed",
            Self::Slow => "too slow: reconnect and resync",
            Self::Idle => "idle for too long",
            Self::TooMany => "too many sockets of this user",
        }
    }
}
