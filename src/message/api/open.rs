//! What other programs call.

use actix_web::web;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::new_message;
use crate::access::WriteToMembers;
use crate::account::external_id::ExternalId;
use crate::api_key::extract::Key;
use crate::conversation::Target;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::describe::failures;
use crate::http::{Answer, Json, Then, routes};
use crate::id::{MessageId, UserType};
use crate::message::send::{id_is_used, send};
use crate::message::{NewMessage, Sender};
use crate::settings::Settings;
use crate::task::Routing;
use crate::telemetry::metrics::Metrics;
use crate::tenant::Tenants;
use crate::writer::Writer;

/// Registers the routes.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => open_send);
}

/// A message of a program.
#[derive(Deserialize, Validate, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OpenSend {
    /// What the content is.
    #[schema(value_type = crate::fact::ContentType, example = 1)]
    content_type: i32,
    /// By convention JSON: `{"text":"…"}`, `{"picUrl":"…"}`, …; a bare string is accepted. The longest is a setting, by default
    /// 2048 characters, and never more than 65,536 bytes.
    #[schema(min_length = 1, max_length = 65536)]
    content: String,
    /// What the message is about, in the program's words; a repeat with the same one stores nothing and answers the first id.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64)]
    client_message_id: String,
}

/// Write to a member
///
/// The message comes under the key's name, in the member's conversation, which is made when there is none. It is counted and pushed
/// as any admin's.
#[utoipa::path(
    post,
    path = "/open-api/members/{externalId}/messages",
    operation_id = "open_send_message",
    tag = "open api",
    request_body(
        content = OpenSend,
        example = json!({
            "contentType": 1, "content": "{\"text\":\"您的订单已发货\"}", "clientMessageId": "order-4711-shipped"
        })
    ),
    extensions(("x-errors" = json!(failures(&[Error::MemberNotFound, Error::MessageIdTaken]))))
)]
async fn open_send(
    Then(key, Then(id, Json(body))): Then<Key<WriteToMembers>, Then<ExternalId, Json<OpenSend>>>,
    settings: web::Data<Settings>,
    db: web::Data<Db>,
    tenants: web::Data<Tenants>,
    writer: web::Data<Writer>,
    metrics: web::Data<Metrics>,
) -> Result<Answer<MessageId>> {
    let tenant = key.0.tenant;
    let member = db.run(move |connection| id.find(connection, tenant)).await?.key.user;
    let sender = Sender {
        user_type: UserType::Admin,
        id: key.0.bot.user,
        avatar: "".into(),
        nickname: key.0.name.as_str().into(),
    };
    let OpenSend { content_type, content, client_message_id } = body;
    let target = Target::OfMember(member);
    let message = new_message(tenant, sender, target, content_type, content, Some(client_message_id), &settings)?;
    let routing = Routing::of(&*tenants.settings(tenant).await?);
    let message = NewMessage { routing, by_program: true, ..message };
    let sent = send(&writer, &metrics, message).await;
    Ok(Answer(sent.map_err(|error| if error == id_is_used() { Error::MessageIdTaken } else { error })?))
}
