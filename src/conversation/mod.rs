//! Conversations: one per member and tenant, answered by all admins of the tenant.
//!
//! This module owns `kefu_conversation`. Changes go through the [`crate::writer`], which holds the row's lock while `seq` is
//! assigned and unread messages are counted; this module gives it the rules ([`Conversation`]) and the statements
//! (`store`), and never looks at messages itself. Its own commands are `open`, `pin`, `delete` and `mark_unread`.
//!
//! A visitor who logs in loses the conversation to the member (`visitor::link`). A closed row keeps the visitor's place, so that
//! whoever still writes as that visitor is refused by the row that the writer locks anyway. It is either the visitor's
//! conversation itself, which can still be read, or one without messages.

pub(crate) mod api;
pub(crate) mod delete;
mod mark_unread;
mod open;
mod pin;
mod store;

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Sight;
use crate::agent::sights::Sights;
use crate::auth::Principal;
use crate::clock::Millis;
use crate::db::Db;
use crate::error::{Error, Problem, Result};
use crate::fact::{self, Fact};
use crate::id::{ConversationId, TaskId, TenantId, UserId, UserType};
use crate::push::Hub;

pub(crate) use store::{
    Head, LastMessage, WriteConversations, all_seen, assignments, begun_by, earlier_head, events, head, hidden_members,
    insert_closed, link_to, linked_to, move_to, seen, seen_by, set_user_deleted, texts,
};

/// Which conversation is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// This member's own.
    OfMember(UserId),
    /// The one with this id.
    Id(ConversationId),
}

/// A range of a conversation's messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// The conversation.
    pub conversation: ConversationId,
    /// The lowest `seq`.
    pub from: i64,
    /// The highest `seq`.
    pub to: i64,
    /// The lowest time.
    pub since: Millis,
}

/// What the writer needs of a conversation's row while it holds its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conversation {
    /// The id.
    pub id: ConversationId,
    /// The tenant.
    pub tenant: TenantId,
    /// The member whose conversation it is.
    pub member: UserId,
    /// The newest message's `seq`; 0 before the first.
    pub last_seq: i64,
    /// The newest message's time.
    pub last_message_time: Millis,
    /// Whether admins see it pinned.
    pub admin_pinned: bool,
    /// Whether admins have deleted it from their list.
    pub admin_deleted: bool,
    /// The member's messages that no admin has read.
    pub admin_unread_count: i32,
    /// Admins' messages that the member has not read.
    pub member_unread_count: i32,
    /// Up to where admins have read.
    pub admin_read_seq: i64,
    /// Up to where the member has read.
    pub member_read_seq: i64,
    /// Whether admins have marked it as unread.
    pub marked_unread: bool,
    /// The round of service that was open before the batch, as the row repeats it.
    pub round: Option<TaskId>,
}

/// What one side has just read: the other side's unread messages in this range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// The conversation.
    pub conversation: ConversationId,
    /// The side that read; the messages are the other side's.
    pub reader: UserType,
    /// Messages above this `seq` …
    pub after_seq: i64,
    /// … and up to this one.
    pub up_to_seq: i64,
}

/// In the place of `member_read_seq`: there is no member any more who reads. It stands in a column that the writer reads with
/// the row anyway.
const CLOSED: i64 = -1;

/// The refusal of whatever would change a closed conversation.
pub(crate) const fn read_only() -> Error {
    Error::Invalid(Problem::new(
        "会话已转到会员名下，只能查看",
        "the conversation was linked to a member and is read-only",
    ))
}

impl Conversation {
    /// Whether it can only be read any more.
    pub(crate) const fn is_closed(&self) -> bool {
        self.member_read_seq == CLOSED
    }

    /// Closes it for good: it leaves the admins' list and can only be read. What is unread in it stays so.
    pub(crate) const fn close(&mut self) {
        self.member_read_seq = CLOSED;
        self.admin_deleted = true;
        self.admin_pinned = false;
        self.marked_unread = false;
    }

    /// The row that keeps the place of a visitor who has no conversation any more, or never had one.
    pub(crate) const fn closed(id: ConversationId, tenant: TenantId, visitor: UserId, now: Millis) -> Self {
        let mut conversation = Self::new(id, tenant, visitor, now);
        conversation.close();
        conversation
    }

