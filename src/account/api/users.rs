//! HTTP: the accounts of a tenant's people, under yudao's names.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::page::page_of;
use super::roles::NamedRole;
use crate::access::{CreateUsers, DeleteUsers, Permission, QueryUsers, UpdateUsers};
use crate::account::user::{UserChanges, UserFilter};
use crate::account::{self, users as user};
use crate::auth::Auth;
use crate::auth::extract::Admin;
use crate::auth::users::NewUser;
use crate::clock::Millis;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::address::CallerAddress;
use crate::http::{Answer, Data, Json, Query, Then, routes};
use crate::id::{RoleId, UserId};

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => user_page, get_user, create_user, update_user, delete_user, reset_password, set_status);
}

impl Data for UserPage {}

/// A part of the accounts.
#[derive(Serialize, ToSchema)]
struct UserPage {
    list: Vec<UserView>,
    /// How many there are in all.
    #[schema(minimum = 0)]
    total: i64,
}

impl Data for UserView {}

/// An admin's account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
#[serde(rename_all = "camelCase")]
struct UserView {
    id: UserId,
    #[schema(example = "xiaohong")]
    username: String,
    #[schema(example = "小红")]
    nickname: String,
    /// Empty when there is none.
    #[schema(example = "")]
    avatar: String,
    /// Empty when there is none.
    #[schema(example = "")]
    email: String,
    /// Empty when there is none.
    #[schema(example = "")]
    mobile: String,
    #[schema(example = "")]
    remark: String,
    /// 0 enabled, 1 disabled.
    #[schema(example = 0)]
    status: i32,
    /// What the account holds.
    roles: Vec<NamedRole>,
    /// Whether it logs in with a second factor.
    #[schema(example = false)]
    second_factor: bool,
    /// When it was made, in milliseconds since the epoch.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
}

impl From<account::Admin> for UserView {
    fn from(admin: account::Admin) -> Self {
        Self {
            id: admin.key.user,
            roles: admin.roles.iter().map(NamedRole::from).collect(),
            username: admin.username,
            nickname: admin.nickname,
            avatar: admin.avatar,
            email: admin.email,
            mobile: admin.mobile,
            remark: admin.remark,
            status: i32::from(!admin.enabled),
            second_factor: admin.has_second_factor,
            create_time: admin.created_at,
        }
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct UserPageQuery {
    /// How the user name or the nickname begins.
    #[validate(length(max = 64))]
    #[param(max_length = 64, example = "小")]
    q: Option<String>,
    /// 0 enabled, 1 disabled.
    #[validate(range(min = 0, max = 1))]
    #[param(minimum = 0, maximum = 1)]
    status: Option<i32>,
    /// Who holds this role.
    role_id: Option<RoleId>,
    /// The page, from 1; 1 by default.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    page_no: Option<usize>,
    /// Accounts on a page, 1–200; 10 by default.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    page_size: Option<usize>,
}

/// List accounts
///
/// By id. Programs and deleted accounts are not among them.
#[utoipa::path(get, path = "/admin-api/system/user/page", operation_id = "page_users", tag = "user")]
async fn user_page(
    db: web::Data<Db>,
    Then(admin, Query(query)): Then<Admin<QueryUsers>, Query<UserPageQuery>>,
) -> Result<Answer<UserPage>> {
    let UserPageQuery { q, status, role_id, page_no, page_size } = query;
    let filter = UserFilter {
        text: q.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        enabled: status.map(|status| status == 0),
        role: role_id,
    };
    let (before, limit) = page_of(page_no, page_size);
    let (before, limit) = (i64::try_from(before).unwrap_or(i64::MAX), i64::try_from(limit).unwrap_or(i64::MAX));
    let tenant = admin.0.key.tenant;
    let (found, total) = db.run(move |connection| user::page(connection, tenant, &filter, before, limit)).await?;
    Ok(Answer(UserPage { list: found.into_iter().map(UserView::from).collect(), total }))
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct UserQuery {
    /// The account.
    id: UserId,
}

/// Get an account
///
/// `null` when there is none.
#[utoipa::path(get, path = "/admin-api/system/user/get", operation_id = "get_user", tag = "user")]
async fn get_user(
    db: web::Data<Db>,
    Then(admin, Query(UserQuery { id })): Then<Admin<QueryUsers>, Query<UserQuery>>,
) -> Result<Answer<Option<UserView>>> {
    let tenant = admin.0.key.tenant;
    let found = db.run(move |connection| user::find(connection, tenant, id)).await?;
    Ok(Answer(found.map(UserView::from)))
}

/// An account to be made.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreateUser {
    /// What the admin logs in with, unique within the tenant.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "xiaohong")]
    username: String,
    /// The name that others see.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "小红")]
    nickname: String,
    /// 8–128 characters, and none of those that are tried first.
    #[validate(length(min = 8, max = 128))]
    #[schema(min_length = 8, max_length = 128, example = "correct horse battery")]
    password: String,
    /// The picture's http, https or relative address.
    #[validate(length(max = 2048))]
    #[schema(nullable = false, max_length = 2048, example = "")]
    avatar: Option<String>,
    #[validate(length(max = 255))]
    #[schema(nullable = false, max_length = 255, example = "red@shop.example")]
    email: Option<String>,
    #[validate(length(max = 32))]
    #[schema(nullable = false, max_length = 32, example = "13800000000")]
    mobile: Option<String>,
    /// For the admins.
    #[validate(length(max = 255))]
    #[schema(nullable = false, max_length = 255, example = "")]
    remark: Option<String>,
    /// What the account holds. Needs `system:permission:assign`, too.
    #[schema(nullable = false)]
    role_ids: Option<Vec<RoleId>>,
}

/// Make an account
///
/// Answers its id. Refused with 403 when it would hold what the caller does not.
#[utoipa::path(post, path = "/admin-api/system/user/create", operation_id = "create_user", tag = "user")]
async fn create_user(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(body)): Then<Admin<CreateUsers>, Json<CreateUser>>,
) -> Result<Answer<UserId>> {
    let roles = body.role_ids.unwrap_or_default();
    if !roles.is_empty() && !admin.0.may(Permission::AssignPermissions) {
        return Err(Error::Forbidden);
    }
    let profile = UserChanges {
        nickname: Some(body.nickname),
        avatar: body.avatar,
        email: body.email,
        mobile: body.mobile,
        remark: body.remark,
    };
    let new = NewUser { username: body.username, password: body.password, profile, roles };
    Ok(Answer(auth.create_user(admin.actor(address), admin.0.key.tenant, new).await?))
}

/// What is to be changed of an account; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
struct UpdateUser {
    /// The account.
    id: UserId,
    /// The name that others see.
    #[validate(length(min = 1, max = 64))]
    #[schema(nullable = false, min_length = 1, max_length = 64, example = "小红")]
    nickname: Option<String>,
    /// The picture's http, https or relative address; empty for none.
    #[validate(length(max = 2048))]
    #[schema(nullable = false, max_length = 2048, example = "")]
    avatar: Option<String>,
    #[validate(length(max = 255))]
    #[schema(nullable = false, max_length = 255, example = "red@shop.example")]
    email: Option<String>,
    #[validate(length(max = 32))]
    #[schema(nullable = false, max_length = 32, example = "13800000000")]
    mobile: Option<String>,
    /// For the admins.
    #[validate(length(max = 255))]
    #[schema(nullable = false, max_length = 255, example = "")]
    remark: Option<String>,
}

/// Change an account
///
/// Messages and frames show the new name and picture at once, those of other nodes within about a second. Refused with 403
/// when the account may do more than the caller.
#[utoipa::path(put, path = "/admin-api/system/user/update", operation_id = "update_user", tag = "user")]
async fn update_user(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(body)): Then<Admin<UpdateUsers>, Json<UpdateUser>>,
) -> Result<Answer<bool>> {
    let UpdateUser { id, nickname, avatar, email, mobile, remark } = body;
    let changes = UserChanges { nickname, avatar, email, mobile, remark };
    auth.update_user(admin.actor(address), admin.0.key.tenant, id, changes).await?;
    Ok(Answer(true))
}

