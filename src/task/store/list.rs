//! Rounds as lists show them.

use std::collections::HashMap;

use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::statements::TaskRow;
use crate::access::Sight;
use crate::account::{ENABLED, PERSON};
use crate::agent::duty::Duty;
use crate::clock::{Millis, to_timestamp};
use crate::conversation::seen_by;
use crate::db::AnyConnection;
use crate::db::schema::{kefu_admin, kefu_agent, kefu_agent_socket, kefu_task as t};
use crate::db::timestamp::Instant;
use crate::error::Result;
use crate::id::{ConversationId, GroupId, TaskId, TenantId, UserId};
use crate::task::{State, Task};

/// The largest number that is counted.
const MOST_COUNTED: i64 = 10_000;

/// Which rounds a list has.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskFilter {
    /// In one of these states; in any when there is none.
    pub states: Vec<State>,
    /// Of this agent.
    pub agent: Option<UserId>,
    /// Of this group.
    pub group: Option<GroupId>,
    /// In conversations that are seen.
    pub sight: Sight,
}

/// A place in a list: after the round with these values, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Since when it waits.
    pub queued_at: Millis,
    /// The id.
    pub id: i64,
}

impl Place {
    /// Reads a place that [`std::fmt::Display`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (time, id) = text.split_once('.')?;
        Some(Self { queued_at: time.parse().ok()?, id: id.parse().ok()? })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.queued_at, self.id)
    }
}

/// Rounds by when they began to wait, at most `limit`: for each state one read along `kefu_task_state`, or along `kefu_task_agent`
/// for an agent's, `kefu_task_group` for a group's. Those that one admin does not see are passed over: as many reads of a conversation's row as lie between.
pub(crate) fn list(
    connection: &mut AnyConnection,
    tenant: TenantId,
    filter: &TaskFilter,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<Task>> {
    let states: &[State] = if filter.states.is_empty() { &State::ALL } else { &filter.states };
    let seen = conversation_seen_by(&filter.sight);
    let mut found = Vec::new();
    for state in states {
        let mut query = t::table
            .filter(t::tenant_id.eq(tenant.get()))
            .filter(t::state.eq(state.code()))
            .order((t::queued_at, t::id))
            .limit(limit)
            .select(TaskRow::as_select())
            .into_boxed();
        if let Some(agent) = filter.agent {
            query = query.filter(t::agent_id.eq(agent.get()));
        }
        if let Some(group) = filter.group {
            query = query.filter(t::group_id.eq(group.get()));
        }
        if let Some(seen) = &seen {
            query = query.filter(sql::<Bool>(seen));
        }
        if let Some(Place { queued_at, id }) = after {
            let time = to_timestamp(queued_at);
            query = query.filter(t::queued_at.ge(time)).filter(t::queued_at.gt(time).or(t::id.gt(id)));
        }
        found.extend(query.load::<TaskRow>(connection)?.into_iter().map(Task::from));
    }
    found.sort_unstable_by_key(|task| (task.queued_at, task.id));
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(found)
}

/// The condition that the conversation of a round is seen; `None` for the sight of everything.
fn conversation_seen_by(sight: &Sight) -> Option<String> {
    let seen = seen_by(sight)?;
    Some(format!(
        "EXISTS (SELECT 1 FROM kefu_conversation WHERE kefu_conversation.id = kefu_task.conversation_id AND {seen})"
    ))
}

/// One round of the tenant, if its conversation is seen.
pub(crate) fn seen(
    connection: &mut AnyConnection,
    tenant: TenantId,
    id: TaskId,
    sight: &Sight,
) -> Result<Option<Task>> {
    let mut row = t::table.filter(t::id.eq(id.get())).filter(t::tenant_id.eq(tenant.get())).into_boxed();
    if let Some(seen) = conversation_seen_by(sight) {
        row = row.filter(sql::<Bool>(&seen));
    }
    Ok(row.select(TaskRow::as_select()).first(connection).optional()?.map(Task::from))
}

/// One round of the tenant.
pub(crate) fn get(connection: &mut AnyConnection, tenant: TenantId, id: TaskId) -> Result<Option<Task>> {
    let row = t::table.find(id.get()).filter(t::tenant_id.eq(tenant.get())).select(TaskRow::as_select());
    Ok(row.first(connection).optional()?.map(Task::from))
}

/// The open round of a conversation.
pub(crate) fn in_conversation(connection: &mut AnyConnection, conversation: ConversationId) -> Result<Option<Task>> {
    let row = t::table.filter(t::open_conversation_id.eq(conversation.get())).select(TaskRow::as_select());
    Ok(row.first(connection).optional()?.map(Task::from))
}

/// The newest rounds of a conversation that began before a place, the newest first: along `kefu_task_history`, past those that are newer.
pub(crate) fn history(
    connection: &mut AnyConnection,
    tenant: TenantId,
    conversation: ConversationId,
    before: Option<Place>,
    limit: i64,
) -> Result<Vec<Task>> {
    let mut query = t::table
        .filter(t::conversation_id.eq(conversation.get()))
        .filter(t::tenant_id.eq(tenant.get()))
        .order((t::first_seq.desc(), t::id.desc()))
        .limit(limit)
        .select(TaskRow::as_select())
        .into_boxed();
    if let Some(Place { queued_at, id }) = before {
        let time = to_timestamp(queued_at);
        query = query.filter(t::queued_at.le(time)).filter(t::queued_at.lt(time).or(t::id.lt(id)));
    }
    Ok(query.load::<TaskRow>(connection)?.into_iter().map(Task::from).collect())
}

/// Rounds that are offered or served of agents whose accounts are closed: for each such account of the tenant one read along
/// `kefu_task_agent`.
pub(crate) fn of_the_closed(connection: &mut AnyConnection, tenant: TenantId, limit: i64) -> Result<Vec<Task>> {
    let closed = kefu_admin::table
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::kind.eq(PERSON))
        .filter(kefu_admin::status.ne(ENABLED))
        .select(kefu_admin::id.nullable());
    let rows: Vec<TaskRow> = t::table
        .filter(t::agent_id.eq_any(closed))
        .filter(t::state.eq_any([State::Offered.code(), State::Serving.code()]))
        .limit(limit)
        .select(TaskRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Task::from).collect())
}

