//! What the commands of a batch work on.

use std::any::Any;

use super::ids::Ids;
use super::locked::{Conversations, Locked, Wanted};
use super::{Shared, Stream};
use crate::clock::{Millis, to_timestamp};
use crate::conversation::{Conversation, Target, read_only};
use crate::db::AnyConnection;
use crate::db::id_block::IdKind;
use crate::error::{Error, Result};
use crate::fact::{ContentType, Fact, MessageView, Style};
use crate::id::{ConversationId, MessageId, TaskId, TenantId, UserId, UserType};

/// The locked conversations of a transaction, the ids it may take, and what has happened in it so far.
pub(crate) struct Desk<'a> {
    conversations: Conversations<'a>,
    ids: Ids,
    facts: Vec<Fact>,
    toasts: Vec<(TenantId, MessageView)>,
    /// One of each type at most, and none unless a command asks.
    shared: Vec<Box<dyn AnyShared>>,
    now: Millis,
}

/// Something [`Shared`] of any type.
trait AnyShared: Any {
    fn write(&mut self, connection: &mut AnyConnection, now: Millis) -> Result<Vec<Fact>>;
}

impl<S: Shared> AnyShared for S {
    fn write(&mut self, connection: &mut AnyConnection, now: Millis) -> Result<Vec<Fact>> {
        Shared::write(self, connection, now)
    }
}

impl<'a> Desk<'a> {
    /// Locks the wanted conversations and creates those that are to exist, inside the current write transaction.
    pub(crate) fn open(connection: &mut AnyConnection, mut ids: Ids, wanted: Wanted) -> Result<Self> {
        let now = wanted.now();
        let conversations = Conversations::lock(connection, &mut ids, wanted)?;
        let created = |conversation: &Conversation| {
            let Conversation { id, tenant, member, .. } = *conversation;
            Fact::ConversationCreated { tenant, conversation: id, member }
        };
        let facts = conversations.created().map(created).collect();
        Ok(Self { conversations, ids, facts, toasts: Vec::new(), shared: Vec::new(), now })
    }

    /// The batch's time.
    pub(crate) const fn now(&self) -> Millis {
        self.now
    }

    /// Every locked conversation.
    pub(super) fn conversations(&self) -> impl Iterator<Item = &Conversation> {
        self.conversations.all()
    }

    /// The conversation that a target means, if it is the tenant's.
    pub(crate) fn find(&self, tenant: TenantId, target: Target) -> Option<&Conversation> {
        self.conversations.find(tenant, target)
    }

    /// The same, to be changed.
    ///
    /// # Errors
    /// [`Error::ConversationNotFound`]; [`read_only`] for one that is closed.
    pub(crate) fn conversation(&mut self, tenant: TenantId, target: Target) -> Result<&mut Locked<'a>> {
        let locked = self.conversations.get_mut(tenant, target).ok_or(Error::ConversationNotFound)?;
        if locked.is_closed() { Err(read_only()) } else { Ok(locked) }
    }

    /// A conversation is another member's from here on, who has none. The command stores that.
    pub(crate) fn hand_over(&mut self, id: ConversationId, member: UserId) {
        self.conversations.hand_over(id, member);
    }

    /// A closed conversation keeps the place of its member from here on. The command stores it.
    pub(crate) fn keep_place(&mut self, closed: Conversation) {
        self.conversations.keep_place(closed);
    }

    /// Makes sure that `count` ids of this kind can be taken.
    pub(crate) fn reserve(&mut self, connection: &mut AnyConnection, kind: IdKind, count: usize) -> Result<()> {
        self.ids.refill(connection, kind, count)
    }

    /// The next id of this kind.
    ///
    /// # Errors
    /// [`Error::Internal`] when more are taken than were reserved.
    pub(crate) fn id(&mut self, kind: IdKind) -> Result<i64> {
        self.ids.take(kind)
    }

    /// Takes what commands of several kinds share, which is empty at first. To be put back by [`Desk::put`].
    pub(crate) fn take<S: Shared>(&mut self) -> Box<S> {
        let place = self.shared.iter().position(|shared| {
            let shared: &dyn Any = shared.as_ref();
            shared.is::<S>()
        });
        let found: Option<Box<dyn Any>> = place.map(|place| {
            let any: Box<dyn Any> = self.shared.swap_remove(place);
            any
        });
        found.and_then(|found| found.downcast().ok()).unwrap_or_default()
    }

    /// Puts back what was taken.
    pub(crate) fn put<S: Shared>(&mut self, shared: Box<S>) {
        self.shared.push(shared);
    }

    /// Writes what commands of several kinds share.
    pub(super) fn write_shared(&mut self, connection: &mut AnyConnection) -> Result<()> {
        for shared in &mut self.shared {
            self.facts.extend(shared.write(connection, self.now)?);
        }
        Ok(())
    }

    /// Tells a line about a round of service in a locked conversation, which stands between its messages and is read from the
    /// beginning. Returns its `seq`. Its id is one of [`IdKind::Message`], which the command has reserved.
    ///
    /// # Errors
    /// As [`Desk::conversation`] and [`Desk::id`].
    pub(crate) fn tell(
        &mut self,
        tenant: TenantId,
        conversation: ConversationId,
        task: TaskId,
        text: String,
    ) -> Result<i64> {
        let (id, now) = (MessageId::new(self.id(IdKind::Message)?), self.now);
        let locked = self.conversation(tenant, Target::Id(conversation))?;
        let (seq, create_time) = locked.advance_by_toast(now);
        let member = locked.member;
        let message = MessageView {
            id,
            conversation_id: conversation,
            sender_id: Style::SERVICE,
            sender_avatar: None,
            sender_type: UserType::Admin.code(),
            receiver_id: Some(member),
            receiver_type: Some(UserType::Member.code()),
            content_type: ContentType::System.code(),
            content: text,
            read_status: true,
            create_time,
            seq,
            client_message_id: None,
            sender_nickname: String::new(),
            task_id: Some(task),
            style: Some(Style::Toast),
        };
        self.toasts.push((tenant, message.clone()));
        self.record(Fact::MessageStored { tenant, member, message: Box::new(message) });
        Ok(seq)
    }

    /// Writes the lines that were told.
    pub(super) fn write_toasts(&self, connection: &mut AnyConnection, stream: &Stream) -> Result<()> {
        if self.toasts.is_empty() { Ok(()) } else { (stream.insert_toasts)(connection, &self.toasts) }
    }

    /// Records what has happened: its event is published after the commit, in the order of the records.
    pub(crate) fn record(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// Stores every conversation that was changed.
    pub(crate) fn store(&self, connection: &mut AnyConnection) -> Result<()> {
        self.conversations.store(connection, to_timestamp(self.now))
    }

    /// What has happened, and the ids that are left.
    pub(crate) fn close(self) -> (Vec<Fact>, Ids) {
        (self.facts, self.ids)
    }
}
