//! SQL of `kefu_job`: what runners do; [`operator`] has what operators see and do. Whatever writes runs inside a write
//! transaction.

pub(crate) mod operator;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::{DELAYS, MAX_ATTEMPTS, Next, delay};
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::db::id_block::{IdKind, reserve_one};
use crate::db::schema::kefu_job as t;
use crate::db::{AnyConnection, inserted};
use crate::error::{Error, Result};

/// How long a lease lasts unless it is renewed, in milliseconds.
pub(super) const LEASE: Millis = 60_000;
/// `run_at` of a running job: any request is earlier.
const NOT_REQUESTED: Millis = Millis::MAX;
/// The longest error text that is kept, in characters.
const ERROR_LENGTH: usize = 500;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for its time or for a node.
    Waiting,
    /// A node runs it, or did so when it died.
    Running,
    /// Has failed too often and waits for an operator.
    Dead,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 3] = [Self::Waiting, Self::Running, Self::Dead];

    const fn code(self) -> i32 {
        match self {
            Self::Waiting => 0,
            Self::Running => 1,
            Self::Dead => 2,
        }
    }

    fn from_code(code: i32) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|state| state.code() == code);
        known.ok_or_else(|| Error::internal(format!("a job has the state {code}")))
    }

    /// The name in metrics and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Dead => "dead",
        }
    }
}

/// A job to be added.
pub(super) struct Request<'a> {
    pub kind: &'static str,
    pub key: &'a str,
    pub payload: &'a str,
    /// 0: none.
    pub tenant: i64,
    pub run_at: Millis,
    pub now: Millis,
}

/// Adds a job, or a request to the one that is there.
pub(super) fn enqueue(connection: &mut AnyConnection, request: &Request<'_>) -> Result<()> {
    let (run_at, now) = (to_timestamp(request.run_at), to_timestamp(request.now));
    let row = t::table.filter(t::kind.eq(request.kind)).filter(t::key.eq(request.key));
    let requested = diesel::update(row)
        .set((t::payload.eq(request.payload), t::requests.eq(t::requests + 1), t::update_time.eq(now)))
        .execute(connection)?;
    if requested > 0 {
        diesel::update(row.filter(t::run_at.gt(run_at)).filter(t::state.ne(State::Dead.code())))
            .set(t::run_at.eq(run_at))
            .execute(connection)?;
        diesel::update(row.filter(t::state.eq(State::Dead.code())))
            .set((t::state.eq(State::Waiting.code()), t::attempts.eq(0), t::run_at.eq(run_at)))
            .execute(connection)?;
        return Ok(());
    }
    let id = reserve_one(connection, IdKind::Job)?;
    let outcome = diesel::insert_into(t::table)
        .values((
            t::id.eq(id),
            t::kind.eq(request.kind),
            t::key.eq(request.key),
            t::payload.eq(request.payload),
            t::run_at.eq(run_at),
            t::create_time.eq(now),
            t::update_time.eq(now),
            t::tenant_id.eq(request.tenant),
        ))
        .execute(connection);
    // Another node may have just added it: the transaction begins anew and finds it.
    if inserted(outcome)? { Ok(()) } else { Err(Error::Conflict) }
}

/// Takes back a job that waits; returns whether it was there and no node has begun it.
pub fn cancel(connection: &mut AnyConnection, kind: &str, key: &str) -> Result<bool> {
    let row = t::table.filter(t::kind.eq(kind)).filter(t::key.eq(key));
    Ok(diesel::delete(row.filter(t::state.eq(State::Waiting.code()))).execute(connection)? > 0)
}

/// Makes all waiting jobs of a kind due.
pub fn hurry(connection: &mut AnyConnection, kind: &str, now: Millis) -> Result<()> {
    let waiting = t::table.filter(t::state.eq(State::Waiting.code())).filter(t::kind.eq(kind));
    let now = to_timestamp(now);
    diesel::update(waiting.filter(t::run_at.gt(now))).set(t::run_at.eq(now)).execute(connection)?;
    Ok(())
}

/// Gives all running jobs back, for a process that has the database to itself: those that it finds at its start were left by
/// one that died.
pub fn recover(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    let left = t::table.filter(t::state.eq(State::Running.code()));
    let now = to_timestamp(now);
    diesel::update(left)
        .set((t::state.eq(State::Waiting.code()), t::run_at.eq(now), t::update_time.eq(now)))
        .execute(connection)?;
    Ok(())
}

