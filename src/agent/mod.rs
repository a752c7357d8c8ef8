//! Agents, who serve members, and the groups that they work in.
//!
//! Who is on duty is in [`duty`] and [`roster`], and who sees which conversations in [`sights`].
//!
//! Every change of a group or of what is set for an agent takes the lock of the row `group` in `kefu_id_block` first: a group is not deleted while somebody joins it, and
//! two changes at once make no circle of groups that stand in for each other.

pub(crate) mod api;
pub(crate) mod duty;
pub(crate) mod presence;
pub(crate) mod roster;
pub(crate) mod sights;
mod store;

use std::collections::HashMap;

use serde_json::{Value, json};

use duty::Duty;

use crate::access::{Permission, Permissions};
use crate::account::user::UserFilter;
use crate::account::{Admin, users};
use crate::audit::{self, Actor, Change};
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::db::id_block::{IdKind, reserve};
use crate::error::{Error, Problem, Result};
use crate::id::{GroupId, TenantId, UserId};

pub(crate) use store::{
    duty::{end_duty, lock},
    leave_all,
};

/// Longest name of a group, in characters.
pub(crate) const NAME_LIMIT: usize = 64;
/// Groups that a tenant may have.
pub(crate) const MOST_GROUPS: i64 = 200;
/// Agents that are listed at most.
const MOST_AGENTS: i64 = 1000;

/// To whom of a group the next member goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Who has the least to do for what they can bear.
    LeastLoad,
    /// Whose last assignment is the longest ago.
    LongestIdle,
    /// Who has the highest level, and of these the least to do.
    Level,
}

/// What becomes of a member who writes while nobody of the group is on duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OffDuty {
    /// The member is told, and the message is kept for later.
    Leave,
    /// The member waits.
    Queue,
    /// Another group takes over.
    Fallback,
}

/// Gives an enum its names in the table and on the wire.
macro_rules! named {
    ($type:ident { $($variant:ident = $name:literal),* }) => {
        impl $type {
            /// The names, in the order of the variants.
            pub(crate) const NAMES: &[&str] = &[$($name),*];

            /// The name in the table and on the wire.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The one of that name.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

named!(Policy { LeastLoad = "leastLoad", LongestIdle = "longestIdle", Level = "level" });
named!(OffDuty { Leave = "leave", Queue = "queue", Fallback = "fallback" });

/// A group of agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// Its number.
    pub id: GroupId,
    /// What it is called, unique within the tenant.
    pub name: String,
    /// To whom the next member goes.
    pub policy: Policy,
    /// Members whom an agent serves at once, when nothing is set for the agent.
    pub capacity: i32,
    /// Whether its members go to no other group.
    pub strict: bool,
    /// Which group's members go first, the highest before.
    pub priority: i32,
    /// The group that stands in.
    pub fallback: Option<GroupId>,
    /// What becomes of members while nobody is on duty.
    pub off_duty: OffDuty,
    /// Members who may wait at once; 0 for any number.
    pub max_waiting: i32,
    /// When it was made, in milliseconds.
    pub created_at: Millis,
}

/// What is to be set of a group; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupChanges {
    pub name: Option<String>,
    pub policy: Option<Policy>,
    pub capacity: Option<i32>,
    pub strict: Option<bool>,
    pub priority: Option<i32>,
    /// `Some(None)` for none.
    pub fallback: Option<Option<GroupId>>,
    pub off_duty: Option<OffDuty>,
    pub max_waiting: Option<i32>,
}

/// An agent's place in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The group.
    pub group: GroupId,
    /// Skill, 0–9.
    pub level: i32,
    /// Whether the agent leads the group.
    pub lead: bool,
    /// Whether nothing of the group goes to the agent.
    pub excluded: bool,
}

/// An agent.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    /// The account.
    pub admin: Admin,
    /// Members to serve at once; `None` for what the group or the tenant says.
    pub capacity: Option<i32>,
    /// The groups of the agent.
    pub groups: Vec<Membership>,
}

fn unknown_group() -> Error {
    Error::Invalid(Problem::new("分组不存在", "the group does not exist"))
}

