//! HTTP: roles and what they hold, under yudao's names.

use std::collections::HashMap;

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::page::page_of;
use crate::access::{AssignPermissions, CreateRoles, DeleteRoles, Permission, Permissions, QueryRoles, UpdateRoles};
use crate::account::role::{CODE_LIMIT, NAME_LIMIT, NewRole, REMARK_LIMIT, StoredRole};
use crate::account::{roles as stored, users as user};
use crate::auth::Auth;
use crate::auth::extract::Admin;
use crate::auth::users::RoleChanges;
use crate::clock::Millis;
use crate::db::Db;
use crate::error::{Error, Problem, Result};
use crate::http::address::CallerAddress;
use crate::http::{Answer, Data, Json, Query, Then, routes};
use crate::id::{RoleId, UserId};
use crate::text::Name;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => role_page, get_role, simple_roles, create_role, update_role, delete_role, role_permissions,
        assign_role_permissions, user_roles, assign_user_role);
}

impl Data for RoleView {}

impl Data for RolePage {}

/// A part of the roles.
#[derive(Serialize, ToSchema)]
struct RolePage {
    list: Vec<RoleView>,
    /// How many there are in all.
    #[schema(minimum = 0)]
    total: i64,
}

impl Data for NamedRole {}

/// A role.
#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleView {
    id: RoleId,
    /// What programs know it by; `super_admin` of owners.
    #[schema(example = "agent")]
    code: String,
    #[schema(example = "客服")]
    name: String,
    /// Where it stands in lists, the lowest first.
    #[schema(example = 2)]
    sort: i32,
    /// 0 enabled, 1 disabled.
    #[schema(example = 0)]
    status: i32,
    /// 1 one of the three that every tenant has, 2 one of the tenant's own.
    #[schema(example = 1)]
    r#type: i32,
    #[schema(example = "")]
    remark: String,
    /// What it lets its holders do.
    #[schema(example = json!(["promotion:kefu-message:send"]))]
    permissions: Vec<&'static str>,
    /// Whether its holders must log in with a second factor.
    #[schema(example = false)]
    second_factor: bool,
    /// How many accounts hold it.
    #[schema(minimum = 0, example = 3)]
    users: i64,
    /// When it was made, in milliseconds since the epoch.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
}

impl RoleView {
    fn new(role: StoredRole, users: i64) -> Self {
        Self {
            id: role.id,
            r#type: if role.built_in.is_some() { 1 } else { 2 },
            code: code(&role),
            name: role.name,
            sort: role.sort,
            status: i32::from(!role.enabled),
            remark: role.remark,
            permissions: role.permissions.names(),
            second_factor: role.second_factor,
            users,
            create_time: role.created_at,
        }
    }
}

/// The code that consoles know a role by.
fn code(role: &StoredRole) -> String {
    role.built_in.map_or_else(|| role.code.clone(), |built_in| built_in.console_code().to_owned())
}

/// A role by its name.
#[derive(Serialize, ToSchema)]
pub(super) struct NamedRole {
    id: RoleId,
    /// What programs know it by; `super_admin` of owners.
    #[schema(example = "agent")]
    code: String,
    #[schema(example = "客服")]
    name: String,
}

