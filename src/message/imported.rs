//! Messages that were written recovered, taken over with their time.
//!
//! A group of them is one transaction with the statements of the writer's own batch ([`super::batch`]), so that it may run
//! beside a running service: the conversations are locked, advanced in memory and stored. Nothing is told to anyone: a
//! client that wants to see them asks.
//!
//! A message keeps its time unless the conversation has a later one already; it then gets the next millisecond
//! (invariant 3). Each carries a `clientMessageId`, by which a repeat is known (invariant 5).

use std::collections::HashMap;

use super::ids::Ids;
use super::locked::{Conversations, repeat_key};
use super::store::{NewRow, Repeat, RepeatKey, WriteMessages};
use super::{NewMessage, Target};
use crate::clock::{Millis, to_timestamp};
use crate::conversation::Read;
use crate::conversation::store::set_user_deleted;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::id::{ConversationId, UserId};

/// Times that were cut to the second are moved apart by less than this, in milliseconds.
const SAME_TIME: Millis = 1000;

/// A message that was written recovered.
#[derive(Clone, Debug)]
pub(crate) struct ImportedMessage {
    /// The message, with a `clientMessageId` that is always the same for it. Its target is [`Target::OfMember`].
    pub message: NewMessage,
    /// The member whose conversation it belongs to.
    pub member: UserId,
    /// When it was written, in milliseconds.
    pub time: Millis,
    /// Whether the other side has read it.
    pub read: bool,
    /// What its conversation is marked with, if the message is new here and the newest.
    pub marks: Marks,
}

/// What a conversation was marked with recovered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Whether admins see it pinned.
    pub admin_pinned: bool,
    /// Whether admins have deleted it from their list.
    pub admin_deleted: bool,
    /// Whether the member has deleted it.
    pub user_deleted: bool,
}

/// What became of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Conversations that were made.
    pub created: usize,
    /// Messages that were stored.
    pub stored: usize,
    /// Messages that were here already.
    pub known: usize,
    /// Those of them that were unread here and are read now.
    pub read: usize,
}

/// Appends the messages that are not here yet to their members' conversations, in the order given, inside the current
/// write transaction.
///
/// # Errors
/// What the database says; nothing of the group is stored then.
pub(crate) fn append(
    connection: &mut AnyConnection,
    ids: &mut Ids,
    imported: &[ImportedMessage],
    now: Millis,
) -> Result<Appended> {
    let members = imported.iter().map(|one| ((one.message.tenant, one.member), one.time)).collect();
    let mut conversations = Conversations::lock(connection, ids, Vec::new(), members)?;
    let mut appended = Appended { created: conversations.created().count(), ..Appended::default() };

    let repeats = conversations.find_repeats(connection, imported.iter().map(|one| &one.message))?;
    let known: HashMap<RepeatKey<'_>, &Repeat> = repeats.iter().map(|repeat| (repeat.key(), repeat)).collect();
    ids.refill_messages(connection, imported.len().saturating_sub(known.len()))?;
    let mut rows: Vec<NewRow<'_>> = Vec::with_capacity(imported.len());
    let mut reads: Vec<Read> = Vec::new();
    let mut hidden: Vec<ConversationId> = Vec::new();
    for (place, one) in imported.iter().enumerate() {
        let ImportedMessage { message, member, time, read, marks } = one;
        let sender = message.sender.user_type;
        let entry = conversations.of(message.tenant, Target::OfMember(*member));
        let entry = entry.ok_or_else(|| Error::internal("a conversation can neither be made nor found"))?;
        let conversation = &mut entry.conversation;
        let repeat = repeat_key(conversation.id, message).and_then(|key| known.get(&key));
        if let Some(repeat) = repeat {
            appended.known += 1;
            if *read && !repeat.read_status {
                appended.read += 1;
                entry.marked = true;
                reads.push(conversation.read_one(sender, repeat.seq));
            }
            continue;
        }
        let (seq, create_time) = conversation.advance(sender, *time);
        if *read {
            reads.push(conversation.read_one(sender, seq));
        }
        // Behind what is newer the marks are out of date: they would hide a conversation with new mail.
        let newest = create_time - *time < SAME_TIME;
        if newest {
            (conversation.admin_pinned, conversation.admin_deleted) = (marks.admin_pinned, marks.admin_deleted);
        }
        let conversation = conversation.id;
        if newest && marks.user_deleted {
            hidden.push(conversation);
        }
        entry.last = Some(place);
        rows.push(NewRow { id: ids.message()?, conversation, member: *member, seq, create_time, message });
    }
    appended.stored = rows.len();

    let timestamp = to_timestamp(now);
    conversations.store(connection, |place| imported.get(place).map(|one| &one.message), timestamp)?;
    if !rows.is_empty() {
        connection.insert(&rows)?;
    }
    if !reads.is_empty() {
        connection.mark_read(&reads, timestamp)?;
    }
    if !hidden.is_empty() {
        set_user_deleted(connection, &hidden)?;
    }
    Ok(appended)
}
