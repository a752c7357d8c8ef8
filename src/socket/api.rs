//! The handshake, and what a client's frames do.

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::client_frame::{self, ClientFrame};
use crate::access::{Permission, Permissions};
use crate::auth::{Auth, Principal, TokenUse};
use crate::clock::{Clock, Millis};
use crate::conversation::{self, Target};
use crate::db::Db;
use crate::error::{Error, Failure, Language, Problem, Result};
use crate::fact::Fact;
use crate::fact::frames::{Refusal, ResyncDone, ServerFrame};
use crate::http::{parse_query, routes};
use crate::id::UserType;
use crate::message::resync::{self, Since};
use crate::push::{Connection, Hub, Incoming, OutboxBody, Ticket, read};
use crate::settings::Settings;
use crate::ws::frame_limit::FrameLimit;
use crate::ws::{CloseReason, frame};

/// Registers the route.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => connect);
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct Handshake {
    /// An access or a refresh token.
    token: String,
    /// For members: the newest `seq` that the client has; everything above it is replayed first.
    #[validate(range(min = 0))]
    #[param(minimum = 0)]
    last_seq: Option<i64>,
    /// For admins: the newest message time that the client has, epoch milliseconds; everything from shortly before it on is
    /// replayed first, and the client drops by `id` what it has.
    #[validate(range(min = 0))]
    #[param(value_type = Option<i64>, minimum = 0)]
    since: Option<Millis>,
}

/// Open a WebSocket
///
/// Frames are `{"type","content"}` with the content as JSON text; see docs/websocket.md. A token that is not valid gets
/// HTTP 401 and no upgrade.
#[utoipa::path(
    get,
    path = "/infra/ws",
    tag = "socket",
    params(Handshake),
    responses(
        (status = 101, description = "The connection is a WebSocket from here on"),
        (status = 200, description = "A parameter is wrong, or the user may not have what it asks for", body = Failure),
        (status = 400, description = "Not a WebSocket handshake", body = Failure),
        (status = 401, description = "The token is not valid", body = Failure),
        (status = 503, description = "The service is stopping", body = Failure)
    ),
    extensions(
        ("x-permission" = json!("any user")),
        ("x-errors" = json!(["WrongType", "Invalid", "Forbidden", "Busy", "Internal"])),
        ("x-error-statuses" = json!({"400": "WrongType", "401": "Unauthenticated"}))
    )
)]
async fn connect(
    request: HttpRequest,
    payload: web::Payload,
    auth: web::Data<Auth>,
    context: web::Data<Context>,
) -> Result<HttpResponse> {
    let handshake: Handshake = match parse_query(request.query_string()) {
        Ok(handshake) => handshake,
        Err(Error::Missing(name)) if name == "token" => return Ok(refused()),
        Err(error) => return Err(error),
    };
    let principal = match auth.authenticate(&handshake.token, TokenUse::Socket).await {
        Ok(principal) => principal,
        Err(Error::Unauthenticated) => return Ok(refused()),
        Err(error) => return Err(error),
    };
    if context.hub.is_draining() {
        return Err(Error::Busy);
    }
    let wanted = match (principal.key.user_type, handshake.last_seq, handshake.since) {
        (_, None, None) => None,
        (UserType::Member, Some(seq), None) => Some(ClientFrame::ResyncSeq(None, seq)),
        (UserType::Admin, None, Some(time)) => Some(ClientFrame::ResyncTime(time)),
        _ => {
            return Err(Error::Invalid(Problem::new(
                "会员使用 lastSeq，管理员使用 since",
                "members use lastSeq, admins use since",
            )));
        }
    };
    let permissions = Permissions::of(principal.role);
    if wanted.is_some() {
        may_replay(principal.key.user_type, permissions.contain(Permissions::only(Permission::QueryMessages)))?;
    }

    let limit = context.settings.push.client_message_bytes;
    let limited = Box::pin(FrameLimit::new(payload, limit));
    let payload = web::Payload::from_request(&request, &mut Payload::Stream { payload: limited }).await;
    let Ok((response, _, stream)) = actix_ws::handle(&request, payload.map_err(Error::internal)?) else {
        return Ok(Error::WrongType("WebSocket handshake".into()).with_status(StatusCode::BAD_REQUEST));
    };
    // Boxed: a future has room of its own for each function that such a value is moved through.
    let stream = Box::pin(stream.max_frame_size(limit).aggregate_continuations().max_continuation_size(limit));
    let ticket =
        Ticket { key: principal.key, permissions, credential: principal.credential, expires_at: principal.expires_at };
    let connection = context.hub.connect(ticket, wanted.is_some());
    // Whoever was revoked between the check above and the registration would be closed by nobody.
    match auth.authenticate(&handshake.token, TokenUse::Socket).await {
        // The same holds for a role that has changed meanwhile.
        Ok(principal) => connection.set_permissions(Permissions::of(principal.role)),
        Err(_) => {
            context.hub.disconnect(&connection);
            return Ok(refused());
        }
    }
    let outbox = Arc::clone(connection.outbox());
    let mut socket = Socket { context: context.into_inner(), principal, connection, last_typing: Millis::MIN };
    actix_web::rt::spawn(async move {
        if let Some(wanted) = wanted {
            socket.replay(wanted);
        }
        socket.run(stream).await;
    });
    Ok(response.map_body(|_, body| BoxBody::new(OutboxBody::new(outbox, body))))
}

/// There is no socket to read an envelope from (docs/contract.md#websocket).
fn refused() -> HttpResponse {
    Error::Unauthenticated.with_status(StatusCode::UNAUTHORIZED)
}

