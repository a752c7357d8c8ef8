//! The writer's statements and those of replays, and the lists of columns that their texts are made of.

use std::sync::LazyLock;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::{NewRow, RepeatKey, sender_for};
use crate::clock::{Millis, to_timestamp};
use crate::conversation::{Read, Span};
use crate::db::bulk::{
    Columns, Insert, Joined, Select, Source, SqlTypes, Statement, Texts, UpdateWhere, Written, columns, name,
};
use crate::db::schema::kefu_message as t;
use crate::db::timestamp::Instant;
use crate::fact::MessageView;
use crate::id::{ConversationId, TenantId, UserType};

impl Source for NewRow<'static> {
    type Of<'a> = &'a NewRow<'a>;
}

impl Source for RepeatKey<'static> {
    type Of<'a> = &'a RepeatKey<'a>;
}

/// A toast, with its tenant.
pub(super) enum Toast {}

impl Source for Toast {
    type Of<'a> = &'a (TenantId, MessageView);
}

impl Source for Span {
    type Of<'a> = Self;
}

/// A side, and up to where it has read.
pub(super) enum ReadUpTo {}

impl Source for ReadUpTo {
    type Of<'a> = super::Above;
}

/// Where a time is looked for.
#[derive(Clone, Copy)]
pub(super) struct Search {
    pub conversation: ConversationId,
    pub last_seq: i64,
    pub time: Millis,
}

impl Source for Search {
    type Of<'a> = Self;
}

/// What a side has read, and when.
#[derive(Clone, Copy)]
pub(super) struct ReadAt {
    pub read: Read,
    pub now: NaiveDateTime,
}

impl Source for ReadAt {
    type Of<'a> = Self;
}

columns! {
    const NEW: kefu_message, row in NewRow<'static> {
        id = row.id.get(),
        conversation_id = row.conversation.get(),
        seq = row.seq,
        sender_id = row.message.sender.id.get(),
        sender_type = row.message.sender.user_type.code(),
        receiver_id = row.receiver().map(|member| member.get()),
        receiver_type = row.receiver().map(|_| UserType::Member.code()),
        content_type = row.message.content.code(),
        content = row.message.content.text(),
        client_message_id = row.message.client_message_id.as_deref(),
        create_time = to_timestamp(row.create_time),
        tenant_id = row.message.tenant.get(),
    }

    const ROUND: kefu_message, row in NewRow<'static> {
        task_id = row.task.map(|task| task.get()),
    }

    const TOAST: kefu_message, (tenant, toast) in Toast {
        id = toast.id.get(),
        conversation_id = toast.conversation_id.get(),
        seq = toast.seq,
        sender_id = toast.sender_id.get(),
        sender_type = toast.sender_type,
        receiver_id = toast.receiver_id.map(|member| member.get()),
        receiver_type = toast.receiver_type,
        content_type = toast.content_type,
        content = toast.content.as_str(),
        create_time = to_timestamp(toast.create_time),
        tenant_id = tenant.get(),
        task_id = toast.task_id.map(|task| task.get()),
    }

    const BY_KEY: kefu_message, key in RepeatKey<'static> {
        conversation_id = key.conversation,
        sender_type = key.sender_type,
        sender_id = key.sender,
        client_message_id = key.client_message_id.as_ref(),
    }

    const BY_SPAN: kefu_message, span in Span {
        conversation_id = span.conversation.get(),
        seq >= span.from,
        seq <= span.to,
        create_time >= to_timestamp(span.since),
    }

    const BY_SIDE: kefu_message, ((conversation, reader), seq) in ReadUpTo {
        conversation_id = conversation.get(),
        seq > *seq,
        sender_type = sender_for(*reader).code(),
    }

    const BY_READ: kefu_message, row in ReadAt {
        conversation_id = row.read.conversation.get(),
        seq > row.read.after_seq,
        seq <= row.read.up_to_seq,
        sender_type = sender_for(row.read.reader).code(),
    }

    const READ_AT: kefu_message, row in ReadAt {
        update_time = row.now,
    }

    const SEARCH: kefu_message, search in Search {
        conversation_id = search.conversation.get(),
        seq = search.last_seq,
        create_time = to_timestamp(search.time),
    }
}

/// A message that was stored before.
#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_message)]
pub(super) struct RepeatRow {
    pub id: i64,
    pub conversation_id: i64,
    pub sender_type: i32,
    pub sender_id: i64,
    // Looked for by its value, so it has one.
    pub client_message_id: Option<String>,
    pub seq: i64,
    pub read_status: bool,
    pub content_type: i32,
    pub content: String,
}

/// What lists and replays show of a message.
#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_message)]
pub(super) struct ShownRow {
    pub id: i64,
    pub conversation_id: i64,
    pub seq: i64,
    pub sender_id: i64,
    pub sender_type: i32,
    pub receiver_id: Option<i64>,
    pub receiver_type: Option<i32>,
    pub content_type: i32,
    pub content: String,
    pub read_status: bool,
    pub client_message_id: Option<String>,
    pub create_time: Instant,
    pub task_id: Option<i64>,
}

/// One side's messages in a conversation.
#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_message)]
pub(super) struct SideRow {
    pub conversation_id: i64,
    pub sender_type: i32,
}

/// What of the member and of the admin who sent a message.
type Sender = (Nullable<Text>, Nullable<Text>);

/// What a replay selects: a message with avatars and nicknames.
type Shown = (SqlTypes<ShownRow>, Sender, Sender);

