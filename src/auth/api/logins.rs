//! HTTP: the list of logins, and the end of one.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use crate::access::{ManageLogins, OwnOr};
use crate::auth::extract::Admin;
use crate::auth::store::OpenLogin;
use crate::auth::{Auth, login};
use crate::clock::Millis;
use crate::credential::Credential;
use crate::error::{Error, Result};
use crate::http::address::CallerAddress;
use crate::http::describe::failures;
use crate::http::{Answer, Data, Query, Then, routes};
use crate::id::{LoginId, UserId, UserKey, UserType};

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => list, delete);
}

impl Data for LoginView {}

/// A login that has not ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LoginView {
    id: LoginId,
    /// What the browser or the app called itself; empty when it said nothing.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0")]
    device: String,
    /// The address from which it began or was refreshed last; empty when it is not known.
    #[schema(example = "203.0.113.7")]
    address: String,
    /// When it began, epoch milliseconds.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
    /// When it began or was refreshed last, epoch milliseconds, to the minute.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    last_used_time: Millis,
    /// Whether it is the one that asks.
    #[schema(example = true)]
    current: bool,
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Whose logins; by default the caller's own.
    user_id: Option<UserId>,
    /// Which side the user is on; by default an admin.
    #[validate(range(min = 1, max = 2))]
    #[param(value_type = Option<UserType>, inline)]
    user_type: Option<i32>,
}

/// List logins
///
/// Those that have not ended, the newest first, at most 200. Those of others need the permission `system:login:manage`.
#[utoipa::path(get, path = "/admin-api/system/login/list", operation_id = "list_logins", tag = "auth")]
async fn list(
    Then(admin, Query(query)): Then<Admin<OwnOr<ManageLogins>>, Query<ListQuery>>,
    auth: web::Data<Auth>,
) -> Result<Answer<Vec<LoginView>>> {
    let caller = &admin.0;
    let user_type = query.user_type.and_then(UserType::from_code).unwrap_or(UserType::Admin);
    let key = match query.user_id {
        Some(user) => UserKey { tenant: caller.key.tenant, user_type, user },
        None => caller.key,
    };
    if key != caller.key && !admin.may_for_others() {
        return Err(Error::Forbidden);
    }
    let logins = auth.logins(key).await?;
    let view = |login: OpenLogin| LoginView {
        id: login.id,
        device: login.device,
        address: login.address,
        create_time: login.began,
        last_used_time: login.last_used,
        current: caller.credential == Credential::Login(login.id),
    };
    Ok(Answer(logins.into_iter().map(view).collect()))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeleteQuery {
    /// The login.
    id: LoginId,
}

/// End a login
///
/// Its tokens are refused from now on and its sockets closed with 4002, within about a second at other nodes. Those of others
/// need the permission `system:login:manage`.
#[utoipa::path(
    delete,
    path = "/admin-api/system/login/delete",
    operation_id = "delete_login",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[Error::Invalid(login::unknown())]))))
)]
async fn delete(
    Then(admin, Query(DeleteQuery { id })): Then<Admin<OwnOr<ManageLogins>>, Query<DeleteQuery>>,
    auth: web::Data<Auth>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    auth.end_login(admin.0.key, admin.may_for_others(), id, admin.actor(address)).await?;
    Ok(Answer(true))
}
