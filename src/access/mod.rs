//! What admins may do: roles, and the permissions that each of them holds.

/// What an admin is trusted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May do everything.
    Owner,
    /// Answers members: everything but deleting conversations.
    Agent,
    /// Reads only.
    Viewer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Agent, Self::Viewer];

    /// The name in the table and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Agent => "agent",
            Self::Viewer => "viewer",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// The code that consoles know the role by. Theirs for "everything" is `super_admin`.
    pub const fn console_code(self) -> &'static str {
        match self {
            Self::Owner => "super_admin",
            Self::Agent | Self::Viewer => self.as_str(),
        }
    }

    /// Whether the role holds a permission.
    pub const fn may(self, permission: Permission) -> bool {
        match (self, permission) {
            (Self::Owner, _) => true,
            (Self::Agent, Permission::DeleteConversations) => false,
            (Self::Agent, _) => true,
            (Self::Viewer, Permission::QueryMessages | Permission::QueryConversations) => true,
            (Self::Viewer, _) => false,
        }
    }

    /// The permissions of the role, in the order of [`Permission::ALL`].
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.may(*permission))
    }
}

/// One operation that needs a permission (contract, "Admin REST").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Send messages to members.
    SendMessages,
    /// Read messages, and be told of new ones.
    QueryMessages,
    /// Mark messages as read.
    UpdateMessages,
    /// List and read conversations.
    QueryConversations,
    /// Pin conversations.
    UpdateConversations,
    /// Hide conversations from the admin side.
    DeleteConversations,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 6] = [
        Self::SendMessages,
        Self::QueryMessages,
        Self::UpdateMessages,
        Self::QueryConversations,
        Self::UpdateConversations,
        Self::DeleteConversations,
    ];

    /// The name that the consoles and the OpenAPI document use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendMessages => "promotion:kefu-message:send",
            Self::QueryMessages => "promotion:kefu-message:query",
            Self::UpdateMessages => "promotion:kefu-message:update",
            Self::QueryConversations => "promotion:kefu-conversation:query",
            Self::UpdateConversations => "promotion:kefu-conversation:update",
            Self::DeleteConversations => "promotion:kefu-conversation:delete",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_hold_what_the_contract_gives_them() {
        let count = |role: Role| role.permissions().count();
        assert_eq!((count(Role::Owner), count(Role::Agent), count(Role::Viewer)), (6, 5, 2));
        assert!(!Role::Agent.may(Permission::DeleteConversations));
        assert!(Role::Viewer.permissions().all(|permission| permission.as_str().ends_with(":query")));
        assert!(Role::ALL.into_iter().all(|role| Role::from_name(role.as_str()) == Some(role)));
        assert_eq!(Role::from_name("super_admin"), None);
    }
}
