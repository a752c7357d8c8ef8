//! The writer's statements, and the lists of columns that their texts are made of.

use std::sync::LazyLock;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::clock::{Millis, to_timestamp};
use crate::db::bulk::{Insert, Select, Source, SqlTypes, Statement, Texts, Update, columns, name};
use crate::db::schema::{kefu_conversation as c, kefu_task as t};
use crate::db::timestamp::Instant;
use crate::id::{ChannelId, ConversationId, GroupId, TaskId, TenantId, UserId};
use crate::task::{Ender, Kind, State, Task};

/// A round as its row holds it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_task)]
pub(super) struct TaskRow {
    pub id: i64,
    pub tenant_id: i64,
    pub conversation_id: i64,
    pub user_id: i64,
    pub channel_id: Option<i64>,
    pub kind: i32,
    pub wanted_agent_id: Option<i64>,
    pub state: i32,
    pub agent_id: Option<i64>,
    pub group_id: Option<i64>,
    pub first_seq: i64,
    pub last_seq: Option<i64>,
    pub queued_at: Instant,
    pub waiting_since: Option<Instant>,
    pub assigned_at: Option<Instant>,
    pub accepted_at: Option<Instant>,
    pub first_reply_at: Option<Instant>,
    pub ended_at: Option<Instant>,
    pub end_reason: Option<String>,
    pub ended_by: Option<i64>,
    pub transfer_reason: Option<String>,
    pub transfers: i32,
    pub reassigns: i32,
    pub version: i32,
    pub due_at: Option<Instant>,
}

impl From<TaskRow> for Task {
    fn from(row: TaskRow) -> Self {
        let time = |time: Option<Instant>| time.map(|time| time.0);
        let state = State::from_code(row.state).unwrap_or(State::Closed);
        Self {
            id: TaskId::new(row.id),
            tenant: TenantId::new(row.tenant_id),
            conversation: ConversationId::new(row.conversation_id),
            member: UserId::new(row.user_id),
            channel: row.channel_id.map(ChannelId::new),
            kind: Kind::from_code(row.kind).unwrap_or(Kind::Any),
            wanted: row.wanted_agent_id.map(UserId::new),
            state,
            agent: row.agent_id.map(UserId::new),
            group: row.group_id.map(GroupId::new),
            first_seq: row.first_seq,
            last_seq: row.last_seq,
            queued_at: row.queued_at.0,
            waiting_since: time(row.waiting_since),
            assigned_at: time(row.assigned_at),
            accepted_at: time(row.accepted_at),
            first_reply_at: time(row.first_reply_at),
            ended_at: time(row.ended_at),
            end_reason: row.end_reason,
            ended_by: (!state.is_open()).then(|| ender(row.ended_by)),
            transfer_reason: row.transfer_reason,
            transfers: row.transfers,
            reassigns: row.reassigns,
            version: row.version,
            due_at: time(row.due_at),
        }
    }
}

const fn ender(stored: Option<i64>) -> Ender {
    match stored {
        None => Ender::Service,
        Some(0) => Ender::Member,
        Some(admin) => Ender::Admin(UserId::new(admin)),
    }
}

const fn stored_ender(by: Ender) -> Option<i64> {
    match by {
        Ender::Service => None,
        Ender::Member => Some(0),
        Ender::Admin(admin) => Some(admin.get()),
    }
}

/// A round to be stored, and when.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub task: &'a Task,
    pub now: NaiveDateTime,
}

impl Source for Stored<'static> {
    type Of<'a> = Stored<'a>;
}

/// A conversation whose open round is looked for.
#[derive(Clone, Copy)]
pub(super) struct OpenIn(pub ConversationId);

impl Source for OpenIn {
    type Of<'a> = Self;
}

fn time(at: Option<Millis>) -> Option<NaiveDateTime> {
    at.map(to_timestamp)
}

