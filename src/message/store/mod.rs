//! SQL of `kefu_message`.

mod history;
mod statements;

use std::borrow::Cow;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text};

pub(crate) use history::{Page, between, newest_time, page, page_before_time, since};

use super::NewMessage;
use crate::clock::{Millis, to_timestamp};
use crate::conversation::Read;
use crate::db::bulk::{BulkStatement, Value, execute};
use crate::db::{AnyConnection, each_backend};
use crate::id::{ConversationId, MessageId, UserId, UserType};

/// What the writer does to messages, the same statements for any number of them.
pub(crate) trait WriteMessages {
    /// The messages that were stored under these keys before.
    fn find_repeats(&mut self, keys: &[RepeatKey<'_>]) -> QueryResult<Vec<(RepeatKey<'static>, Repeat)>>;
    /// Inserts messages.
    fn insert(&mut self, rows: &[NewRow<'_>]) -> QueryResult<()>;
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
}

impl WriteMessages for AnyConnection {
    fn find_repeats(&mut self, keys: &[RepeatKey<'_>]) -> QueryResult<Vec<(RepeatKey<'static>, Repeat)>> {
        let rows = keys.iter().map(|key| {
            [key.conversation.into(), key.sender_type.into(), key.sender.into(), key.client_message_id.as_ref().into()]
        });
        type Found = (BigInt, BigInt, Integer, BigInt, Text, BigInt, Bool, Integer, Text);
        type FoundRow = (i64, i64, i32, i64, String, i64, bool, i32, String);
        let query = BulkStatement::<4, Found>::new(&statements::FIND_REPEATS, rows);
        let found: Vec<FoundRow> = each_backend!(self, connection => query.load(connection))?;
        let repeat = |row: FoundRow| {
            let (id, conversation, sender_type, sender, client_message_id, seq, read_status, content_type, content) =
                row;
            let key = RepeatKey { conversation, sender_type, sender, client_message_id: client_message_id.into() };
            (key, Repeat { id: MessageId::new(id), content_type, content, seq, read_status })
        };
        Ok(found.into_iter().map(repeat).collect())
    }

    fn insert(&mut self, rows: &[NewRow<'_>]) -> QueryResult<()> {
        let rows = rows.iter().map(|row| -> [Value<'_>; 12] {
            let message = row.message;
            let to_member = message.sender.user_type == UserType::Admin;
            [
                row.id.get().into(),
                row.conversation.get().into(),
                row.seq.into(),
                message.sender.id.get().into(),
                message.sender.user_type.code().into(),
                to_member.then_some(row.member.get()).into(),
                to_member.then_some(UserType::Member.code()).into(),
                message.content.code().into(),
                message.content.text().into(),
                message.client_message_id.as_deref().into(),
                to_timestamp(row.create_time).into(),
                message.tenant.get().into(),
            ]
        });
        execute(self, BulkStatement::new(&statements::INSERT, rows))
    }

    fn count_unread(&mut self, above: &[Above]) -> QueryResult<Vec<(Side, i64)>> {
        let rows = above.iter().map(|((conversation, reader), seq)| {
            [conversation.get().into(), (*seq).into(), sender_for(*reader).code().into()]
        });
        let query = BulkStatement::<3, (BigInt, Integer, BigInt)>::new(&statements::COUNT_UNREAD, rows);
        let counts: Vec<(i64, i32, i64)> = each_backend!(self, connection => query.load(connection))?;
        let side = |(conversation, sender, count)| {
            let reader = sender_for(UserType::from_code(sender)?);
            Some(((ConversationId::new(conversation), reader), count))
        };
        Ok(counts.into_iter().filter_map(side).collect())
    }

    fn mark_read(&mut self, reads: &[Read], now: NaiveDateTime) -> QueryResult<()> {
        let rows = reads.iter().map(|read| -> [Value<'_>; 5] {
            [
                read.conversation.get().into(),
                read.after_seq.into(),
                read.up_to_seq.into(),
                sender_for(read.reader).code().into(),
                now.into(),
            ]
        });
        execute(self, BulkStatement::new(&statements::MARK_READ, rows))
    }
}
