//! HTTP: who one is, as the stock clients ask for it (contract, "Auth that the stock clients use").

mod admin;
mod member;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes; they need [`crate::auth::Auth`] and [`crate::db::Db`] in the application's data.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(admin::permission_info).service(member::own_profile).service(member::member_card);
}
