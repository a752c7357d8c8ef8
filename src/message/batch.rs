//! What a group of commands does, as one write transaction with a fixed number of statements.
//!
//! The conversations are read under their locks, changed in memory, and stored with absolute values. Marks come before
//! sends, whatever the order in the queue: whoever marks a conversation as read or deletes it has not seen a message
//! of the same batch, because nothing of this batch has been pushed yet. So a message that arrives in between stays
//! unread, and new mail brings a conversation back (contract, faults 2 and 7).

use std::collections::HashMap;

use chrono::NaiveDateTime;

use super::elsewhere::{self, Elsewhere};
use super::store::{NewRow, Repeat, RepeatKey, WriteMessages};
use super::{NewMessage, Target};
use crate::clock::{Millis, to_timestamp};
use crate::conversation::store::{LastMessage, WriteConversations};
use crate::conversation::{Conversation, Read};
use crate::db::AnyConnection;
use crate::db::id_block::{IdKind, IdStock};
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, TenantId, UserId, UserType};
use crate::push::Hub;

/// Something that changes a conversation.
#[derive(Clone, Debug)]
pub enum Command {
    /// A new message.
    Send(NewMessage),
    /// One side has read all that is there.
    MarkRead {
        /// The reader's tenant.
        tenant: TenantId,
        /// The side that has read.
        reader: UserType,
        /// The conversation.
        conversation: ConversationId,
    },
    /// Admins pin or unpin.
    Pin {
        /// The admin's tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
        /// The new state.
        pinned: bool,
    },
    /// Admins delete a conversation from their list.
    Delete {
        /// The admin's tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
    },
}

impl Command {
    /// What it adds to the size of a batch's statements.
    pub const fn content_bytes(&self) -> usize {
        match self {
            Self::Send(message) => message.content.len(),
            Self::MarkRead { .. } | Self::Pin { .. } | Self::Delete { .. } => 0,
        }
    }

    const fn message(&self) -> Option<&NewMessage> {
        match self {
            Self::Send(message) => Some(message),
            Self::MarkRead { .. } | Self::Pin { .. } | Self::Delete { .. } => None,
        }
    }
}

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// Stored under this id.
    Sent(MessageId),
    /// Known by its `clientMessageId`: the first one's id.
    Repeated(MessageId),
    /// Marked, or nothing was left to mark.
    Marked,
}

/// What has to be told after the commit, in order.
#[derive(Debug)]
pub enum Change {
    /// A conversation has its first message.
    Created {
        /// The tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
        /// Its member.
        member: UserId,
    },
    /// Another node has stored a message before this batch.
    Elsewhere(Box<Elsewhere>),
    /// A message was stored; `command` is its place in the batch.
    Sent {
        /// Index of the command.
        command: usize,
        /// The message's id.
        id: MessageId,
        /// The conversation.
        conversation: ConversationId,
        /// Its member.
        member: UserId,
        /// The message's place.
        seq: i64,
        /// The message's time.
        create_time: Millis,
    },
    /// One side has read.
    Read {
        /// The tenant.
        tenant: TenantId,
        /// The member.
        member: UserId,
        /// What was read.
        read: Read,
    },
    /// Pinned or unpinned.
    Pinned {
        /// The tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
        /// The new state.
        pinned: bool,
    },
    /// Deleted by admins.
    Deleted {
        /// The tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
    },
}

/// The ids that batches take from.
#[derive(Debug)]
pub struct Ids {
    conversations: IdStock,
    messages: IdStock,
}

impl Ids {
    /// Empty stocks; the blocks bound how many ids a restart leaves unused.
    pub const fn new() -> Self {
        Self { conversations: IdStock::new(IdKind::Conversation, 128), messages: IdStock::new(IdKind::Message, 4096) }
    }

    /// Forgets what was taken in a transaction that failed: the table has it again.
    pub const fn discard(&mut self) {
        *self = Self::new();
    }

    /// Makes sure that `count` messages get an id.
    pub(super) fn refill_messages(&mut self, connection: &mut AnyConnection, count: usize) -> Result<()> {
        self.messages.refill(connection, i64::try_from(count).map_err(Error::internal)?)
    }

    /// The next message's id.
    pub(super) fn message(&mut self) -> Result<MessageId> {
        self.messages.take().map(MessageId::new).ok_or_else(|| Error::internal("no message id in stock"))
    }
}

/// A conversation of the batch and what the batch did to it.
pub(super) struct Entry {
    pub conversation: Conversation,
    /// The place in the batch of its newest message.
    pub last: Option<usize>,
    pub marked: bool,
}

/// The outcome of each command, in order, and what to tell.
pub type Outcome = (Vec<Result<Done>>, Vec<Change>);

