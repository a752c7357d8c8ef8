//! What a member's client calls.

use actix_web::{HttpRequest, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::{HistoryPage, InConversation, UpTo, Wanted, mark_read, send_body};
use crate::auth::extract::{Member, WritingMember};
use crate::conversation::{self, Head, Target};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::http::describe::failures;
use crate::http::{Answer, Json, Query, Then, routes};
use crate::id::{ConversationId, MessageId, UserKey};
use crate::limit::RateLimits;
use crate::message::MessageView;
use crate::message::send::send;
use crate::settings::Settings;
use crate::task::Routing;
use crate::telemetry::metrics::Metrics;
use crate::tenant::Tenants;
use crate::visitor::Visitors;
use crate::writer::Writer;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => member_send, member_list, member_mark_read);
}

send_body! {
    /// A message to the admins.
    MemberSend {}
}

/// Send a message
///
/// To the admins of the tenant; the first one creates the member's conversation. Every socket of the member and of
/// every admin who may query messages receives it before the answer.
#[utoipa::path(
    post,
    path = "/app-api/promotion/kefu-message/send",
    tag = "member message",
    request_body(content = MemberSend, example = json!({"contentType": 1, "content": "{\"text\":\"你好\"}"})),
    extensions(("x-errors" = json!(failures(&[Error::Blocked, Error::TooManyRequests { retry_after_s: 1 }]))))
)]
#[expect(clippy::too_many_arguments, reason = "one for each service that it uses")]
async fn member_send(
    Then(member, Json(body)): Then<WritingMember, Json<MemberSend>>,
    request: HttpRequest,
    settings: web::Data<Settings>,
    visitors: web::Data<Visitors>,
    limits: web::Data<RateLimits>,
    tenants: web::Data<Tenants>,
    writer: web::Data<Writer>,
    metrics: web::Data<Metrics>,
) -> Result<Answer<MessageId>> {
    let routing = Routing::of(&*tenants.settings(member.0.key.tenant).await?);
    let message = body.message(&member.0, Target::OfMember(member.0.key.user), &settings, routing)?;
    limits.sends.check(&member.0.key)?;
    if member.0.is_visitor() {
        visitors.check_first_message(member.0.key, &request, &limits).await?;
    }
    Ok(Answer(send(&writer, &metrics, message).await?))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Earlier {
    /// One of the conversations that `kefu-conversation/get` names as `earlier`; without it, and with any other, the member's
    /// own. Stock clients send all sorts of things here.
    #[param(value_type = Option<ConversationId>, example = 1)]
    conversation_id: Option<String>,
}

/// List the member's messages
///
/// Newest first and on to the end of the last one's second, as the stock clients want; exactly `limit` with `beforeSeq`, and
/// oldest first with `afterSeq`; empty before the first message.
#[utoipa::path(get, path = "/app-api/promotion/kefu-message/list", tag = "member message")]
async fn member_list(
    Then(member, Then(Query(page), Query(earlier))): Then<Member, Then<Query<HistoryPage>, Query<Earlier>>>,
    settings: web::Data<Settings>,
    db: web::Data<Db>,
) -> Result<Answer<Vec<MessageView>>> {
    let wanted = Wanted::new(page, &settings)?;
    let key = member.0.key;
    let named = earlier.conversation_id.and_then(|text| text.parse().ok()).and_then(|id: i64| id.try_into().ok());
    let messages = db.run(move |connection| match read_head(connection, key, named)? {
        Some(head) => wanted.read(connection, head),
        None => Ok(Vec::new()),
    });
    Ok(Answer(messages.await?))
}

/// The earlier conversation that is named, or the member's own.
fn read_head(connection: &mut AnyConnection, key: UserKey, named: Option<ConversationId>) -> Result<Option<Head>> {
    let own = conversation::head(connection, key.tenant, Target::OfMember(key.user))?;
    let other = named.filter(|named| own.is_none_or(|own| own.id != *named));
    let earlier = other.map(|id| conversation::earlier_head(connection, key.tenant, key.user, id)).transpose()?;
    Ok(earlier.flatten().or(own))
}

/// Mark the admins' messages as read
///
/// Everything that is in the member's conversation now, or up to `seq`.
#[utoipa::path(
    put,
    path = "/app-api/promotion/kefu-message/update-read-status",
    tag = "member message",
    extensions(("x-errors" = json!(failures(&[Error::ConversationNotFound]))))
)]
async fn member_mark_read(
    Then(member, Then(Query(named), Query(up_to))): Then<Member, Then<Query<InConversation>, Query<UpTo>>>,
    db: web::Data<Db>,
    writer: web::Data<Writer>,
) -> Result<Answer<bool>> {
    let own = Target::OfMember(member.0.key.user);
    mark_read(&member.0, own, named.conversation_id, up_to, &db, &writer).await
}