impl From<&StoredRole> for NamedRole {
    fn from(role: &StoredRole) -> Self {
        Self { id: role.id, code: code(role), name: role.name.clone() }
    }
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct RolePageQuery {
    /// What the name holds.
    #[validate(length(max = 64))]
    #[param(max_length = 64, example = "客服")]
    name: Option<String>,
    /// 0 enabled, 1 disabled.
    #[validate(range(min = 0, max = 1))]
    #[param(minimum = 0, maximum = 1)]
    status: Option<i32>,
    /// The page, from 1; 1 by default.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    page_no: Option<usize>,
    /// Roles on a page, 1–200; 10 by default.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    page_size: Option<usize>,
}

/// List roles
///
/// The three that every tenant has first, then its own. A tenant has at most 200.
#[utoipa::path(get, path = "/admin-api/system/role/page", operation_id = "page_roles", tag = "role")]
async fn role_page(
    db: web::Data<Db>,
    Then(admin, Query(query)): Then<Admin<QueryRoles>, Query<RolePageQuery>>,
) -> Result<Answer<RolePage>> {
    let RolePageQuery { name, status, page_no, page_size } = query;
    let tenant = admin.0.key.tenant;
    let (before, limit) = page_of(page_no, page_size);
    let found = db.run(move |connection| {
        let wanted = |role: &StoredRole| {
            name.as_deref().is_none_or(|name| role.name.contains(name.trim()))
                && status.is_none_or(|status| role.enabled == (status == 0))
        };
        let all: Vec<StoredRole> = stored::all(connection, tenant)?.into_iter().filter(wanted).collect();
        let total = all.len();
        let shown: Vec<StoredRole> = all.into_iter().skip(before).take(limit).collect();
        let ids: Vec<RoleId> = shown.iter().map(|role| role.id).collect();
        let held: HashMap<RoleId, i64> = stored::holders_of_each(connection, &ids)?;
        let view = |role: StoredRole| {
            let users = held.get(&role.id).copied().unwrap_or_default();
            RoleView::new(role, users)
        };
        Ok(RolePage { list: shown.into_iter().map(view).collect(), total: i64::try_from(total).unwrap_or(i64::MAX) })
    });
    Ok(Answer(found.await?))
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct RoleQuery {
    /// The role.
    id: RoleId,
}

/// Get a role
///
/// `null` when there is none.
#[utoipa::path(get, path = "/admin-api/system/role/get", operation_id = "get_role", tag = "role")]
async fn get_role(
    db: web::Data<Db>,
    Then(admin, Query(RoleQuery { id })): Then<Admin<QueryRoles>, Query<RoleQuery>>,
) -> Result<Answer<Option<RoleView>>> {
    let tenant = admin.0.key.tenant;
    let found = db.run(move |connection| {
        let Some(role) = stored::find(connection, tenant, id)? else { return Ok(None) };
        let users = stored::holders_of_each(connection, &[id])?.get(&id).copied().unwrap_or_default();
        Ok(Some(RoleView::new(role, users)))
    });
    Ok(Answer(found.await?))
}

/// List the names of the enabled roles
#[utoipa::path(get, path = "/admin-api/system/role/simple-list", operation_id = "name_roles", tag = "role")]
async fn simple_roles(db: web::Data<Db>, admin: Admin<QueryRoles>) -> Result<Answer<Vec<NamedRole>>> {
    let tenant = admin.0.key.tenant;
    let all = db.run(move |connection| stored::all(connection, tenant)).await?;
    Ok(Answer(all.iter().filter(|role| role.enabled).map(NamedRole::from).collect()))
}

/// A role to be made.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CreateRole {
    /// What it is called, unique within the tenant.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "夜班")]
    name: String,
    /// What programs know it by, unique within the tenant; by default one is made.
    #[validate(length(min = 1, max = 64))]
    #[schema(nullable = false, min_length = 1, max_length = 64, example = "night")]
    code: Option<String>,
    /// Where it stands in lists, the lowest first; 0 by default.
    #[validate(range(min = 0, max = 9999))]
    #[schema(nullable = false, minimum = 0, maximum = 9999)]
    sort: Option<i32>,
    /// 0 enabled, the default; 1 disabled.
    #[validate(range(min = 0, max = 1))]
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    status: Option<i32>,
    /// For the admins.
    #[validate(length(max = 255))]
    #[schema(nullable = false, max_length = 255, example = "")]
    remark: Option<String>,
    /// Whether its holders must log in with a second factor; false by default.
    #[schema(nullable = false)]
    second_factor: Option<bool>,
    /// What it lets its holders do. Needs `system:permission:assign`, too.
    #[schema(nullable = false, example = json!(["promotion:kefu-message:query"]))]
    permissions: Option<Vec<String>>,
}

/// Make a role
///
/// Answers its id. Refused with 403 when it would hold what the caller does not.
#[utoipa::path(post, path = "/admin-api/system/role/create", operation_id = "create_role", tag = "role")]
async fn create_role(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(body)): Then<Admin<CreateRoles>, Json<CreateRole>>,
) -> Result<Answer<RoleId>> {
    let permissions = permissions(&body.permissions.unwrap_or_default())?;
    if permissions != Permissions::default() && !admin.0.may(Permission::AssignPermissions) {
        return Err(Error::Forbidden);
    }
    let actor = admin.actor(address);
    let new = NewRole {
        tenant: admin.0.key.tenant,
        code: body.code.map(|code| visible(&code, CODE_LIMIT)).transpose()?,
        name: visible(&body.name, NAME_LIMIT)?,
        sort: body.sort.unwrap_or_default(),
        enabled: body.status.unwrap_or_default() == 0,
        permissions,
        second_factor: body.second_factor.unwrap_or_default(),
        remark: remark(body.remark.unwrap_or_default())?,
        by: actor.column(),
    };
    Ok(Answer(auth.create_role(actor, new).await?))
}

