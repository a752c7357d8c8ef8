//! Who is online, and at which node.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use crate::access::{QueryConversations, Sight};
use crate::agent::sights::Sights;
use crate::auth::extract::Admin;
use crate::conversation;
use crate::db::AnyConnection;
use crate::error::Result;
use crate::http::{Answer, Data, Query, Then, routes};
use crate::id::{UserId, UserType};
use crate::push::Hub;

/// Users that are listed when no limit is given.
const DEFAULT_LIMIT: usize = 1000;

/// Registers the route.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => list);
}

impl Data for OnlineUser {}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only the users of this side.
    #[validate(range(min = 1, max = 2))]
    #[param(value_type = Option<UserType>, inline)]
    user_type: Option<i32>,
    /// Most users to return; default 1000.
    #[validate(range(min = 1, max = 10000))]
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

/// A user with at least one open socket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OnlineUser {
    /// Which side the user is on.
    #[schema(value_type = UserType, example = 1)]
    user_type: i32,
    user_id: UserId,
    /// The nodes where the sockets are; a node takes a new name at each start.
    #[schema(example = json!(["9f3c51e07ab2d468"]))]
    nodes: Vec<String>,
}

/// List who is online
///
/// The tenant's users with an open socket at any node, members first, by id. Members whose conversation the caller does not see are
/// left out. What other nodes report is a few seconds
/// old; a node that has died is forgotten after some seconds.
#[utoipa::path(
    get,
    path = "/admin-api/promotion/kefu-presence/list",
    operation_id = "list_online_users",
    tag = "admin conversation"
)]
async fn list(
    Then(admin, Query(ListQuery { user_type, limit })): Then<Admin<QueryConversations>, Query<ListQuery>>,
    hub: web::Data<Hub>,
    sights: web::Data<Sights>,
) -> Result<Answer<Vec<OnlineUser>>> {
    let tenant = admin.0.key.tenant;
    let mut online = hub.online(tenant);
    let sight = sights.of(admin.0.key, admin.0.permissions).await?;
    if sight != Sight::All && user_type != Some(UserType::Admin.code()) {
        let members: Vec<UserId> =
            online.keys().filter(|(side, _)| *side == UserType::Member).map(|(_, user)| *user).collect();
        let hidden =
            move |connection: &mut AnyConnection| conversation::hidden_members(connection, tenant, &members, &sight);
        let hidden = sights.db().run(hidden).await?;
        online.retain(|(side, user), _| *side != UserType::Member || !hidden.contains(user));
    }
    let users: Vec<_> = online
        .into_iter()
        .map(|((user_type, user_id), nodes)| OnlineUser {
            user_type: user_type.code(),
            user_id,
            nodes: nodes.into_iter().map(|node| format!("{node:016x}")).collect(),
        })
        .filter(|user| user_type.is_none_or(|wanted| wanted == user.user_type))
        .take(limit.unwrap_or(DEFAULT_LIMIT))
        .collect();
    Ok(Answer(users))
}
