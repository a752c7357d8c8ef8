//! Messages as lists and replays show them. Each row comes with its sender's name and avatar, by two joins along unique keys.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::statements::{self, Search, ShownRow};
use crate::clock::{Millis, from_timestamp, to_timestamp, whole_seconds};
use crate::conversation::Span;
use crate::db::schema::{kefu_admin, kefu_member, kefu_message as t};
use crate::db::timestamp::Instant;
use crate::db::{AnyConnection, each_backend};
use crate::error::Result;
use crate::fact::{MessageView, Style};
use crate::id::{ConversationId, MessageId, TaskId, TenantId, UserId, UserType};

/// Rows that a page of the stock clients reads beyond its limit at first: more than most seconds hold.
const SPARE: i64 = 8;
/// Rows of one further read towards the end of a busy second.
const CHUNK: i64 = 128;

/// What the member or the admin who sent a message is called and looks like: one of them at most is there.
type Sender = (Option<String>, Option<String>);

/// A row with avatars and nicknames.
type Found = (ShownRow, Sender, Sender);

fn view((row, (member_avatar, admin_avatar), (member_name, admin_name)): Found) -> MessageView {
    let style = Style::of(row.content_type, row.sender_type, UserId::new(row.sender_id));
    MessageView {
        id: MessageId::new(row.id),
        conversation_id: ConversationId::new(row.conversation_id),
        sender_id: UserId::new(row.sender_id),
        sender_avatar: member_avatar.or(admin_avatar).filter(|avatar| !avatar.is_empty()),
        sender_type: row.sender_type,
        receiver_id: row.receiver_id.map(UserId::new),
        receiver_type: row.receiver_type,
        content_type: row.content_type,
        content: row.content,
        read_status: row.read_status,
        create_time: row.create_time.0,
        seq: row.seq,
        client_message_id: row.client_message_id,
        sender_nickname: member_name.or(admin_name).unwrap_or_default(),
        task_id: row.task_id.map(TaskId::new),
        style,
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn messages() -> _ {
    let (member, admin): (i32, i32) = (UserType::Member.code(), UserType::Admin.code());
    t::table
        .left_join(
            kefu_member::table.on(t::sender_type
                .eq(member)
                .and(kefu_member::tenant_id.eq(t::tenant_id))
                .and(kefu_member::user_id.eq(t::sender_id))),
        )
        .left_join(kefu_admin::table.on(t::sender_type.eq(admin).and(kefu_admin::id.eq(t::sender_id))))
}

/// What [`messages`] selects.
macro_rules! shown {
    () => {
        (
            ShownRow::as_select(),
            (kefu_member::avatar.nullable(), kefu_admin::avatar.nullable()),
            (kefu_member::nickname.nullable(), kefu_admin::nickname.nullable()),
        )
    };
}

/// Which part of a conversation a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// The newest messages below this `seq`, at most one above the last, newest first.
    Before(i64),
    /// The oldest messages above this `seq`, oldest first.
    After(i64),
}

/// One page along the index `kefu_message_seq`: at most `limit` rows are read, however long the conversation.
///
/// Both ends of the page are in the statement, since `seq` has no gaps: with one of them MariaDB reads the conversation
/// from its other end and passes over what lies between.
pub(crate) fn page(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    page: Page,
    limit: i64,
) -> Result<Vec<MessageView>> {
    let (first, last) = match page {
        Page::Before(seq) => (seq.saturating_sub(limit), seq.saturating_sub(1)),
        Page::After(seq) => (seq.saturating_add(1), seq.saturating_add(limit)),
    };
    let query = messages()
        .filter(t::conversation_id.eq(conversation.get()))
        .filter(t::seq.between(first, last))
        .select(shown!());
    let rows: Vec<Found> = match page {
        Page::Before(_) => query.order(t::seq.desc()).limit(limit).load(connection)?,
        Page::After(_) => query.order(t::seq.asc()).limit(limit).load(connection)?,
    };
    Ok(rows.into_iter().map(view).collect())
}

/// The messages of these spans, which must not be none, by conversation and `seq`: one read along the index
/// `kefu_message_seq` each, in one statement.
pub(crate) fn between(connection: &mut AnyConnection, spans: &[Span]) -> Result<Vec<MessageView>> {
    let query = statements::BETWEEN.with_rows(spans.iter().copied());
    let mut found: Vec<Found> = each_backend!(connection, connection => query.load(connection))?;
    found.sort_unstable_by_key(|(row, ..)| (row.conversation_id, row.seq));
    Ok(found.into_iter().map(view).collect())
}

/// One page of the stock clients, newest first: messages before `cursor` (all without one), then on to the end of the
/// last one's second (docs/contract.md#the-history-cursor). Costs one statement, with a cursor two, and a further one for every
/// [`CHUNK`] rows of a busy second. At most `limit` + 999 rows are answered, since no two messages of a conversation share
/// a millisecond.
pub(crate) fn page_before_time(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    last_seq: i64,
    cursor: Option<Millis>,
    limit: i64,
) -> Result<Vec<MessageView>> {
    let end = match cursor {
        Some(cursor) => first_seq_at(connection, conversation, last_seq, cursor)?,
        None => last_seq + 1,
    };
    let full = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut wanted = limit.saturating_add(SPARE);
    let mut found = page(connection, conversation, Page::Before(end), wanted)?;
    let mut complete = i64::try_from(found.len()).unwrap_or(i64::MAX) < wanted;
    let Some(second) = full.checked_sub(1).and_then(|last| found.get(last)).map(|last| whole_seconds(last.create_time))
    else {
        return Ok(found);
    };
    loop {
        if let Some(older) = found.iter().skip(full).position(|message| message.create_time < second) {
            found.truncate(full + older);
            return Ok(found);
        }
        let Some(oldest) = found.last().filter(|_| !complete).map(|message| message.seq) else { return Ok(found) };
        wanted = CHUNK;
        let more = page(connection, conversation, Page::Before(oldest), wanted)?;
        complete = i64::try_from(more.len()).unwrap_or(i64::MAX) < wanted;
        found.extend(more);
    }
}

/// The lowest `seq` up to `last_seq` whose message is not older than `time`, or `last_seq` + 1. Time strictly increases with
/// `seq` and `seq` has no gaps, so bisection needs a point read along the unique index per doubling of the length, all of
/// them in one statement: no second index has to be kept up on every send.
fn first_seq_at(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    last_seq: i64,
    time: Millis,
) -> Result<i64> {
    let query = statements::FIRST_SEQ_AT.with_rows([Search { conversation, last_seq, time }]);
    Ok(each_backend!(connection, connection => query.get_result(connection))?)
}

/// The time of the message with the highest id, which is the newest or was imported: one read at the end of the primary key.
pub(crate) fn newest_time(connection: &mut AnyConnection) -> Result<Option<Millis>> {
    let query = t::table.order(t::id.desc()).select(t::create_time);
    let time: Option<NaiveDateTime> = query.first(connection).optional()?;
    Ok(time.map(from_timestamp))
}

/// A message of a period, and who it is from and to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    /// The conversation.
    pub conversation: ConversationId,
    /// The admin who has answered and the member who got the answer; `None` for any other message.
    pub answer: Option<(UserId, UserId)>,
    /// When.
    pub time: Millis,
}