const SENDERS: Joined = Joined {
    columns: "u.avatar, a.avatar, u.nickname, a.nickname",
    tables: "LEFT JOIN kefu_member AS u ON m.sender_type = 1 AND u.tenant_id = m.tenant_id AND u.user_id = m.sender_id \
         LEFT JOIN kefu_admin AS a ON m.sender_type = 2 AND a.id = m.sender_id",
};

const UNREAD: &str = "read_status = FALSE";

pub(super) static FIND_REPEATS: LazyLock<Statement<RepeatKey<'static>, SqlTypes<RepeatRow>>> =
    LazyLock::new(|| Select { alias: "m", by: BY_KEY, index: "kefu_message_client", only: "" }.rows::<RepeatRow>());

pub(super) static BETWEEN: LazyLock<Statement<Span, Shown>> = LazyLock::new(|| {
    Select { alias: "m", by: BY_SPAN, index: "kefu_message_seq", only: "" }.joined_rows::<ShownRow, Shown>(&SENDERS)
});

/// Bisection, a step a row: `low` is where the looked-for `seq` may be at the least, `high` at the most.
pub(super) static FIRST_SEQ_AT: LazyLock<Statement<Search, BigInt>> = LazyLock::new(|| {
    let written = Written {
        columns: SEARCH,
        head: "WITH RECURSIVE search (conversation, low, high, sought) AS (\
             SELECT {conversation_id}, CAST(1 AS BIGINT), {seq} + 1, {create_time} FROM",
        tail: "UNION ALL SELECT conversation, \
             CASE WHEN m.create_time < sought THEN (low + high) / 2 + 1 ELSE low END, \
             CASE WHEN m.create_time < sought THEN high ELSE (low + high) / 2 END, sought \
             FROM search LEFT JOIN kefu_message AS m ON m.conversation_id = conversation AND m.seq = (low + high) / 2 \
             WHERE low < high) SELECT low FROM search WHERE low >= high",
        mysql_head: "WITH RECURSIVE search (conversation, low, high, sought) AS (",
        mysql_row: "SELECT CAST({conversation_id} AS SIGNED), CAST(1 AS SIGNED), CAST({seq} AS SIGNED) + 1, \
             CAST({create_time} AS DATETIME(3))",
        mysql_tail: "UNION ALL SELECT conversation, \
             CASE WHEN m.create_time < sought THEN (low + high) DIV 2 + 1 ELSE low END, \
             CASE WHEN m.create_time < sought THEN high ELSE (low + high) DIV 2 END, sought \
             FROM search LEFT JOIN kefu_message AS m FORCE INDEX (kefu_message_seq) \
             ON m.conversation_id = conversation AND m.seq = (low + high) DIV 2 \
             WHERE low < high) SELECT low FROM search WHERE low >= high",
    };
    written.statement()
});

pub(super) static INSERT: LazyLock<Statement<NewRow<'static>>> = LazyLock::new(|| insert(&[NEW]));

/// The same with the round of service. One of its own, so that the other is that of tenants without rounds.
pub(super) static INSERT_WITHIN_ROUNDS: LazyLock<Statement<NewRow<'static>>> = LazyLock::new(|| insert(&[NEW, ROUND]));

/// Read from the beginning, so that they count for nobody.
pub(super) static INSERT_TOASTS: LazyLock<Statement<Toast>> = LazyLock::new(|| {
    let insert =
        Insert { columns: &[TOAST], copies: &COPIES, constants: &[(name(t::read_status), "TRUE")], existing: None };
    insert.statement()
});

/// What a new message's row repeats.
const COPIES: [(&str, &str); 3] = [
    (name(t::creator), name(t::sender_id)),
    (name(t::updater), name(t::sender_id)),
    (name(t::update_time), name(t::create_time)),
];

fn insert(columns: &[Columns<NewRow<'static>>]) -> Statement<NewRow<'static>> {
    let insert = Insert { columns, copies: &COPIES, constants: &[], existing: None };
    insert.statement()
}

/// How many of a sender's messages above a `seq` are unread; none makes no row.
pub(super) static COUNT_UNREAD: LazyLock<Statement<ReadUpTo, (SqlTypes<SideRow>, BigInt)>> =
    LazyLock::new(|| Select { alias: "m", by: BY_SIDE, index: "kefu_message_seq", only: UNREAD }.counts::<SideRow>());

pub(super) static MARK_READ: LazyLock<Statement<ReadAt>> = LazyLock::new(|| {
    let update = UpdateWhere {
        alias: "m",
        by: BY_READ,
        index: "kefu_message_seq",
        only: UNREAD,
        constants: &[(name(t::read_status), "TRUE")],
        shared: READ_AT,
    };
    update.statement()
});

/// Every statement by its name, for tests and for the benchmark.
pub(crate) fn texts() -> Vec<(&'static str, &'static Texts)> {
    vec![
        ("message.find_repeats", FIND_REPEATS.texts()),
        ("message.between", BETWEEN.texts()),
        ("message.first_seq_at", FIRST_SEQ_AT.texts()),
        ("message.insert", INSERT.texts()),
        ("message.insert_within_rounds", INSERT_WITHIN_ROUNDS.texts()),
        ("message.insert_toasts", INSERT_TOASTS.texts()),
        ("message.count_unread", COUNT_UNREAD.texts()),
        ("message.mark_read", MARK_READ.texts()),
    ]
}
