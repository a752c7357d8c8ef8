//! What a change looks like on the sockets (contract, "WebSocket"; docs/websocket.md).

use serde::Serialize;

use super::batch::{Change, Command};
use super::recovered::Recovered;
use super::{MessageView, NewMessage};
use crate::error::Result;
use crate::id::{ConversationId, MessageId, TenantId, UserId, UserType};
use crate::push::{Event, Position};
use crate::ws::frame;

/// A message, to its member and to all admins.
pub(crate) const MESSAGE: &str = "kefu_message_type";
/// An admin has read a member's messages, to the member and to all admins.
pub(crate) const READ_BY_ADMIN: &str = "kefu_message_read_status_change";
/// A member has read the admins' messages (additive), to the member and to all admins.
pub(crate) const READ_BY_MEMBER: &str = "kefu_message_read_by_member";
/// A conversation has its first message (additive), to all admins.
pub(crate) const CREATED: &str = "kefu_conversation_created";
/// A conversation was pinned or unpinned (additive), to all admins.
pub(crate) const PINNED: &str = "kefu_conversation_pinned";
/// Admins have deleted a conversation from their list (additive), to all admins.
pub(crate) const DELETED: &str = "kefu_conversation_deleted";
/// Someone is typing (additive), to the other side.
pub(crate) const TYPING: &str = "kefu_typing";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreatedContent {
    conversation_id: ConversationId,
    user_id: UserId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PinnedContent {
    conversation_id: ConversationId,
    admin_pinned: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeletedContent {
    conversation_id: ConversationId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadContent {
    conversation_id: ConversationId,
    reader_type: i32,
    /// The messages up to here are read.
    seq: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TypingContent {
    conversation_id: ConversationId,
    user_id: UserId,
    user_type: i32,
}

/// The event of a change that was committed.
pub(super) fn of_change(change: &Change, commands: &[&Command]) -> Result<Option<Event>> {
    Ok(Some(match *change {
        Change::Created { tenant, conversation, member } => to_admins(
            tenant,
            frame::event(CREATED, &CreatedContent { conversation_id: conversation, user_id: member })?,
        ),
        Change::Recovered(ref recovered) => {
            let Recovered { tenant, member, message } = recovered.as_ref();
            of_message(*tenant, *member, message)?
        }
        Change::Sent { command, id, conversation, member, seq, create_time } => {
            let Some(Command::Send(message)) = commands.get(command) else { return Ok(None) };
            let view = view(message, id, conversation, member, seq, create_time);
            of_message(message.tenant, member, &view)?
        }
        Change::Read { tenant, member, read } => {
            let kind = match read.reader {
                UserType::Admin => READ_BY_ADMIN,
                UserType::Member => READ_BY_MEMBER,
            };
            let content = ReadContent {
                conversation_id: read.conversation,
                reader_type: read.reader.code(),
                seq: read.up_to_seq,
            };
            Event { member: Some(member), ..to_admins(tenant, frame::event(kind, &content)?) }
        }
        Change::Pinned { tenant, conversation, pinned } => to_admins(
            tenant,
            frame::event(PINNED, &PinnedContent { conversation_id: conversation, admin_pinned: pinned })?,
        ),
        Change::Deleted { tenant, conversation } => {
            to_admins(tenant, frame::event(DELETED, &DeletedContent { conversation_id: conversation })?)
        }
    }))
}

/// Someone is typing, told to the other side.
pub(crate) fn typing(
    tenant: TenantId,
    from: UserType,
    user: UserId,
    conversation: ConversationId,
    member: UserId,
) -> Result<Event> {
    let content = TypingContent { conversation_id: conversation, user_id: user, user_type: from.code() };
    let frame = frame::event(TYPING, &content)?;
    Ok(match from {
        UserType::Member => to_admins(tenant, frame),
        UserType::Admin => Event { tenant, member: Some(member), admins: false, frame, position: None },
    })
}

fn of_message(tenant: TenantId, member: UserId, message: &MessageView) -> Result<Event> {
    let position = Position { stream: message.conversation_id.get(), seq: message.seq };
    let frame = frame::event(MESSAGE, message)?;
    Ok(Event { tenant, member: Some(member), admins: true, frame, position: Some(position) })
}

fn to_admins(tenant: TenantId, frame: bytes::Bytes) -> Event {
    Event { tenant, member: None, admins: true, frame, position: None }
}

/// A stored message as a list would show it right after its commit.
fn view(
    message: &NewMessage,
    id: MessageId,
    conversation: ConversationId,
    member: UserId,
    seq: i64,
    create_time: i64,
) -> MessageView {
    let to_member = message.sender.user_type == UserType::Admin;
    MessageView {
        id,
        conversation_id: conversation,
        sender_id: message.sender.id,
        sender_avatar: Some(message.sender.avatar.as_ref()).filter(|avatar| !avatar.is_empty()).map(str::to_owned),
        sender_type: message.sender.user_type.code(),
        receiver_id: to_member.then_some(member),
        receiver_type: to_member.then_some(UserType::Member.code()),
        content_type: message.content_type,
        content: message.content.clone(),
        read_status: false,
        create_time,
        seq,
        client_message_id: message.client_message_id.clone(),
    }
}
