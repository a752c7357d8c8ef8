//! The writer's statements, and the lists of columns that their texts are made of.

use std::sync::LazyLock;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::LastMessage;
use crate::clock::to_timestamp;
use crate::conversation::Conversation;
use crate::db::bulk::{Digits, Existing, Insert, Select, Source, SqlTypes, Statement, Texts, Update, columns, name};
use crate::db::schema::kefu_conversation as t;
use crate::db::timestamp::Instant;
use crate::id::{ConversationId, TenantId, UserId};

/// What the writer reads of a row.
#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_conversation)]
pub(super) struct LockedRow {
    pub id: i64,
    pub tenant_id: i64,
    pub user_id: i64,
    pub last_seq: i64,
    pub last_message_time: Instant,
    pub admin_pinned: bool,
    pub admin_deleted: bool,
    pub admin_unread_message_count: i32,
    pub member_unread_message_count: i32,
    pub admin_read_seq: i64,
    pub member_read_seq: i64,
    pub marked_unread: bool,
    pub task_id: Option<i64>,
}

/// What the writer stores of a conversation.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    pub conversation: &'a Conversation,
    /// The newest message of the batch; a conversation that took none keeps that of its row.
    pub last: Option<LastMessage<'a>>,
    pub now: NaiveDateTime,
}

impl Source for Stored<'static> {
    type Of<'a> = Stored<'a>;
}

/// A tenant and a member, who has one conversation.
pub(super) enum Owner {}

impl Source for Owner {
    type Of<'a> = (TenantId, UserId);
}

/// A conversation by its id.
pub(super) enum Known {}

impl Source for Known {
    type Of<'a> = ConversationId;
}

columns! {
    const BY_OWNER: kefu_conversation, (tenant, member) in Owner {
        tenant_id = tenant.get(),
        user_id = member.get(),
    }

    const BY_ID: kefu_conversation, id in Known {
        id = id.get(),
    }

    const KEY: kefu_conversation, row in Stored<'static> {
        id = row.conversation.id.get(),
    }

    /// Never changes.
    const OWNER: kefu_conversation, row in Stored<'static> {
        tenant_id = row.conversation.tenant.get(),
        user_id = row.conversation.member.get(),
    }

    const LAST_TIME: kefu_conversation, row in Stored<'static> {
        last_message_time = to_timestamp(row.conversation.last_message_time),
    }

    const LAST_SEQ: kefu_conversation, row in Stored<'static> {
        last_seq = row.conversation.last_seq,
    }

    const LAST_MESSAGE: kefu_conversation, row in Stored<'static> {
        last_message_content = row.last.map(|last| last.content),
        last_message_content_type = row.last.map(|last| last.content_type),
        updater = row.last.map(|last| Digits(last.sender.get())),
    }

    /// What marks change and messages, too.
    const MARKS: kefu_conversation, row in Stored<'static> {
        admin_pinned = row.conversation.admin_pinned,
        admin_deleted = row.conversation.admin_deleted,
        admin_unread_message_count = row.conversation.admin_unread_count,
        member_unread_message_count = row.conversation.member_unread_count,
        admin_read_seq = row.conversation.admin_read_seq,
        member_read_seq = row.conversation.member_read_seq,
        marked_unread = row.conversation.marked_unread,
    }

    const UPDATED: kefu_conversation, row in Stored<'static> {
        update_time = row.now,
    }
}

/// Columns without a default value, each with any that fits.
const REQUIRED: [(&str, &str); 6] = [
    (name(t::user_id), "0"),
    (name(t::tenant_id), "0"),
    (name(t::create_time), "'1970-01-01'"),
    (name(t::last_message_time), "'1970-01-01'"),
    (name(t::last_message_content), "''"),
    (name(t::last_message_content_type), "1"),
];

pub(super) static LOCK_BY_MEMBERS: LazyLock<Statement<Owner, SqlTypes<LockedRow>>> = LazyLock::new(|| {
    Select { alias: "c", by: BY_OWNER, index: "kefu_conversation_member", only: "" }.locked_rows::<LockedRow>()
});

pub(super) static LOCK_BY_IDS: LazyLock<Statement<Known, SqlTypes<LockedRow>>> =
    LazyLock::new(|| Select { alias: "c", by: BY_ID, index: "PRIMARY", only: "" }.locked_rows::<LockedRow>());

pub(super) static CREATE: LazyLock<Statement<Stored<'static>>> = LazyLock::new(|| {
    let insert = Insert {
        columns: &[KEY, OWNER, LAST_TIME],
        copies: &[
            (name(t::creator), name(t::user_id)),
            (name(t::create_time), name(t::last_message_time)),
            (name(t::update_time), name(t::last_message_time)),
        ],
        constants: &[(name(t::last_message_content), "''"), (name(t::last_message_content_type), "1")],
        existing: Some(Existing { conflict: "(tenant_id, user_id)", unchanged: name(t::user_id) }),
    };
    insert.statement()
});

pub(super) static STORE_ADVANCED: LazyLock<Statement<Stored<'static>>> = LazyLock::new(|| {
    let update = Update {
        key: KEY,
        set: &[LAST_TIME, LAST_SEQ, LAST_MESSAGE, MARKS, UPDATED],
        // New mail brings back what the member has deleted.
        constants: &[(name(t::user_deleted), "FALSE")],
        required: &REQUIRED,
    };
    update.statement()
});

/// Of conversations that took toasts and no message: the newest message stays.
pub(super) static STORE_TOLD: LazyLock<Statement<Stored<'static>>> = LazyLock::new(|| {
    let set = &[LAST_TIME, LAST_SEQ, MARKS, UPDATED];
    Update { key: KEY, set, constants: &[], required: &REQUIRED }.statement()
});

pub(super) static STORE_MARKS: LazyLock<Statement<Stored<'static>>> =
    LazyLock::new(|| Update { key: KEY, set: &[MARKS, UPDATED], constants: &[], required: &REQUIRED }.statement());

/// Every statement by its name, for tests and for the benchmark.
pub(crate) fn texts() -> Vec<(&'static str, &'static Texts)> {
    vec![
        ("conversation.lock_by_members", LOCK_BY_MEMBERS.texts()),
        ("conversation.lock_by_ids", LOCK_BY_IDS.texts()),
        ("conversation.create", CREATE.texts()),
        ("conversation.store_advanced", STORE_ADVANCED.texts()),
        ("conversation.store_told", STORE_TOLD.texts()),
        ("conversation.store_marks", STORE_MARKS.texts()),
    ]
}