/// Delete an account
///
/// Its logins end and its user name is free again; number and nickname stay for its messages. Nobody deletes themselves or
/// the last enabled owner.
#[utoipa::path(delete, path = "/admin-api/system/user/delete", operation_id = "delete_user", tag = "user")]
async fn delete_user(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Query(UserQuery { id })): Then<Admin<DeleteUsers>, Query<UserQuery>>,
) -> Result<Answer<bool>> {
    auth.delete_user(admin.actor(address), admin.0.key.tenant, id).await?;
    Ok(Answer(true))
}

/// A new password for another's account.
#[derive(Deserialize, Validate, ToSchema)]
struct ResetPassword {
    /// The account.
    id: UserId,
    /// 8–128 characters, and none of those that are tried first.
    #[validate(length(min = 8, max = 128))]
    #[schema(min_length = 8, max_length = 128, example = "correct horse battery")]
    password: String,
}

/// Set the password of an account
///
/// Ends its logins. Refused with 403 when the account may do more than the caller.
#[utoipa::path(
    put,
    path = "/admin-api/system/user/update-password",
    operation_id = "reset_user_password",
    tag = "user"
)]
async fn reset_password(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(ResetPassword { id, password })): Then<Admin<UpdateUsers>, Json<ResetPassword>>,
) -> Result<Answer<bool>> {
    auth.reset_password(admin.actor(address), admin.0.key.tenant, id, &password).await?;
    Ok(Answer(true))
}

/// Whether an account may be used.
#[derive(Deserialize, Validate, ToSchema)]
struct UserStatus {
    /// The account.
    id: UserId,
    /// 0 enabled, 1 disabled.
    #[validate(range(min = 0, max = 1))]
    #[schema(minimum = 0, maximum = 1, example = 1)]
    status: i32,
}

/// Enable or disable an account
///
/// Disabling ends its logins. Nobody disables themselves or the last enabled owner; refused with 403 when the account may do
/// more than the caller.
#[utoipa::path(put, path = "/admin-api/system/user/update-status", operation_id = "set_user_status", tag = "user")]
async fn set_status(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(UserStatus { id, status })): Then<Admin<UpdateUsers>, Json<UserStatus>>,
) -> Result<Answer<bool>> {
    auth.set_user_enabled(admin.actor(address), admin.0.key.tenant, id, status == 0).await?;
    Ok(Answer(true))
}
