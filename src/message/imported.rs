//! Messages that were written in another system, taken over with their time.
//!
//! A group of them is one transaction on the writer's [`Desk`], with the locks, rules and statements of a send, so that an
//! import may run beside a running service. It does not go through the queue of [`crate::writer`], because it runs in a
//! process of its own and publishes nothing: a client that wants to see imported messages asks.
//!
//! A message keeps its time unless the conversation has a later one already; it then gets the next millisecond
//! (invariant 3). Each carries a `clientMessageId`, by which a repeat is known (invariant 5).

use std::collections::HashMap;

use chrono::NaiveDateTime;

use super::NewMessage;
use super::store::{NewRow, Repeat, RepeatKey, WriteMessages};
use crate::clock::{Millis, to_timestamp};
use crate::conversation::{Read, Target, set_user_deleted};
use crate::db::AnyConnection;
use crate::db::id_block::IdKind;
use crate::error::{Error, Result};
use crate::fact::Fact;
use crate::id::{ConversationId, MessageId, UserId};
use crate::writer::{Desk, Ids, Wanted};

/// Times that were cut to the second are moved apart by less than this, in milliseconds.
const SAME_TIME: Millis = 1000;

/// A message that was written in another system.
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

/// What a conversation was marked with in the other system.
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
    /// Messages that are here with another content, and stay as they are here.
    pub changed: usize,
}

impl ImportedMessage {
    const fn target(&self) -> Target {
        Target::OfMember(self.member)
    }
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
    let mut wanted = Wanted::new(now);
    imported.iter().for_each(|one| wanted.create_at(one.message.tenant, one.member, one.time));
    let mut desk = Desk::open(connection, std::mem::take(ids), wanted)?;
    let mut group = Group::read(connection, &mut desk, imported)?;
    for one in imported {
        group.append(one, &mut desk)?;
    }
    desk.store(connection)?;
    let facts;
    // Nothing is published, and no follower hears of it.
    (facts, *ids) = desk.close();
    let created = facts.iter().filter(|fact| matches!(fact, Fact::ConversationCreated { .. })).count();
    Ok(Appended { created, ..group.write(connection, to_timestamp(now))? })
}

/// The rows of a group.
struct Group<'a> {
    known: HashMap<RepeatKey<'static>, Repeat>,
    rows: Vec<NewRow<'a>>,
    reads: Vec<Read>,
    /// Conversations that are to be hidden from their members.
    hidden: Vec<ConversationId>,
    appended: Appended,
}

impl<'a> Group<'a> {
    fn read(connection: &mut AnyConnection, desk: &mut Desk<'a>, imported: &'a [ImportedMessage]) -> Result<Self> {
        let key =
            |one: &'a ImportedMessage| RepeatKey::of(desk.find(one.message.tenant, one.target())?.id, &one.message);
        let keys: Vec<RepeatKey<'_>> = imported.iter().filter_map(key).collect();
        let known: HashMap<_, _> =
            if keys.is_empty() { HashMap::new() } else { connection.find_repeats(&keys)?.into_iter().collect() };
        let new = imported.len().saturating_sub(known.len());
        desk.reserve(connection, IdKind::Message, new)?;
        let rows = Vec::with_capacity(new);
        Ok(Self { known, rows, reads: Vec::new(), hidden: Vec::new(), appended: Appended::default() })
    }

    fn append(&mut self, one: &'a ImportedMessage, desk: &mut Desk<'a>) -> Result<()> {
        let ImportedMessage { message, member, time, read, marks } = one;
        let sender = message.sender.user_type;
        let found = desk.find(message.tenant, one.target());
        let conversation = found.ok_or_else(|| Error::internal("a conversation can neither be made nor found"))?.id;
        let repeat = RepeatKey::of(conversation, message).and_then(|key| self.known.get(&key));
        if let Some(repeat) = repeat {
            if repeat.content_type != message.content.code() || repeat.content != message.content.text() {
                self.appended.changed += 1;
                return Ok(());
            }
            self.appended.known += 1;
            if *read && !repeat.read_status {
                self.appended.read += 1;
                let locked = desk.conversation(message.tenant, one.target())?;
                self.reads.extend(locked.mark(|row| Some(row.read_one(sender, repeat.seq))));
            }
            return Ok(());
        }
        let id = MessageId::new(desk.id(IdKind::Message)?);
        let locked = desk.conversation(message.tenant, one.target())?;
        let (seq, create_time) = locked.advance(message.as_last(), sender, *time);
        if *read {
            self.reads.extend(locked.mark(|row| Some(row.read_one(sender, seq))));
        }
        // Behind newer messages the marks are out of date: they would hide a conversation with new mail.
        if create_time - *time < SAME_TIME {
            locked.mark(|row| {
                (row.admin_pinned, row.admin_deleted) = (marks.admin_pinned, marks.admin_deleted);
                Some(())
            });
            self.hidden.extend(marks.user_deleted.then_some(conversation));
        }
        self.rows.push(NewRow { id, conversation, member: *member, seq, create_time, message, task: None });
        Ok(())
    }

    /// Writes the rows, after the conversations were stored.
    fn write(self, connection: &mut AnyConnection, now: NaiveDateTime) -> Result<Appended> {
        if !self.rows.is_empty() {
            connection.insert(&self.rows)?;
        }
        if !self.reads.is_empty() {
            connection.mark_read(&self.reads, now)?;
        }
        if !self.hidden.is_empty() {
            set_user_deleted(connection, &self.hidden)?;
        }
        Ok(Appended { stored: self.rows.len(), ..self.appended })
    }
}
