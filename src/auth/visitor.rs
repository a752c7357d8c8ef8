//! Logins of visitors: of members who came in through a channel and whom nobody introduced.
//!
//! A visitor's refresh token rotates with each use. The one before stays good for a minute, for a second tab that refreshes at
//! the same time, and then brings tokens of the newest generation, so that either tab can go on. Later it is one that was copied,
//! and ends the login. Whoever comes without a token that counts is made anew: a page cannot ask
//! for a password.

use super::origin::Origin;
use super::token::{self, Kind, OwnToken};
use super::{Auth, Principal, Tokens, enabled_profile, refuse, store};
use crate::clock::{Millis, whole_seconds};
use crate::credential::Ended;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::id::{ChannelId, LoginId, UserKey, UserType};

/// A visitor's refresh token that this service has signed, whatever has become of its login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VisitorToken(OwnToken);

/// What a visitor's token stands for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VisitorLogin {
    /// A login that goes on.
    Open(ChannelId),
    /// A login that goes on, and for whose token another one was given long ago.
    Outdated(ChannelId),
    /// A login that has ended.
    Ended(ChannelId),
}

impl VisitorLogin {
    /// The channel that the visitor came in by.
    pub(crate) const fn channel(self) -> ChannelId {
        match self {
            Self::Open(channel) | Self::Outdated(channel) | Self::Ended(channel) => channel,
        }
    }
}

impl VisitorToken {
    /// Whose it is.
    pub(crate) const fn key(&self) -> UserKey {
        self.0.key
    }

    /// What has become of its login; `None` when it is no visitor's.
    pub(crate) fn login(&self, connection: &mut AnyConnection, now: Millis) -> Result<Option<VisitorLogin>> {
        let Some(login) = store::login(connection, self.0.login)?.filter(|login| login.key == self.0.key) else {
            return Ok(None);
        };
        Ok(login.channel.map(|channel| match login.accepts(self.0.generation, now) {
            _ if login.revoked => VisitorLogin::Ended(channel),
            true => VisitorLogin::Open(channel),
            false => VisitorLogin::Outdated(channel),
        }))
    }
}

/// The logins of a visitor that have not ended: one, as each login makes its visitor.
pub(crate) fn open_logins(connection: &mut AnyConnection, key: UserKey, now: Millis) -> Result<Vec<LoginId>> {
    Ok(store::open_logins(connection, key, now)?.into_iter().map(|login| login.id).collect())
}

/// Ends logins of a visitor, inside the transaction that links the visitor to a member.
pub(crate) fn end_logins(connection: &mut AnyConnection, key: UserKey, logins: &[LoginId], now: Millis) -> Result<()> {
    logins.iter().try_for_each(|login| store::revoke_login(connection, key, *login, now))
}

/// What became of a visitor's refresh token.
enum Continued {
    /// The generation of its login, when the login ends, and when its use was noted last.
    With {
        generation: i64,
        ends: Millis,
        last_used: Option<Millis>,
    },
    /// It was used after another one had been given for it.
    Reused,
    Refused,
}

impl Auth {
    /// New tokens for a visitor's refresh token; `None` when it does not count, or not for this channel.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when the login was refreshed too often; as [`crate::db::Db::write`].
    pub(crate) async fn continue_visitor(
        &self,
        channel: ChannelId,
        refresh_token: &str,
        origin: Origin,
    ) -> Result<Option<Tokens>> {
        let (inner, now) = (&*self.0, self.0.clock.now());
        let Some(VisitorToken(token)) = self.visitor_token(refresh_token) else { return Ok(None) };
        inner.limits.refresh(token.login).map_err(|error| match error {
            Error::TooManyLogins { retry_after_s } => Error::TooManyRequests { retry_after_s },
            other => other,
        })?;
        let latest = whole_seconds(now + inner.visitor_ttl_ms);
        let go_on = move |connection: &mut AnyConnection| go_on(connection, &token, channel, latest, now);
        match inner.db.write(go_on).await? {
            Continued::With { generation, ends, last_used } => {
                inner.note_use(token.login, last_used, origin, now).await;
                inner.tokens(token.key, token.login, generation, now, ends).map(Some)
            }
            Continued::Reused => {
                tracing::warn!(user = %token.key.user, login = %token.login, "a visitor's old refresh token came back");
                self.publish_logout(token.key, Ended::Login(token.login));
                Ok(None)
            }
            Continued::Refused => Ok(None),
        }
    }

