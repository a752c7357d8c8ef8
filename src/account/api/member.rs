//! HTTP: a member's own profile, and the card that the console shows beside a conversation.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use crate::access::QueryConversations;
use crate::account::store;
use crate::auth::extract::{Admin, Member};
use crate::clock::Millis;
use crate::db::Db;
use crate::error::Result;
use crate::http::{Answer, Data, Query, Then, routes};
use crate::id::UserId;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => own_profile, member_card);
}

impl Data for MemberProfile {}

impl Data for MemberCard {}

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
#[utoipa::path(get, path = "/app-api/member/user/get", tag = "member")]
async fn own_profile(Member(caller): Member) -> Answer<MemberProfile> {
    let (nickname, avatar) = (caller.nickname.to_string(), caller.avatar.to_string());
    Answer(MemberProfile { id: caller.key.user, nickname, avatar })
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
    /// The member's id in the integrator's system, when it is another than `id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "550e8400-e29b-41d4-a716-446655440000")]
    external_id: Option<String>,
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
#[utoipa::path(get, path = "/admin-api/member/user/get", tag = "member")]
async fn member_card(
    db: web::Data<Db>,
    Then(Admin(caller, _), Query(MemberQuery { id })): Then<Admin<QueryConversations>, Query<MemberQuery>>,
) -> Result<Answer<MemberCard>> {
    let tenant = caller.key.tenant;
    let member = db.run(move |connection| store::member(connection, tenant, id)).await?;
    let external_id = member.as_ref().map(|member| member.external_id.clone()).filter(|text| *text != id.to_string());
    let (nickname, avatar, created_at) = match member {
        Some(member) => (member.nickname, member.avatar, Some(member.created_at)),
        None => (String::new(), String::new(), None),
    };
    Ok(Answer(MemberCard {
        id,
        external_id,
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
