//! What admins call.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::{command, routing, serve};
use crate::access::{
    AssignTasks, CloseAnyTasks, CloseTasks, Either, Permission, Permissions, QueryTasks, SuperviseTasks, TakeTasks,
    TransferTasks,
};
use crate::agent::duty::Duty;
use crate::agent::sights::Sights;
use crate::agent::{self, roster};
use crate::auth::Principal;
use crate::auth::extract::Admin;
use crate::clock::{Clock, Millis};
use crate::conversation::{self, Target};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::fact::TaskView;
use crate::http::describe::failures;
use crate::http::{Answer, Data, Json, Query, Then, routes};
use crate::id::{ConversationId, GroupId, TaskId, TenantId, UserId};
use crate::limit::RateLimits;
use crate::task::serve::{Act, By, Serve};
use crate::task::store::{self, TaskFilter};
use crate::task::{Place, Routing, State, view};
use crate::tenant::Tenants;
use crate::writer::Writer;

/// Rounds of a conversation that are listed when no number is given.
const HISTORY: i64 = 200;
/// Longest reason, in characters.
const REASON_LIMIT: u64 = 255;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => list, get, history, overview, take, accept, refuse, transfer, assign, close);
}

/// The own rounds, or any.
type CloseOrCloseAny = Either<CloseTasks, CloseAnyTasks>;

impl Data for Overview {}

/// The admin with what goes beyond the own rounds.
fn by(principal: &Principal, any: Permission) -> By {
    By { admin: principal.key.user, overload: principal.may(Permission::OverloadAgents), any: principal.may(any) }
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only rounds in these states, numbers with commas between them; all without it.
    #[validate(length(max = 64))]
    #[param(max_length = 64, pattern = r"^-?\d(,-?\d)*$", example = "3,4")]
    state: Option<String>,
    /// Only this agent's.
    agent_id: Option<UserId>,
    /// Only this group's.
    group_id: Option<GroupId>,
    /// Most rounds to return, 1–200; 50 by default. Fewer are the end.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Continue after the round that carries this cursor.
    #[param(max_length = 64, pattern = r"^\d{1,16}\.\d{1,16}$")]
    cursor: Option<String>,
}

/// The place that a cursor names.
fn place(cursor: Option<String>) -> Result<Option<Place>> {
    let not_valid = || Error::Invalid(Problem::new("翻页位置不合法", "cursor is not valid"));
    cursor.map(|text| Place::parse(&text).ok_or_else(not_valid)).transpose()
}

/// List rounds of service
///
/// By when they began to wait, the oldest first.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-task/list", operation_id = "list_tasks", tag = "task")]
async fn list(
    Then(admin, Query(query)): Then<Admin<QueryTasks>, Query<ListQuery>>,
    db: web::Data<Db>,
    sights: web::Data<Sights>,
) -> Result<Answer<Vec<TaskView>>> {
    let ListQuery { state, agent_id: agent, group_id: group, limit, cursor } = query;
    let read = |text: &str| text.trim().parse().ok().and_then(State::from_code);
    let states = state.map(|text| text.split(',').map(read).collect::<Option<Vec<State>>>());
    let unknown = || Error::Invalid(Problem::new("状态不合法", "state is not valid"));
    let states = states.map(|states| states.ok_or_else(unknown)).transpose()?.unwrap_or_default();
    let after = place(cursor)?;
    let sight = sights.of(admin.0.key, admin.0.permissions).await?;
    let (tenant, filter) = (admin.0.key.tenant, TaskFilter { states, agent, group, sight });
    let found = db.run(move |connection| {
        let tasks = store::list(connection, tenant, &filter, after, limit.unwrap_or(50))?;
        view::views(connection, tenant, &tasks)
    });
    Ok(Answer(found.await?))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct IdQuery {
    /// The round.
    id: TaskId,
}

/// Get a round of service
#[utoipa::path(
    get,
    path = "/admin-api/promotion/kefu-task/get",
    operation_id = "get_task",
    tag = "task",
    extensions(("x-errors" = json!(failures(&[Error::TaskNotFound]))))
)]
async fn get(
    Then(admin, Query(IdQuery { id })): Then<Admin<QueryTasks>, Query<IdQuery>>,
    db: web::Data<Db>,
    sights: web::Data<Sights>,
) -> Result<Answer<TaskView>> {
    let tenant = admin.0.key.tenant;
    let sight = sights.of(admin.0.key, admin.0.permissions).await?;
    let found = db.run(move |connection| match store::seen(connection, tenant, id, &sight)? {
        Some(task) => Ok(view::views(connection, tenant, &[task])?.pop()),
        None => Ok(None),
    });
    Ok(Answer(found.await?.ok_or(Error::TaskNotFound)?))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// The conversation.
    conversation_id: ConversationId,
    /// Most rounds to return, 1–200; 200 by default. Fewer are the end.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Continue after the round that carries this cursor.
    #[param(max_length = 64, pattern = r"^\d{1,16}\.\d{1,16}$")]
    cursor: Option<String>,
}

