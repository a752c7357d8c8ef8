//! HTTP: a member's own profile, and the card that the console shows beside a conversation.

use std::collections::HashMap;

use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use crate::access::{QueryConversations, Sight};
use crate::account::{self, store};
use crate::agent::sights::Sights;
use crate::auth::Principal;
use crate::auth::block::unknown_member;
use crate::auth::extract::{Admin, Member};
use crate::channel::Channels;
use crate::clock::Millis;
use crate::conversation;
use crate::db::{AnyConnection, Db};
use crate::error::Result;
use crate::http::{Answer, Data, Query, Then, routes};
use crate::id::{ChannelId, UserId};
use crate::visitor::{self, Page, VisitorRow};

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => own_profile, member_card, member_page);
}

impl Data for MemberProfile {}

impl Data for MemberCard {}

impl Data for MemberPage {}

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
    /// There when admins have blocked the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = true)]
    blocked: Option<bool>,
    /// Why, when that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "广告")]
    block_reason: Option<String>,
    /// What was told of the member, when there is anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<Object>, example = json!({"plan": "gold"}))]
    attributes: Option<Map<String, Value>>,
    /// There for a visitor.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    visitor: Option<VisitorCard>,
    /// The agent who serves the member alone, when one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<i64>, example = 2)]
    exclusive_agent_id: Option<UserId>,
}

/// How a visitor came in, and where the visitor is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VisitorCard {
    channel_id: ChannelId,
    /// Empty when the channel was deleted.
    #[schema(example = "网站")]
    channel_name: String,
    /// The last page, when it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    page: Option<Page>,
}

/// Get a member's card
///
/// A member who is not known, and one whose conversation the caller does not see, gets an empty card, because the console's panel
/// cannot bear `null`.
#[utoipa::path(get, path = "/admin-api/member/user/get", tag = "member")]
async fn member_card(
    db: web::Data<Db>,
    channels: web::Data<Channels>,
    sights: web::Data<Sights>,
    Then(Admin(caller, _), Query(MemberQuery { id })): Then<Admin<QueryConversations>, Query<MemberQuery>>,
) -> Result<Answer<MemberCard>> {
    let tenant = caller.key.tenant;
    let sight = sights.of(caller.key, caller.permissions).await?;
    let found = db.run(move |connection| {
        if !conversation::hidden_members(connection, tenant, &[id], &sight)?.is_empty() {
            return Ok((None, None));
        }
        let member = store::member(connection, tenant, id)?;
        let visitor = member.as_ref().map(|member| visitor::find(connection, member.row)).transpose()?;
        Ok((member, visitor.flatten()))
    });
    let (member, visitor) = found.await?;
    let visitor = visitor.map(|VisitorRow { channel, page }| {
        let channel_name = channels.by_id(channel).map(|channel| channel.name.clone()).unwrap_or_default();
        VisitorCard { channel_id: channel, channel_name, page }
    });
    let external_id = member.as_ref().and_then(account::Member::other_id);
    let attributes = visitor::attributes(member.as_ref().and_then(|member| member.attributes.as_deref()));
    let told = |name: &str| Some(attributes.as_ref()?.get(name)?.as_str()?.to_owned());
    Ok(Answer(MemberCard {
        id,
        external_id,
        mobile: told("phone"),
        email: told("email"),
        name: None,
        sex: None,
        area_name: None,
        register_ip: None,
        birthday: None,
        create_time: member.as_ref().map(|member| member.created_at),
        login_date: None,
        point: None,
        total_point: None,
        experience: None,
        level_name: None,
        blocked: member.as_ref().and_then(|member| member.blocked.then_some(true)),
        block_reason: member.as_ref().and_then(|member| member.block_reason.clone()),
        exclusive_agent_id: member.as_ref().and_then(|member| member.exclusive_agent),
        nickname: member.as_ref().map(|member| member.nickname.clone()).unwrap_or_default(),
        avatar: member.map(|member| member.avatar).unwrap_or_default(),
        attributes,
        visitor,
    }))
}

/// Refuses an admin who may not see the member's conversation. Asks nothing for those who see all of them.
///
/// # Errors
/// As for a member who is not there; as [`Db::run`].
pub(super) async fn check_known(sights: &Sights, admin: &Principal, member: UserId) -> Result<()> {
    let (tenant, sight) = (admin.key.tenant, sights.of(admin.key, admin.permissions).await?);
    if sight == Sight::All {
        return Ok(());
    }
    let hidden = move |connection: &mut AnyConnection| {
        Ok(!conversation::hidden_members(connection, tenant, &[member], &sight)?.is_empty())
    };
    if sights.db().run(hidden).await? { Err(unknown_member()) } else { Ok(()) }
}

/// Members that are listed; whoever stands behind them is found by the name.
const LISTED: i64 = store::words::MOST_FOUND;

#[derive(Deserialize, Validate, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct PageQuery {
    /// How a word of the nickname begins, or the member's id here or in the integrator's system. Without it the newest
    /// members by their ids.
    #[validate(length(max = 64))]
    #[param(max_length = 64, example = "小明")]
    nickname: Option<String>,
    /// The page, from 1; 1 by default.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    page_no: Option<usize>,
    /// Members on a page, 1–200; 10 by default.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    page_size: Option<usize>,
}

/// A part of the members.
#[derive(Serialize, ToSchema)]
struct MemberPage {
    list: Vec<ListedMember>,
    /// How many there are, at most 1000.
    #[schema(minimum = 0)]
    total: usize,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListedMember {
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
    /// When the member was first seen, epoch milliseconds.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
    /// There when admins have blocked the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = true)]
    blocked: Option<bool>,
}

impl From<account::Member> for ListedMember {
    fn from(member: account::Member) -> Self {
        let external_id = member.other_id();
        let account::Member { key, nickname, avatar, created_at, blocked, .. } = member;
        let blocked = blocked.then_some(true);
        Self { id: key.user, external_id, nickname, avatar, create_time: created_at, blocked }
    }
}

/// Search members
///
/// To begin a conversation with one. At most the first 1000 are looked at: a longer text finds the others.
#[utoipa::path(get, path = "/admin-api/member/user/page", operation_id = "list_members", tag = "member")]
async fn member_page(
    db: web::Data<Db>,
    sights: web::Data<Sights>,
    Then(Admin(caller, _), Query(query)): Then<Admin<QueryConversations>, Query<PageQuery>>,
) -> Result<Answer<MemberPage>> {
    let PageQuery { nickname, page_no, page_size } = query;
    let (tenant, size) = (caller.key.tenant, page_size.unwrap_or(10));
    let before = page_no.unwrap_or(1).saturating_sub(1).saturating_mul(size);
    let text = nickname.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let sight = sights.of(caller.key, caller.permissions).await?;
    let page = db.run(move |connection| {
        let mut found = match &text {
            Some(text) => account::find_members(connection, tenant, text)?,
            None => store::newest_members(connection, tenant, LISTED)?,
        };
        let hidden = conversation::hidden_members(connection, tenant, &found, &sight)?;
        found.retain(|member| !hidden.contains(member));
        let users: Vec<UserId> = found.iter().copied().skip(before).take(size).collect();
        let mut known: HashMap<UserId, account::Member> =
            store::members(connection, tenant, &users)?.into_iter().map(|member| (member.key.user, member)).collect();
        let list = users.iter().filter_map(|user| known.remove(user)).map(ListedMember::from).collect();
        Ok(MemberPage { list, total: found.len() })
    });
    Ok(Answer(page.await?))
}