    /// A conversation before its first message.
    pub(crate) const fn new(id: ConversationId, tenant: TenantId, member: UserId, now: Millis) -> Self {
        Self {
            id,
            tenant,
            member,
            last_seq: 0,
            last_message_time: now,
            admin_pinned: false,
            admin_deleted: false,
            admin_unread_count: 0,
            member_unread_count: 0,
            admin_read_seq: 0,
            member_read_seq: 0,
            marked_unread: false,
            round: None,
        }
    }

    /// Takes a new message from `sender` and returns its `seq` and time. The time strictly increases with `seq`: a clock
    /// that stands still or goes back is bumped by a millisecond (docs/contract.md#the-history-cursor).
    pub(crate) fn advance(&mut self, sender: UserType, now: Millis) -> (i64, Millis) {
        self.admin_deleted = false;
        match sender {
            UserType::Member => self.admin_unread_count += 1,
            UserType::Admin => self.member_unread_count += 1,
        }
        self.next(now)
    }

    /// Takes a toast and returns its `seq` and time, as those of a message. It counts as nobody's unread, is not the message that
    /// lists show, and brings back no conversation that was deleted.
    pub(crate) fn advance_by_toast(&mut self, now: Millis) -> (i64, Millis) {
        self.next(now)
    }

    fn next(&mut self, now: Millis) -> (i64, Millis) {
        let time = if self.last_seq == 0 { now } else { now.max(self.last_message_time + 1) };
        self.last_seq += 1;
        self.last_message_time = time;
        (self.last_seq, time)
    }

    /// Marks one unread message of `sender`'s as read: it was read elsewhere.
    pub(crate) fn read_one(&mut self, sender: UserType, seq: i64) -> Read {
        let (reader, count, read_seq) = match sender {
            UserType::Member => (UserType::Admin, &mut self.admin_unread_count, &mut self.admin_read_seq),
            UserType::Admin => (UserType::Member, &mut self.member_unread_count, &mut self.member_read_seq),
        };
        *count = (*count - 1).max(0);
        if *count == 0 {
            *read_seq = self.last_seq;
        }
        Read { conversation: self.id, reader, after_seq: seq - 1, up_to_seq: seq }
    }

    /// Marks all that is there now as read by one side; `None` when nothing was unread.
    pub(crate) fn read_all(&mut self, reader: UserType) -> Option<Read> {
        self.read_up_to(reader, self.last_seq, 0)
    }

    /// Marks the messages up to `seq` as read by one side, of whose unread ones `left` lie above; `None` when nothing was
    /// unread.
    pub(crate) fn read_up_to(&mut self, reader: UserType, seq: i64, left: i32) -> Option<Read> {
        let (count, read_seq) = match reader {
            UserType::Admin => (&mut self.admin_unread_count, &mut self.admin_read_seq),
            UserType::Member => (&mut self.member_unread_count, &mut self.member_read_seq),
        };
        if *count <= left {
            return None;
        }
        let after_seq = std::mem::replace(read_seq, seq);
        *count = left;
        Some(Read { conversation: self.id, reader, after_seq, up_to_seq: seq })
    }
}

/// Publishes a fact that is never stored. Asks the database only in tenants that do not show every conversation to every admin.
///
/// # Errors
/// As [`Db::run`], and then nothing was published.
pub(crate) async fn publish(db: &Db, hub: &Hub, fact: Fact) -> Result<()> {
    if !hub.is_limited(fact.tenant()) {
        hub.publish(&[fact::event(&fact)?]);
        return Ok(());
    }
    let known = hub.clone();
    let events = db.run(move |connection| store::events(connection, &known, std::iter::once(&fact))).await?;
    hub.publish(&events);
    Ok(())
}

/// Refuses an admin who may not see a conversation. Asks nothing for those who see all of them.
///
/// # Errors
/// [`Error::ConversationNotFound`], also for one that there is not; as [`Db::run`].
pub(crate) async fn check_seen(sights: &Sights, admin: &Principal, target: Target) -> Result<()> {
    let (tenant, sight) = (admin.key.tenant, sights.of(admin.key, admin.permissions).await?);
    if sight == Sight::All {
        return Ok(());
    }
    let found = sights.db().run(move |connection| store::seen(connection, tenant, target, &sight)).await?;
    found.map(|_| ()).ok_or(Error::ConversationNotFound)
}

