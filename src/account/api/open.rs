//! HTTP: what other programs say of members.

use actix_web::web;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use crate::access::KeepMembers;
use crate::account::external_id::ExternalId;
use crate::account::{self, ATTRIBUTES_LIMIT, MemberClaim, NICKNAME_LIMIT};
use crate::api_key::extract::Key;
use crate::auth::Auth;
use crate::clock::Millis;
use crate::db::Db;
use crate::error::{Error, Problem, Result};
use crate::http::describe::failures;
use crate::http::{Answer, Data, Json, Then, routes};
use crate::id::UserId;
use crate::text::Name;
use crate::visitor::{self, Visitors};

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig) {
    routes!(config => open_put_member, open_get_member, open_end_sessions);
}

impl Data for KnownMember {}

/// Who a member is; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = MemberIntroduction)]
struct Introduction {
    /// The name that admins see; a longer one is cut to 64 characters.
    #[schema(nullable = false, example = "小明")]
    nickname: Option<String>,
    /// The picture's http, https or relative address; empty takes it away.
    #[schema(nullable = false, example = "https://shop.example/1001.png")]
    avatar: Option<String>,
    /// All that admins are to know of the member, instead of what was told before; at most 4096 bytes of JSON.
    #[schema(nullable = false, value_type = Option<Object>, example = json!({"plan": "gold"}))]
    attributes: Option<Map<String, Value>>,
}

impl Introduction {
    fn nickname(&self) -> Result<Option<String>> {
        let problem = || Problem::new("昵称的字数须为 1 至 64", "nickname must have 1-64 characters");
        let cut = |text: &String| Name::cut(text, NICKNAME_LIMIT).ok_or_else(|| Error::Invalid(problem()));
        Ok(self.nickname.as_ref().map(cut).transpose()?.map(String::from))
    }

    fn attributes(&self) -> Result<Option<String>> {
        let Some(attributes) = &self.attributes else { return Ok(None) };
        let text = serde_json::to_string(attributes).map_err(Error::internal)?;
        if text.len() > ATTRIBUTES_LIMIT {
            let problem = Problem::new("属性过长，最多 4096 字节", "attributes are too long, at most 4096 bytes");
            return Err(Error::Invalid(problem));
        }
        Ok(Some(text))
    }
}

/// Introduce a member
///
/// Makes a member who is not known, and changes one who is. The members' own tokens may say a name, too: the later one counts.
#[utoipa::path(put, path = "/open-api/members/{externalId}", operation_id = "open_put_member", tag = "open api")]
async fn open_put_member(
    Then(key, Then(ExternalId(id), Json(body))): Then<Key<KeepMembers>, Then<ExternalId, Json<Introduction>>>,
    db: web::Data<Db>,
    auth: web::Data<Auth>,
    visitors: web::Data<Visitors>,
) -> Result<Answer<bool>> {
    let (attributes, nickname) = (body.attributes()?, body.nickname()?);
    let avatar = body.avatar.as_deref().map(account::picture).transpose()?;
    let clock = auth.clock();
    // Where nothing is said of the name, what a token has said of it stays the latest.
    let issued_at = (nickname.is_some() || avatar.is_some()).then(|| clock.now());
    let claim = MemberClaim { tenant: key.0.tenant, id, nickname, avatar, issued_at };
    let (member, changed) = account::introduce_member(&db, clock, claim, attributes).await?;
    if changed {
        auth.forget(member);
        visitors.member_changed(member).await;
    }
    Ok(Answer(true))
}

/// A member as a program that has a key sees one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct KnownMember {
    /// The member's id here.
    id: UserId,
    #[schema(example = "1001")]
    external_id: String,
    #[schema(example = "小明")]
    nickname: String,
    /// Empty when there is none.
    #[schema(example = "")]
    avatar: String,
    /// What was told of the member; an empty object when nothing was.
    #[schema(value_type = Object, example = json!({"plan": "gold"}))]
    attributes: Map<String, Value>,
    /// Whether admins have blocked the member.
    #[schema(example = false)]
    blocked: bool,
    /// When the member was first seen, in milliseconds since the epoch.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
}

/// Get a member
#[utoipa::path(
    get,
    path = "/open-api/members/{externalId}",
    operation_id = "open_get_member",
    tag = "open api",
    extensions(("x-errors" = json!(failures(&[Error::MemberNotFound]))))
)]
async fn open_get_member(
    Then(key, id): Then<Key<KeepMembers>, ExternalId>,
    db: web::Data<Db>,
) -> Result<Answer<KnownMember>> {
    let tenant = key.0.tenant;
    let member = db.run(move |connection| id.find(connection, tenant)).await?;
    Ok(Answer(KnownMember {
        id: member.key.user,
        attributes: visitor::attributes(member.attributes.as_deref()).unwrap_or_default(),
        external_id: member.external_id,
        nickname: member.nickname,
        avatar: member.avatar,
        blocked: member.blocked,
        create_time: member.created_at,
    }))
}

/// End all sessions of a member
///
/// For a logout in your system: the member's tokens that were issued until now are refused, and open sockets are closed with
/// 4002; within about a second at other nodes. Tokens that are issued in a later second are good.
#[utoipa::path(
    delete,
    path = "/open-api/members/{externalId}/sessions",
    operation_id = "open_end_sessions",
    tag = "open api",
    extensions(("x-errors" = json!(failures(&[Error::MemberNotFound]))))
)]
async fn open_end_sessions(
    Then(key, id): Then<Key<KeepMembers>, ExternalId>,
    db: web::Data<Db>,
    auth: web::Data<Auth>,
) -> Result<Answer<bool>> {
    let tenant = key.0.tenant;
    let member = db.run(move |connection| id.find(connection, tenant)).await?;
    auth.end_sessions(member.key, None).await?;
    Ok(Answer(true))
}
