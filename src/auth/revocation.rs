//! What is no longer valid, published to the sockets' owner.
//!
//! What this process revokes leaves the cache and reaches [`Auth::revocations`] at once. What others revoke (the
//! command line, another node) is found by polling `kefu_revocation`, by id: ids are reserved under a row's lock that is
//! held until the commit, so they become visible in their order, and no clock is asked. A poll reports this process's own
//! revocations too: a socket that was being opened during the logout, and so missed the first notice, is closed by the
//! second.

use std::collections::HashSet;

use tokio::sync::broadcast;

use super::{Auth, Inner, enabled_profile, store};
use crate::access::Permissions;
use crate::account::{self, Admin};
use crate::credential::Ended;
use crate::error::Result;
use crate::id::{UserKey, UserType};

/// Something that is no longer valid; its sockets must be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Whose.
    pub key: UserKey,
    /// Which of their credentials.
    pub ended: Ended,
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
    /// The member was blocked, or the admin has to set a second factor up. The logins go on: what is written is refused, and whoever opens a socket.
    Blocked,
    /// The role was changed, and nothing has ended: open sockets have these permissions from now on.
    RoleChanged(Permissions),
}

impl Revoked {
    /// Nothing of an admin's has ended, who may do something else from now on.
    pub(super) fn rights_changed(admin: &Admin) -> Self {
        // How the admins of a shop log in is the shop's business.
        let reason = if admin.must_set_up() && !admin.is_of_shop {
            RevokeReason::Blocked
        } else {
            RevokeReason::RoleChanged(admin.permissions())
        };
        Self { key: admin.key, ended: Ended::Nothing, reason }
    }
}

/// Revocations that are read at once; the next poll reads on.
const MOST: i64 = 1000;

/// Where the polling stands.
#[derive(Default)]
pub(super) struct Polled {
    /// The newest revocation that was reported, or was there at the first poll, which reports none.
    newest: Option<i64>,
}

impl Auth {
    /// What was revoked since the last call, in this process or another; it has left the cache when this returns. To
    /// be called every second or so, the first time before sockets are opened: the first call reports nothing.
    pub async fn poll_revocations(&self) -> Result<Vec<Revoked>> {
        let inner = &*self.0;
        let mut polled = inner.polled.lock().await;
        let after = polled.newest;
        let read = move |connection: &mut crate::db::AnyConnection| {
            let mut newest = store::newest_revocation(connection)?;
            let mut fresh = Vec::new();
            // A server's successor may know less: then there is nothing after, and the next poll starts from there.
            for row in store::revocations_after(connection, after.unwrap_or(newest), MOST)? {
                newest = row.id;
                if let Some(role) = row.role {
                    let holders = account::roles::holders(connection, row.key.tenant, role)?;
                    fresh.extend(holders.iter().map(Revoked::rights_changed));
                    continue;
                }
                if row.ended == Ended::Nothing && row.key.user_type == UserType::Admin {
                    let admin = account::admin(connection, row.key.tenant, row.key.user)?;
                    fresh.push(match admin.filter(|admin| admin.enabled) {
                        Some(admin) => Revoked::rights_changed(&admin),
                        None => Revoked { key: row.key, ended: row.ended, reason: RevokeReason::Disabled },
                    });
                    continue;
                }
                let reason = match row.ended {
                    Ended::Login(_) | Ended::Tokens(..) | Ended::TokensUntil(_) => RevokeReason::LoggedOut,
                    Ended::AllBut(_) => RevokeReason::PasswordChanged,
                    Ended::All | Ended::Nothing => match enabled_profile(connection, row.key)? {
                        None => RevokeReason::Disabled,
                        Some(profile) if row.ended == Ended::Nothing && profile.blocked => RevokeReason::Blocked,
                        Some(profile) if row.ended == Ended::Nothing => RevokeReason::RoleChanged(profile.permissions),
                        Some(_) => RevokeReason::PasswordChanged,
                    },
                };
                if reason == RevokeReason::PasswordChanged {
                    // One by one, since who has logged in with the new password stays. Those that ended before have no sockets.
                    let ended = store::ended_logins(connection, row.key)?;
                    let revoked = |login| Revoked { key: row.key, ended: Ended::Login(login), reason };
                    fresh.extend(ended.into_iter().map(revoked));
                    continue;
                }
                fresh.push(Revoked { key: row.key, ended: row.ended, reason });
            }
            Ok((newest, fresh))
        };
        let (newest, revoked) = inner.db.run(read).await?;
        polled.newest = Some(newest);
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

    /// Drops the user's tokens from the cache, then publishes the revocation.
    pub(super) fn publish(&self, revoked: Revoked) {
        self.0.publish(revoked);
    }
}

impl Inner {
    /// The same, for what a verification finds.
    pub(super) fn publish(&self, revoked: Revoked) {
        self.cache.drop_users(|key| *key == revoked.key);
        // Fails only without a receiver.
        drop(self.revoked.send(revoked));
    }
}
