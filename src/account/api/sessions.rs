//! HTTP: the end of a member's sessions.

use actix_web::web;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::member::check_known;
use crate::access::ManageMembers;
use crate::agent::sights::Sights;
use crate::auth::Auth;
use crate::auth::block::unknown_member;
use crate::auth::extract::Admin;
use crate::error::Result;
use crate::http::address::CallerAddress;
use crate::http::describe::failures;
use crate::http::{Answer, Query, Then, routes};
use crate::id::{UserId, UserKey, UserType};

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => end_sessions);
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct SessionsQuery {
    /// The member.
    #[param(example = 247)]
    user_id: UserId,
}

/// End all sessions of a member
///
/// The member's logins and the integrator's tokens that were issued until now are refused, and open sockets are closed with 4002; within
/// about a second at other nodes. Tokens that are issued in a later second are good.
#[utoipa::path(
    delete,
    path = "/admin-api/promotion/kefu-member/sessions",
    operation_id = "end_member_sessions",
    tag = "member",
    extensions(("x-errors" = json!(failures(&[unknown_member()]))))
)]
async fn end_sessions(
    Then(admin, Query(SessionsQuery { user_id: user })): Then<Admin<ManageMembers>, Query<SessionsQuery>>,
    auth: web::Data<Auth>,
    sights: web::Data<Sights>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    check_known(&sights, &admin.0, user).await?;
    let key = UserKey { tenant: admin.0.key.tenant, user_type: UserType::Member, user };
    auth.end_sessions(key, Some(admin.actor(address))).await?;
    Ok(Answer(true))
}
