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
use crate::id::UserType;
use crate::push::{Audience, Event, Position};
use crate::ws::frame as wire;

/// The event of a fact, for the sockets of its audience.
///
/// # Errors
/// [`crate::error::Error::Internal`] when its content cannot be JSON, which no content of ours brings about.
pub(crate) fn event(fact: &Fact) -> Result<Event> {
    let frame = frame(fact)
        .inspect_err(|error| tracing::error!(%error, fact = fact.name(), "no frame could be built of a fact"))?;
    Ok(Event { tenant: fact.tenant(), audience: audience(fact), frame, position: position(fact) })
}

/// Its recipients.
fn audience(fact: &Fact) -> Audience {
    let admins = || Audience::admins(Permission::QueryMessages);
    match *fact {
        Fact::MessageStored { member, .. }
        | Fact::MessagesRead { member, .. }
        | Fact::ConversationLinked { member, .. } => admins().and_member(member),
        Fact::ConversationCreated { .. }
        | Fact::ConversationPinned { .. }
        | Fact::ConversationDeleted { .. }
        | Fact::ConversationMarked { .. }
        | Fact::MemberUpdated { .. } => admins(),
        Fact::ConversationHidden { conversation, before, now, .. } => {
            admins().within(before, Some(now)).hiding(conversation.get())
        }
        Fact::TaskChanged { .. } => Audience::admins(Permission::QueryTasks),
        Fact::OwnTaskChanged { member, .. } | Fact::QueuePosition { member, .. } => {
            Audience::default().and_member(member)
        }
        Fact::TaskOffered { agent, .. } => Audience::default().and_users([(UserType::Admin, agent)]),
        Fact::AgentChanged { agent, .. } => {
            Audience::admins(Permission::SuperviseTasks).and_users([(UserType::Admin, agent)])
        }
        Fact::Typing { user_type: UserType::Member, .. } => admins(),
        Fact::Typing { user_type: UserType::Admin, member, user, .. } => {
            admins().and_member(member).except((UserType::Admin, user))
        }
    }
}

/// Its frame as it goes over the wire.
fn frame(fact: &Fact) -> Result<Bytes> {
    match *fact {
        Fact::ConversationCreated { conversation, member, .. } => {
            build(ServerFrame::Created, &Created { conversation_id: conversation, user_id: member })
        }
        Fact::MessageStored { ref message, .. } => build(ServerFrame::Message, message),
        Fact::MessagesRead { conversation, reader, up_to_seq, .. } => {
            let kind = match reader {
                UserType::Admin => ServerFrame::ReadByAdmin,
                UserType::Member => ServerFrame::ReadByMember,
            };
            build(kind, &Read { conversation_id: conversation, reader_type: reader.code(), seq: up_to_seq })
        }
        Fact::ConversationPinned { conversation, pinned, .. } => {
            build(ServerFrame::Pinned, &Pinned { conversation_id: conversation, admin_pinned: pinned })
        }
        Fact::ConversationDeleted { conversation, .. } => {
            build(ServerFrame::Deleted, &Deleted { conversation_id: conversation })
        }
        Fact::ConversationHidden { conversation, .. } => {
            build(ServerFrame::Hidden, &Hidden { conversation_id: conversation })
        }
        Fact::ConversationMarked { conversation, marked_unread, .. } => {
            build(ServerFrame::Marked, &Marked { conversation_id: conversation, marked_unread })
        }
        Fact::ConversationLinked { conversation, member, visitor, .. } => {
            let content = Linked { conversation_id: conversation, user_id: member, previous_user_id: visitor };
            build(ServerFrame::Linked, &content)
        }
        Fact::MemberUpdated { conversation, member, .. } => {
            build(ServerFrame::MemberUpdated, &MemberUpdated { conversation_id: conversation, user_id: member })
        }
        Fact::TaskChanged { ref task, .. } => build(ServerFrame::Task, task),
        Fact::OwnTaskChanged { ref task, .. } => build(ServerFrame::Task, task),
        Fact::TaskOffered { ref task, .. } => build(ServerFrame::TaskOffer, task),
        Fact::QueuePosition { conversation, place, waiting, .. } => {
            let text = format!("当前正在等待人数为{place}人");
            let content = QueuePosition { conversation_id: conversation, place, waiting, text };
            build(ServerFrame::QueuePosition, &content)
        }
        Fact::AgentChanged { agent, duty, load, .. } => {
            build(ServerFrame::Agent, &AgentChanged { admin_id: agent, duty, load })
        }
        Fact::Typing { conversation, user_type, user, .. } => {
            let content = Typing { conversation_id: conversation, user_id: user, user_type: user_type.code() };
            build(ServerFrame::Typing, &content)
        }
    }
}

/// Where it stands in a stream that can be replayed: a message in its conversation.
const fn position(fact: &Fact) -> Option<Position> {
    match fact {
        Fact::MessageStored { message, .. } => {
            Some(Position { stream: message.conversation_id.get(), seq: message.seq })
        }
        Fact::ConversationCreated { .. }
        | Fact::MessagesRead { .. }
        | Fact::ConversationPinned { .. }
        | Fact::ConversationDeleted { .. }
        | Fact::ConversationHidden { .. }
        | Fact::ConversationMarked { .. }
        | Fact::ConversationLinked { .. }
        | Fact::MemberUpdated { .. }
        | Fact::TaskChanged { .. }
        | Fact::OwnTaskChanged { .. }
        | Fact::TaskOffered { .. }
        | Fact::QueuePosition { .. }
        | Fact::AgentChanged { .. }
        | Fact::Typing { .. } => None,
    }
}

fn build(kind: ServerFrame, content: &impl serde::Serialize) -> Result<Bytes> {
    wire::event(kind.as_str(), content)
}
