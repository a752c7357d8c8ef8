//! Tokens that were verified a moment ago.
//!
//! A hit spares the signature and the database. So that what another process revokes is noticed, a hit is good for
//! [`TRUST_MS`] only; what this process revokes or learns of is dropped at once. A verification that was under way
//! meanwhile must not put its stale answer back: every drop moves `epoch`, and whoever inserts looks at it once more
//! *after* inserting. (Dropping moves the epoch *before* it removes, so one of the two always sees the other.)

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Principal, TokenUse};
use crate::clock::Millis;
use crate::id::UserKey;

/// How long a verified token is believed without asking the database again.
pub(super) const TRUST_MS: Millis = 5000;

/// How many tokens are kept.
const TOKENS: usize = 16_384;

pub(super) struct Cache {
    tokens: quick_cache::sync::Cache<String, Verified>,
    epoch: AtomicU64,
}

/// A token that was verified.
#[derive(Clone)]
pub(super) struct Verified {
    pub principal: Arc<Principal>,
    /// Whether it is good for REST too, and not for sockets only.
    pub rest: bool,
    pub checked_at: Millis,
}

impl Verified {
    fn is_good_at(&self, now: Millis) -> bool {
        now < self.principal.expires_at && (0..TRUST_MS).contains(&(now - self.checked_at))
    }
}

/// The state of the cache when a verification began.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

impl Cache {
    pub fn new() -> Self {
        Self { tokens: quick_cache::sync::Cache::new(TOKENS), epoch: AtomicU64::new(0) }
    }

    pub fn get(&self, token: &str, usage: TokenUse, now: Millis) -> Option<Arc<Principal>> {
        let verified = self.tokens.get(token)?;
        let fits = verified.rest || usage == TokenUse::Socket;
        (fits && verified.is_good_at(now)).then_some(verified.principal)
    }

    /// To be taken before the database is asked.
    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::SeqCst))
    }

    /// Keeps what was verified since `epoch`, unless something was dropped meanwhile.
    pub fn insert(&self, token: &str, verified: Verified, epoch: Epoch) {
        self.tokens.insert(token.to_owned(), verified);
        if self.epoch() != epoch {
            self.tokens.remove(token);
        }
    }

    /// Drops what is believed no more.
    pub fn drop_stale(&self, now: Millis) {
        self.tokens.retain(|_, verified| verified.is_good_at(now));
    }

    /// Drops every token of these users.
    pub fn drop_users(&self, is_dropped: impl Fn(&UserKey) -> bool) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.tokens.retain(|_, verified| !is_dropped(&verified.principal.key));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Credential;
    use super::*;
    use crate::id::{LoginId, TenantId, UserId, UserType};

    fn verified(rest: bool) -> Verified {
        let key = UserKey { tenant: TenantId::new(1), user_type: UserType::Member, user: UserId::new(1) };
        let credential = Credential::Login(LoginId::new(1));
        let principal =
            Principal { key, nickname: "".into(), avatar: "".into(), role: None, expires_at: 9000, credential };
        Verified { principal: Arc::new(principal), rest, checked_at: 1000 }
    }

    #[test]
    fn a_hit_is_good_for_its_use_and_a_short_time() {
        let cache = Cache::new();
        cache.insert("t", verified(false), cache.epoch());
        assert!(cache.get("t", TokenUse::Socket, 1000).is_some());
        assert!(cache.get("t", TokenUse::Rest, 1000).is_none());
        cache.insert("t", verified(true), cache.epoch());
        assert!(cache.get("t", TokenUse::Rest, 1000 + TRUST_MS - 1).is_some());
        assert!(cache.get("t", TokenUse::Rest, 1000 + TRUST_MS).is_none());
        assert!(cache.get("t", TokenUse::Rest, 999).is_none(), "the clock went back");
        let fresh = Verified { checked_at: 8999, ..verified(true) };
        cache.insert("t", fresh, cache.epoch());
        assert!(cache.get("t", TokenUse::Rest, 9000).is_none(), "expired");
    }

    #[test]
    fn what_is_believed_no_more_takes_no_memory() {
        let cache = Cache::new();
        cache.insert("old", verified(true), cache.epoch());
        cache.insert("new", Verified { checked_at: 2000, ..verified(true) }, cache.epoch());
        cache.drop_stale(1000 + TRUST_MS);
        assert_eq!(cache.tokens.len(), 1);
        assert!(cache.get("new", TokenUse::Rest, 2000).is_some());
    }

    #[test]
    fn a_verification_under_way_does_not_bring_back_what_was_dropped() {
        let cache = Cache::new();
        let began = cache.epoch();
        cache.drop_users(|_| true);
        cache.insert("t", verified(true), began);
        assert!(cache.get("t", TokenUse::Rest, 1000).is_none());
    }
}
