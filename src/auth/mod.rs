//! Who calls: tokens and logins.
//!
//! Three kinds of tokens are accepted. Our own (`token`) are made by a login or by `kefu token`; each names its row in
//! `kefu_login`, so it can be revoked. The integrator's (`member_token`) introduce a member whom we may not know yet. All
//! others are asked of the shop, where that is set up (`introspection`): they introduce members and admins. Each is checked against the database, then believed for five seconds (`cache`): that long a disabled account or
//! a logout in another process may go unnoticed, besides what [`Auth::poll_revocations`] finds earlier.
//!
//! `auth` asks `account` for accounts; `account` does not know `auth`. What changes an account and ends its logins in
//! the same transaction is in `admin`.

pub mod admin;
pub(crate) mod api;
pub(crate) mod block;
mod cache;
pub(crate) mod cleanup;
mod correction;
pub(crate) mod extract;
mod fetch;
mod introspected;
mod introspection;
mod key_source;
mod known;
mod login;
mod member_claims;
mod member_token;
pub(crate) mod origin;
mod revocation;
pub(crate) mod second_factor;
mod sessions;
mod store;
mod token;
pub(crate) mod users;
pub(crate) mod visitor;
mod watched;

use std::sync::Arc;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, broadcast};
use utoipa::ToSchema;

pub(crate) use revocation::{RevokeReason, Revoked};
pub(crate) use store::has_admin_logins;

use self::cache::{Cache, Refused, Verified};
use self::introspection::Introspection;
use self::key_source::KeySource;
use self::known::{Known, known};
use self::member_claims::{MemberToken, Refusal};
use self::revocation::Polled;
use self::token::{Kind, OwnToken, OwnTokens};
use self::watched::Watched;
use crate::access::{Permission, Permissions};
use crate::account::password::Passwords;
use crate::account::{self, MemberClaim};
use crate::clock::{Clock, Millis};
use crate::credential::{API_KEY_BEGIN, Credential, Hash, Issued};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::id::{ChannelId, UserId, UserKey, UserType};
use crate::limit::LoginLimits;
use crate::settings;

/// Who a valid token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Tenant, user type and id.
    pub key: UserKey,
    /// The name that others see.
    pub nickname: Arc<str>,
    /// The URL of the picture that others see, empty when there is none.
    pub avatar: Arc<str>,
    /// What an admin may do; nothing for members.
    pub permissions: Permissions,
    /// Whether admins have blocked the member, who may still read.
    pub blocked: bool,
    /// Whether the admin has to set a second factor up, and may do nothing else until then.
    pub sets_up: bool,
    /// A visitor's channel, whose pages alone may use the token.
    pub channel: Option<ChannelId>,
    /// When the presented token ends, in milliseconds.
    pub expires_at: Millis,
    /// What a logout ends.
    pub credential: Credential,
    /// Whether the shop was asked about the token, and is to be asked again.
    pub introspected: bool,
}

impl Principal {
    /// Whether an admin holds a permission; never for members.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contain(Permissions::only(permission))
    }
}

/// Where a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// REST: access tokens and the integrator's.
    Rest,
    /// The socket's handshake: refresh tokens too (docs/contract.md#websocket).
    Socket,
}

// See docs/contract.md#auth.
/// What a login and a refresh answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// The user's id.
    pub user_id: UserId,
    /// For `Authorization`.
    #[schema(example = "eyJ0eXAiOiJKV1Qi…")]
    pub access_token: String,
    /// For the next refresh, and for the socket's URL.
    #[schema(example = "eyJ0eXAiOiJKV1Qi…")]
    pub refresh_token: String,
    /// When the access token ends, in milliseconds since the epoch.
    #[schema(value_type = i64, example = 1_795_236_632_000_i64)]
    pub expires_time: Millis,
    /// `setup` when the tokens of a login are good for nothing but setting up the second factor that a role asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    pub second_factor: Option<SecondFactorState>,
}

/// What is left to do of a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SecondFactorState {
    /// It has to be set up.
    Setup,
}

/// Without the tokens, which belong in no log.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("user_id", &self.user_id)
            .field("expires_time", &self.expires_time)
            .finish_non_exhaustive()
    }
}

/// Verifies, issues and revokes tokens. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    own: OwnTokens,
    members: KeySource,
    introspection: Option<Introspection>,
    watched: Watched,
    cache: Cache,
    passwords: Passwords,
    limits: LoginLimits,
    access_ttl_ms: Millis,
    refresh_ttl_ms: Millis,
    visitor_ttl_ms: Millis,
    rotate: bool,
    revoked: broadcast::Sender<Revoked>,
    polled: Mutex<Polled>,
}

