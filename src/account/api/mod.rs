//! HTTP: who one is, as the stock clients ask for it (docs/contract.md#auth).

mod admin;
mod block;
mod exclusive_agent;
mod member;
mod open;
mod page;
mod profile;
mod roles;
mod second_factor;
mod sessions;
mod users;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes; they need [`crate::auth::Auth`] and [`crate::db::Db`] in the application's data.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.configure(admin::routes).configure(profile::routes).configure(users::routes).configure(roles::routes);
    config.configure(member::routes).configure(block::routes).configure(exclusive_agent::routes);
    config.configure(second_factor::routes).configure(sessions::routes).configure(open::routes);
}