/// List the rounds of service of a conversation
///
/// The newest first.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-task/history", operation_id = "list_task_history", tag = "task")]
async fn history(
    Then(admin, Query(query)): Then<Admin<QueryTasks>, Query<HistoryQuery>>,
    db: web::Data<Db>,
    sights: web::Data<Sights>,
) -> Result<Answer<Vec<TaskView>>> {
    let HistoryQuery { conversation_id, limit, cursor } = query;
    let (tenant, before) = (admin.0.key.tenant, place(cursor)?);
    let sight = sights.of(admin.0.key, admin.0.permissions).await?;
    let found = db.run(move |connection| {
        if conversation::seen(connection, tenant, Target::Id(conversation_id), &sight)?.is_none() {
            return Ok(Vec::new());
        }
        let tasks = store::history(connection, tenant, conversation_id, before, limit.unwrap_or(HISTORY))?;
        view::views(connection, tenant, &tasks)
    });
    Ok(Answer(found.await?))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TakeRequest {
    /// The conversation.
    conversation_id: ConversationId,
}

/// Take a conversation
///
/// Its round of service is the caller's from here on; one is opened when there is none. The own one is answered as it is. What
/// another agent has needs `promotion:kefu-task:take-any`, and more than the capacity `promotion:kefu-task:overload`.
#[utoipa::path(
    post,
    path = "/admin-api/promotion/kefu-task/take",
    operation_id = "take_task",
    tag = "task",
    extensions(("x-errors" = json!(failures(&[
        Error::ConversationNotFound, Error::TaskChanged, Error::TaskTaken, Error::AgentFull,
        Error::TooManyRequests { retry_after_s: 1 },
    ]))))
)]
async fn take(
    Then(admin, Json(TakeRequest { conversation_id })): Then<Admin<TakeTasks>, Json<TakeRequest>>,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    sights: web::Data<Sights>,
    limits: web::Data<RateLimits>,
    writer: web::Data<Writer>,
) -> Result<Answer<TaskView>> {
    let tenant = admin.0.key.tenant;
    limits.calls.check(&admin.0.key)?;
    let routing = routing(&tenants, tenant).await?;
    let act = Act::Take(by(&admin.0, Permission::TakeAnyTasks));
    let conversation = Target::Id(conversation_id);
    conversation::check_seen(&sights, &admin.0, conversation).await?;
    let taken = Serve { tenant, conversation, task: None, version: None, routing, act };
    Ok(Answer(serve(&db, &writer, taken).await?))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
struct TaskRequest {
    /// The round.
    id: TaskId,
    /// The version that the caller has seen; another one is refused.
    #[schema(nullable = false, minimum = 0, example = 1)]
    version: Option<i32>,
}

/// Accept a round of service that was offered
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-task/accept",
    operation_id = "accept_task",
    tag = "task",
    extensions(("x-errors" = json!(failures(&[Error::TaskNotFound, Error::TaskChanged, Error::TaskTaken]))))
)]
async fn accept(
    Then(admin, Json(TaskRequest { id, version })): Then<Admin<TakeTasks>, Json<TaskRequest>>,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
) -> Result<Answer<TaskView>> {
    let tenant = admin.0.key.tenant;
    let act = Act::Accept(by(&admin.0, Permission::TakeAnyTasks));
    let accepted = command(&db, &sights, &admin.0, routing(&tenants, tenant).await?, (id, version), act).await?;
    Ok(Answer(serve(&db, &writer, accepted).await?))
}

