//! Roles: rows that say what admins may do. Rights of several roles add up.
//!
//! Every tenant with admins has the three of [`Role`], whose rights the program knows and nobody changes, and may make some
//! of its own. That an owner is left is kept by [`keep_an_owner`], under the lock of the owner's row: two owners who take
//! the role from each other at once come one after the other.

use crate::access::{Permissions, Role};
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::{Error, Problem, Result};
use crate::id::{RoleId, TenantId};

use super::store::roles as store;

pub(crate) use store::{assign, find, holders, holders_of_each, lock_owner, remove, set_permissions, update};

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

/// The roles of a tenant: the three first, then its own, by `sort` and number.
///
/// # Errors
/// As the connection's.
pub(crate) fn all(connection: &mut AnyConnection, tenant: TenantId) -> Result<Vec<StoredRole>> {
    store::all(connection, tenant)
}

/// The tenant's role of the three, which is made with the other two when the tenant has none yet.
///
/// # Errors
/// As the connection's.
pub(crate) fn built_in(
    connection: &mut AnyConnection,
    tenant: TenantId,
    role: Role,
    now: Millis,
) -> Result<StoredRole> {
    store::ensure_built_in(connection, tenant, now)?;
    let all = store::all(connection, tenant)?;
    let found = all.into_iter().find(|stored| stored.built_in == Some(role));
    found.ok_or_else(|| Error::internal("kefu_role: a built-in role is missing"))
}

/// Makes a role, inside a write transaction.
///
/// # Errors
/// [`Error::Invalid`] when there are too many, and for a code or a name that is taken.
pub(crate) fn insert(connection: &mut AnyConnection, new: &NewRole, now: Millis) -> Result<RoleId> {
    // Its row's lock: of two who make the last one, or two of one name, one comes later.
    lock_owner(connection, new.tenant, now)?;
    let all = store::all(connection, new.tenant)?;
    if all.len() >= MOST {
        return Err(Error::Invalid(Problem::new("角色最多 200 个", "there are 200 roles, the most")));
    }
    check_name(&all, &new.name, None)?;
    if new.code.as_deref().is_some_and(|code| all.iter().any(|role| role.code == code)) {
        return Err(Error::Invalid(Problem::new("角色编码已存在", "code is taken")));
    }
    store::insert(connection, new, now)
}

/// That no other role than `own` has the name.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn check_name(all: &[StoredRole], name: &str, own: Option<RoleId>) -> Result<()> {
    if all.iter().any(|role| role.name == name && Some(role.id) != own) {
        return Err(Error::Invalid(Problem::new("角色名称已存在", "name is taken")));
    }
    Ok(())
}

/// Refuses a change after which the tenant would have no enabled owner, although it had one. To be called inside the
/// transaction, after the change and after [`lock_owner`], with how many there were before.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn keep_an_owner(connection: &mut AnyConnection, tenant: TenantId, before: i64) -> Result<()> {
    if before > 0 && enabled_owners(connection, tenant)? == 0 {
        return Err(Error::Invalid(Problem::new(
            "必须保留至少一个启用的所有者",
            "the last enabled owner must stay one",
        )));
    }
    Ok(())
}

/// How many people are enabled and owners.
///
/// # Errors
/// As the connection's.
pub(crate) fn enabled_owners(connection: &mut AnyConnection, tenant: TenantId) -> Result<i64> {
    store::enabled_owners(connection, tenant)
}

/// What an admin holds of these roles, as one set.
pub(crate) fn permissions(roles: &[StoredRole]) -> Permissions {
    let enabled = roles.iter().filter(|role| role.enabled);
    enabled.fold(Permissions::default(), |set, role| set.union(role.permissions))
}
