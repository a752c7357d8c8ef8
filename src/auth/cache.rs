//! Tokens that were verified a moment ago.
//!
//! A hit spares the signature and the database. So that what another process revokes is noticed, a hit is good for
//! [`TRUST_MS`] only; what this process revokes or learns of is dropped at once. A token is verified by one request at a
//! time, and all others that bring it wait for the outcome: the tabs and the retries of many users would otherwise queue
//! up for the database each time that trust ends.
//!
//! A verification that was under way meanwhile must not put its stale answer back: every drop moves `epoch`, and whoever
//! inserts looks at it once more *after* inserting. (Dropping moves the epoch *before* it removes, so one of the two
//! always sees the other.) Nor does anybody who came after the drop take the answer of a verification that began before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::{DefaultLifecycle, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, UnitWeighter};

use super::{Principal, TokenUse};
use crate::clock::Millis;
use crate::id::UserKey;

/// How long a verified token is believed without asking the database again.
pub(super) const TRUST_MS: Millis = 5000;

/// How many tokens are kept.
const TOKENS: usize = 16_384;

pub(super) struct Cache {
    tokens: quick_cache::sync::Cache<String, Entry>,
    epoch: AtomicU64,
}

#[derive(Clone)]
struct Entry {
    verified: Verified,
    /// The cache's when the verification began.
    epoch: u64,
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
    /// Who it is, when the token may be used for that.
    pub fn principal_for(self, usage: TokenUse) -> Option<Arc<Principal>> {
        (self.rest || usage == TokenUse::Socket).then_some(self.principal)
    }

    fn is_good_at(&self, now: Millis) -> bool {
        now < self.principal.expires_at && (0..TRUST_MS).contains(&(now - self.checked_at))
    }
}

type Place<'a> = PlaceholderGuard<'a, String, Entry, UnitWeighter, DefaultHashBuilder, DefaultLifecycle<String, Entry>>;

/// The right to verify a token, for whose outcome others wait. Dropped, the next of them gets it.
pub(super) struct Claim<'a> {
    cache: &'a Cache,
    place: Place<'a>,
    token: &'a str,
    epoch: u64,
}

impl Claim<'_> {
    /// Keeps what was verified, unless something was dropped meanwhile.
    pub fn settle(self, verified: Verified) {
        // A place that is gone was dropped meanwhile.
        let _ = self.place.insert(Entry { verified, epoch: self.epoch });
        if self.cache.epoch() != self.epoch {
            self.cache.tokens.remove(self.token);
        }
    }
}

impl Cache {
    pub fn new() -> Self {
        Self { tokens: quick_cache::sync::Cache::new(TOKENS), epoch: AtomicU64::new(0) }
    }

    /// What was verified a moment ago.
    pub fn get(&self, token: &str, usage: TokenUse, now: Millis) -> Option<Arc<Principal>> {
        let Entry { verified, .. } = self.tokens.get(token)?;
        if verified.is_good_at(now) { verified.principal_for(usage) } else { None }
    }

    /// What somebody else verifies right now, or the right to verify it.
    pub async fn claim<'a>(&'a self, token: &'a str, now: Millis) -> Result<Verified, Claim<'a>> {
        let began = self.epoch();
        loop {
            self.tokens.remove_if(token, |entry| entry.epoch < began || !entry.verified.is_good_at(now));
            match self.tokens.get_value_or_guard_async(token).await {
                Ok(entry) if entry.epoch >= began => return Ok(entry.verified),
                Ok(_) => {}
                Err(place) => return Err(Claim { cache: self, place, token, epoch: self.epoch() }),
            }
        }
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Drops what is believed no more.
    pub fn drop_stale(&self, now: Millis) {
        self.tokens.retain(|_, entry| entry.verified.is_good_at(now));
    }

    /// Drops every token of these users.
    pub fn drop_users(&self, is_dropped: impl Fn(&UserKey) -> bool) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.tokens.retain(|_, entry| !is_dropped(&entry.verified.principal.key));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

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

    /// Keeps a token as if it had just been verified.
    fn keep(cache: &Cache, token: &str, verified: Verified) {
        cache.tokens.remove(token);
        let claim = cache.claim(token, verified.checked_at).now_or_never().unwrap().err().unwrap();
        claim.settle(verified);
    }

    #[test]
    fn a_hit_is_good_for_its_use_and_a_short_time() {
        let cache = Cache::new();
        keep(&cache, "t", verified(false));
        assert!(cache.get("t", TokenUse::Socket, 1000).is_some());
        assert!(cache.get("t", TokenUse::Rest, 1000).is_none());
        keep(&cache, "t", verified(true));
        assert!(cache.get("t", TokenUse::Rest, 1000 + TRUST_MS - 1).is_some());
        assert!(cache.get("t", TokenUse::Rest, 1000 + TRUST_MS).is_none());
        assert!(cache.get("t", TokenUse::Rest, 999).is_none(), "the clock went back");
        keep(&cache, "t", Verified { checked_at: 8999, ..verified(true) });
        assert!(cache.get("t", TokenUse::Rest, 9000).is_none(), "expired");
    }

    #[test]
    fn what_is_believed_no_more_takes_no_memory() {
        let cache = Cache::new();
        keep(&cache, "old", verified(true));
        keep(&cache, "new", Verified { checked_at: 2000, ..verified(true) });
        cache.drop_stale(1000 + TRUST_MS);
        assert_eq!(cache.tokens.len(), 1);
        assert!(cache.get("new", TokenUse::Rest, 2000).is_some());
    }

    #[test]
    fn one_verifies_and_the_others_wait_for_it() {
        let cache = Cache::new();
        let claim = cache.claim("t", 1000).now_or_never().unwrap().err().unwrap();
        let mut waiting = Box::pin(cache.claim("t", 1000));
        assert!(waiting.as_mut().now_or_never().is_none());
        claim.settle(verified(true));
        assert!(waiting.now_or_never().unwrap().is_ok());
    }

    #[test]
    fn when_a_verification_fails_the_next_in_line_gets_the_right_to_it() {
        let cache = Cache::new();
        let claim = cache.claim("t", 1000).now_or_never().unwrap().err().unwrap();
        let mut waiting = Box::pin(cache.claim("t", 1000));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(claim);
        assert!(waiting.now_or_never().unwrap().is_err());
    }

    #[test]
    fn a_verification_under_way_does_not_bring_back_what_was_dropped() {
        let cache = Cache::new();
        let claim = cache.claim("t", 1000).now_or_never().unwrap().err().unwrap();
        cache.drop_users(|_| true);
        let mut later = Box::pin(cache.claim("t", 1000));
        assert!(later.as_mut().now_or_never().is_none());
        claim.settle(verified(true));
        assert!(cache.get("t", TokenUse::Rest, 1000).is_none());
        assert!(later.now_or_never().unwrap().is_err(), "whoever came after the drop verifies anew");
    }
}
