//! HTTP: groups, and what is set for agents.

use std::collections::HashMap;

use actix_web::web;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::duty::Duty;
use super::{Agent, Group, GroupChanges, Membership, NAME_LIMIT, OffDuty, Policy, roster};
use crate::access::{ManageAgents, ManageGroups, OwnOr, Permission, Permissions, QueryTasks};
use crate::account;
use crate::auth::Auth;
use crate::auth::extract::Admin;
use crate::clock::{Clock, Millis};
use crate::db::Db;
use crate::error::{Error, Problem, Result};
use crate::fact::{self, Fact};
use crate::http::address::CallerAddress;
use crate::http::{Answer, Data, Json, Query, Then, routes};
use crate::id::{GroupId, UserId};
use crate::push::Hub;
use crate::task::Routing;
use crate::task::clerk::Clerk;
use crate::task::rounds::loads;
use crate::tenant::Tenants;
use crate::text::Name;

/// The own duty, or with the right to manage agents another's.
type DutyOf = OwnOr<ManageAgents>;

/// Registers the routes. They need [`Db`] and [`Auth`] as application data.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => list_groups, get_group, create_group, update_group, delete_group, list_agents, update_agent, set_duty);
}

impl Data for GroupView {}

impl Data for AgentView {}

/// Reads a field that may be `null`, which says something else than a field that is not there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> std::result::Result<Option<Option<T>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// A group of agents.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
#[serde(rename_all = "camelCase")]
struct GroupView {
    id: GroupId,
    #[schema(example = "售后")]
    name: String,
    /// To whom the next member goes: `leastLoad`, `longestIdle` or `level`.
    #[schema(example = "leastLoad")]
    policy: &'static str,
    /// Members whom an agent serves at once, when nothing is set for the agent.
    #[schema(example = 5)]
    capacity: i32,
    /// Whether its members go to no other group.
    #[schema(example = false)]
    strict: bool,
    /// Which group's members go first, the highest before.
    #[schema(example = 0)]
    priority: i32,
    /// Always `null`: there are no calendars yet.
    calendar_id: Option<i64>,
    /// The group that stands in.
    fallback_group_id: Option<GroupId>,
    /// What becomes of members while no agent is on duty: `leave`, `queue` or `fallback`.
    #[schema(example = "leave")]
    off_duty: &'static str,
    /// Members who may wait at once; 0 for any number.
    #[schema(example = 0)]
    max_waiting: i32,
    /// How many agents it has.
    #[schema(minimum = 0, example = 3)]
    members: i64,
    /// When it was made, in milliseconds since the epoch.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
}

impl GroupView {
    fn new(group: Group, members: i64) -> Self {
        Self {
            id: group.id,
            name: group.name,
            policy: group.policy.as_str(),
            capacity: group.capacity,
            strict: group.strict,
            priority: group.priority,
            calendar_id: None,
            fallback_group_id: group.fallback,
            off_duty: group.off_duty.as_str(),
            max_waiting: group.max_waiting,
            members,
            create_time: group.created_at,
        }
    }
}

