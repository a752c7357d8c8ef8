//! HTTP of channels, and what the widget reads of its own.

use actix_web::{HttpRequest, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::settings::{ChannelSettings, Locale, Look, PreChat, Texts};
use super::{ChannelChanges, Channels, Kind, NewChannel, StoredChannel};
use crate::access::ManageChannels;
use crate::auth::extract::Admin;
use crate::clock::Millis;
use crate::error::{Error, Problem, Result};
use crate::http::address::{CallerAddress, ClientAddress};
use crate::http::describe::{changes_of, failures, failures_with_status};
use crate::http::{Answer, Data, Json, Query, Then, routes};
use crate::id::ChannelId;
use crate::limit::RateLimits;
use crate::settings::Settings;
use crate::task::clerk::Clerk;
use crate::text::Name;

/// Longest name of a channel, in characters.
const NAME_LIMIT: usize = 63;

/// Registers the routes. They need [`Channels`], [`crate::auth::Auth`], [`crate::push::Hub`], [`RateLimits`], [`ClientAddress`] and
/// [`Settings`] as application data.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => list, get, create, update, delete, widget_config);
}

/// A way by which visitors come in.
#[derive(Serialize, ToSchema)]
#[schema(as = Channel)]
#[serde(rename_all = "camelCase")]
struct ChannelView {
    id: ChannelId,
    /// `web`: the widget on web pages.
    #[schema(example = "web")]
    kind: &'static str,
    /// What the admins call it.
    #[schema(example = "shop.example")]
    name: String,
    /// What the site's pages name it by. It never changes.
    #[schema(example = "wk_7h3kq2m9x4n8v5b6c3z7t2ra")]
    key: String,
    /// Whether it lets visitors in.
    #[schema(example = true)]
    enabled: bool,
    /// What was set, and the defaults for the rest.
    settings: ChannelSettings,
    /// When it was made, epoch milliseconds.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
}

impl Data for ChannelView {}

impl From<StoredChannel> for ChannelView {
    fn from(channel: StoredChannel) -> Self {
        let StoredChannel { id, tenant: _, kind, name, key, enabled, settings, created } = channel;
        Self { id, kind: kind.as_str(), name, key, enabled, settings, create_time: created }
    }
}

/// Some of [`ChannelSettings`], nested as these are; [`super::settings::apply`] checks them.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct ChannelSettingsChanges(Value);

impl PartialSchema for ChannelSettingsChanges {
    fn schema() -> RefOr<Schema> {
        changes_of::<ChannelSettings>()
    }
}

impl ToSchema for ChannelSettingsChanges {}

/// List channels
///
/// All of the tenant, the oldest first.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-channel/list", operation_id = "list_channels", tag = "channel")]
async fn list(admin: Admin<ManageChannels>, channels: web::Data<Channels>) -> Result<Answer<Vec<ChannelView>>> {
    let found = channels.list(admin.0.key.tenant).await?;
    Ok(Answer(found.into_iter().map(ChannelView::from).collect()))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct IdQuery {
    /// The channel.
    id: ChannelId,
}

/// Get a channel
///
/// `null` when there is none.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-channel/get", operation_id = "get_channel", tag = "channel")]
async fn get(
    Then(admin, Query(IdQuery { id })): Then<Admin<ManageChannels>, Query<IdQuery>>,
    channels: web::Data<Channels>,
) -> Result<Answer<Option<ChannelView>>> {
    let found = channels.find(admin.0.key.tenant, id).await?;
    Ok(Answer(found.map(ChannelView::from)))
}

/// A channel to be made. Its key is made by the service.
#[derive(Debug, Deserialize, Validate, ToSchema)]
struct CreateChannel {
    /// What it is; `web`, the default, is the only kind there is.
    #[schema(nullable = false, example = "web")]
    kind: Option<String>,
    /// What the admins call it.
    #[schema(min_length = 1, max_length = 63, example = "shop.example")]
    name: String,
    /// Whether it lets visitors in. Default true.
    #[schema(nullable = false, example = true)]
    enabled: Option<bool>,
    /// What differs from the defaults.
    #[schema(nullable = false, example = json!({"origins": ["https://shop.example"]}))]
    settings: Option<ChannelSettingsChanges>,
}

/// Make a channel
///
/// Answers its id. A tenant has at most 100.
#[utoipa::path(
    post,
    path = "/admin-api/promotion/kefu-channel/create",
    operation_id = "create_channel",
    tag = "channel",
    extensions(("x-errors" = json!(failures(&[Error::TooManyRequests { retry_after_s: 1 }]))))
)]
async fn create(
    Then(admin, Json(body)): Then<Admin<ManageChannels>, Json<CreateChannel>>,
    channels: web::Data<Channels>,
    limits: web::Data<RateLimits>,
    address: CallerAddress,
) -> Result<Answer<ChannelId>> {
    let key = admin.0.key;
    limits.calls.check(&key)?;
    let CreateChannel { kind, name, enabled, settings } = body;
    let new = NewChannel {
        kind: kind.map_or(Ok(Kind::Web), |name| Kind::from_name(&name).ok_or_else(unknown_kind))?,
        name: checked(&name)?,
        enabled: enabled.unwrap_or(true),
        settings: settings.map_or_else(|| Value::Object(Map::new()), |changes| changes.0),
    };
    Ok(Answer(channels.create(key.tenant, new, admin.actor(address)).await?))
}

