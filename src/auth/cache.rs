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

    /// Keeps what was verified since `epoch`; returns whether nothing was dropped meanwhile, so that it still holds.
    pub fn insert(&self, token: &str, verified: Verified, epoch: Epoch) -> bool {
        self.tokens.insert(token.to_owned(), verified);
        let current = self.epoch() == epoch;
        if !current {
            self.tokens.remove(token);
        }
        current
    }

    /// Drops every token of these users.
    pub fn drop_users(&self, is_dropped: impl Fn(&UserKey) -> bool) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.tokens.retain(|_, verified| !is_dropped(&verified.principal.key));
    }
}
