//! SQL of who may see a conversation.

use std::collections::{HashMap, HashSet};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};

use super::{Head, HeadRow, by_id, by_member};
use crate::access::{Assignment, Sight};
use crate::conversation::Target;
use crate::db::AnyConnection;
use crate::db::schema::kefu_conversation as t;
use crate::error::Result;
use crate::fact::{self, Fact};
use crate::id::{ConversationId, GroupId, TenantId, UserId};
use crate::push::{Event, Hub};

/// Members whose conversations one statement reads.
const MEMBERS_AT_ONCE: usize = 500;

/// What [`Sight::includes`] says, as a condition on `kefu_conversation`; `None` for the sight of everything.
pub(crate) fn seen_by(sight: &Sight) -> Option<String> {
    let Sight::Limited { admin, own_only, groups } = sight else { return None };
    // Numbers alone.
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    let of_group = match groups.as_slice() {
        [] => "kefu_conversation.group_id IS NULL".to_owned(),
        groups => {
            format!("(kefu_conversation.group_id IS NULL OR kefu_conversation.group_id IN ({}))", groups.join(", "))
        }
    };
    let of_nobody = if *own_only { "kefu_conversation.agent_id IS NULL AND " } else { "" };
    Some(format!("(kefu_conversation.agent_id = {admin} OR ({of_nobody}{of_group}))"))
}

/// The head of the conversation that a target means, if it is the tenant's and among what this sight includes.
pub(crate) fn seen(
    connection: &mut AnyConnection,
    tenant: TenantId,
    target: Target,
    sight: &Sight,
) -> Result<Option<Head>> {
    let mut row = match target {
        Target::OfMember(member) => by_member(tenant, member),
        Target::Id(id) => by_id(tenant, id),
    };
    if let Some(condition) = seen_by(sight) {
        row = row.filter(sql::<Nullable<Bool>>(&condition));
    }
    Ok(row.select(HeadRow::as_select()).first(connection).optional()?.map(Head::from))
}

/// Those of these conversations that a sight includes: a read of a row for each.
pub(crate) fn all_seen(
    connection: &mut AnyConnection,
    tenant: TenantId,
    ids: &[ConversationId],
    sight: &Sight,
) -> Result<Vec<ConversationId>> {
    let assignments = assignments(connection, tenant, ids)?;
    let is_seen = |id: &ConversationId| assignments.get(id).is_some_and(|assignment| sight.includes(*assignment));
    Ok(ids.iter().copied().filter(is_seen).collect())
}

/// Those of these members whose conversation a sight does not include: a read of a row for each. Who has none is known to all.
pub(crate) fn hidden_members(
    connection: &mut AnyConnection,
    tenant: TenantId,
    members: &[UserId],
    sight: &Sight,
) -> Result<HashSet<UserId>> {
    if *sight == Sight::All || members.is_empty() {
        return Ok(HashSet::new());
    }
    let mut hidden = HashSet::new();
    for part in members.chunks(MEMBERS_AT_ONCE) {
        let part: Vec<i64> = part.iter().map(|member| member.get()).collect();
        let rows: Vec<(i64, Option<i64>, Option<i64>)> = t::table
            .filter(t::tenant_id.eq(tenant.get()))
            .filter(t::user_id.eq_any(&part))
            .select((t::user_id, t::agent_id, t::group_id))
            .load(connection)?;
        for (member, agent, group) in rows {
            let assignment = Assignment { agent: agent.map(UserId::new), group: group.map(GroupId::new) };
            if !sight.includes(assignment) {
                hidden.insert(UserId::new(member));
            }
        }
    }
    Ok(hidden)
}

/// Whose these conversations are: a read of a row for each.
pub(crate) fn assignments(
    connection: &mut AnyConnection,
    tenant: TenantId,
    ids: &[ConversationId],
) -> Result<HashMap<ConversationId, Assignment>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let rows: Vec<(i64, Option<i64>, Option<i64>)> = t::table
        .filter(t::id.eq_any(&ids))
        .filter(t::tenant_id.eq(tenant.get()))
        .select((t::id, t::agent_id, t::group_id))
        .load(connection)?;
    let assignment = |(id, agent, group): (i64, Option<i64>, Option<i64>)| {
        let assignment = Assignment { agent: agent.map(UserId::new), group: group.map(GroupId::new) };
        (ConversationId::new(id), assignment)
    };
    Ok(rows.into_iter().map(assignment).collect())
}

/// The events of facts, in their order. In a tenant that does not show every conversation to every admin each is for those who may see
/// its conversation as it is now: one statement for each such tenant.
pub(crate) fn events<'a>(
    connection: &mut AnyConnection,
    hub: &Hub,
    facts: impl Iterator<Item = &'a Fact> + Clone,
) -> Result<Vec<Event>> {
    let mut limited: HashMap<TenantId, Vec<ConversationId>> = HashMap::new();
    for fact in facts.clone().filter(|fact| hub.is_limited(fact.tenant())) {
        limited.entry(fact.tenant()).or_default().extend(fact.conversation());
    }
    let mut found = HashMap::new();
    for (tenant, mut ids) in limited {
        ids.sort_unstable();
        ids.dedup();
        found.extend(assignments(connection, tenant, &ids)?);
    }
    let event = |fact: &Fact| {
        let mut event = fact::event(fact)?;
        if let Some(assignment) = fact.conversation().and_then(|id| found.get(&id)) {
            event.audience = event.audience.within(*assignment, None);
        }
        Ok(event)
    };
    facts.map(event).collect()
}