/// Runs the commands inside the current write transaction; `hub` knows what this node has told before.
///
/// # Errors
/// Only what spoils the whole batch; a command that is refused has its error among the outcomes.
pub fn run(
    connection: &mut AnyConnection,
    ids: &mut Ids,
    commands: &[&Command],
    now: Millis,
    hub: &Hub,
) -> Result<Outcome> {
    let timestamp = to_timestamp(now);
    let mut changes = Vec::with_capacity(commands.len());
    let (named, members) = targets(commands, now);
    let mut conversations = Conversations::lock(connection, ids, named, members, &mut changes)?;
    let untold = elsewhere::untold(connection, hub, conversations.all(), now)?;
    changes.extend(untold.into_iter().map(|message| Change::Elsewhere(Box::new(message))));
    let mut outcomes: Vec<Option<Result<Done>>> = vec![None; commands.len()];

    let mut reads: Vec<Read> = Vec::new();
    for (outcome, command) in outcomes.iter_mut().zip(commands) {
        *outcome = conversations.mark(command, &mut reads, &mut changes);
    }

    let repeats = find_repeats(connection, &conversations, commands.iter().copied().filter_map(Command::message))?;
    let mut known: HashMap<RepeatKey<'_>, MessageId> =
        repeats.iter().map(|repeat| (repeat.key(), MessageId::new(repeat.id))).collect();
    let sends = commands.iter().filter(|command| command.message().is_some()).count();
    ids.refill_messages(connection, sends)?;
    let mut rows: Vec<NewRow<'_>> = Vec::with_capacity(sends);
    for (index, (outcome, command)) in outcomes.iter_mut().zip(commands).enumerate() {
        let Command::Send(message) = command else { continue };
        let Some(entry) = conversations.of(message.tenant, message.target) else {
            *outcome = Some(Err(Error::ConversationNotFound));
            continue;
        };
        let conversation = &mut entry.conversation;
        let key = repeat_key(conversation.id, message);
        if let Some(first) = key.and_then(|key| known.get(&key)) {
            *outcome = Some(Ok(Done::Repeated(*first)));
            continue;
        }
        let id = ids.message()?;
        let (seq, create_time) = conversation.advance(message.sender.user_type, now);
        entry.last = Some(index);
        if let Some(key) = key {
            known.insert(key, id);
        }
        let (conversation, member) = (conversation.id, conversation.member);
        rows.push(NewRow { id, conversation, member, seq, create_time, message });
        changes.push(Change::Sent { command: index, id, conversation, member, seq, create_time });
        *outcome = Some(Ok(Done::Sent(id)));
    }

    conversations.store(connection, |place| commands.get(place)?.message(), timestamp)?;
    if !rows.is_empty() {
        connection.insert(&rows)?;
    }
    if !reads.is_empty() {
        connection.mark_read(&reads, timestamp)?;
    }
    let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or(Ok(Done::Marked))).collect();
    Ok((outcomes, changes))
}

/// The conversations that the commands name by id, and the members whose own they mean, with the time at which one that
/// is new begins.
fn targets(commands: &[&Command], now: Millis) -> (Vec<ConversationId>, Vec<(Owner, Millis)>) {
    let (mut named, mut members) = (Vec::new(), Vec::new());
    for command in commands {
        match command {
            Command::Send(NewMessage { tenant, target: Target::OfMember(member), .. }) => {
                members.push(((*tenant, *member), now));
            }
            Command::Send(NewMessage { target: Target::Id(conversation), .. })
            | Command::MarkRead { conversation, .. }
            | Command::Pin { conversation, .. }
            | Command::Delete { conversation, .. } => named.push(*conversation),
        }
    }
    (named, members)
}

/// The messages that were stored before under the `clientMessageId`s of these.
pub(super) fn find_repeats<'a>(
    connection: &mut AnyConnection,
    conversations: &Conversations,
    messages: impl Iterator<Item = &'a NewMessage>,
) -> Result<Vec<Repeat>> {
    let keys: Vec<RepeatKey<'_>> = messages
        .filter_map(|message| repeat_key(conversations.id_of(message.tenant, message.target)?, message))
        .collect();
    if keys.is_empty() { Ok(Vec::new()) } else { Ok(connection.find_repeats(&keys)?) }
}

pub(super) fn repeat_key(conversation: ConversationId, message: &NewMessage) -> Option<RepeatKey<'_>> {
    let client_message_id = message.client_message_id.as_deref()?;
    Some((conversation.get(), message.sender.user_type.code(), message.sender.id.get(), client_message_id))
}

/// Whose own conversation is meant.
type Owner = (TenantId, UserId);

/// The locked conversations of a batch.
pub(super) struct Conversations {
    entries: HashMap<ConversationId, Entry>,
    by_member: HashMap<Owner, ConversationId>,
}

