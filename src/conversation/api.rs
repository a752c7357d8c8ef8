//! HTTP of conversations (contract, "Admin REST").

use actix_web::{HttpResponse, delete, get, put, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::delete::Delete;
use super::pin::Pin;
use super::{ConversationView, Cursor, store};
use crate::auth::extract::{Admin, DeleteConversations, Member, QueryConversations, UpdateConversations};
use crate::db::Db;
use crate::error::{Error, Problem, Result};
use crate::http::{Envelope, Json, Query, Then, ok};
use crate::id::ConversationId;
use crate::writer::Writer;

/// Registers the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(list).service(get).service(pin).service(delete).service(get_own);
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Most conversations to return (additive); without it all of them, as the stock console wants.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// Continue below the conversation that carries this cursor (additive).
    #[param(max_length = 64, pattern = r"^[01]\.\d{1,16}\.\d{1,16}$")]
    cursor: Option<String>,
}

/// List conversations
///
/// All that admins have not deleted: pinned first, then by the newest message's time, descending.
#[utoipa::path(
    operation_id = "list_conversations",
    tag = "admin conversation",
    params(ListQuery),
    responses((status = 200, body = Envelope<Vec<ConversationView>>)),
    extensions(("x-permission" = json!("promotion:kefu-conversation:query")))
)]
#[get("/admin-api/promotion/kefu-conversation/list")]
async fn list(
    Then(admin, query): Then<Admin<QueryConversations>, Query<ListQuery>>,
    db: web::Data<Db>,
) -> Result<HttpResponse> {
    let Query(ListQuery { limit, cursor }) = query;
    let cursor = cursor
        .map(|text| Cursor::parse(&text).ok_or(Error::Invalid(Problem::new("cursor 不合法", "cursor is not valid"))))
        .transpose()?;
    let tenant = admin.0.key.tenant;
    Ok(ok(db.run(move |connection| store::list(connection, tenant, limit, cursor)).await?))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct IdQuery {
    /// The conversation.
    id: ConversationId,
}

/// Get a conversation
///
/// One conversation, deleted by admins or not; `null` when there is none.
#[utoipa::path(
    operation_id = "get_conversation",
    tag = "admin conversation",
    params(IdQuery),
    responses((status = 200, body = Envelope<ConversationView>)),
    extensions(("x-permission" = json!("promotion:kefu-conversation:query")))
)]
#[get("/admin-api/promotion/kefu-conversation/get")]
async fn get(
    Then(admin, query): Then<Admin<QueryConversations>, Query<IdQuery>>,
    db: web::Data<Db>,
) -> Result<HttpResponse> {
    let (tenant, id) = (admin.0.key.tenant, query.0.id);
    Ok(ok(db.run(move |connection| store::get(connection, tenant, id)).await?))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PinRequest {
    /// The conversation.
    #[validate(required)]
    #[schema(required, nullable = false)]
    id: Option<ConversationId>,
    /// Whether admins see it pinned from now on.
    #[validate(required)]
    #[schema(required, nullable = false, example = true)]
    admin_pinned: Option<bool>,
}

/// Pin or unpin a conversation
#[utoipa::path(
    operation_id = "pin_conversation",
    tag = "admin conversation",
    request_body = PinRequest,
    responses((status = 200, body = Envelope<bool>)),
    extensions(
        ("x-permission" = json!("promotion:kefu-conversation:update")),
        ("x-errors" = json!(["ConversationNotFound"]))
    )
)]
#[put("/admin-api/promotion/kefu-conversation/update-conversation-pinned")]
async fn pin(
    Then(admin, request): Then<Admin<UpdateConversations>, Json<PinRequest>>,
    writer: web::Data<Writer>,
) -> Result<HttpResponse> {
    // Both are there: the extractor has checked it.
    let Json(PinRequest { id: Some(id), admin_pinned: Some(pinned) }) = request else {
        return Err(Error::Missing("id".into()));
    };
    writer.run(Pin { tenant: admin.0.key.tenant, conversation: id, pinned }).await?;
    Ok(ok(true))
}

/// Delete a conversation from the admins' list
///
/// Its messages stay, and the next message brings it back.
#[utoipa::path(
    operation_id = "delete_conversation",
    tag = "admin conversation",
    params(IdQuery),
    responses((status = 200, body = Envelope<bool>)),
    extensions(
        ("x-permission" = json!("promotion:kefu-conversation:delete")),
        ("x-errors" = json!(["ConversationNotFound"]))
    )
)]
#[delete("/admin-api/promotion/kefu-conversation/delete")]
async fn delete(
    Then(admin, query): Then<Admin<DeleteConversations>, Query<IdQuery>>,
    writer: web::Data<Writer>,
) -> Result<HttpResponse> {
    writer.run(Delete { tenant: admin.0.key.tenant, conversation: query.0.id }).await?;
    Ok(ok(true))
}

/// Get the member's own conversation (additive)
///
/// With the member's unread count; `null` before the first message.
#[utoipa::path(
    operation_id = "get_own_conversation",
    tag = "member message",
    responses((status = 200, body = Envelope<ConversationView>)),
)]
#[get("/app-api/promotion/kefu-conversation/get")]
async fn get_own(member: Member, db: web::Data<Db>) -> Result<HttpResponse> {
    let key = member.0.key;
    Ok(ok(db.run(move |connection| store::get_by_member(connection, key.tenant, key.user)).await?))
}
