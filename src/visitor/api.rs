//! HTTP: what the widget calls for a visitor (docs/contract.md#visitors).

use actix_web::{HttpRequest, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::link::{Link, Linked};
use super::{ProfileUpdate, Visitors, profile};
use crate::account;
use crate::auth::extract::{Visitor, WritingMember};
use crate::auth::origin::Origin;
use crate::auth::visitor::{VisitorLogin, VisitorToken};
use crate::auth::{Auth, Tokens};
use crate::channel::Channels;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::http::address::ClientAddress;
use crate::http::describe::{failures, failures_with_status};
use crate::http::{Answer, Data, Json, Then, routes};
use crate::id::{ChannelId, ConversationId};
use crate::limit::RateLimits;
use crate::task::Routing;
use crate::tenant::Tenants;
use crate::writer::Writer;

/// Registers the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => token, update, page, link);
}

/// Which site asks, and who the visitor was.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = VisitorTokenRequest)]
#[serde(rename_all = "camelCase")]
struct TokenRequest {
    /// The key of the site's channel.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "wk_3kq7m2x9c4tn8vbr5yhd6pwj")]
    key: String,
    /// The `refreshToken` of the last answer. Without one, and with one that has expired, has ended or is another key's, a
    /// visitor is made.
    #[schema(nullable = false, example = "eyJ0eXAiOiJKV1Qi…")]
    visitor_token: Option<String>,
    /// What a new visitor is called; by default 访客 and a number.
    #[validate(length(min = 1, max = 64))]
    #[schema(nullable = false, min_length = 1, max_length = 64, example = "小明")]
    nickname: Option<String>,
}

/// Get a visitor's tokens
///
/// For the first message or a form, not for a look at the page: a new visitor is a new member. The refresh token rotates; the
/// one before stays good for a minute, for a second tab. `Retry-After` tells when an address may have more visitors.
#[utoipa::path(
    post,
    path = "/app-api/promotion/kefu-visitor/token",
    operation_id = "get_visitor_tokens",
    tag = "visitor",
    extensions(
        ("x-errors" = json!(failures(&[Error::NotFound, Error::TooManyRequests { retry_after_s: 1 }]))),
        ("x-error-statuses" = json!(failures_with_status(&[("403", Error::OriginForbidden)])))
    )
)]
async fn token(
    auth: web::Data<Auth>,
    address: web::Data<ClientAddress>,
    channels: web::Data<Channels>,
    limits: web::Data<RateLimits>,
    request: HttpRequest,
    Json(body): Json<TokenRequest>,
) -> Result<Answer<Tokens>> {
    let channel = channels.by_key(&body.key).ok_or(Error::NotFound)?;
    channel.admit(&request)?;
    let nickname = body.nickname.as_deref().map(profile::nickname).transpose()?;
    let (id, tenant, address) = (channel.id, channel.tenant, address.of(&request));
    let origin = Origin::of(&request, address);
    if let Some(token) = &body.visitor_token
        && let Some(tokens) = auth.continue_visitor(id, token, origin.clone()).await?
    {
        return Ok(Answer(tokens));
    }
    limits.new_visitor(address, id)?;
    let make = move |connection: &mut AnyConnection, now| profile::make(connection, tenant, id, nickname.clone(), now);
    Ok(Answer(auth.begin_visitor(id, origin, make).await?))
}

/// What a visitor tells; what is left out stays.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = VisitorUpdate)]
struct UpdateRequest {
    /// The name.
    #[validate(length(min = 1, max = 64))]
    #[schema(nullable = false, min_length = 1, max_length = 64, example = "小明")]
    nickname: Option<String>,
    /// Kept as the attribute `email`.
    #[validate(length(min = 3, max = 254))]
    #[schema(nullable = false, min_length = 3, max_length = 254, example = "ming@shop.example")]
    email: Option<String>,
    /// Kept as the attribute `phone`.
    #[validate(length(min = 1, max = 32))]
    #[schema(nullable = false, min_length = 1, max_length = 32, example = "13800000000")]
    phone: Option<String>,
    /// Anything else, by name; `null` takes an attribute away. All of them together have at most 4096 bytes of JSON.
    #[schema(nullable = false, value_type = Option<Object>, example = json!({"plan": "gold"}))]
    attributes: Option<Map<String, Value>>,
}

/// Tell who the visitor is
///
/// Admins see it beside the conversation. Such things are what the visitor says, not what the site knows.
#[utoipa::path(
    put,
    path = "/app-api/promotion/kefu-visitor/update",
    operation_id = "update_visitor",
    tag = "visitor",
    extensions(("x-errors" = json!(failures(&[Error::Blocked, Error::TooManyRequests { retry_after_s: 1 }]))))
)]
async fn update(
    Then(Visitor(visitor), Json(body)): Then<Visitor, Json<UpdateRequest>>,
    auth: web::Data<Auth>,
    db: web::Data<Db>,
    limits: web::Data<RateLimits>,
    visitors: web::Data<Visitors>,
) -> Result<Answer<bool>> {
    let (key, now) = (visitor.key, auth.clock().now());
    let UpdateRequest { nickname, email, phone, attributes } = body;
    let update = ProfileUpdate::new(nickname.as_deref(), email, phone, attributes)?;
    limits.visitor_updates.check(&key)?;
    if db.write(move |connection| profile::update(connection, key, &update, now)).await? {
        auth.forget(key);
        visitors.member_changed(key).await;
    }
    Ok(Answer(true))
}

