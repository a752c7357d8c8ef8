//! What admins may do: roles, and the permissions that each of them holds. What other programs may do is in [`scope`], and which conversations an
//! admin sees in [`sight`].

mod scope;
mod sight;

use std::marker::PhantomData;

pub use scope::{KeepMembers, Scope, Scoped, WriteToMembers};
pub use sight::{Assignment, Sight, Visibility};

/// One of the roles that every tenant has. What else a tenant lets its admins do is in roles of its own (`account::role`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// May do everything.
    Owner,
    /// Answers members.
    Agent,
    /// Reads only.
    Viewer,
}

impl Role {
    /// All three, the one with the most rights first.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Agent, Self::Viewer];

    /// The name in the table and on the command line.
    pub fn as_str(self) -> &'static str {
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
    pub fn console_code(self) -> &'static str {
        match self {
            Self::Owner => "super_admin",
            Self::Agent | Self::Viewer => self.as_str(),
        }
    }

    /// Whether the role holds a permission.
    pub fn may(self, permission: Permission) -> bool {
        match (self, permission) {
            (Self::Owner, _)
            | (
                Self::Viewer | Self::Agent,
                Permission::QueryMessages | Permission::QueryConversations | Permission::QueryTasks,
            )
            | (
                Self::Agent,
                Permission::SendMessages
                | Permission::UpdateMessages
                | Permission::UpdateConversations
                | Permission::TakeTasks
                | Permission::TransferTasks
                | Permission::CloseTasks,
            )
            | (
                Self::Viewer,
                Permission::QueryAllConversations
                | Permission::QueryUsers
                | Permission::QueryRoles
                | Permission::QueryAudit,
            ) => true,
            (
                Self::Viewer,
                Permission::SendMessages
                | Permission::UpdateMessages
                | Permission::UpdateConversations
                | Permission::TakeTasks
                | Permission::TransferTasks
                | Permission::CloseTasks,
            )
            | (
                Self::Agent,
                Permission::QueryAllConversations
                | Permission::QueryUsers
                | Permission::QueryRoles
                | Permission::QueryAudit,
            )
            | (
                Self::Viewer | Self::Agent,
                Permission::DeleteConversations
                | Permission::QuerySettings
                | Permission::UpdateSettings
                | Permission::ManageChannels
                | Permission::TakeAnyTasks
                | Permission::OverloadAgents
                | Permission::CloseAnyTasks
                | Permission::AssignTasks
                | Permission::SuperviseTasks
                | Permission::ManageLogins
                | Permission::ManageMembers
                | Permission::ManageAgents
                | Permission::ManageGroups
                | Permission::ManageApiKeys
                | Permission::CreateUsers
                | Permission::UpdateUsers
                | Permission::DeleteUsers
                | Permission::CreateRoles
                | Permission::UpdateRoles
                | Permission::DeleteRoles
                | Permission::AssignPermissions,
            ) => false,
        }
    }

    /// The permissions of the role, in the order of [`Permission::ALL`].
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.may(*permission))
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u64);

impl Permissions {
    /// The permissions of a role.
    pub fn of(role: Role) -> Self {
        role.permissions().collect()
    }

    /// Those of these names. A name that this version does not know is passed over: a later one has written it.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        names.into_iter().filter_map(Permission::from_name).collect()
    }

    /// What is in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The permissions in the set, in the order of [`Permission::ALL`].
    pub(crate) fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.contain(Self::only(*permission)))
    }

    /// Their names, in the order of [`Permission::ALL`].
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Permission::as_str).collect()
    }

    /// This one alone.
    pub fn only(permission: Permission) -> Self {
        let place = Permission::ALL.iter().position(|one| *one == permission);
        Self(place.map_or(0, |place| 1 << place))
    }

    /// Whether all of these are in the set.
    pub const fn contain(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// The set as bits, for [`Permissions::from_bits`] in the same process.
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// The set that [`Permissions::bits`] gave.
    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::default(), |set, permission| set.union(Self::only(permission)))
    }
}

/// What `auth::extract::Admin` asks of an admin, as a type.
pub trait Privilege: 'static {
    /// The permission, `None` when any admin will do.
    const PERMISSION: Option<Permission>;
    /// With this permission alone, too, the operation may be called.
    const OR: Option<Permission> = None;
    /// With this permission alone, too, the operation is answered, but changes nothing.
    const WITHOUT_EFFECT: Option<Permission> = None;
    /// What the operation does to the caller's own things, this permission lets it do to those of others.
    const FOR_OTHERS: Option<Permission> = None;
    /// Whether an admin may call who has to set a second factor up first.
    const DURING_SET_UP: bool = false;
}

/// What `P` asks for; with what `Q` asks for alone, the operation is answered, too, but changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct ElseWithoutEffect<P, Q>(PhantomData<(P, Q)>);

impl<P: Privilege, Q: Privilege> Privilege for ElseWithoutEffect<P, Q> {
    const PERMISSION: Option<Permission> = P::PERMISSION;
    const WITHOUT_EFFECT: Option<Permission> = Q::PERMISSION;
}

/// Either what `P` asks for or what `Q` asks for.
#[derive(Clone, Copy, Debug)]
pub struct Either<P, Q>(PhantomData<(P, Q)>);

impl<P: Privilege, Q: Privilege> Privilege for Either<P, Q> {
    const PERMISSION: Option<Permission> = P::PERMISSION;
    const OR: Option<Permission> = Q::PERMISSION;
}

/// Any admin for the own things; with what `P` asks for, those of others, too.
#[derive(Clone, Copy, Debug)]
pub struct OwnOr<P>(PhantomData<P>);

