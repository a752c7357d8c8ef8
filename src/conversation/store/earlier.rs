//! SQL of conversations that visitors had before they logged in.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{Head, HeadRow};
use crate::clock::to_timestamp;
use crate::conversation::{Conversation, EarlierConversation};
use crate::db::schema::kefu_conversation as t;
use crate::db::timestamp::Instant;
use crate::db::{AnyConnection, inserted};
use crate::error::{Error, Result};
use crate::id::{ConversationId, TenantId, UserId};

/// Earlier conversations that are named, the newest.
const MOST_NAMED: i64 = 100;

/// Whether the member of a conversation has earlier ones with messages: along the index `kefu_conversation_linked`.
pub(super) const HAS_EARLIER: &str = "EXISTS (SELECT 1 FROM kefu_conversation AS earlier \
    WHERE earlier.tenant_id = kefu_conversation.tenant_id AND earlier.linked_user_id = kefu_conversation.user_id \
    AND earlier.last_seq > 0)";

/// A member's earlier conversations that have messages, the newest first.
pub(super) fn earlier(
    connection: &mut AnyConnection,
    tenant: TenantId,
    member: UserId,
) -> Result<Vec<EarlierConversation>> {
    let rows: Vec<(i64, Instant)> = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::linked_user_id.eq(member.get()))
        .filter(t::last_seq.gt(0))
        .order((t::last_message_time.desc(), t::id.desc()))
        .limit(MOST_NAMED)
        .select((t::id, t::last_message_time))
        .load(connection)?;
    let view =
        |(id, time): (i64, Instant)| EarlierConversation { id: ConversationId::new(id), last_message_time: time.0 };
    Ok(rows.into_iter().map(view).collect())
}

/// One of a member's earlier conversations.
pub(crate) fn earlier_head(
    connection: &mut AnyConnection,
    tenant: TenantId,
    member: UserId,
    id: ConversationId,
) -> Result<Option<Head>> {
    let row = t::table
        .filter(t::id.eq(id.get()))
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::linked_user_id.eq(member.get()));
    Ok(row.select(HeadRow::as_select()).first(connection).optional()?.map(Head::from))
}

/// The member to whom a visitor's conversation, or the place of one, was linked.
pub(crate) fn linked_to(connection: &mut AnyConnection, tenant: TenantId, visitor: UserId) -> Result<Option<UserId>> {
    let row = t::table.filter(t::tenant_id.eq(tenant.get())).filter(t::user_id.eq(visitor.get()));
    let linked: Option<Option<i64>> = row.select(t::linked_user_id).first(connection).optional()?;
    Ok(linked.flatten().map(UserId::new))
}

/// Whether a member's own conversation was begun by this user.
pub(crate) fn begun_by(connection: &mut AnyConnection, tenant: TenantId, member: UserId, user: UserId) -> Result<bool> {
    let row = t::table.filter(t::tenant_id.eq(tenant.get())).filter(t::user_id.eq(member.get()));
    let creator: Option<String> = row.select(t::creator).first(connection).optional()?;
    Ok(creator.is_some_and(|creator| creator == user.to_string()))
}

/// Gives a conversation whose row is locked to a member who has none.
///
/// # Errors
/// [`Error::Conflict`], which runs the transaction again, when the member has got one meanwhile.
pub(crate) fn move_to(
    connection: &mut AnyConnection,
    id: ConversationId,
    (visitor, member): (UserId, UserId),
    now: NaiveDateTime,
) -> Result<()> {
    let row = t::table.find(id.get());
    let moved = diesel::update(row).set((t::user_id.eq(member.get()), t::update_time.eq(now))).execute(connection);
    if !inserted(moved)? {
        return Err(Error::Conflict);
    }
    // Who has written the newest message.
    let last = t::table.find(id.get()).filter(t::updater.eq(visitor.to_string()));
    diesel::update(last).set(t::updater.eq(member.to_string())).execute(connection)?;
    Ok(())
}

/// Makes the row that keeps a visitor's place, linked to a member.
///
/// # Errors
/// [`Error::Conflict`], which runs the transaction again, when the visitor has got a conversation meanwhile.
pub(crate) fn insert_closed(
    connection: &mut AnyConnection,
    closed: &Conversation,
    member: UserId,
    now: NaiveDateTime,
) -> Result<()> {
    let outcome = diesel::insert_into(t::table)
        .values((
            t::id.eq(closed.id.get()),
            t::tenant_id.eq(closed.tenant.get()),
            t::user_id.eq(closed.member.get()),
            t::linked_user_id.eq(member.get()),
            t::last_message_time.eq(to_timestamp(closed.last_message_time)),
            t::last_message_content.eq(""),
            t::last_message_content_type.eq(1),
            t::admin_deleted.eq(closed.admin_deleted),
            t::member_read_seq.eq(closed.member_read_seq),
            t::creator.eq(closed.member.to_string()),
            t::create_time.eq(now),
            t::update_time.eq(now),
        ))
        .execute(connection);
    if inserted(outcome)? { Ok(()) } else { Err(Error::Conflict) }
}

/// Notes whose earlier conversation a closed one is.
pub(crate) fn link_to(connection: &mut AnyConnection, id: ConversationId, member: UserId) -> Result<()> {
    diesel::update(t::table.find(id.get())).set(t::linked_user_id.eq(member.get())).execute(connection)?;
    Ok(())
}
