//! The kinds of messages.

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::id::numbered;

/// The kinds of messages, with the numbers of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentType {
    /// `{"text":"…"}`, or a bare string.
    Text,
    /// `{"picUrl":"…"}`
    Image,
    /// Voice.
    Voice,
    /// Video.
    Video,
    /// Plain text from the shop; members may not send it.
    System,
    /// A product's card.
    Product,
    /// An order's card.
    Order,
}

impl ContentType {
    /// Every type.
    pub const ALL: [Self; 7] =
        [Self::Text, Self::Image, Self::Voice, Self::Video, Self::System, Self::Product, Self::Order];

    /// The number on the wire.
    pub const fn code(self) -> i32 {
        match self {
            Self::Text => 1,
            Self::Image => 2,
            Self::Voice => 3,
            Self::Video => 4,
            Self::System => 5,
            Self::Product => 10,
            Self::Order => 11,
        }
    }

    /// The name in the documents.
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::System => "system",
            Self::Product => "product",
            Self::Order => "order",
        }
    }

    /// The content type of a number on the wire.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

impl PartialSchema for ContentType {
    fn schema() -> RefOr<Schema> {
        numbered(Self::ALL.map(|kind| (kind.code(), kind.name())))
    }
}

impl ToSchema for ContentType {}
