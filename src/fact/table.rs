//! The one table from what has happened to who hears of it and how (docs/contract.md#websocket; docs/websocket.md).
//!
//! Each match is exhaustive, so that a new fact does not compile until its row is complete.

use bytes::Bytes;

use super::Fact;
use super::frames::{Created, Deleted, Pinned, Read, ServerFrame, Typing};
use crate::error::Result;
use crate::id::{TenantId, UserId, UserType};
use crate::push::{Event, Position};
use crate::ws::frame;

impl Fact {
    /// The event for the sockets of those who may hear of it.
    ///
    /// # Errors
    /// [`crate::error::Error::Internal`] when its content cannot be JSON, which no content of ours brings about.
    pub(crate) fn event(&self) -> Result<Event> {
        let (member, admins) = self.audience();
        Ok(Event { tenant: self.tenant(), member, admins, frame: self.frame()?, position: self.position() })
    }

    /// The tenant in which it has happened.
    const fn tenant(&self) -> TenantId {
        match self {
            Self::ConversationCreated { tenant, .. }
            | Self::MessageStored { tenant, .. }
            | Self::MessagesRead { tenant, .. }
            | Self::ConversationPinned { tenant, .. }
            | Self::ConversationDeleted { tenant, .. }
            | Self::Typing { tenant, .. } => *tenant,
        }
    }

    /// The member who hears of it, and whether admins do.
    const fn audience(&self) -> (Option<UserId>, bool) {
        match self {
            Self::MessageStored { member, .. } | Self::MessagesRead { member, .. } => (Some(*member), true),
            Self::ConversationCreated { .. } | Self::ConversationPinned { .. } | Self::ConversationDeleted { .. } => {
                (None, true)
            }
            Self::Typing { member, user_type, .. } => match user_type {
                UserType::Member => (None, true),
                UserType::Admin => (Some(*member), false),
            },
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
            | Self::Typing { .. } => None,
        }
    }
}

fn build(kind: ServerFrame, content: &impl serde::Serialize) -> Result<Bytes> {
    frame::event(kind.as_str(), content)
}
