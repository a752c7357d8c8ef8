//! The handshake, and what a client's frames do.

use std::pin::Pin;
use std::sync::Arc;

use actix_http::ws::handshake_response;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::client_frame::{self, ClientFrame, Resync};
use crate::access::{Permission, Sight};
use crate::agent::presence::Presence;
use crate::agent::sights::Sights;
use crate::auth::extract::check_origin;
use crate::auth::{Auth, Principal, TokenUse};
use crate::clock::{Clock, Millis};
use crate::conversation::{self, Target};
use crate::db::Db;
use crate::error::{Error, Failure, Language, Problem, Result};
use crate::fact::Fact;
use crate::fact::frames::{Refusal, ResyncDone, ServerFrame};
use crate::http::address::ClientAddress;
use crate::http::describe::{failures, failures_with_status};
use crate::http::{parse_query, routes};
use crate::id::{UserKey, UserType};
use crate::limit::{RateLimits, network};
use crate::message::resync::{self, Since};
use crate::push::{Connection, Hub, Incoming, Opening, OutboxBody, Ticket, read};
use crate::tenant::Tenants;
use crate::ws::handshake::{self, HandedOver};
use crate::ws::{CloseReason, Reader, frame};

/// The subprotocol that is spoken, also when the client offers none.
const PROTOCOL: &str = "kefu.v1";
/// Before a token among the subprotocols that a client offers: a token in the URL would stand in the logs of proxies.
const TOKEN_PROTOCOL: &str = "kefu.token.";

/// Registers the route.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => connect);
}

/// What a handshake asks for.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct Handshake {
    /// An access or a refresh token; may come in `Sec-WebSocket-Protocol` instead.
    token: Option<String>,
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
/// HTTP 401 and no upgrade. Instead of the query the token may come as a subprotocol, beside the one that is spoken:
/// `Sec-WebSocket-Protocol: kefu.v1, kefu.token.<token>`.
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
        (status = 403, description = "The member is blocked, or the visitor's channel does not allow the page", body = Failure),
        (status = 426, description = "Another version of the protocol than 13", body = Failure),
        (status = 429, description = "Too many sockets or handshakes of the user or the address", body = Failure),
        (status = 503, description = "The service is stopping, or has too many sockets", body = Failure)
    ),
    extensions(
        ("x-permission" = json!("any user")),
        ("x-errors" = json!(failures(&[
            Error::WrongType("lastSeq".into()),
            Error::Invalid(wrong_position()),
            Error::Forbidden,
            Error::TooManyRequests { retry_after_s: 1 },
            Error::Busy,
            Error::Internal(String::new()),
        ]))),
        ("x-error-statuses" = json!(failures_with_status(&[
            ("400", Error::WrongType("WebSocket handshake".into())),
            ("401", Error::Unauthenticated),
            ("403", Error::OriginForbidden),
            ("426", Error::WrongType("WebSocket handshake".into())),
        ])))
    )
)]
async fn connect(
    request: HttpRequest,
    payload: web::Payload,
    auth: web::Data<Auth>,
    address: web::Data<ClientAddress>,
    context: web::Data<Context>,
) -> Result<HttpResponse> {
    let address = address.of(&request);
    context.limits.handshake_from(address)?;
    let handshake: Handshake = parse_query(request.query_string())?;
    let in_header = || offered(&request).find_map(|offered| offered.strip_prefix(TOKEN_PROTOCOL)).map(str::to_owned);
    let Some(token) = handshake.token.clone().or_else(in_header) else { return Ok(refused()) };
    let Some(principal) = bearer(&auth, &token).await? else { return Ok(refused()) };
    if let Some(refusal) = may_not_connect(&principal, &request) {
        return Ok(refusal);
    }
    if context.hub.is_draining() {
        return Err(Error::Busy);
    }
    context.limits.handshake(principal.key)?;
    let resync = match (principal.key.user_type, handshake.last_seq, handshake.since) {
        (_, None, None) => None,
        (UserType::Member, Some(seq), None) => Some(Resync::AfterSeq(None, seq)),
        (UserType::Admin, None, Some(time)) => Some(Resync::Since(time)),
        _ => {
            return Err(Error::Invalid(wrong_position()));
        }
    };
    let permissions = principal.permissions;
    if resync.is_some() {
        may_replay(principal.key.user_type, principal.may(Permission::QueryMessages))?;
        context.limits.calls.check(&principal.key)?;
    }
    let Some(HandedOver(closing)) = request.extensions().get().cloned() else { return Ok(no_handshake(&request)) };

    let ticket = Ticket {
        key: principal.key,
        permissions,
        sight: context.sights.without_right(principal.key).await?,
        credential: principal.credential,
        channel: principal.channel,
        expires_at: principal.expires_at,
    };
    let opening = Opening { ticket, network: network(address), replaying: resync.is_some(), closing };
    let registration = context.hub.connect(opening)?;
    // A revocation, a block or another role between the check above and the registration reaches no socket: check again.
    let Some(found) = bearer(&auth, &token).await? else { return Ok(refused()) };
    if let Some(refusal) = may_not_connect(&found, &request) {
        return Ok(refusal);
    }
    registration.connection().settle_permissions(found.permissions);
    context.sights.settle(principal.key).await?;
    let watch = auth.watch(&token, &found);
    let connection = Arc::clone(registration.connection());
    // At once: members who write now are not to be told that nobody is there.
    if principal.may(Permission::TakeTasks) && context.tenants.settings(principal.key.tenant).await?.routing.is_on() {
        context.presence.show().await?;
    }
    // Boxed, so that the future stores a pointer instead of several copies of this large value.
    let reader = Box::pin(Reader::new(payload, context.client_message_bytes));
    let socket = Socket { context: context.into_inner(), principal, connection };
    actix_web::rt::spawn(async move {
        if let Some(resync) = resync {
            socket.replay(resync);
        }
        socket.run(reader).await;
        drop(watch);
    });
    let mut response = handshake_response(request.head());
    if offers(&request, PROTOCOL) {
        response.insert_header((header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL));
    }
    Ok(response.message_body(BoxBody::new(OutboxBody::new(registration))).map_err(Error::internal)?.into())
}

