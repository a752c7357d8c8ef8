//! HTTP: who one is, as the stock clients ask for it (docs/contract.md#auth).

mod admin;
mod block;
mod member;
mod profile;
mod second_factor;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes; they need [`crate::auth::Auth`] and [`crate::db::Db`] in the application's data.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.configure(admin::routes).configure(profile::routes).configure(member::routes).configure(block::routes);
    config.configure(second_factor::routes);
}
