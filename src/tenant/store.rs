//! SQL of `kefu_tenant`.

use diesel::prelude::*;
use serde_json::Value;

use super::rounds_off::EndRounds;
use super::settings::{TenantSettings, apply, read, tree};
use crate::audit::{self, Actor, Change};
use crate::clock::{Millis, to_timestamp};
use crate::db::id_block::{IdKind, reserve_one};
use crate::db::schema::kefu_tenant as t;
use crate::db::{AnyConnection, inserted};
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::job;

/// The time after which every node knows of a change and no command of before waits for the writer any more, in milliseconds.
const STALE: Millis = 60_000;

/// Changes that one poll takes over.
const CHANGES_AT_ONCE: i64 = 1000;

/// Makes the row of a tenant that has none, inside the write transaction of what is the first of the tenant.
///
/// # Errors
/// [`Error::Conflict`], which runs the transaction again, when another transaction is making it.
pub(crate) fn ensure(connection: &mut AnyConnection, tenant: TenantId, now: Millis) -> Result<()> {
    let found: Option<i64> = t::table.find(tenant.get()).select(t::id).first(connection).optional()?;
    if found.is_some() {
        return Ok(());
    }
    let outcome = diesel::insert_into(t::table)
        .values((
            t::id.eq(tenant.get()),
            t::settings.eq("{}"),
            t::create_time.eq(to_timestamp(now)),
            t::update_time.eq(to_timestamp(now)),
            t::tenant_id.eq(tenant.get()),
        ))
        .execute(connection);
    if inserted(outcome)? { Ok(()) } else { Err(Error::Conflict) }
}

/// A tenant's settings and the number of their last change; the defaults for one without a row.
pub(crate) fn settings(connection: &mut AnyConnection, tenant: TenantId) -> Result<(i64, TenantSettings)> {
    let row: Option<(i64, String)> =
        t::table.find(tenant.get()).select((t::change_no, t::settings)).first(connection).optional()?;
    Ok(row.map_or_else(Default::default, |(change, text)| (change, read(&text))))
}

/// The number of the newest change of any tenant.
pub(super) fn newest_change(connection: &mut AnyConnection) -> Result<i64> {
    let newest: Option<i64> = t::table.order(t::change_no.desc()).select(t::change_no).first(connection).optional()?;
    Ok(newest.unwrap_or(0))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_tenant)]
struct ChangedRow {
    id: i64,
    change_no: i64,
    settings: String,
}

/// The settings that were changed after a change, in the order of the changes.
pub(super) fn changes(connection: &mut AnyConnection, after: i64) -> Result<Vec<(TenantId, i64, TenantSettings)>> {
    let rows: Vec<ChangedRow> = t::table
        .filter(t::change_no.gt(after))
        .order(t::change_no)
        .select(ChangedRow::as_select())
        .limit(CHANGES_AT_ONCE)
        .load(connection)?;
    Ok(rows.into_iter().map(|row| (TenantId::new(row.id), row.change_no, read(&row.settings))).collect())
}

/// Applies changes to a tenant's settings, inside a write transaction.
pub(super) fn change(
    connection: &mut AnyConnection,
    tenant: TenantId,
    changes: &Value,
    actor: &Actor,
    now: Millis,
) -> Result<(i64, TenantSettings)> {
    // First: it locks out all other changes until the commit, those of the same row, too.
    let change = reserve_one(connection, IdKind::TenantChange)?;
    ensure(connection, tenant, now)?;
    let row = t::table.find(tenant.get());
    let stored: String = row.select(t::settings).first(connection)?;
    let (text, settings) = apply(&stored, changes)?;
    diesel::update(row)
        .set((
            t::settings.eq(text),
            t::change_no.eq(change),
            t::updater.eq(actor.column()),
            t::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    let old = read(&stored);
    if old.routing.is_on() && !settings.routing.is_on() {
        // Twice: a node that does not know yet, or a command that has waited, may open one meanwhile.
        for (later, at) in [(false, now), (true, now + STALE)] {
            job::enqueue(connection, &EndRounds { tenant: tenant.get(), later }, now, at)?;
        }
    }
    let (before, after) = (tree(&old)?, tree(&settings)?);
    if let Some(change) = Change::of("setting", tenant, "update").between(&before, &after) {
        audit::record(connection, actor, tenant, change, now)?;
    }
    Ok((change, settings))
}

/// The settings of the tenants above an id, by id, at most `limit`.
pub(super) fn page(
    connection: &mut AnyConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<(TenantId, i64, TenantSettings)>> {
    let page = t::table.filter(t::id.gt(after)).order(t::id).limit(limit);
    let rows: Vec<ChangedRow> = page.select(ChangedRow::as_select()).load(connection)?;
    Ok(rows.into_iter().map(|row| (TenantId::new(row.id), row.change_no, read(&row.settings))).collect())
}
