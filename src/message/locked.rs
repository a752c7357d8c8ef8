//! The conversations of a batch: read under their locks, changed in memory, stored with absolute values.

use std::collections::HashMap;

use chrono::NaiveDateTime;

use super::ids::Ids;
use super::store::{Repeat, RepeatKey, WriteMessages};
use super::{NewMessage, Target};
use crate::clock::Millis;
use crate::conversation::Conversation;
use crate::conversation::store::{LastMessage, WriteConversations};
use crate::db::AnyConnection;
use crate::error::Result;
use crate::id::{ConversationId, TenantId, UserId};

/// A conversation of the batch and what the batch did to it.
pub(super) struct Entry {
    pub conversation: Conversation,
    /// The place in the batch of its newest message.
    pub last: Option<usize>,
    pub marked: bool,
}

/// Whose own conversation is meant.
pub(super) type Owner = (TenantId, UserId);

/// The locked conversations of a batch.
pub(super) struct Conversations {
    entries: HashMap<ConversationId, Entry>,
    by_member: HashMap<Owner, ConversationId>,
    /// Those that were to be created.
    created: Vec<ConversationId>,
}

impl Conversations {
    /// Locks these conversations and those of these members, and creates those of members who have none yet, each
    /// beginning at the first of the times given with the member.
    pub(super) fn lock(
        connection: &mut AnyConnection,
        ids: &mut Ids,
        mut named: Vec<ConversationId>,
        mut members: Vec<(Owner, Millis)>,
    ) -> Result<Self> {
        named.sort_unstable();
        named.dedup();
        members.sort_by_key(|(member, _)| *member);
        members.dedup_by_key(|(member, _)| *member);

        let mut locked = Self { entries: HashMap::new(), by_member: HashMap::new(), created: Vec::new() };
        if !named.is_empty() {
            locked.add(connection.lock_by_ids(&named)?);
        }
        if !members.is_empty() {
            let all: Vec<Owner> = members.iter().map(|(member, _)| *member).collect();
            locked.add(connection.lock_by_members(&all)?);
            members.retain(|(member, _)| !locked.by_member.contains_key(member));
        }
        if !members.is_empty() {
            locked.create(connection, ids, &members)?;
        }
        Ok(locked)
    }

    fn create(&mut self, connection: &mut AnyConnection, ids: &mut Ids, members: &[(Owner, Millis)]) -> Result<()> {
        ids.refill_conversations(connection, members.len())?;
        let mut created = Vec::with_capacity(members.len());
        for ((tenant, member), begin) in members {
            created.push(Conversation::new(ids.conversation()?, *tenant, *member, *begin));
        }
        connection.create(&created)?;
        // Another node may have been first; what stands in the table now is the one conversation (invariant 4).
        let owners: Vec<Owner> = members.iter().map(|(member, _)| *member).collect();
        self.add(connection.lock_by_members(&owners)?);
        self.created = created.into_iter().map(|conversation| conversation.id).collect();
        Ok(())
    }

    fn add(&mut self, conversations: Vec<Conversation>) {
        for conversation in conversations {
            self.by_member.insert((conversation.tenant, conversation.member), conversation.id);
            self.entries.insert(conversation.id, Entry { conversation, last: None, marked: false });
        }
    }

    /// The conversation that a target means, if it is the tenant's.
    pub(super) fn id_of(&self, tenant: TenantId, target: Target) -> Option<ConversationId> {
        match target {
            Target::OfMember(member) => self.by_member.get(&(tenant, member)).copied(),
            Target::Id(id) => self
                .entries
                .get(&id)
                .filter(|entry| entry.conversation.tenant == tenant)
                .map(|entry| entry.conversation.id),
        }
    }

    /// The messages that were stored before under the `clientMessageId`s of these.
    pub(super) fn find_repeats<'a>(
        &self,
        connection: &mut AnyConnection,
        messages: impl Iterator<Item = &'a NewMessage>,
    ) -> Result<Vec<Repeat>> {
        let keys: Vec<RepeatKey<'_>> =
            messages.filter_map(|message| repeat_key(self.id_of(message.tenant, message.target)?, message)).collect();
        if keys.is_empty() { Ok(Vec::new()) } else { Ok(connection.find_repeats(&keys)?) }
    }

    /// Those that did not exist before, in the order of their ids.
    pub(super) fn created(&self) -> impl Iterator<Item = &Conversation> {
        // Not those that another node has created meanwhile.
        self.created.iter().filter_map(|id| self.entries.get(id)).map(|entry| &entry.conversation)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Conversation> {
        self.entries.values().map(|entry| &entry.conversation)
    }

    pub(super) fn of(&mut self, tenant: TenantId, target: Target) -> Option<&mut Entry> {
        let id = self.id_of(tenant, target)?;
        self.entries.get_mut(&id)
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

/// What makes a repeat of this message known; `None` when the sender does not care.
pub(super) fn repeat_key(conversation: ConversationId, message: &NewMessage) -> Option<RepeatKey<'_>> {
    let client_message_id = message.client_message_id.as_deref()?;
    Some((conversation.get(), message.sender.user_type.code(), message.sender.id.get(), client_message_id))
}
