//! HTTP: logins. The paths and answers that the stock clients use (docs/contract.md#auth).

mod logins;

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::extract::{self, Admin, Member, Optional};
use super::origin::Origin;
use super::{Auth, Principal, Tokens};
use crate::access::SettingUp;
use crate::account::second_factor::CODE_LIMIT;
use crate::error::{Error, Result};
use crate::http::address::ClientAddress;
use crate::http::describe::failures;
use crate::http::{Answer, Data, Json, Query, routes};
use crate::id::{TenantId, UserType};
use crate::tenant::DEFAULT_TENANT;

/// Registers the routes; they need [`Auth`] and [`ClientAddress`] in the application's data.
pub(crate) fn routes(config: &mut ServiceConfig) {
    routes!(config => login_admin, logout_admin, refresh_admin, logout_member, refresh_member);
    config.configure(logins::routes);
}

impl Data for Tokens {}

/// What an admin logs in with. Further fields, such as the console's `tenantName`, are ignored.
#[derive(Deserialize, Validate, ToSchema)]
struct Login {
    /// The user name.
    #[validate(length(min = 1, max = 64))]
    #[schema(example = "admin", min_length = 1, max_length = 64)]
    username: String,
    /// The password.
    #[validate(length(min = 1, max = 128))]
    #[schema(example = "correct horse battery", min_length = 1, max_length = 128)]
    password: String,
    /// For an account with a second factor: a code of the app, or a recovery code.
    #[validate(length(max = CODE_LIMIT))]
    #[schema(nullable = false, max_length = 32, example = "287082")]
    code: Option<String>,
}

/// Log an admin in
///
/// The tenant comes from the `tenant-id` header, by default 1. After too many failures the code is 429 with HTTP 200, and
/// `Retry-After` tells when to try again.
#[utoipa::path(
    post,
    path = "/admin-api/system/auth/login",
    tag = "auth",
    params(("tenant-id" = Option<TenantId>, Header, description = "The tenant, by default 1", example = 1)),
    extensions(("x-errors" = json!(failures(&[
        Error::LoginFailed,
        Error::AccountDisabled,
        Error::SecondFactorMissing,
        Error::SecondFactorWrong,
        Error::TooManyLogins { retry_after_s: 1 },
    ])))),
)]
async fn login_admin(
    auth: web::Data<Auth>,
    address: web::Data<ClientAddress>,
    request: HttpRequest,
    Json(Login { username, password, code }): Json<Login>,
) -> Result<Answer<Tokens>> {
    let tenant = extract::tenant(request.headers())?.unwrap_or(DEFAULT_TENANT);
    let origin = Origin::of(&request, address.of(&request));
    Ok(Answer(auth.login(tenant, &username, &password, code, origin).await?))
}

/// Log an admin out
///
/// Ends the login: its refresh token, its access tokens and its sockets. Without a valid token nothing happens and the
/// answer is `true` too.
#[utoipa::path(
    post,
    path = "/admin-api/system/auth/logout",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[
        Error::WrongType("tenant-id".into()),
        Error::Forbidden,
        Error::TenantForeign,
    ])))),
)]
async fn logout_admin(
    auth: web::Data<Auth>,
    request: HttpRequest,
    Optional(caller): Optional<Admin<SettingUp>>,
) -> Result<Answer<bool>> {
    logout(&auth, &request, caller.map(|Admin(principal, _)| principal), UserType::Admin).await
}

/// Log a member out
///
/// Ends the login, or refuses the integrator's token from now on; its sockets are closed. Without a valid token nothing
/// happens and the answer is `true` too.
#[utoipa::path(
    post,
    path = "/app-api/member/auth/logout",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[
        Error::WrongType("tenant-id".into()),
        Error::Forbidden,
        Error::TenantForeign,
    ])))),
)]
async fn logout_member(
    auth: web::Data<Auth>,
    request: HttpRequest,
    Optional(caller): Optional<Member>,
) -> Result<Answer<bool>> {
    logout(&auth, &request, caller.map(|Member(principal)| principal), UserType::Member).await
}

async fn logout(
    auth: &Auth,
    request: &HttpRequest,
    caller: Result<Arc<Principal>>,
    user_type: UserType,
) -> Result<Answer<bool>> {
    match caller {
        Ok(principal) => auth.logout(&principal).await?,
        Err(Error::Unauthenticated) => {
            if let Some(token) = extract::token(request.headers()) {
                auth.logout_expired(token, user_type).await?;
            }
        }
        Err(error) => return Err(error),
    }
    Ok(Answer(true))
}

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Refresh {
    /// The refresh token of the login.
    #[param(example = "eyJ0eXAiOiJKV1Qi…")]
    refresh_token: String,
}

/// Get an admin's new access token
///
/// The refresh token stays the same unless the settings ask for rotation. A bad `Authorization` header does not matter.
#[utoipa::path(
    post,
    path = "/admin-api/system/auth/refresh-token",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[
        Error::RefreshTokenInvalid,
        Error::RefreshTokenExpired,
        Error::TooManyLogins { retry_after_s: 1 },
    ])))),
)]
async fn refresh_admin(
    auth: web::Data<Auth>,
    address: web::Data<ClientAddress>,
    request: HttpRequest,
    Query(query): Query<Refresh>,
) -> Result<Answer<Tokens>> {
    Ok(Answer(auth.refresh(&query.refresh_token, UserType::Admin, Origin::of(&request, address.of(&request))).await?))
}

/// Get a member's new access token
///
/// For logins that `kefu token` made; the integrator renews its own tokens. A bad `Authorization` header does not
/// matter.
#[utoipa::path(
    post,
    path = "/app-api/member/auth/refresh-token",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[
        Error::RefreshTokenInvalid,
        Error::RefreshTokenExpired,
        Error::TooManyLogins { retry_after_s: 1 },
    ])))),
)]
async fn refresh_member(
    auth: web::Data<Auth>,
    address: web::Data<ClientAddress>,
    request: HttpRequest,
    Query(query): Query<Refresh>,
) -> Result<Answer<Tokens>> {
    Ok(Answer(auth.refresh(&query.refresh_token, UserType::Member, Origin::of(&request, address.of(&request))).await?))
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
