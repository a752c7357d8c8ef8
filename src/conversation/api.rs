//! HTTP of conversations (docs/contract.md#admin-rest).

use actix_web::web;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::delete::Delete;
use super::mark_unread::MarkUnread;
use super::open::Open;
use super::pin::Pin;
use super::{ConversationCounts, ConversationView, Cursor, Target, check_seen, store};
use crate::access::{DeleteConversations, QueryConversations, Sight, UpdateConversations};
use crate::account;
use crate::agent::sights::Sights;
use crate::auth::extract::{Admin, Member};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::http::describe::failures;
use crate::http::{Answer, Data, Json, Query, Then, routes};
use crate::id::{ConversationId, GroupId, UserId};
use crate::limit::RateLimits;
use crate::writer::Writer;

/// Registers the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => list, counts, get, open, pin, mark_unread, delete, get_own);
}

impl Data for ConversationView {
    fn json_bytes(&self) -> usize {
        // Names, numbers and times.
        384 + self.last_message_content.len()
    }
}

impl Data for ConversationCounts {}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Most conversations to return; without it all of them, as the stock console wants.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// Continue below the conversation that carries this cursor.
    #[param(max_length = 64, pattern = r"^[01]\.\d{1,16}\.\d{1,16}$")]
    cursor: Option<String>,
    /// Only those whose member is found by this text: the beginning of a word of the nickname in upper or lower case, or
    /// the member's id here or in the integrator's system. The first 1000 members that a text finds are looked at.
    #[validate(length(max = 64))]
    #[param(max_length = 64, example = "小明")]
    q: Option<String>,
    /// Only those with unread messages, and those that were marked as unread.
    unread: Option<bool>,
    /// Only those whose open round of service is in these states, numbers with commas between them.
    #[validate(length(max = 64))]
    #[param(max_length = 64, pattern = r"^[0-4](,[0-4])*$", example = "3,4")]
    state: Option<String>,
    /// Only those that this agent serves, or served last.
    agent_id: Option<UserId>,
    /// Only those of this group of agents.
    group_id: Option<GroupId>,
    /// Whether rows have `lastMessageAdminId`, too.
    last_admin: Option<bool>,
}

/// List conversations
///
/// All that admins have not deleted: pinned first, then by the newest message's time, descending.
#[utoipa::path(
    get,
    path = "/admin-api/promotion/kefu-conversation/list",
    operation_id = "list_conversations",
    tag = "admin conversation"
)]
async fn list(
    Then(admin, query): Then<Admin<QueryConversations>, Query<ListQuery>>,
    db: web::Data<Db>,
    sights: web::Data<Sights>,
) -> Result<Answer<Vec<ConversationView>>> {
    let Query(ListQuery { limit, cursor, q, unread, state, agent_id: agent, group_id: group, last_admin }) = query;
    let cursor = cursor
        .map(|text| Cursor::parse(&text).ok_or(Error::Invalid(Problem::new("翻页位置不合法", "cursor is not valid"))))
        .transpose()?;
    let tenant = admin.0.key.tenant;
    let sight = sights.of(admin.0.key, admin.0.permissions).await?;
    let number = |text: &str| text.parse().ok().filter(|state| (0..=4).contains(state));
    let unknown = || Error::Invalid(Problem::new("状态不合法", "state is not valid"));
    let states = state.map(|text| text.split(',').map(number).collect::<Option<Vec<i32>>>().ok_or_else(unknown));
    let states = states.transpose()?.unwrap_or_default();
    let filter = store::ListFilter { unread_only: unread.unwrap_or(false), states, agent, group };
    let q = q.filter(|text| !text.trim().is_empty());
    let read = move |connection: &mut AnyConnection| match &q {
        Some(text) => {
            let members = account::find_members(connection, tenant, text)?;
            store::list_of_members(connection, tenant, &sight, &members, &filter, limit, cursor)
        }
        None => store::list(connection, tenant, &sight, &filter, limit, cursor),
    };
    let mut found = db.run(read).await?;
    show_last_admin(&mut found, last_admin);
    Ok(Answer(found))
}

/// Stock clients get the fields that they know: this one only comes to who asks for it.
fn show_last_admin(views: &mut [ConversationView], wanted: Option<bool>) {
    if wanted != Some(true) {
        views.iter_mut().for_each(|view| view.last_message_admin_id = None);
    }
}

