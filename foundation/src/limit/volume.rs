//! Bytes per day, on the monotonic time.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::Quota;

use super::rate::{Limiter, limiter, wait, whole_seconds};
use crate::clock::Clock;
use crate::error::{Error, Result};

/// What is counted: governor's numbers have 32 bits.
const UNIT_BYTES: u64 = 1024;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How many bytes may be taken for each key within a day. They come back evenly over the day.
pub struct Volume<K: Clone + Eq + Hash>(Option<Inner<K>>);

struct Inner<K: Clone + Eq + Hash> {
    limiter: Limiter<K>,
    units_per_day: NonZeroU32,
    /// How long one unit takes to come back.
    unit: Duration,
}

impl<K: Clone + Eq + Hash> Volume<K> {
    /// So many bytes in a day, also all at once; 0 = any number.
    pub(super) fn per_day(bytes: u64, clock: &Clock) -> Self {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        Self(NonZeroU32::new(units).and_then(|units_per_day| {
            let unit = DAY / units_per_day.get();
            let quota = Quota::with_period(unit)?.allow_burst(units_per_day);
            Some(Inner { limiter: limiter(quota, clock), units_per_day, unit })
        }))
    }

    /// Begins to take bytes for a key.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when not even `expected` bytes are left.
    pub fn begin(&self, key: K, expected: u64) -> Result<Taking<'_, K>> {
        if let Some(inner) = &self.0 {
            inner.expect(&key, expected)?;
        }
        Ok(Taking { volume: self, key, bytes: 0, units: 1 })
    }

    /// Forgets keys of which nothing was taken for a day.
    pub(super) fn forget_idle(&self) {
        if let Some(inner) = &self.0 {
            inner.limiter.retain_recent();
            inner.limiter.shrink_to_fit();
        }
    }
}

impl<K: Clone + Eq + Hash> Inner<K> {
    /// Takes the first unit, which tells how many are left. The next attempt takes one again.
    fn expect(&self, key: &K, bytes: u64) -> Result<()> {
        let wanted = bytes.div_ceil(UNIT_BYTES);
        let left = match self.limiter.check_key(key) {
            Ok(left) => u64::from(left.remaining_burst_capacity()),
            Err(refused) => {
                return Err(self.refusal(wait(&refused, &self.limiter), wanted.saturating_sub(1)));
            }
        };
        if wanted <= left.saturating_add(1) {
            return Ok(());
        }
        Err(self.refusal(Duration::ZERO, wanted.saturating_sub(left)))
    }

    /// Takes `units` for a key for which `taken` were taken before.
    fn take(&self, key: &K, units: NonZeroU32, taken: u64) -> Result<()> {
        match self.limiter.check_key_n(key, units) {
            Ok(Ok(_)) => Ok(()),
            // The next attempt begins anew.
            Ok(Err(refused)) => Err(self.refusal(wait(&refused, &self.limiter), taken)),
            Err(_) => Err(Error::TooManyRequests { retry_after_s: DAY.as_secs() }),
        }
    }

    /// The answer when `units` have to come back after a wait.
    fn refusal(&self, wait: Duration, units: u64) -> Error {
        let more = u32::try_from(units).ok().and_then(|units| self.unit.checked_mul(units));
        let all = more.and_then(|more| wait.checked_add(more)).unwrap_or(DAY);
        Error::TooManyRequests { retry_after_s: whole_seconds(all.min(DAY)) }
    }
}

/// Bytes that are being taken, e.g. while an upload is read. What was taken stays taken, also when the upload fails: it
/// has cost as much.
pub struct Taking<'a, K: Clone + Eq + Hash> {
    volume: &'a Volume<K>,
    key: K,
    bytes: u64,
    /// Taken so far.
    units: u64,
}

impl<K: Clone + Eq + Hash> Taking<'_, K> {
    /// Takes `bytes` more.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when not as many are left.
    pub fn take(&mut self, bytes: usize) -> Result<()> {
        let Some(inner) = &self.volume.0 else { return Ok(()) };
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let units = self.bytes.div_ceil(UNIT_BYTES).saturating_sub(self.units);
        let Some(units) = NonZeroU32::new(u32::try_from(units).unwrap_or(inner.units_per_day.get())) else {
            return Ok(());
        };
        inner.take(&self.key, units, self.units)?;
        self.units = self.units.saturating_add(units.get().into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_over_the_day() {
        let clock = Clock::manual(1_000_000);
        let volume = Volume::per_day(100 * 1024, &clock);
        let mut taking = volume.begin("a", 0).unwrap();
        // 60 KiB in pieces: pieces of a unit are not counted as whole ones.
        (0..60 * 16).for_each(|_| taking.take(64).unwrap());
        assert!(volume.begin("a", 41 * 1024).is_err(), "39 are left, the beginning has cost one");
        assert!(volume.begin("b", 100 * 1024).is_ok());
        let mut rest = volume.begin("a", 38 * 1024).unwrap();
        rest.take(38 * 1024).unwrap();
        assert!(rest.take(2 * 1024).is_err());
        // Each has a hundredth of the day.
        let refusals = (0..2).find_map(|_| volume.begin("a", 0).err());
        assert_eq!(refusals, Some(Error::TooManyRequests { retry_after_s: 864 }));
        clock.advance(24 * 3_600_000);
        assert!(volume.begin("a", 99 * 1024).is_ok());
        volume.forget_idle();
    }

    #[test]
    fn after_the_time_that_a_refusal_names_the_same_is_allowed() {
        let wait_of = |refused: Result<()>| match refused {
            Err(Error::TooManyRequests { retry_after_s }) => i64::try_from(retry_after_s * 1000).unwrap(),
            other => panic!("{other:?}"),
        };
        // How much is left when an upload of 40 KiB begins.
        for left in [0, 1, 20, 38, 39] {
            let clock = Clock::manual(1_000_000);
            let volume = Volume::per_day(100 * 1024, &clock);
            volume.begin("a", 0).unwrap().take((100 - left) * 1024).unwrap();
            let wait = wait_of(volume.begin("a", 40 * 1024).map(drop));
            clock.advance(wait);
            assert!(volume.begin("a", 40 * 1024).unwrap().take(40 * 1024).is_ok(), "{left}: after {wait}");
        }
        // One that does not say how much it brings.
        let clock = Clock::manual(1_000_000);
        let volume = Volume::per_day(100 * 1024, &clock);
        volume.begin("a", 0).unwrap().take(70 * 1024).unwrap();
        let upload = || {
            let mut taking = volume.begin("a", 0)?;
            (0..40).try_for_each(|_| taking.take(1024))
        };
        let mut waits = 0;
        while let Err(refused) = upload() {
            clock.advance(wait_of(Err(refused)));
            waits += 1;
        }
        assert!((1..=10).contains(&waits), "it comes further each time: {waits}");
    }

    #[test]
    fn nought_is_unlimited_and_more_than_a_day_has_is_refused() {
        let clock = Clock::manual(0);
        let unlimited = Volume::per_day(0, &clock);
        assert!(unlimited.begin(1, u64::MAX).unwrap().take(usize::MAX).is_ok());
        let volume = Volume::per_day(1, &clock);
        let Err(Error::TooManyRequests { retry_after_s }) = volume.begin(1, 1 << 50) else { panic!("refused") };
        assert_eq!(retry_after_s, 24 * 3600);
    }
}
