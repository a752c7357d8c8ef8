//! SQL of who is on duty.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::agent::MOST_AGENTS;
use crate::agent::duty::{Duty, Presence};
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::db::schema::{kefu_agent as a, kefu_agent_socket as s, kefu_node as n};
use crate::db::{AnyConnection, inserted};
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};

/// An admin with a socket at this node.
pub(crate) type Socket = (TenantId, UserId);

/// Makes the rows of agents that are not there yet.
fn ensure(connection: &mut AnyConnection, agents: &[Socket], now: Millis) -> Result<()> {
    let ids: Vec<i64> = agents.iter().map(|(_, agent)| agent.get()).collect();
    let there: HashSet<i64> = a::table.filter(a::id.eq_any(&ids)).select(a::id).load(connection)?.into_iter().collect();
    for (tenant, agent) in agents.iter().filter(|(_, agent)| !there.contains(&agent.get())) {
        let outcome = diesel::insert_into(a::table)
            .values((
                a::id.eq(agent.get()),
                a::create_time.eq(to_timestamp(now)),
                a::update_time.eq(to_timestamp(now)),
                a::tenant_id.eq(tenant.get()),
            ))
            .execute(connection);
        // Another transaction makes it.
        if !inserted(outcome)? {
            return Err(Error::Conflict);
        }
    }
    Ok(())
}

/// Locks the rows of agents until the transaction ends, and reads how many members each serves at once, `None` for what the group
/// or the tenant says.
///
/// # Errors
/// [`Error::Conflict`], which runs the transaction again, when another transaction makes one of the rows.
pub(crate) fn lock(
    connection: &mut AnyConnection,
    agents: &[Socket],
    now: Millis,
) -> Result<HashMap<UserId, Option<i32>>> {
    ensure(connection, agents, now)?;
    let mut ids: Vec<i64> = agents.iter().map(|(_, agent)| agent.get()).collect();
    ids.sort_unstable();
    ids.dedup();
    // Written, not read: the lock is the same on every database.
    diesel::update(a::table.filter(a::id.eq_any(&ids))).set(a::updater.eq(a::updater)).execute(connection)?;
    let rows: Vec<(i64, Option<i32>)> =
        a::table.filter(a::id.eq_any(&ids)).select((a::id, a::capacity)).load(connection)?;
    Ok(rows.into_iter().map(|(agent, capacity)| (UserId::new(agent), capacity)).collect())
}

