//! HTTP: binding a member to an agent.

use actix_web::web;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::member::check_known;
use crate::access::ManageMembers;
use crate::account::{locked_member, set_exclusive_agent};
use crate::agent::sights::Sights;
use crate::agent::{check_agent, no_agent};
use crate::audit::{self, Actor, Change};
use crate::auth::block::unknown_member;
use crate::auth::extract::Admin;
use crate::clock::{Clock, Millis};
use crate::db::{AnyConnection, Db};
use crate::error::Result;
use crate::http::address::CallerAddress;
use crate::http::describe::failures;
use crate::http::{Answer, Json, Then, routes};
use crate::id::{UserId, UserKey, UserType};
use crate::visitor::Visitors;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => exclusive_agent);
}

/// Whom, and to which agent.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExclusiveAgent)]
struct ExclusiveAgentRequest {
    /// The member.
    user_id: UserId,
    /// The agent who serves the member from now on, `null` for whoever is free.
    // Required: a client that leaves it out does not mean to unbind.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, value_type = Option<i64>, example = 2)]
    admin_id: Option<UserId>,
}

/// Bind a member to an agent, or to none any more
///
/// The member's next round of service goes to that agent when on duty and not full, and waits otherwise. One that is open stays where
/// it is.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-member/exclusive-agent",
    operation_id = "set_exclusive_agent",
    tag = "member",
    extensions(("x-errors" = json!(failures(&[unknown_member(), no_agent()]))))
)]
async fn exclusive_agent(
    Then(admin, Json(ExclusiveAgentRequest { user_id: user, admin_id: agent })): Then<
        Admin<ManageMembers>,
        Json<ExclusiveAgentRequest>,
    >,
    db: web::Data<Db>,
    clock: web::Data<Clock>,
    visitors: web::Data<Visitors>,
    sights: web::Data<Sights>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    check_known(&sights, &admin.0, user).await?;
    let key = UserKey { tenant: admin.0.key.tenant, user_type: UserType::Member, user };
    let (actor, now) = (admin.actor(address), clock.now());
    if db.write(move |connection| bind(connection, key, agent, &actor, now)).await? {
        visitors.member_changed(key).await;
    }
    Ok(Answer(true))
}

/// Binds the member; returns whether that is news.
fn bind(
    connection: &mut AnyConnection,
    key: UserKey,
    agent: Option<UserId>,
    actor: &Actor,
    now: Millis,
) -> Result<bool> {
    let member = locked_member(connection, key)?.ok_or_else(unknown_member)?;
    if member.exclusive_agent == agent {
        return Ok(false);
    }
    if let Some(agent) = agent {
        check_agent(connection, key.tenant, agent)?;
    }
    set_exclusive_agent(connection, key, agent, &actor.column(), now)?;
    let change = Change::of("member", key.user, "exclusive-agent")
        .from(json!({"exclusiveAgentId": member.exclusive_agent}))
        .to(json!({"exclusiveAgentId": agent}));
    audit::record(connection, actor, key.tenant, change, now)?;
    Ok(true)
}
