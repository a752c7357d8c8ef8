//! Changes of an admin's account that end their logins, or change what their sockets receive.
//!
//! The revocation is written in the same transaction, so that running servers notice (`revocation`).

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{Auth, Inner, Principal, RevokeReason, Revoked, store};
use crate::access::Role;
use crate::account::{self, password};
use crate::audit::{self, Actor, Change};
use crate::clock::{Clock, Millis};
use crate::credential::{Credential, Ended};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::id::TenantId;
use crate::limit::logins::Attempt;

/// Sets an admin's password and ends every login of theirs.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name, and a password of the wrong length or a common one.
pub async fn set_password(db: &Db, clock: &Clock, tenant: TenantId, username: &str, password: &str) -> Result<()> {
    let hash = password::hash(password, username).await?;
    let (username, now) = (username.to_owned(), clock.now());
    db.write(move |connection| {
        let (admin, _) = account::admin_by_name(connection, tenant, &username)?.ok_or_else(unknown_admin)?;
        account::set_password_hash(connection, admin.key, &hash, now)?;
        store::revoke_logins(connection, admin.key, None, now)?;
        let change = Change::of("user", admin.key.user, "update-password");
        audit::record(connection, &Actor::command_line(), tenant, change, now)
    })
    .await
}

impl Auth {
    /// Sets the password of the admin who calls, and ends every other login of theirs.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong old password, and for a new one of the wrong length or a common one;
    /// [`Error::TooManyRequests`] after too many wrong ones, which count as failed logins.
    pub(crate) async fn change_password(
        &self,
        caller: &Principal,
        old: &str,
        new: &str,
        address: IpAddr,
        actor: Actor,
    ) -> Result<()> {
        let (inner, key) = (&*self.0, caller.key);
        // Admins have no other credentials.
        let Credential::Login(login) = caller.credential else { return Err(Error::Forbidden) };
        let compared = inner.compare_own(caller, old, address).await?.ok_or_else(wrong_old_password)?;
        let Compared { username, hash: old_hash, .. } = compared;
        let hash = password::hash(new, &username).await?;
        let now = inner.clock.now();
        inner
            .db
            .write(move |connection| {
                if !account::confirm_password(connection, key, &old_hash)? {
                    return Err(wrong_old_password());
                }
                account::set_password_hash(connection, key, &hash, now)?;
                store::revoke_logins(connection, key, Some(login), now)?;
                let change = Change::of("profile", key.user, "update-password");
                audit::record(connection, &actor, key.tenant, change, now)
            })
            .await?;
        self.publish(Revoked { key, ended: Ended::AllBut(login), reason: RevokeReason::PasswordChanged });
        Ok(())
    }
}

/// An admin whose password was compared.
pub(super) struct Compared {
    pub username: String,
    /// The hash that it was compared with.
    pub hash: String,
    /// What counts further failures.
    pub attempt: Attempt,
}

impl Inner {
    /// Compares the password of the admin who calls; `None` when it is wrong, which counts as a failed login.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] after too many failures.
    pub(super) async fn compare_own(
        &self,
        caller: &Principal,
        password: &str,
        address: IpAddr,
    ) -> Result<Option<Compared>> {
        let key = caller.key;
        let found = self.db.run(move |connection| account::admin_with_hash(connection, key.tenant, key.user));
        let (admin, hash) = found.await?.ok_or(Error::Unauthenticated)?;
        let attempt = Attempt::new(key.tenant, &admin.username, address);
        self.limits.failures.check(&attempt).map_err(over_limit)?;
        let fits = self.compare(attempt, password, Some(hash.clone())).await.map_err(over_limit)?;
        Ok(fits.map(|(attempt, _)| Compared { username: admin.username, hash, attempt }))
    }
}

/// Too many failures where no stock form calls: HTTP 429.
pub(super) fn over_limit(error: Error) -> Error {
    match error {
        Error::TooManyLogins { retry_after_s } => Error::TooManyRequests { retry_after_s },
        error => error,
    }
}

fn wrong_old_password() -> Error {
    Error::Invalid(Problem::new("原密码不正确", "oldPassword is wrong"))
}

/// Enables or disables an admin; disabling ends every login of theirs.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name.
pub async fn set_enabled(db: &Db, clock: &Clock, tenant: TenantId, username: &str, enabled: bool) -> Result<()> {
    let (username, now) = (username.to_owned(), clock.now());
    db.write(move |connection| {
        let (admin, _) = account::admin_by_name(connection, tenant, &username)?.ok_or_else(unknown_admin)?;
        account::set_admin_enabled(connection, admin.key, enabled, now)?;
        if !enabled {
            store::revoke_logins(connection, admin.key, None, now)?;
        }
        let status = |enabled: bool| json!({"status": i32::from(!enabled)});
        let change = Change::of("user", admin.key.user, "update-status");
        record_difference(connection, tenant, change, &status(admin.enabled), &status(enabled), now)
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
        let (admin, _) = account::admin_by_name(connection, tenant, &username)?.ok_or_else(unknown_admin)?;
        account::set_admin_role(connection, admin.key, role, now)?;
        store::insert_change_of_rights(connection, admin.key, now)?;
        let roles = |role: Role| json!({"roles": [role.as_str()]});
        let change = Change::of("user", admin.key.user, "assign-roles");
        record_difference(connection, tenant, change, &roles(admin.role), &roles(role), now)
    })
    .await
}

/// Keeps what the command line has changed, when that is anything.
fn record_difference(
    connection: &mut AnyConnection,
    tenant: TenantId,
    change: Change,
    before: &Value,
    after: &Value,
    now: Millis,
) -> Result<()> {
    match change.between(before, after) {
        Some(change) => audit::record(connection, &Actor::command_line(), tenant, change, now),
        None => Ok(()),
    }
}

fn unknown_admin() -> Error {
    Error::Invalid(Problem::new("用户名不存在", "username is unknown"))
}
