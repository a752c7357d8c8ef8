//! Rates by `governor`, on the monotonic time.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{NotUntil, Quota, RateLimiter};

use crate::clock::Clock;
use crate::error::{Error, Result};

/// Our clock, as governor asks for one.
#[derive(Clone, Debug)]
pub(super) struct MonotonicClock(pub Clock);

impl GovernorClock for MonotonicClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.monotonic().into()
    }
}

pub(super) type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, MonotonicClock, StateInformationMiddleware>;

/// A limiter for a quota, each key with a count of its own.
pub(super) fn limiter<K: Clone + Eq + Hash>(quota: Quota, clock: &Clock) -> Limiter<K> {
    RateLimiter::new(quota, DashMapStateStore::default(), MonotonicClock(clock.clone()))
}

/// The time until what was refused is allowed.
pub(super) fn wait<K: Clone + Eq + Hash>(refused: &NotUntil<Nanos>, limiter: &Limiter<K>) -> Duration {
    refused.earliest_possible().duration_since(limiter.clock().now()).into()
}

/// A wait as `Retry-After` has it, at least 1.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u64::MAX).max(1)
}

/// How often something may be done for each key.
pub struct Rate<K: Clone + Eq + Hash>(Option<Limiter<K>>);

impl<K: Clone + Eq + Hash> Rate<K> {
    /// So many in a second, and `burst` at once; 0 in a second = any number.
    pub(super) fn per_second(per_second: u32, burst: u32, clock: &Clock) -> Self {
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        Self::of(NonZeroU32::new(per_second).map(|per_second| Quota::per_second(per_second).allow_burst(burst)), clock)
    }

    /// So many in a minute, also all at once; 0 = any number.
    pub(super) fn per_minute(per_minute: u32, clock: &Clock) -> Self {
        Self::of(NonZeroU32::new(per_minute).map(Quota::per_minute), clock)
    }

    fn of(quota: Option<Quota>, clock: &Clock) -> Self {
        Self(quota.map(|quota| limiter(quota, clock)))
    }

    /// Counts one.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when it is one too many; it is then not counted.
    pub fn check(&self, key: &K) -> Result<()> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        match limiter.check_key(key) {
            Ok(_) => Ok(()),
            Err(refused) => Err(Error::TooManyRequests { retry_after_s: whole_seconds(wait(&refused, limiter)) }),
        }
    }

    /// Forgets keys whose count is as good as new, so that memory does not grow with every key there ever was.
    pub(super) fn forget_idle(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    /// How many keys are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, RateLimiter::len)
    }
}