fn name_taken() -> Error {
    Error::Invalid(Problem::new("分组名称已存在", "name is taken"))
}

/// The groups of a tenant, by number, each with how many agents it has.
///
/// # Errors
/// As the connection's.
pub(crate) fn groups(connection: &mut AnyConnection, tenant: TenantId) -> Result<Vec<(Group, i64)>> {
    let counts: HashMap<GroupId, i64> = store::members_of_each(connection, tenant)?;
    let groups = store::groups(connection, tenant)?;
    let counted = |group: Group| {
        let members = counts.get(&group.id).copied().unwrap_or_default();
        (group, members)
    };
    Ok(groups.into_iter().map(counted).collect())
}

/// Makes a group.
///
/// # Errors
/// [`Error::Invalid`] for a name that is taken, a group to stand in that is not there, and one group too many.
pub(crate) fn create(
    connection: &mut AnyConnection,
    actor: &Actor,
    tenant: TenantId,
    name: &str,
    changes: &GroupChanges,
    now: Millis,
) -> Result<GroupId> {
    let id = GroupId::new(reserve(connection, IdKind::Group, 1)?);
    let there = store::groups(connection, tenant)?;
    if i64::try_from(there.len()).unwrap_or(i64::MAX) >= MOST_GROUPS {
        return Err(Error::Invalid(Problem::new("分组最多 200 个", "there are 200 groups, the most")));
    }
    let new = Group {
        id,
        name: name.to_owned(),
        policy: Policy::LeastLoad,
        capacity: 5,
        strict: false,
        priority: 0,
        fallback: None,
        off_duty: OffDuty::Leave,
        max_waiting: 0,
        created_at: now,
    };
    let group = changed(new, changes);
    check_fallback(&there, &group)?;
    if !store::insert(connection, tenant, &group, &actor.column(), now)? {
        return Err(name_taken());
    }
    audit::record(connection, actor, tenant, Change::of("group", id, "create").to(shown(&group)), now)?;
    Ok(id)
}

/// Changes what is given of a group.
///
/// # Errors
/// As [`create`], and for a group that is not there.
pub(crate) fn update(
    connection: &mut AnyConnection,
    actor: &Actor,
    tenant: TenantId,
    id: GroupId,
    changes: &GroupChanges,
    now: Millis,
) -> Result<()> {
    reserve(connection, IdKind::Group, 0)?;
    let there = store::groups(connection, tenant)?;
    let before = there.iter().find(|group| group.id == id).cloned().ok_or_else(unknown_group)?;
    let after = changed(before.clone(), changes);
    check_fallback(&there, &after)?;
    let Some(change) = Change::of("group", id, "update").between(&shown(&before), &shown(&after)) else {
        return Ok(());
    };
    if !store::update(connection, &after, &actor.column(), now)? {
        return Err(name_taken());
    }
    audit::record(connection, actor, tenant, change, now)
}

/// Deletes a group that has no agents, no open round of service, and which stands in for none. Conversations that it had last are of no group
/// from then on, so that nobody loses sight of them.
///
/// # Errors
/// [`Error::Invalid`] with the number of its agents, or of its open rounds.
pub(crate) fn delete(
    connection: &mut AnyConnection,
    actor: &Actor,
    tenant: TenantId,
    id: GroupId,
    now: Millis,
) -> Result<()> {
    reserve(connection, IdKind::Group, 0)?;
    let there = store::groups(connection, tenant)?;
    let before = there.iter().find(|group| group.id == id).ok_or_else(unknown_group)?;
    let members = store::members_of_each(connection, tenant)?.get(&id).copied().unwrap_or_default();
    if members > 0 {
        return Err(Error::Invalid(Problem {
            zh: format!("该分组仍有 {members} 名客服").into(),
            en: format!("the group has {members} agents").into(),
        }));
    }
    let open = store::open_in(connection, tenant, id)?;
    if open > 0 {
        return Err(Error::Invalid(Problem {
            zh: format!("该分组仍有 {open} 个未结束的会话").into(),
            en: format!("the group has {open} open rounds of service").into(),
        }));
    }
    if let Some(other) = there.iter().find(|group| group.fallback == Some(id)) {
        return Err(Error::Invalid(Problem {
            zh: format!("该分组是“{}”的后备分组", other.name).into(),
            en: format!("the group stands in for {}", other.name).into(),
        }));
    }
    store::forget_group(connection, tenant, id)?;
    store::delete(connection, id)?;
    audit::record(connection, actor, tenant, Change::of("group", id, "delete").from(shown(before)), now)
}

