//! SQL of `kefu_role` and `kefu_admin_role`.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::count_star;
use diesel::prelude::*;

use super::{AdminRow, DISABLED, ENABLED, read};
use crate::access::{Permissions, Role};
use crate::account::Admin;
use crate::account::role::{MOST, NewRole, StoredRole};
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::db::AnyConnection;
use crate::db::id_block::{IdKind, reserve, reserve_one};
use crate::db::schema::{kefu_admin, kefu_admin_role, kefu_role};
use crate::error::{Error, Result};
use crate::id::{RoleId, TenantId, UserKey};

/// The column `kind`: one of the three that the program knows.
const BUILT_IN: i32 = 1;
/// One of the tenant's own.
const OWN: i32 = 2;

#[derive(Queryable, Selectable)]
#[diesel(table_name = kefu_role)]
struct RoleRow {
    id: i64,
    code: String,
    name: String,
    sort: i32,
    status: i32,
    kind: i32,
    permissions: String,
    second_factor: bool,
    remark: String,
    create_time: NaiveDateTime,
}

impl From<RoleRow> for StoredRole {
    fn from(row: RoleRow) -> Self {
        let built_in = if row.kind == BUILT_IN { Role::from_name(&row.code) } else { None };
        let named = || {
            let names: Vec<String> = serde_json::from_str(&row.permissions).unwrap_or_default();
            Permissions::named(names.iter().map(String::as_str))
        };
        Self {
            id: RoleId::new(row.id),
            permissions: built_in.map_or_else(named, Permissions::of),
            code: row.code,
            name: row.name,
            sort: row.sort,
            enabled: row.status == ENABLED,
            built_in,
            second_factor: row.second_factor,
            remark: row.remark,
            created_at: from_timestamp(row.create_time),
        }
    }
}

/// The role that the column `kefu_admin.role` names, which counts for an admin who was made by the version before.
pub(super) fn by_column(connection: &mut AnyConnection, tenant: i64, name: &str) -> Result<Vec<StoredRole>> {
    if Role::from_name(name).is_none() {
        return Ok(Vec::new());
    }
    let rows: Vec<RoleRow> = kefu_role::table
        .filter(kefu_role::tenant_id.eq(tenant))
        .filter(kefu_role::code.eq(name))
        .filter(kefu_role::kind.eq(BUILT_IN))
        .select(RoleRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(StoredRole::from).collect())
}

/// What the migration calls them, too.
const fn name_of(role: Role) -> &'static str {
    match role {
        Role::Owner => "所有者",
        Role::Agent => "客服",
        Role::Viewer => "观察员",
    }
}

