//! Who receives an event.

use crate::access::Permission;
use crate::id::{UserId, UserType};

/// A user of a tenant.
pub(crate) type User = (UserType, UserId);

/// The users whose connections receive an event: those whom at least one part names, each connection once. None by
/// default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audience {
    /// This member.
    pub member: Option<UserId>,
    /// The admins who hold this permission.
    pub admins: Option<Permission>,
    /// These users, each once.
    pub(super) users: Vec<User>,
    /// Not this user, whatever else names it.
    pub except: Option<User>,
}

impl Audience {
    /// The admins who hold a permission.
    pub(crate) fn admins(permission: Permission) -> Self {
        Self { admins: Some(permission), ..Self::default() }
    }

    /// And this member.
    pub(crate) fn and_member(self, member: UserId) -> Self {
        Self { member: Some(member), ..self }
    }

    /// And these users, of whom any may be named twice.
    pub(crate) fn and_users(mut self, users: impl IntoIterator<Item = User>) -> Self {
        self.users.extend(users);
        self.users.sort_unstable();
        self.users.dedup();
        self
    }

    /// But not this user.
    pub(crate) fn except(self, user: User) -> Self {
        Self { except: Some(user), ..self }
    }
}
