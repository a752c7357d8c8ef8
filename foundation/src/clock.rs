//! Time, from one place, so that tests can set it.
//!
//! There are two. The time of day ([`Clock::now`]) is a count of milliseconds since the Unix epoch (`i64`); everything
//! that is stored or compared with something stored has it, and only the stores turn it into a database timestamp (UTC)
//! with [`to_timestamp`] and back. It may be corrected at any moment, by hours. The monotonic time
//! ([`Clock::monotonic`]) is a [`Duration`] since the process began; everything that lives in one process has it: rates,
//! lock-outs, time-outs, ages in caches. The two types keep them apart.
//!
//! A [`ClockWatch`] compares the two and so notices a correction of the time of day.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDateTime};
use tokio::sync::Notify;

/// Milliseconds since the Unix epoch.
pub type Millis = i64;

/// The beginning of an instant's second.
pub const fn whole_seconds(instant: Millis) -> Millis {
    instant - instant.rem_euclid(1000)
}

/// When the process asked for the time first.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The source of the current time: the system's, or one that a test moves.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
struct Source {
    /// Not set: the system's.
    manual: Option<Manual>,
    /// When a correction of the time of day was noticed last, in milliseconds of the monotonic time; [`NEVER`] before.
    corrected_at: AtomicU64,
    /// The time of day less the monotonic time, at the last look of a [`ClockWatch`] or at the beginning.
    offset: AtomicI64,
}

#[derive(Debug)]
struct Manual {
    now: AtomicI64,
    /// In milliseconds.
    monotonic: AtomicU64,
    moved: Notify,
}

const NEVER: u64 = u64::MAX;

/// How long the time of day is not trusted with what cannot be undone after it was corrected.
const DOUBT: Duration = Duration::from_secs(24 * 3600);

/// How long a machine may take to learn the right time after its start.
const SETTLING: Duration = Duration::from_secs(3600);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::from(None)
    }

    /// A clock that stands at `now`, and at a monotonic time of 0, until it is moved.
    pub fn manual(now: Millis) -> Self {
        Self::from(Some(Manual { now: AtomicI64::new(now), monotonic: AtomicU64::new(0), moved: Notify::new() }))
    }

    fn from(manual: Option<Manual>) -> Self {
        let source = Source { manual, corrected_at: AtomicU64::new(NEVER), offset: AtomicI64::new(0) };
        let clock = Self(Arc::new(source));
        clock.0.offset.store(clock.offset(), Ordering::SeqCst);
        clock
    }

    /// The time of day less the monotonic time.
    fn offset(&self) -> Millis {
        self.now() - milliseconds(self.monotonic())
    }

    /// The time of day in milliseconds. It may go back.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> Millis {
        match &self.0.manual {
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|elapsed| Millis::try_from(elapsed.as_millis()).ok())
                .unwrap_or(0),
            Some(manual) => manual.now.load(Ordering::SeqCst),
        }
    }

    /// The time since the process began. It never goes back and does not follow corrections of the time of day.
    pub fn monotonic(&self) -> Duration {
        match &self.0.manual {
            None => BEGIN.elapsed(),
            Some(manual) => Duration::from_millis(manual.monotonic.load(Ordering::SeqCst)),
        }
    }

    /// Whether the time of day can be trusted with what cannot be undone, such as deleting what has expired, as far as this
    /// process has seen: no correction was noticed within the last day, and none is there that the next look will notice.
    pub fn is_steady(&self) -> bool {
        if (self.offset() - self.0.offset.load(Ordering::SeqCst)).abs() > DRIFT {
            return false;
        }
        let corrected_at = self.0.corrected_at.load(Ordering::SeqCst);
        corrected_at == NEVER || self.monotonic().saturating_sub(Duration::from_millis(corrected_at)) >= DOUBT
    }

    /// Whether the process has run for an hour: by then a machine that started with a wrong time has asked for the right one.
    pub fn has_settled(&self) -> bool {
        self.monotonic() >= SETTLING
    }

    /// Lets `ms` milliseconds pass on a manual clock; the system's clock stays as it is.
    pub fn advance(&self, ms: Millis) {
        if let Some(manual) = &self.0.manual {
            manual.now.fetch_add(ms, Ordering::SeqCst);
            manual.monotonic.fetch_add(u64::try_from(ms).unwrap_or(0), Ordering::SeqCst);
            manual.moved.notify_waiters();
        }
    }

    /// Sets the time of day of a manual clock. Forward the time in between passes, as with [`Clock::advance`]; backward
    /// it is a correction. The system's clock stays as it is.
    pub fn set(&self, now: Millis) {
        let ahead = now.saturating_sub(self.now());
        if ahead >= 0 { self.advance(ahead) } else { self.correct(now) }
    }

    /// Corrects the time of day of a manual clock, forward or backward, without any time passing; the system's clock
    /// stays as it is.
    pub fn correct(&self, now: Millis) {
        if let Some(manual) = &self.0.manual {
            manual.now.store(now, Ordering::SeqCst);
            manual.moved.notify_waiters();
        }
    }

    /// Waits until a manual clock is moved; never returns for the system's.
    pub async fn moved(&self) {
        match &self.0.manual {
            None => std::future::pending().await,
            Some(manual) => manual.moved.notified().await,
        }
    }
}

