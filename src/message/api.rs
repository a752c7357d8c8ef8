//! HTTP of messages (contract, "Member REST" and "Admin REST").

use actix_web::{HttpResponse, get, post, put, web};
use chrono::{NaiveDateTime, TimeZone};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::content::{self, ContentType};
use super::read::MarkRead;
use super::send::send;
use super::store::{self, Page};
use super::{MessageView, NewMessage, Sender};
use crate::auth::Principal;
use crate::auth::extract::{Admin, Member, QueryMessages, SendMessages, UpdateMessages};
use crate::clock::Millis;
use crate::conversation::{self, Head, Target};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::http::{Envelope, Json, Query, Then, ok};
use crate::id::{ConversationId, MessageId, TenantId, UserType};
use crate::limit::SendLimit;
use crate::settings::Settings;
use crate::telemetry::metrics::Metrics;
use crate::writer::Writer;

/// Registers the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(member_send)
        .service(member_list)
        .service(member_mark_read)
        .service(admin_send)
        .service(admin_list)
        .service(admin_mark_read);
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MemberSend {
    /// 1 text, 2 image, 3 voice, 4 video, 10 product, 11 order.
    #[validate(required)]
    #[schema(required, nullable = false, minimum = 1, maximum = 11, example = 1)]
    content_type: Option<i32>,
    /// By convention JSON: `{"text":"…"}`, `{"picUrl":"…"}`, …; a bare string is accepted. The longest is a setting, by
    /// default 2048 characters, and never more than 65,536 bytes.
    #[validate(required)]
    #[schema(required, nullable = false, min_length = 1, max_length = 65536)]
    content: Option<String>,
    /// Chosen by the client; a repeated send with the same one stores nothing and returns the first id (additive).
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    client_message_id: Option<String>,
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AdminSend {
    /// The conversation.
    #[validate(required)]
    #[schema(required, nullable = false)]
    conversation_id: Option<ConversationId>,
    /// 1 text, 2 image, 3 voice, 4 video, 5 system, 10 product, 11 order.
    #[validate(required)]
    #[schema(required, nullable = false, minimum = 1, maximum = 11, example = 1)]
    content_type: Option<i32>,
    /// By convention JSON: `{"text":"…"}`, `{"picUrl":"…"}`, …; a bare string is accepted. The longest is a setting, by
    /// default 2048 characters, and never more than 65,536 bytes.
    #[validate(required)]
    #[schema(required, nullable = false, min_length = 1, max_length = 65536)]
    content: Option<String>,
    /// Chosen by the client; a repeated send with the same one stores nothing and returns the first id (additive).
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    client_message_id: Option<String>,
}

/// Send a message
///
/// To the admins of the tenant; the first one creates the member's conversation. Every session of the member and of
/// every admin who may query messages receives it before the answer.
#[utoipa::path(
    tag = "member message",
    request_body(content = MemberSend, example = json!({"contentType": 1, "content": "{\"text\":\"你好\"}"})),
    responses((status = 200, body = Envelope<MessageId>)),
    extensions(("x-errors" = json!(["TooManyRequests"])))
)]
#[post("/app-api/promotion/kefu-message/send")]
async fn member_send(
    Then(member, request): Then<Member, Json<MemberSend>>,
    settings: web::Data<Settings>,
    limit: web::Data<SendLimit>,
    writer: web::Data<Writer>,
    metrics: web::Data<Metrics>,
) -> Result<HttpResponse> {
    let Json(MemberSend { content_type, content, client_message_id }) = request;
    let target = Target::OfMember(member.0.key.user);
    let message = new_message(&member.0, target, content_type, content, client_message_id, &settings)?;
    limit.check(member.0.key)?;
    Ok(ok(send(&writer, &metrics, message).await?))
}

/// Answer a member
#[utoipa::path(
    tag = "admin message",
    request_body(
        content = AdminSend,
        example = json!({"conversationId": 1, "contentType": 1, "content": "{\"text\":\"您好\"}"})
    ),
    responses((status = 200, body = Envelope<MessageId>)),
    extensions(
        ("x-permission" = json!("promotion:kefu-message:send")),
        ("x-errors" = json!(["ConversationNotFound", "TooManyRequests"]))
    )
)]
#[post("/admin-api/promotion/kefu-message/send")]
async fn admin_send(
    Then(admin, request): Then<Admin<SendMessages>, Json<AdminSend>>,
    settings: web::Data<Settings>,
    limit: web::Data<SendLimit>,
    writer: web::Data<Writer>,
    metrics: web::Data<Metrics>,
) -> Result<HttpResponse> {
    let Json(AdminSend { conversation_id, content_type, content, client_message_id }) = request;
    let target = Target::Id(conversation_id.ok_or(Error::Missing("conversationId".into()))?);
    let message = new_message(&admin.0, target, content_type, content, client_message_id, &settings)?;
    limit.check(admin.0.key)?;
    Ok(ok(send(&writer, &metrics, message).await?))
}