/// List groups
///
/// All of the tenant, the oldest first; at most 200.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-group/list", operation_id = "list_groups", tag = "group")]
async fn list_groups(admin: Admin<QueryTasks>, db: web::Data<Db>) -> Result<Answer<Vec<GroupView>>> {
    let tenant = admin.0.key.tenant;
    let found = db.run(move |connection| super::groups(connection, tenant)).await?;
    Ok(Answer(found.into_iter().map(|(group, members)| GroupView::new(group, members)).collect()))
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct GroupQuery {
    /// The group.
    id: GroupId,
}

/// Get a group
///
/// `null` when there is none.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-group/get", operation_id = "get_group", tag = "group")]
async fn get_group(
    Then(admin, Query(GroupQuery { id })): Then<Admin<QueryTasks>, Query<GroupQuery>>,
    db: web::Data<Db>,
) -> Result<Answer<Option<GroupView>>> {
    let tenant = admin.0.key.tenant;
    let found = db.run(move |connection| super::groups(connection, tenant)).await?;
    let one = found.into_iter().find(|(group, _)| group.id == id);
    Ok(Answer(one.map(|(group, members)| GroupView::new(group, members))))
}

/// Writes the body of a call, whose own fields stand before what can be set of a group.
macro_rules! group_body {
    ($(#[$doc:meta])* $body:ident { $($(#[$attribute:meta])* $own:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, Validate, ToSchema)]
        #[serde(rename_all = "camelCase")]
        struct $body {
            $($(#[$attribute])* $own: $type,)*
            /// `leastLoad`, the default, `longestIdle` or `level`.
            #[schema(nullable = false, example = "leastLoad")]
            policy: Option<String>,
            /// Members whom an agent serves at once, when nothing is set for the agent; 5 by default.
            #[validate(range(min = 0, max = 1000))]
            #[schema(nullable = false, minimum = 0, maximum = 1000)]
            capacity: Option<i32>,
            /// Whether its members go to no other group; false by default.
            #[schema(nullable = false)]
            strict: Option<bool>,
            /// Which group's members go first, the highest before; 0 by default.
            #[validate(range(min = -100, max = 100))]
            #[schema(nullable = false, minimum = -100, maximum = 100)]
            priority: Option<i32>,
            /// `null`: there are no calendars yet.
            #[serde(default, deserialize_with = "given")]
            #[schema(value_type = Option<i64>)]
            calendar_id: Option<Option<i64>>,
            /// The group that stands in, `null` for none.
            #[serde(default, deserialize_with = "given")]
            #[schema(value_type = Option<i64>)]
            fallback_group_id: Option<Option<GroupId>>,
            /// `leave`, the default, `queue` or `fallback`.
            #[schema(nullable = false, example = "leave")]
            off_duty: Option<String>,
            /// Members who may wait at once; 0, the default, for any number.
            #[validate(range(min = 0, max = 100_000))]
            #[schema(nullable = false, minimum = 0, maximum = 100_000)]
            max_waiting: Option<i32>,
        }

        impl $body {
            /// What the body sets; the name is the caller's, checked.
            fn changes(self, name: Option<String>) -> Result<GroupChanges> {
                if self.calendar_id.flatten().is_some() {
                    return Err(Error::Invalid(Problem::new("日历不存在", "calendarId: the calendar does not exist")));
                }
                let policy = |text: String| Policy::from_name(&text).ok_or_else(|| one_of("分配方式", "policy", Policy::NAMES));
                let off_duty =
                    |text: String| OffDuty::from_name(&text).ok_or_else(|| one_of("无人值班时", "offDuty", OffDuty::NAMES));
                Ok(GroupChanges {
                    name,
                    policy: self.policy.map(policy).transpose()?,
                    capacity: self.capacity,
                    strict: self.strict,
                    priority: self.priority,
                    fallback: self.fallback_group_id,
                    off_duty: self.off_duty.map(off_duty).transpose()?,
                    max_waiting: self.max_waiting,
                })
            }
        }
    };
}

fn one_of(in_chinese: &str, field: &'static str, names: &[&str]) -> Error {
    let all = names.join(", ");
    let (zh, en) = (format!("{in_chinese}须为以下之一：{all}"), format!("{field} must be one of {all}"));
    Error::Invalid(Problem { zh: zh.into(), en: en.into() })
}

fn visible(name: &str) -> Result<String> {
    let problem = || Problem::new("分组名称须为 1 至 64 个可见字符", "name must have 1-64 visible characters");
    Name::exact(name.trim(), NAME_LIMIT).map(String::from).ok_or_else(|| Error::Invalid(problem()))
}

group_body! {
    /// A group to be made.
    CreateGroup {
        /// What it is called, unique within the tenant.
        #[validate(length(min = 1, max = 64))]
        #[schema(min_length = 1, max_length = 64, example = "售后")]
        name: String,
    }
}

/// Make a group
///
/// Answers its id. A tenant has at most 200.
#[utoipa::path(post, path = "/admin-api/promotion/kefu-group/create", operation_id = "create_group", tag = "group")]
async fn create_group(
    Then(admin, Json(body)): Then<Admin<ManageGroups>, Json<CreateGroup>>,
    db: web::Data<Db>,
    auth: web::Data<Auth>,
    address: CallerAddress,
) -> Result<Answer<GroupId>> {
    let (tenant, actor, now) = (admin.0.key.tenant, admin.actor(address), auth.clock().now());
    let (name, changes) = (visible(&body.name)?, body.changes(None)?);
    let make = db.write(move |connection| super::create(connection, &actor, tenant, &name, &changes, now));
    Ok(Answer(make.await?))
}

group_body! {
    /// What is to be changed of a group; what is left out stays.
    UpdateGroup {
        /// The group.
        id: GroupId,
        /// What it is called, unique within the tenant.
        #[validate(length(min = 1, max = 64))]
        #[schema(nullable = false, min_length = 1, max_length = 64, example = "售后")]
        name: Option<String>,
    }
}

/// Change a group
#[utoipa::path(put, path = "/admin-api/promotion/kefu-group/update", operation_id = "update_group", tag = "group")]
async fn update_group(
    Then(admin, Json(body)): Then<Admin<ManageGroups>, Json<UpdateGroup>>,
    db: web::Data<Db>,
    auth: web::Data<Auth>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    let (tenant, actor, now) = (admin.0.key.tenant, admin.actor(address), auth.clock().now());
    let (id, name) = (body.id, body.name.as_deref().map(visible).transpose()?);
    let changes = body.changes(name)?;
    db.write(move |connection| super::update(connection, &actor, tenant, id, &changes, now)).await?;
    Ok(Answer(true))
}

/// Delete a group
///
/// One that has no agents, no open round of service, and stands in for no other.
#[utoipa::path(delete, path = "/admin-api/promotion/kefu-group/delete", operation_id = "delete_group", tag = "group")]
async fn delete_group(
    Then(admin, Query(GroupQuery { id })): Then<Admin<ManageGroups>, Query<GroupQuery>>,
    db: web::Data<Db>,
    auth: web::Data<Auth>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    let (tenant, actor, now) = (admin.0.key.tenant, admin.actor(address), auth.clock().now());
    db.write(move |connection| super::delete(connection, &actor, tenant, id, now)).await?;
    Ok(Answer(true))
}

/// An admin who serves members.
#[derive(Serialize, ToSchema)]
#[schema(as = Agent)]
#[serde(rename_all = "camelCase")]
struct AgentView {
    admin_id: UserId,
    #[schema(example = "xiaohong")]
    username: String,
    #[schema(example = "小红")]
    nickname: String,
    /// Empty when there is none.
    #[schema(example = "")]
    avatar: String,
    /// Members to serve at once; `null` for what the group or the tenant says.
    #[schema(example = 5)]
    capacity: Option<i32>,
    groups: Vec<MembershipView>,
    /// There when the tenant has rounds of service and the account may take them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    now: Option<DutyNow>,
}

/// Whether an agent is there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DutyNow {
    /// What the agent has said: 0 off, 1 on, 2 paused; `null` for nothing.
    duty: Option<i32>,
    /// Whether there is a socket.
    online: bool,
    /// Whether the agent counts as on duty.
    on_duty: bool,
    /// Rounds of service that the agent has.
    #[schema(minimum = 0, example = 2)]
    load: i64,
    /// Members to serve at once, where the group says nothing else.
    #[schema(minimum = 0, example = 5)]
    capacity: i32,
}

/// An agent's place in a group.
#[derive(Serialize, ToSchema)]
#[schema(as = Membership)]
struct MembershipView {
    id: GroupId,
    #[schema(example = "售后")]
    name: String,
    /// Skill, 0–9.
    #[schema(example = 0)]
    level: i32,
    /// Whether the agent leads the group.
    #[schema(example = false)]
    lead: bool,
    /// Whether nothing of the group goes to the agent.
    #[schema(example = false)]
    excluded: bool,
}

/// List agents
///
/// The enabled accounts of the tenant by id, at most 1,000, with what is set for them.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-agent/list", operation_id = "list_agents", tag = "group")]
async fn list_agents(
    admin: Admin<QueryTasks>,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    clock: web::Data<Clock>,
) -> Result<Answer<Vec<AgentView>>> {
    let (tenant, moment) = (admin.0.key.tenant, clock.now());
    let routing = Routing::of(&*tenants.settings(tenant).await?);
    let read = db.run(move |connection| {
        let presences = routing.map(|_| roster::presences(connection, tenant, moment)).transpose()?;
        let agents = super::agents(connection, tenant)?;
        let ids: Vec<UserId> = agents.iter().map(|agent| agent.admin.key.user).collect();
        let loads = if routing.is_some() { loads(connection, &ids)? } else { HashMap::new() };
        Ok((agents, super::groups(connection, tenant)?, presences.unwrap_or_default(), loads))
    });
    let (agents, groups, presences, loads) = read.await?;
    let takes = Permissions::only(Permission::TakeTasks);
    let now = |admin: &account::Admin, capacity: Option<i32>| {
        let routing = routing.filter(|_| admin.permissions().contain(takes))?;
        let presence = presences.get(&admin.key.user).copied().unwrap_or_default();
        Some(DutyNow {
            duty: presence.duty.map(Duty::code),
            online: presence.online,
            on_duty: presence.is_on_duty(routing.duty, moment),
            load: loads.get(&admin.key.user).copied().unwrap_or_default(),
            capacity: capacity.unwrap_or(routing.capacity),
        })
    };
    let membership = |Membership { group, level, lead, excluded }: Membership| {
        let name = groups.iter().find(|(one, _)| one.id == group).map(|(one, _)| one.name.clone());
        MembershipView { id: group, name: name.unwrap_or_default(), level, lead, excluded }
    };
    let view = |Agent { admin, capacity, groups }: Agent| AgentView {
        now: now(&admin, capacity),
        admin_id: admin.key.user,
        username: admin.username,
        nickname: admin.nickname,
        avatar: admin.avatar,
        capacity,
        groups: groups.into_iter().map(membership).collect(),
    };
    Ok(Answer(agents.into_iter().map(view).collect()))
}

/// What is set for an agent; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateAgent {
    /// The account.
    admin_id: UserId,
    /// Members to serve at once; `null` for what the group or the tenant says.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i32>, minimum = 0, maximum = 1000, example = 5)]
    capacity: Option<Option<i32>>,
    /// All groups of the agent.
    #[validate(nested)]
    #[schema(nullable = false)]
    groups: Option<Vec<Place>>,
}

/// A group that an agent is to be in.
#[derive(Deserialize, Validate, ToSchema)]
struct Place {
    /// The group.
    id: GroupId,
    /// Skill; 0 by default.
    #[validate(range(min = 0, max = 9))]
    #[schema(nullable = false, minimum = 0, maximum = 9)]
    level: Option<i32>,
    /// Whether the agent leads the group; false by default.
    #[schema(nullable = false)]
    lead: Option<bool>,
    /// Whether nothing of the group goes to the agent; false by default.
    #[schema(nullable = false)]
    excluded: Option<bool>,
}

/// Set the capacity and the groups of an agent
#[utoipa::path(put, path = "/admin-api/promotion/kefu-agent/update", operation_id = "update_agent", tag = "group")]
async fn update_agent(
    Then(admin, Json(UpdateAgent { admin_id, capacity, groups })): Then<Admin<ManageAgents>, Json<UpdateAgent>>,
    db: web::Data<Db>,
    clerk: web::Data<Clerk>,
    auth: web::Data<Auth>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    if capacity.flatten().is_some_and(|capacity| !(0..=1000).contains(&capacity)) {
        return Err(Error::Invalid(Problem::new("接待上限须为 0 至 1000", "capacity must be 0-1000")));
    }
    let (tenant, actor, now) = (admin.0.key.tenant, admin.actor(address), auth.clock().now());
    let place = |Place { id, level, lead, excluded }: Place| Membership {
        group: id,
        level: level.unwrap_or_default(),
        lead: lead.unwrap_or_default(),
        excluded: excluded.unwrap_or_default(),
    };
    let groups: Option<Vec<Membership>> = groups.map(|groups| groups.into_iter().map(place).collect());
    let set = move |connection: &mut crate::db::AnyConnection| {
        super::set_agent(connection, &actor, tenant, admin_id, capacity, groups.as_deref(), now)
    };
    db.write(set).await?;
    // What fails here the next look does.
    drop(clerk.show_what_is_seen().await);
    Ok(Answer(true))
}

/// What an agent says about duty.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DutyRequest {
    /// 0 off, 1 on, 2 paused.
    #[validate(range(min = 0, max = 2))]
    #[schema(minimum = 0, maximum = 2, example = 1)]
    duty: i32,
    /// Another agent than the caller.
    #[schema(nullable = false, value_type = Option<i64>)]
    admin_id: Option<UserId>,
}

/// Go on duty or off
///
/// From then on the agent's word counts and not whether there is a socket. That of another agent needs `promotion:kefu-agent:manage`,
/// and is kept as an administrative change.
#[utoipa::path(put, path = "/admin-api/promotion/kefu-agent/duty", operation_id = "set_duty", tag = "group")]
async fn set_duty(
    Then(admin, Json(DutyRequest { duty, admin_id })): Then<Admin<DutyOf>, Json<DutyRequest>>,
    db: web::Data<Db>,
    auth: web::Data<Auth>,
    hub: web::Data<Hub>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    let (key, now) = (admin.0.key, auth.clock().now());
    let (tenant, agent) = (key.tenant, admin_id.unwrap_or(key.user));
    let is_own = agent == key.user;
    if is_own && !admin.0.may(Permission::TakeTasks) || !is_own && !admin.may_for_others() {
        return Err(Error::Forbidden);
    }
    let duty = Duty::from_code(duty).ok_or_else(|| Error::WrongType("duty".into()))?;
    let actor = admin.actor(address);
    let set = move |connection: &mut crate::db::AnyConnection| {
        if !super::set_duty(connection, &actor, tenant, agent, duty, is_own, now)? {
            return Ok(None);
        }
        let load = loads(connection, &[agent])?.get(&agent).copied().unwrap_or_default();
        Ok(Some(Fact::AgentChanged { tenant, agent, duty: Some(duty.code()), load }))
    };
    if let Some(changed) = db.write(set).await? {
        hub.publish(&[fact::event(&changed)?]);
    }
    Ok(Answer(true))
}