impl<P: Privilege> Privilege for OwnOr<P> {
    const PERMISSION: Option<Permission> = None;
    const FOR_OTHERS: Option<Permission> = P::PERMISSION;
}

/// No permission: any admin, also one who has to set a second factor up first.
#[derive(Clone, Copy, Debug)]
pub enum SettingUp {}

impl Privilege for SettingUp {
    const PERMISSION: Option<Permission> = None;
    const DURING_SET_UP: bool = true;
}

/// No permission: any admin.
#[derive(Clone, Copy, Debug)]
pub enum AnyAdmin {}

impl Privilege for AnyAdmin {
    const PERMISSION: Option<Permission> = None;
}

/// The one list of permissions: the values, their names on the wire, and a type of each for the handlers' parameters.
macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident => $text:literal;)*) => {
        /// What an operation may ask of an admin.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Permission {
            $($(#[$doc])* $name,)*
        }

        impl Permission {
            /// Every permission.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$name),*];

            /// The permission of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|permission| permission.as_str() == name)
            }

            /// The name that the consoles and the OpenAPI document use.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }

        $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub enum $name {}

        impl Privilege for $name {
            const PERMISSION: Option<Permission> = Some(Permission::$name);
        })*

        /// Each type names the value of its name, also one that no handler asks for yet.
        const _: () = {
            $(assert!(matches!(<$name as Privilege>::PERMISSION, Some(Permission::$name)));)*
        };
    };
}

permissions! {
    /// Send messages to members.
    SendMessages => "promotion:kefu-message:send";
    /// Read messages, and receive new ones.
    QueryMessages => "promotion:kefu-message:query";
    /// Mark messages as read.
    UpdateMessages => "promotion:kefu-message:update";
    /// List and read conversations.
    QueryConversations => "promotion:kefu-conversation:query";
    /// See every conversation, whoever serves it.
    QueryAllConversations => "promotion:kefu-conversation:query-all";
    /// Pin conversations and mark them as unread.
    UpdateConversations => "promotion:kefu-conversation:update";
    /// Hide conversations from the admin side.
    DeleteConversations => "promotion:kefu-conversation:delete";
    /// Read the settings of the tenant.
    QuerySettings => "promotion:kefu-setting:query";
    /// Change the settings of the tenant.
    UpdateSettings => "promotion:kefu-setting:update";
    /// See, make, change and delete channels.
    ManageChannels => "promotion:kefu-channel:manage";
    /// See and end the logins of others.
    ManageLogins => "system:login:manage";
    /// Block members.
    ManageMembers => "promotion:kefu-member:manage";
    /// See groups and agents, and rounds of service.
    QueryTasks => "promotion:kefu-task:query";
    /// Serve members: take rounds of service, accept and refuse them, and be on duty.
    TakeTasks => "promotion:kefu-task:take";
    /// Give own rounds of service to other agents and groups.
    TransferTasks => "promotion:kefu-task:transfer";
    /// End own rounds of service.
    CloseTasks => "promotion:kefu-task:close";
    /// Take rounds of service that another agent has.
    TakeAnyTasks => "promotion:kefu-task:take-any";
    /// Go beyond the capacity of agents.
    OverloadAgents => "promotion:kefu-task:overload";
    /// End every round of service.
    CloseAnyTasks => "promotion:kefu-task:close-any";
    /// Give every round of service to an agent.
    AssignTasks => "promotion:kefu-task:assign";
    /// See what goes on at the desk.
    SuperviseTasks => "promotion:kefu-task:supervise";
    /// Set the capacity and the groups of agents.
    ManageAgents => "promotion:kefu-agent:manage";
    /// Make, change and delete groups.
    ManageGroups => "promotion:kefu-group:manage";
    /// See, make and delete the keys of other programs.
    ManageApiKeys => "promotion:kefu-api-key:manage";
    /// See the accounts of admins.
    QueryUsers => "system:user:query";
    /// Make accounts.
    CreateUsers => "system:user:create";
    /// Change accounts, their passwords and whether they are enabled.
    UpdateUsers => "system:user:update";
    /// Delete accounts.
    DeleteUsers => "system:user:delete";
    /// See roles and what they hold.
    QueryRoles => "system:role:query";
    /// Make roles.
    CreateRoles => "system:role:create";
    /// Change the names of roles, whether they are enabled and whether they ask for a second factor.
    UpdateRoles => "system:role:update";
    /// Delete roles.
    DeleteRoles => "system:role:delete";
    /// Say which permissions a role holds, and which roles an account.
    AssignPermissions => "system:permission:assign";
    /// Read who changed what.
    QueryAudit => "infra:audit:query";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_hold_what_the_contract_gives_them() {
        let count = |role: Role| role.permissions().count();
        assert_eq!((count(Role::Owner), count(Role::Agent), count(Role::Viewer)), (34, 9, 7));
        assert!(!Role::Agent.may(Permission::DeleteConversations));
        assert!(Role::Viewer.permissions().all(|permission| permission.as_str().contains(":query")));
        assert!(Role::ALL.into_iter().all(|role| Role::from_name(role.as_str()) == Some(role)));
        assert_eq!(Role::from_name("super_admin"), None);
        for role in Role::ALL {
            let all = Permissions::of(role);
            assert!(all.iter().eq(role.permissions()), "{role:?}");
            assert_eq!(Permissions::named(all.names()), all);
        }
        assert_eq!(Permissions::named(["promotion:kefu-later:query"]), Permissions::default());
    }
}