/// What sockets use.
pub(crate) struct Context {
    /// The registry.
    pub hub: Hub,
    /// Read by replays and typing notices.
    pub db: Db,
    /// The time of every byte from a client.
    pub clock: Clock,
    /// Sizes and rates.
    pub settings: Settings,
    /// When the database was last restored from a backup.
    pub restored_at: Option<Millis>,
}

/// One open socket and what its client may do.
struct Socket {
    context: Arc<Context>,
    principal: Arc<Principal>,
    connection: Arc<Connection>,
    last_typing: Millis,
}

impl Socket {
    async fn run<S>(&mut self, stream: S)
    where
        S: futures_util::Stream<Item = std::result::Result<actix_ws::AggregatedMessage, actix_ws::ProtocolError>>
            + Unpin,
    {
        let (connection, context) = (Arc::clone(&self.connection), Arc::clone(&self.context));
        read(&connection, stream, &context.clock, async |incoming| {
            let done = match incoming {
                Incoming::Text(text) => match client_frame::parse(text) {
                    // Boxed: what is rare takes no room in a socket at rest.
                    Ok(frame) => Box::pin(self.act(frame)).await,
                    Err(error) => Err(error),
                },
                Incoming::Binary => Err(Error::WrongType("binary frame".into())),
            };
            if let Err(error) = done {
                tell(&connection, &error);
            }
        })
        .await;
        connection.close(CloseReason::Normal);
        context.hub.disconnect(&connection);
    }

    async fn act(&mut self, frame: ClientFrame) -> Result<()> {
        match frame {
            ClientFrame::Typing(conversation) => self.typing(conversation).await,
            ClientFrame::ResyncSeq(..) | ClientFrame::ResyncTime(_) => {
                may_replay(self.principal.key.user_type, self.connection.may(Permission::QueryMessages))?;
                match (self.principal.key.user_type, frame) {
                    (UserType::Admin, ClientFrame::ResyncSeq(None, _)) => {
                        return Err(Error::Missing("conversationId".into()));
                    }
                    (UserType::Member, ClientFrame::ResyncTime(_)) => return Err(Error::Forbidden),
                    _ => {}
                }
                if self.connection.outbox().begin_replay() {
                    self.replay(frame);
                    Ok(())
                } else {
                    Err(Error::TooManyRequests { retry_after_s: 1 })
                }
            }
        }
    }

    /// Replays in a task of its own, so that pings are answered meanwhile. Live frames are held back already.
    fn replay(&self, wanted: ClientFrame) {
        let (context, connection) = (Arc::clone(&self.context), Arc::clone(&self.connection));
        let key = self.principal.key;
        actix_web::rt::spawn(async move {
            let replayed = async {
                let since = match wanted {
                    ClientFrame::ResyncTime(time) => Some(Since::Time(time)),
                    ClientFrame::ResyncSeq(named, seq) => {
                        let target = match (key.user_type, named) {
                            (UserType::Admin, Some(id)) => Target::Id(id),
                            _ => Target::OfMember(key.user),
                        };
                        let found =
                            context.db.run(move |connection| conversation::head(connection, key.tenant, target));
                        let head = found.await?.filter(|head| named.is_none_or(|named| named == head.id));
                        if head.is_none() && named.is_some() {
                            tell(&connection, &Error::ConversationNotFound);
                        }
                        // A client that names more than there is has everything, and what comes is still new to it.
                        head.map(|head| Since::Seq(head.id, seq.min(head.last_seq)))
                    }
                    ClientFrame::Typing(_) => None,
                };
                let done =
                    frame::event(ServerFrame::ResyncDone.as_str(), &ResyncDone { restored_at: context.restored_at })?;
                resync::replay(&context.db, connection.outbox(), key.tenant, since, done).await
            };
            if let Err(error) = replayed.await {
                tracing::warn!(%error, "a replay failed; its socket is closed");
                connection.close(CloseReason::Fault);
            }
        });
    }

    /// Tells the other side; more than the limit allows are dropped.
    async fn typing(&mut self, conversation: Option<crate::id::ConversationId>) -> Result<()> {
        let now = self.context.clock.now();
        let gap = 1000 / i64::from(self.context.settings.limits.typing_per_s.max(1));
        if now.saturating_sub(self.last_typing) < gap {
            return Ok(());
        }
        self.last_typing = now;
        let key = self.principal.key;
        let target = match key.user_type {
            UserType::Member => Target::OfMember(key.user),
            UserType::Admin if !self.connection.may(Permission::SendMessages) => return Err(Error::Forbidden),
            UserType::Admin => Target::Id(conversation.ok_or(Error::Missing("conversationId".into()))?),
        };
        match self.context.db.run(move |connection| conversation::head(connection, key.tenant, target)).await? {
            Some(head) => {
                let fact = Fact::Typing {
                    tenant: key.tenant,
                    conversation: head.id,
                    member: head.member,
                    user_type: key.user_type,
                    user: key.user,
                };
                self.context.hub.publish(&[fact.event()?]);
                Ok(())
            }
            // A member may type before the first message.
            None if key.user_type == UserType::Member => Ok(()),
            None => Err(Error::ConversationNotFound),
        }
    }
}

/// Answers what was not understood or not allowed.
fn tell(connection: &Connection, error: &Error) {
    if let Error::Internal(cause) = error {
        tracing::error!(%cause, "a socket's frame failed");
    }
    let failure = Refusal { code: error.code(), msg: &error.message(Language::Chinese) };
    if let Ok(frame) = frame::event(ServerFrame::Error.as_str(), &failure) {
        connection.send(frame);
    }
}

/// Members may, and admins who may query messages.
const fn may_replay(user_type: UserType, may_query: bool) -> Result<()> {
    match user_type {
        UserType::Admin if !may_query => Err(Error::Forbidden),
        UserType::Member | UserType::Admin => Ok(()),
    }
}