/// Makes the three roles of a tenant that has none yet.
fn ensure_built_in(connection: &mut AnyConnection, tenant: TenantId, now: Millis) -> Result<()> {
    let there = kefu_role::table
        .filter(kefu_role::tenant_id.eq(tenant.get()))
        .filter(kefu_role::code.eq(Role::Owner.as_str()))
        .select(kefu_role::id);
    if there.first::<i64>(connection).optional()?.is_some() {
        return Ok(());
    }
    let first = reserve(connection, IdKind::Role, 3)?;
    for (id, role) in (first..).zip(Role::ALL) {
        let sort = i32::try_from(id - first + 1).unwrap_or_default();
        diesel::insert_into(kefu_role::table)
            .values((
                kefu_role::id.eq(id),
                kefu_role::code.eq(role.as_str()),
                kefu_role::name.eq(name_of(role)),
                kefu_role::sort.eq(sort),
                kefu_role::kind.eq(BUILT_IN),
                kefu_role::permissions.eq("[]"),
                kefu_role::create_time.eq(to_timestamp(now)),
                kefu_role::update_time.eq(to_timestamp(now)),
                kefu_role::tenant_id.eq(tenant.get()),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// The tenant's role of the three, which is made with the other two when the tenant has none yet.
pub(crate) fn built_in(
    connection: &mut AnyConnection,
    tenant: TenantId,
    role: Role,
    now: Millis,
) -> Result<StoredRole> {
    ensure_built_in(connection, tenant, now)?;
    let found = by_column(connection, tenant.get(), role.as_str())?.pop();
    found.ok_or_else(|| Error::internal("kefu_role: a built-in role is missing"))
}

/// Locks the row of the tenant's role of owners until the transaction ends; makes the three when there are none. Written, not
/// read, so that it is a lock on every database.
pub(crate) fn lock_owner(connection: &mut AnyConnection, tenant: TenantId, now: Millis) -> Result<()> {
    let row =
        kefu_role::table.filter(kefu_role::tenant_id.eq(tenant.get())).filter(kefu_role::code.eq(Role::Owner.as_str()));
    let locked = diesel::update(row).set(kefu_role::update_time.eq(to_timestamp(now))).execute(connection)?;
    if locked == 0 { ensure_built_in(connection, tenant, now) } else { Ok(()) }
}

/// The roles of a tenant: the three first, then its own, by `sort` and number.
pub(crate) fn all(connection: &mut AnyConnection, tenant: TenantId) -> Result<Vec<StoredRole>> {
    let rows: Vec<RoleRow> = kefu_role::table
        .filter(kefu_role::tenant_id.eq(tenant.get()))
        .order((kefu_role::kind, kefu_role::sort, kefu_role::id))
        .limit(i64::try_from(2 * MOST).unwrap_or(i64::MAX))
        .select(RoleRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(StoredRole::from).collect())
}

/// One role.
pub(crate) fn find(connection: &mut AnyConnection, tenant: TenantId, id: RoleId) -> Result<Option<StoredRole>> {
    let row: Option<RoleRow> = kefu_role::table
        .find(id.get())
        .filter(kefu_role::tenant_id.eq(tenant.get()))
        .select(RoleRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(StoredRole::from))
}

/// What each of these admins holds; one without a row holds nothing here. One statement for all of them.
pub(super) fn held(connection: &mut AnyConnection, admins: &[i64]) -> Result<HashMap<i64, Vec<StoredRole>>> {
    let rows: Vec<(i64, RoleRow)> = kefu_admin_role::table
        .inner_join(kefu_role::table.on(kefu_role::id.eq(kefu_admin_role::role_id)))
        .filter(kefu_admin_role::admin_id.eq_any(admins))
        .order((kefu_role::kind, kefu_role::sort, kefu_role::id))
        .select((kefu_admin_role::admin_id, RoleRow::as_select()))
        .load(connection)?;
    let mut held: HashMap<i64, Vec<StoredRole>> = HashMap::new();
    for (admin, role) in rows {
        held.entry(admin).or_default().push(role.into());
    }
    Ok(held)
}

/// The enabled admins who hold a role. Three statements; the cost grows with their number.
pub(crate) fn holders(connection: &mut AnyConnection, tenant: TenantId, role: RoleId) -> Result<Vec<Admin>> {
    let holders =
        kefu_admin_role::table.filter(kefu_admin_role::role_id.eq(role.get())).select(kefu_admin_role::admin_id);
    let rows: Vec<AdminRow> = kefu_admin::table
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::status.eq(ENABLED))
        .filter(kefu_admin::id.eq_any(holders))
        .select(AdminRow::as_select())
        .load(connection)?;
    Ok(read(connection, rows)?.into_iter().map(|(admin, _)| admin).collect())
}

/// How many admins hold each of these roles.
pub(crate) fn holders_of_each(connection: &mut AnyConnection, roles: &[RoleId]) -> Result<HashMap<RoleId, i64>> {
    let ids: Vec<i64> = roles.iter().map(|role| role.get()).collect();
    let counted: Vec<(i64, i64)> = kefu_admin_role::table
        .filter(kefu_admin_role::role_id.eq_any(ids))
        .group_by(kefu_admin_role::role_id)
        .select((kefu_admin_role::role_id, count_star()))
        .load(connection)?;
    Ok(counted.into_iter().map(|(role, count)| (RoleId::new(role), count)).collect())
}

/// How many enabled people hold the role of owners.
pub(crate) fn enabled_owners(connection: &mut AnyConnection, tenant: TenantId) -> Result<i64> {
    let owners = kefu_admin_role::table
        .inner_join(kefu_role::table.on(kefu_role::id.eq(kefu_admin_role::role_id)))
        .inner_join(kefu_admin::table.on(kefu_admin::id.eq(kefu_admin_role::admin_id)))
        .filter(kefu_role::tenant_id.eq(tenant.get()))
        .filter(kefu_role::code.eq(Role::Owner.as_str()))
        .filter(kefu_admin::status.eq(ENABLED))
        .select(count_star());
    Ok(owners.first(connection)?)
}

/// Adds a role.
pub(crate) fn insert(connection: &mut AnyConnection, new: &NewRole, now: Millis) -> Result<RoleId> {
    let id = reserve_one(connection, IdKind::Role)?;
    let code = new.code.clone().unwrap_or_else(|| format!("role-{id}"));
    diesel::insert_into(kefu_role::table)
        .values((
            kefu_role::id.eq(id),
            kefu_role::code.eq(code),
            kefu_role::name.eq(&new.name),
            kefu_role::sort.eq(new.sort),
            kefu_role::status.eq(if new.enabled { ENABLED } else { DISABLED }),
            kefu_role::kind.eq(OWN),
            kefu_role::permissions.eq(written(new.permissions)?),
            kefu_role::second_factor.eq(new.second_factor),
            kefu_role::remark.eq(&new.remark),
            kefu_role::creator.eq(&new.by),
            kefu_role::updater.eq(&new.by),
            kefu_role::create_time.eq(to_timestamp(now)),
            kefu_role::update_time.eq(to_timestamp(now)),
            kefu_role::tenant_id.eq(new.tenant.get()),
        ))
        .execute(connection)?;
    Ok(RoleId::new(id))
}

/// Stores all of a role but its permissions.
pub(crate) fn update(connection: &mut AnyConnection, role: &StoredRole, by: &str, now: Millis) -> Result<()> {
    diesel::update(kefu_role::table.find(role.id.get()))
        .set((
            kefu_role::name.eq(&role.name),
            kefu_role::sort.eq(role.sort),
            kefu_role::status.eq(if role.enabled { ENABLED } else { DISABLED }),
            kefu_role::second_factor.eq(role.second_factor),
            kefu_role::remark.eq(&role.remark),
            kefu_role::updater.eq(by),
            kefu_role::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Stores what a role of the tenant's own holds.
pub(crate) fn set_permissions(
    connection: &mut AnyConnection,
    role: RoleId,
    permissions: Permissions,
    by: &str,
    now: Millis,
) -> Result<()> {
    diesel::update(kefu_role::table.find(role.get()))
        .set((
            kefu_role::permissions.eq(written(permissions)?),
            kefu_role::updater.eq(by),
            kefu_role::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

fn written(permissions: Permissions) -> Result<String> {
    serde_json::to_string(&permissions.names()).map_err(Error::internal)
}

/// Removes a role that nobody holds.
pub(crate) fn remove(connection: &mut AnyConnection, role: RoleId) -> Result<()> {
    diesel::delete(kefu_role::table.find(role.get())).execute(connection)?;
    Ok(())
}

/// Gives an admin these roles and no others. The column `kefu_admin.role` names the best of the three among them, for the
/// version before.
pub(crate) fn assign(
    connection: &mut AnyConnection,
    admin: UserKey,
    roles: &[StoredRole],
    by: &str,
    now: Millis,
) -> Result<()> {
    let UserKey { tenant, user, .. } = admin;
    diesel::delete(kefu_admin_role::table.filter(kefu_admin_role::admin_id.eq(user.get()))).execute(connection)?;
    for role in roles {
        diesel::insert_into(kefu_admin_role::table)
            .values((
                kefu_admin_role::admin_id.eq(user.get()),
                kefu_admin_role::role_id.eq(role.id.get()),
                kefu_admin_role::creator.eq(by),
                kefu_admin_role::create_time.eq(to_timestamp(now)),
                kefu_admin_role::update_time.eq(to_timestamp(now)),
                kefu_admin_role::tenant_id.eq(tenant.get()),
            ))
            .execute(connection)?;
    }
    let best = Role::ALL.into_iter().find(|built_in| roles.iter().any(|role| role.built_in == Some(*built_in)));
    diesel::update(kefu_admin::table.find(user.get()))
        .set((
            kefu_admin::role.eq(best.map(Role::as_str).unwrap_or_default()),
            kefu_admin::updater.eq(by),
            kefu_admin::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}
