//! Messages: written in groups, pushed after their commit, read along `seq`.
//!
//! A send goes `api` → [`send`] (the command) → [`crate::writer`] (queue, thread, one transaction per batch) → `store` (a
//! fixed number of statements) → commit → [`crate::fact`] (frames) → push → the answer. [`read`] marks messages as read,
//! [`resync`] replays what a client missed, [`imported`] appends what was written in another system.

pub(crate) mod api;
pub(crate) mod content;
pub(crate) mod imported;
mod read;
pub(crate) mod resync;
mod send;
mod store;

use std::sync::Arc;

use content::Content;

use crate::auth::Principal;
use crate::conversation::Target;
use crate::id::{ChannelId, TenantId, UserId, UserType};
use crate::task::Routing;

pub(crate) use crate::fact::MessageView;
pub(crate) use store::{Exchange, Handover, between, exchanges, hand_over, insert_toasts, newest_time, texts};

/// Whose message it is.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    /// Member or admin.
    pub user_type: UserType,
    /// The id of that type.
    pub id: UserId,
    /// Shown beside the message; empty for none.
    pub avatar: Arc<str>,
    /// Shown beside the message.
    pub nickname: Arc<str>,
}

impl Sender {
    /// The one who calls.
    fn of(principal: &Principal) -> Self {
        Self {
            user_type: principal.key.user_type,
            id: principal.key.user,
            avatar: principal.avatar.clone(),
            nickname: principal.nickname.clone(),
        }
    }
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
    /// What it says.
    pub content: Content,
    /// A repeat with the same one returns the first message's id (invariant 5).
    pub client_message_id: Option<String>,
    /// How the tenant wants its rounds of service to go; `None` where it has none, and in an import.
    pub routing: Option<Routing>,
    /// The channel through which the member came.
    pub channel: Option<ChannelId>,
    /// Whether a program has written it, which serves nobody.
    pub by_program: bool,
}
