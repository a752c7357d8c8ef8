//! The names of things: one type per kind of id, so that they cannot be mixed up.
//!
//! Every id is a positive integer below 2^53 (docs/architecture.md, "Invariants", 10), because browsers read JSON numbers as doubles.

use serde::{Deserialize, Serialize};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The first integer that is no longer a valid id: 2^53.
pub const ID_LIMIT: i64 = 1 << 53;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(try_from = "i64", into = "i64")]
        #[schema(value_type = i64, minimum = 1, maximum = 9007199254740991_i64)]
        pub struct $name(i64);

        impl $name {
            /// Wraps a number that the database or a verified token gave.
            pub const fn new(value: i64) -> Self {
                Self(value)
            }

            /// The plain number.
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = &'static str;

            /// Refuses what cannot be an id, so that no client's number outside the range gets any further.
            fn try_from(value: i64) -> Result<Self, Self::Error> {
                if (1..ID_LIMIT).contains(&value) { Ok(Self(value)) } else { Err("not an id") }
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id_type! {
    /// A tenant: one shop among those that share the service.
    TenantId
}
id_type! {
    /// A member's or an admin's id; the user type beside it says which of the two.
    UserId
}
id_type! {
    /// One member's conversation with the admins of the tenant.
    ConversationId
}
id_type! {
    /// One message, unique across conversations, tenants and nodes.
    MessageId
}
id_type! {
    /// One login: the refresh token that it gave and every access token made from it.
    LoginId
}
id_type! {
    /// What admins may do, as a tenant calls it.
    RoleId
}
id_type! {
    /// A group of agents.
    GroupId
}
id_type! {
    /// One round of service in a conversation.
    TaskId
}
id_type! {
    /// One way by which visitors come in, such as the widget on a site.
    ChannelId
}
id_type! {
    /// The key of another program.
    ApiKeyId
}

/// The two kinds of users, with the numbers that the wire and the tables use (docs/contract.md#json-values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UserType {
    /// A customer of the shop.
    Member,
    /// Someone who answers in the admin console.
    Admin,
}

impl UserType {
    /// The number on the wire and in the tables.
    pub const fn code(self) -> i32 {
        match self {
            Self::Member => 1,
            Self::Admin => 2,
        }
    }

    /// The user type of a stored number, `None` for any other.
    pub const fn from_code(code: i32) -> Option<Self> {
        match code {
            1 => Some(Self::Member),
            2 => Some(Self::Admin),
            _ => None,
        }
    }
}

impl PartialSchema for UserType {
    fn schema() -> RefOr<Schema> {
        numbered([(Self::Member.code(), "member"), (Self::Admin.code(), "admin")])
    }
}

impl ToSchema for UserType {}

/// The schema of what the wire knows by numbers, with a name for each.
pub(crate) fn numbered<const N: usize>(values: [(i32, &'static str); N]) -> RefOr<Schema> {
    // Generators of clients take the constants' names from there; Go exports capitals only.
    let names = ExtensionsBuilder::new().add("x-enum-varnames", values.map(|(_, name)| name.to_uppercase())).build();
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .enum_values(Some(values.map(|(code, _)| code)))
        .description(Some(values.map(|(code, name)| format!("{code} {name}")).join(", ")))
        .extensions(Some(names))
        .into()
}

/// A user as the push module and the tokens name one: unique over the whole service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey {
    /// The tenant the user belongs to.
    pub tenant: TenantId,
    /// Member or admin.
    pub user_type: UserType,
    /// The id within tenant and type.
    pub user: UserId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_browsers_can_count_is_an_id() {
        for good in ["1", "9007199254740991"] {
            assert_eq!(serde_json::to_string(&serde_json::from_str::<MessageId>(good).unwrap()).unwrap(), good);
        }
        for bad in ["0", "-1", "9007199254740992", "1.5", "\"1\"", "null"] {
            assert!(serde_json::from_str::<MessageId>(bad).is_err(), "{bad}");
        }
    }
}
