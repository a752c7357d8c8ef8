//! Corrections of the system's time, as far as they concern logouts.
//!
//! A logout is stored with its time, and a token that was issued afterwards is good. A logout that was noted while the clock was
//! ahead would refuse such tokens for as long as the clock was ahead. So when a correction is noticed, and at a start, whose
//! process cannot know of one, what is ahead of the clock counts as noted now: what had ended stays so.
//!
//! Revocations get their ids in the order of their commits, so those of a clock that was ahead are the newest: no other is
//! read.

use std::sync::{Mutex, PoisonError};

use super::{Auth, store};
use crate::account;
use crate::clock::{Clock, ClockWatch, Millis};
use crate::db::AnyConnection;
use crate::error::{Error, Result};

/// How far ahead of the clock a logout may be without a correction: the integrator's clock is allowed as much, and other nodes'
/// clocks need less.
const TOLERANCE: Millis = 60_000;

/// Revocations that are read at once.
const PAGE: i64 = 500;

/// 2026, when there was no kefu yet: a machine without a clock of its own starts earlier, and then all logouts are ahead of
/// it.
const EARLIEST: Millis = 1_767_225_600_000;

/// Whether there is something to do.
pub(super) struct Corrections(Mutex<State>);

struct State {
    watch: ClockWatch,
    is_due: bool,
}

impl Corrections {
    /// The start counts as one.
    pub(super) fn new(clock: &Clock) -> Self {
        Self(Mutex::new(State { watch: ClockWatch::new(clock.clone()), is_due: true }))
    }

    fn is_due(&self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.watch.look().is_some() {
            state.is_due = true;
        }
        state.is_due
    }

    fn done(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_due = false;
    }
}

impl Auth {
    /// Corrects the times of logouts when the clock was corrected. To be called every second or so.
    pub(crate) async fn follow_corrections(&self) {
        let inner = &*self.0;
        let now = inner.clock.now();
        if now < EARLIEST || !inner.corrections.is_due() {
            return;
        }
        match inner.db.write(move |connection| lower_logouts(connection, now)).await {
            Ok(()) => {
                inner.corrections.done();
                // Tokens that were refused may be good now.
                inner.cache.drop_users(|_| false);
            }
            // The next call tries it again; an outage of the database is in the log already.
            Err(Error::Busy) => {}
            Err(error) => {
                tracing::warn!(%error, "the times of logouts could not be corrected");
                inner.corrections.done();
            }
        }
    }
}

fn lower_logouts(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    let (latest, mut before) = (now + TOLERANCE, Millis::MAX);
    loop {
        let (ahead, oldest) = store::logouts_after(connection, before, PAGE, latest)?;
        let Some(oldest) = oldest.filter(|_| !ahead.is_empty()) else { return Ok(()) };
        before = oldest;
        let ids: Vec<i64> = ahead.iter().map(|logout| logout.id).collect();
        store::set_revocation_times(connection, &ids, now)?;
        for logout in ahead {
            account::lower_logout_time(connection, logout.key, latest, now)?;
        }
    }
}
