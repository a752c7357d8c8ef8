//! SQL of `kefu_api_key`.

use diesel::prelude::*;

use super::ApiKey;
use crate::access::Scope;
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::credential::Hash;
use crate::db::AnyConnection;
use crate::db::schema::kefu_api_key as t;
use crate::error::{Error, Result};
use crate::id::{ApiKeyId, TenantId, UserId, UserKey, UserType};

#[derive(Queryable, Selectable)]
#[diesel(table_name = crate::db::schema::kefu_api_key)]
struct Row {
    id: i64,
    name: String,
    scopes: String,
    admin_id: i64,
    last_used_time: Option<chrono::NaiveDateTime>,
    creator: String,
    create_time: chrono::NaiveDateTime,
    tenant_id: i64,
}

impl From<Row> for ApiKey {
    /// A scope that this version does not know is left out.
    fn from(row: Row) -> Self {
        let names: Vec<String> = serde_json::from_str(&row.scopes).unwrap_or_default();
        let tenant = TenantId::new(row.tenant_id);
        Self {
            id: ApiKeyId::new(row.id),
            tenant,
            name: row.name,
            scopes: names.iter().filter_map(|name| Scope::from_name(name)).collect(),
            bot: UserKey { tenant, user_type: UserType::Admin, user: UserId::new(row.admin_id) },
            used_at: row.last_used_time.map(from_timestamp),
            created_at: from_timestamp(row.create_time),
            creator: row.creator,
        }
    }
}

/// The first `limit` keys of a tenant.
pub(super) fn list(connection: &mut AnyConnection, tenant: TenantId, limit: i64) -> Result<Vec<ApiKey>> {
    let rows: Vec<Row> = t::table
        .filter(t::tenant_id.eq(tenant.get()))
        .order(t::id)
        .limit(limit)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(ApiKey::from).collect())
}

/// How many keys a tenant has.
pub(super) fn count(connection: &mut AnyConnection, tenant: TenantId) -> Result<i64> {
    Ok(t::table.filter(t::tenant_id.eq(tenant.get())).count().get_result(connection)?)
}

/// A key of a tenant.
pub(super) fn find(connection: &mut AnyConnection, tenant: TenantId, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let row: Option<Row> = t::table
        .find(id.get())
        .filter(t::tenant_id.eq(tenant.get()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(ApiKey::from))
}

/// The key whose secret has this hash.
pub(super) fn by_hash(connection: &mut AnyConnection, hash: Hash) -> Result<Option<ApiKey>> {
    let row: Option<Row> = t::table
        .filter(t::secret_hash.eq(const_hex::encode(hash)))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(ApiKey::from))
}

/// Keeps a new key with its secret's hash.
pub(super) fn insert(connection: &mut AnyConnection, key: &ApiKey, hash: Hash) -> Result<()> {
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    diesel::insert_into(t::table)
        .values((
            t::id.eq(key.id.get()),
            t::name.eq(&key.name),
            t::secret_hash.eq(const_hex::encode(hash)),
            t::scopes.eq(serde_json::to_string(&scopes).map_err(Error::internal)?),
            t::admin_id.eq(key.bot.user.get()),
            t::creator.eq(&key.creator),
            t::create_time.eq(to_timestamp(key.created_at)),
            t::updater.eq(&key.creator),
            t::update_time.eq(to_timestamp(key.created_at)),
            t::tenant_id.eq(key.tenant.get()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Notes when a key was used last.
pub(super) fn note_use(connection: &mut AnyConnection, id: ApiKeyId, at: Millis) -> Result<()> {
    diesel::update(t::table.find(id.get())).set(t::last_used_time.eq(to_timestamp(at))).execute(connection)?;
    Ok(())
}

/// Deletes a key; whether it was there.
pub(super) fn delete(connection: &mut AnyConnection, tenant: TenantId, id: ApiKeyId) -> Result<bool> {
    Ok(diesel::delete(t::table.find(id.get()).filter(t::tenant_id.eq(tenant.get()))).execute(connection)? > 0)
}