/// How far ahead of this clock a row's last change may be: clocks of nodes differ by seconds.
const CLOCKS_APART: Millis = 60_000;

/// Waiting jobs that one correction moves at most; the next one finds the rest.
const MOVED_AT_ONCE: i64 = 1000;

/// Gives waiting jobs that were written while the clock was ahead the same delay from now on: they would come as much too
/// late as the clock was ahead.
pub(super) fn follow_correction(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    let ahead: Vec<(i64, NaiveDateTime, NaiveDateTime)> = t::table
        .filter(t::state.eq(State::Waiting.code()))
        .filter(t::update_time.gt(to_timestamp(now + CLOCKS_APART)))
        .order(t::id)
        .select((t::id, t::run_at, t::update_time))
        .limit(MOVED_AT_ONCE)
        .load(connection)?;
    for (id, run_at, written_at) in ahead {
        let delay = (from_timestamp(run_at) - from_timestamp(written_at)).max(0);
        diesel::update(t::table.find(id))
            .set((t::run_at.eq(to_timestamp(now + delay)), t::update_time.eq(to_timestamp(now))))
            .execute(connection)?;
    }
    Ok(())
}

/// What there is to do.
pub(super) struct Outlook {
    /// Jobs that can be claimed now.
    pub due: Vec<i64>,
    /// When the next one can be, unless something changes.
    pub next: Option<Millis>,
}

