//! Locks a key after too many failures: only failures count, and while it is locked everything is refused.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

use super::rate::{Limiter, limiter, whole_seconds};
use crate::clock::Clock;
use crate::error::{Error, Result};

/// How many keys may be known before those that are as good as new are dropped.
pub(super) const KEYS: usize = 8192;

/// Failures of one kind of key, such as an address.
pub(super) struct Lockout<K: Clone + Eq + Hash>(Option<Inner<K>>);

struct Inner<K: Clone + Eq + Hash> {
    clock: Clock,
    /// How long one failure takes to be forgotten.
    slot: Duration,
    failures: Limiter<K>,
    /// Until when a key is locked, by the monotonic time: governor itself cannot be asked without counting.
    locked: quick_cache::sync::Cache<K, Duration>,
}

impl<K: Clone + Eq + Hash> Lockout<K> {
    /// Allows `per_minute` failures at once, each forgotten evenly over the minute; 0 = any number.
    pub(super) fn new(per_minute: u32, clock: &Clock) -> Self {
        Self(NonZeroU32::new(per_minute).map(|per_minute| Inner {
            clock: clock.clone(),
            slot: Duration::from_secs(60) / per_minute.get() + Duration::from_millis(1),
            failures: limiter(Quota::per_minute(per_minute), clock),
            locked: quick_cache::sync::Cache::new(KEYS),
        }))
    }

    /// Refuses a locked key.
    ///
    /// # Errors
    /// [`Error::TooManyLogins`] with the seconds until one more try is allowed.
    pub(super) fn check(&self, key: &K) -> Result<()> {
        let Some(inner) = &self.0 else { return Ok(()) };
        let Some(until) = inner.locked.get(key) else { return Ok(()) };
        let wait = until.saturating_sub(inner.clock.monotonic());
        if wait.is_zero() {
            inner.locked.remove_if(key, |found| *found == until);
            return Ok(());
        }
        Err(Error::TooManyLogins { retry_after_s: whole_seconds(wait) })
    }

    /// Counts a failure; the one that takes the last slot locks the key until a slot is free again.
    pub(super) fn failed(&self, key: &K) {
        let Some(inner) = &self.0 else { return };
        if inner.failures.len() > KEYS {
            inner.failures.retain_recent();
        }
        let exhausted = inner.failures.check_key(key).map_or(true, |left| left.remaining_burst_capacity() == 0);
        if exhausted {
            inner.locked.insert(key.clone(), inner.clock.monotonic() + inner.slot);
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
        assert_eq!(lockout.check(&"a"), Err(Error::TooManyLogins { retry_after_s: 21 }));
        assert_eq!(lockout.check(&"b"), Ok(()));
        clock.correct(0);
        assert_eq!(lockout.check(&"a"), Err(Error::TooManyLogins { retry_after_s: 21 }), "no matter the time of day");
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
