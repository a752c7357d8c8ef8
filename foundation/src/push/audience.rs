//! Who receives an event.

use crate::access::{Assignment, Permission, Sight};
use crate::id::{UserId, UserType};

/// A user of a tenant.
pub(crate) type User = (UserType, UserId);

/// The users whose connections receive an event: those whom at least one part names, each connection once. None by
/// default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// This member.
    pub(crate) member: Option<UserId>,
    /// The admins who hold this permission.
    pub(crate) admins: Option<Permission>,
    /// These users, each once.
    pub(super) users: Vec<User>,
    /// Not this user, whatever else names it.
    pub(crate) except: Option<User>,
    /// Of the admins who hold the permission, only those who may see this.
    pub(crate) within: Option<Within>,
    /// The stream that the event takes from them: whoever receives it shows it no longer.
    pub(crate) hides: Option<i64>,
}

/// What an admin has to be able to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Within {
    /// This conversation's assignment.
    pub(crate) seen: Assignment,
    /// And not this one.
    pub(crate) unseen: Option<Assignment>,
}

impl Within {
    /// Whether an admin of this sight is one of them.
    pub(super) fn is_met_by(&self, sight: &Sight) -> bool {
        sight.includes(self.seen) && !self.unseen.is_some_and(|unseen| sight.includes(unseen))
    }
}

impl Audience {
    /// The admins who hold a permission.
    pub fn admins(permission: Permission) -> Self {
        Self { admins: Some(permission), ..Self::default() }
    }

    /// And this member.
    pub fn and_member(self, member: UserId) -> Self {
        Self { member: Some(member), ..self }
    }

    /// And these users, of whom any may be named twice.
    pub fn and_users(mut self, users: impl IntoIterator<Item = User>) -> Self {
        self.users.extend(users);
        self.users.sort_unstable();
        self.users.dedup();
        self
    }

    /// Only the admins of it who may see a conversation of this assignment, and none of it as `unseen`.
    pub fn within(self, seen: Assignment, unseen: Option<Assignment>) -> Self {
        Self { within: Some(Within { seen, unseen }), ..self }
    }

    /// And none of them shows this stream any longer.
    pub fn hiding(self, stream: i64) -> Self {
        Self { hides: Some(stream), ..self }
    }

    /// But not this user.
    pub fn except(self, user: User) -> Self {
        Self { except: Some(user), ..self }
    }
}
