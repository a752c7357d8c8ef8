//! Every frame that goes over a socket: its `type` and its content (docs/contract.md#websocket; docs/websocket.md).

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Millis;
use crate::id::{ConversationId, UserId, UserType};

/// Declares an enum of frame types with their names.
macro_rules! frame_types {
    ($(#[$doc:meta])* $name:ident { $(#[doc = $description:literal] $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = $description] $variant,)*
        }

        impl $name {
            /// Every one, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What it says, for the documents.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $description,)*
                }
            }

            /// The `type` on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

frame_types! {
    /// A frame from the server.
    ServerFrame {
        /// A message.
        Message = "kefu_message_type",
        /// An admin has read a member's messages.
        ReadByAdmin = "kefu_message_read_status_change",
        /// A member has read the admins' messages.
        ReadByMember = "kefu_message_read_by_member",
        /// A conversation was made.
        Created = "kefu_conversation_created",
        /// A conversation was pinned or unpinned.
        Pinned = "kefu_conversation_pinned",
        /// Admins have deleted a conversation from their list.
        Deleted = "kefu_conversation_deleted",
        /// The receiver does not see this conversation any more.
        Hidden = "kefu_conversation_hidden",
        /// Admins have marked a conversation as unread, or have read it since.
        Marked = "kefu_conversation_marked",
        /// A visitor's conversation was linked to a member.
        Linked = "kefu_conversation_linked",
        /// What is shown of a member beside the conversation has changed.
        MemberUpdated = "kefu_member_update",
        /// A round of service was opened or has changed.
        Task = "kefu_task",
        /// A round of service is offered to the receiver.
        TaskOffer = "kefu_task_offer",
        /// The place of the receiver, who waits.
        QueuePosition = "kefu_queue_position",
        /// What an agent has said about duty.
        Agent = "kefu_agent",
        /// Someone is typing.
        Typing = "kefu_typing",
        /// Which admins look at a conversation.
        Viewers = "kefu_viewers",
        /// Frames were lost between nodes.
        ResyncRequired = "kefu_resync_required",
        /// The end of a replay.
        ResyncDone = "kefu_resync_done",
        /// The answer to a frame that was not understood or not allowed.
        Error = "error",
    }
}

frame_types! {
    /// A frame from own clients.
    ClientFrameType {
        /// The user is typing.
        Typing = "kefu_typing",
        /// The admin looks at a conversation, or at none any more.
        Viewing = "kefu_viewing",
        /// A request to replay what was missed.
        Resync = "kefu_resync",
    }
}

/// A conversation that has begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Its member.
    pub user_id: UserId,
}

/// A conversation that was pinned or unpinned.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pinned {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Whether it stands at the top of the admins' list now.
    pub admin_pinned: bool,
}

/// A conversation that was taken out of all lists.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deleted {
    /// The conversation. A new message brings it back.
    pub conversation_id: ConversationId,
}

/// A conversation that the receiver may not see any more.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    /// The conversation. It is to the receiver as if it did not exist, until a frame names it again.
    pub conversation_id: ConversationId,
}

/// A conversation that was marked as unread, or no longer is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Marked {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Whether it is marked as unread now.
    pub marked_unread: bool,
}

/// A visitor who has logged in as a member.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Linked {
    /// The visitor's one. It is the member's own now, or named as `earlier` by the member's.
    pub conversation_id: ConversationId,
    /// The member.
    pub user_id: UserId,
    /// The visitor who the member was before.
    pub previous_user_id: UserId,
}

/// A member of whom something has changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberUpdated {
    /// The member's conversation.
    pub conversation_id: ConversationId,
    /// The member, whose name, page, attributes or block has changed.
    pub user_id: UserId,
}

/// How far a conversation was read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Read {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Which side has read.
    #[schema(value_type = UserType, example = 2)]
    pub reader_type: i32,
    /// The messages up to here are read.
    pub seq: i64,
}

/// Somebody who is typing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Who is typing.
    pub user_id: UserId,
    /// Which side is typing.
    #[schema(value_type = UserType, example = 1)]
    pub user_type: i32,
}

/// The place of a member who waits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuePosition {
    /// The member's own.
    pub conversation_id: ConversationId,
    /// The place among those who wait, from 1.
    #[schema(minimum = 1, example = 3)]
    pub place: i64,
    /// How many wait in all.
    #[schema(minimum = 1, example = 12)]
    pub waiting: i64,
    /// For the member: how many wait up to the own place.
    #[schema(example = "当前正在等待人数为3人")]
    pub text: String,
}

/// The duty and the load of an agent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentChanged {
    /// The agent.
    pub admin_id: UserId,
    /// What the agent has said: 0 off, 1 on, 2 paused; `null` for nothing.
    #[schema(minimum = 0, maximum = 2, example = 1)]
    pub duty: Option<i32>,
    /// Rounds of service that the agent has.
    #[schema(minimum = 0, example = 2)]
    pub load: i64,
}

/// Who looks at a conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Viewers {
    /// The conversation.
    pub(crate) conversation_id: ConversationId,
    /// The admins, the receiver among them.
    pub(crate) user_ids: Vec<UserId>,
}

/// From where a client has to resync.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResyncRequired {
    /// Nothing older was lost, in epoch milliseconds. An admin resyncs from there, a member from the `seq` up to which it
    /// has everything.
    #[schema(value_type = i64, example = 1_795_255_296_821_i64)]
    pub since: Millis,
}

/// The end of a replay.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResyncDone {
    /// When the database was last restored. What a client knows from before it may be gone, and its positions may be ahead
    /// of the database.
    #[schema(value_type = Option<i64>)]
    pub restored_at: Option<Millis>,
    /// Whether the replay may lack something, because the system's time was corrected: the client has to load anew.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reload: bool,
}

/// Why a frame of the client did nothing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refusal<'a> {
    /// A code of the REST interface.
    #[schema(example = 400)]
    pub code: i64,
    /// The message for the user, in Chinese.
    #[schema(example = "请求参数类型错误:frame")]
    pub msg: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of docs/websocket.md under this heading.
    fn section(heading: &str) -> &'static str {
        let (_, rest) = include_str!("../../../docs/websocket.md").split_once(&format!("\n## {heading}\n")).unwrap();
        rest.split_once("\n## ").map_or(rest, |(section, _)| section)
    }

    /// The names in the first column of the table under this heading.
    fn documented(heading: &str) -> Vec<&'static str> {
        let names = section(heading).lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        names.map(|(name, _)| name).filter(|name| *name != "type").collect()
    }

    #[test]
    fn every_frame_from_the_server_is_documented_and_no_other() {
        let names: Vec<_> = ServerFrame::ALL.iter().map(|frame| frame.as_str()).collect();
        assert_eq!(documented("Frames from the server"), names);
    }

    #[test]
    fn every_frame_from_the_client_is_documented_and_no_other() {
        let names: Vec<_> = ClientFrameType::ALL.iter().map(|frame| frame.as_str()).collect();
        assert_eq!(documented("Frames from the client"), names);
    }
}
