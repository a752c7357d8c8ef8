//! SQL of `kefu_message`.

mod handover;
mod history;
mod statements;

use std::borrow::Cow;

use chrono::NaiveDateTime;
use diesel::prelude::*;

pub(crate) use handover::{Handover, hand_over};
pub(crate) use history::{Exchange, Page, between, exchanges, newest_time, page, page_before_time, since};
pub(crate) use statements::texts;

use super::{MessageView, NewMessage};
use crate::clock::Millis;
use crate::conversation::Read;
use crate::db::bulk::execute;
use crate::db::{AnyConnection, each_backend};
use crate::error::Result;
use crate::id::{ConversationId, MessageId, TaskId, TenantId, UserId, UserType};
use statements::{ReadAt, RepeatRow, SideRow};

/// What the writer does to messages, the same statements for any number of them.
pub(crate) trait WriteMessages {
    /// The messages that were stored under these keys before.
    fn find_repeats(&mut self, keys: &[RepeatKey<'_>]) -> QueryResult<Vec<(RepeatKey<'static>, Repeat)>>;
    /// Inserts messages.
    fn insert(&mut self, rows: &[NewRow<'_>]) -> QueryResult<()>;
    /// Inserts messages that belong to rounds of service.
    fn insert_within_rounds(&mut self, rows: &[NewRow<'_>]) -> QueryResult<()>;
    /// How many messages above a `seq` one side has not read, for each conversation and side; a pair that is missing has
    /// none. Costs one step per message above.
    fn count_unread(&mut self, above: &[Above]) -> QueryResult<Vec<(Side, i64)>>;
    /// Marks the other side's unread messages of these ranges as read. Costs one step per message of the ranges.
    fn mark_read(&mut self, reads: &[Read], now: NaiveDateTime) -> QueryResult<()>;
}

/// One side of a conversation, which has read or not read the other's messages.
pub(crate) type Side = (ConversationId, UserType);

/// The messages of a conversation above this `seq`, for one side.
pub(crate) type Above = (Side, i64);

/// The side whose messages a reader reads.
const fn sender_for(reader: UserType) -> UserType {
    match reader {
        UserType::Admin => UserType::Member,
        UserType::Member => UserType::Admin,
    }
}

/// What makes a repeat of a message known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RepeatKey<'a> {
    conversation: i64,
    sender_type: i32,
    sender: i64,
    client_message_id: Cow<'a, str>,
}

impl<'a> RepeatKey<'a> {
    /// The key of a message in a conversation; `None` when the sender does not care.
    pub(crate) fn of(conversation: ConversationId, message: &'a NewMessage) -> Option<Self> {
        Some(Self {
            conversation: conversation.get(),
            sender_type: message.sender.user_type.code(),
            sender: message.sender.id.get(),
            client_message_id: message.client_message_id.as_deref()?.into(),
        })
    }
}

/// A message that was stored before.
pub(crate) struct Repeat {
    pub id: MessageId,
    pub content_type: i32,
    pub content: String,
    pub seq: i64,
    pub read_status: bool,
}

/// A message with its place.
pub(crate) struct NewRow<'a> {
    pub id: MessageId,
    pub conversation: ConversationId,
    pub member: UserId,
    pub seq: i64,
    pub create_time: Millis,
    pub message: &'a NewMessage,
    /// The round of service that it belongs to.
    pub task: Option<TaskId>,
}

impl NewRow<'_> {
    /// A member's message is for all admins.
    fn receiver(&self) -> Option<UserId> {
        (self.message.sender.user_type == UserType::Admin).then_some(self.member)
    }
}

/// Inserts toasts, each with its tenant.
///
/// # Errors
/// As the connection's.
pub(crate) fn insert_toasts(connection: &mut AnyConnection, toasts: &[(TenantId, MessageView)]) -> Result<()> {
    Ok(execute(connection, statements::INSERT_TOASTS.with_rows(toasts))?)
}

impl WriteMessages for AnyConnection {
    fn find_repeats(&mut self, keys: &[RepeatKey<'_>]) -> QueryResult<Vec<(RepeatKey<'static>, Repeat)>> {
        let query = statements::FIND_REPEATS.with_rows(keys);
        let found: Vec<RepeatRow> = each_backend!(self, connection => query.load(connection))?;
        let repeat = |row: RepeatRow| {
            let key = RepeatKey {
                conversation: row.conversation_id,
                sender_type: row.sender_type,
                sender: row.sender_id,
                client_message_id: row.client_message_id?.into(),
            };
            let RepeatRow { content_type, content, seq, read_status, .. } = row;
            Some((key, Repeat { id: MessageId::new(row.id), content_type, content, seq, read_status }))
        };
        Ok(found.into_iter().filter_map(repeat).collect())
    }

    fn insert(&mut self, rows: &[NewRow<'_>]) -> QueryResult<()> {
        execute(self, statements::INSERT.with_rows(rows))
    }

    fn insert_within_rounds(&mut self, rows: &[NewRow<'_>]) -> QueryResult<()> {
        execute(self, statements::INSERT_WITHIN_ROUNDS.with_rows(rows))
    }

    fn count_unread(&mut self, above: &[Above]) -> QueryResult<Vec<(Side, i64)>> {
        let query = statements::COUNT_UNREAD.with_rows(above.iter().copied());
        let counts: Vec<(SideRow, i64)> = each_backend!(self, connection => query.load(connection))?;
        let side = |(row, count): (SideRow, i64)| {
            let reader = sender_for(UserType::from_code(row.sender_type)?);
            Some(((ConversationId::new(row.conversation_id), reader), count))
        };
        Ok(counts.into_iter().filter_map(side).collect())
    }

    fn mark_read(&mut self, reads: &[Read], now: NaiveDateTime) -> QueryResult<()> {
        execute(self, statements::MARK_READ.with_rows(reads.iter().map(|read| ReadAt { read: *read, now })))
    }
}