/// Refuse a round of service that was offered
///
/// It waits again, at its place.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-task/refuse",
    operation_id = "refuse_task",
    tag = "task",
    extensions(("x-errors" = json!(failures(&[Error::TaskNotFound, Error::TaskChanged, Error::TaskTaken]))))
)]
async fn refuse(
    Then(admin, Json(TaskRequest { id, version })): Then<Admin<TakeTasks>, Json<TaskRequest>>,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
) -> Result<Answer<TaskView>> {
    let tenant = admin.0.key.tenant;
    let act = Act::Refuse(by(&admin.0, Permission::TakeAnyTasks));
    let refused = command(&db, &sights, &admin.0, routing(&tenants, tenant).await?, (id, version), act).await?;
    Ok(Answer(serve(&db, &writer, refused).await?))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TransferRequest {
    /// The round.
    id: TaskId,
    /// The agent who gets it; either this or `groupId`.
    #[schema(nullable = false, value_type = Option<i64>, example = 2)]
    agent_id: Option<UserId>,
    /// The group that gets it.
    #[schema(nullable = false, value_type = Option<i64>)]
    group_id: Option<GroupId>,
    /// Why, for whoever gets it.
    #[validate(length(min = 1, max = "REASON_LIMIT"))]
    #[schema(min_length = 1, max_length = 255, example = "售后问题")]
    reason: String,
    /// The version that the caller has seen; another one is refused.
    #[schema(nullable = false, minimum = 0, example = 1)]
    version: Option<i32>,
}

/// Transfer a round of service
///
/// To an agent, who begins to serve or has to accept (`routing.autoAccept`), or to a group, where it waits at its place. What another
/// agent has needs `promotion:kefu-task:assign`.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-task/transfer",
    operation_id = "transfer_task",
    tag = "task",
    request_body(content = TransferRequest, example = json!({"id": 1, "agentId": 2, "reason": "售后问题"})),
    extensions(("x-errors" = json!(failures(&[Error::TaskNotFound, Error::TaskChanged, Error::AgentFull]))))
)]
async fn transfer(
    Then(admin, Json(request)): Then<Admin<TransferTasks>, Json<TransferRequest>>,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
) -> Result<Answer<TaskView>> {
    let TransferRequest { id, agent_id, group_id, reason, version } = request;
    let tenant = admin.0.key.tenant;
    let routing: Routing = routing(&tenants, tenant).await?;
    let by = by(&admin.0, Permission::AssignTasks);
    if reason.trim().is_empty() {
        return Err(Error::Invalid(Problem::new("转接原因不能为空", "reason must not be blank")));
    }
    let act = match (agent_id, group_id) {
        (Some(agent), None) => Act::TransferToAgent(by, agent, reason),
        (None, Some(group)) => Act::TransferToGroup(by, group, reason),
        _ => {
            let problem = Problem::new("须指定客服或分组之一", "either agentId or groupId must be given");
            return Err(Error::Invalid(problem));
        }
    };
    let transferred = command(&db, &sights, &admin.0, routing, (id, version), act).await?;
    let check = move |connection: &mut AnyConnection| match (agent_id, group_id) {
        (Some(agent), _) => agent::check_agent(connection, tenant, agent),
        (_, Some(group)) => agent::check_group(connection, tenant, group),
        _ => Ok(()),
    };
    db.run(check).await?;
    Ok(Answer(serve(&db, &writer, transferred).await?))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AssignRequest {
    /// The round.
    id: TaskId,
    /// The agent who gets it.
    #[schema(example = 2)]
    agent_id: UserId,
    /// The version that the caller has seen; another one is refused.
    #[schema(nullable = false, minimum = 0, example = 1)]
    version: Option<i32>,
}

/// Give a round of service to an agent
///
/// Whoever has it, or while it waits.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-task/assign",
    operation_id = "assign_task",
    tag = "task",
    extensions(("x-errors" = json!(failures(&[Error::TaskNotFound, Error::TaskChanged, Error::AgentFull]))))
)]
async fn assign(
    Then(admin, Json(AssignRequest { id, agent_id, version })): Then<Admin<AssignTasks>, Json<AssignRequest>>,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
) -> Result<Answer<TaskView>> {
    let tenant = admin.0.key.tenant;
    let act = Act::Assign(by(&admin.0, Permission::AssignTasks), agent_id);
    let assigned = command(&db, &sights, &admin.0, routing(&tenants, tenant).await?, (id, version), act).await?;
    db.run(move |connection| agent::check_agent(connection, tenant, agent_id)).await?;
    Ok(Answer(serve(&db, &writer, assigned).await?))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
struct CloseRequest {
    /// The round.
    id: TaskId,
    /// Why.
    #[validate(length(max = "REASON_LIMIT"))]
    #[schema(nullable = false, max_length = 255, example = "已解决")]
    reason: Option<String>,
    /// The version that the caller has seen; another one is refused.
    #[schema(nullable = false, minimum = 0, example = 1)]
    version: Option<i32>,
}

/// Close a round of service
///
/// The own one, whose state is -1 then. Any other needs `promotion:kefu-task:close-any`, with which alone it may be called as well, and
/// gets -4.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-task/close",
    operation_id = "close_task",
    tag = "task",
    request_body(content = CloseRequest, example = json!({"id": 1, "reason": "已解决"})),
    extensions(("x-errors" = json!(failures(&[Error::TaskNotFound, Error::TaskChanged]))))
)]
async fn close(
    Then(admin, Json(CloseRequest { id, reason, version })): Then<Admin<CloseOrCloseAny>, Json<CloseRequest>>,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
) -> Result<Answer<TaskView>> {
    let tenant = admin.0.key.tenant;
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    let act = Act::Close(by(&admin.0, Permission::CloseAnyTasks), reason);
    let closed = command(&db, &sights, &admin.0, routing(&tenants, tenant).await?, (id, version), act).await?;
    Ok(Answer(serve(&db, &writer, closed).await?))
}

