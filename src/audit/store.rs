//! SQL of `kefu_audit`.

use diesel::prelude::*;
use serde_json::Value;

use super::{Actor, Change};
use crate::clock::{Millis, to_timestamp};
use crate::db::AnyConnection;
use crate::db::id_block::{IdKind, reserve_one};
use crate::db::schema::kefu_audit;
use crate::error::Result;
use crate::id::{TenantId, UserId};

/// Adds one row.
pub(super) fn insert(
    connection: &mut AnyConnection,
    actor: &Actor,
    tenant: TenantId,
    change: &Change,
    now: Millis,
) -> Result<()> {
    let id = reserve_one(connection, IdKind::Audit)?;
    diesel::insert_into(kefu_audit::table)
        .values((
            kefu_audit::id.eq(id),
            kefu_audit::admin_id.eq(actor.admin.map_or(0, UserId::get)),
            kefu_audit::actor.eq(&actor.name),
            kefu_audit::action.eq(change.action),
            kefu_audit::object_type.eq(change.object_type),
            kefu_audit::object_id.eq(&change.object_id),
            kefu_audit::before_value.eq(change.before.as_ref().map(Value::to_string)),
            kefu_audit::after_value.eq(change.after.as_ref().map(Value::to_string)),
            kefu_audit::address.eq(actor.address.map(|address| address.to_string()).unwrap_or_default()),
            kefu_audit::creator.eq(actor.column()),
            kefu_audit::create_time.eq(to_timestamp(now)),
            kefu_audit::update_time.eq(to_timestamp(now)),
            kefu_audit::tenant_id.eq(tenant.get()),
        ))
        .execute(connection)?;
    Ok(())
}