/// Looks for up to `limit` jobs of these kinds that can be claimed, and for the time of the next one.
pub(super) fn outlook(
    connection: &mut AnyConnection,
    kinds: &[&'static str],
    limit: i64,
    now: Millis,
) -> Result<Outlook> {
    let waiting: Vec<(i64, NaiveDateTime)> = t::table
        .filter(t::state.eq(State::Waiting.code()))
        .filter(t::kind.eq_any(kinds))
        .order((t::run_at, t::id))
        .select((t::id, t::run_at))
        .limit(limit + 1)
        .load(connection)?;
    // Few: each node runs a handful at a time.
    let running: Vec<(i64, Option<NaiveDateTime>)> = t::table
        .filter(t::state.eq(State::Running.code()))
        .filter(t::kind.eq_any(kinds))
        .order(t::id)
        .select((t::id, t::leased_until))
        .limit(1000)
        .load(connection)?;
    let running = running.into_iter().map(|(id, until)| (id, until.map_or(Millis::MIN, from_timestamp)));
    let running = running.map(|(id, until)| (id, if is_possible(until, now) { until + 1 } else { now }));
    let mut times: Vec<(i64, Millis)> =
        waiting.into_iter().map(|(id, run_at)| (id, from_timestamp(run_at))).chain(running).collect();
    times.sort_unstable_by_key(|(id, time)| (*time, *id));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let due: Vec<i64> = times.iter().take(limit).filter(|(_, time)| *time <= now).map(|(id, _)| *id).collect();
    let next = times.get(due.len()).map(|(_, time)| *time);
    Ok(Outlook { due, next })
}

/// No lease ends later than this; one that does was given before a clock was corrected.
const fn latest_lease(now: Millis) -> Millis {
    now + 2 * LEASE
}

const fn is_possible(leased_until: Millis, now: Millis) -> bool {
    leased_until <= latest_lease(now)
}

/// A job that this node may run.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = t)]
pub(super) struct Claimed {
    pub id: i64,
    pub kind: String,
    pub key: String,
    pub payload: String,
    pub requests: i64,
    pub attempts: i32,
    pub lease: i64,
}

/// Leases those of these jobs that can still be claimed, under a number that no other claim has.
pub(super) fn claim(
    connection: &mut AnyConnection,
    ids: &[i64],
    runner: &str,
    lease: i64,
    now: Millis,
) -> Result<Vec<Claimed>> {
    let due = t::state.eq(State::Waiting.code()).and(t::run_at.le(to_timestamp(now)));
    let (expired, impossible) =
        (t::leased_until.lt(to_timestamp(now)), t::leased_until.gt(to_timestamp(latest_lease(now))));
    let left = t::state.eq(State::Running.code()).and(expired.or(impossible));
    diesel::update(t::table.filter(t::id.eq_any(ids)).filter(due.nullable().or(left)))
        .set((
            t::state.eq(State::Running.code()),
            t::run_at.eq(to_timestamp(NOT_REQUESTED)),
            t::attempts.eq(t::attempts + 1),
            t::lease.eq(lease),
            t::leased_until.eq(to_timestamp(now + LEASE)),
            t::updater.eq(runner),
            t::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(t::table
        .filter(t::id.eq_any(ids))
        .filter(t::lease.eq(lease))
        .filter(t::state.eq(State::Running.code()))
        .select(Claimed::as_select())
        .load(connection)?)
}

/// Prolongs a lease, which also locks the row until the transaction ends; returns whether the lease still holds.
pub(super) fn renew(connection: &mut AnyConnection, claimed: &Claimed, now: Millis) -> Result<bool> {
    let row = t::table
        .filter(t::id.eq(claimed.id))
        .filter(t::lease.eq(claimed.lease))
        .filter(t::state.eq(State::Running.code()));
    let until = to_timestamp(now + LEASE);
    let renewed = diesel::update(row).set((t::leased_until.eq(until), t::update_time.eq(to_timestamp(now))));
    Ok(renewed.execute(connection)? > 0)
}

/// Ends a run whose lease was [renewed](renew) in the same transaction.
pub(super) fn end(connection: &mut AnyConnection, claimed: &Claimed, next: Next, now: Millis) -> Result<()> {
    let row = t::table.filter(t::id.eq(claimed.id));
    if next == Next::Done {
        let ended = diesel::delete(row.filter(t::requests.eq(claimed.requests))).execute(connection)?;
        if ended > 0 {
            return Ok(());
        }
        // Requested again meanwhile, for the time in `run_at`.
    }
    if let Next::At(time) = next {
        let time = to_timestamp(time);
        diesel::update(row.filter(t::run_at.gt(time))).set(t::run_at.eq(time)).execute(connection)?;
    }
    diesel::update(row)
        .set((
            t::state.eq(State::Waiting.code()),
            t::attempts.eq(0),
            t::last_error.eq(""),
            t::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Why a run has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Trying again may help.
    Passing(String),
    /// The database could not be used: no fault of the job.
    Busy,
    /// Trying again does not help.
    Lasting(String),
}

/// Notes a failure of a run whose lease was [renewed](renew) in the same transaction; returns whether the job is dead now.
pub(super) fn fail(connection: &mut AnyConnection, claimed: &Claimed, failure: &Failure, now: Millis) -> Result<bool> {
    let (text, attempts, dead) = match failure {
        Failure::Passing(text) => (text.as_str(), claimed.attempts, claimed.attempts >= MAX_ATTEMPTS),
        Failure::Busy => ("the database could not be used", claimed.attempts - 1, false),
        Failure::Lasting(text) => (text.as_str(), claimed.attempts, true),
    };
    if *failure != Failure::Busy {
        // A request that came meanwhile has its own run, at the time in `run_at`.
        let requested = diesel::update(t::table.filter(t::id.eq(claimed.id)).filter(t::requests.ne(claimed.requests)))
            .set((
                t::state.eq(State::Waiting.code()),
                t::attempts.eq(0),
                t::last_error.eq(last_error(text)),
                t::update_time.eq(to_timestamp(now)),
            ))
            .execute(connection)?;
        if requested > 0 {
            return Ok(false);
        }
    }
    let pause = if *failure == Failure::Busy { DELAYS.0 } else { delay(attempts) };
    let state = if dead { State::Dead } else { State::Waiting };
    diesel::update(t::table.filter(t::id.eq(claimed.id)))
        .set((
            t::state.eq(state.code()),
            t::run_at.eq(to_timestamp(now + pause)),
            t::attempts.eq(attempts),
            t::last_error.eq(last_error(text)),
            t::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(dead)
}

/// An error's text as it is kept.
fn last_error(text: &str) -> String {
    text.chars().take(ERROR_LENGTH).collect()
}

/// Gives back what a runner that stops has claimed, as if it had not.
pub(super) fn release(connection: &mut AnyConnection, runner: &str, now: Millis) -> Result<()> {
    let claimed = t::table.filter(t::state.eq(State::Running.code())).filter(t::updater.eq(runner));
    let now = to_timestamp(now);
    diesel::update(claimed.filter(t::run_at.gt(now))).set(t::run_at.eq(now)).execute(connection)?;
    diesel::update(claimed)
        .set((t::state.eq(State::Waiting.code()), t::attempts.eq(t::attempts - 1), t::update_time.eq(now)))
        .execute(connection)?;
    Ok(())
}
