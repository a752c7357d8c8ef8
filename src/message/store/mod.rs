//! SQL of `kefu_message`.

mod statements;

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamp};

use super::{MessageView, NewMessage};
use crate::account;
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::conversation::{Read, Span};
use crate::db::bulk::{BulkStatement, Value, execute};
use crate::db::schema::kefu_message as t;
use crate::db::{AnyConnection, each_backend};
use crate::error::Result;
use crate::id::{ConversationId, MessageId, TenantId, UserId, UserType};

/// What the writer does to messages, the same statements for any number of them.
pub(crate) trait WriteMessages {
    /// The messages that were stored under these keys before.
    fn find_repeats(&mut self, keys: &[RepeatKey<'_>]) -> QueryResult<Vec<(RepeatKey<'static>, Repeat)>>;
    /// Inserts messages.
    fn insert(&mut self, rows: &[NewRow<'_>]) -> QueryResult<()>;
    /// Marks the other side's unread messages of these ranges as read. Costs one step per message of the ranges.
    fn mark_read(&mut self, reads: &[Read], now: NaiveDateTime) -> QueryResult<()>;
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
                message.content_type.into(),
                message.content.as_str().into(),
                message.client_message_id.as_deref().into(),
                to_timestamp(row.create_time).into(),
                message.tenant.get().into(),
            ]
        });
        execute(self, BulkStatement::new(&statements::INSERT, rows))
    }

    fn mark_read(&mut self, reads: &[Read], now: NaiveDateTime) -> QueryResult<()> {
        let rows = reads.iter().map(|read| -> [Value<'_>; 5] {
            let sender = match read.reader {
                UserType::Admin => UserType::Member,
                UserType::Member => UserType::Admin,
            };
            [
                read.conversation.get().into(),
                read.after_seq.into(),
                read.up_to_seq.into(),
                sender.code().into(),
                now.into(),
            ]
        });
        execute(self, BulkStatement::new(&statements::MARK_READ, rows))
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_message)]
struct Row {
    id: i64,
    conversation_id: i64,
    seq: i64,
    sender_id: i64,
    sender_type: i32,
    receiver_id: Option<i64>,
    receiver_type: Option<i32>,
    content_type: i32,
    content: String,
    read_status: bool,
    client_message_id: Option<String>,
    create_time: NaiveDateTime,
}

/// Which part of a conversation a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// The newest messages below this `seq`, newest first.
    Before(i64),
    /// The oldest messages above this `seq`, oldest first.
    After(i64),
}

/// One page along the index `kefu_message_seq`: at most `limit` rows are read, however long the conversation.
pub(crate) fn page(
    connection: &mut AnyConnection,
    tenant: TenantId,
    conversation: ConversationId,
    page: Page,
    limit: i64,
) -> Result<Vec<MessageView>> {
    let query = t::table.filter(t::conversation_id.eq(conversation.get())).select(Row::as_select());
    let rows = match page {
        Page::Before(seq) => query.filter(t::seq.lt(seq)).order(t::seq.desc()).limit(limit).load(connection)?,
        Page::After(seq) => query.filter(t::seq.gt(seq)).order(t::seq.asc()).limit(limit).load(connection)?,
    };
    shown(connection, tenant, rows)
}

/// The messages of these spans, which must not be none, by conversation and `seq`: one read along the index
/// `kefu_message_seq` each, in one statement.
pub(crate) fn between(connection: &mut AnyConnection, tenant: TenantId, spans: &[Span]) -> Result<Vec<MessageView>> {
    type Found = (
        BigInt,
        BigInt,
        BigInt,
        BigInt,
        Integer,
        Nullable<BigInt>,
        Nullable<Integer>,
        Integer,
        Text,
        Bool,
        Nullable<Text>,
        Timestamp,
    );
    let rows = spans.iter().map(|span| -> [Value<'_>; 4] {
        // MariaDB knows no timestamp before this one.
        let since = to_timestamp(span.since.max(1000));
        [span.conversation.get().into(), span.from.into(), span.to.into(), since.into()]
    });
    let query = BulkStatement::<4, Found>::new(&statements::BETWEEN, rows);
    let mut found: Vec<Row> = each_backend!(connection, connection => query.load(connection))?;
    found.sort_unstable_by_key(|row| (row.conversation_id, row.seq));
    shown(connection, tenant, found)
}