columns! {
    const OPEN_IN: kefu_task, conversation in OpenIn {
        open_conversation_id = conversation.0.get(),
    }

    const KEY: kefu_task, row in Stored<'static> {
        id = row.task.id.get(),
    }

    /// Never changes.
    const BEGINNING: kefu_task, row in Stored<'static> {
        tenant_id = row.task.tenant.get(),
        conversation_id = row.task.conversation.get(),
        channel_id = row.task.channel.map(ChannelId::get),
        kind = row.task.kind.code(),
        wanted_agent_id = row.task.wanted.map(UserId::get),
        first_seq = row.task.first_seq,
        queued_at = to_timestamp(row.task.queued_at),
    }

    const STATE: kefu_task, row in Stored<'static> {
        user_id = row.task.member.get(),
        open_conversation_id = row.task.state.is_open().then_some(row.task.conversation.get()),
        state = row.task.state.code(),
        agent_id = row.task.agent.map(UserId::get),
        group_id = row.task.group.map(GroupId::get),
        last_seq = row.task.last_seq,
        waiting_since = time(row.task.waiting_since),
        assigned_at = time(row.task.assigned_at),
        accepted_at = time(row.task.accepted_at),
        first_reply_at = time(row.task.first_reply_at),
        ended_at = time(row.task.ended_at),
        end_reason = row.task.end_reason.as_deref(),
        ended_by = row.task.ended_by.and_then(stored_ender),
        transfer_reason = row.task.transfer_reason.as_deref(),
        transfers = row.task.transfers,
        reassigns = row.task.reassigns,
        version = row.task.version,
        due_at = time(row.task.due_at),
        update_time = row.now,
    }

    const CONVERSATION: kefu_conversation, row in Stored<'static> {
        id = row.task.conversation.get(),
    }

    /// What a conversation repeats of its open round; of one that has ended, who had it last.
    const REPEATED: kefu_conversation, row in Stored<'static> {
        task_id = row.task.state.is_open().then_some(row.task.id.get()),
        task_state = if row.task.state.is_open() { row.task.state.code() } else { 0 },
        agent_id = row.task.agent.map(UserId::get),
        group_id = row.task.group.map(GroupId::get),
    }
}

/// Columns without a default value, each with any that fits.
const REQUIRED: [(&str, &str); 7] = [
    (name(t::conversation_id), "0"),
    (name(t::user_id), "0"),
    (name(t::state), "0"),
    (name(t::first_seq), "0"),
    (name(t::queued_at), "'1970-01-01'"),
    (name(t::create_time), "'1970-01-01'"),
    (name(t::tenant_id), "0"),
];

/// The same of a conversation.
const REQUIRED_OF_CONVERSATION: [(&str, &str); 7] = [
    (name(c::user_id), "0"),
    (name(c::tenant_id), "0"),
    (name(c::create_time), "'1970-01-01'"),
    (name(c::update_time), "'1970-01-01'"),
    (name(c::last_message_time), "'1970-01-01'"),
    (name(c::last_message_content), "''"),
    (name(c::last_message_content_type), "1"),
];

pub(super) static OPEN: LazyLock<Statement<OpenIn, SqlTypes<TaskRow>>> =
    LazyLock::new(|| Select { alias: "t", by: OPEN_IN, index: "kefu_task_open", only: "" }.rows::<TaskRow>());

pub(super) static INSERT: LazyLock<Statement<Stored<'static>>> = LazyLock::new(|| {
    let insert = Insert {
        columns: &[KEY, BEGINNING, STATE],
        copies: &[(name(t::create_time), name(t::update_time)), (name(t::creator), name(t::user_id))],
        constants: &[],
        existing: None,
    };
    insert.statement()
});

pub(super) static UPDATE: LazyLock<Statement<Stored<'static>>> =
    LazyLock::new(|| Update { key: KEY, set: &[STATE], constants: &[], required: &REQUIRED }.statement());

pub(super) static REPEAT: LazyLock<Statement<Stored<'static>>> = LazyLock::new(|| {
    Update { key: CONVERSATION, set: &[REPEATED], constants: &[], required: &REQUIRED_OF_CONVERSATION }.statement()
});

/// Every statement by its name, for tests and for the benchmark.
pub(crate) fn texts() -> Vec<(&'static str, &'static Texts)> {
    vec![
        ("task.open", OPEN.texts()),
        ("task.insert", INSERT.texts()),
        ("task.update", UPDATE.texts()),
        ("task.repeat", REPEAT.texts()),
    ]
}