/// The permissions of these names.
///
/// # Errors
/// [`Error::Invalid`] for a name that there is none of.
fn permissions(names: &[String]) -> Result<Permissions> {
    let one = |name: &String| {
        Permission::from_name(name).ok_or_else(|| {
            Error::Invalid(Problem {
                zh: "没有这样的权限".into(),
                en: "permissions: there is no such permission".into(),
            })
        })
    };
    names.iter().map(one).collect()
}

fn visible(text: &str, limit: usize) -> Result<String> {
    let problem = || Problem::new("名称或编码含有不可见字符", "name and code must have visible characters only");
    Name::exact(text.trim(), limit).map(String::from).ok_or_else(|| Error::Invalid(problem()))
}

fn remark(text: String) -> Result<String> {
    if text.trim().is_empty() { Ok(String::new()) } else { visible(&text, REMARK_LIMIT) }
}

/// What is to be changed of a role; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpdateRole {
    /// The role.
    id: RoleId,
    /// What it is called, unique within the tenant.
    #[validate(length(min = 1, max = 64))]
    #[schema(nullable = false, min_length = 1, max_length = 64, example = "夜班")]
    name: Option<String>,
    /// Where it stands in lists, the lowest first.
    #[validate(range(min = 0, max = 9999))]
    #[schema(nullable = false, minimum = 0, maximum = 9999)]
    sort: Option<i32>,
    /// 0 enabled, 1 disabled: its holders have its rights no longer.
    #[validate(range(min = 0, max = 1))]
    #[schema(nullable = false, minimum = 0, maximum = 1)]
    status: Option<i32>,
    /// For the admins.
    #[validate(length(max = 255))]
    #[schema(nullable = false, max_length = 255, example = "")]
    remark: Option<String>,
    /// Whether its holders must log in with a second factor.
    #[schema(nullable = false)]
    second_factor: Option<bool>,
}

/// Change a role
///
/// Of one of the three that every tenant has only whether it asks for a second factor. Takes effect at once, at other nodes
/// within about a second.
#[utoipa::path(put, path = "/admin-api/system/role/update", operation_id = "update_role", tag = "role")]
async fn update_role(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(body)): Then<Admin<UpdateRoles>, Json<UpdateRole>>,
) -> Result<Answer<bool>> {
    let changes = RoleChanges {
        name: body.name.map(|name| visible(&name, NAME_LIMIT)).transpose()?,
        sort: body.sort,
        enabled: body.status.map(|status| status == 0),
        second_factor: body.second_factor,
        remark: body.remark.map(remark).transpose()?,
    };
    auth.update_role(admin.actor(address), admin.0.key.tenant, body.id, changes).await?;
    Ok(Answer(true))
}

