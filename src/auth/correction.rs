//! Corrections of the system's time, as far as they concern logouts.
//!
//! A logout is stored with its time, and a token that was issued afterwards is good. A logout that was noted while the clock was
//! ahead would refuse such tokens for as long as the clock was ahead. So when a correction is noticed, and at a start, whose
//! process cannot know of one, what is ahead of the clock counts as noted now: what had ended stays so.
//!
//! Revocations get their ids in the order of their commits, so those of a clock that was ahead are the newest: no other is
//! read.

use super::{Auth, store};
use crate::account;
use crate::clock::Millis;
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

impl Auth {
    /// Corrects the times of logouts after the clock was corrected, and at a start; returns whether that is done. Else it is to
    /// be tried again.
    pub(crate) async fn follow_correction(&self) -> bool {
        let inner = &*self.0;
        let now = inner.clock.now();
        if now < EARLIEST {
            return false;
        }
        match inner.db.write(move |connection| lower_logouts(connection, now)).await {
            // Tokens that were refused may be good now.
            Ok(()) => inner.cache.drop_users(|_| false),
            // An outage of the database is in the log already.
            Err(Error::Busy) => return false,
            Err(error) => tracing::warn!(%error, "the times of logouts could not be corrected"),
        }
        true
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
