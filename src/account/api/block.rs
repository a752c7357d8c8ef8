//! HTTP: blocking a member.

use actix_web::web;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::member::check_known;
use crate::access::ManageMembers;
use crate::account::REASON_LIMIT;
use crate::agent::sights::Sights;
use crate::auth::Auth;
use crate::auth::block::unknown_member;
use crate::auth::extract::Admin;
use crate::error::Result;
use crate::http::address::CallerAddress;
use crate::http::describe::failures;
use crate::http::{Answer, Json, Then, routes};
use crate::id::{UserId, UserKey, UserType};
use crate::text::Name;
use crate::visitor::Visitors;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => block);
}

/// Whom, and whether from now on.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MemberBlock)]
struct BlockRequest {
    /// The member.
    user_id: UserId,
    /// Whether the member is blocked from now on.
    #[schema(example = true)]
    blocked: bool,
    /// Why, for the admins; a longer one is cut to 255 characters.
    #[schema(nullable = false, example = "广告")]
    reason: Option<String>,
}

/// Block a member, or no longer
///
/// A blocked member reads on: sends and uploads are refused with 1013022000, open sockets are closed with 4003, and a
/// handshake is answered HTTP 403. Takes effect at once, at other nodes within about a second.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-member/block",
    operation_id = "block_member",
    tag = "member",
    extensions(("x-errors" = json!(failures(&[unknown_member()]))))
)]
async fn block(
    Then(admin, Json(body)): Then<Admin<ManageMembers>, Json<BlockRequest>>,
    auth: web::Data<Auth>,
    visitors: web::Data<Visitors>,
    sights: web::Data<Sights>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    let BlockRequest { user_id: user, blocked, reason } = body;
    check_known(&sights, &admin.0, user).await?;
    let key = UserKey { tenant: admin.0.key.tenant, user_type: UserType::Member, user };
    let reason = reason.and_then(|reason| Name::cut(&reason, REASON_LIMIT)).map(String::from);
    if auth.set_blocked(key, blocked, reason, admin.actor(address)).await? {
        visitors.member_changed(key).await;
    }
    Ok(Answer(true))
}