/// Rounds that were given before this time to agents who have had no socket since, or who have never had one and have not accepted them:
/// for each such agent of the tenant one read along `kefu_task_agent`.
pub(crate) fn of_the_away(
    connection: &mut AnyConnection,
    tenant: TenantId,
    before: Millis,
    limit: i64,
) -> Result<Vec<Task>> {
    let before = to_timestamp(before);
    let socket = kefu_agent_socket::table.filter(kefu_agent_socket::admin_id.eq(kefu_agent::id));
    let never_came = kefu_agent::offline_since.is_null().and(not(exists(socket)));
    let unaccepted =
        t::state.eq(State::Offered.code()).or(t::accepted_at.is_null()).or(t::accepted_at.lt(t::assigned_at));
    let rows: Vec<TaskRow> = t::table
        .inner_join(kefu_agent::table.on(t::agent_id.eq(kefu_agent::id.nullable())))
        .filter(kefu_agent::tenant_id.eq(tenant.get()))
        // Of the agent alone, so that the rounds of those who are here are not read.
        .filter(kefu_agent::offline_since.le(before).or(never_came))
        .filter(t::state.eq_any([State::Offered.code(), State::Serving.code()]))
        .filter(t::assigned_at.le(before))
        .filter(kefu_agent::offline_since.is_not_null().or(unaccepted))
        .order((t::state, t::queued_at, t::id))
        .limit(limit)
        .select(TaskRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Task::from).collect())
}

/// Rounds that are offered to agents who have gone off duty: one read along `kefu_task_state`.
pub(crate) fn of_the_off_duty(connection: &mut AnyConnection, tenant: TenantId, limit: i64) -> Result<Vec<Task>> {
    let off = kefu_agent::table
        .filter(kefu_agent::tenant_id.eq(tenant.get()))
        .filter(kefu_agent::duty.eq(Duty::Off.code()))
        .select(kefu_agent::id.nullable());
    let rows: Vec<TaskRow> = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::state.eq(State::Offered.code()))
        .filter(t::agent_id.eq_any(off))
        .order((t::queued_at, t::id))
        .limit(limit)
        .select(TaskRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Task::from).collect())
}

