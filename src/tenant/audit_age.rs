//! The job that deletes administrative changes when they are as old as the tenant says (`audit.keepDays`).

use serde::{Deserialize, Serialize};

use super::store;
use crate::audit;
use crate::clock::{Clock, Millis};
use crate::db::instant::StoredInstant;
use crate::db::{AnyConnection, Db};
use crate::error::Result;
use crate::id::TenantId;
use crate::job::{self, Effect, Job, Next};

/// How often it runs, in milliseconds.
const PERIOD: Millis = 3_600_000;
/// A day in milliseconds.
const DAY: Millis = 24 * 3_600_000;
/// Tenants that are read at once.
const TENANTS: i64 = 1000;
/// Rows that one transaction deletes: senders wait for it on the embedded database.
const AT_ONCE: i64 = 500;

/// Deletes the administrative changes that have been kept for long enough, every hour; not while the clock may be wrong.
#[derive(Serialize, Deserialize)]
pub(crate) struct DeleteOldAudit {}

/// Asks for the first run of a start, inside a write transaction.
pub(crate) fn at_start(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    job::enqueue(connection, &DeleteOldAudit {}, now, now)
}

impl Job for DeleteOldAudit {
    const KIND: &'static str = "audit.delete_old";
    type Context = (Db, Clock);

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, (db, clock): (Db, Clock), now: Millis) -> Result<Effect> {
        let (is_steady, has_settled) = (clock.is_steady(), clock.has_settled());
        let due = db.run(move |connection| {
            // As with what has expired: a clock that is ahead would delete what is to be kept.
            let cleaned = StoredInstant::Cleaned.get(connection)?;
            let goes_on = cleaned.is_some_and(|last| (0..=DAY).contains(&(now - last)));
            if is_steady && (has_settled || goes_on) { first_due(connection, now) } else { Ok(None) }
        });
        let due = due.await?;
        Ok(Effect::new(move |connection| {
            let Some((tenant, before)) = due else { return Ok(Next::At(now + PERIOD)) };
            audit::delete_before(connection, tenant, before, AT_ONCE)?;
            // This tenant may have more, and others, too.
            Ok(Next::At(now))
        }))
    }
}

/// The first tenant that has rows from before the instant until which it keeps none, and that instant.
fn first_due(connection: &mut AnyConnection, now: Millis) -> Result<Option<(TenantId, Millis)>> {
    let mut after = 0;
    loop {
        let tenants = store::page(connection, after, TENANTS)?;
        let Some((last, ..)) = tenants.last() else { return Ok(None) };
        after = last.get();
        for (tenant, _, settings) in tenants {
            let Some(kept) = Millis::try_from(settings.audit.keep_days).ok().filter(|days| *days > 0) else { continue };
            let before = now - kept * DAY;
            if audit::has_before(connection, tenant, before)? {
                return Ok(Some((tenant, before)));
            }
        }
    }
}