// See docs/contract.md#json-values.
/// A conversation on the wire.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConversationView {
    /// The id.
    pub id: ConversationId,
    /// The member.
    pub user_id: UserId,
    /// The member's avatar.
    pub user_avatar: Option<String>,
    /// The member's nickname.
    #[schema(example = "小明")]
    pub user_nickname: String,
    /// The member's id in the integrator's system, when it is another than `userId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "550e8400-e29b-41d4-a716-446655440000")]
    pub external_id: Option<String>,
    /// The newest message's time, epoch milliseconds.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    pub last_message_time: Millis,
    /// The newest message's content.
    #[schema(example = "{\"text\":\"你好\"}")]
    pub last_message_content: String,
    /// The newest message's content type.
    #[schema(value_type = crate::fact::ContentType, example = 1)]
    pub last_message_content_type: i32,
    /// Whether admins see it pinned.
    #[schema(example = false)]
    pub admin_pinned: bool,
    /// Whether the member has deleted it.
    #[schema(example = false)]
    pub user_deleted: bool,
    /// Whether admins have deleted it from their list.
    #[schema(example = false)]
    pub admin_deleted: bool,
    /// The member's messages that no admin has read.
    #[schema(minimum = 0)]
    pub admin_unread_message_count: i32,
    /// Admins' messages that the member has not read.
    #[schema(minimum = 0)]
    pub member_unread_message_count: i32,
    /// The newest message's `seq`.
    #[schema(minimum = 0)]
    pub last_seq: i64,
    /// There when admins have marked it as unread, a reminder beside the counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = true)]
    pub marked_unread: Option<bool>,
    /// When the first message came, epoch milliseconds.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    pub create_time: Millis,
    /// Pass it as `cursor` to get the list's part after this one.
    #[schema(example = "0.1795235421115.1")]
    pub cursor: String,
    /// There when admins have read something: their newest mark's `seq`. The member's first message above it that is not read is the
    /// first unread one.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false, minimum = 1, example = 7)]
    pub admin_read_seq: i64,
    /// There when the member has read something: the newest mark's `seq`. The admins' messages up to it are read.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false, minimum = 1, example = 7)]
    pub member_read_seq: i64,
    /// The admin who has written the newest message, there when `lastAdmin` asks for it. Left out when the member has written
    /// it, or an admin with the member's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = i64, required = false, example = 1)]
    pub last_message_admin_id: Option<UserId>,
    /// Only where one conversation is asked for: what the member wrote as a visitor of a page before logging in, the newest
    /// first. Its messages can be listed, and nobody can write there any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub earlier: Vec<EarlierConversation>,
    /// Only where one conversation is asked for: the member whose earlier conversation this is. It can only be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub linked_user_id: Option<UserId>,
}

/// A conversation that a member had as a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EarlierConversation {
    /// The id.
    pub id: ConversationId,
    /// The newest message's time, epoch milliseconds.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    pub last_message_time: Millis,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(seq: &i64) -> bool {
    *seq == 0
}

/// The largest number in [`ConversationCounts`].
pub(crate) const MOST_COUNTED: i64 = 10_000;

/// The numbers beside the tabs of the console's list. 10,000 means that or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ConversationCounts {
    /// The conversations that admins have not deleted.
    #[schema(minimum = 0, maximum = 10_000)]
    pub all: i64,
    /// Those of them that have unread messages or were marked as unread.
    #[schema(minimum = 0, maximum = 10_000)]
    pub unread: i64,
}

/// A place in the console's list: below the conversation with these values. The greatest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cursor {
    /// Pinned conversations come first.
    pub pinned: bool,
    /// Then the newest message's time, descending.
    pub last_message_time: Millis,
    /// Then the id, descending.
    pub id: i64,
}

impl Cursor {
    /// Reads a cursor that [`std::fmt::Display`] wrote; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let pinned = match parts.next()? {
            "1" => true,
            "0" => false,
            _ => return None,
        };
        let last_message_time = parts.next()?.parse().ok()?;
        let id = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { pinned, last_message_time, id })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", u8::from(self.pinned), self.last_message_time, self.id)
    }
}
