//! Tokens that were verified a moment ago.
//!
//! A hit spares the signature and the database. So that what another process revokes is noticed, a hit is good for
//! [`TRUST`] only; what this process revokes or learns of is dropped at once. A token is verified by one request at a
//! time, and all others that bring it share the outcome: the tabs and the retries of many users would otherwise queue up
//! for the database each time that trust ends.
//!
//! A token that was refused is remembered as long, so that one that is presented again and again costs neither; by its
//! hash, as whoever sends such tokens chooses their length.
//!
//! A verification that was under way when something was dropped may be stale: it keeps nothing (`epoch` tells), and
//! a caller after the drop starts its own. One lock makes keeping, joining and dropping exclude each other; hits do
//! not take it.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

use super::{Principal, TokenUse, sha256};
use crate::clock::Millis;
use crate::credential::Hash;
use crate::error::{Error, Result};
use crate::id::UserKey;

/// How long a verified token is believed without asking the database again, by the monotonic time.
pub(super) const TRUST: Duration = Duration::from_secs(5);

/// How many tokens are kept.
const TOKENS: usize = 16_384;

/// How many refused ones.
const REFUSED: usize = 4096;

/// What is believed of tokens, and what is being verified.
pub(super) struct Cache {
    tokens: quick_cache::sync::Cache<String, Verified>,
    /// When each was refused, and with which keys.
    refused: quick_cache::sync::Cache<Hash, Refused>,
    under_way: Mutex<UnderWay>,
}

/// When a token was refused, and the generation of the integrator's keys then: with other keys it may be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// By the monotonic time.
    pub at: Duration,
    pub keys: u64,
}

#[derive(Default)]
struct UnderWay {
    epoch: Epoch,
    /// Since something was dropped last; forgotten when they end, or when nobody waits for them any more.
    verifications: HashMap<String, WeakShared<Verification>>,
}

/// What has been dropped when a verification begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Epoch(u64);

type Verification = Pin<Box<dyn Future<Output = Result<Verified>> + Send>>;

/// A token that was verified.
#[derive(Clone)]
pub(super) struct Verified {
    pub principal: Arc<Principal>,
    /// Whether it is good for REST too, and not for sockets only.
    pub rest: bool,
    /// By the monotonic time.
    pub checked_at: Duration,
}

impl Verified {
    /// Who it is, when the token may be used for that.
    pub(super) fn principal_for(self, usage: TokenUse) -> Option<Arc<Principal>> {
        (self.rest || usage == TokenUse::Socket).then_some(self.principal)
    }

    fn is_good_at(&self, now: Millis, monotonic: Duration) -> bool {
        now < self.principal.expires_at && is_recent(self.checked_at, monotonic)
    }
}

fn is_recent(at: Duration, monotonic: Duration) -> bool {
    monotonic.saturating_sub(at) < TRUST
}

impl Cache {
    /// Nothing is believed yet.
    pub(super) fn new() -> Self {
        Self {
            tokens: quick_cache::sync::Cache::new(TOKENS),
            refused: quick_cache::sync::Cache::new(REFUSED),
            under_way: Mutex::default(),
        }
    }

    /// What was verified a moment ago.
    pub(super) fn get(&self, token: &str, usage: TokenUse, now: Millis, monotonic: Duration) -> Option<Arc<Principal>> {
        let verified = self.tokens.get(token)?;
        if verified.is_good_at(now, monotonic) { verified.principal_for(usage) } else { None }
    }

    /// Whether a token was refused a moment ago.
    pub(super) fn is_refused(&self, token: &str, now: Refused) -> bool {
        let is_fresh = |refused: Refused| is_recent(refused.at, now.at) && refused.keys == now.keys;
        !self.refused.is_empty() && self.refused.get(&sha256(token)).is_some_and(is_fresh)
    }

