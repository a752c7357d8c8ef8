//! What has happened, as values: the one list of facts that leave a commit. What each becomes is in [`table`].
//!
//! This file and [`frames`] are the ground floor: they know ids and times and nothing else of the house.

pub(crate) mod frames;
mod table;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;
use crate::id::{ConversationId, MessageId, TenantId, UserId, UserType};

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
    /// A member or an admin is typing in a member's conversation. Never stored.
    Typing { tenant: TenantId, conversation: ConversationId, member: UserId, user_type: UserType, user: UserId },
}

/// A message on the wire: the same fields whether listed or pushed (docs/contract.md#json-values).
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
    /// 1 member, 2 admin.
    #[schema(minimum = 1, maximum = 2)]
    pub sender_type: i32,
    /// The member when an admin sent it; a member's message goes to all admins and names none.
    pub receiver_id: Option<UserId>,
    /// 1 when an admin sent it.
    pub receiver_type: Option<i32>,
    /// 1 text, 2 image, 3 voice, 4 video, 5 system, 10 product, 11 order.
    #[schema(example = 1)]
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
    /// The place in the conversation, gapless from 1 (additive).
    #[schema(minimum = 1)]
    pub seq: i64,
    /// As the sender gave it (additive).
    pub client_message_id: Option<String>,
}
