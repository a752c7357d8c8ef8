//! The conversations of a batch: read under their locks, changed in memory, stored with absolute values.

use std::collections::HashMap;

use chrono::NaiveDateTime;

use super::ids::Ids;
use crate::clock::Millis;
use crate::conversation::{Conversation, LastMessage, Target, WriteConversations};
use crate::db::AnyConnection;
use crate::db::id_block::IdKind;
use crate::error::Result;
use crate::id::{ConversationId, TenantId, UserId, UserType};

/// The member of a tenant who owns a conversation.
type Owner = (TenantId, UserId);

/// Which conversations a batch needs.
#[derive(Debug)]
pub(crate) struct Wanted {
    now: Millis,
    ids: Vec<ConversationId>,
    /// With the time at which a conversation that does not exist begins; `None` when it is not to be created.
    members: Vec<(Owner, Option<Millis>)>,
}

impl Wanted {
    /// None yet, for a batch at this time.
    pub(crate) const fn new(now: Millis) -> Self {
        Self { now, ids: Vec::new(), members: Vec::new() }
    }

    /// The batch's time.
    pub(super) const fn now(&self) -> Millis {
        self.now
    }

    /// The conversation that the target means, if there is one.
    pub(crate) fn lock(&mut self, tenant: TenantId, target: Target) {
        match target {
            Target::OfMember(member) => self.members.push(((tenant, member), None)),
            Target::Id(id) => self.ids.push(id),
        }
    }

    /// As [`Wanted::lock`]; a member's own is created if there is none.
    pub(crate) fn create(&mut self, tenant: TenantId, target: Target) {
        match target {
            Target::OfMember(member) => self.create_at(tenant, member, self.now),
            Target::Id(id) => self.ids.push(id),
        }
    }

    /// A member's own conversation, created with this time as its beginning if there is none. The first time named for
    /// a member counts.
    pub(crate) fn create_at(&mut self, tenant: TenantId, member: UserId, begin: Millis) {
        self.members.push(((tenant, member), Some(begin)));
    }

    /// Each conversation once, in the order in which rows are locked.
    fn sort(&mut self) {
        self.ids.sort_unstable();
        self.ids.dedup();
        self.members.sort_by_key(|(owner, _)| *owner);
        self.members.dedup_by(|(owner, begin), (kept_owner, kept_begin)| {
            let same = owner == kept_owner;
            if same {
                *kept_begin = kept_begin.or(*begin);
            }
            same
        });
    }
}

/// A locked conversation and what the batch did to it.
pub(crate) struct Locked<'a> {
    conversation: Conversation,
    /// Its newest message of this batch.
    last: Option<LastMessage<'a>>,
    told: bool,
    marked: bool,
}

impl<'a> Locked<'a> {
    /// Takes a new message and returns its `seq` and time ([`Conversation::advance`]).
    pub(crate) fn advance(&mut self, message: LastMessage<'a>, from: UserType, now: Millis) -> (i64, Millis) {
        self.last = Some(message);
        self.conversation.advance(from, now)
    }

    /// Takes a toast and returns its `seq` and time ([`Conversation::advance_by_toast`]).
    pub(super) fn advance_by_toast(&mut self, now: Millis) -> (i64, Millis) {
        self.told = true;
        self.conversation.advance_by_toast(now)
    }

    /// Changes something other than messages; `change` returns `None` when nothing had to be changed, and then nothing is
    /// stored.
    pub(crate) fn mark<T>(&mut self, change: impl FnOnce(&mut Conversation) -> Option<T>) -> Option<T> {
        let changed = change(&mut self.conversation);
        self.marked |= changed.is_some();
        changed
    }
}

impl std::ops::Deref for Locked<'_> {
    type Target = Conversation;

    fn deref(&self) -> &Conversation {
        &self.conversation
    }
}

/// The locked conversations of a batch.
pub(super) struct Conversations<'a> {
    locked: HashMap<ConversationId, Locked<'a>>,
    by_member: HashMap<Owner, ConversationId>,
    /// Those that were to be created.
    created: Vec<ConversationId>,
}