/// How far the time of day and the monotonic time may drift apart between two looks.
const DRIFT: Millis = 5000;

/// Notices corrections of the time of day. To be asked every second or so; who acts upon them has one.
#[derive(Debug)]
pub struct ClockWatch {
    clock: Clock,
    /// The time of day less the monotonic time, at the last look.
    offset: Millis,
}

/// The time of day has jumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// The time of day as it would be now without the correction.
    pub before: Millis,
    /// The time of day as it is now.
    pub after: Millis,
}

impl ClockWatch {
    /// Begins to watch.
    pub fn new(clock: Clock) -> Self {
        let offset = clock.offset();
        Self { clock, offset }
    }

    /// The correction since the last look, if there was one of more than five seconds. From then on the clock is not
    /// steady for a day.
    pub fn look(&mut self) -> Option<Correction> {
        let source = &self.clock.0;
        let offset = self.clock.offset();
        let before = std::mem::replace(&mut self.offset, offset);
        let monotonic = self.clock.monotonic();
        let is_correction = (offset - before).abs() > DRIFT;
        if is_correction {
            let corrected_at = u64::try_from(monotonic.as_millis()).unwrap_or(0);
            source.corrected_at.store(corrected_at, Ordering::SeqCst);
        }
        // Last, so that the clock is not steady for a moment in between.
        source.offset.store(offset, Ordering::SeqCst);
        if !is_correction {
            return None;
        }
        Some(Correction { before: before + milliseconds(monotonic), after: offset + milliseconds(monotonic) })
    }
}

/// A duration in whole milliseconds.
fn milliseconds(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX / 2)
}

/// The first and the last instant that every database has a timestamp for: MariaDB's end with 32 bits of seconds, and it takes
/// any other for NULL.
const TIMESTAMPS: (Millis, Millis) = (1000, 2_147_483_647_000);

/// The database timestamp (UTC, milliseconds) of an instant; one outside of 1970 to 2038 becomes the nearest.
pub fn to_timestamp(ms: Millis) -> NaiveDateTime {
    DateTime::from_timestamp_millis(ms.clamp(TIMESTAMPS.0, TIMESTAMPS.1)).unwrap_or_default().naive_utc()
}

/// The instant of a database timestamp.
pub fn from_timestamp(timestamp: NaiveDateTime) -> Millis {
    timestamp.and_utc().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_corrections_of_the_time_of_day_are_noticed() {
        let clock = Clock::manual(1_000_000_000);
        let mut watch = ClockWatch::new(clock.clone());
        clock.advance(3_599_999);
        assert!(!clock.has_settled(), "it may have begun with a wrong time");
        clock.advance(8 * 3_600_000);
        assert_eq!(watch.look(), None, "time has passed");
        clock.correct(clock.now() - DRIFT);
        assert_eq!(watch.look(), None, "clocks are tuned all the time");
        assert!(clock.is_steady() && clock.has_settled());

        let now = clock.now();
        clock.correct(now + 3_600_000);
        clock.advance(1000);
        assert!(!clock.is_steady(), "before the watch has looked");
        assert_eq!(watch.look(), Some(Correction { before: now + 1000, after: now + 3_601_000 }));
        assert_eq!(watch.look(), None, "once is enough");
        assert!(!clock.is_steady());
        clock.set(now);
        assert_eq!(watch.look(), Some(Correction { before: now + 3_601_000, after: now }));
        clock.advance(24 * 3_600_000);
        assert!(clock.is_steady());
    }

    #[test]
    fn the_systems_monotonic_time_does_not_go_back() {
        let clock = Clock::system();
        let earlier = clock.monotonic();
        assert!(clock.monotonic() >= earlier);
        clock.advance(1000);
        assert!(clock.monotonic() < Duration::from_secs(3600), "only a manual clock is moved");
    }
}
