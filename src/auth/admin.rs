//! Changes of an admin's account that end their logins, or change what their sockets receive.
//!
//! The revocation is written in the same transaction, so that running servers notice (`revocation`).

use std::net::IpAddr;

use super::{Auth, Principal, RevokeReason, Revoked, store};
use crate::access::Role;
use crate::account::{self, password};
use crate::clock::Clock;
use crate::credential::{Credential, Ended};
use crate::db::Db;
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
        store::revoke_logins(connection, admin.key, None, now)
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
    ) -> Result<()> {
        let (inner, key) = (&*self.0, caller.key);
        // Admins have no other credentials.
        let Credential::Login(login) = caller.credential else { return Err(Error::Forbidden) };
        let found = inner.db.run(move |connection| account::admin_with_hash(connection, key.tenant, key.user));
        let (admin, old_hash) = found.await?.ok_or(Error::Unauthenticated)?;
        let attempt = Attempt::new(key.tenant, &admin.username, address);
        let compared = async {
            inner.limits.failures.check(&attempt)?;
            inner.compare(attempt, old, Some(old_hash.clone())).await
        };
        let fits = compared.await.map_err(|error| match error {
            Error::TooManyLogins { retry_after_s } => Error::TooManyRequests { retry_after_s },
            error => error,
        })?;
        fits.ok_or_else(wrong_password)?;
        let hash = password::hash(new, &admin.username).await?;
        let now = inner.clock.now();
        inner
            .db
            .write(move |connection| {
                if !account::confirm_password(connection, key, &old_hash)? {
                    return Err(wrong_password());
                }
                account::set_password_hash(connection, key, &hash, now)?;
                store::revoke_logins(connection, key, Some(login), now)
            })
            .await?;
        self.publish(Revoked { key, ended: Ended::AllBut(login), reason: RevokeReason::PasswordChanged });
        Ok(())
    }
}

fn wrong_password() -> Error {
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
        if enabled { Ok(()) } else { store::revoke_logins(connection, admin.key, None, now) }
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
        store::insert_change_of_rights(connection, admin.key, now)
    })
    .await
}

fn unknown_admin() -> Error {
    Error::Invalid(Problem::new("用户名不存在", "username is unknown"))
}
