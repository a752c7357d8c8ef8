//! HTTP: an admin's own profile and password, under yudao's names.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use crate::access::{AnyAdmin, SettingUp};
use crate::account::{self, NewProfile, store};
use crate::auth::Auth;
use crate::auth::extract::Admin;
use crate::clock::Millis;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::http::address::CallerAddress;
use crate::http::describe::failures;
use crate::http::{Answer, Data, Json, Then, routes};
use crate::id::UserId;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => get_profile, update_profile, update_password);
}

/// The admin who asks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OwnProfile {
    id: UserId,
    #[schema(example = "admin")]
    username: String,
    #[schema(example = "客服")]
    nickname: String,
    /// Empty when there is none.
    #[schema(example = "")]
    avatar: String,
    /// When the account was made, in milliseconds since the epoch.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
    /// Whether a login needs a code of a second factor, too.
    #[schema(example = false)]
    second_factor: bool,
    /// Whether a role asks for one.
    #[schema(example = false)]
    second_factor_required: bool,
}

impl Data for OwnProfile {}

/// Get the admin's own profile
#[utoipa::path(get, path = "/admin-api/system/user/profile/get", operation_id = "get_own_admin_profile", tag = "auth")]
async fn get_profile(db: web::Data<Db>, Admin(caller, _): Admin<SettingUp>) -> Result<Answer<OwnProfile>> {
    let key = caller.key;
    let read = move |connection: &mut AnyConnection| {
        let admin = store::admin(connection, key.tenant, key.user)?.ok_or(Error::Unauthenticated)?;
        Ok((admin, account::needs_second_factor(connection, key)?))
    };
    let (admin, second_factor_required) = db.run(read).await?;
    Ok(Answer(OwnProfile {
        id: key.user,
        username: admin.username,
        nickname: admin.nickname,
        avatar: admin.avatar,
        create_time: admin.created_at,
        second_factor: admin.has_second_factor,
        second_factor_required,
    }))
}

/// What others see of the admin; what is left out stays. Further fields, such as `email`, are ignored.
#[derive(Deserialize, Validate, ToSchema)]
struct ProfileUpdate {
    /// The name.
    #[validate(length(min = 1, max = 64))]
    #[schema(nullable = false, min_length = 1, max_length = 64, example = "小红")]
    nickname: Option<String>,
    /// The picture's http, https or relative address; empty for none.
    #[schema(nullable = false, max_length = 2048, example = "https://shop.example/red.png")]
    avatar: Option<String>,
}

/// Change the admin's own name and picture
#[utoipa::path(
    put,
    path = "/admin-api/system/user/profile/update",
    operation_id = "update_own_admin_profile",
    tag = "auth"
)]
async fn update_profile(
    db: web::Data<Db>,
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(body)): Then<Admin<AnyAdmin>, Json<ProfileUpdate>>,
) -> Result<Answer<bool>> {
    let (key, ProfileUpdate { nickname, avatar }) = (admin.0.key, body);
    account::set_profile(&db, auth.clock(), key, NewProfile { nickname, avatar }, admin.actor(address)).await?;
    auth.forget(key);
    Ok(Answer(true))
}

/// The old password and the new one.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PasswordUpdate {
    /// The password that counts now.
    #[validate(length(min = 1, max = 128))]
    #[schema(min_length = 1, max_length = 128, example = "correct horse battery")]
    old_password: String,
    /// The new one: 8–128 characters, and none of those that are tried first.
    #[validate(length(min = 8, max = 128))]
    #[schema(min_length = 8, max_length = 128, example = "another horse battery")]
    new_password: String,
}

/// Change the admin's own password
///
/// Ends every other login of the admin. Wrong old passwords count as failed logins.
#[utoipa::path(
    put,
    path = "/admin-api/system/user/profile/update-password",
    operation_id = "update_own_admin_password",
    tag = "auth",
    extensions(("x-errors" = json!(failures(&[Error::TooManyRequests { retry_after_s: 1 }])))),
)]
async fn update_password(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(body)): Then<Admin<AnyAdmin>, Json<PasswordUpdate>>,
) -> Result<Answer<bool>> {
    auth.change_password(&admin.0, &body.old_password, &body.new_password, address.0, admin.actor(address)).await?;
    Ok(Answer(true))
}
