//! Push: events to the WebSocket connections of their recipients.
//!
//! Protocol: the thread that commits a change publishes its [`Event`]s afterwards, those of one conversation always one
//! thread at a time and in `seq` order. [`Hub::publish`] puts each event's shared bytes into the bounded outbox of every
//! connection of its recipients, hands the events to the [`Relay`] for the other nodes, and returns; each connection's own
//! thread sends what waits for it.
//!
//! Invariants, and what would break them:
//! - A frame leaves only after its commit (invariant 2): nothing here is called before.
//! - Frames of one conversation leave every socket in the order of their publication: an outbox is first in, first out.
//!   With several nodes, a publisher first publishes the events it has read from the database but not yet delivered.
//!   Duplicates are dropped (`delivered.rs`).
//! - A socket counts against the limits, of its user, of its address and of the node, until its connection has ended; one that
//!   is closing holds next to nothing and ends within seconds ([`crate::ws::upgrade`]).
//! - One slow socket delays no other (invariant 8): pushing never waits, a full outbox closes its socket.
//! - A connection is registered before its replay reads the database, and what is published meanwhile is held back: the other
//!   way round, a message between the two would be lost.
//! - A replay can read a commit before its frame is published; that frame is then dropped.
//! - No lock is held across an await; the registry's lock is held for a fan-out, that of what was delivered for one
//!   event's, an outbox's for one push.
//!
//! Push carries opaque bytes and knows no domain.

mod audience;
mod connection;
mod delivered;
mod hub;
mod outbox;
mod places;
mod registration;
pub mod relay;
mod turn;
mod viewing;

use bytes::Bytes;

pub use audience::Audience;
pub(crate) use audience::User;
pub use connection::{Connection, Incoming, Opening, Ticket, read};
pub use delivered::Undelivered;
pub use hub::Hub;
pub use outbox::{Outbox, OutboxBody, Replayed};
pub(crate) use registration::Registration;
pub(crate) use relay::Relay;

use crate::id::TenantId;

/// Something that happened, for the connections of its recipients.
#[derive(Clone, Debug)]
pub struct Event {
    /// The tenant whose users receive it.
    pub tenant: TenantId,
    /// Whose connections receive it.
    pub audience: Audience,
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
