//! HTTP: who an admin is, what they may do, and the menus that the stock console makes its routes from.

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::access::{AnyAdmin, Permission, Role, SettingUp};
use crate::account::{self, store};
use crate::auth::SecondFactorState;
use crate::auth::extract::Admin;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::{Answer, Data, routes};
use crate::id::UserId;

/// How many admins one list names.
const MOST_NAMED: i64 = 1000;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => permission_info, simple_list);
}

/// An admin and what the console shows to them.
#[derive(Serialize, ToSchema)]
struct PermissionInfo {
    user: AdminProfile,
    /// `super_admin` for owners, else the role's name.
    #[schema(example = json!(["super_admin"]))]
    roles: Vec<&'static str>,
    /// The permissions of the role.
    #[schema(example = json!(["promotion:kefu-conversation:query"]))]
    permissions: Vec<&'static str>,
    menus: Vec<Menu>,
    /// `setup` when the admin may do nothing but set up the second factor that a role asks for; then there are neither permissions nor
    /// menus.
    #[serde(rename = "secondFactor", skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    second_factor: Option<SecondFactorState>,
}

impl Data for PermissionInfo {}

/// The admin who asks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AdminProfile {
    id: UserId,
    #[schema(example = "客服")]
    nickname: String,
    /// Empty when there is none.
    #[schema(example = "")]
    avatar: String,
    /// Always `null`: there are no departments.
    dept_id: Option<i64>,
    #[schema(example = "admin")]
    username: String,
    /// Always empty.
    #[schema(example = "")]
    email: &'static str,
}

/// One entry of the console's menu, from which it makes its routes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Menu {
    #[schema(example = 2797)]
    id: i64,
    #[schema(example = 2362)]
    parent_id: i64,
    #[schema(example = "客服中心")]
    name: &'static str,
    #[schema(example = "kefu")]
    path: &'static str,
    #[schema(example = "mall/promotion/kefu/index")]
    component: &'static str,
    #[schema(example = "KeFu")]
    component_name: &'static str,
    #[schema(example = "fa-solid:user-alt")]
    icon: &'static str,
    visible: bool,
    keep_alive: bool,
    always_show: bool,
    #[schema(no_recursion)]
    children: Option<Vec<Menu>>,
}

/// The one page that this service stands behind, where the stock console has it.
fn menus() -> Vec<Menu> {
    let page = Menu {
        id: 2797,
        parent_id: 2362,
        name: "客服中心",
        path: "kefu",
        component: "mall/promotion/kefu/index",
        component_name: "KeFu",
        icon: "fa-solid:user-alt",
        visible: true,
        keep_alive: true,
        always_show: true,
        children: None,
    };
    vec![Menu {
        id: 2362,
        parent_id: 0,
        name: "商城系统",
        path: "/mall",
        component: "",
        component_name: "",
        icon: "ep:shop",
        visible: true,
        keep_alive: true,
        always_show: true,
        children: Some(vec![page]),
    }]
}

/// Get the admin's profile, permissions and menus
#[utoipa::path(get, path = "/admin-api/system/auth/get-permission-info", tag = "auth")]
async fn permission_info(db: web::Data<Db>, Admin(caller, _): Admin<SettingUp>) -> Result<Answer<PermissionInfo>> {
    let key = caller.key;
    let admin = db.run(move |connection| store::admin(connection, key.tenant, key.user)).await?;
    let admin = admin.ok_or(Error::Unauthenticated)?;
    Ok(Answer(PermissionInfo {
        roles: vec![admin.role.console_code()],
        permissions: caller.role.into_iter().flat_map(Role::permissions).map(Permission::as_str).collect(),
        user: AdminProfile {
            id: key.user,
            nickname: admin.nickname,
            avatar: admin.avatar,
            dept_id: None,
            username: admin.username,
            email: "",
        },
        menus: if caller.sets_up { Vec::new() } else { menus() },
        second_factor: caller.sets_up.then_some(SecondFactorState::Setup),
    }))
}

/// An admin as others see them.
#[derive(Serialize, ToSchema)]
struct NamedAdmin {
    id: UserId,
    #[schema(example = "客服")]
    nickname: String,
    /// Empty when there is none.
    #[schema(example = "")]
    avatar: String,
}

impl Data for NamedAdmin {}

/// List the names of the enabled admins
///
/// By id, at most 1,000. Frames name admins by their ids only.
#[utoipa::path(get, path = "/admin-api/system/user/simple-list", tag = "auth")]
async fn simple_list(db: web::Data<Db>, Admin(caller, _): Admin<AnyAdmin>) -> Result<Answer<Vec<NamedAdmin>>> {
    let tenant = caller.key.tenant;
    let admins = db.run(move |connection| store::enabled_admins(connection, tenant, MOST_NAMED)).await?;
    let named =
        |admin: account::Admin| NamedAdmin { id: admin.key.user, nickname: admin.nickname, avatar: admin.avatar };
    Ok(Answer(admins.into_iter().map(named).collect()))
}
