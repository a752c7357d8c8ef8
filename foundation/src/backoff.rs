//! Pauses between attempts at what may work again later.

use std::time::Duration;

/// Each pause is twice as long as the one before, up to a bound, and by chance up to half shorter, so that those who failed
/// together do not try again together.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    last: Option<Duration>,
}

impl Backoff {
    /// Begins with `first` and stays at `longest`, both before the shortening.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, last: None }
    }

    /// The pause before the next attempt.
    pub fn pause(&mut self) -> Duration {
        let whole = self.last.map_or(self.first, |last| last * 2).min(self.longest);
        self.last = Some(whole);
        let micros = u64::try_from(whole.as_micros()).unwrap_or(u64::MAX);
        let less = getrandom::u64().unwrap_or_default() % (micros / 2 + 1);
        Duration::from_micros(micros - less)
    }

    /// Begins again with the first pause, after an attempt that worked.
    pub(crate) const fn reset(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_begin_again() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        for _ in 0..2 {
            for whole in [100, 200, 300, 300] {
                let pause = backoff.pause();
                assert!((whole / 2..=whole).contains(&pause.as_millis()), "{pause:?} of {whole}");
            }
            backoff.reset();
        }
    }
}
