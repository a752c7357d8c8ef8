//! What has happened, as values: the one list of facts that leave a commit. What each becomes is in [`table`].
//!
//! This file and [`frames`] are the ground floor: they know ids and times and nothing else of the house.

mod content_type;
pub(crate) mod frames;
mod table;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;
use crate::id::{ConversationId, MessageId, TenantId, UserId, UserType};

pub use content_type::ContentType;

/// Something that has happened. A fact of a command is recorded while the command is applied and published after its
/// commit; a fact that is never stored, such as typing, is published at once.
#[derive(Debug)]
pub(crate) enum Fact {
    /// A conversation was made for its member.
    ConversationCreated { tenant: TenantId, conversation: ConversationId, member: UserId },
    /// A message was stored in its member's conversation.
    MessageStored { tenant: TenantId, member: UserId, message: Box<MessageView> },
    /// One side has read the other's messages up to this `seq`.
    MessagesRead { tenant: TenantId, conversation: ConversationId, member: UserId, reader: UserType, up_to_seq: i64 },
    /// Admins have pinned a conversation, or unpinned it.
    ConversationPinned { tenant: TenantId, conversation: ConversationId, pinned: bool },
    /// Admins have deleted a conversation from their list.
    ConversationDeleted { tenant: TenantId, conversation: ConversationId },
    /// Admins have marked a conversation as unread, or have read it since.
    ConversationMarked { tenant: TenantId, conversation: ConversationId, marked_unread: bool },
    /// A visitor's conversation was linked to a member: it is the member's own now, or one of the member's earlier ones.
    ConversationLinked { tenant: TenantId, conversation: ConversationId, member: UserId, visitor: UserId },
    /// What admins see of a member beside the conversation has changed.
    MemberUpdated { tenant: TenantId, conversation: ConversationId, member: UserId },
    /// A member or an admin is typing in a member's conversation. Never stored.
    Typing { tenant: TenantId, conversation: ConversationId, member: UserId, user_type: UserType, user: UserId },
}

// See docs/contract.md#json-values.
/// A message on the wire: the same fields whether listed or pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageView {
    /// The id.
    pub id: MessageId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The member's or the admin's id, by `senderType`.
    pub sender_id: UserId,
    /// The sender's avatar.
    pub sender_avatar: Option<String>,
    /// Which side sent it.
    #[schema(value_type = UserType, example = 1)]
    pub sender_type: i32,
    /// The member when an admin sent it; a member's message goes to all admins and names none.
    pub receiver_id: Option<UserId>,
    /// Member when an admin sent it.
    #[schema(value_type = Option<UserType>)]
    pub receiver_type: Option<i32>,
    /// What the content is.
    #[schema(value_type = ContentType, example = 1)]
    pub content_type: i32,
    /// As it was sent, byte for byte.
    #[schema(example = "{\"text\":\"你好\"}")]
    pub content: String,
    /// Whether the other side has read it.
    #[schema(example = false)]
    pub read_status: bool,
    /// Epoch milliseconds; strictly increases with `seq`.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    pub create_time: Millis,
    /// The place in the conversation, gapless from 1.
    #[schema(minimum = 1)]
    pub seq: i64,
    /// As the sender gave it.
    pub client_message_id: Option<String>,
    /// The sender's name; empty when it is not known.
    #[schema(example = "小明")]
    pub sender_nickname: String,
}