impl Auth {
    /// Reads the keys that the settings name; `secret` signs our own tokens.
    ///
    /// # Errors
    /// One line for the operator: a key that is missing, of the wrong kind or too short.
    pub fn new(
        settings: &settings::Auth,
        limits: &settings::Limits,
        secret: &str,
        db: Db,
        clock: Clock,
    ) -> Result<Self, String> {
        if secret.len() < token::SECRET_MIN {
            return Err(format!("auth.secret: at least {} bytes are needed", token::SECRET_MIN));
        }
        if settings.member_token.secret.as_deref() == Some(secret) {
            return Err("auth.member_token.secret: must differ from auth.secret".into());
        }
        let milliseconds = |name: &str, seconds: u64| {
            let ttl = Millis::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000));
            ttl.filter(|ttl| (1000..=MAX_TTL_MS).contains(ttl)).ok_or(format!("auth.{name}: 1 second to 10 years"))
        };
        Ok(Self(Arc::new(Inner {
            own: OwnTokens::new(secret.as_bytes()),
            members: KeySource::new(&settings.member_token)?,
            introspection: Introspection::new(&settings.introspection)?,
            watched: Watched::default(),
            cache: Cache::new(),
            passwords: Passwords::new(),
            limits: LoginLimits::new(limits, &clock),
            access_ttl_ms: milliseconds("access_ttl_s", settings.access_ttl_s)?,
            refresh_ttl_ms: milliseconds("refresh_ttl_s", settings.refresh_ttl_s)?,
            visitor_ttl_ms: milliseconds("visitor_refresh_ttl_s", settings.visitor_refresh_ttl_s)?,
            rotate: settings.rotate_refresh_tokens,
            revoked: broadcast::Sender::new(1024),
            polled: Mutex::default(),
            db,
            clock,
        })))
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for whatever is wrong with the token or its account; [`Error::Busy`] as [`Db::run`].
    pub async fn authenticate(&self, token: &str, usage: TokenUse) -> Result<Arc<Principal>> {
        if let Some(principal) = self.cached(token, usage) {
            return Ok(principal);
        }
        let now = Refused { at: self.0.clock.monotonic(), keys: self.0.members.generation() };
        if self.0.cache.is_refused(token, now) {
            return Err(Error::Unauthenticated);
        }
        let verification = self.0.cache.join(token, |epoch| {
            let (auth, token) = (self.clone(), token.to_owned());
            Box::pin(async move {
                let found = auth.0.verify(&token).await;
                auth.0.cache.settle(&token, &found, epoch, now);
                found
            })
        });
        let verified = verification.await?;
        // Others may have begun it a while ago.
        let valid = self.0.clock.now() < verified.principal.expires_at;
        verified.principal_for(usage).filter(|_| valid).ok_or(Error::Unauthenticated)
    }

    /// Reads the keys of members' tokens again, and the certificates that their address is trusted by.
    pub(crate) async fn reload_keys(&self) {
        self.0.members.reload().await;
    }

    /// Keeps the keys of members' tokens up to date for as long as it is polled.
    pub(crate) async fn look_after_keys(&self) {
        self.0.members.look_after().await;
    }

    /// Forgets the tokens that were verified too long ago, and counts that are as good as new; for memory only.
    pub fn forget_stale(&self) {
        self.0.cache.drop_stale(self.0.clock.now(), self.0.clock.monotonic());
        self.0.limits.forget_idle();
    }

    /// The service's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Drops what is believed of a user whose profile has changed.
    pub(crate) fn forget(&self, user: UserKey) {
        self.0.cache.drop_users(|key| *key == user);
    }

    /// A token that was verified a moment ago.
    pub(crate) fn cached(&self, token: &str, usage: TokenUse) -> Option<Arc<Principal>> {
        self.0.cache.get(token, usage, self.0.clock.now(), self.0.clock.monotonic())
    }
}

/// Longest lifetime of our own tokens.
const MAX_TTL_MS: Millis = 10 * 366 * 24 * 3600 * 1000;

impl Inner {
    async fn verify(&self, token: &str) -> Result<Verified> {
        // Before the database is asked.
        let (now, checked_at) = (self.clock.now(), self.clock.monotonic());
        let (principal, rest) = match (token::claims_to_be_own(token), &self.introspection) {
            (Some(true), _) => self.verify_own(token, now).await?,
            (Some(false), None) => (self.verify_member(token, now).await?, true),
            (None, None) => return Err(refuse("not a JWT, or longer than 4096 bytes")),
            (Some(false), Some(_)) if self.members.with_key_of(token).await?.may_have_signed(token) => {
                (self.verify_member(token, now).await?, true)
            }
            (_, Some(_)) if token.starts_with(API_KEY_BEGIN) => {
                return Err(refuse("an API key, which opens /open-api only"));
            }
            (Some(false) | None, Some(shop)) => (self.introspect(shop, token, now).await?, true),
        };
        Ok(Verified { principal: Arc::new(principal), rest, checked_at })
    }

