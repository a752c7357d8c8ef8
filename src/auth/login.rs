//! Logins: their beginning, their refreshes and their end.

use serde_json::json;

use super::known::{Known, known};
use super::origin::Origin;
use super::revocation::{RevokeReason, Revoked};
use super::token::{self, Kind, OwnToken};
use super::{Auth, Inner, Principal, SecondFactorState, Tokens, enabled_profile, refuse, second_factor, sha256, store};
use crate::account;
use crate::account::password::Turn;
use crate::audit::{self, Actor, Change};
use crate::clock::{Millis, whole_seconds};
use crate::credential::{Credential, Ended, Issued, TokenIdentity};
use crate::db::AnyConnection;
use crate::error::{Error, Problem, Result};
use crate::id::{LoginId, TenantId, UserKey, UserType};
use crate::limit::logins::Attempt;
use crate::tenant;

/// How exactly it is kept when a login was used last, in milliseconds.
const USED_WITHIN: Millis = 60_000;

/// The refusal of a login that is not there or belongs to someone else.
pub(super) const fn unknown() -> Problem {
    Problem::new("登录记录不存在", "the login does not exist")
}

impl Auth {
    /// Logs an admin in. Unknown user and wrong password get one answer, after the same time.
    ///
    /// # Errors
    /// [`Error::LoginFailed`]; [`Error::AccountDisabled`] for the right password; [`Error::TooManyLogins`] after too
    /// many failures, see [`crate::limit::logins`]; [`Error::Busy`] when too many others are logging in; for the right password of an account
    /// with a second factor [`Error::SecondFactorMissing`] and [`Error::SecondFactorWrong`], which counts as a failure.
    pub async fn login(
        &self,
        tenant: TenantId,
        username: &str,
        password: &str,
        code: Option<String>,
        origin: Origin,
    ) -> Result<Tokens> {
        let inner = &*self.0;
        let (attempt, failures) = (Attempt::new(tenant, username, origin.address), &inner.limits.failures);
        failures.check(&attempt)?;
        let name = username.to_owned();
        let found = inner.db.run(move |connection| account::admin_by_name(connection, tenant, &name)).await?;
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        let fits = inner.compare(attempt, password, hash).await?;
        let (Some((attempt, turn)), Some((admin, hash))) = (fits, found) else { return Err(Error::LoginFailed) };
        // As with a password: who guesses codes has one try for each turn, and the next caller's check sees a failure.
        let _turn = admin.has_second_factor.then_some(turn);
        let begun = inner.begin(admin.key, Some((hash, code)), Some(origin)).await;
        match &begun {
            Ok(_) => failures.succeeded(attempt),
            Err(Error::SecondFactorWrong) => failures.failed(attempt),
            Err(_) => {}
        }
        begun
    }

    /// Logs a user in without a password, for `kefu token`.
    ///
    /// # Errors
    /// [`Error::AccountDisabled`] when there is no such user or the account is disabled.
    pub async fn issue(&self, key: UserKey) -> Result<Tokens> {
        self.0.begin(key, None, None).await
    }

    /// A new access token for a refresh token, which stays the same unless the settings ask for rotation. With
    /// rotation, an old one that comes back ends the whole login.
    ///
    /// # Errors
    /// [`Error::RefreshTokenExpired`] for one of ours past its time, [`Error::RefreshTokenInvalid`] for whatever else
    /// is wrong, also when it belongs to the other user type or to a visitor, whose key is not named here;
    /// [`Error::TooManyLogins`] when the login was refreshed too often.
    pub async fn refresh(&self, refresh_token: &str, user_type: UserType, origin: Origin) -> Result<Tokens> {
        let inner = &*self.0;
        let token = (refresh_token.len() <= token::LENGTH_LIMIT)
            .then(|| inner.own.verify(refresh_token))
            .flatten()
            .filter(|token| token.kind == Kind::Refresh && token.key.user_type == user_type);
        let token = token.ok_or_else(|| {
            refuse("no refresh token of this service and this kind of user");
            Error::RefreshTokenInvalid
        })?;
        let now = inner.clock.now();
        if token.expires_at <= now {
            refuse("exp has passed");
            return Err(Error::RefreshTokenExpired);
        }
        inner.limits.refresh(token.login)?;
        if !inner.rotate {
            let current = inner.db.run(move |connection| current_login(connection, &token)).await?;
            let login = current.ok_or(Error::RefreshTokenInvalid)?;
            let tokens = inner.tokens(token.key, token.login, token.generation, now, token.expires_at)?;
            inner.note_use(token.login, login.last_used, origin, now).await;
            return Ok(Tokens { refresh_token: refresh_token.to_owned(), ..tokens });
        }
        let latest = inner.refresh_expiry(now);
        match inner.db.write(move |connection| rotate(connection, &token, latest, now)).await? {
            Rotation::Done { ends, last_used } => {
                inner.note_use(token.login, last_used, origin, now).await;
                inner.tokens(token.key, token.login, token.generation + 1, now, ends)
            }
            Rotation::Refused => Err(Error::RefreshTokenInvalid),
            Rotation::Reused => {
                tracing::warn!(user = %token.key.user, login = %token.login, "a rotated refresh token came back");
                self.publish_logout(token.key, Ended::Login(token.login));
                Err(Error::RefreshTokenInvalid)
            }
        }
    }