/// What goes on at the desk.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Overview {
    /// Rounds that wait; 10,000 means that or more, as of the next numbers.
    #[schema(minimum = 0)]
    waiting: i64,
    /// How long the first of them has waited, in milliseconds; 0 when none waits.
    #[schema(minimum = 0)]
    oldest_wait_ms: i64,
    /// Rounds that wait while nobody is on duty.
    #[schema(minimum = 0)]
    missed: i64,
    /// Rounds that an agent has.
    #[schema(minimum = 0)]
    open: i64,
    agents: Vec<AgentNow>,
    groups: Vec<GroupNow>,
}

/// What an agent does.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AgentNow {
    admin_id: UserId,
    #[schema(example = "小艾")]
    nickname: String,
    /// What the agent has said: 0 off, 1 on, 2 paused; `null` for nothing.
    duty: Option<i32>,
    /// Whether there is a socket.
    online: bool,
    /// Whether the agent counts as on duty.
    on_duty: bool,
    /// Rounds that the agent has.
    #[schema(minimum = 0)]
    load: i64,
    /// Members to serve at once: what is set for the agent, or else for the tenant. For rounds of a group the group's number counts
    /// instead of the tenant's.
    #[schema(minimum = 0)]
    capacity: i32,
}

/// What waits for a group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct GroupNow {
    id: GroupId,
    #[schema(example = "售后")]
    name: String,
    /// Rounds that wait.
    #[schema(minimum = 0)]
    waiting: i64,
    /// Rounds that wait while nobody is on duty.
    #[schema(minimum = 0)]
    missed: i64,
}

/// What goes on at the desk
///
/// How many wait, who is on duty and what each agent has.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-task/overview", operation_id = "task_overview", tag = "task")]
async fn overview(
    admin: Admin<SuperviseTasks>,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    clock: web::Data<Clock>,
) -> Result<Answer<Overview>> {
    let (tenant, now) = (admin.0.key.tenant, clock.now());
    let settings = tenants.settings(tenant).await?;
    let routing = Routing::from(&settings.routing);
    let read = db.run(move |connection| {
        let count = |connection: &mut AnyConnection, state| store::count(connection, tenant, state);
        let (waiting, missed) = (count(connection, State::Waiting)?, count(connection, State::Missed)?);
        let open = count(connection, State::Offered)? + count(connection, State::Serving)?;
        let oldest = store::oldest(connection, tenant, State::Waiting)?;
        let waiting_in = store::count_by_group(connection, tenant, State::Waiting)?;
        let missed_in = store::count_by_group(connection, tenant, State::Missed)?;
        let groups = agent::groups(connection, tenant)?.into_iter().map(|(group, _)| GroupNow {
            id: group.id,
            waiting: waiting_in.get(&group.id).copied().unwrap_or_default(),
            missed: missed_in.get(&group.id).copied().unwrap_or_default(),
            name: group.name,
        });
        let groups = groups.collect();
        let agents = agents_now(connection, tenant, routing, now)?;
        let oldest_wait_ms = oldest.map_or(0, |since| (now - since).max(0));
        Ok(Overview { waiting, oldest_wait_ms, missed, open, agents, groups })
    });
    Ok(Answer(read.await?))
}

fn agents_now(
    connection: &mut AnyConnection,
    tenant: TenantId,
    routing: Routing,
    now: Millis,
) -> Result<Vec<AgentNow>> {
    let presences = roster::presences(connection, tenant, now)?;
    let agents = agent::agents(connection, tenant)?;
    let ids: Vec<UserId> = agents.iter().map(|agent| agent.admin.key.user).collect();
    let loads = store::loads(connection, &ids)?;
    let takes = Permissions::only(Permission::TakeTasks);
    let shown = agents.into_iter().filter(|agent| agent.admin.permissions().contain(takes)).map(|agent| {
        let id = agent.admin.key.user;
        let presence = presences.get(&id).copied().unwrap_or_default();
        AgentNow {
            admin_id: id,
            nickname: agent.admin.nickname,
            duty: presence.duty.map(Duty::code),
            online: presence.online,
            on_duty: presence.is_on_duty(routing.duty, now),
            load: loads.get(&id).copied().unwrap_or_default(),
            capacity: agent.capacity.unwrap_or(routing.capacity),
        }
    });
    Ok(shown.collect())
}
