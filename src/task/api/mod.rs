//! HTTP of rounds of service (docs/contract.md#rounds-of-service).

mod admin;
mod contact;
mod member;

use utoipa_actix_web::service_config::ServiceConfig;

use super::serve::{Act, Serve};
use super::{Routing, store, view};
use crate::agent::sights::Sights;
use crate::auth::Principal;
use crate::conversation::Target;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::fact::TaskView;
use crate::id::{TaskId, TenantId};
use crate::tenant::Tenants;
use crate::writer::Writer;

/// Registers the routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(admin::routes).configure(contact::routes).configure(member::routes);
}

/// How a tenant wants its rounds to go.
///
/// # Errors
/// [`Error::TaskChanged`] for one without rounds.
async fn routing(tenants: &Tenants, tenant: TenantId) -> Result<Routing> {
    Routing::of(&*tenants.settings(tenant).await?).ok_or(Error::TaskChanged)
}

/// Does something to the open round of a conversation and answers the round.
async fn serve(db: &Db, writer: &Writer, serve: Serve) -> Result<TaskView> {
    let tenant = serve.tenant;
    let id = writer.run(serve).await?;
    shown(db, tenant, id).await
}

/// The command that does something to this round.
///
/// # Errors
/// [`Error::TaskNotFound`], also where the caller does not see its conversation.
async fn command(
    db: &Db,
    sights: &Sights,
    by: &Principal,
    routing: Routing,
    (id, version): (TaskId, Option<i32>),
    act: Act,
) -> Result<Serve> {
    let tenant = by.key.tenant;
    let sight = sights.of(by.key, by.permissions).await?;
    let task = db.run(move |connection| store::seen(connection, tenant, id, &sight)).await?;
    let task = task.ok_or(Error::TaskNotFound)?;
    let conversation = Target::Id(task.conversation);
    Ok(Serve { tenant, conversation, task: Some(id), version, routing, act })
}

/// A round as admins see it.
async fn shown(db: &Db, tenant: TenantId, id: TaskId) -> Result<TaskView> {
    let read = move |connection: &mut crate::db::AnyConnection| match store::get(connection, tenant, id)? {
        Some(task) => Ok(view::views(connection, tenant, &[task])?.pop()),
        None => Ok(None),
    };
    db.run(read).await?.ok_or(Error::TaskNotFound)
}
