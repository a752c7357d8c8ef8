//! Locks out who fails to log in too often: only failures count, and while locked the right password is refused too.

use std::hash::Hash;
use std::num::NonZeroU32;

use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::{Clock, Millis};
use crate::error::{Error, Result};
use crate::limit::LimitClock;

/// How many keys may be known before those that are as good as new are dropped.
const KEYS: usize = 8192;

/// Failures of one kind of key, an account or an address.
pub(super) struct Lockout<K: Clone + Eq + Hash>(Option<Inner<K>>);

struct Inner<K: Clone + Eq + Hash> {
    clock: Clock,
    /// How long one failure takes to be forgotten.
    slot_ms: Millis,
    failures: RateLimiter<K, DefaultKeyedStateStore<K>, LimitClock, StateInformationMiddleware>,
    /// Until when a key is locked: governor itself cannot be asked without counting.
    locked: quick_cache::sync::Cache<K, Millis>,
}

impl<K: Clone + Eq + Hash> Lockout<K> {
    /// Allows `per_minute` failures at once, each forgotten evenly over the minute; 0 = any number.
    pub(super) fn new(per_minute: u32, clock: &Clock) -> Self {
        Self(NonZeroU32::new(per_minute).map(|per_minute| {
            Inner {
                clock: clock.clone(),
                slot_ms: 60_000 / Millis::from(per_minute.get()) + 1,
                failures: RateLimiter::dashmap_with_clock(Quota::per_minute(per_minute), LimitClock(clock.clone()))
                    .with_middleware(),
                locked: quick_cache::sync::Cache::new(KEYS),
            }
        }))
    }

    /// Refuses a locked key.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] with the seconds until one more try is allowed.
    pub(super) fn check(&self, key: &K) -> Result<()> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let Some(until) = inner.locked.get(key) else { return Ok(()) };
        let wait_ms = until - inner.clock.now();
        if wait_ms <= 0 {
            inner.locked.remove_if(key, |found| *found == until);
            return Ok(());
        }
        Err(Error::TooManyRequests { retry_after_s: u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000) })
    }

    /// Counts a failure; the one that takes the last slot locks the key until a slot is free again.
    pub(super) fn failed(&self, key: &K) {
        let Some(inner) = &self.0 else { return };
        if inner.failures.len() > KEYS {
            inner.failures.retain_recent();
        }
        let exhausted = inner.failures.check_key(key).map_or(true, |left| left.remaining_burst_capacity() == 0);
        if exhausted {
            inner.locked.insert(key.clone(), inner.clock.now() + inner.slot_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_failure_locks_until_a_slot_is_free() {
        let clock = Clock::manual(1_000_000);
        let lockout = Lockout::new(3, &clock);
        for _ in 0..3 {
            assert_eq!(lockout.check(&"a"), Ok(()));
            lockout.failed(&"a");
        }
        assert_eq!(lockout.check(&"a"), Err(Error::TooManyRequests { retry_after_s: 21 }));
        assert_eq!(lockout.check(&"b"), Ok(()));
        clock.advance(20_001);
        assert_eq!(lockout.check(&"a"), Ok(()));
        lockout.failed(&"a");
        assert!(lockout.check(&"a").is_err());
        clock.advance(120_000);
        lockout.failed(&"a");
        assert_eq!(lockout.check(&"a"), Ok(()));
    }

    #[test]
    fn nought_is_unlimited_and_old_keys_are_dropped() {
        let clock = Clock::manual(1_000_000);
        let unlimited = Lockout::new(0, &clock);
        (0..100).for_each(|_| unlimited.failed(&1));
        assert_eq!(unlimited.check(&1), Ok(()));

        let lockout = Lockout::new(3, &clock);
        (0..=KEYS).for_each(|key| lockout.failed(&key));
        clock.advance(600_000);
        lockout.failed(&0);
        assert!(lockout.0.unwrap().failures.len() < 10);
    }
}
