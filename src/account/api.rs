//! HTTP: logins and profiles.

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes.
pub fn routes(_config: &mut ServiceConfig) {}