/// The newest messages of a tenant from `from` on and before `to`: at most `limit` entries of the index `kefu_message_time`.
pub(crate) fn exchanges(
    connection: &mut AnyConnection,
    tenant: TenantId,
    (from, to): (Millis, Millis),
    limit: i64,
) -> Result<Vec<Exchange>> {
    let rows: Vec<(i64, i32, i64, Option<i64>, Instant)> = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::create_time.ge(to_timestamp(from)))
        .filter(t::create_time.lt(to_timestamp(to)))
        .order(t::create_time.desc())
        .limit(limit)
        .select((t::conversation_id, t::sender_type, t::sender_id, t::receiver_id, t::create_time))
        .load(connection)?;
    let exchange = |(conversation, side, sender, receiver, time): (i64, i32, i64, Option<i64>, Instant)| {
        let sender = UserId::new(sender);
        let is_answer = side == UserType::Admin.code() && sender != Style::SERVICE;
        Exchange {
            conversation: ConversationId::new(conversation),
            answer: receiver.filter(|_| is_answer).map(|member| (sender, UserId::new(member))),
            time: time.0,
        }
    };
    Ok(rows.into_iter().map(exchange).collect())
}

/// Messages of all the tenant's conversations from `(time, id)` on, exclusive, in that order: one read along the index
/// `kefu_message_time` of at most `limit` rows.
pub(crate) fn since(
    connection: &mut AnyConnection,
    tenant: TenantId,
    (time, id): (Millis, i64),
    limit: i64,
) -> Result<Vec<MessageView>> {
    let time = to_timestamp(time);
    let rows: Vec<Found> = messages()
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::create_time.ge(time))
        .filter(t::create_time.gt(time).or(t::id.gt(id)))
        .order((t::create_time.asc(), t::id.asc()))
        .limit(limit)
        .select(shown!())
        .load(connection)?;
    Ok(rows.into_iter().map(view).collect())
}
