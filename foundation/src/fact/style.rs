//! How a message is shown, where its type does not say it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ContentType;
use crate::id::{UserId, UserType};

/// How a message is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MessageStyle)]
#[serde(rename_all = "lowercase")]
pub enum Style {
    /// A line of the service itself about a round of service.
    Toast,
}

impl Style {
    /// Who tells toasts: no admin has this number.
    pub const SERVICE: UserId = UserId::new(0);

    /// The style of a message. No column holds it: sender and type tell.
    pub fn of(content_type: i32, sender_type: i32, sender: UserId) -> Option<Self> {
        let is_toast =
            (content_type, sender_type, sender) == (ContentType::System.code(), UserType::Admin.code(), Self::SERVICE);
        is_toast.then_some(Self::Toast)
    }
}
