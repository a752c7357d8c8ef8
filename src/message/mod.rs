//! Messages: written in groups, pushed after their commit, read along `seq`.
//!
//! A send goes `api` → [`writer`] (a bounded queue and its thread) → [`batch`] (what a group of commands does to the
//! conversations that it has `locked`) → `store` (a fixed number of statements) → commit → [`event`] (frames) → push → the
//! answer. What other nodes have just written is told as well (`recovered`); what was written in another system is
//! appended by [`imported`].

pub(crate) mod api;
pub(crate) mod batch;
pub(crate) mod content;
pub(crate) mod event;
pub(crate) mod ids;
pub(crate) mod imported;
mod locked;
mod recovered;
pub(crate) mod resync;
pub(crate) mod store;
pub(crate) mod writer;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;
use crate::id::{ConversationId, MessageId, TenantId, UserId, UserType};

pub(crate) use writer::Writer;

/// A message on the wire: the same fields whether listed or pushed (contract, "Message").
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

/// Whose message it is.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// Member or admin.
    pub user_type: UserType,
    /// The id of that type.
    pub id: UserId,
    /// Shown beside the message; empty for none.
    pub avatar: Arc<str>,
}

/// Which conversation a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// This member's own; a send creates it.
    OfMember(UserId),
    /// One that exists.
    Id(ConversationId),
}

/// A checked message on its way to the writer.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    /// The sender's tenant.
    pub tenant: TenantId,
    /// The sender.
    pub sender: Sender,
    /// Where it goes.
    pub target: Target,
    /// A number of [`content::ContentType`].
    pub content_type: i32,
    /// Checked by [`content::check`].
    pub content: String,
    /// A repeat with the same one returns the first message's id (invariant 5).
    pub client_message_id: Option<String>,
}