/// Whose token this is; `None` when it is not valid.
async fn bearer(auth: &Auth, token: &str) -> Result<Option<Arc<Principal>>> {
    match auth.authenticate(token, TokenUse::Socket).await {
        Err(Error::Unauthenticated) => Ok(None),
        found => found.map(Some),
    }
}

/// The answer to a member who is blocked, to an admin who has to set a second factor up first, and to a visitor whose channel does not allow the page: another token would not help.
fn may_not_connect(principal: &Principal, request: &HttpRequest) -> Option<HttpResponse> {
    let may = match principal {
        Principal { blocked: true, .. } => Err(Error::Blocked),
        Principal { sets_up: true, .. } => Err(Error::Forbidden),
        _ => check_origin(principal, request),
    };
    may.err().map(|error| error.with_status(StatusCode::FORBIDDEN))
}

/// The subprotocols that a client offers.
fn offered(request: &HttpRequest) -> impl Iterator<Item = &str> {
    let lists = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',').map(str::trim))
}

fn offers(request: &HttpRequest, protocol: &str) -> bool {
    offered(request).any(|offered| offered == protocol)
}

/// The answer to a request that is no handshake. One in another version learns which is spoken (RFC 6455 section 4.4).
fn no_handshake(request: &HttpRequest) -> HttpResponse {
    let error = Error::WrongType("WebSocket handshake".into());
    if handshake::verify(request.head()) != Err(handshake::Refusal::Version) {
        return error.with_status(StatusCode::BAD_REQUEST);
    }
    let mut response = error.with_status(StatusCode::UPGRADE_REQUIRED);
    for (name, value) in [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, handshake::VERSION)] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

const fn wrong_position() -> Problem {
    Problem::new("会员使用 lastSeq，管理员使用 since", "members use lastSeq, admins use since")
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
    /// Whether members see that admins type.
    pub tenants: Tenants,
    /// Which agents are here.
    pub presence: Presence,
    /// Which conversations admins see.
    pub sights: Sights,
    /// The time of every byte from a client.
    pub clock: Clock,
    /// The largest message of a client, in bytes.
    pub client_message_bytes: usize,
    /// Rates.
    pub limits: Arc<RateLimits>,
    /// When the database was last restored from a backup.
    pub restored_at: Option<Millis>,
}

/// One open socket and what its client may do.
struct Socket {
    context: Arc<Context>,
    principal: Arc<Principal>,
    connection: Arc<Connection>,
}

impl Socket {
    async fn run(&self, reader: Pin<Box<Reader<web::Payload>>>) {
        read(&self.connection, reader, &self.context.clock, async |incoming| {
            let done = match incoming {
                Incoming::Text(text) => match client_frame::parse(text) {
                    // Boxed: what is rare takes no room in a socket at rest.
                    Ok(frame) => Box::pin(self.act(frame)).await,
                    Err(error) => Err(error),
                },
                Incoming::Binary => Err(Error::WrongType("binary frame".into())),
            };
            if let Err(error) = done {
                tell(&self.connection, &error);
            }
        })
        .await;
    }

