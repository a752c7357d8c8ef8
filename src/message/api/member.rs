//! What a member's client calls.

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{HistoryPage, InConversation, UpTo, Wanted, mark_read, send_body};
use crate::auth::extract::Member;
use crate::conversation::{self, Target};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::describe::failures;
use crate::http::{Answer, Json, Query, Then, routes};
use crate::id::MessageId;
use crate::limit::RateLimits;
use crate::message::MessageView;
use crate::message::send::send;
use crate::settings::Settings;
use crate::telemetry::metrics::Metrics;
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
    extensions(("x-errors" = json!(failures(&[Error::TooManyRequests { retry_after_s: 1 }]))))
)]
async fn member_send(
    Then(member, Json(body)): Then<Member, Json<MemberSend>>,
    settings: web::Data<Settings>,
    limits: web::Data<RateLimits>,
    writer: web::Data<Writer>,
    metrics: web::Data<Metrics>,
) -> Result<Answer<MessageId>> {
    let message = body.message(&member.0, Target::OfMember(member.0.key.user), &settings)?;
    limits.sends.check(&member.0.key)?;
    Ok(Answer(send(&writer, &metrics, message).await?))
}

/// List the member's messages
///
/// Newest first and on to the end of the last one's second, as the stock clients want; exactly `limit` with `beforeSeq`, and
/// oldest first with `afterSeq`; empty before the first message.
#[utoipa::path(get, path = "/app-api/promotion/kefu-message/list", tag = "member message")]
async fn member_list(
    Then(member, Query(page)): Then<Member, Query<HistoryPage>>,
    settings: web::Data<Settings>,
    db: web::Data<Db>,
) -> Result<Answer<Vec<MessageView>>> {
    let wanted = Wanted::new(page, &settings)?;
    let key = member.0.key;
    let messages =
        db.run(move |connection| match conversation::head(connection, key.tenant, Target::OfMember(key.user))? {
            Some(head) => wanted.read(connection, head),
            None => Ok(Vec::new()),
        });
    Ok(Answer(messages.await?))
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