/// Count conversations
///
/// The numbers beside the tabs of a console's list; 10,000 means that or more.
#[utoipa::path(
    get,
    path = "/admin-api/promotion/kefu-conversation/counts",
    operation_id = "count_conversations",
    tag = "admin conversation"
)]
async fn counts(
    admin: Admin<QueryConversations>,
    db: web::Data<Db>,
    sights: web::Data<Sights>,
) -> Result<Answer<ConversationCounts>> {
    let tenant = admin.0.key.tenant;
    let sight = sights.of(admin.0.key, admin.0.permissions).await?;
    Ok(Answer(db.run(move |connection| store::counts(connection, tenant, &sight)).await?))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OpenRequest {
    /// The member.
    user_id: UserId,
}

/// Begin a conversation with a member
///
/// Answers the conversation's id. A member who has none gets one, and one that admins have deleted from their list comes
/// back to it.
#[utoipa::path(
    post,
    path = "/admin-api/promotion/kefu-conversation/open",
    operation_id = "open_conversation",
    tag = "admin conversation",
    extensions(
        ("x-errors" = json!(failures(&[Error::ConversationNotFound, Error::TooManyRequests { retry_after_s: 1 }])))
    )
)]
async fn open(
    Then(admin, Json(OpenRequest { user_id: member })): Then<Admin<UpdateConversations>, Json<OpenRequest>>,
    db: web::Data<Db>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
    limits: web::Data<RateLimits>,
) -> Result<Answer<ConversationId>> {
    let key = admin.0.key;
    limits.calls.check(&key)?;
    let known = db.run(move |connection| account::member(connection, key.tenant, member)).await?;
    known.ok_or(Error::ConversationNotFound)?;
    let sight = sights.of(key, admin.0.permissions).await?;
    let own = move |connection: &mut AnyConnection| {
        let target = Target::OfMember(member);
        let is_hidden = sight != Sight::All
            && store::head(connection, key.tenant, target)?.is_some()
            && store::seen(connection, key.tenant, target, &sight)?.is_none();
        if is_hidden { Err(Error::ConversationNotFound) } else { Ok(()) }
    };
    db.run(own).await?;
    Ok(Answer(writer.run(Open { tenant: key.tenant, member }).await?))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct GetQuery {
    /// The conversation.
    id: ConversationId,
    /// Whether it has `lastMessageAdminId`, too.
    last_admin: Option<bool>,
}

/// Get a conversation
///
/// One conversation, deleted by admins or not; `null` when there is none.
#[utoipa::path(
    get,
    path = "/admin-api/promotion/kefu-conversation/get",
    operation_id = "get_conversation",
    tag = "admin conversation"
)]
async fn get(
    Then(admin, query): Then<Admin<QueryConversations>, Query<GetQuery>>,
    db: web::Data<Db>,
    sights: web::Data<Sights>,
) -> Result<Answer<Option<ConversationView>>> {
    let (tenant, Query(GetQuery { id, last_admin })) = (admin.0.key.tenant, query);
    let sight = sights.of(admin.0.key, admin.0.permissions).await?;
    let mut found = db.run(move |connection| store::get(connection, tenant, id, &sight)).await?;
    show_last_admin(found.as_mut_slice(), last_admin);
    Ok(Answer(found))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PinRequest {
    /// The conversation.
    id: ConversationId,
    /// Whether admins see it pinned from now on.
    #[schema(example = true)]
    admin_pinned: bool,
}

/// Pin or unpin a conversation
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-conversation/update-conversation-pinned",
    operation_id = "pin_conversation",
    tag = "admin conversation",
    extensions(
        ("x-errors" = json!(failures(&[Error::ConversationNotFound])))
    )
)]
async fn pin(
    Then(admin, Json(request)): Then<Admin<UpdateConversations>, Json<PinRequest>>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
) -> Result<Answer<bool>> {
    let PinRequest { id, admin_pinned: pinned } = request;
    check_seen(&sights, &admin.0, Target::Id(id)).await?;
    writer.run(Pin { tenant: admin.0.key.tenant, conversation: id, pinned }).await?;
    Ok(Answer(true))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
struct MarkUnreadRequest {
    /// The conversation.
    id: ConversationId,
}

/// Mark a conversation as unread
///
/// A reminder for the admins: it changes no count, message or read tick. The next time that an admin marks the
/// conversation as read it is gone.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-conversation/mark-unread",
    operation_id = "mark_conversation_unread",
    tag = "admin conversation",
    extensions(
        ("x-errors" = json!(failures(&[Error::ConversationNotFound])))
    )
)]
async fn mark_unread(
    Then(admin, Json(request)): Then<Admin<UpdateConversations>, Json<MarkUnreadRequest>>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
) -> Result<Answer<bool>> {
    check_seen(&sights, &admin.0, Target::Id(request.id)).await?;
    writer.run(MarkUnread { tenant: admin.0.key.tenant, conversation: request.id }).await?;
    Ok(Answer(true))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct IdQuery {
    /// The conversation.
    id: ConversationId,
}

/// Delete a conversation from the admins' list
///
/// Its messages stay, and the next message brings it back.
#[utoipa::path(
    delete,
    path = "/admin-api/promotion/kefu-conversation/delete",
    operation_id = "delete_conversation",
    tag = "admin conversation",
    extensions(
        ("x-errors" = json!(failures(&[Error::ConversationNotFound])))
    )
)]
async fn delete(
    Then(admin, query): Then<Admin<DeleteConversations>, Query<IdQuery>>,
    sights: web::Data<Sights>,
    writer: web::Data<Writer>,
) -> Result<Answer<bool>> {
    check_seen(&sights, &admin.0, Target::Id(query.0.id)).await?;
    writer.run(Delete { tenant: admin.0.key.tenant, conversation: query.0.id }).await?;
    Ok(Answer(true))
}

/// Get the member's own conversation
///
/// With the member's unread count; `null` before the first message.
#[utoipa::path(
    get,
    path = "/app-api/promotion/kefu-conversation/get",
    operation_id = "get_own_conversation",
    tag = "member message"
)]
async fn get_own(member: Member, db: web::Data<Db>) -> Result<Answer<Option<ConversationView>>> {
    let key = member.0.key;
    Ok(Answer(db.run(move |connection| store::get_by_member(connection, key.tenant, key.user)).await?))
}
