//! Roles are made and kept by rules.
//!
//! Every tenant with admins has the three of [`Role`], whose rights the program knows and nobody changes, and may make some
//! of its own. That an owner is left is kept by [`keep_an_owner`], under the lock of the owner's row: two owners who take
//! the role from each other at once come one after the other.
//!
//! [`Role`]: crate::access::Role

use super::role::{MOST, NewRole, StoredRole};
use super::store::roles as store;
use crate::access::Role;
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::{Error, Problem, Result};
use crate::id::{RoleId, TenantId};

pub(crate) use store::{
    all, assign, built_in, enabled_owners, find, holders, holders_of_each, lock_owner, remove, set_permissions, update,
};

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
    // Owners are called `super_admin` on the wire.
    let is_taken = |code: &str| code == Role::Owner.console_code() || all.iter().any(|role| role.code == code);
    if new.code.as_deref().is_some_and(is_taken) {
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
