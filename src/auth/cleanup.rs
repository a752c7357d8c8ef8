//! The job that deletes what has expired.

use serde::{Deserialize, Serialize};

use super::store;
use crate::clock::{Clock, Millis};
use crate::db::AnyConnection;
use crate::db::instant::StoredInstant;
use crate::error::Result;
use crate::job::{self, Effect, Job, Next};

/// How often it runs, in milliseconds.
const PERIOD: Millis = 3_600_000;
/// How long ago the last run may be for a start to go on from its time, in milliseconds: a day, for which what has expired is
/// kept.
const LONGEST_REST: Millis = 24 * 3_600_000;
/// Rows of a table that one transaction deletes: senders wait for it on the embedded database.
const AT_ONCE: i64 = 500;

/// Deletes logins and revocations that have expired, every hour; not while the clock may be wrong.
#[derive(Serialize, Deserialize)]
pub(crate) struct DeleteExpiredLogins {}

/// Asks for the first run of a start, inside a write transaction.
pub(crate) fn at_start(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    job::enqueue(connection, &DeleteExpiredLogins {}, now, now)
}

impl Job for DeleteExpiredLogins {
    const KIND: &'static str = "auth.delete_expired";
    type Context = Clock;

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, clock: Clock, now: Millis) -> Result<Effect> {
        // A clock that is ahead would delete what has not expired.
        let (is_steady, has_settled) = (clock.is_steady(), clock.has_settled());
        Ok(Effect::new(move |connection| {
            let last = StoredInstant::Cleaned.get(connection)?;
            // A machine may start with a wrong time; one that goes on from the last run's is as good as that was.
            let goes_on = last.is_some_and(|last| (0..=LONGEST_REST).contains(&(now - last)));
            let is_trusted = is_steady && (has_settled || goes_on);
            if is_trusted || last.is_none() {
                StoredInstant::Cleaned.set(connection, now)?;
            }
            let more = is_trusted && store::delete_expired(connection, AT_ONCE, now)?;
            Ok(Next::At(if more { now } else { now + PERIOD }))
        }))
    }
}
