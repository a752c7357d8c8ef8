//! Whether something that the service needs can be used, as the latest calls have shown.
//!
//! The log has one line at the beginning of an outage and one at its end, however many calls fail in between: a full disk
//! that fails a thousand requests a second must not fill another one with lines.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The state of one thing, such as the database.
#[derive(Debug)]
pub struct Outage {
    /// What it is, to be read before "cannot be used now".
    what: &'static str,
    /// How long nothing may have failed before a success ends the outage: on a disk that is nearly full little things
    /// succeed between others that fail.
    settled_after: Duration,
    begun: Mutex<Option<Begun>>,
    is_on: AtomicBool,
}

#[derive(Debug)]
struct Begun {
    cause: String,
    at: Instant,
    failed_at: Instant,
    failures: u64,
}

impl Outage {
    /// All is well.
    pub const fn new(what: &'static str, settled_after: Duration) -> Self {
        Self { what, settled_after, begun: Mutex::new(None), is_on: AtomicBool::new(false) }
    }

    /// A call has failed; the first one begins the outage.
    pub fn failed(&self, cause: &dyn Display) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *begun {
            Some(begun) => {
                begun.failures += 1;
                begun.failed_at = Instant::now();
            }
            None => {
                let now = Instant::now();
                // Some drivers end a text with a line break, others tell it in several lines.
                let cause = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
                *begun = Some(Begun { cause: cause.clone(), at: now, failed_at: now, failures: 1 });
                self.is_on.store(true, Ordering::Release);
                tracing::error!(%cause, "{} cannot be used now", self.what);
            }
        }
    }

    /// A call has succeeded, which ends the outage unless another has failed a moment ago.
    pub fn worked(&self) {
        if !self.is_on() {
            return;
        }
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Begun { at, failures, .. }) = begun.take_if(|begun| begun.failed_at.elapsed() >= self.settled_after)
        {
            self.is_on.store(false, Ordering::Release);
            tracing::warn!(seconds = at.elapsed().as_secs(), failures, "{} can be used again", self.what);
        }
    }

    /// Why the outage began, while it lasts.
    pub(crate) fn cause(&self) -> Option<String> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|begun| begun.cause.clone())
    }

    /// Whether the outage lasts.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_lasts_until_something_works() {
        let outage = Outage::new("the test", Duration::ZERO);
        outage.worked();
        assert!(!outage.is_on());
        outage.failed(&"full\nof it\n");
        outage.failed(&"full");
        assert_eq!((outage.is_on(), outage.cause().as_deref()), (true, Some("full of it")));
        assert_eq!(outage.begun.lock().unwrap().as_ref().unwrap().failures, 2);
        outage.worked();
        assert!(!outage.is_on() && outage.begun.lock().unwrap().is_none());

        let outage = Outage::new("the test", Duration::from_secs(3600));
        outage.failed(&"full");
        outage.worked();
        assert!(outage.is_on(), "another has failed a moment ago");
    }
}
