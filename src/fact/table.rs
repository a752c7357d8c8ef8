//! The one table from a fact to its audience and frame (docs/contract.md#websocket; docs/websocket.md).
//!
//! Each match is exhaustive, so that a new fact does not compile until its row is complete.

use bytes::Bytes;

use super::Fact;
use super::frames::{
    AgentChanged, Created, Deleted, Hidden, Linked, Marked, MemberUpdated, Pinned, QueuePosition, Read, ServerFrame,
    Typing,
};
use crate::access::Permission;
use crate::error::Result;
use crate::id::{ConversationId, TenantId, UserType};
use crate::push::{Audience, Event, Position};
use crate::ws::frame;

impl Fact {
    /// The event for the sockets of its audience.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when its content cannot be JSON, which no content of ours brings about.
    pub(crate) fn event(&self) -> Result<Event> {
        let frame = self
            .frame()
            .inspect_err(|error| tracing::error!(%error, fact = self.name(), "no frame could be built of a fact"))?;
        Ok(Event { tenant: self.tenant(), audience: self.audience(), frame, position: self.position() })
    }

    /// The tenant in which it has happened.
    pub(crate) const fn tenant(&self) -> TenantId {
        match self {
            Self::ConversationCreated { tenant, .. }
            | Self::MessageStored { tenant, .. }
            | Self::MessagesRead { tenant, .. }
            | Self::ConversationPinned { tenant, .. }
            | Self::ConversationDeleted { tenant, .. }
            | Self::ConversationHidden { tenant, .. }
            | Self::ConversationMarked { tenant, .. }
            | Self::ConversationLinked { tenant, .. }
            | Self::MemberUpdated { tenant, .. }
            | Self::TaskChanged { tenant, .. }
            | Self::OwnTaskChanged { tenant, .. }
            | Self::TaskOffered { tenant, .. }
            | Self::QueuePosition { tenant, .. }
            | Self::AgentChanged { tenant, .. }
            | Self::Typing { tenant, .. } => *tenant,
        }
    }

    /// The conversation that admins of a limited sight have to see to hear of it.
    pub(crate) fn conversation(&self) -> Option<ConversationId> {
        match *self {
            Self::MessageStored { ref message, .. } => Some(message.conversation_id),
            Self::ConversationCreated { conversation, .. }
            | Self::MessagesRead { conversation, .. }
            | Self::ConversationPinned { conversation, .. }
            | Self::ConversationDeleted { conversation, .. }
            | Self::ConversationMarked { conversation, .. }
            | Self::ConversationLinked { conversation, .. }
            | Self::MemberUpdated { conversation, .. }
            | Self::Typing { conversation, .. } => Some(conversation),
            Self::TaskChanged { ref task, .. } => Some(task.conversation_id),
            // It says itself who hears of it.
            Self::ConversationHidden { .. }
            | Self::OwnTaskChanged { .. }
            | Self::QueuePosition { .. }
            | Self::TaskOffered { .. }
            | Self::AgentChanged { .. } => None,
        }
    }

