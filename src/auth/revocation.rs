//! What is no longer valid, told to those who hold sockets.
//!
//! What this process revokes leaves the cache and reaches [`Auth::revocations`] at once. What others revoke (the
//! command line, another node) is found by polling `kefu_revocation`. A poll reports this process's own revocations
//! too: a socket that was being opened during the logout, and so missed the first notice, is closed by the second.

use std::collections::{HashMap, HashSet};

use tokio::sync::broadcast;

use super::{Auth, Credential, enabled_profile, store};
use crate::access::Permissions;
use crate::clock::Millis;
use crate::error::Result;
use crate::id::UserKey;

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
    /// The role was changed, and nothing has ended: open sockets have these permissions from now on.
    RoleChanged(Permissions),
}

/// How far back a poll reads beyond the last one: rows of slow transactions, and of processes whose clocks are behind.
const OVERLAP_MS: Millis = 60_000;

/// Where the polling stands.
pub(super) struct Polled {
    at: Millis,
    /// Rows that were reported and that the next poll reads again, by id, with their time.
    reported: HashMap<i64, Millis>,
}

impl Polled {
    pub(super) fn starting_at(now: Millis) -> Self {
        Self { at: now, reported: HashMap::new() }
    }
}

impl Auth {
    /// What was revoked since the last call, in this process or another; it has left the cache when this returns. To
    /// be called every second or so.
    pub async fn poll_revocations(&self) -> Result<Vec<Revoked>> {
        let inner = &*self.0;
        let mut polled = inner.polled.lock().await;
        let now = inner.clock.now();
        let since = polled.at.min(now) - OVERLAP_MS;
        let reported: HashSet<i64> = polled.reported.keys().copied().collect();
        let read = move |connection: &mut crate::db::AnyConnection| {
            let mut fresh = Vec::new();
            for row in store::revocations_since(connection, since)? {
                if reported.contains(&row.id) {
                    continue;
                }
                let reason = match row.credential {
                    Some(_) => RevokeReason::LoggedOut,
                    None => match enabled_profile(connection, row.key)? {
                        Some(profile) if row.role_changed => RevokeReason::RoleChanged(Permissions::of(profile.role)),
                        Some(_) => RevokeReason::PasswordChanged,
                        None => RevokeReason::Disabled,
                    },
                };
                fresh.push((row.id, row.created_at, Revoked { key: row.key, credential: row.credential, reason }));
            }
            Ok(fresh)
        };
        let fresh = inner.db.run(read).await?;
        polled.at = now;
        polled.reported.retain(|_, created_at| *created_at >= since);
        polled.reported.extend(fresh.iter().map(|(id, created_at, _)| (*id, *created_at)));
        let revoked: Vec<Revoked> = fresh.into_iter().map(|(_, _, revoked)| revoked).collect();
        if !revoked.is_empty() {
            let users: HashSet<UserKey> = revoked.iter().map(|revoked| revoked.key).collect();
            inner.cache.drop_users(|key| users.contains(key));
        }
        Ok(revoked)
    }

    /// What this process revokes, at once. A receiver that lags behind misses nothing that
    /// [`Auth::poll_revocations`] does not report.
    pub fn revocations(&self) -> broadcast::Receiver<Revoked> {
        self.0.revoked.subscribe()
    }

    /// Drops the user's tokens from the cache, then tells whoever holds sockets.
    pub(super) fn publish(&self, revoked: Revoked) {
        self.0.cache.drop_users(|key| *key == revoked.key);
        // Fails only when nobody listens.
        drop(self.0.revoked.send(revoked));
    }
}
