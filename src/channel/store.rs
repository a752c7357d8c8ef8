//! SQL of `kefu_channel`.

use diesel::prelude::*;

use super::settings::{apply, read};
use super::{ChannelChanges, Kind, NewChannel, StoredChannel};
use crate::audit::{self, Actor, Change};
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::db::AnyConnection;
use crate::db::id_block::{self, IdKind, reserve_one};
use crate::db::schema::kefu_channel as t;
use crate::error::{Error, Problem, Result};
use crate::id::{ChannelId, TenantId};

/// Channels that are read at once.
const PAGE: i64 = 1000;
/// Most channels of a tenant.
const MOST: i64 = 100;

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_channel)]
struct Row {
    id: i64,
    tenant_id: i64,
    kind: String,
    name: String,
    channel_key: String,
    enabled: bool,
    settings: String,
    create_time: chrono::NaiveDateTime,
}

impl Row {
    /// `None` for a kind that this version does not know.
    fn known(self) -> Option<StoredChannel> {
        Some(StoredChannel {
            id: ChannelId::new(self.id),
            tenant: TenantId::new(self.tenant_id),
            kind: Kind::from_name(&self.kind)?,
            name: self.name,
            key: self.channel_key,
            enabled: self.enabled,
            settings: read(&self.settings),
            created: from_timestamp(self.create_time),
        })
    }
}

/// Every channel of every tenant with the number of the newest change, when that is not `seen`. A change that is committed
/// during the reading has a higher number, so that the next look reads again.
pub(super) fn changed(connection: &mut AnyConnection, seen: Option<i64>) -> Result<Option<(i64, Vec<StoredChannel>)>> {
    let change = id_block::next(connection, IdKind::ChannelChange)?;
    if seen == Some(change) {
        return Ok(None);
    }
    let (mut channels, mut after) = (Vec::new(), 0);
    loop {
        let rows: Vec<Row> =
            t::table.filter(t::id.gt(after)).order(t::id).limit(PAGE).select(Row::as_select()).load(connection)?;
        let Some(last) = rows.last() else { return Ok(Some((change, channels))) };
        after = last.id;
        channels.extend(rows.into_iter().filter_map(Row::known));
    }
}

/// The channels of a tenant, the oldest first.
pub(super) fn list(connection: &mut AnyConnection, tenant: TenantId) -> Result<Vec<StoredChannel>> {
    let rows: Vec<Row> = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .order(t::id)
        .limit(PAGE)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().filter_map(Row::known).collect())
}

/// A channel of a tenant.
pub(super) fn find(connection: &mut AnyConnection, tenant: TenantId, id: ChannelId) -> Result<Option<StoredChannel>> {
    let row: Option<Row> = t::table
        .find(id.get())
        .filter(t::tenant_id.eq(tenant.get()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    Ok(row.and_then(Row::known))
}

/// Adds a channel for somebody, inside a write transaction.
pub(super) fn create(
    connection: &mut AnyConnection,
    tenant: TenantId,
    new: &NewChannel,
    key: &str,
    actor: &Actor,
    now: Millis,
) -> Result<ChannelId> {
    let id = insert(connection, tenant, new, key, &actor.column(), now)?;
    let made = find(connection, tenant, id)?.ok_or_else(|| Error::internal("a channel that was made is not there"))?;
    let change = Change::of("channel", id, "create").to(made.changeable()?);
    audit::record(connection, actor, tenant, change, now)?;
    Ok(id)
}

/// Adds a channel, inside a write transaction.
fn insert(
    connection: &mut AnyConnection,
    tenant: TenantId,
    new: &NewChannel,
    key: &str,
    by: &str,
    now: Millis,
) -> Result<ChannelId> {
    begin_change(connection)?;
    let there: i64 = t::table.filter(t::tenant_id.eq(tenant.get())).count().get_result(connection)?;
    if there >= MOST {
        return Err(Error::Invalid(Problem {
            zh: format!("最多 {MOST} 个渠道").into(),
            en: format!("there are {MOST} channels already, which is the most").into(),
        }));
    }
    let id = reserve_one(connection, IdKind::Channel)?;
    diesel::insert_into(t::table)
        .values((
            t::id.eq(id),
            t::kind.eq(new.kind.as_str()),
            t::name.eq(&new.name),
            t::channel_key.eq(key),
            t::enabled.eq(new.enabled),
            t::settings.eq(apply("{}", &new.settings)?),
            t::creator.eq(by),
            t::create_time.eq(to_timestamp(now)),
            t::updater.eq(by),
            t::update_time.eq(to_timestamp(now)),
            t::tenant_id.eq(tenant.get()),
        ))
        .execute(connection)?;
    Ok(ChannelId::new(id))
}

/// Whether the database has never had a channel.
pub(super) fn never_had_one(connection: &mut AnyConnection) -> Result<bool> {
    Ok(id_block::next(connection, IdKind::Channel)? == IdKind::Channel.first())
}

/// Adds the first channel unless there was one, inside a write transaction. Of two processes that start at once, one waits for
/// the other here.
pub(super) fn insert_first(
    connection: &mut AnyConnection,
    tenant: TenantId,
    new: &NewChannel,
    key: &str,
    now: Millis,
) -> Result<()> {
    begin_change(connection)?;
    if never_had_one(connection)? {
        insert(connection, tenant, new, key, "", now)?;
    }
    Ok(())
}

/// Changes a channel, inside a write transaction.
///
/// # Errors
/// [`Error::NotFound`] when the tenant has no such channel.
pub(super) fn update(
    connection: &mut AnyConnection,
    tenant: TenantId,
    id: ChannelId,
    changes: &ChannelChanges,
    actor: &Actor,
    now: Millis,
) -> Result<()> {
    begin_change(connection)?;
    let row = t::table.find(id.get()).filter(t::tenant_id.eq(tenant.get()));
    let found: Option<Row> = row.select(Row::as_select()).first(connection).optional()?;
    let found = found.ok_or(Error::NotFound)?;
    let settings = match &changes.settings {
        Some(changes) => apply(&found.settings, changes)?,
        None => found.settings.clone(),
    };
    diesel::update(t::table.find(id.get()))
        .set((
            t::name.eq(changes.name.as_ref().unwrap_or(&found.name)),
            t::enabled.eq(changes.enabled.unwrap_or(found.enabled)),
            t::settings.eq(settings),
            t::updater.eq(actor.column()),
            t::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    // One of a kind that this version does not know has no page that could show the change.
    let (Some(before), Some(after)) = (found.known(), find(connection, tenant, id)?) else { return Ok(()) };
    match Change::of("channel", id, "update").between(&before.changeable()?, &after.changeable()?) {
        Some(change) => audit::record(connection, actor, tenant, change, now),
        None => Ok(()),
    }
}

/// Deletes a channel, inside a write transaction.
///
/// # Errors
/// [`Error::NotFound`] when the tenant has no such channel.
pub(super) fn delete(
    connection: &mut AnyConnection,
    tenant: TenantId,
    id: ChannelId,
    actor: &Actor,
    now: Millis,
) -> Result<()> {
    begin_change(connection)?;
    let found = find(connection, tenant, id)?.ok_or(Error::NotFound)?;
    diesel::delete(t::table.find(id.get())).execute(connection)?;
    let change = Change::of("channel", id, "delete").from(found.changeable()?);
    audit::record(connection, actor, tenant, change, now)
}

/// Takes the number of a change. First in its transaction: the number's row stays locked until the commit, so that changes
/// take turns.
fn begin_change(connection: &mut AnyConnection) -> Result<()> {
    reserve_one(connection, IdKind::ChannelChange).map(drop)
}