    /// Its name outside of this service: in logs, and for webhooks.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::ConversationCreated { .. } => "conversation.created",
            Self::MessageStored { .. } => "message.created",
            Self::MessagesRead { .. } => "message.read",
            Self::ConversationPinned { .. } => "conversation.pinned",
            Self::ConversationDeleted { .. } => "conversation.deleted",
            Self::ConversationHidden { .. } => "conversation.hidden",
            Self::ConversationMarked { .. } => "conversation.marked",
            Self::ConversationLinked { .. } => "conversation.linked",
            Self::MemberUpdated { .. } => "member.updated",
            Self::TaskChanged { .. } => "task.changed",
            Self::OwnTaskChanged { .. } => "task.own_changed",
            Self::TaskOffered { .. } => "task.offered",
            Self::QueuePosition { .. } => "task.queue_position",
            Self::AgentChanged { .. } => "agent.changed",
            Self::Typing { .. } => "conversation.typing",
        }
    }

    /// Its recipients.
    fn audience(&self) -> Audience {
        let admins = || Audience::admins(Permission::QueryMessages);
        match *self {
            Self::MessageStored { member, .. }
            | Self::MessagesRead { member, .. }
            | Self::ConversationLinked { member, .. } => admins().and_member(member),
            Self::ConversationCreated { .. }
            | Self::ConversationPinned { .. }
            | Self::ConversationDeleted { .. }
            | Self::ConversationMarked { .. }
            | Self::MemberUpdated { .. } => admins(),
            Self::ConversationHidden { conversation, before, now, .. } => {
                admins().within(before, Some(now)).hiding(conversation.get())
            }
            Self::TaskChanged { .. } => Audience::admins(Permission::QueryTasks),
            Self::OwnTaskChanged { member, .. } | Self::QueuePosition { member, .. } => {
                Audience::default().and_member(member)
            }
            Self::TaskOffered { agent, .. } => Audience::default().and_users([(UserType::Admin, agent)]),
            Self::AgentChanged { agent, .. } => {
                Audience::admins(Permission::SuperviseTasks).and_users([(UserType::Admin, agent)])
            }
            Self::Typing { user_type: UserType::Member, .. } => admins(),
            Self::Typing { user_type: UserType::Admin, member, user, .. } => {
                admins().and_member(member).except((UserType::Admin, user))
            }
        }
    }

    /// Its frame as it goes over the wire.
    fn frame(&self) -> Result<Bytes> {
        match *self {
            Self::ConversationCreated { conversation, member, .. } => {
                build(ServerFrame::Created, &Created { conversation_id: conversation, user_id: member })
            }
            Self::MessageStored { ref message, .. } => build(ServerFrame::Message, message),
            Self::MessagesRead { conversation, reader, up_to_seq, .. } => {
                let kind = match reader {
                    UserType::Admin => ServerFrame::ReadByAdmin,
                    UserType::Member => ServerFrame::ReadByMember,
                };
                build(kind, &Read { conversation_id: conversation, reader_type: reader.code(), seq: up_to_seq })
            }
            Self::ConversationPinned { conversation, pinned, .. } => {
                build(ServerFrame::Pinned, &Pinned { conversation_id: conversation, admin_pinned: pinned })
            }
            Self::ConversationDeleted { conversation, .. } => {
                build(ServerFrame::Deleted, &Deleted { conversation_id: conversation })
            }
            Self::ConversationHidden { conversation, .. } => {
                build(ServerFrame::Hidden, &Hidden { conversation_id: conversation })
            }
            Self::ConversationMarked { conversation, marked_unread, .. } => {
                build(ServerFrame::Marked, &Marked { conversation_id: conversation, marked_unread })
            }
            Self::ConversationLinked { conversation, member, visitor, .. } => {
                let content = Linked { conversation_id: conversation, user_id: member, previous_user_id: visitor };
                build(ServerFrame::Linked, &content)
            }
            Self::MemberUpdated { conversation, member, .. } => {
                build(ServerFrame::MemberUpdated, &MemberUpdated { conversation_id: conversation, user_id: member })
            }
            Self::TaskChanged { ref task, .. } => build(ServerFrame::Task, task),
            Self::OwnTaskChanged { ref task, .. } => build(ServerFrame::Task, task),
            Self::TaskOffered { ref task, .. } => build(ServerFrame::TaskOffer, task),
            Self::QueuePosition { conversation, place, waiting, .. } => {
                let text = format!("当前正在等待人数为{place}人");
                let content = QueuePosition { conversation_id: conversation, place, waiting, text };
                build(ServerFrame::QueuePosition, &content)
            }
            Self::AgentChanged { agent, duty, load, .. } => {
                build(ServerFrame::Agent, &AgentChanged { admin_id: agent, duty, load })
            }
            Self::Typing { conversation, user_type, user, .. } => {
                let content = Typing { conversation_id: conversation, user_id: user, user_type: user_type.code() };
                build(ServerFrame::Typing, &content)
            }
        }
    }

    /// Where it stands in a stream that can be replayed: a message in its conversation.
    const fn position(&self) -> Option<Position> {
        match self {
            Self::MessageStored { message, .. } => {
                Some(Position { stream: message.conversation_id.get(), seq: message.seq })
            }
            Self::ConversationCreated { .. }
            | Self::MessagesRead { .. }
            | Self::ConversationPinned { .. }
            | Self::ConversationDeleted { .. }
            | Self::ConversationHidden { .. }
            | Self::ConversationMarked { .. }
            | Self::ConversationLinked { .. }
            | Self::MemberUpdated { .. }
            | Self::TaskChanged { .. }
            | Self::OwnTaskChanged { .. }
            | Self::TaskOffered { .. }
            | Self::QueuePosition { .. }
            | Self::AgentChanged { .. }
            | Self::Typing { .. } => None,
        }
    }
}

fn build(kind: ServerFrame, content: &impl serde::Serialize) -> Result<Bytes> {
    frame::event(kind.as_str(), content)
}
