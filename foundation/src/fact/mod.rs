//! What has happened, as values: the one list of facts that leave a commit. What each becomes is in the table of
//! `kefu`, `fact::table`.
//!
//! This file and [`frames`] are the ground floor: they know ids, times and whose a conversation is, and nothing else of the house.

mod content_type;
pub mod frames;
mod style;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Assignment;
use crate::clock::Millis;
use crate::id::{ChannelId, ConversationId, GroupId, MessageId, TaskId, TenantId, UserId, UserType};

pub use content_type::ContentType;
pub use style::Style;

/// Something that has happened. A fact of a command is recorded while the command is applied and published after its
/// commit; a fact that is never stored, such as typing, is published at once.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields say what the sentence above them names")]
pub enum Fact {
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
    /// A conversation has left the sight of the admins who saw it as it was assigned before, and do not as it is now.
    ConversationHidden { tenant: TenantId, conversation: ConversationId, before: Assignment, now: Assignment },
    /// What admins see of a member beside the conversation has changed.
    MemberUpdated { tenant: TenantId, conversation: ConversationId, member: UserId },
    /// A round of service was opened or has changed.
    TaskChanged { tenant: TenantId, task: Box<TaskView> },
    /// The same, as its member sees it.
    OwnTaskChanged { tenant: TenantId, member: UserId, task: Box<OwnTaskView> },
    /// A round of service was offered to an agent, who has to accept it.
    TaskOffered { tenant: TenantId, agent: UserId, task: Box<TaskView> },
    /// The place of a member who waits. Never stored.
    QueuePosition { tenant: TenantId, member: UserId, conversation: ConversationId, place: i64, waiting: i64 },
    /// An agent has said something about duty, or has more or fewer rounds than before.
    AgentChanged { tenant: TenantId, agent: UserId, duty: Option<i32>, load: i64 },
    /// A member or an admin is typing in a member's conversation. Never stored.
    Typing { tenant: TenantId, conversation: ConversationId, member: UserId, user_type: UserType, user: UserId },
}

impl Fact {
    /// The tenant in which it has happened.
    pub const fn tenant(&self) -> TenantId {
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
    pub fn conversation(&self) -> Option<ConversationId> {
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
    pub const fn name(&self) -> &'static str {
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
}

// See docs/contract.md#json-values.
/// A message on the wire: the same fields whether listed or pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
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
    /// The round of service in which it came, where the tenant has rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub task_id: Option<TaskId>,
    /// How it is shown, where its type does not say it: `toast`, a line of the service itself about a round of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub style: Option<Style>,
}

/// A round of service, as admins see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Task)]
#[serde(rename_all = "camelCase")]
pub struct TaskView {
    /// The id.
    pub id: TaskId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its member.
    pub user_id: UserId,
    /// The member's nickname.
    #[schema(example = "小明")]
    pub user_nickname: String,
    /// -4 closed by a supervisor, -3 served by nobody in time, -2 closed for silence, -1 closed, 0 offered, 1 in service, 3 waiting,
    /// 4 missed: waiting while nobody is on duty.
    #[schema(minimum = -4, maximum = 4, example = 1)]
    pub state: i32,
    /// For whom it was opened: 0 whoever is free, 1 an agent, 2 a group.
    #[schema(minimum = 0, maximum = 2, example = 0)]
    pub kind: i32,
    /// The channel through which the member came.
    pub channel: Option<ChannelId>,
    /// In which group.
    pub group_id: Option<GroupId>,
    /// Who has it, or had it last.
    pub agent_id: Option<UserId>,
    /// What the agent is called.
    #[schema(example = "小艾")]
    pub agent_nickname: Option<String>,
    /// The `seq` of its first message.
    #[schema(minimum = 1)]
    pub first_seq: i64,
    /// The `seq` of the conversation's last message at its end.
    pub last_seq: Option<i64>,
    /// Since when it waits, or has waited, epoch milliseconds.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    pub queued_at: Millis,
    /// When its agent got it.
    #[schema(value_type = Option<i64>)]
    pub assigned_at: Option<Millis>,
    /// When its agent began to serve.
    #[schema(value_type = Option<i64>)]
    pub accepted_at: Option<Millis>,
    /// When the first answer came.
    #[schema(value_type = Option<i64>)]
    pub first_reply_at: Option<Millis>,
    /// When it ended.
    #[schema(value_type = Option<i64>)]
    pub ended_at: Option<Millis>,
    /// Why it ended: as the admin says, or `member_left`, `routing_off`, `linked`, `timeout`.
    pub end_reason: Option<String>,
    /// Why it was transferred, the last time.
    pub transfer_reason: Option<String>,
    /// How often it was transferred.
    #[schema(minimum = 0, example = 0)]
    pub transfers: i32,
    /// Counts its changes; a call that names another one is refused.
    #[schema(minimum = 0, example = 1)]
    pub version: i32,
    /// The place among those who wait, from 1. Not in frames.
    pub place: Option<i64>,
    /// Pass it as `cursor` to get the list's part after this one.
    #[schema(example = "1795235421115.1")]
    pub cursor: String,
}

/// A round of service, as its member sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OwnTask)]
#[serde(rename_all = "camelCase")]
pub struct OwnTaskView {
    /// The id.
    pub id: TaskId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// As admins see it.
    #[schema(minimum = -4, maximum = 4, example = 1)]
    pub state: i32,
    /// What the agent is called.
    #[schema(example = "小艾")]
    pub agent_nickname: Option<String>,
    /// The agent's picture.
    pub agent_avatar: Option<String>,
    /// The place among those who wait, from 1. Not in frames.
    pub place: Option<i64>,
    /// How many wait in all, as long as it waits; 10,000 means that or more. Not in frames.
    pub waiting: Option<i64>,
    /// The `seq` of its first message.
    #[schema(minimum = 1)]
    pub first_seq: i64,
    /// The `seq` of the conversation's last message at its end.
    pub last_seq: Option<i64>,
    /// Counts its changes.
    #[schema(minimum = 0, example = 1)]
    pub version: i32,
}
