//! HTTP: logins, and who one is. The paths and answers that the stock clients use (contract, "Auth that the stock
//! clients use").

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::{DEFAULT_TENANT, store};
use crate::auth::address::ClientAddress;
use crate::auth::extract::{self, Admin, AnyAdmin, Member, QueryConversations};
use crate::auth::{Auth, Permission, Principal, Tokens};
use crate::clock::Millis;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::{Envelope, Json, Query, ok};
use crate::id::{TenantId, UserId, UserType};

/// Registers the routes; they need [`Auth`], [`Db`] and [`ClientAddress`] in the application's data.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(login_admin)
        .service(logout_admin)
        .service(refresh_admin)
        .service(permission_info)
        .service(logout_member)
        .service(refresh_member)
        .service(own_profile)
        .service(member_card);
}

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

/// Get the admin's profile, permissions and menus
#[utoipa::path(
    tag = "auth",
    responses((status = 200, body = Envelope<PermissionInfo>)),
    extensions(("x-permission" = json!("any admin"))),
)]
#[get("/admin-api/system/auth/get-permission-info")]
async fn permission_info(db: web::Data<Db>, Admin(caller, _): Admin<AnyAdmin>) -> Result<HttpResponse> {
    let key = caller.key;
    let admin = db.run(move |connection| store::admin(connection, key.tenant, key.user)).await?;
    let admin = admin.ok_or(Error::Unauthenticated)?;
    Ok(ok(PermissionInfo {
        roles: vec![admin.role.console_code()],
        permissions: admin.role.permissions().map(Permission::as_str).collect(),
        user: AdminProfile {
            id: key.user,
            nickname: admin.nickname,
            avatar: admin.avatar,
            dept_id: None,
            username: admin.username,
            email: "",
        },
        menus: menus(),
    }))
}

/// The member who asks.
#[derive(Serialize, ToSchema)]
struct MemberProfile {
    id: UserId,
    #[schema(example = "小明")]
    nickname: String,
    /// Empty when there is none.
    #[schema(example = "")]
    avatar: String,
}

/// Get the member's own profile
#[utoipa::path(
    tag = "member",
    responses((status = 200, body = Envelope<MemberProfile>)),
)]
#[get("/app-api/member/user/get")]
async fn own_profile(Member(caller): Member) -> HttpResponse {
    ok(MemberProfile { id: caller.key.user, nickname: caller.nickname.to_string(), avatar: caller.avatar.to_string() })
}

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct MemberQuery {
    /// The member's id.
    #[param(example = 247)]
    id: UserId,
}

/// The card beside a conversation. What only the shop knows is `null`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MemberCard {
    id: UserId,
    #[schema(example = "小明")]
    nickname: String,
    /// Empty when there is none.
    #[schema(example = "")]
    avatar: String,
    mobile: Option<String>,
    email: Option<String>,
    name: Option<String>,
    sex: Option<i32>,
    area_name: Option<String>,
    register_ip: Option<String>,
    birthday: Option<i64>,
    /// When the member was first seen, in milliseconds since the epoch.
    #[schema(value_type = Option<i64>, example = 1_795_235_421_115_i64)]
    create_time: Option<Millis>,
    login_date: Option<i64>,
    point: Option<i64>,
    total_point: Option<i64>,
    experience: Option<i64>,
    level_name: Option<String>,
}

/// Get a member's card
///
/// A member who is not known gets an empty card, because the console's panel
/// cannot bear `null`.
#[utoipa::path(
    tag = "member",
    params(MemberQuery),
    responses((status = 200, body = Envelope<MemberCard>)),
    extensions(("x-permission" = json!("promotion:kefu-conversation:query"))),
)]
#[get("/admin-api/member/user/get")]
async fn member_card(
    db: web::Data<Db>,
    Admin(caller, _): Admin<QueryConversations>,
    Query(MemberQuery { id }): Query<MemberQuery>,
) -> Result<HttpResponse> {
    let tenant = caller.key.tenant;
    let member = db.run(move |connection| store::member(connection, tenant, id)).await?;
    let (nickname, avatar, created_at) = match member {
        Some(member) => (member.nickname, member.avatar, Some(member.created_at)),
        None => (String::new(), String::new(), None),
    };
    Ok(ok(MemberCard {
        id,
        nickname,
        avatar,
        mobile: None,
        email: None,
        name: None,
        sex: None,
        area_name: None,
        register_ip: None,
        birthday: None,
        create_time: created_at,
        login_date: None,
        point: None,
        total_point: None,
        experience: None,
        level_name: None,
    }))
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