    async fn act(&self, frame: ClientFrame) -> Result<()> {
        match frame {
            ClientFrame::Typing(conversation) => self.typing(conversation).await,
            ClientFrame::Viewing(conversation) => self.viewing(conversation).await,
            ClientFrame::Resync(resync) => {
                may_replay(self.principal.key.user_type, self.connection.may(Permission::QueryMessages))?;
                match (self.principal.key.user_type, resync) {
                    (UserType::Admin, Resync::AfterSeq(None, _)) => {
                        return Err(Error::Missing("conversationId".into()));
                    }
                    (UserType::Member, Resync::Since(_)) => return Err(Error::Forbidden),
                    _ => {}
                }
                // A replay reads as much as many lists.
                self.context.limits.calls.check(&self.principal.key)?;
                if self.connection.outbox().begin_replay() {
                    self.replay(resync);
                    Ok(())
                } else {
                    Err(Error::TooManyRequests { retry_after_s: 1 })
                }
            }
        }
    }

    /// Replays in a task of its own, so that pings are answered meanwhile. Live frames are held back already.
    fn replay(&self, resync: Resync) {
        let (context, connection) = (Arc::clone(&self.context), Arc::clone(&self.connection));
        let key = self.principal.key;
        actix_web::rt::spawn(async move {
            let replayed = async {
                let sight = sight(&context, &connection, key).await?;
                let of_conversation = sight.clone();
                let since = match resync {
                    Resync::Since(time) => Some(Since::Time(time)),
                    Resync::AfterSeq(named, seq) => {
                        let target = match (key.user_type, named) {
                            (UserType::Admin, Some(id)) => Target::Id(id),
                            _ => Target::OfMember(key.user),
                        };
                        let found = context.db.run(move |connection| {
                            conversation::seen(connection, key.tenant, target, &of_conversation)
                        });
                        let head = found.await?.filter(|head| named.is_none_or(|named| named == head.id));
                        if head.is_none() && named.is_some() {
                            tell(&connection, &Error::ConversationNotFound);
                        }
                        // A client that names more than there is has everything, and what comes is still new to it.
                        head.map(|head| Since::Seq(head.id, seq.min(head.last_seq)))
                    }
                };
                let done = ResyncDone { restored_at: context.restored_at, reload: false };
                resync::replay(&context.db, &context.clock, connection.outbox(), (key.tenant, sight), since, done).await
            };
            if let Err(error) = replayed.await {
                // `db` logs an outage once, and not each socket of it.
                if error != Error::Busy {
                    tracing::warn!(%error, "a replay failed; its socket is closed");
                }
                connection.close(CloseReason::Fault);
            }
        });
    }

    /// What the user sees now.
    async fn sight(&self) -> Result<Sight> {
        sight(&self.context, &self.connection, self.principal.key).await
    }

    /// Tells the admins who look at the same conversation.
    async fn viewing(&self, conversation: Option<crate::id::ConversationId>) -> Result<()> {
        let key = self.principal.key;
        if key.user_type != UserType::Admin || !self.connection.may(Permission::QueryMessages) {
            return Err(Error::Forbidden);
        }
        if let Some(id) = conversation {
            self.context.limits.calls.check(&key)?;
            let sight = self.sight().await?;
            let head = move |connection: &mut _| conversation::seen(connection, key.tenant, Target::Id(id), &sight);
            self.context.db.run(head).await?.ok_or(Error::ConversationNotFound)?;
        }
        self.context.hub.view(&self.connection, conversation.map(crate::id::ConversationId::get));
        Ok(())
    }

    /// Tells the other side; more than the limit allows are dropped.
    async fn typing(&self, conversation: Option<crate::id::ConversationId>) -> Result<()> {
        let key = self.principal.key;
        if self.context.limits.typing.check(&key).is_err() {
            return Ok(());
        }
        let target = match key.user_type {
            UserType::Member => Target::OfMember(key.user),
            UserType::Admin if !self.connection.may(Permission::SendMessages) => return Err(Error::Forbidden),
            UserType::Admin => Target::Id(conversation.ok_or(Error::Missing("conversationId".into()))?),
        };
        if key.user_type == UserType::Admin && !self.context.tenants.settings(key.tenant).await?.message.typing {
            return Ok(());
        }
        let sight = self.sight().await?;
        match self.context.db.run(move |connection| conversation::seen(connection, key.tenant, target, &sight)).await? {
            Some(head) => {
                let fact = Fact::Typing {
                    tenant: key.tenant,
                    conversation: head.id,
                    member: head.member,
                    user_type: key.user_type,
                    user: key.user,
                };
                conversation::publish(&self.context.db, &self.context.hub, fact).await
            }
            // A member may type before the first message.
            None if key.user_type == UserType::Member => Ok(()),
            None => Err(Error::ConversationNotFound),
        }
    }
}

/// What the user of a connection sees now.
async fn sight(context: &Context, connection: &Connection, key: UserKey) -> Result<Sight> {
    if connection.may(Permission::QueryAllConversations) {
        return Ok(Sight::All);
    }
    context.sights.without_right(key).await
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
