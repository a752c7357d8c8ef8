//! SQL of `kefu_audit`.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde_json::Value;

use super::{Actor, Change, Cursor, Entry, Filter};
use crate::clock::{Millis, from_timestamp, to_timestamp};
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

#[derive(Queryable, Selectable)]
#[diesel(table_name = kefu_audit)]
struct Row {
    id: i64,
    admin_id: i64,
    actor: String,
    action: String,
    object_type: String,
    object_id: String,
    before_value: Option<String>,
    after_value: Option<String>,
    address: String,
    create_time: NaiveDateTime,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            admin: row.admin_id,
            actor: row.actor,
            action: row.action,
            object_type: row.object_type,
            object_id: row.object_id,
            before: row.before_value,
            after: row.after_value,
            address: row.address,
            created: from_timestamp(row.create_time),
        }
    }
}

/// The newest `limit` rows of a tenant that a filter lets through, those after the cursor. Each filter has an index whose order
/// is that of the list; the time bounds it.
pub(super) fn list(
    connection: &mut AnyConnection,
    tenant: TenantId,
    filter: &Filter,
    limit: i64,
    cursor: Option<Cursor>,
) -> Result<Vec<Entry>> {
    let mut query = kefu_audit::table.filter(kefu_audit::tenant_id.eq(tenant.get())).into_boxed();
    if let Some(admin) = filter.admin {
        query = query.filter(kefu_audit::admin_id.eq(admin));
    }
    if let Some(object_type) = &filter.object_type {
        query = query.filter(kefu_audit::object_type.eq(object_type));
    }
    if let Some(object_id) = &filter.object_id {
        query = query.filter(kefu_audit::object_id.eq(object_id));
    }
    if let Some(action) = &filter.action {
        query = query.filter(kefu_audit::action.eq(action));
    }
    if let Some(from) = filter.from {
        query = query.filter(kefu_audit::create_time.ge(to_timestamp(from)));
    }
    if let Some(to) = filter.to {
        query = query.filter(kefu_audit::create_time.lt(to_timestamp(to)));
    }
    if let Some(Cursor { created, id }) = cursor {
        let at = to_timestamp(created);
        let after = kefu_audit::create_time.lt(at).or(kefu_audit::create_time.eq(at).and(kefu_audit::id.lt(id)));
        // The first of the two is what an index can begin at.
        query = query.filter(kefu_audit::create_time.le(at)).filter(after);
    }
    let rows: Vec<Row> = query
        .order((kefu_audit::create_time.desc(), kefu_audit::id.desc()))
        .limit(limit)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

/// Whether a tenant has a row from before an instant.
pub(crate) fn has_before(connection: &mut AnyConnection, tenant: TenantId, before: Millis) -> Result<bool> {
    let found: Option<i64> = kefu_audit::table
        .filter(kefu_audit::tenant_id.eq(tenant.get()))
        .filter(kefu_audit::create_time.lt(to_timestamp(before)))
        .order(kefu_audit::create_time)
        .select(kefu_audit::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}

/// Deletes the oldest rows of a tenant from before an instant, at most `limit`, inside a write transaction; returns how many.
pub(crate) fn delete_before(
    connection: &mut AnyConnection,
    tenant: TenantId,
    before: Millis,
    limit: i64,
) -> Result<i64> {
    let old: Vec<i64> = kefu_audit::table
        .filter(kefu_audit::tenant_id.eq(tenant.get()))
        .filter(kefu_audit::create_time.lt(to_timestamp(before)))
        .order(kefu_audit::create_time)
        .select(kefu_audit::id)
        .limit(limit)
        .load(connection)?;
    let deleted = diesel::delete(kefu_audit::table.filter(kefu_audit::id.eq_any(&old))).execute(connection)?;
    Ok(i64::try_from(deleted).unwrap_or(i64::MAX))
}
