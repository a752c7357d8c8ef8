//! SQL of `kefu_group`, `kefu_group_member`, `kefu_agent`, `kefu_node` and `kefu_agent_socket`.

pub(crate) mod duty;

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::count_star;
use diesel::prelude::*;

use super::duty::Duty;
use super::{Group, MOST_AGENTS, MOST_GROUPS, Membership, OffDuty, Policy};
use crate::account::ENABLED;
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::db::schema::{kefu_admin, kefu_agent, kefu_conversation, kefu_group, kefu_group_member, kefu_task};
use crate::db::{AnyConnection, inserted};
use crate::error::Result;
use crate::id::{GroupId, TenantId, UserId};

#[derive(Queryable, Selectable)]
#[diesel(table_name = kefu_group)]
struct GroupRow {
    id: i64,
    name: String,
    policy: String,
    capacity: i32,
    strict: bool,
    priority: i32,
    fallback_group_id: Option<i64>,
    off_duty: String,
    max_waiting: i32,
    create_time: NaiveDateTime,
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Self {
        Self {
            id: GroupId::new(row.id),
            name: row.name,
            policy: Policy::from_name(&row.policy).unwrap_or(Policy::LeastLoad),
            capacity: row.capacity,
            strict: row.strict,
            priority: row.priority,
            fallback: row.fallback_group_id.map(GroupId::new),
            off_duty: OffDuty::from_name(&row.off_duty).unwrap_or(OffDuty::Leave),
            max_waiting: row.max_waiting,
            created_at: from_timestamp(row.create_time),
        }
    }
}

/// The groups of a tenant, by number.
pub(super) fn groups(connection: &mut AnyConnection, tenant: TenantId) -> Result<Vec<Group>> {
    let rows: Vec<GroupRow> = kefu_group::table
        .filter(kefu_group::tenant_id.eq(tenant.get()))
        .order(kefu_group::id)
        .limit(2 * MOST_GROUPS)
        .select(GroupRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Group::from).collect())
}

/// How many agents each group has that has any, those aside whose accounts are disabled. The cost grows with the tenant's memberships.
pub(super) fn members_of_each(connection: &mut AnyConnection, tenant: TenantId) -> Result<HashMap<GroupId, i64>> {
    let counted: Vec<(i64, i64)> = kefu_group_member::table
        .filter(kefu_group_member::tenant_id.eq(tenant.get()))
        .filter(
            kefu_group_member::admin_id.eq_any(
                kefu_admin::table
                    .filter(kefu_admin::tenant_id.eq(tenant.get()))
                    .filter(kefu_admin::status.eq(ENABLED))
                    .select(kefu_admin::id),
            ),
        )
        .group_by(kefu_group_member::group_id)
        .select((kefu_group_member::group_id, count_star()))
        .load(connection)?;
    Ok(counted.into_iter().map(|(group, count)| (GroupId::new(group), count)).collect())
}

/// Adds a group; `false` when its name is taken.
pub(super) fn insert(
    connection: &mut AnyConnection,
    tenant: TenantId,
    group: &Group,
    by: &str,
    now: Millis,
) -> Result<bool> {
    let outcome = diesel::insert_into(kefu_group::table)
        .values((
            kefu_group::id.eq(group.id.get()),
            kefu_group::name.eq(&group.name),
            kefu_group::policy.eq(group.policy.as_str()),
            kefu_group::capacity.eq(group.capacity),
            kefu_group::strict.eq(group.strict),
            kefu_group::priority.eq(group.priority),
            kefu_group::fallback_group_id.eq(group.fallback.map(GroupId::get)),
            kefu_group::off_duty.eq(group.off_duty.as_str()),
            kefu_group::max_waiting.eq(group.max_waiting),
            kefu_group::creator.eq(by),
            kefu_group::updater.eq(by),
            kefu_group::create_time.eq(to_timestamp(now)),
            kefu_group::update_time.eq(to_timestamp(now)),
            kefu_group::tenant_id.eq(tenant.get()),
        ))
        .execute(connection);
    inserted(outcome)
}

