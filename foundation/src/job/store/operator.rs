//! What operators see of the jobs and do to them.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::State;
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::db::AnyConnection;
use crate::db::schema::kefu_job as t;
use crate::error::Result;

/// Jobs by state, and how long the oldest due one has waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::job) struct Backlog {
    /// How many jobs are in each state.
    pub counts: Vec<(State, i64)>,
    /// Milliseconds; 0 when none is due.
    pub oldest: Millis,
}

/// Counts the jobs of all kinds.
pub(in crate::job) fn backlog(connection: &mut AnyConnection, now: Millis) -> Result<Backlog> {
    let mut count = |state: State| -> Result<(State, i64)> {
        Ok((state, t::table.filter(t::state.eq(state.code())).count().get_result(connection)?))
    };
    let counts = State::ALL.into_iter().map(&mut count).collect::<Result<_>>()?;
    let first: Option<NaiveDateTime> = t::table
        .filter(t::state.eq(State::Waiting.code()))
        .order(t::run_at)
        .select(t::run_at)
        .first(connection)
        .optional()?;
    let oldest = first.map_or(0, |run_at| (now - from_timestamp(run_at)).max(0));
    Ok(Backlog { counts, oldest })
}

/// A job as operators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What `kefu job retry` takes.
    pub id: i64,
    /// [`crate::job::Job::KIND`]
    pub kind: String,
    /// [`crate::job::Job::key`]
    pub key: String,
    /// Where it stands.
    pub state: State,
    /// How often it was begun since it last succeeded.
    pub attempts: i32,
    /// When it is due; `None` while it runs.
    pub run_at: Option<Millis>,
    /// Why it failed last, empty when it did not.
    pub last_error: String,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_job)]
struct StoredRow {
    id: i64,
    kind: String,
    key: String,
    state: i32,
    run_at: NaiveDateTime,
    attempts: i32,
    last_error: String,
}

impl StoredRow {
    fn read(self) -> Result<Stored> {
        let state = State::from_code(self.state)?;
        let run_at = (state != State::Running).then(|| from_timestamp(self.run_at));
        let Self { id, kind, key, attempts, last_error, .. } = self;
        Ok(Stored { id, kind, key, state, attempts, run_at, last_error })
    }
}

/// The first `limit` jobs, all or those in one state: the dead before the running before the waiting ones, each by time.
///
/// One statement, so that a job that changes its state meanwhile is listed once. It sorts every job: the cost of an
/// operator's command grows with their number.
pub fn list(connection: &mut AnyConnection, only: Option<State>, limit: usize) -> Result<Vec<Stored>> {
    let wanted = State::ALL.into_iter().filter(|state| only.is_none_or(|only| only == *state));
    let rows: Vec<StoredRow> = t::table
        .filter(t::state.eq_any(wanted.map(State::code)))
        .order((t::state.desc(), t::run_at, t::id))
        .select(StoredRow::as_select())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)?;
    rows.into_iter().map(StoredRow::read).collect()
}

/// Makes a waiting or dead job due with all its attempts; returns whether there is one.
pub fn retry(connection: &mut AnyConnection, id: i64, now: Millis) -> Result<bool> {
    let row = t::table.filter(t::id.eq(id)).filter(t::state.ne(State::Running.code()));
    Ok(diesel::update(row).set(anew(now)).execute(connection)? > 0)
}

/// Makes all dead jobs due with all their attempts; returns how many there were.
pub fn retry_dead(connection: &mut AnyConnection, now: Millis) -> Result<usize> {
    let rows = t::table.filter(t::state.eq(State::Dead.code()));
    Ok(diesel::update(rows).set(anew(now)).execute(connection)?)
}

type Anew = (
    diesel::dsl::Eq<t::state, i32>,
    diesel::dsl::Eq<t::attempts, i32>,
    diesel::dsl::Eq<t::run_at, NaiveDateTime>,
    diesel::dsl::Eq<t::update_time, NaiveDateTime>,
);

fn anew(now: Millis) -> Anew {
    let now = to_timestamp(now);
    (t::state.eq(State::Waiting.code()), t::attempts.eq(0), t::run_at.eq(now), t::update_time.eq(now))
}