/// A member whom an agent has served in a period.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServedRound {
    /// The member.
    pub member: UserId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The round.
    pub task: TaskId,
    /// When the agent began to serve.
    pub accepted_at: Millis,
}

/// The newest rounds that an agent, or this one, began to serve from `from` on and before `to`: at most `limit` entries of the
/// index `kefu_task_accepted`, or of `kefu_task_contact` for one agent.
pub(crate) fn served(
    connection: &mut AnyConnection,
    tenant: TenantId,
    agent: Option<UserId>,
    (from, to): (Millis, Millis),
    limit: i64,
) -> Result<Vec<ServedRound>> {
    let mut query = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::accepted_at.ge(to_timestamp(from)))
        .filter(t::accepted_at.lt(to_timestamp(to)))
        .order((t::accepted_at.desc(), t::id.desc()))
        .limit(limit)
        .select((t::user_id, t::conversation_id, t::id, t::accepted_at.assume_not_null()))
        .into_boxed();
    if let Some(agent) = agent {
        query = query.filter(t::agent_id.eq(agent.get()));
    }
    let rows: Vec<(i64, i64, i64, Instant)> = query.load(connection)?;
    let served = |(member, conversation, task, accepted_at): (i64, i64, i64, Instant)| ServedRound {
        member: UserId::new(member),
        conversation: ConversationId::new(conversation),
        task: TaskId::new(task),
        accepted_at: accepted_at.0,
    };
    Ok(rows.into_iter().map(served).collect())
}

/// Rounds whose time has come, the longest due first.
pub(crate) fn due(connection: &mut AnyConnection, now: Millis, limit: i64) -> Result<Vec<Task>> {
    let rows: Vec<TaskRow> = t::table
        .filter(t::due_at.le(to_timestamp(now)))
        .order(t::due_at)
        .limit(limit)
        .select(TaskRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Task::from).collect())
}

/// The places of those of these rounds that wait, the first is 1: one read of the index `kefu_task_state` up to the last of them.
pub(crate) fn places(connection: &mut AnyConnection, tenant: TenantId, tasks: &[Task]) -> Result<HashMap<TaskId, i64>> {
    let waiting = tasks.iter().filter(|task| task.state == State::Waiting);
    let Some(last) = waiting.map(|task| task.queued_at).max() else { return Ok(HashMap::new()) };
    let ids: Vec<i64> = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::state.eq(State::Waiting.code()))
        .filter(t::queued_at.le(to_timestamp(last)))
        .order((t::queued_at, t::id))
        .limit(MOST_COUNTED)
        .select(t::id)
        .load(connection)?;
    Ok(ids.into_iter().map(TaskId::new).zip(1..).collect())
}

/// How many rounds of a tenant are in this state, up to a limit.
pub(crate) fn count(connection: &mut AnyConnection, tenant: TenantId, state: State) -> Result<i64> {
    let text = format!(
        "SELECT COUNT(*) AS counted FROM (SELECT 1 AS one FROM kefu_task WHERE tenant_id = {tenant} \
         AND state = {} LIMIT {MOST_COUNTED}) AS bounded",
        state.code()
    );
    Ok(diesel::sql_query(text).get_result::<Counted>(connection)?.counted)
}

/// A number that a statement counts.
#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    counted: i64,
}

/// Since when the round of a tenant in this state waits that waits for the longest.
pub(crate) fn oldest(connection: &mut AnyConnection, tenant: TenantId, state: State) -> Result<Option<Millis>> {
    let time: Option<Instant> = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::state.eq(state.code()))
        .order((t::queued_at, t::id))
        .select(t::queued_at)
        .first(connection)
        .optional()?;
    Ok(time.map(|time| time.0))
}

/// How many rounds of a tenant are in this state in each group. The cost grows with these rounds.
pub(crate) fn count_by_group(
    connection: &mut AnyConnection,
    tenant: TenantId,
    state: State,
) -> Result<HashMap<GroupId, i64>> {
    let rows: Vec<(Option<i64>, i64)> = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .filter(t::state.eq(state.code()))
        .group_by(t::group_id)
        .select((t::group_id, diesel::dsl::count_star()))
        .load(connection)?;
    Ok(rows.into_iter().filter_map(|(group, count)| Some((GroupId::new(group?), count))).collect())
}