/// The page that a visitor looks at.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = VisitorPageUpdate)]
struct PageRequest {
    /// Its address.
    #[validate(length(min = 1, max = 1024))]
    #[schema(min_length = 1, max_length = 1024, example = "https://shop.example/cart")]
    url: String,
    /// Its title; a longer one is cut to 255 characters.
    #[serde(default)]
    #[schema(required = false, example = "购物车")]
    title: String,
}

/// Tell where the visitor is
///
/// Admins see the last page beside the conversation.
#[utoipa::path(
    put,
    path = "/app-api/promotion/kefu-visitor/page",
    operation_id = "set_visitor_page",
    tag = "visitor",
    extensions(("x-errors" = json!(failures(&[Error::Blocked, Error::TooManyRequests { retry_after_s: 1 }]))))
)]
async fn page(
    Then(Visitor(visitor), Json(PageRequest { url, title })): Then<Visitor, Json<PageRequest>>,
    auth: web::Data<Auth>,
    db: web::Data<Db>,
    limits: web::Data<RateLimits>,
    visitors: web::Data<Visitors>,
) -> Result<Answer<bool>> {
    let key = visitor.key;
    let page = profile::page(&url, &title, auth.clock().now())?;
    limits.visitor_updates.check(&key)?;
    if db.write(move |connection| profile::set_page(connection, key, &page)).await? {
        visitors.member_changed(key).await;
    }
    Ok(Answer(true))
}

/// Who the member was as a visitor.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(as = VisitorLinkRequest)]
#[serde(rename_all = "camelCase")]
struct LinkRequest {
    /// The visitor's last `refreshToken`.
    #[schema(example = "eyJ0eXAiOiJKV1Qi…")]
    visitor_token: String,
}

/// What has become of the visitor's conversation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VisitorLink)]
#[serde(rename_all = "camelCase")]
struct LinkView {
    /// The member's own conversation from now on; `null` before the first message.
    conversation_id: Option<ConversationId>,
    /// Whether it is the one that the visitor had. Otherwise `kefu-conversation/get` names that one as `earlier`.
    #[schema(example = true)]
    merged: bool,
}

impl Data for LinkView {}

/// Link what a visitor wrote to the member who the visitor is
///
/// With the member's token. A member without a conversation gets the visitor's; beside one it becomes an earlier one that can
/// only be read. The visitor's logins end. The same call again has the same answer; for another member the token does not count
/// any more.
#[utoipa::path(
    post,
    path = "/app-api/promotion/kefu-visitor/link",
    operation_id = "link_visitor",
    tag = "visitor",
    extensions(
        ("x-errors" = json!(failures(&[
            Error::RefreshTokenInvalid,
            Error::Blocked,
            Error::TooManyRequests { retry_after_s: 1 },
        ]))),
        ("x-error-statuses" = json!(failures_with_status(&[("403", Error::OriginForbidden)])))
    )
)]
#[expect(clippy::too_many_arguments, reason = "one for each service that it uses")]
async fn link(
    Then(WritingMember(member), Json(body)): Then<WritingMember, Json<LinkRequest>>,
    request: HttpRequest,
    auth: web::Data<Auth>,
    channels: web::Data<Channels>,
    db: web::Data<Db>,
    limits: web::Data<RateLimits>,
    tenants: web::Data<Tenants>,
    writer: web::Data<Writer>,
) -> Result<Answer<LinkView>> {
    let key = member.key;
    if member.is_visitor() {
        return Err(Error::Forbidden);
    }
    limits.calls.check(&key)?;
    let token = auth.visitor_token(&body.visitor_token).filter(|token| token.key().tenant == key.tenant);
    let token = token.ok_or(Error::RefreshTokenInvalid)?;
    let channel = may_link(&auth, &db, token).await?;
    channels.admit(channel, &request)?;
    let routing = Routing::of(&*tenants.settings(key.tenant).await?);
    let Linked { conversation, merged, ended } =
        writer.run(Link { tenant: key.tenant, member: key.user, token, routing }).await?;
    auth.visitor_linked(token.key(), &ended);
    Ok(Answer(LinkView { conversation_id: conversation, merged }))
}

/// The channel of a visitor whose token may be looked at. What the token is good for is decided under the conversations' locks.
async fn may_link(auth: &Auth, db: &Db, token: VisitorToken) -> Result<ChannelId> {
    let (visitor, now) = (token.key(), auth.clock().now());
    let read = move |connection: &mut AnyConnection| {
        let blocked = account::member(connection, visitor.tenant, visitor.user)?.is_some_and(|member| member.blocked);
        Ok((token.login(connection, now)?, blocked))
    };
    match db.run(read).await? {
        (None, _) => Err(Error::RefreshTokenInvalid),
        (Some(VisitorLogin::Outdated(_)), _) => {
            auth.end_reused(token).await?;
            Err(Error::RefreshTokenInvalid)
        }
        // A block is not lost by logging in, nor does it come upon whoever uses the same browser.
        (Some(_), true) => Err(Error::Blocked),
        (Some(login), false) => Ok(login.channel()),
    }
}
