//! HTTP: an admin's second factor.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use crate::access::{SettingUp, UpdateUsers};
use crate::account::second_factor::CODE_LIMIT;
use crate::auth::Auth;
use crate::auth::extract::Admin;
use crate::auth::second_factor::{Begun, not_begun, own};
use crate::auth::users::unknown_user;
use crate::error::{Error, Result};
use crate::http::address::CallerAddress;
use crate::http::describe::failures;
use crate::http::{Answer, Data, Json, Query, Then, routes};
use crate::id::UserId;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => begin, confirm, disable, reset);
}

/// The password and, for one who has a second factor already, a code of it.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = SecondFactorPassword)]
struct PasswordRequest {
    /// The password that counts now.
    #[validate(length(min = 1, max = 128))]
    #[schema(min_length = 1, max_length = 128, example = "correct horse battery")]
    password: String,
    /// A code of the second factor, or a recovery code, when there is one.
    #[validate(length(max = CODE_LIMIT))]
    #[schema(nullable = false, max_length = 32, example = "287082")]
    code: Option<String>,
}

/// What an app for codes is set up with.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactorSecret)]
struct Secret {
    /// In base32, to be typed in.
    #[schema(example = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]
    secret: String,
    /// The same as an address, to be shown as a picture.
    #[schema(example = "otpauth://totp/kefu:admin?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=kefu")]
    uri: String,
}

impl Data for Secret {}

/// Begin to set up a second factor
///
/// Answers a secret for an app (TOTP: SHA-1, six digits, 30 seconds), which counts once a code of it is confirmed. Wrong passwords and
/// codes count as failed logins.
#[utoipa::path(
    post,
    path = "/admin-api/system/user/profile/totp/begin",
    operation_id = "begin_second_factor",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[Error::SecondFactorMissing, Error::SecondFactorWrong]))))
)]
async fn begin(
    Then(admin, Json(body)): Then<Admin<SettingUp>, Json<PasswordRequest>>,
    auth: web::Data<Auth>,
    address: CallerAddress,
) -> Result<Answer<Secret>> {
    let PasswordRequest { password, code } = body;
    let begun = auth.begin_second_factor(&admin.0, &password, code, address.0, admin.actor(address));
    let Begun { secret, uri } = begun.await?;
    Ok(Answer(Secret { secret, uri }))
}

/// A code of the app.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = SecondFactorCode)]
struct ConfirmRequest {
    /// The six digits that the app shows.
    #[validate(length(min = 1, max = CODE_LIMIT))]
    #[schema(min_length = 1, max_length = 32, example = "287082")]
    code: String,
}

/// What one keeps for the day on which the device is lost.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecondFactorRecovery)]
struct Recovery {
    /// Ten codes, each good once in place of one of the app.
    #[schema(example = json!(["m4qk-7t2x-9hzd-cn3r"]))]
    recovery_codes: Vec<String>,
}

impl Data for Recovery {}

/// Confirm the second factor
///
/// From now on a login needs a code. Answers recovery codes, which are shown once; earlier ones end.
#[utoipa::path(
    post,
    path = "/admin-api/system/user/profile/totp/confirm",
    operation_id = "confirm_second_factor",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[
        Error::Invalid(not_begun()),
        Error::SecondFactorMissing,
        Error::SecondFactorWrong,
    ]))))
)]
async fn confirm(
    Then(admin, Json(body)): Then<Admin<SettingUp>, Json<ConfirmRequest>>,
    auth: web::Data<Auth>,
    address: CallerAddress,
) -> Result<Answer<Recovery>> {
    let confirmed = auth.confirm_second_factor(&admin.0, body.code, address.0, admin.actor(address));
    Ok(Answer(Recovery { recovery_codes: confirmed.await? }))
}

/// Switch the second factor off
///
/// With the password and a code or a recovery code. Without a second factor nothing changes.
#[utoipa::path(
    post,
    path = "/admin-api/system/user/profile/totp/disable",
    operation_id = "disable_second_factor",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[Error::SecondFactorMissing, Error::SecondFactorWrong]))))
)]
async fn disable(
    Then(admin, Json(body)): Then<Admin<SettingUp>, Json<PasswordRequest>>,
    auth: web::Data<Auth>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    let PasswordRequest { password, code } = body;
    auth.disable_second_factor(&admin.0, &password, code, address.0, admin.actor(address)).await?;
    Ok(Answer(true))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct ResetQuery {
    /// The admin.
    id: UserId,
}

/// Switch the second factor of a colleague off
///
/// For one who has lost the device. Not for oneself, nor for one who may do what the caller may not.
#[utoipa::path(
    delete,
    path = "/admin-api/system/user/second-factor",
    operation_id = "reset_second_factor",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[unknown_user(), Error::Invalid(own())]))))
)]
async fn reset(
    Then(admin, Query(ResetQuery { id })): Then<Admin<UpdateUsers>, Query<ResetQuery>>,
    auth: web::Data<Auth>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    auth.reset_second_factor(admin.actor(address), admin.0.key.tenant, id).await?;
    Ok(Answer(true))
}
