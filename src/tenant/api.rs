//! A tenant's settings over HTTP.

use actix_web::web;
use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use validator::{Validate, ValidationErrors};

use super::Tenants;
use super::settings::TenantSettings;
use crate::access::{QuerySettings, UpdateSettings};
use crate::auth::extract::Admin;
use crate::error::Result;
use crate::http::address::CallerAddress;
use crate::http::describe::changes_of;
use crate::http::{Answer, Data, Json, Then, routes};
use crate::job::Jobs;
use crate::task::clerk::Clerk;

/// Registers the routes. They need [`Tenants`] and [`crate::auth::Auth`] as application data.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => get_settings, update_settings);
}

impl Data for TenantSettings {}

/// Some of [`TenantSettings`], nested as these are; [`super::settings::apply`] checks them.
#[derive(Deserialize)]
#[serde(transparent)]
struct TenantSettingsUpdate(Value);

impl Validate for TenantSettingsUpdate {
    fn validate(&self) -> std::result::Result<(), ValidationErrors> {
        Ok(())
    }
}

impl PartialSchema for TenantSettingsUpdate {
    fn schema() -> RefOr<Schema> {
        changes_of::<TenantSettings>()
    }
}

impl ToSchema for TenantSettingsUpdate {}

/// The settings of the tenant
///
/// What the tenant has set, and the defaults for the rest. What an operator decides for the whole service is not here.
#[utoipa::path(get, path = "/admin-api/promotion/kefu-setting/get", tag = "admin setting")]
async fn get_settings(admin: Admin<QuerySettings>, tenants: web::Data<Tenants>) -> Result<Answer<TenantSettings>> {
    let settings = tenants.settings(admin.0.key.tenant).await?;
    Ok(Answer(TenantSettings::clone(&settings)))
}

/// Change some of the tenant's settings
///
/// What is not named stays as it is. Takes effect at once, at other nodes within about a second. When one value is refused,
/// nothing changes.
#[utoipa::path(
    put,
    path = "/admin-api/promotion/kefu-setting/update",
    tag = "admin setting",
    request_body(content = TenantSettingsUpdate, example = json!({"message": {"typing": false}}))
)]
async fn update_settings(
    Then(admin, Json(TenantSettingsUpdate(changes))): Then<Admin<UpdateSettings>, Json<TenantSettingsUpdate>>,
    address: CallerAddress,
    tenants: web::Data<Tenants>,
    jobs: web::Data<Jobs>,
    clerk: web::Data<Clerk>,
) -> Result<Answer<bool>> {
    tenants.update(admin.0.key.tenant, changes, admin.actor(address)).await?;
    // Where rounds of service were turned off there are some to end.
    jobs.wake();
    // Who is here, where rounds were turned on, and what they see. What fails the next second does.
    drop(clerk.show().await);
    Ok(Answer(true))
}
