//! The job that deletes what has expired.

use serde::{Deserialize, Serialize};

use super::store;
use crate::clock::{Clock, Millis};
use crate::db::AnyConnection;
use crate::error::Result;
use crate::job::{self, Effect, Job, Next};

/// How often it runs, in milliseconds.
const PERIOD: Millis = 3_600_000;
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
        // A clock that is ahead would delete what has not expired; after a start that is not known yet.
        let is_steady = clock.is_steady();
        Ok(Effect::new(move |connection| {
            let more = is_steady && store::delete_expired(connection, AT_ONCE, now)?;
            Ok(Next::At(if more { now } else { now + PERIOD }))
        }))
    }
}
