//! HTTP: the keys of other programs, for the admins.

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::Validate;

use super::{ApiKeys, NAME_LIMIT};
use crate::access::{ManageApiKeys, Scope};
use crate::auth::extract::Admin;
use crate::clock::Millis;
use crate::error::{Error, Problem, Result};
use crate::http::address::CallerAddress;
use crate::http::{Answer, Data, Json, Query, Then, routes};
use crate::id::ApiKeyId;
use crate::text::Name;

/// Registers the routes. They need [`ApiKeys`] as application data.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => list_api_keys, create_api_key, delete_api_key);
}

impl Data for ApiKeyView {}

impl Data for NewSecret {}

/// A key of another program.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey)]
struct ApiKeyView {
    id: ApiKeyId,
    #[schema(example = "shop")]
    name: String,
    /// What it may do: `member`, `message`, `bot`, `export`.
    #[schema(example = json!(["member", "message"]))]
    scopes: Vec<&'static str>,
    /// When it was made, in milliseconds since the epoch.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    create_time: Millis,
    /// When it was used last, to the minute; `null` for never.
    #[schema(required, value_type = Option<i64>, example = 1_795_235_400_000_i64)]
    last_used_time: Option<Millis>,
    /// What the admin is called who has made it.
    #[schema(example = "小红")]
    creator: String,
}

/// List API keys
///
/// The tenant's keys for `/open-api`, the oldest first; without their secrets, which are not kept.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-api-key/list", operation_id = "list_api_keys", tag = "api key")]
async fn list_api_keys(admin: Admin<ManageApiKeys>, keys: web::Data<ApiKeys>) -> Result<Answer<Vec<ApiKeyView>>> {
    let found = keys.list(admin.0.key.tenant).await?;
    let view = |(key, creator): (super::ApiKey, String)| ApiKeyView {
        id: key.id,
        name: key.name,
        scopes: key.scopes.iter().map(|scope| scope.as_str()).collect(),
        create_time: key.created_at,
        last_used_time: key.used_at,
        creator,
    };
    Ok(Answer(found.into_iter().map(view).collect()))
}

/// A key to be made.
#[derive(Deserialize, Validate, ToSchema)]
struct CreateApiKey {
    /// What it is called; members read it beside the messages.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "shop")]
    name: String,
    /// What it may do: at least one of `member`, `message`, `bot`, `export`. The last two open nothing yet.
    #[validate(length(min = 1, max = 16))]
    #[schema(min_items = 1, max_items = 16, example = json!(["member", "message"]))]
    scopes: Vec<String>,
}

/// A key that was made, with the secret that is shown once.
#[derive(Serialize, ToSchema)]
struct NewSecret {
    id: ApiKeyId,
    /// For `Authorization: Bearer …`. It cannot be read again.
    #[schema(example = "kk_0c9d…")]
    secret: String,
}

/// Make an API key
///
/// Answers the secret, once. A tenant has at most 100 keys.
#[utoipa::path(
    post,
    path = "/admin-api/promotion/kefu-api-key/create",
    operation_id = "create_api_key",
    tag = "api key"
)]
async fn create_api_key(
    Then(admin, Json(CreateApiKey { name, scopes })): Then<Admin<ManageApiKeys>, Json<CreateApiKey>>,
    keys: web::Data<ApiKeys>,
    address: CallerAddress,
) -> Result<Answer<NewSecret>> {
    let problem = Problem::new("名称须为 1 至 64 个可见字符", "name must have 1-64 visible characters");
    let name = Name::exact(name.trim(), NAME_LIMIT).ok_or(Error::Invalid(problem))?;
    let mut wanted = Vec::new();
    for scope in &scopes {
        let problem = Problem::new("权限范围含有未知的项", "scopes must be member, message, bot or export");
        let scope = Scope::from_name(scope).ok_or(Error::Invalid(problem))?;
        if !wanted.contains(&scope) {
            wanted.push(scope);
        }
    }
    let made = keys.create(admin.0.key.tenant, name.into(), wanted, admin.actor(address));
    let (id, secret) = made.await?;
    Ok(Answer(NewSecret { id, secret }))
}

#[derive(Deserialize, Validate, IntoParams)]
#[into_params(parameter_in = Query)]
struct ApiKeyQuery {
    /// The key.
    id: ApiKeyId,
}

/// Delete an API key
///
/// Its calls are refused from now on, at other nodes within seconds. Its messages keep its name.
#[utoipa::path(
    delete,
    path = "/admin-api/promotion/kefu-api-key/delete",
    operation_id = "delete_api_key",
    tag = "api key"
)]
async fn delete_api_key(
    Then(admin, Query(ApiKeyQuery { id })): Then<Admin<ManageApiKeys>, Query<ApiKeyQuery>>,
    keys: web::Data<ApiKeys>,
    address: CallerAddress,
) -> Result<Answer<bool>> {
    keys.delete(admin.0.key.tenant, id, admin.actor(address)).await?;
    Ok(Answer(true))
}