    /// Ends the login that the principal came with. For a token of the integrator these are the tokens of its session
    /// or, when it names none, all tokens of the member, as far as they were issued until now; and the token itself,
    /// whatever it says.
    pub async fn logout(&self, principal: &Principal) -> Result<()> {
        let inner = &*self.0;
        let key = principal.key;
        match principal.credential {
            Credential::Token(token) => {
                // When a token of the shop ends is the shop's to say, and may be later than it said.
                let longest = inner.clock.now() + store::SESSION_KEPT_MS;
                let needed =
                    if principal.introspected { principal.expires_at.max(longest) } else { principal.expires_at };
                self.logout_token(key, token, needed).await
            }
            Credential::Login(login) => {
                let now = inner.clock.now();
                inner.db.write(move |connection| store::revoke_login(connection, key, login, now)).await?;
                self.publish_logout(key, Ended::Login(login));
                Ok(())
            }
        }
    }

    /// Ends what a token stands for that may have expired: a console that was left open for an hour and then logs out
    /// means its refresh token too. Anything else, and what has ended already, changes nothing.
    pub async fn logout_expired(&self, text: &str, user_type: UserType) -> Result<()> {
        match token::claims_to_be_own(text) {
            Some(true) => self.logout_expired_login(text, user_type).await,
            Some(false) if user_type == UserType::Member => self.logout_expired_token(text).await,
            Some(false) | None => Ok(()),
        }
    }

    async fn logout_expired_login(&self, access_token: &str, user_type: UserType) -> Result<()> {
        let inner = &*self.0;
        let Some(token) = inner.own.verify(access_token) else { return Ok(()) };
        if token.kind != Kind::Access || token.key.user_type != user_type {
            return Ok(());
        }
        let now = inner.clock.now();
        let write = move |connection: &mut AnyConnection| {
            let open = store::login(connection, token.login)?
                .is_some_and(|login| login.key == token.key && !login.revoked && login.expires_at > now);
            if open {
                store::revoke_login(connection, token.key, token.login, now)?;
            }
            Ok(open)
        };
        if inner.db.write(write).await? {
            self.publish_logout(token.key, Ended::Login(token.login));
        }
        Ok(())
    }

    /// A user's logins that have not ended, the newest first, at most some hundred.
    ///
    /// # Errors
    /// As [`crate::db::Db::run`].
    pub(super) async fn logins(&self, key: UserKey) -> Result<Vec<store::OpenLogin>> {
        let now = self.0.clock.now();
        self.0.db.run(move |connection| store::open_logins(connection, key, now)).await
    }

    /// Ends a login of the caller's own or, for one who manages them, of another user of the tenant. One that has ended stays
    /// so.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is none that the caller may see.
    pub(crate) async fn end_login(&self, own: UserKey, manages: bool, id: LoginId, actor: Actor) -> Result<()> {
        let now = self.0.clock.now();
        let end = move |connection: &mut AnyConnection| {
            let found = store::login(connection, id)?;
            let visible = found.filter(|login| login.key == own || (manages && login.key.tenant == own.tenant));
            let login = visible.ok_or(Error::Invalid(unknown()))?;
            if !login.revoked {
                store::revoke_login(connection, login.key, id, now)?;
                let of = json!({"userId": login.key.user, "userType": login.key.user_type.code()});
                audit::record(connection, &actor, own.tenant, Change::of("login", id, "delete").from(of), now)?;
            }
            Ok(login.key)
        };
        let key = self.0.db.write(end).await?;
        self.publish_logout(key, Ended::Login(id));
        Ok(())
    }

