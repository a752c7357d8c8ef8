//! Setting a second factor up, and switching it off.
//!
//! A role may ask for one. An admin who holds such a role and has none logs in with tokens that permit the set-up alone: the
//! principal says so ([`Principal::sets_up`]), the extractors refuse all other calls, and the handshake refuses sockets. What
//! changes that is written as a change of rights, so that every process drops what it believes of the admin.

use std::net::IpAddr;

use super::admin::{Compared, change as change_of, over_limit};
use super::users::touched;
use super::{Auth, Principal, Revoked, store};
use crate::account::second_factor::{self, SecondFactor};
use crate::account::{self, Admin};
use crate::audit::{self, Actor, Change};
use crate::clock::{Clock, Millis};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::id::{TenantId, UserId, UserKey, UserType};
use crate::limit::logins::Attempt;

/// What a set-up begins with. It belongs in no log: there is no `Debug`.
pub(crate) struct Begun {
    /// In base32.
    pub secret: String,
    /// The same as an address for apps.
    pub uri: String,
}

/// The refusal of a confirmation before a set-up.
pub(crate) const fn not_begun() -> Problem {
    Problem::new("请先开始设置动态验证码", "begin the set-up of a second factor first")
}

/// The refusal to do without password and code what one's own account does with them.
pub(crate) const fn own() -> Problem {
    Problem::new("请在个人中心关闭自己的动态验证码", "switch your own second factor off in your profile")
}

impl Auth {
    /// Begins the set-up of a second factor, or of another one in its place: makes a secret, which counts once it is confirmed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a wrong password; with a second factor as [`SecondFactor::check`]; [`Error::TooManyRequests`] after too many
    /// failures, which count as failed logins.
    pub(crate) async fn begin_second_factor(
        &self,
        caller: &Principal,
        password: &str,
        code: Option<String>,
        address: IpAddr,
        actor: Actor,
    ) -> Result<Begun> {
        let key = caller.key;
        let compared = self.0.compare_own(caller, password, address).await?.ok_or_else(wrong_password)?;
        let secret = second_factor::new_secret()?;
        let uri = second_factor::uri(&secret, &compared.username)?;
        let (pending, now) = (secret.clone(), self.0.clock.now());
        let begin = move |connection: &mut AnyConnection, hash: &str| {
            let factor = confirmed(connection, key, hash, code.as_deref(), now)?;
            let factor = SecondFactor { pending: Some(pending.clone()), ..factor };
            account::set_second_factor(connection, key, &factor, now)?;
            audit::record(connection, &actor, key.tenant, change(key, "begin"), now)
        };
        self.change_factor(compared, begin).await?;
        Ok(Begun { secret, uri })
    }

    /// Switches the second factor on that was begun; returns the recovery codes, which are known nowhere else. Earlier ones end.
    ///
    /// # Errors
    /// [`Error::Invalid`] when none was begun; [`Error::SecondFactorMissing`], [`Error::SecondFactorWrong`]; [`Error::TooManyRequests`] as
    /// above.
    pub(crate) async fn confirm_second_factor(
        &self,
        caller: &Principal,
        code: String,
        address: IpAddr,
        actor: Actor,
    ) -> Result<Vec<String>> {
        let (key, now) = (caller.key, self.0.clock.now());
        let admin = self.0.db.run(move |connection| account::admin(connection, key.tenant, key.user)).await?;
        let attempt = Attempt::new(key.tenant, &admin.ok_or(Error::Unauthenticated)?.username, address);
        self.0.limits.failures.check(&attempt).map_err(over_limit)?;
        let (codes, hashes): (Vec<String>, Vec<String>) = second_factor::new_recovery_codes()?.into_iter().unzip();
        let confirm = move |connection: &mut AnyConnection| {
            let factor = account::locked_second_factor(connection, key)?;
            let pending = factor.pending.clone().ok_or(Error::Invalid(not_begun()))?;
            let step = factor.confirm(&code, now)?;
            let factor = SecondFactor { secret: Some(pending), pending: None, step, recovery: hashes.clone() };
            account::set_second_factor(connection, key, &factor, now)?;
            store::insert_change_of_rights(connection, key, now)?;
            audit::record(connection, &actor, key.tenant, change(key, "enable"), now)
        };
        self.count_failure(self.0.db.write(confirm).await, attempt)?;
        self.forget(key);
        Ok(codes)
    }