/// A message that keeps all rules. The extractor has made sure that the required fields are there.
fn new_message(
    sender: &Principal,
    target: Target,
    content_type: Option<i32>,
    content: Option<String>,
    client_message_id: Option<String>,
    settings: &Settings,
) -> Result<NewMessage> {
    let code = content_type.ok_or(Error::Missing("contentType".into()))?;
    let content = content.ok_or(Error::Missing("content".into()))?;
    let user_type = sender.key.user_type;
    let known = ContentType::from_code(code)
        .filter(|kind| !(*kind == ContentType::System && user_type == UserType::Member))
        .ok_or(Error::Invalid(Problem::new("contentType 不合法", "contentType is not valid")))?;
    content::check(known, &content, settings.limits.content_length)?;
    if client_message_id.as_ref().is_some_and(|id| id.contains('\0')) {
        return Err(Error::Invalid(Problem::new("clientMessageId 不合法", "clientMessageId is not valid")));
    }
    Ok(NewMessage {
        tenant: sender.key.tenant,
        sender: Sender { user_type, id: sender.key.user, avatar: sender.avatar.clone() },
        target,
        content_type: code,
        content,
        client_message_id,
    })
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct MemberList {
    /// Messages before this time, `yyyy-MM-dd HH:mm:ss` in the server's time zone, and on to the end of the last one's
    /// second: the stock clients' cursor.
    #[param(pattern = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$", example = "2036-11-21 12:00:00")]
    create_time: Option<String>,
    /// How many messages to return, 1–200; 10 by default.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Messages below this `seq`, newest first (additive).
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    before_seq: Option<i64>,
    /// Messages above this `seq`, oldest first (additive).
    #[validate(range(min = 0))]
    #[param(minimum = 0)]
    after_seq: Option<i64>,
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct AdminList {
    /// The conversation.
    conversation_id: ConversationId,
    /// Messages before this time, `yyyy-MM-dd HH:mm:ss` in the server's time zone, and on to the end of the last one's
    /// second: the stock clients' cursor.
    #[param(pattern = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$", example = "2036-11-21 12:00:00")]
    create_time: Option<String>,
    /// How many messages to return, 1–200; 10 by default.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Messages below this `seq`, newest first (additive).
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    before_seq: Option<i64>,
    /// Messages above this `seq`, oldest first (additive).
    #[validate(range(min = 0))]
    #[param(minimum = 0)]
    after_seq: Option<i64>,
}

/// List the member's messages
///
/// Newest first and on to the end of the last one's second, as the stock clients want; exactly `limit` with `beforeSeq`, and
/// oldest first with `afterSeq`; empty before the first message.
#[utoipa::path(
    tag = "member message",
    params(MemberList),
    responses((status = 200, body = Envelope<Vec<MessageView>>))
)]
#[get("/app-api/promotion/kefu-message/list")]
async fn member_list(
    Then(member, query): Then<Member, Query<MemberList>>,
    settings: web::Data<Settings>,
    db: web::Data<Db>,
) -> Result<HttpResponse> {
    let Query(MemberList { create_time, limit, before_seq, after_seq }) = query;
    let wanted = Wanted::new(create_time, limit, before_seq, after_seq, &settings)?;
    let key = member.0.key;
    let messages =
        db.run(move |connection| match conversation::head(connection, key.tenant, Target::OfMember(key.user))? {
            Some(head) => wanted.read(connection, key.tenant, head),
            None => Ok(Vec::new()),
        });
    Ok(ok(messages.await?))
}

/// List a conversation's messages
///
/// Newest first and on to the end of the last one's second, as the stock clients want; exactly `limit` with `beforeSeq`, and
/// oldest first with `afterSeq`.
#[utoipa::path(
    tag = "admin message",
    params(AdminList),
    responses((status = 200, body = Envelope<Vec<MessageView>>)),
    extensions(
        ("x-permission" = json!("promotion:kefu-message:query")),
        ("x-errors" = json!(["ConversationNotFound"]))
    )
)]
#[get("/admin-api/promotion/kefu-message/list")]
async fn admin_list(
    Then(admin, query): Then<Admin<QueryMessages>, Query<AdminList>>,
    settings: web::Data<Settings>,
    db: web::Data<Db>,
) -> Result<HttpResponse> {
    let Query(AdminList { conversation_id, create_time, limit, before_seq, after_seq }) = query;
    let wanted = Wanted::new(create_time, limit, before_seq, after_seq, &settings)?;
    let tenant = admin.0.key.tenant;
    let messages = db.run(move |connection| {
        let head = conversation::head(connection, tenant, Target::Id(conversation_id))?;
        wanted.read(connection, tenant, head.ok_or(Error::ConversationNotFound)?)
    });
    Ok(ok(messages.await?))
}

