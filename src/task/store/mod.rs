//! SQL of `kefu_task`, and of the columns that a conversation repeats.

mod list;
mod statements;

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::count_star;
use diesel::prelude::*;

pub(crate) use list::{
    Place, ServedRound, TaskFilter, count, count_by_group, due, get, history, in_conversation, list, of_the_away,
    of_the_closed, of_the_off_duty, oldest, places, seen, served,
};
pub(crate) use statements::texts;

use super::{State, Task};
use crate::db::bulk::execute;
use crate::db::schema::{kefu_member, kefu_task as t};
use crate::db::{AnyConnection, each_backend};
use crate::error::Result;
use crate::id::{ConversationId, TenantId, UserId};
use statements::{OpenIn, Stored, TaskRow};

/// The open rounds of these locked conversations, one statement for any number of them.
pub(super) fn open_rounds(connection: &mut AnyConnection, conversations: &[ConversationId]) -> Result<Vec<Task>> {
    let query = statements::OPEN.with_rows(conversations.iter().copied().map(OpenIn));
    let rows: Vec<TaskRow> = each_backend!(connection, connection => query.load(connection))?;
    Ok(rows.into_iter().map(Task::from).collect())
}

/// Stores rounds: those that are there with one statement, new ones with another, and what their conversations repeat with a
/// third. `changed` comes first, so that a conversation's round may end and the next one begin in one batch.
pub(super) fn write(
    connection: &mut AnyConnection,
    changed: &[&Task],
    opened: &[&Task],
    newest: &[&Task],
    now: NaiveDateTime,
) -> Result<()> {
    if !changed.is_empty() {
        execute(connection, statements::UPDATE.with_rows(changed.iter().map(|task| Stored { task, now })))?;
    }
    if !opened.is_empty() {
        execute(connection, statements::INSERT.with_rows(opened.iter().map(|task| Stored { task, now })))?;
    }
    if !newest.is_empty() {
        execute(connection, statements::REPEAT.with_rows(newest.iter().map(|task| Stored { task, now })))?;
    }
    Ok(())
}

/// How many rounds each of these agents has, of those who have any: along the index `kefu_task_agent`.
pub(crate) fn loads(connection: &mut AnyConnection, agents: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let agents: Vec<i64> = agents.iter().map(|agent| agent.get()).collect();
    let rows: Vec<(Option<i64>, i64)> = t::table
        .filter(t::agent_id.eq_any(&agents))
        .filter(t::state.eq_any([State::Offered.code(), State::Serving.code()]))
        .group_by(t::agent_id)
        .select((t::agent_id, count_star()))
        .load(connection)?;
    Ok(rows.into_iter().filter_map(|(agent, count)| Some((UserId::new(agent?), count))).collect())
}

/// The agents to whom these members are bound, of those who are.
pub(super) fn exclusive_agents(
    connection: &mut AnyConnection,
    members: &[(TenantId, UserId)],
) -> Result<HashMap<(TenantId, UserId), UserId>> {
    let tenants: Vec<i64> = members.iter().map(|(tenant, _)| tenant.get()).collect();
    let users: Vec<i64> = members.iter().map(|(_, user)| user.get()).collect();
    let rows: Vec<(i64, i64, Option<i64>)> = kefu_member::table
        .filter(kefu_member::tenant_id.eq_any(&tenants))
        .filter(kefu_member::user_id.eq_any(&users))
        .filter(kefu_member::exclusive_agent_id.is_not_null())
        .select((kefu_member::tenant_id, kefu_member::user_id, kefu_member::exclusive_agent_id))
        .load(connection)?;
    let bound = |(tenant, user, agent): (i64, i64, Option<i64>)| {
        Some(((TenantId::new(tenant), UserId::new(user)), UserId::new(agent?)))
    };
    Ok(rows.into_iter().filter_map(bound).collect())
}

/// The rounds of a conversation become those of its new member.
pub(crate) fn follow(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    member: UserId,
    now: NaiveDateTime,
) -> Result<()> {
    diesel::update(t::table.filter(t::conversation_id.eq(conversation.get())))
        .set((t::user_id.eq(member.get()), t::update_time.eq(now)))
        .execute(connection)?;
    Ok(())
}