/// Delete a role
///
/// One of the tenant's own that no account holds.
#[utoipa::path(delete, path = "/admin-api/system/role/delete", operation_id = "delete_role", tag = "role")]
async fn delete_role(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Query(RoleQuery { id })): Then<Admin<DeleteRoles>, Query<RoleQuery>>,
) -> Result<Answer<bool>> {
    auth.delete_role(admin.actor(address), admin.0.key.tenant, id).await?;
    Ok(Answer(true))
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct HeldQuery {
    /// The role.
    role_id: RoleId,
}

/// List what a role holds
#[utoipa::path(
    get,
    path = "/admin-api/system/permission/list-role-permissions",
    operation_id = "list_role_permissions",
    tag = "role"
)]
async fn role_permissions(
    db: web::Data<Db>,
    Then(admin, Query(HeldQuery { role_id })): Then<Admin<QueryRoles>, Query<HeldQuery>>,
) -> Result<Answer<Vec<String>>> {
    let tenant = admin.0.key.tenant;
    let found = db.run(move |connection| stored::find(connection, tenant, role_id)).await?;
    let names = found.map(|role| role.permissions.names()).unwrap_or_default();
    Ok(Answer(names.into_iter().map(str::to_owned).collect()))
}

/// What a role of the tenant's own holds from now on.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AssignRolePermissions {
    /// The role.
    role_id: RoleId,
    /// All that it lets its holders do.
    #[schema(example = json!(["promotion:kefu-message:query"]))]
    permissions: Vec<String>,
}

/// Say what a role holds
///
/// Its holders have the new rights at once, at other nodes within about a second: open sockets, too. Refused with 403 when it
/// holds or would hold what the caller does not.
#[utoipa::path(
    post,
    path = "/admin-api/system/permission/assign-role-permission",
    operation_id = "assign_role_permissions",
    tag = "role"
)]
async fn assign_role_permissions(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(body)): Then<Admin<AssignPermissions>, Json<AssignRolePermissions>>,
) -> Result<Answer<bool>> {
    let permissions = permissions(&body.permissions)?;
    auth.assign_permissions(admin.actor(address), admin.0.key.tenant, body.role_id, permissions).await?;
    Ok(Answer(true))
}

#[derive(Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct HolderQuery {
    /// The account.
    user_id: UserId,
}

/// List the roles of an account
#[utoipa::path(
    get,
    path = "/admin-api/system/permission/list-user-roles",
    operation_id = "list_user_roles",
    tag = "role"
)]
async fn user_roles(
    db: web::Data<Db>,
    Then(admin, Query(HolderQuery { user_id })): Then<Admin<QueryRoles>, Query<HolderQuery>>,
) -> Result<Answer<Vec<RoleId>>> {
    let tenant = admin.0.key.tenant;
    let found = db.run(move |connection| user::find(connection, tenant, user_id)).await?;
    Ok(Answer(found.map(|user| user.roles.iter().map(|role| role.id).collect()).unwrap_or_default()))
}

/// The roles of an account from now on.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AssignUserRole {
    /// The account.
    user_id: UserId,
    /// All roles that it holds; rights add up.
    role_ids: Vec<RoleId>,
}

/// Say which roles an account holds
///
/// Its logins stay, and have the new rights at once, at other nodes within about a second. Refused with 403 when it holds or
/// would hold what the caller does not. The last enabled owner stays one.
#[utoipa::path(
    post,
    path = "/admin-api/system/permission/assign-user-role",
    operation_id = "assign_user_roles",
    tag = "role"
)]
async fn assign_user_role(
    auth: web::Data<Auth>,
    address: CallerAddress,
    Then(admin, Json(body)): Then<Admin<AssignPermissions>, Json<AssignUserRole>>,
) -> Result<Answer<bool>> {
    let AssignUserRole { user_id, role_ids } = body;
    auth.assign_roles(admin.actor(address), admin.0.key.tenant, user_id, role_ids).await?;
    Ok(Answer(true))
}