/// Which messages a list asks for; the most exact parameter wins.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Page(Page, i64),
    /// Before a time, or the newest.
    BeforeTime(Option<Millis>, i64),
}

impl Wanted {
    fn new(
        create_time: Option<String>,
        limit: Option<i64>,
        before_seq: Option<i64>,
        after_seq: Option<i64>,
        settings: &Settings,
    ) -> Result<Self> {
        const DEFAULT_LIMIT: i64 = 10;
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        Ok(match (after_seq, before_seq, create_time) {
            (Some(seq), _, _) => Self::Page(Page::After(seq), limit),
            (_, Some(seq), _) => Self::Page(Page::Before(seq), limit),
            // The first page of the stock clients goes on to the end of its last second, too: their next cursor is that
            // second's beginning.
            (_, _, text) => {
                let cursor = text.map(|text| parse_time(&text, settings.server.time_zone)).transpose()?;
                Self::BeforeTime(cursor, limit)
            }
        })
    }

    fn read(self, connection: &mut AnyConnection, tenant: TenantId, head: Head) -> Result<Vec<MessageView>> {
        match self {
            Self::Page(page, limit) => store::page(connection, tenant, head.id, page, limit),
            Self::BeforeTime(cursor, limit) => {
                store::page_before_time(connection, tenant, head.id, head.last_seq, cursor, limit)
            }
        }
    }
}

/// The instant of a time in a query string (contract, "JSON values"). A time that a clock change makes ambiguous is the
/// later instant, one that it skips the hour after: both show messages twice rather than never.
fn parse_time(text: &str, zone: chrono_tz::Tz) -> Result<Millis> {
    let local =
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").map_err(|_| Error::WrongType("createTime".into()))?;
    zone.from_local_datetime(&local)
        .latest()
        .or_else(|| {
            let later = local.checked_add_signed(chrono::TimeDelta::hours(1))?;
            zone.from_local_datetime(&later).latest()
        })
        .map(|time| time.timestamp_millis())
        .ok_or(Error::WrongType("createTime".into()))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ReadQuery {
    /// The conversation.
    conversation_id: ConversationId,
}

/// Mark the admins' messages as read
///
/// Everything that is in the member's conversation now.
#[utoipa::path(
    tag = "member message",
    params(ReadQuery),
    responses((status = 200, body = Envelope<bool>)),
    extensions(("x-errors" = json!(["ConversationNotFound"])))
)]
#[put("/app-api/promotion/kefu-message/update-read-status")]
async fn member_mark_read(
    Then(member, query): Then<Member, Query<ReadQuery>>,
    db: web::Data<Db>,
    writer: web::Data<Writer>,
) -> Result<HttpResponse> {
    mark_read(&member.0, Target::OfMember(member.0.key.user), query.0, &db, &writer).await
}

/// Mark the member's messages as read
///
/// Everything that is in the conversation now; `true` also when nothing was unread.
#[utoipa::path(
    tag = "admin message",
    params(ReadQuery),
    responses((status = 200, body = Envelope<bool>)),
    extensions(
        ("x-permission" = json!("promotion:kefu-message:update")),
        ("x-errors" = json!(["ConversationNotFound"]))
    )
)]
#[put("/admin-api/promotion/kefu-message/update-read-status")]
async fn admin_mark_read(
    Then(admin, query): Then<Admin<UpdateMessages>, Query<ReadQuery>>,
    db: web::Data<Db>,
    writer: web::Data<Writer>,
) -> Result<HttpResponse> {
    mark_read(&admin.0, Target::Id(query.0.conversation_id), query.0, &db, &writer).await
}

/// The stock console calls this at each push and scroll, mostly with nothing unread: then nothing is written.
async fn mark_read(
    by: &Principal,
    target: Target,
    ReadQuery { conversation_id }: ReadQuery,
    db: &Db,
    writer: &Writer,
) -> Result<HttpResponse> {
    let (tenant, reader) = (by.key.tenant, by.key.user_type);
    let head = db.run(move |connection| conversation::head(connection, tenant, target)).await?;
    let head = head.filter(|head| head.id == conversation_id).ok_or(Error::ConversationNotFound)?;
    if head.unread_count(reader) > 0 {
        writer.run(MarkRead { tenant, reader, target }).await?;
    }
    Ok(ok(true))
}
