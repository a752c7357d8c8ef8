//! Time, from one place, so that tests can set it.
//!
//! Every instant in this service is a count of milliseconds since the Unix epoch (`i64`); only the stores turn it into
//! a database timestamp (UTC) with [`to_timestamp`] and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, NaiveDateTime};
use tokio::sync::Notify;

/// Milliseconds since the Unix epoch.
pub type Millis = i64;

/// The source of the current time: the system's, or one that a test moves.
#[derive(Clone, Debug)]
pub struct Clock(Option<Arc<Manual>>);

#[derive(Debug)]
struct Manual {
    now: AtomicI64,
    moved: Notify,
}

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `now` until [`Clock::advance`] or [`Clock::set`] moves it.
    pub fn manual(now: Millis) -> Self {
        Self(Some(Arc::new(Manual { now: AtomicI64::new(now), moved: Notify::new() })))
    }

    /// The current time in milliseconds.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    pub fn now(&self) -> Millis {
        match &self.0 {
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|elapsed| Millis::try_from(elapsed.as_millis()).ok())
                .unwrap_or(0),
            Some(manual) => manual.now.load(Ordering::SeqCst),
        }
    }

    /// Moves a manual clock forward by `ms` milliseconds; the system's clock stays as it is.
    pub fn advance(&self, ms: Millis) {
        if let Some(manual) = &self.0 {
            manual.now.fetch_add(ms, Ordering::SeqCst);
            manual.moved.notify_waiters();
        }
    }

    /// Sets a manual clock, backwards too; the system's clock stays as it is.
    pub fn set(&self, now: Millis) {
        if let Some(manual) = &self.0 {
            manual.now.store(now, Ordering::SeqCst);
            manual.moved.notify_waiters();
        }
    }

    /// Waits until a manual clock is moved; never returns for the system's.
    pub async fn moved(&self) {
        match &self.0 {
            None => std::future::pending().await,
            Some(manual) => manual.moved.notified().await,
        }
    }
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