    /// The first tokens of a visitor, whom `make` makes in the same transaction.
    ///
    /// # Errors
    /// As [`crate::db::Db::write`].
    pub(crate) async fn begin_visitor(
        &self,
        channel: ChannelId,
        origin: Origin,
        mut make: impl FnMut(&mut AnyConnection, Millis) -> Result<UserKey> + Send + 'static,
    ) -> Result<Tokens> {
        let (inner, now) = (&*self.0, self.0.clock.now());
        let ends = whole_seconds(now + inner.visitor_ttl_ms);
        let begin = move |connection: &mut AnyConnection| {
            let key = make(connection, now)?;
            Ok((key, store::insert_login(connection, key, Some(channel), Some(&origin), ends, now)?))
        };
        let (key, login) = inner.db.write(begin).await?;
        inner.tokens(key, login, 0, now, ends)
    }

    /// The token in a text, when it is a member's refresh token that has not expired.
    pub(crate) fn visitor_token(&self, refresh_token: &str) -> Option<VisitorToken> {
        let verified = (refresh_token.len() <= token::LENGTH_LIMIT).then(|| self.0.own.verify(refresh_token)).flatten();
        let is_good = |token: &OwnToken| {
            token.kind == Kind::Refresh
                && token.key.user_type == UserType::Member
                && token.expires_at > self.0.clock.now()
        };
        let found = verified.filter(is_good).map(VisitorToken);
        if found.is_none() {
            refuse("no refresh token of a visitor, or exp has passed");
        }
        found
    }

    /// Ends the login of a token for which another one was given long ago: it was copied.
    ///
    /// # Errors
    /// As [`crate::db::Db::write`].
    pub(crate) async fn end_reused(&self, token: VisitorToken) -> Result<()> {
        tracing::warn!(user = %token.0.key.user, login = %token.0.login, "a visitor's old refresh token came back");
        let (now, OwnToken { key, login, .. }) = (self.0.clock.now(), token.0);
        self.0.db.write(move |connection| store::revoke_login(connection, key, login, now)).await?;
        self.publish_logout(key, Ended::Login(login));
        Ok(())
    }

    /// Drops what is believed of a visitor whose logins were ended in a transaction, and closes the sockets.
    pub(crate) fn visitor_linked(&self, key: UserKey, logins: &[LoginId]) {
        logins.iter().for_each(|login| self.publish_logout(key, Ended::Login(*login)));
    }
}

impl Principal {
    /// Whether it is a visitor, whom nobody introduced.
    pub(crate) const fn is_visitor(&self) -> bool {
        self.channel.is_some()
    }
}

fn go_on(
    connection: &mut AnyConnection,
    token: &OwnToken,
    channel: ChannelId,
    latest: Millis,
    now: Millis,
) -> Result<Continued> {
    let Some(login) = store::login(connection, token.login)? else { return Ok(Continued::Refused) };
    let is_this = !login.revoked && login.key == token.key && login.channel == Some(channel);
    if !is_this || enabled_profile(connection, token.key)?.is_none() {
        return Ok(Continued::Refused);
    }
    if store::rotate_login(connection, token.login, token.generation, latest, now)? {
        return Ok(Continued::With { generation: token.generation + 1, ends: latest, last_used: login.last_used });
    }
    // Read again: another tab may have rotated it since.
    let Some(login) = store::login(connection, token.login)?.filter(|login| !login.revoked) else {
        return Ok(Continued::Refused);
    };
    if login.accepts(token.generation, now) {
        return Ok(Continued::With {
            generation: login.generation,
            ends: login.expires_at,
            last_used: login.last_used,
        });
    }
    store::revoke_login(connection, token.key, token.login, now)?;
    Ok(Continued::Reused)
}
