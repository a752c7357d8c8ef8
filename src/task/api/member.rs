//! What a member's client calls.

use actix_web::{HttpRequest, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::routing;
use crate::agent::roster::Roster;
use crate::agent::{self, no_agent};
use crate::auth::extract::{Member, WritingMember};
use crate::clock::Clock;
use crate::conversation::{self, Target};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::fact::OwnTaskView;
use crate::http::describe::failures;
use crate::http::{Answer, Data, Json, Then, routes};
use crate::id::{GroupId, TaskId, TenantId, UserId};
use crate::limit::RateLimits;
use crate::task::serve::{Act, Serve, Wish};
use crate::task::{Routing, State, store, view};
use crate::tenant::Tenants;
use crate::visitor::Visitors;
use crate::writer::Writer;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => open, current, leave);
}

impl Data for Current {}

/// A member who asks to be served.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OpenTask {
    /// The group that is to serve.
    #[schema(nullable = false, value_type = Option<i64>)]
    group_id: Option<GroupId>,
    /// The agent who is to serve: at once when on duty and not full, otherwise the member waits, and anyone may take.
    #[schema(nullable = false, value_type = Option<i64>)]
    agent_id: Option<UserId>,
}

/// Ask to be served
///
/// Opens a round of service without a message, and the conversation where there is none; a round that is open is answered as it is.
#[utoipa::path(
    post,
    path = "/app-api/promotion/kefu-task/open",
    operation_id = "open_task",
    tag = "member message",
    request_body(content = OpenTask, example = json!({})),
    extensions(("x-errors" = json!(failures(&[
        Error::Blocked, Error::TaskChanged, no_agent(), Error::TooManyRequests { retry_after_s: 1 },
    ]))))
)]
async fn open(
    Then(member, Json(OpenTask { group_id: group, agent_id: agent })): Then<WritingMember, Json<OpenTask>>,
    request: HttpRequest,
    db: web::Data<Db>,
    visitors: web::Data<Visitors>,
    tenants: web::Data<Tenants>,
    limits: web::Data<RateLimits>,
    writer: web::Data<Writer>,
) -> Result<Answer<OwnTaskView>> {
    let (key, channel) = (member.0.key, member.0.channel);
    let routing = routing(&tenants, key.tenant).await?;
    limits.calls.check(&key)?;
    let check = move |connection: &mut AnyConnection| {
        agent.map(|agent| agent::check_agent(connection, key.tenant, agent)).transpose()?;
        group.map(|group| agent::check_group(connection, key.tenant, group)).transpose()
    };
    if agent.is_some() || group.is_some() {
        db.run(check).await?;
    }
    if member.0.is_visitor() {
        visitors.check_first_message(key, &request, &limits).await?;
    }
    let (conversation, act) = (Target::OfMember(key.user), Act::Open(Wish { channel, agent, group }));
    let opened = Serve { tenant: key.tenant, conversation, task: None, version: None, routing, act };
    let id = writer.run(opened).await?;
    shown(&db, key.tenant, id).await
}

/// A round as its member sees it.
async fn shown(db: &Db, tenant: TenantId, id: TaskId) -> Result<Answer<OwnTaskView>> {
    let read = move |connection: &mut AnyConnection| {
        let task = store::get(connection, tenant, id)?.ok_or(Error::TaskNotFound)?;
        view::own(connection, &task)
    };
    Ok(Answer(db.run(read).await?))
}

/// Where a member stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Current {
    /// The open round of service.
    task: Option<OwnTaskView>,
    /// The place among those who wait, from 1.
    place: Option<i64>,
    /// How many wait in all; 10,000 means that or more.
    #[schema(minimum = 0)]
    waiting: i64,
    /// Whether anyone is there who serves.
    on_duty: bool,
}

/// The member's open round of service
///
/// Where the tenant has no rounds there is none, and `onDuty` is true.
#[utoipa::path(
    get,
    path = "/app-api/promotion/kefu-task/current",
    operation_id = "current_task",
    tag = "member message"
)]
async fn current(
    member: Member,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    clock: web::Data<Clock>,
) -> Result<Answer<Current>> {
    let (key, now) = (member.0.key, clock.now());
    let Some(routing) = Routing::of(&*tenants.settings(key.tenant).await?) else {
        return Ok(Answer(Current { task: None, place: None, waiting: 0, on_duty: true }));
    };
    let read = move |connection: &mut AnyConnection| {
        let head = conversation::head(connection, key.tenant, Target::OfMember(key.user))?;
        let task = head.map(|head| store::in_conversation(connection, head.id)).transpose()?.flatten();
        let group = task.as_ref().and_then(|task| task.group);
        let task = task.map(|task| view::own(connection, &task)).transpose()?;
        let waiting = store::count(connection, key.tenant, State::Waiting)?;
        let roster = Roster::read(connection, key.tenant, routing.duty, now)?;
        let place = task.as_ref().and_then(|task| task.place);
        Ok(Current { task, place, waiting, on_duty: roster.serves(group) })
    };
    Ok(Answer(db.run(read).await?))
}

/// Leave
///
/// Ends the member's open round of service.
#[utoipa::path(
    post,
    path = "/app-api/promotion/kefu-task/leave",
    operation_id = "leave_task",
    tag = "member message",
    extensions((
        "x-errors" = json!(failures(&[Error::Blocked, Error::TaskChanged, Error::TooManyRequests { retry_after_s: 1 }]))
    ))
)]
async fn leave(
    member: WritingMember,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    limits: web::Data<RateLimits>,
    writer: web::Data<Writer>,
) -> Result<Answer<OwnTaskView>> {
    let key = member.0.key;
    limits.calls.check(&key)?;
    let routing = routing(&tenants, key.tenant).await?;
    let conversation = Target::OfMember(key.user);
    let left = Serve { tenant: key.tenant, conversation, task: None, version: None, routing, act: Act::Leave };
    let outcome = writer.run(left).await;
    let id = outcome.map_err(|error| if error == Error::ConversationNotFound { Error::TaskChanged } else { error })?;
    shown(&db, key.tenant, id).await
}
