//! What the admin console calls.

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{HistoryPage, InConversation, UpTo, Wanted, mark_read, send_body};
use crate::access::{ElseWithoutEffect, QueryMessages, SendMessages, UpdateMessages};
use crate::agent::sights::Sights;
use crate::auth::extract::Admin;
use crate::conversation::{self, Target};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::describe::failures;
use crate::http::{Answer, Json, Query, Then, routes};
use crate::id::{ConversationId, MessageId};
use crate::limit::RateLimits;
use crate::message::MessageView;
use crate::message::send::send;
use crate::settings::Settings;
use crate::task::Routing;
use crate::telemetry::metrics::Metrics;
use crate::tenant::Tenants;
use crate::writer::Writer;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => admin_send, admin_list, admin_mark_read);
}

/// The stock page marks as read whatever its admin may do, and would show an error at every message.
type MarkMessages = ElseWithoutEffect<UpdateMessages, QueryMessages>;

send_body! {
    /// An answer to a member.
    AdminSend {
        /// The conversation.
        conversation_id: ConversationId,
    }
}

/// Answer a member
#[utoipa::path(
    post,
    path = "/admin-api/promotion/kefu-message/send",
    tag = "admin message",
    request_body(
        content = AdminSend,
        example = json!({"conversationId": 1, "contentType": 1, "content": "{\"text\":\"您好\"}"})
    ),
    extensions(("x-errors" = json!(failures(&[
        Error::ConversationNotFound,
        Error::TooManyRequests { retry_after_s: 1 },
    ]))))
)]
async fn admin_send(
    Then(admin, Json(body)): Then<Admin<SendMessages>, Json<AdminSend>>,
    settings: web::Data<Settings>,
    limits: web::Data<RateLimits>,
    tenants: web::Data<Tenants>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
    metrics: web::Data<Metrics>,
) -> Result<Answer<MessageId>> {
    let target = Target::Id(body.conversation_id);
    let routing = Routing::of(&*tenants.settings(admin.0.key.tenant).await?);
    let message = body.message(&admin.0, target, &settings, routing)?;
    limits.sends.check(&admin.0.key)?;
    conversation::check_seen(&sights, &admin.0, target).await?;
    Ok(Answer(send(&writer, &metrics, message).await?))
}

/// List a conversation's messages
///
/// Newest first and on to the end of the last one's second, as the stock clients want; exactly `limit` with `beforeSeq`, and
/// oldest first with `afterSeq`.
#[utoipa::path(
    get,
    path = "/admin-api/promotion/kefu-message/list",
    tag = "admin message",
    extensions(("x-errors" = json!(failures(&[Error::ConversationNotFound]))))
)]
async fn admin_list(
    Then(admin, Then(Query(named), Query(page))): Then<
        Admin<QueryMessages>,
        Then<Query<InConversation>, Query<HistoryPage>>,
    >,
    settings: web::Data<Settings>,
    db: web::Data<Db>,
    sights: web::Data<Sights>,
) -> Result<Answer<Vec<MessageView>>> {
    let wanted = Wanted::new(page, &settings)?;
    let tenant = admin.0.key.tenant;
    let sight = sights.of(admin.0.key, admin.0.permissions).await?;
    let messages = db.run(move |connection| {
        let head = conversation::seen(connection, tenant, Target::Id(named.conversation_id), &sight)?;
        wanted.read(connection, head.ok_or(Error::ConversationNotFound)?)
    });
    Ok(Answer(messages.await?))
}

/// Mark the member's messages as read
///
/// Everything that is in the conversation now, or up to `seq`; `true` also when nothing was unread. Takes back
/// `mark-unread`. For an admin who may read messages and not mark them nothing changes, and the answer is `true` too: the
/// stock page calls this at every message.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-message/update-read-status",
    tag = "admin message",
    extensions(("x-errors" = json!(failures(&[Error::ConversationNotFound]))))
)]
async fn admin_mark_read(
    Then(admin, Then(Query(named), Query(up_to))): Then<Admin<MarkMessages>, Then<Query<InConversation>, Query<UpTo>>>,
    db: web::Data<Db>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
) -> Result<Answer<bool>> {
    let id = named.conversation_id;
    conversation::check_seen(&sights, &admin.0, Target::Id(id)).await?;
    mark_read(&admin.0, Target::Id(id), id, up_to, &db, &writer).await
}
