//! HTTP: who an admin is, what they may do, and the menus that the stock console makes its routes from.

use actix_web::web;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::access::{AnyAdmin, Permission, SettingUp};
use crate::account::role::StoredRole;
use crate::account::{self, store};
use crate::agent;
use crate::agent::duty::Duty;
use crate::auth::SecondFactorState;
use crate::auth::extract::Admin;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::http::{Answer, Data, routes};
use crate::id::UserId;
use crate::tenant::Tenants;

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
    /// The codes of the roles; that of owners is `super_admin`.
    #[schema(example = json!(["super_admin"]))]
    roles: Vec<String>,
    /// What the roles let the admin do, together.
    #[schema(example = json!(["promotion:kefu-conversation:query"]))]
    permissions: Vec<&'static str>,
    menus: Vec<Menu>,
    /// `setup` when the admin may do nothing but set up the second factor that a role asks for; then there are neither permissions nor
    /// menus.
    #[serde(rename = "secondFactor", skip_serializing_if = "Option::is_none")]
    #[schema(inline, nullable = false)]
    second_factor: Option<SecondFactorState>,
    /// There when the tenant has rounds of service and the admin may read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    routing: Option<Desk>,
}

impl Data for PermissionInfo {}

/// How members are served, and the place of the admin who asks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Desk {
    /// As the tenant has set it; never `off`.
    #[schema(example = "manual")]
    mode: String,
    /// Whether an agent who has never said anything about duty is on duty with a socket.
    #[schema(example = true)]
    auto_duty: bool,
    /// What the admin has said: 0 off, 1 on, 2 paused; `null` for nothing.
    #[schema(example = 1)]
    duty: Option<i32>,
    /// Members whom the admin serves at once, where the group says nothing else.
    #[schema(minimum = 0, example = 5)]
    capacity: i64,
}

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

fn console_code(role: StoredRole) -> String {
    role.built_in.map_or(role.code, |built_in| built_in.console_code().to_owned())
}

/// Get the admin's profile, permissions and menus
#[utoipa::path(get, path = "/admin-api/system/auth/get-permission-info", tag = "auth")]
async fn permission_info(
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    Admin(caller, _): Admin<SettingUp>,
) -> Result<Answer<PermissionInfo>> {
    let key = caller.key;
    let settings = tenants.settings(key.tenant).await?;
    let sees_rounds = settings.routing.is_on() && caller.may(Permission::QueryTasks);
    let read = move |connection: &mut AnyConnection| {
        let admin = store::admin(connection, key.tenant, key.user)?;
        let set = if sees_rounds { Some(agent::said(connection, key.user)?) } else { None };
        Ok((admin, set))
    };
    let (admin, set) = db.run(read).await?;
    let admin = admin.ok_or(Error::Unauthenticated)?;
    let desk = |(duty, capacity): (Option<Duty>, Option<i32>)| Desk {
        mode: settings.routing.mode.clone(),
        auto_duty: settings.routing.auto_duty,
        duty: duty.map(Duty::code),
        capacity: capacity.map_or_else(|| i64::try_from(settings.routing.capacity).unwrap_or(i64::MAX), i64::from),
    };
    Ok(Answer(PermissionInfo {
        permissions: caller.permissions.names(),
        roles: admin.roles.into_iter().filter(|role| role.enabled).map(console_code).collect(),
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
        routing: set.map(desk),
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