    /// The same for a token of the integrator: one that expired longer ago than a login can last means nothing any more.
    async fn logout_expired_token(&self, text: &str) -> Result<()> {
        let inner = &*self.0;
        let now = inner.clock.now();
        let members = inner.members.with_key_of(text).await?;
        // While this clock is behind, tokens come from its future, and their bearers log out all the same.
        let Ok(read) = members.read(text, now + CLOCKS_APART_MS) else { return Ok(()) };
        if read.expires_at < now - inner.refresh_ttl_ms {
            return Ok(());
        }
        let (hash, expires_at) = (sha256(text), read.expires_at);
        let found = inner.db.run(move |connection| known(connection, hash, &read, now)).await?;
        match found {
            Ok(Known { identity, member: Some(member), .. }) => {
                self.logout_token(member.key, identity, expires_at).await
            }
            Ok(Known { member: None, .. }) | Err(_) => Ok(()),
        }
    }

    async fn logout_token(&self, key: UserKey, token: TokenIdentity, expires_at: Millis) -> Result<()> {
        let now = self.0.clock.now();
        // A token that is presented was issued before its logout, also when the integrator's clock is ahead of ours.
        let logout = match token.issued {
            Issued::Claimed(at) => now.max(at),
            Issued::FirstSeen(_) => now,
        };
        let write = move |connection: &mut AnyConnection| {
            store::revoke_token(connection, key, token.hash, expires_at, logout, now)?;
            if let Some(session) = token.session {
                store::revoke_session(connection, key, session, expires_at, logout, now)?;
                return Ok(Some(Ended::Tokens(session, logout)));
            }
            // An admin's other tokens are other logins, which the shop knows apart.
            if key.user_type == UserType::Admin {
                return Ok(None);
            }
            Ok(Some(Ended::TokensUntil(end_tokens(connection, key, logout, now)?)))
        };
        let others = self.0.db.write(write).await?;
        self.publish_logout(key, Ended::Tokens(token.hash, logout));
        if let Some(others) = others {
            self.publish_logout(key, others);
        }
        Ok(())
    }

    pub(super) fn publish_logout(&self, key: UserKey, ended: Ended) {
        self.publish(Revoked { key, ended, reason: RevokeReason::LoggedOut });
    }
}

/// Ends the integrator's tokens of a member that were issued until `logout`; returns until when those count as issued that do not
/// say it.
pub(super) fn end_tokens(connection: &mut AnyConnection, key: UserKey, logout: Millis, now: Millis) -> Result<Millis> {
    account::set_logout_time(connection, key, logout)?;
    // The clock may have been ahead when it saw a token first.
    let latest = store::seen::end(connection, key, logout)?.map_or(logout, |seen_at| seen_at.max(logout));
    store::revoke_tokens_until(connection, key, latest, now)?;
    Ok(latest)
}

impl Inner {
    /// Compares a password in its turn and gives attempt and turn back when it fits; when it does not, the failure is counted
    /// before the turn ends, so that the next caller's check sees it. `None` is the hash of an unknown user.
    ///
    /// # Errors
    /// [`Error::TooManyLogins`] when others have failed while this one waited; [`Error::Busy`] without a turn.
    pub(super) async fn compare(
        &self,
        attempt: Attempt,
        password: &str,
        hash: Option<String>,
    ) -> Result<Option<(Attempt, Turn)>> {
        let turn = self.passwords.turn().await?;
        self.limits.failures.check(&attempt)?;
        let (fits, turn) = turn.fits(password.to_owned(), hash).await?;
        if fits {
            return Ok(Some((attempt, turn)));
        }
        self.limits.failures.failed(attempt);
        Ok(None)
    }

