//! Changes of an admin's account that end their logins, or change what their sockets receive.
//!
//! The revocation is written in the same transaction, so that running servers notice (`revocation`).

use std::net::IpAddr;

use super::{Auth, Inner, Principal, RevokeReason, Revoked, store, users};
use crate::access::Role;
use crate::account::password::Turn;
use crate::account::{self, password, roles};
use crate::audit::{self, Actor, Change};
use crate::clock::Clock;
use crate::credential::{Credential, Ended};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::id::{RoleId, TenantId, UserKey};
use crate::limit::logins::Attempt;

/// Sets an admin's password and ends every login of theirs.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name, and a password of the wrong length or a common one.
pub async fn set_password(db: &Db, clock: &Clock, tenant: TenantId, username: &str, password: &str) -> Result<()> {
    let hash = password::hash(password, username).await?;
    let now = clock.now();
    let set = move |connection: &mut AnyConnection, key, actor: &Actor| {
        users::set_password(connection, actor, key, &hash, now)
    };
    change(db, tenant, username, set).await
}

/// Runs a change of the account with that name, for the command line.
pub(super) async fn change<T: Send + 'static>(
    db: &Db,
    tenant: TenantId,
    username: &str,
    change: impl Fn(&mut AnyConnection, UserKey, &Actor) -> Result<T> + Send + 'static,
) -> Result<T> {
    let username = username.to_owned();
    db.write(move |connection| {
        let (admin, _) = account::admin_by_name(connection, tenant, &username)?.ok_or_else(unknown_admin)?;
        change(connection, admin.key, &Actor::command_line())
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
    /// Who guesses codes, too, has one try for each turn.
    pub turn: Turn,
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
        Ok(fits.map(|(attempt, turn)| Compared { username: admin.username, hash, attempt, turn }))
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
/// [`Error::Invalid`] for an unknown name, and for the last owner.
pub async fn set_enabled(db: &Db, clock: &Clock, tenant: TenantId, username: &str, enabled: bool) -> Result<()> {
    let now = clock.now();
    let set = move |connection: &mut AnyConnection, key, actor: &Actor| {
        users::set_enabled(connection, actor, key, enabled, now).map(drop)
    };
    change(db, tenant, username, set).await
}

/// Gives an admin this role and no other. Logins stay; requests and open sockets have the role's permissions within seconds.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name, and when no owner would be left.
pub async fn set_role(db: &Db, clock: &Clock, tenant: TenantId, username: &str, role: Role) -> Result<()> {
    let now = clock.now();
    let set = move |connection: &mut AnyConnection, key: UserKey, actor: &Actor| {
        let role = roles::built_in(connection, tenant, role, now)?;
        users::assign_roles(connection, actor, key, &[role.id], now).map(drop)
    };
    change(db, tenant, username, set).await
}

/// Makes an admin an owner beside what they are, and opens the account when it is closed.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name.
pub async fn grant_owner(db: &Db, clock: &Clock, tenant: TenantId, username: &str) -> Result<()> {
    let now = clock.now();
    let grant = move |connection: &mut AnyConnection, key: UserKey, actor: &Actor| {
        let owner = roles::built_in(connection, tenant, Role::Owner, now)?;
        let admin = account::admin(connection, tenant, key.user)?.ok_or_else(unknown_admin)?;
        // Of the column alone, a role has no number.
        let held = admin.roles.iter().map(|role| role.id).filter(|id| id.get() > 0);
        let wanted: Vec<RoleId> = held.chain([owner.id]).collect();
        users::assign_roles(connection, actor, key, &wanted, now)?;
        users::set_enabled(connection, actor, key, true, now).map(drop)
    };
    change(db, tenant, username, grant).await
}

fn unknown_admin() -> Error {
    Error::Invalid(Problem::new("用户名不存在", "username is unknown"))
}
