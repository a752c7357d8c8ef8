//! Changes of an admin's account that end their logins, or change what their sockets receive.
//!
//! The revocation is written in the same transaction, so that running servers notice (`revocation`).

use super::store as logins;
use crate::access::Role;
use crate::account::{password, store};
use crate::clock::Clock;
use crate::db::Db;
use crate::error::{Error, Problem, Result};
use crate::id::TenantId;

/// Sets an admin's password and ends every login of theirs.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name or a password of the wrong length.
pub async fn set_password(db: &Db, clock: &Clock, tenant: TenantId, username: &str, password: &str) -> Result<()> {
    let hash = password::hash(password).await?;
    let (username, now) = (username.to_owned(), clock.now());
    db.write(move |connection| {
        let (admin, _) = store::admin_by_name(connection, tenant, &username)?.ok_or_else(unknown_admin)?;
        store::set_password_hash(connection, admin.key, &hash, now)?;
        logins::revoke_user(connection, admin.key, now)
    })
    .await
}

/// Enables or disables an admin; disabling ends every login of theirs.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name.
pub async fn set_enabled(db: &Db, clock: &Clock, tenant: TenantId, username: &str, enabled: bool) -> Result<()> {
    let (username, now) = (username.to_owned(), clock.now());
    db.write(move |connection| {
        let (admin, _) = store::admin_by_name(connection, tenant, &username)?.ok_or_else(unknown_admin)?;
        store::set_admin_enabled(connection, admin.key, enabled, now)?;
        if enabled { Ok(()) } else { logins::revoke_user(connection, admin.key, now) }
    })
    .await
}

/// Gives an admin another role. Logins stay; requests and open sockets have the role's permissions within seconds.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name.
pub async fn set_role(db: &Db, clock: &Clock, tenant: TenantId, username: &str, role: Role) -> Result<()> {
    let (username, now) = (username.to_owned(), clock.now());
    db.write(move |connection| {
        let (admin, _) = store::admin_by_name(connection, tenant, &username)?.ok_or_else(unknown_admin)?;
        store::set_admin_role(connection, admin.key, role, now)?;
        logins::insert_role_change(connection, admin.key, now)
    })
    .await
}

fn unknown_admin() -> Error {
    Error::Invalid(Problem::new("用户名不存在", "username is unknown"))
}