/// Stores a group as it is now; `false` when its name is taken.
pub(super) fn update(connection: &mut AnyConnection, group: &Group, by: &str, now: Millis) -> Result<bool> {
    let outcome = diesel::update(kefu_group::table.find(group.id.get()))
        .set((
            kefu_group::name.eq(&group.name),
            kefu_group::policy.eq(group.policy.as_str()),
            kefu_group::capacity.eq(group.capacity),
            kefu_group::strict.eq(group.strict),
            kefu_group::priority.eq(group.priority),
            kefu_group::fallback_group_id.eq(group.fallback.map(GroupId::get)),
            kefu_group::off_duty.eq(group.off_duty.as_str()),
            kefu_group::max_waiting.eq(group.max_waiting),
            kefu_group::updater.eq(by),
            kefu_group::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection);
    inserted(outcome)
}

/// How many open rounds of service are in a group. The cost grows with the open rounds of the tenant.
pub(super) fn open_in(connection: &mut AnyConnection, tenant: TenantId, group: GroupId) -> Result<i64> {
    let open = kefu_task::table
        .filter(kefu_task::tenant_id.eq(tenant.get()))
        // Those of rounds that have ended are negative.
        .filter(kefu_task::state.ge(0))
        .filter(kefu_task::group_id.eq(group.get()));
    Ok(open.count().get_result(connection)?)
}

/// The conversations that were in a group last are in none any more. The cost grows with the conversations of the tenant: an index by
/// group would be written with every round, for what happens once in the life of a group.
pub(super) fn forget_group(connection: &mut AnyConnection, tenant: TenantId, group: GroupId) -> Result<()> {
    let of_group = kefu_conversation::table
        .filter(kefu_conversation::tenant_id.eq(tenant.get()))
        .filter(kefu_conversation::group_id.eq(group.get()));
    diesel::update(of_group).set(kefu_conversation::group_id.eq(None::<i64>)).execute(connection)?;
    Ok(())
}

/// Removes a group, and the disabled accounts from it.
pub(super) fn delete(connection: &mut AnyConnection, group: GroupId) -> Result<()> {
    let members = kefu_group_member::table.filter(kefu_group_member::group_id.eq(group.get()));
    diesel::delete(members).execute(connection)?;
    diesel::delete(kefu_group::table.find(group.get())).execute(connection)?;
    Ok(())
}

/// The groups of each agent of a tenant, by the groups' numbers. The cost grows with the tenant's memberships.
pub(super) fn memberships(
    connection: &mut AnyConnection,
    tenant: TenantId,
) -> Result<HashMap<UserId, Vec<Membership>>> {
    type Row = (i64, i64, i32, bool, bool);
    let rows: Vec<Row> = kefu_group_member::table
        .filter(kefu_group_member::tenant_id.eq(tenant.get()))
        .order((kefu_group_member::admin_id, kefu_group_member::group_id))
        .limit(MOST_AGENTS * MOST_GROUPS)
        .select((
            kefu_group_member::admin_id,
            kefu_group_member::group_id,
            kefu_group_member::level,
            kefu_group_member::is_lead,
            kefu_group_member::excluded,
        ))
        .load(connection)?;
    let mut found: HashMap<UserId, Vec<Membership>> = HashMap::new();
    for (admin, group, level, lead, excluded) in rows {
        let membership = Membership { group: GroupId::new(group), level, lead, excluded };
        found.entry(UserId::new(admin)).or_default().push(membership);
    }
    Ok(found)
}

/// The groups of an admin, also those of which nothing goes to the admin: along the index of the memberships' admin.
pub(super) fn groups_of(connection: &mut AnyConnection, admin: UserId) -> Result<Vec<GroupId>> {
    let groups: Vec<i64> = kefu_group_member::table
        .filter(kefu_group_member::admin_id.eq(admin.get()))
        .order(kefu_group_member::group_id)
        .limit(MOST_GROUPS)
        .select(kefu_group_member::group_id)
        .load(connection)?;
    Ok(groups.into_iter().map(GroupId::new).collect())
}

/// What is set for each agent of a tenant for whom something is.
pub(super) fn capacities(connection: &mut AnyConnection, tenant: TenantId) -> Result<HashMap<UserId, i32>> {
    let rows: Vec<(i64, Option<i32>)> = kefu_agent::table
        .filter(kefu_agent::tenant_id.eq(tenant.get()))
        .filter(kefu_agent::capacity.is_not_null())
        .select((kefu_agent::id, kefu_agent::capacity))
        .load(connection)?;
    Ok(rows.into_iter().filter_map(|(admin, capacity)| Some((UserId::new(admin), capacity?))).collect())
}

/// What is set for one agent.
pub(super) fn capacity(connection: &mut AnyConnection, agent: UserId) -> Result<Option<i32>> {
    let found = kefu_agent::table.find(agent.get()).select(kefu_agent::capacity).first(connection).optional()?;
    Ok(found.flatten())
}

/// What one agent has said about duty, and what is set for the agent.
pub(super) fn said(connection: &mut AnyConnection, agent: UserId) -> Result<(Option<Duty>, Option<i32>)> {
    let columns = (kefu_agent::duty, kefu_agent::capacity);
    let found: Option<(Option<i32>, Option<i32>)> =
        kefu_agent::table.find(agent.get()).select(columns).first(connection).optional()?;
    let (duty, capacity) = found.unwrap_or_default();
    Ok((duty.and_then(Duty::from_code), capacity))
}

/// Sets how many members an agent serves at once.
pub(super) fn set_capacity(
    connection: &mut AnyConnection,
    tenant: TenantId,
    agent: UserId,
    capacity: Option<i32>,
    by: &str,
    now: Millis,
) -> Result<()> {
    duty::lock(connection, &[(tenant, agent)], now)?;
    diesel::update(kefu_agent::table.find(agent.get()))
        .set((
            kefu_agent::capacity.eq(capacity),
            kefu_agent::updater.eq(by),
            kefu_agent::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Takes an admin out of every group.
pub(crate) fn leave_all(connection: &mut AnyConnection, agent: UserId) -> Result<()> {
    let rows = kefu_group_member::table.filter(kefu_group_member::admin_id.eq(agent.get()));
    diesel::delete(rows).execute(connection)?;
    Ok(())
}

/// Puts an admin into a group.
pub(super) fn join(
    connection: &mut AnyConnection,
    tenant: TenantId,
    agent: UserId,
    membership: Membership,
    by: &str,
    now: Millis,
) -> Result<()> {
    diesel::insert_into(kefu_group_member::table)
        .values((
            kefu_group_member::group_id.eq(membership.group.get()),
            kefu_group_member::admin_id.eq(agent.get()),
            kefu_group_member::level.eq(membership.level),
            kefu_group_member::is_lead.eq(membership.lead),
            kefu_group_member::excluded.eq(membership.excluded),
            kefu_group_member::creator.eq(by),
            kefu_group_member::create_time.eq(to_timestamp(now)),
            kefu_group_member::update_time.eq(to_timestamp(now)),
            kefu_group_member::tenant_id.eq(tenant.get()),
        ))
        .execute(connection)?;
    Ok(())
}
