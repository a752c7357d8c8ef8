//! HTTP of messages (docs/contract.md#member-rest, docs/contract.md#admin-rest): what both sides have in common, `member` and `admin`, and of other programs, `open`.

mod admin;
mod member;
mod open;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::content::{Content, ContentType};
use super::read::MarkRead;
use super::store::{self, Page};
use super::{MessageView, NewMessage, Sender};
use crate::access::Permission;
use crate::auth::Principal;
use crate::clock::Millis;
use crate::conversation::{self, Head, Target};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::http::{Answer, parse_time};
use crate::id::{ConversationId, TenantId, UserType};
use crate::settings::Settings;
use crate::writer::Writer;

/// Registers the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(member::routes).configure(admin::routes).configure(open::routes);
}

/// Declares the body of a send: what one side names in addition, then what both send.
macro_rules! send_body {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, serde::Deserialize, validator::Validate, utoipa::ToSchema)]
        #[serde(rename_all = "camelCase")]
        struct $name {
            $($(#[$field_doc])* $field: $type,)*
            /// What the content is; only admins send 5.
            #[schema(value_type = crate::fact::ContentType, example = 1)]
            content_type: i32,
            /// By convention JSON: `{"text":"…"}`, `{"picUrl":"…"}`, …; a bare string is accepted. The longest is a setting,
            /// by default 2048 characters, and never more than 65,536 bytes.
            #[schema(min_length = 1, max_length = 65536)]
            content: String,
            /// Chosen by the client; a repeated send with the same one stores nothing and returns the first id.
            #[validate(length(min = 1, max = 64))]
            #[schema(min_length = 1, max_length = 64)]
            client_message_id: Option<String>,
        }

        impl $name {
            /// A message that keeps all rules.
            fn message(
                self,
                sender: &crate::auth::Principal,
                target: crate::conversation::Target,
                settings: &crate::settings::Settings,
                routing: Option<crate::task::Routing>,
            ) -> crate::error::Result<crate::message::NewMessage> {
                let message = crate::message::api::new_message(
                    sender.key.tenant,
                    crate::message::Sender::of(sender),
                    target,
                    self.content_type,
                    self.content,
                    self.client_message_id,
                    settings,
                )?;
                Ok(crate::message::NewMessage { routing, channel: sender.channel, ..message })
            }
        }
    };
}
use send_body;

fn new_message(
    tenant: TenantId,
    sender: Sender,
    target: Target,
    content_type: i32,
    content: String,
    client_message_id: Option<String>,
    settings: &Settings,
) -> Result<NewMessage> {
    let user_type = sender.user_type;
    let content = Content::parse(content_type, content, settings.limits.content_length)?;
    if content.kind() == ContentType::System && user_type == UserType::Member {
        return Err(Error::Invalid(Problem::new("不支持的消息类型", "contentType is not valid")));
    }
    if client_message_id.as_ref().is_some_and(|id| id.contains('\0')) {
        return Err(Error::Invalid(Problem::new("消息编号不合法", "clientMessageId is not valid")));
    }
    Ok(NewMessage {
        tenant,
        sender,
        target,
        content,
        client_message_id,
        routing: None,
        channel: None,
        by_program: false,
    })
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct InConversation {
    /// The conversation.
    conversation_id: ConversationId,
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct UpTo {
    /// Only up to this `seq`: later messages stay unread and counted. Above the last one, as without it, all are marked.
    #[validate(range(min = 0))]
    #[param(minimum = 0)]
    seq: Option<i64>,
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct HistoryPage {
    /// Messages before this time, `yyyy-MM-dd HH:mm:ss` in the server's time zone, and on to the end of the last one's
    /// second: the stock clients' cursor.
    #[param(pattern = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$", example = "2036-11-21 12:00:00")]
    create_time: Option<String>,
    /// How many messages to return, 1–200; 10 by default.
    #[validate(range(min = 1, max = 200))]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Messages below this `seq`, newest first.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    before_seq: Option<i64>,
    /// Messages above this `seq`, oldest first.
    #[validate(range(min = 0))]
    #[param(minimum = 0)]
    after_seq: Option<i64>,
}

/// Which messages a list asks for; the most exact parameter wins.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    Page(Page, i64),
    /// Before a time, or the newest.
    BeforeTime(Option<Millis>, i64),
}

impl Wanted {
    fn new(page: HistoryPage, settings: &Settings) -> Result<Self> {
        const DEFAULT_LIMIT: i64 = 10;
        let HistoryPage { create_time, limit, before_seq, after_seq } = page;
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        Ok(match (after_seq, before_seq, create_time) {
            (Some(seq), _, _) => Self::Page(Page::After(seq), limit),
            (_, Some(seq), _) => Self::Page(Page::Before(seq), limit),
            // The first page of the stock clients goes on to the end of its last second, too: their next cursor is that
            // second's beginning.
            (_, _, text) => {
                let cursor = text.map(|text| parse_time("createTime", &text, settings.server.time_zone)).transpose()?;
                Self::BeforeTime(cursor, limit)
            }
        })
    }

    fn read(self, connection: &mut AnyConnection, head: Head) -> Result<Vec<MessageView>> {
        match self {
            Self::Page(Page::Before(seq), limit) => {
                store::page(connection, head.id, Page::Before(seq.min(head.last_seq.saturating_add(1))), limit)
            }
            Self::Page(page @ Page::After(_), limit) => store::page(connection, head.id, page, limit),
            Self::BeforeTime(cursor, limit) => {
                store::page_before_time(connection, head.id, head.last_seq, cursor, limit)
            }
        }
    }
}

/// The stock console calls this at each push and scroll, mostly with nothing unread: then nothing is written. In a conversation
/// that can only be read nothing changes.
async fn mark_read(
    by: &Principal,
    target: Target,
    conversation_id: ConversationId,
    UpTo { seq }: UpTo,
    db: &Db,
    writer: &Writer,
) -> Result<Answer<bool>> {
    let (tenant, reader) = (by.key.tenant, by.key.user_type);
    let head = db.run(move |connection| conversation::head(connection, tenant, target)).await?;
    let head = head.filter(|head| head.id == conversation_id).ok_or(Error::ConversationNotFound)?;
    let may_mark = match reader {
        UserType::Member => true,
        UserType::Admin => by.may(Permission::UpdateMessages),
    };
    if may_mark && !head.is_closed && head.is_unread(reader) {
        writer.run(MarkRead { tenant, reader, target, up_to: seq }).await?;
    }
    Ok(Answer(true))
}