fn changed(group: Group, changes: &GroupChanges) -> Group {
    let GroupChanges { name, policy, capacity, strict, priority, fallback, off_duty, max_waiting } = changes.clone();
    Group {
        id: group.id,
        name: name.unwrap_or(group.name),
        policy: policy.unwrap_or(group.policy),
        capacity: capacity.unwrap_or(group.capacity),
        strict: strict.unwrap_or(group.strict),
        priority: priority.unwrap_or(group.priority),
        fallback: fallback.unwrap_or(group.fallback),
        off_duty: off_duty.unwrap_or(group.off_duty),
        max_waiting: max_waiting.unwrap_or(group.max_waiting),
        created_at: group.created_at,
    }
}

/// Refuses a group to stand in that is not there, or for which this one stands in, over any number of others.
fn check_fallback(there: &[Group], group: &Group) -> Result<()> {
    let mut next = group.fallback;
    for _ in 0..=there.len() {
        let Some(id) = next else { return Ok(()) };
        if id == group.id {
            break;
        }
        next = there.iter().find(|other| other.id == id).ok_or_else(unknown_group)?.fallback;
    }
    Err(Error::Invalid(Problem::new("后备分组不能循环", "fallbackGroupId makes a circle")))
}

/// Refuses a group that is not the tenant's.
///
/// # Errors
/// [`Error::Invalid`].
pub(crate) fn check_group(connection: &mut AnyConnection, tenant: TenantId, group: GroupId) -> Result<()> {
    let there = store::groups(connection, tenant)?;
    if there.iter().any(|other| other.id == group) { Ok(()) } else { Err(unknown_group()) }
}

/// The refusal of an account that is no enabled agent's.
pub(crate) const fn no_agent() -> Error {
    Error::Invalid(Problem::new("客服不存在或已停用", "the agent does not exist or is disabled"))
}

/// Refuses an account that is no enabled agent's: of one who may take rounds.
///
/// # Errors
/// [`no_agent`].
pub(crate) fn check_agent(connection: &mut AnyConnection, tenant: TenantId, agent: UserId) -> Result<()> {
    let found = users::find(connection, tenant, agent)?.filter(|admin| admin.enabled);
    let may = found.is_some_and(|admin| admin.permissions().contain(Permissions::only(Permission::TakeTasks)));
    if may { Ok(()) } else { Err(no_agent()) }
}

/// The enabled people of a tenant, by number, with what is set for them.
///
/// # Errors
/// As the connection's.
pub(crate) fn agents(connection: &mut AnyConnection, tenant: TenantId) -> Result<Vec<Agent>> {
    let enabled = UserFilter { enabled: Some(true), ..UserFilter::default() };
    let (admins, _) = users::page(connection, tenant, &enabled, 0, MOST_AGENTS)?;
    let mut capacities = store::capacities(connection, tenant)?;
    let mut memberships = store::memberships(connection, tenant)?;
    let agent = |admin: Admin| Agent {
        capacity: capacities.remove(&admin.key.user),
        groups: memberships.remove(&admin.key.user).unwrap_or_default(),
        admin,
    };
    Ok(admins.into_iter().map(agent).collect())
}

/// What an agent has said about duty, and how many members are set for the agent to serve at once.
///
/// # Errors
/// As the connection's.
pub(crate) fn said(connection: &mut AnyConnection, agent: UserId) -> Result<(Option<Duty>, Option<i32>)> {
    store::said(connection, agent)
}