    /// Switches the caller's own second factor off.
    ///
    /// # Errors
    /// As [`Auth::begin_second_factor`].
    pub(crate) async fn disable_second_factor(
        &self,
        caller: &Principal,
        password: &str,
        code: Option<String>,
        address: IpAddr,
        actor: Actor,
    ) -> Result<()> {
        let (key, now) = (caller.key, self.0.clock.now());
        let compared = self.0.compare_own(caller, password, address).await?.ok_or_else(wrong_password)?;
        let disable = move |connection: &mut AnyConnection, hash: &str| {
            confirmed(connection, key, hash, code.as_deref(), now)?;
            switch_off(connection, key, &actor, now).map(drop)
        };
        self.change_factor(compared, disable).await?;
        self.rights_changed(key).await
    }

    /// Switches the second factor of a colleague off, who has lost the device.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an account that is not there and for the caller's own; [`Error::Forbidden`] for one that may do more than
    /// the caller.
    pub(crate) async fn reset_second_factor(&self, actor: Actor, tenant: TenantId, user: UserId) -> Result<()> {
        let (key, now) = (UserKey { tenant, user_type: UserType::Admin, user }, self.0.clock.now());
        let reset = move |connection: &mut AnyConnection| {
            if actor.admin == Some(user) {
                return Err(Error::Invalid(own()));
            }
            let before = touched(connection, &actor, key)?;
            switch_off(connection, key, &actor, now)?;
            Ok(Admin { has_second_factor: false, ..before })
        };
        let admin = self.0.db.write(reset).await?;
        self.publish(Revoked::rights_changed(&admin));
        Ok(())
    }

    /// Runs a change of the caller's second factor after the password was compared. A wrong code counts as a failed login.
    async fn change_factor(
        &self,
        compared: Compared,
        mut change: impl FnMut(&mut AnyConnection, &str) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        // The turn ends after the failure is counted, so that the next caller's check sees it.
        let Compared { hash, attempt, turn: _turn, .. } = compared;
        let changed = self.0.db.write(move |connection| change(connection, &hash)).await;
        self.count_failure(changed, attempt)
    }

    fn count_failure(&self, outcome: Result<()>, attempt: Attempt) -> Result<()> {
        if outcome == Err(Error::SecondFactorWrong) {
            self.0.limits.failures.failed(attempt);
        }
        outcome
    }

    /// Drops what is believed of an admin, and closes the sockets of one who has to set a second factor up from now on.
    async fn rights_changed(&self, key: UserKey) -> Result<()> {
        let read = move |connection: &mut AnyConnection| account::admin(connection, key.tenant, key.user);
        if let Some(admin) = self.0.db.run(read).await? {
            self.publish(Revoked::rights_changed(&admin));
        }
        Ok(())
    }
}

/// Switches an admin's second factor off, as for one who has lost the device; returns whether it was on.
///
/// # Errors
/// [`Error::Invalid`] for an unknown name.
pub(crate) async fn drop_second_factor(db: &Db, clock: &Clock, tenant: TenantId, username: &str) -> Result<bool> {
    let now = clock.now();
    let switch_off = move |connection: &mut AnyConnection, key, actor: &Actor| switch_off(connection, key, actor, now);
    change_of(db, tenant, username, switch_off).await
}

/// The second factor of an admin whose password is still the one that was compared, after a code was used when there is one.
fn confirmed(
    connection: &mut AnyConnection,
    key: UserKey,
    hash: &str,
    code: Option<&str>,
    now: Millis,
) -> Result<SecondFactor> {
    if !account::confirm_password(connection, key, hash)? {
        return Err(wrong_password());
    }
    pass(connection, key, code, now)?;
    account::locked_second_factor(connection, key)
}

/// Uses a code of a second factor, when there is one, inside a write transaction.
///
/// # Errors
/// As [`SecondFactor::check`].
pub(super) fn pass(connection: &mut AnyConnection, key: UserKey, code: Option<&str>, now: Millis) -> Result<()> {
    let factor = account::locked_second_factor(connection, key)?;
    if factor.secret.is_none() {
        return Ok(());
    }
    let used = factor.check(code, now)?;
    account::use_code(connection, key, factor, used, now)
}

/// Switches a second factor off inside a write transaction; returns whether there was one.
pub(super) fn switch_off(connection: &mut AnyConnection, key: UserKey, actor: &Actor, now: Millis) -> Result<bool> {
    let factor = account::locked_second_factor(connection, key)?;
    if factor == SecondFactor::default() {
        return Ok(false);
    }
    account::set_second_factor(connection, key, &SecondFactor::default(), now)?;
    store::insert_change_of_rights(connection, key, now)?;
    audit::record(connection, actor, key.tenant, change(key, "disable"), now)?;
    Ok(true)
}

fn wrong_password() -> Error {
    Error::Invalid(Problem::new("密码不正确", "password is wrong"))
}

fn change(key: UserKey, action: &'static str) -> Change {
    Change::of("second_factor", key.user, action)
}