/// One page of the stock clients, newest first: messages before `cursor` (all without one), then on to the end of the
/// last one's second (docs/contract.md#the-history-cursor). Costs a bisection and at most `limit` + 999 rows, since no two messages of a
/// conversation share a millisecond.
pub(crate) fn page_before_time(
    connection: &mut AnyConnection,
    tenant: TenantId,
    conversation: ConversationId,
    last_seq: i64,
    cursor: Option<Millis>,
    limit: i64,
) -> Result<Vec<MessageView>> {
    let end = match cursor {
        Some(cursor) => first_seq_at(connection, conversation, last_seq, cursor)?,
        None => last_seq + 1,
    };
    let first_of_page = (end - limit).max(1);
    let second = match time_of(connection, conversation, first_of_page)? {
        Some(time) => time - time.rem_euclid(1000),
        None => return Ok(Vec::new()),
    };
    let start = first_seq_at(connection, conversation, first_of_page, second)?;
    page(connection, tenant, conversation, Page::Before(end), end - start)
}

/// The lowest `seq` up to `last_seq` whose message is not older than `time`, or `last_seq` + 1. Time strictly increases with
/// `seq` and `seq` has no gaps, so bisection needs a point read along the unique index per doubling of the length: no
/// second index has to be kept up on every send.
fn first_seq_at(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    last_seq: i64,
    time: Millis,
) -> Result<i64> {
    let (mut low, mut high) = (1, last_seq + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if time_of(connection, conversation, middle)?.is_some_and(|found| found < time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn time_of(connection: &mut AnyConnection, conversation: ConversationId, seq: i64) -> Result<Option<Millis>> {
    let query = t::table.filter(t::conversation_id.eq(conversation.get())).filter(t::seq.eq(seq));
    let time: Option<NaiveDateTime> = query.select(t::create_time).first(connection).optional()?;
    Ok(time.map(from_timestamp))
}

/// The time of the message with the highest id, which is the newest or was imported: one read at the end of the primary key.
pub(crate) fn newest_time(connection: &mut AnyConnection) -> Result<Option<Millis>> {
    let query = t::table.order(t::id.desc()).select(t::create_time);
    let time: Option<NaiveDateTime> = query.first(connection).optional()?;
    Ok(time.map(from_timestamp))
}

/// Messages of all the tenant's conversations from `(time, id)` on, exclusive, in that order: one read along the index
/// `kefu_message_time` of at most `limit` rows.
pub(crate) fn since(
    connection: &mut AnyConnection,
    tenant: TenantId,
    (time, id): (Millis, i64),
    limit: i64,
) -> Result<Vec<MessageView>> {
    // MariaDB knows no timestamp before this one, and answers a comparison with it by nothing.
    let time = to_timestamp(time.max(1000));
    let rows = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::create_time.ge(time))
        .filter(t::create_time.gt(time).or(t::id.gt(id)))
        .order((t::create_time.asc(), t::id.asc()))
        .limit(limit)
        .select(Row::as_select())
        .load(connection)?;
    shown(connection, tenant, rows)
}

/// Adds the senders' avatars: two more queries, however many rows.
fn shown(connection: &mut AnyConnection, tenant: TenantId, rows: Vec<Row>) -> Result<Vec<MessageView>> {
    let senders = |user_type: UserType| -> Vec<i64> {
        let mut ids: Vec<i64> =
            rows.iter().filter(|row| row.sender_type == user_type.code()).map(|row| row.sender_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let members = account::profiles::members(connection, tenant, &senders(UserType::Member))?;
    let admins = account::profiles::admins(connection, tenant, &senders(UserType::Admin))?;
    let avatar = |row: &Row| {
        let profiles: &HashMap<_, _> = if row.sender_type == UserType::Admin.code() { &admins } else { &members };
        profiles.get(&row.sender_id).and_then(|profile| profile.avatar.clone())
    };
    Ok(rows
        .into_iter()
        .map(|row| MessageView {
            sender_avatar: avatar(&row),
            id: MessageId::new(row.id),
            conversation_id: ConversationId::new(row.conversation_id),
            sender_id: UserId::new(row.sender_id),
            sender_type: row.sender_type,
            receiver_id: row.receiver_id.map(UserId::new),
            receiver_type: row.receiver_type,
            content_type: row.content_type,
            content: row.content,
            read_status: row.read_status,
            create_time: from_timestamp(row.create_time),
            seq: row.seq,
            client_message_id: row.client_message_id,
        })
        .collect())
}