/// What changes of a channel; what is left out stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
struct UpdateChannel {
    /// The channel.
    id: ChannelId,
    /// What the admins call it.
    #[schema(nullable = false, min_length = 1, max_length = 63, example = "shop.example")]
    name: Option<String>,
    /// Whether it lets visitors in. Those who are in are out at once when it does no longer.
    #[schema(nullable = false, example = true)]
    enabled: Option<bool>,
    /// Some of the settings, nested alike: what is left out stays, `null` brings back a default, a list is replaced.
    #[schema(nullable = false, example = json!({"look": {"color": "#0F766E"}}))]
    settings: Option<ChannelSettingsChanges>,
}

/// Change a channel
///
/// Takes effect at once, at other nodes within about a second. When one value is refused, nothing changes.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-channel/update",
    operation_id = "update_channel",
    tag = "channel",
    extensions(("x-errors" = json!(failures(&[Error::NotFound]))))
)]
async fn update(
    Then(admin, Json(body)): Then<Admin<ManageChannels>, Json<UpdateChannel>>,
    channels: web::Data<Channels>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    let UpdateChannel { id, name, enabled, settings } = body;
    let changes = ChannelChanges {
        name: name.as_deref().map(checked).transpose()?,
        enabled,
        settings: settings.map(|changes| changes.0),
    };
    channels.update(admin.0.key.tenant, id, changes, admin.actor(address)).await?;
    Ok(Answer(true))
}

/// Delete a channel
///
/// Its visitors' tokens are good for nothing from now on, at other nodes within about a second. Their conversations stay.
#[utoipa::path(
    delete,
    path = "/admin-api/promotion/kefu-channel/delete",
    operation_id = "delete_channel",
    tag = "channel",
    extensions(("x-errors" = json!(failures(&[Error::NotFound]))))
)]
async fn delete(
    Then(admin, Query(IdQuery { id })): Then<Admin<ManageChannels>, Query<IdQuery>>,
    channels: web::Data<Channels>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    channels.delete(admin.0.key.tenant, id, admin.actor(address)).await?;
    Ok(Answer(true))
}

/// A name as it is kept.
fn checked(name: &str) -> Result<String> {
    let problem = Problem::new("名称须为 1 至 63 个可见字符", "name must have 1 to 63 visible characters");
    Name::exact(name.trim(), NAME_LIMIT).map(String::from).ok_or(Error::Invalid(problem))
}

fn unknown_kind() -> Error {
    Error::Invalid(Problem::new("渠道类型须为 web", "kind must be web"))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct KeyQuery {
    /// The channel's key.
    #[param(example = "wk_7h3kq2m9x4n8v5b6c3z7t2ra")]
    key: String,
}

/// What a widget has to know before it shows itself.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct WidgetConfig {
    /// The channel's key.
    #[schema(example = "wk_7h3kq2m9x4n8v5b6c3z7t2ra")]
    key: String,
    /// What the admins call the channel.
    #[schema(example = "shop.example")]
    name: String,
    #[schema(inline)]
    locale: Locale,
    #[schema(inline)]
    look: Look,
    #[schema(inline)]
    texts: Texts,
    #[schema(inline)]
    pre_chat: PreChat,
    /// Whether anyone is there: an agent on duty where the tenant has rounds of service, otherwise an admin with a socket.
    #[schema(example = true)]
    online: bool,
    /// The largest upload, in bytes.
    #[schema(example = 16_777_216)]
    upload_bytes: usize,
}

impl Data for WidgetConfig {}

/// Get a widget's configuration
///
/// For every page that has the widget, before anyone writes: nobody is made by it. A page whose origin the channel does not let
/// in gets HTTP 403.
#[utoipa::path(
    get,
    path = "/app-api/promotion/kefu-widget/config",
    operation_id = "get_widget_config",
    tag = "widget",
    extensions(
        ("x-errors" = json!(failures(&[Error::NotFound, Error::TooManyRequests { retry_after_s: 1 }]))),
        ("x-error-statuses" = json!(failures_with_status(&[("403", Error::OriginForbidden)])))
    )
)]
async fn widget_config(
    request: HttpRequest,
    Query(KeyQuery { key }): Query<KeyQuery>,
    address: web::Data<ClientAddress>,
    limits: web::Data<RateLimits>,
    channels: web::Data<Channels>,
    clerk: web::Data<Clerk>,
    settings: web::Data<Settings>,
) -> Result<Answer<WidgetConfig>> {
    limits.widget_config_from(address.of(&request))?;
    let channel = channels.by_key(&key).ok_or(Error::NotFound)?;
    channel.admit(&request)?;
    let online = clerk.is_attended(channel.tenant).await?;
    let ChannelSettings { locale, look, texts, pre_chat, .. } = channel.settings.clone();
    Ok(Answer(WidgetConfig {
        key,
        name: channel.name.clone(),
        locale,
        look,
        texts,
        pre_chat,
        online,
        upload_bytes: settings.limits.upload_bytes,
    }))
}
