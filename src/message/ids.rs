//! The ids that new conversations and messages get.

use crate::db::AnyConnection;
use crate::db::id_block::{IdKind, IdStock};
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId};

/// The ids that batches take from.
#[derive(Debug)]
pub(crate) struct Ids {
    conversations: IdStock,
    messages: IdStock,
}

impl Ids {
    /// Empty stocks; the blocks bound how many ids a restart leaves unused.
    pub(crate) const fn new() -> Self {
        Self { conversations: IdStock::new(IdKind::Conversation, 128), messages: IdStock::new(IdKind::Message, 4096) }
    }

    /// Forgets what was taken in a transaction that failed: the table has it again.
    pub(crate) const fn discard(&mut self) {
        *self = Self::new();
    }

    /// Makes sure that `count` conversations get an id.
    pub(super) fn refill_conversations(&mut self, connection: &mut AnyConnection, count: usize) -> Result<()> {
        self.conversations.refill(connection, i64::try_from(count).map_err(Error::internal)?)
    }

    /// The next conversation's id.
    pub(super) fn conversation(&mut self) -> Result<ConversationId> {
        self.conversations.take().map(ConversationId::new).ok_or_else(|| Error::internal("no conversation id in stock"))
    }

    /// Makes sure that `count` messages get an id.
    pub(super) fn refill_messages(&mut self, connection: &mut AnyConnection, count: usize) -> Result<()> {
        self.messages.refill(connection, i64::try_from(count).map_err(Error::internal)?)
    }

    /// The next message's id.
    pub(super) fn message(&mut self) -> Result<MessageId> {
        self.messages.take().map(MessageId::new).ok_or_else(|| Error::internal("no message id in stock"))
    }
}