impl<'a> Conversations<'a> {
    /// Locks the wanted conversations, those named by id first, and creates those that are to exist.
    pub(super) fn lock(connection: &mut AnyConnection, ids: &mut Ids, mut wanted: Wanted) -> Result<Self> {
        wanted.sort();
        let mut all = Self { locked: HashMap::new(), by_member: HashMap::new(), created: Vec::new() };
        if !wanted.ids.is_empty() {
            all.add(connection.lock_by_ids(&wanted.ids)?);
        }
        if !wanted.members.is_empty() {
            let owners: Vec<Owner> = wanted.members.iter().map(|(owner, _)| *owner).collect();
            all.add(connection.lock_by_members(&owners)?);
        }
        let missing: Vec<(Owner, Millis)> = wanted
            .members
            .into_iter()
            .filter(|(owner, _)| !all.by_member.contains_key(owner))
            .filter_map(|(owner, begin)| Some((owner, begin?)))
            .collect();
        if !missing.is_empty() {
            all.create(connection, ids, &missing)?;
        }
        Ok(all)
    }

    fn create(&mut self, connection: &mut AnyConnection, ids: &mut Ids, missing: &[(Owner, Millis)]) -> Result<()> {
        ids.refill(connection, IdKind::Conversation, missing.len())?;
        let mut created = Vec::with_capacity(missing.len());
        for ((tenant, member), begin) in missing {
            let id = ConversationId::new(ids.take(IdKind::Conversation)?);
            created.push(Conversation::new(id, *tenant, *member, *begin));
        }
        connection.create(&created)?;
        // Another node may have been first; the row in the table now is the one conversation (invariant 4).
        let owners: Vec<Owner> = missing.iter().map(|(owner, _)| *owner).collect();
        self.add(connection.lock_by_members(&owners)?);
        self.created = created.into_iter().map(|conversation| conversation.id).collect();
        Ok(())
    }

    fn add(&mut self, conversations: Vec<Conversation>) {
        for conversation in conversations {
            self.by_member.insert((conversation.tenant, conversation.member), conversation.id);
            self.locked.insert(conversation.id, Locked { conversation, last: None, told: false, marked: false });
        }
    }

    /// A conversation is another member's from here on.
    pub(super) fn hand_over(&mut self, id: ConversationId, member: UserId) {
        if let Some(locked) = self.locked.get_mut(&id) {
            let owner = (locked.conversation.tenant, std::mem::replace(&mut locked.conversation.member, member));
            self.by_member.remove(&owner);
            self.by_member.insert((owner.0, member), id);
        }
    }

    /// A closed conversation has its member's place from here on.
    pub(super) fn keep_place(&mut self, closed: Conversation) {
        self.add(vec![closed]);
    }

    fn id_of(&self, tenant: TenantId, target: Target) -> Option<ConversationId> {
        match target {
            Target::OfMember(member) => self.by_member.get(&(tenant, member)).copied(),
            Target::Id(id) => Some(id),
        }
    }

    /// The conversation that a target means, if it is the tenant's.
    pub(super) fn find(&self, tenant: TenantId, target: Target) -> Option<&Conversation> {
        let locked = self.locked.get(&self.id_of(tenant, target)?)?;
        (locked.tenant == tenant).then_some(&locked.conversation)
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self, tenant: TenantId, target: Target) -> Option<&mut Locked<'a>> {
        let id = self.id_of(tenant, target)?;
        self.locked.get_mut(&id).filter(|locked| locked.tenant == tenant)
    }

    /// Those that did not exist before, in the order of their ids.
    pub(super) fn created(&self) -> impl Iterator<Item = &Conversation> {
        // Not those that another node has created meanwhile.
        self.created.iter().filter_map(|id| self.locked.get(id)).map(|locked| &locked.conversation)
    }

    /// Every one that the batch has locked.
    pub(super) fn all(&self) -> impl Iterator<Item = &Conversation> {
        self.locked.values().map(|locked| &locked.conversation)
    }

    /// Stores every conversation that the batch changed.
    pub(super) fn store(&self, connection: &mut AnyConnection, now: NaiveDateTime) -> Result<()> {
        let mut advanced = Vec::with_capacity(self.locked.len());
        let (mut told, mut marked) = (Vec::new(), Vec::new());
        for locked in self.locked.values() {
            match locked.last {
                Some(message) => advanced.push((&locked.conversation, message)),
                None if locked.told => told.push(&locked.conversation),
                None if locked.marked => marked.push(&locked.conversation),
                None => {}
            }
        }
        if !advanced.is_empty() {
            connection.store_advanced(&advanced, now)?;
        }
        if !told.is_empty() {
            connection.store_told(&told, now)?;
        }
        if !marked.is_empty() {
            connection.store_marks(&marked, now)?;
        }
        Ok(())
    }
}
