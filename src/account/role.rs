//! What a role is: a row that says what admins may do. Rights of several roles add up. What is done with roles is in
//! [`super::roles`].

use crate::access::{Permissions, Role};
use crate::clock::Millis;
use crate::id::{RoleId, TenantId};

/// Longest name of a role, in characters.
pub(crate) const NAME_LIMIT: usize = 64;
/// Longest code of a role, in characters.
pub(crate) const CODE_LIMIT: usize = 64;
/// Longest remark, in characters.
pub(crate) const REMARK_LIMIT: usize = 255;
/// Roles that a tenant may have, the three among them.
pub(crate) const MOST: usize = 200;

/// One role of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredRole {
    /// Its number.
    pub id: RoleId,
    /// What programs know it by, unique within the tenant.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// Where it stands in lists, the lowest first.
    pub sort: i32,
    /// Whether its holders have its rights.
    pub enabled: bool,
    /// Which of the three it is; `None` for one of the tenant's own.
    pub built_in: Option<Role>,
    /// What it lets its holders do.
    pub permissions: Permissions,
    /// Whether its holders must log in with a second factor.
    pub second_factor: bool,
    /// What the admins note about it.
    pub remark: String,
    /// When it was made, in milliseconds.
    pub created_at: Millis,
}

/// A role to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewRole {
    /// The tenant.
    pub tenant: TenantId,
    /// 1–64 visible characters; `None` for one that is made of the role's number.
    pub code: Option<String>,
    /// What it is called.
    pub name: String,
    /// Where it stands in lists.
    pub sort: i32,
    /// Whether its holders have its rights.
    pub enabled: bool,
    /// What it lets its holders do.
    pub permissions: Permissions,
    /// Whether its holders must log in with a second factor.
    pub second_factor: bool,
    /// What the admins note about it.
    pub remark: String,
    /// Who makes it, for the column `creator`.
    pub by: String,
}

/// What an admin holds of these roles, as one set.
pub(crate) fn permissions(roles: &[StoredRole]) -> Permissions {
    let enabled = roles.iter().filter(|role| role.enabled);
    enabled.fold(Permissions::default(), |set, role| set.union(role.permissions))
}
