//! HTTP: logins. The paths and answers that the stock clients use (contract, "Auth that the stock clients use").

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::address::ClientAddress;
use super::extract::{self, Admin, AnyAdmin, Member};
use super::{Auth, Principal, Tokens};
use crate::account::DEFAULT_TENANT;
use crate::error::{Error, Result};
use crate::http::{Envelope, Json, Query, ok};
use crate::id::{TenantId, UserType};

/// Registers the routes; they need [`Auth`] and [`ClientAddress`] in the application's data.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(login_admin)
        .service(logout_admin)
        .service(refresh_admin)
        .service(logout_member)
        .service(refresh_member);
}

/// What an admin logs in with. Further fields, such as the console's `tenantName`, are ignored.
#[derive(Deserialize, Validate, ToSchema)]
struct Login {
    /// The user name.
    #[validate(required, length(min = 1, max = 64))]
    #[schema(required, nullable = false, example = "admin", min_length = 1, max_length = 64)]
    username: Option<String>,
    /// The password.
    #[validate(required, length(min = 1, max = 128))]
    #[schema(required, nullable = false, example = "correct horse battery", min_length = 1, max_length = 128)]
    password: Option<String>,
}

/// Log an admin in
///
/// The tenant comes from the `tenant-id` header, by default 1. After too many failures of the account or the address
/// every answer is 429.
#[utoipa::path(
    tag = "auth",
    request_body = Login,
    params(("tenant-id" = Option<TenantId>, Header, description = "The tenant, by default 1", example = 1)),
    responses((status = 200, body = Envelope<Tokens>)),
    extensions(("x-errors" = json!(["LoginFailed", "AccountDisabled", "TooManyRequests"]))),
    security(()),
)]
#[post("/admin-api/system/auth/login")]
async fn login_admin(
    auth: web::Data<Auth>,
    address: web::Data<ClientAddress>,
    request: HttpRequest,
    body: Json<Login>,
) -> Result<HttpResponse> {
    let Json(Login { username, password }) = body;
    let username = username.ok_or(Error::Missing("username".into()))?;
    let password = password.ok_or(Error::Missing("password".into()))?;
    let tenant = extract::tenant(request.headers())?.unwrap_or(DEFAULT_TENANT);
    Ok(ok(auth.login(tenant, &username, &password, address.of(&request)).await?))
}

/// Log an admin out
///
/// Ends the login: its refresh token, its access tokens and its sockets. Without a valid token nothing happens and the
/// answer is `true` too.
#[utoipa::path(
    tag = "auth",
    responses((status = 200, body = Envelope<bool>)),
    security((), ("bearer" = [])),
    extensions(("x-errors" = json!(["WrongType", "Forbidden", "TenantForeign"]))),
)]
#[post("/admin-api/system/auth/logout")]
async fn logout_admin(
    auth: web::Data<Auth>,
    request: HttpRequest,
    caller: Result<Admin<AnyAdmin>>,
) -> Result<HttpResponse> {
    logout(&auth, &request, caller.map(|Admin(principal, _)| principal), UserType::Admin).await
}

/// Log a member out
///
/// Ends the login, or refuses the integrator's token from now on; its sockets are closed. Without a valid token nothing
/// happens and the answer is `true` too.
#[utoipa::path(
    tag = "auth",
    responses((status = 200, body = Envelope<bool>)),
    security((), ("bearer" = [])),
    extensions(("x-errors" = json!(["WrongType", "Forbidden", "TenantForeign"]))),
)]
#[post("/app-api/member/auth/logout")]
async fn logout_member(auth: web::Data<Auth>, request: HttpRequest, caller: Result<Member>) -> Result<HttpResponse> {
    logout(&auth, &request, caller.map(|Member(principal)| principal), UserType::Member).await
}

async fn logout(
    auth: &Auth,
    request: &HttpRequest,
    caller: Result<Arc<Principal>>,
    user_type: UserType,
) -> Result<HttpResponse> {
    match caller {
        Ok(principal) => auth.logout(&principal).await?,
        Err(Error::Unauthenticated) => {
            if let Some(token) = extract::token(request.headers()) {
                auth.logout_expired(token, user_type).await?;
            }
        }
        Err(error) => return Err(error),
    }
    Ok(ok(true))
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
    tag = "auth",
    params(Refresh),
    responses((status = 200, body = Envelope<Tokens>)),
    extensions(("x-errors" = json!(["RefreshTokenInvalid", "RefreshTokenExpired"]))),
    security(()),
)]
#[post("/admin-api/system/auth/refresh-token")]
async fn refresh_admin(auth: web::Data<Auth>, Query(query): Query<Refresh>) -> Result<HttpResponse> {
    Ok(ok(auth.refresh(&query.refresh_token, UserType::Admin).await?))
}

/// Get a member's new access token
///
/// For logins that `kefu token` made; the integrator renews its own tokens. A bad `Authorization` header does not
/// matter.
#[utoipa::path(
    tag = "auth",
    params(Refresh),
    responses((status = 200, body = Envelope<Tokens>)),
    extensions(("x-errors" = json!(["RefreshTokenInvalid", "RefreshTokenExpired"]))),
    security(()),
)]
#[post("/app-api/member/auth/refresh-token")]
async fn refresh_member(auth: web::Data<Auth>, Query(query): Query<Refresh>) -> Result<HttpResponse> {
    Ok(ok(auth.refresh(&query.refresh_token, UserType::Member).await?))
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