    /// Begins a login of an enabled user. Where there was a password, its hash has to be the one that was compared still, and where
    /// there is a second factor, the code one of it.
    async fn begin(
        &self,
        key: UserKey,
        compared: Option<(String, Option<String>)>,
        origin: Option<Origin>,
    ) -> Result<Tokens> {
        let now = self.clock.now();
        let latest = self.refresh_expiry(now);
        let insert = move |connection: &mut AnyConnection| {
            if let Some((hash, _)) = &compared
                && !account::confirm_password(connection, key, hash)?
            {
                return Err(Error::LoginFailed);
            }
            let profile = enabled_profile(connection, key)?.ok_or(Error::AccountDisabled)?;
            if let Some((_, code)) = &compared {
                second_factor::pass(connection, key, code.as_deref(), now)?;
            }
            let ends = end_of_login(connection, key, latest, now)?;
            let login = store::insert_login(connection, key, None, origin.as_ref(), ends, now)?;
            Ok((login, ends, profile.sets_up.then_some(SecondFactorState::Setup)))
        };
        let (login, ends, second_factor) = self.db.write(insert).await?;
        Ok(Tokens { second_factor, ..self.tokens(key, login, 0, now, ends)? })
    }

    /// Tokens of a login that ends at `ends`.
    pub(super) fn tokens(
        &self,
        key: UserKey,
        login: LoginId,
        generation: i64,
        now: Millis,
        ends: Millis,
    ) -> Result<Tokens> {
        let access = OwnToken {
            kind: Kind::Access,
            key,
            login,
            generation,
            expires_at: whole_seconds(now + self.access_ttl_ms).min(ends),
        };
        let refresh = OwnToken { kind: Kind::Refresh, expires_at: ends, ..access };
        Ok(Tokens {
            user_id: key.user,
            access_token: self.own.sign(&access, now)?,
            refresh_token: self.own.sign(&refresh, now)?,
            expires_time: access.expires_at,
            second_factor: None,
        })
    }

    /// Notes that a login was used, for the list of logins. A refresh does not fail when it cannot be noted.
    pub(super) async fn note_use(&self, login: LoginId, last_used: Option<Millis>, origin: Origin, now: Millis) {
        if last_used.is_some_and(|used| (0..USED_WITHIN).contains(&(now - used))) {
            return;
        }
        if let Err(error) = self.db.write(move |connection| store::note_use(connection, login, &origin, now)).await {
            tracing::debug!(%error, "the use of a login was not noted");
        }
    }

    const fn refresh_expiry(&self, now: Millis) -> Millis {
        whole_seconds(now + self.refresh_ttl_ms)
    }
}

/// How far a clock that is behind may be: a token of a later time is no mistake of clocks.
const CLOCKS_APART_MS: Millis = 24 * 3600 * 1000;

/// The login of a refresh token that is its newest, if it may go on.
fn current_login(connection: &mut AnyConnection, token: &OwnToken) -> Result<Option<store::Login>> {
    let found = store::login(connection, token.login)?;
    let is_current = |login: &store::Login| {
        !login.revoked && login.channel.is_none() && login.key == token.key && login.generation == token.generation
    };
    let current = found.filter(is_current);
    let Some(login) = current else { return Ok(None) };
    Ok(enabled_profile(connection, token.key)?.map(|_| login))
}

/// When a login that begins or is rotated now ends: at `latest`, or sooner for an admin whose tenant says so.
fn end_of_login(connection: &mut AnyConnection, key: UserKey, latest: Millis, now: Millis) -> Result<Millis> {
    if key.user_type != UserType::Admin {
        return Ok(latest);
    }
    let (_, settings) = tenant::stored_settings(connection, key.tenant)?;
    match Millis::try_from(settings.login.ttl) {
        Ok(ttl) if ttl > 0 => Ok(latest.min(whole_seconds(now + 1000 * ttl))),
        _ => Ok(latest),
    }
}

enum Rotation {
    /// When the login ends now, and when its use was noted last.
    Done {
        ends: Millis,
        last_used: Option<Millis>,
    },
    Refused,
    Reused,
}

fn rotate(connection: &mut AnyConnection, token: &OwnToken, latest: Millis, now: Millis) -> Result<Rotation> {
    let Some(login) = store::login(connection, token.login)? else { return Ok(Rotation::Refused) };
    if login.revoked
        || login.channel.is_some()
        || login.key != token.key
        || enabled_profile(connection, token.key)?.is_none()
    {
        return Ok(Rotation::Refused);
    }
    let ends = end_of_login(connection, token.key, latest, now)?;
    if store::rotate_login(connection, token.login, token.generation, ends, now)? {
        return Ok(Rotation::Done { ends, last_used: login.last_used });
    }
    store::revoke_login(connection, token.key, token.login, now)?;
    Ok(Rotation::Reused)
}