    /// Who one of our tokens speaks for, and whether it is good for REST too.
    async fn verify_own(&self, text: &str, now: Millis) -> Result<(Principal, bool)> {
        let token = self.own.verify(text).ok_or_else(|| refuse("the signature or a claim of an own token is wrong"))?;
        let rest = token.kind == Kind::Access;
        if token.expires_at <= now {
            return Err(refuse("exp has passed"));
        }
        let profile = self.db.run(move |connection| current_profile(connection, &token, now)).await?;
        let (Profile { nickname, avatar, permissions, blocked, sets_up }, channel) =
            profile.ok_or_else(|| refuse("the login has ended, or the account is disabled"))?;
        let principal = Principal {
            key: token.key,
            nickname: nickname.into(),
            avatar: avatar.into(),
            permissions,
            blocked,
            sets_up,
            channel,
            expires_at: token.expires_at,
            credential: Credential::Login(token.login),
            introspected: false,
        };
        Ok((principal, rest))
    }

    async fn verify_member(&self, text: &str, now: Millis) -> Result<Principal> {
        let members = self.members.with_key_of(text).await?;
        let token = members.verify(text, now).map_err(refuse)?;
        self.known_member(text, token, now).await
    }

    /// The member whom a valid token of another system introduces.
    async fn known_member(&self, text: &str, token: MemberToken, now: Millis) -> Result<Principal> {
        let (hash, looked_up) = (sha256(text), token.clone());
        let found = self.db.run(move |connection| known(connection, hash, &looked_up, now)).await?;
        let Known { mut identity, is_unseen, member: found } = found.map_err(refuse)?;
        let MemberToken { mut member, expires_at, .. } = token;
        member.issued_at = Some(identity.issued.at());
        let member = account::keep_member(&self.db, &self.clock, member, found).await?;
        if !member.enabled {
            return Err(refuse("the member is disabled"));
        }
        if is_unseen {
            identity.issued = Issued::FirstSeen(self.keep_first_seen(member.key, hash, expires_at, now).await?);
        }
        Ok(Principal {
            key: member.key,
            nickname: member.nickname.into(),
            avatar: member.avatar.into(),
            permissions: Permissions::default(),
            blocked: member.blocked,
            sets_up: false,
            channel: None,
            expires_at,
            credential: Credential::Token(identity),
            introspected: false,
        })
    }

    /// When a token was first seen: now, unless another call has just kept it.
    async fn keep_first_seen(&self, key: UserKey, hash: Hash, expires_at: Millis, now: Millis) -> Result<Millis> {
        for _ in 0..2 {
            let keep =
                move |connection: &mut AnyConnection| store::seen::insert(connection, key, hash, expires_at, now);
            if let Some(seen_at) = self.db.write(keep).await? {
                return Ok(seen_at);
            }
        }
        Err(Error::internal("a token's row can neither be made nor found"))
    }
}

/// Says in the log which rule a token breaks, and in the answer only that it is not valid.
fn refuse(rule: Refusal) -> Error {
    tracing::debug!(rule, "a token was refused");
    Error::Unauthenticated
}

/// What others see of a user, and what the user may do.
struct Profile {
    nickname: String,
    avatar: String,
    permissions: Permissions,
    blocked: bool,
    sets_up: bool,
}

/// The profile behind one of our tokens and a visitor's channel, `None` when its login was revoked or its account may not be
/// used.
fn current_profile(
    connection: &mut AnyConnection,
    token: &OwnToken,
    now: Millis,
) -> Result<Option<(Profile, Option<ChannelId>)>> {
    let Some(login) = store::login(connection, token.login)? else { return Ok(None) };
    // An old refresh token that was rotated away opens no socket; access tokens live until they expire.
    let outdated = token.kind == Kind::Refresh && !login.accepts(token.generation, now);
    if login.revoked || login.key != token.key || outdated {
        return Ok(None);
    }
    Ok(enabled_profile(connection, token.key)?.map(|profile| (profile, login.channel)))
}

/// The profile of a user, `None` when there is none or it is disabled.
fn enabled_profile(connection: &mut AnyConnection, key: UserKey) -> Result<Option<Profile>> {
    Ok(match key.user_type {
        UserType::Admin => {
            let found = account::admin(connection, key.tenant, key.user)?.filter(|admin| admin.enabled);
            found.map(|admin| Profile {
                permissions: if admin.must_set_up() { Permissions::default() } else { admin.permissions() },
                sets_up: admin.must_set_up(),
                nickname: admin.nickname,
                avatar: admin.avatar,
                blocked: false,
            })
        }
        UserType::Member => {
            account::member(connection, key.tenant, key.user)?.filter(|member| member.enabled).map(|member| Profile {
                nickname: member.nickname,
                avatar: member.avatar,
                permissions: Permissions::default(),
                blocked: member.blocked,
                sets_up: false,
            })
        }
    })
}

/// What is kept of the name of a member's session.
fn session_hash(member: &MemberClaim, name: &str) -> Hash {
    sha256(&format!("session\0{}\0{}\0{name}", member.tenant, member.id.external()))
}

/// The SHA-256 of a secret, which is what tables and caches keep of one.
pub(crate) fn sha256(text: &str) -> Hash {
    let mut hash = [0; digest::SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests;
