//! What a group of commands does, as one write transaction with a fixed number of statements.
//!
//! The conversations are read under their locks, changed in memory, and stored with absolute values. Marks come before
//! sends, whatever the order in the queue: whoever marks a conversation as read or deletes it has not seen a message
//! of the same batch, because nothing of this batch has been pushed yet. So a message that arrives in between stays
//! unread, and new mail brings a conversation back (contract, faults 2 and 7).

use std::collections::HashMap;

use super::ids::Ids;
use super::locked::{Conversations, Owner, repeat_key};
use super::recovered::{self, Recovered};
use super::store::{NewRow, RepeatKey, WriteMessages};
use super::{NewMessage, Target};
use crate::clock::{Millis, to_timestamp};
use crate::conversation::{Conversation, Read};
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::id::{ConversationId, MessageId, TenantId, UserId, UserType};
use crate::push::Hub;

/// Something that changes a conversation.
#[derive(Clone, Debug)]
pub(crate) enum Command {
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
    pub(crate) const fn content_bytes(&self) -> usize {
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
pub(crate) enum Done {
    /// Stored under this id.
    Sent(MessageId),
    /// Known by its `clientMessageId`: the first one's id.
    Repeated(MessageId),
    /// Marked, or nothing was left to mark.
    Marked,
}

/// What has to be told after the commit, in order.
#[derive(Debug)]
pub(crate) enum Change {
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
    Recovered(Box<Recovered>),
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

impl Change {
    const fn created(conversation: &Conversation) -> Self {
        let Conversation { id, tenant, member, .. } = *conversation;
        Self::Created { tenant, conversation: id, member }
    }
}

/// The outcome of each command, in order, and what to tell.
pub(crate) type Outcome = (Vec<Result<Done>>, Vec<Change>);

/// Runs the commands inside the current write transaction; `hub` knows what this node has told before.
///
/// # Errors
/// Only what spoils the whole batch; a command that is refused has its error among the outcomes.
pub(crate) fn run(
    connection: &mut AnyConnection,
    ids: &mut Ids,
    commands: &[&Command],
    now: Millis,
    hub: &Hub,
) -> Result<Outcome> {
    let timestamp = to_timestamp(now);
    let mut changes = Vec::with_capacity(commands.len());
    let (named, members) = targets(commands, now);
    let mut conversations = Conversations::lock(connection, ids, named, members)?;
    changes.extend(conversations.created().map(Change::created));
    let recovered = recovered::read(connection, hub, conversations.all())?;
    changes.extend(recovered.into_iter().map(|message| Change::Recovered(Box::new(message))));
    let mut outcomes: Vec<Option<Result<Done>>> = vec![None; commands.len()];

    let mut reads: Vec<Read> = Vec::new();
    for (outcome, command) in outcomes.iter_mut().zip(commands) {
        *outcome = mark(&mut conversations, command, &mut reads, &mut changes);
    }

    let repeats = conversations.find_repeats(connection, commands.iter().copied().filter_map(Command::message))?;
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

/// Does what a command other than a send asks; `None` for a send.
fn mark(
    conversations: &mut Conversations,
    command: &Command,
    reads: &mut Vec<Read>,
    changes: &mut Vec<Change>,
) -> Option<Result<Done>> {
    let (tenant, conversation) = match command {
        Command::Send(_) => return None,
        Command::MarkRead { tenant, conversation, .. }
        | Command::Pin { tenant, conversation, .. }
        | Command::Delete { tenant, conversation } => (*tenant, *conversation),
    };
    let Some(entry) = conversations.of(tenant, Target::Id(conversation)) else {
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

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
