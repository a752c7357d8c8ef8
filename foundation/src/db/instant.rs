//! Instants that the database remembers for all nodes, such as the time of its last restore. Each is a row of
//! `kefu_id_block` that holds milliseconds since the Unix epoch instead of an id.

use super::{AnyConnection, id_block, named_number};
use crate::clock::Millis;
use crate::error::Result;

/// What happened at the instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredInstant {
    /// The database was restored from a backup. It does not change while a service runs on it.
    Restored,
    /// The newest time that a message may have from before a correction of the system's time: up to it, times of messages
    /// do not order them.
    ClockCorrected,
    /// What has expired was deleted last, by a clock that could be trusted.
    Cleaned,
}

/// The names of all rows that hold an instant.
#[cfg(test)]
pub(super) const NAMES: [&str; 3] =
    [StoredInstant::Restored.name(), StoredInstant::ClockCorrected.name(), StoredInstant::Cleaned.name()];

impl StoredInstant {
    const fn name(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::ClockCorrected => "clock_corrected",
            Self::Cleaned => "cleaned",
        }
    }

    /// When it happened last, `None` when never.
    pub fn get(self, connection: &mut AnyConnection) -> Result<Option<Millis>> {
        named_number::get(connection, self.name())
    }

    /// Notes, inside a write transaction, a time unless a later one is noted.
    pub fn raise(self, connection: &mut AnyConnection, to: Millis) -> Result<()> {
        match self.get(connection)? {
            Some(known) if known >= to => Ok(()),
            _ => self.set(connection, to),
        }
    }

    /// Notes, inside a write transaction, that it has happened at `now`.
    pub fn set(self, connection: &mut AnyConnection, now: Millis) -> Result<()> {
        named_number::set(connection, self.name(), now)
    }
}

/// Tells a database, inside a write transaction, that an older state of it was restored at `now`: ids go on above all that
/// were given before, and clients learn the time with each resync.
pub fn mark_restored(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    let was_ahead = StoredInstant::Restored.get(connection)?.is_some_and(|earlier| earlier > now);
    id_block::lift(connection, now, was_ahead)?;
    StoredInstant::Restored.set(connection, now)
}
