//! SQL of `kefu_admin` for the admins of a shop, who come with its tokens.

use diesel::prelude::*;

use super::{AdminRow, PERSON, imported, insert_of_kind, read_one};
use crate::account::{Admin, USERNAME_LIMIT};
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::db::schema::kefu_admin;
use crate::error::{Error, Result};
use crate::id::{TenantId, UserKey};

/// The admin with this id in the shop's system.
pub(crate) fn find(connection: &mut AnyConnection, tenant: TenantId, id: &str) -> Result<Option<Admin>> {
    let row: Option<AdminRow> = kefu_admin::table
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::external_id.eq(id))
        .select(AdminRow::as_select())
        .first(connection)
        .optional()?;
    Ok(read_one(connection, row)?.map(|(admin, _)| admin))
}

/// Adds the admin with this id in the shop's system, without a role and a password. The user name says the id; where somebody has
/// it already, it is made up.
///
/// # Errors
/// [`Error::Conflict`] when another node has just added the admin.
pub(crate) fn insert(
    connection: &mut AnyConnection,
    tenant: TenantId,
    id: &str,
    nickname: &str,
    now: Millis,
) -> Result<UserKey> {
    let username: String = format!("shop:{id}").chars().take(USERNAME_LIMIT).collect();
    let is_taken = super::usernames(connection, tenant)?.contains(&username);
    let username =
        if is_taken { format!("shop:{:016x}", getrandom::u64().map_err(Error::internal)?) } else { username };
    let made = insert_of_kind(connection, PERSON, tenant, [&username, nickname, imported::NO_PASSWORD], now)?;
    let key = made.ok_or(Error::Conflict)?;
    diesel::update(kefu_admin::table.find(key.user.get())).set(kefu_admin::external_id.eq(id)).execute(connection)?;
    Ok(key)
}
