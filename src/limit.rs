//! Rate limits by `governor`, on the service's own clock.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::id::UserKey;
use crate::settings::Limits;

/// Our clock, as governor asks for one.
#[derive(Clone, Debug)]
pub(crate) struct LimitClock(pub Clock);

impl GovernorClock for LimitClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Duration::from_millis(u64::try_from(self.0.now()).unwrap_or(0)).into()
    }
}

/// How many messages a user may send.
pub(crate) struct SendLimit(Option<Limiter>);

type Limiter = RateLimiter<UserKey, DashMapStateStore<UserKey>, LimitClock, NoOpMiddleware<Nanos>>;

impl SendLimit {
    /// The limit of the settings; none when `sends_per_s` is 0.
    pub(crate) fn new(limits: &Limits, clock: Clock) -> Self {
        let quota = NonZeroU32::new(limits.sends_per_s).map(|per_second| {
            let burst = NonZeroU32::new(limits.send_burst).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(per_second).allow_burst(burst)
        });
        Self(quota.map(|quota| RateLimiter::new(quota, DashMapStateStore::default(), LimitClock(clock))))
    }

    /// Counts one send.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when it is one too many.
    pub(crate) fn check(&self, user: UserKey) -> Result<()> {
        let Some(limiter) = &self.0 else { return Ok(()) };
        limiter.check_key(&user).map_err(|refused| {
            let wait = refused.earliest_possible().duration_since(limiter.clock().now());
            Error::TooManyRequests { retry_after_s: Duration::from(wait).as_secs() + 1 }
        })
    }

    /// Forgets users who have not sent for a while, so that memory does not grow with everyone who ever did.
    pub(crate) fn forget_idle(&self) {
        if let Some(limiter) = &self.0 {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}