impl Conversations {
    /// Locks these conversations and those of these members, and creates those of members who have none yet, each
    /// beginning at the first of the times given with the member.
    pub(super) fn lock(
        connection: &mut AnyConnection,
        ids: &mut Ids,
        mut named: Vec<ConversationId>,
        mut members: Vec<(Owner, Millis)>,
        changes: &mut Vec<Change>,
    ) -> Result<Self> {
        named.sort_unstable();
        named.dedup();
        members.sort_by_key(|(member, _)| *member);
        members.dedup_by_key(|(member, _)| *member);

        let mut locked = Self { entries: HashMap::new(), by_member: HashMap::new() };
        if !named.is_empty() {
            locked.add(connection.lock_by_ids(&named)?);
        }
        if !members.is_empty() {
            let all: Vec<Owner> = members.iter().map(|(member, _)| *member).collect();
            locked.add(connection.lock_by_members(&all)?);
            members.retain(|(member, _)| !locked.by_member.contains_key(member));
        }
        if !members.is_empty() {
            locked.create(connection, ids, &members, changes)?;
        }
        Ok(locked)
    }

    fn create(
        &mut self,
        connection: &mut AnyConnection,
        ids: &mut Ids,
        members: &[(Owner, Millis)],
        changes: &mut Vec<Change>,
    ) -> Result<()> {
        ids.conversations.refill(connection, i64::try_from(members.len()).map_err(Error::internal)?)?;
        let mut created = Vec::with_capacity(members.len());
        for ((tenant, member), begin) in members {
            let id = ids.conversations.take().ok_or_else(|| Error::internal("no conversation id in stock"))?;
            created.push(Conversation::new(ConversationId::new(id), *tenant, *member, *begin));
        }
        connection.create(&created)?;
        // Another node may have been first; what stands in the table now is the one conversation (invariant 4).
        let owners: Vec<Owner> = members.iter().map(|(member, _)| *member).collect();
        self.add(connection.lock_by_members(&owners)?);
        for conversation in created.iter().filter(|conversation| self.entries.contains_key(&conversation.id)) {
            let Conversation { id, tenant, member, .. } = *conversation;
            changes.push(Change::Created { tenant, conversation: id, member });
        }
        Ok(())
    }

    fn add(&mut self, conversations: Vec<Conversation>) {
        for conversation in conversations {
            self.by_member.insert((conversation.tenant, conversation.member), conversation.id);
            self.entries.insert(conversation.id, Entry { conversation, last: None, marked: false });
        }
    }

    fn id_of(&self, tenant: TenantId, target: Target) -> Option<ConversationId> {
        match target {
            Target::OfMember(member) => self.by_member.get(&(tenant, member)).copied(),
            Target::Id(id) => self
                .entries
                .get(&id)
                .filter(|entry| entry.conversation.tenant == tenant)
                .map(|entry| entry.conversation.id),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Conversation> {
        self.entries.values().map(|entry| &entry.conversation)
    }

    pub(super) fn of(&mut self, tenant: TenantId, target: Target) -> Option<&mut Entry> {
        let id = self.id_of(tenant, target)?;
        self.entries.get_mut(&id)
    }

    /// Does what a command other than a send asks; `None` for a send.
    fn mark(&mut self, command: &Command, reads: &mut Vec<Read>, changes: &mut Vec<Change>) -> Option<Result<Done>> {
        let (tenant, conversation) = match command {
            Command::Send(_) => return None,
            Command::MarkRead { tenant, conversation, .. }
            | Command::Pin { tenant, conversation, .. }
            | Command::Delete { tenant, conversation } => (*tenant, *conversation),
        };
        let Some(entry) = self.of(tenant, Target::Id(conversation)) else {
            return Some(Err(Error::ConversationNotFound));
        };
        let row = &mut entry.conversation;
        let change = match command {
            Command::Send(_) => return None,
            Command::MarkRead { reader, .. } => row.read_by(*reader).map(|read| {
                reads.push(read);
                Change::Read { tenant, member: row.member, read }
            }),
            Command::Pin { pinned, .. } => (std::mem::replace(&mut row.admin_pinned, *pinned) != *pinned)
                .then_some(Change::Pinned { tenant, conversation, pinned: *pinned }),
            Command::Delete { .. } => {
                (!std::mem::replace(&mut row.admin_deleted, true)).then_some(Change::Deleted { tenant, conversation })
            }
        };
        entry.marked |= change.is_some();
        changes.extend(change);
        Some(Ok(Done::Marked))
    }

    /// Stores every conversation that the batch changed; `message` gives the message at a place in the batch.
    pub(super) fn store<'a>(
        &self,
        connection: &mut AnyConnection,
        message: impl Fn(usize) -> Option<&'a NewMessage>,
        now: NaiveDateTime,
    ) -> Result<()> {
        let mut advanced = Vec::with_capacity(self.entries.len());
        let mut marked = Vec::new();
        for entry in self.entries.values() {
            match entry.last.and_then(&message) {
                Some(message) => advanced.push((
                    &entry.conversation,
                    LastMessage {
                        content: &message.content,
                        content_type: message.content_type,
                        sender: message.sender.id,
                    },
                )),
                None if entry.marked => marked.push(&entry.conversation),
                None => {}
            }
        }
        if !advanced.is_empty() {
            connection.store_advanced(&advanced, now)?;
        }
        if !marked.is_empty() {
            connection.store_marks(&marked, now)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
