//! Who calls: tokens, passwords, permissions.

pub mod extract;
mod permission;

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use utoipa::ToSchema;

pub use permission::{Permission, Role};

pub use crate::id::Credential;

use crate::clock::{Clock, Millis};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId, UserKey, UserType};
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
    /// An admin's role; `None` for members.
    pub role: Option<Role>,
    /// When the presented token ends, in milliseconds.
    pub expires_at: Millis,
    /// What a logout ends.
    pub credential: Credential,
}

impl Principal {
    /// Whether an admin holds a permission; never for members.
    pub fn may(&self, permission: Permission) -> bool {
        self.role.is_some_and(|role| role.may(permission))
    }
}

/// Where a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// REST: access tokens and the integrator's.
    Rest,
    /// The socket's handshake: refresh tokens too (contract, "WebSocket").
    Socket,
}

/// Something that is no longer valid; its sockets must be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Whose.
    pub key: UserKey,
    /// Which login or token; `None`: every one of the user.
    pub credential: Option<Credential>,
    /// Why.
    pub reason: RevokeReason,
}

/// Why something was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeReason {
    /// A logout, or a rotated refresh token that came back.
    LoggedOut,
    /// The account was disabled.
    Disabled,
    /// The password was changed.
    PasswordChanged,
}

/// What a login and a refresh answer (contract, "Auth that the stock clients use").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tokens {
    /// The user's id.
    pub user_id: UserId,
    /// For `Authorization`.
    pub access_token: String,
    /// For the next refresh, and for the socket's URL.
    pub refresh_token: String,
    /// When the access token ends, in milliseconds since the epoch.
    pub expires_time: Millis,
}

/// Verifies and issues tokens. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    revoked: broadcast::Sender<Revoked>,
}

impl Auth {
    /// Reads the keys that the settings name.
    ///
    /// # Errors
    /// One line for the operator: a key that is missing, of the wrong kind or too short.
    pub fn new(
        _settings: &settings::Auth,
        _limits: &settings::Limits,
        _secret: &str,
        _db: Db,
        _clock: Clock,
    ) -> Result<Self, String> {
        Ok(Self(Arc::new(Inner { revoked: broadcast::Sender::new(1024) })))
    }

    /// Who a token speaks for.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for whatever is wrong with the token or its account.
    pub async fn authenticate(&self, _token: &str, _usage: TokenUse) -> Result<Arc<Principal>> {
        Err(Error::Unauthenticated)
    }

    pub(crate) fn cached(&self, _token: &str, _usage: TokenUse) -> Option<Arc<Principal>> {
        None
    }

    /// Logs an admin in.
    pub async fn login(&self, _tenant: TenantId, _username: &str, _password: &str, _address: IpAddr) -> Result<Tokens> {
        Err(Error::LoginFailed)
    }

    /// A new access token for a refresh token.
    pub async fn refresh(&self, _refresh_token: &str, _user_type: UserType) -> Result<Tokens> {
        Err(Error::RefreshTokenInvalid)
    }

    /// Ends the login or the token that the principal came with.
    pub async fn logout(&self, _principal: &Principal) -> Result<()> {
        Ok(())
    }

    /// Logs a user in without a password.
    pub async fn issue(&self, _key: UserKey) -> Result<Tokens> {
        Err(Error::LoginFailed)
    }

    /// What was revoked since the last call, in this process or another.
    pub async fn poll_revocations(&self) -> Result<Vec<Revoked>> {
        Ok(Vec::new())
    }

    /// What this process revokes, at once.
    pub fn revocations(&self) -> broadcast::Receiver<Revoked> {
        self.0.revoked.subscribe()
    }
}