    /// The verification of a token that is under way, or the one that `begin` makes. It ends with [`Cache::settle`].
    pub(super) fn join(&self, token: &str, begin: impl FnOnce(Epoch) -> Verification) -> Shared<Verification> {
        let mut under_way = self.lock();
        if let Some(verification) = under_way.verifications.get(token).and_then(WeakShared::upgrade) {
            return verification;
        }
        let verification = begin(under_way.epoch).shared();
        // One that has not been polled has not ended.
        if let Some(weak) = verification.downgrade() {
            under_way.verifications.insert(token.to_owned(), weak);
        }
        verification
    }

    /// Ends a verification, and keeps what it has found unless something was dropped meanwhile.
    pub(super) fn settle(&self, token: &str, found: &Result<Verified>, epoch: Epoch, now: Refused) {
        let mut under_way = self.lock();
        if under_way.epoch != epoch {
            return;
        }
        under_way.verifications.remove(token);
        match found {
            Ok(verified) => self.tokens.insert(token.to_owned(), verified.clone()),
            Err(Error::Unauthenticated) => self.refused.insert(sha256(token), now),
            // Nothing is known of the token.
            Err(_) => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what is believed no more, and verifications whose callers have all gone away.
    pub(super) fn drop_stale(&self, now: Millis, monotonic: Duration) {
        self.tokens.retain(|_, verified| verified.is_good_at(now, monotonic));
        self.refused.retain(|_, refused| is_recent(refused.at, monotonic));
        self.lock().verifications.retain(|_, verification| verification.upgrade().is_some());
    }

    /// Drops every token of these users. Whose the refused ones are is not known.
    pub(super) fn drop_users(&self, is_dropped: impl Fn(&UserKey) -> bool) {
        let mut under_way = self.lock();
        under_way.epoch.0 += 1;
        under_way.verifications.clear();
        self.tokens.retain(|_, verified| !is_dropped(&verified.principal.key));
        self.refused.clear();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::{Sender, channel};

    use super::*;
    use crate::access::Permissions;
    use crate::credential::Credential;
    use crate::id::{LoginId, TenantId, UserId, UserType};

    fn verified(rest: bool) -> Verified {
        let key = UserKey { tenant: TenantId::new(1), user_type: UserType::Member, user: UserId::new(1) };
        let credential = Credential::Login(LoginId::new(1));
        let principal = Principal {
            key,
            nickname: "".into(),
            avatar: "".into(),
            permissions: Permissions::default(),
            blocked: false,
            sets_up: false,
            channel: None,
            expires_at: 9000,
            credential,
            introspected: false,
        };
        Verified { principal: Arc::new(principal), rest, checked_at: SOON }
    }

    const SOON: Duration = Duration::from_secs(1);

    /// Whether a token is believed for REST.
    fn is_kept(cache: &Cache, token: &str, now: Millis, monotonic: Duration) -> bool {
        cache.get(token, TokenUse::Rest, now, monotonic).is_some()
    }

    fn at(at: Duration) -> Refused {
        Refused { at, keys: 0 }
    }

    /// Keeps a token as if it had just been verified.
    fn keep(cache: &Cache, token: &str, verified: Verified) {
        let epoch = cache.lock().epoch;
        cache.settle(token, &Ok(verified), epoch, at(SOON));
    }

    /// Begins a verification that ends with what comes through the channel.
    fn begin(cache: &Arc<Cache>, token: &'static str) -> (Sender<Result<Verified>>, Shared<Verification>) {
        let (sender, found) = channel();
        let settling = Arc::clone(cache);
        let verification = cache.join(token, |epoch| {
            Box::pin(async move {
                let found = found.await.unwrap();
                settling.settle(token, &found, epoch, at(SOON));
                found
            })
        });
        (sender, verification)
    }

    /// Joins a verification that is under way.
    fn join(cache: &Cache) -> Shared<Verification> {
        cache.join("t", |_| unreachable!("one is under way"))
    }

    #[test]
    fn a_hit_is_good_for_its_use_and_a_short_time() {
        let cache = Cache::new();
        keep(&cache, "t", verified(false));
        assert!(cache.get("t", TokenUse::Socket, 1000, SOON).is_some());
        assert!(!is_kept(&cache, "t", 1000, SOON));
        keep(&cache, "t", verified(true));
        assert!(is_kept(&cache, "t", 1000, SOON + TRUST - Duration::from_millis(1)));
        assert!(!is_kept(&cache, "t", 1000, SOON + TRUST));
        assert!(is_kept(&cache, "t", -1, SOON), "a corrected time of day does not matter");
        assert!(!is_kept(&cache, "t", 9000, SOON), "expired");
    }

    #[test]
    fn a_refusal_is_remembered_a_short_time_and_until_something_is_dropped() {
        let cache = Cache::new();
        let refuse = |token: &str, error: Error| {
            let epoch = cache.lock().epoch;
            cache.settle(token, &Err(error), epoch, at(SOON));
        };
        refuse("bad", Error::Unauthenticated);
        refuse("unlucky", Error::Busy);
        assert!(
            cache.is_refused("bad", at(SOON + TRUST - Duration::from_millis(1)))
                && !cache.is_refused("bad", at(SOON + TRUST))
        );
        assert!(!cache.is_refused("unlucky", at(SOON)) && !cache.is_refused("other", at(SOON)));
        assert!(!cache.is_refused("bad", Refused { at: SOON, keys: 1 }), "the keys have changed");
        cache.drop_stale(1000, SOON + TRUST);
        assert!(cache.refused.is_empty());
        refuse("bad", Error::Unauthenticated);
        cache.drop_users(|_| false);
        assert!(!cache.is_refused("bad", at(SOON)));
    }

    #[test]
    fn what_is_believed_no_more_takes_no_memory() {
        let cache = Cache::new();
        keep(&cache, "old", verified(true));
        keep(&cache, "new", Verified { checked_at: 2 * SOON, ..verified(true) });
        cache.drop_stale(1000, SOON + TRUST);
        assert_eq!(cache.tokens.len(), 1);
        assert!(is_kept(&cache, "new", 1000, SOON));
    }

    #[test]
    fn one_verifies_and_all_share_the_outcome() {
        let cache = Arc::new(Cache::new());
        for outcome in [Err(Error::Busy), Err(Error::Unauthenticated), Ok(verified(true))] {
            let (sender, first) = begin(&cache, "t");
            let others = [join(&cache), join(&cache)];
            assert!(others.iter().all(|other| other.clone().now_or_never().is_none()));
            // Whoever has begun may go away.
            drop(first);
            assert!(sender.send(outcome.clone()).is_ok());
            for other in others {
                let found = other.now_or_never().unwrap();
                assert_eq!(found.map(|found| found.principal), outcome.clone().map(|found| found.principal));
            }
            assert_eq!(is_kept(&cache, "t", 1000, SOON), outcome.is_ok());
            assert!(cache.lock().verifications.is_empty());
        }
    }

    #[test]
    fn a_verification_that_nobody_waits_for_is_begun_anew_and_takes_no_memory() {
        let cache = Arc::new(Cache::new());
        drop(begin(&cache, "t"));
        let (_sender, verification) = begin(&cache, "t");
        assert!(verification.now_or_never().is_none(), "it waits for its own channel");
        cache.drop_stale(1000, SOON);
        assert!(cache.lock().verifications.is_empty());
    }

    #[test]
    fn a_verification_under_way_does_not_bring_back_what_was_dropped() {
        let cache = Arc::new(Cache::new());
        let (stale_sender, stale) = begin(&cache, "t");
        cache.drop_users(|_| true);
        // Whoever comes after the drop verifies anew, and is not disturbed by the end of the other.
        let (_sender, _fresh) = begin(&cache, "t");
        assert!(stale_sender.send(Ok(verified(true))).is_ok());
        assert!(stale.now_or_never().unwrap().is_ok());
        assert!(!is_kept(&cache, "t", 1000, SOON));
        assert!(join(&cache).now_or_never().is_none());
    }
}