/// Sets how many members an agent serves at once, and the groups, as far as they are given.
///
/// # Errors
/// [`Error::Invalid`] for an account that is no enabled person's, a group that is not there, and one that is named twice.
pub(crate) fn set_agent(
    connection: &mut AnyConnection,
    actor: &Actor,
    tenant: TenantId,
    agent: UserId,
    capacity: Option<Option<i32>>,
    groups: Option<&[Membership]>,
    now: Millis,
) -> Result<()> {
    reserve(connection, IdKind::Group, 0)?;
    let admin = users::find(connection, tenant, agent)?.filter(|admin| admin.enabled);
    admin.ok_or_else(no_agent)?;
    let there = store::groups(connection, tenant)?;
    let old_capacity = store::capacity(connection, agent)?;
    let old_groups = store::memberships(connection, tenant)?.remove(&agent).unwrap_or_default();
    let mut wanted = groups.map_or_else(|| old_groups.clone(), <[Membership]>::to_vec);
    wanted.sort_by_key(|membership| membership.group);
    if wanted.iter().any(|membership| there.iter().all(|group| group.id != membership.group)) {
        return Err(unknown_group());
    }
    if wanted.windows(2).any(|pair| matches!(pair, [one, other] if one.group == other.group)) {
        return Err(Error::Invalid(Problem::new("分组重复", "groups: a group is named twice")));
    }
    let new_capacity = capacity.unwrap_or(old_capacity);
    let before = shown_agent(&there, old_capacity, &old_groups);
    let after = shown_agent(&there, new_capacity, &wanted);
    let Some(change) = Change::of("agent", agent, "update").between(&before, &after) else { return Ok(()) };
    store::set_capacity(connection, tenant, agent, new_capacity, &actor.column(), now)?;
    leave_all(connection, agent)?;
    for membership in &wanted {
        store::join(connection, tenant, agent, *membership, &actor.column(), now)?;
    }
    audit::record(connection, actor, tenant, change, now)
}

/// Notes what an agent, or a supervisor for the agent, says about duty; returns whether that is news.
///
/// # Errors
/// [`Error::Invalid`] for an account that is no enabled person's, or that may not take rounds and does not go off duty.
pub(crate) fn set_duty(
    connection: &mut AnyConnection,
    actor: &Actor,
    tenant: TenantId,
    agent: UserId,
    duty: Duty,
    is_own: bool,
    now: Millis,
) -> Result<bool> {
    // Who may not take rounds any more can be taken off duty.
    let may_be = |admin: &Admin| {
        admin.enabled && (duty == Duty::Off || admin.permissions().contain(Permissions::only(Permission::TakeTasks)))
    };
    users::find(connection, tenant, agent)?.filter(may_be).ok_or_else(no_agent)?;
    let before = store::duty::set_duty(connection, tenant, agent, duty, &actor.column(), now)?;
    if before == Some(duty) {
        return Ok(false);
    }
    if !is_own {
        let shown = |duty: Option<Duty>| json!({"duty": duty.map(Duty::code)});
        if let Some(change) = Change::of("agent", agent, "duty").between(&shown(before), &shown(Some(duty))) {
            audit::record(connection, actor, tenant, change, now)?;
        }
    }
    Ok(true)
}

/// What a row of the audit holds of a group.
fn shown(group: &Group) -> Value {
    json!({
        "name": group.name, "policy": group.policy.as_str(), "capacity": group.capacity, "strict": group.strict,
        "priority": group.priority, "fallbackGroupId": group.fallback, "offDuty": group.off_duty.as_str(),
        "maxWaiting": group.max_waiting,
    })
}

/// What a row of the audit holds of an agent.
fn shown_agent(there: &[Group], capacity: Option<i32>, groups: &[Membership]) -> Value {
    let named = |membership: &Membership| {
        let name = there.iter().find(|group| group.id == membership.group).map(|group| group.name.as_str());
        json!({
            "name": name, "level": membership.level, "lead": membership.lead, "excluded": membership.excluded,
        })
    };
    json!({"capacity": capacity, "groups": groups.iter().map(named).collect::<Vec<_>>()})
}