/// Notes what an agent has said, and since when if that is news; returns what it was.
pub(crate) fn set_duty(
    connection: &mut AnyConnection,
    tenant: TenantId,
    agent: UserId,
    duty: Duty,
    by: &str,
    now: Millis,
) -> Result<Option<Duty>> {
    lock(connection, &[(tenant, agent)], now)?;
    let before: Option<i32> = a::table.find(agent.get()).select(a::duty).first(connection)?;
    let before = before.and_then(Duty::from_code);
    if before == Some(duty) {
        return Ok(before);
    }
    diesel::update(a::table.find(agent.get()))
        .set((
            a::duty.eq(duty.code()),
            a::duty_since.eq(to_timestamp(now)),
            a::updater.eq(by),
            a::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(before)
}

/// What these agents have said, of those who have said anything.
///
/// # Errors
/// As the connection's.
pub(crate) fn duties(connection: &mut AnyConnection, agents: &[UserId]) -> Result<HashMap<UserId, Duty>> {
    let agents: Vec<i64> = agents.iter().map(|agent| agent.get()).collect();
    let rows: Vec<(i64, Option<i32>)> =
        a::table.filter(a::id.eq_any(&agents)).select((a::id, a::duty)).load(connection)?;
    Ok(rows.into_iter().filter_map(|(agent, duty)| Some((UserId::new(agent), Duty::from_code(duty?)?))).collect())
}

/// Takes an agent off duty whose account is closed, if the agent has ever said anything about duty.
pub(crate) fn end_duty(connection: &mut AnyConnection, agent: UserId, now: Millis) -> Result<()> {
    let row = a::table.find(agent.get()).filter(a::duty.ne(Duty::Off.code()));
    diesel::update(row)
        .set((a::duty.eq(Duty::Off.code()), a::duty_since.eq(to_timestamp(now)), a::update_time.eq(to_timestamp(now))))
        .execute(connection)?;
    Ok(())
}

/// The agents of a tenant who have a socket at a node that runs.
fn online(connection: &mut AnyConnection, tenant: TenantId, now: Millis) -> Result<HashSet<UserId>> {
    let agents: Vec<i64> = s::table
        .inner_join(n::table.on(n::node.eq(s::node)))
        .filter(s::tenant_id.eq(tenant.get()))
        .filter(n::lease_until.gt(to_timestamp(now)))
        .select(s::admin_id)
        .limit(2 * MOST_AGENTS)
        .load(connection)?;
    Ok(agents.into_iter().map(UserId::new).collect())
}

/// What is known of a tenant's agents.
pub(crate) fn presences(
    connection: &mut AnyConnection,
    tenant: TenantId,
    now: Millis,
) -> Result<HashMap<UserId, Presence>> {
    type Row = (i64, Option<i32>, Option<chrono::NaiveDateTime>, Option<chrono::NaiveDateTime>);
    let online = online(connection, tenant, now)?;
    let rows: Vec<Row> = a::table
        .filter(a::tenant_id.eq(tenant.get()))
        .select((a::id, a::duty, a::duty_since, a::offline_since))
        .limit(2 * MOST_AGENTS)
        .load(connection)?;
    let mut found: HashMap<UserId, Presence> = HashMap::new();
    for (agent, duty, duty_since, offline_since) in rows {
        let presence = Presence {
            duty: duty.and_then(Duty::from_code),
            duty_since: duty_since.map(from_timestamp),
            online: false,
            offline_since: offline_since.map(from_timestamp),
        };
        found.insert(UserId::new(agent), presence);
    }
    for agent in online {
        found.entry(agent).or_default().online = true;
    }
    Ok(found)
}

/// Renews the lease of a node, for this long; `true` when it has begun anew, so that nothing of the node is shown any more.
pub(crate) fn renew_lease(connection: &mut AnyConnection, node: i64, now: Millis, time: Millis) -> Result<bool> {
    let until = to_timestamp(now.saturating_add(time));
    let renewed = diesel::update(n::table.find(node))
        .set((n::lease_until.eq(until), n::update_time.eq(to_timestamp(now))))
        .execute(connection)?;
    if renewed == 0 {
        diesel::insert_into(n::table)
            .values((
                n::node.eq(node),
                n::lease_until.eq(until),
                n::create_time.eq(to_timestamp(now)),
                n::update_time.eq(to_timestamp(now)),
                n::tenant_id.eq(0_i64),
            ))
            .execute(connection)?;
    }
    Ok(renewed == 0)
}

/// Ends the lease of a node that stops.
pub(crate) fn end_lease(connection: &mut AnyConnection, node: i64, now: Millis) -> Result<()> {
    // Written first, so that of two who remove it one does.
    let ended = diesel::update(n::table.find(node)).set(n::lease_until.eq(to_timestamp(now))).execute(connection)?;
    if ended > 0 { remove_node(connection, node, now) } else { Ok(()) }
}

/// Whether there are nodes whose lease is over.
pub(crate) fn has_dead_nodes(connection: &mut AnyConnection, now: Millis) -> Result<bool> {
    let dead = n::table.filter(n::lease_until.le(to_timestamp(now))).select(n::node);
    Ok(dead.first::<i64>(connection).optional()?.is_some())
}

fn remove_node(connection: &mut AnyConnection, node: i64, since: Millis) -> Result<()> {
    let agents: Vec<i64> = s::table.filter(s::node.eq(node)).select(s::admin_id).load(connection)?;
    diesel::delete(s::table.filter(s::node.eq(node))).execute(connection)?;
    diesel::delete(n::table.find(node)).execute(connection)?;
    if agents.is_empty() { Ok(()) } else { note_away(connection, &agents, since) }
}

/// Shows which agents have come to a node and which have left it.
pub(crate) fn show(
    connection: &mut AnyConnection,
    node: i64,
    came: &[Socket],
    left: &[Socket],
    now: Millis,
) -> Result<()> {
    if !came.is_empty() {
        ensure(connection, came, now)?;
    }
    // Those of a commit whose outcome was lost are there.
    let ids: Vec<i64> = came.iter().map(|(_, agent)| agent.get()).collect();
    let there: Vec<i64> =
        s::table.filter(s::node.eq(node)).filter(s::admin_id.eq_any(&ids)).select(s::admin_id).load(connection)?;
    for (tenant, agent) in came.iter().filter(|(_, agent)| !there.contains(&agent.get())) {
        let outcome = diesel::insert_into(s::table)
            .values((
                s::admin_id.eq(agent.get()),
                s::node.eq(node),
                s::create_time.eq(to_timestamp(now)),
                s::update_time.eq(to_timestamp(now)),
                s::tenant_id.eq(tenant.get()),
            ))
            .execute(connection);
        if !inserted(outcome)? {
            return Err(Error::Conflict);
        }
    }
    if !came.is_empty() {
        diesel::update(a::table.filter(a::id.eq_any(&ids)))
            .set(a::offline_since.eq(None::<chrono::NaiveDateTime>))
            .execute(connection)?;
    }
    let agents: Vec<i64> = left.iter().map(|(_, agent)| agent.get()).collect();
    if !agents.is_empty() {
        let rows = s::table.filter(s::node.eq(node)).filter(s::admin_id.eq_any(&agents));
        diesel::delete(rows).execute(connection)?;
        note_away(connection, &agents, now)?;
    }
    Ok(())
}

/// Notes since when those of these agents are away who have no socket any more.
fn note_away(connection: &mut AnyConnection, agents: &[i64], since: Millis) -> Result<()> {
    // Locked first: who comes to another node meanwhile is there afterwards.
    let locked = a::table.filter(a::id.eq_any(agents));
    diesel::update(locked).set(a::updater.eq(a::updater)).execute(connection)?;
    let elsewhere: Vec<i64> = s::table.filter(s::admin_id.eq_any(agents)).select(s::admin_id).load(connection)?;
    let away: Vec<i64> = agents.iter().copied().filter(|agent| !elsewhere.contains(agent)).collect();
    diesel::update(a::table.filter(a::id.eq_any(&away)).filter(a::offline_since.is_null()))
        .set(a::offline_since.eq(to_timestamp(since)))
        .execute(connection)?;
    Ok(())
}

/// Removes what nodes have left whose lease is over. Their agents are away since the last renewal.
pub(crate) fn remove_dead_nodes(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    let dead: Vec<(i64, chrono::NaiveDateTime, chrono::NaiveDateTime)> = n::table
        .filter(n::lease_until.le(to_timestamp(now)))
        .order(n::node)
        .limit(100)
        .select((n::node, n::lease_until, n::update_time))
        .load(connection)?;
    for (node, until, renewed) in dead {
        // Written first: one that is renewed meanwhile lives, and of two who look one removes.
        let row = n::table.filter(n::node.eq(node)).filter(n::lease_until.eq(until));
        if diesel::update(row).set(n::update_time.eq(to_timestamp(now))).execute(connection)? > 0 {
            remove_node(connection, node, from_timestamp(renewed))?;
        }
    }
    Ok(())
}
