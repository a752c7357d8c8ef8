//! SQL of `kefu_admin` for those who look after the accounts.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{AdminRow, DELETED, DISABLED, ENABLED, PERSON, read, read_one};
use crate::account::Admin;
use crate::account::user::{UserChanges, UserFilter};
use crate::clock::{Millis, to_timestamp};
use crate::db::AnyConnection;
use crate::db::schema::{kefu_admin, kefu_admin_role};
use crate::error::Result;
use crate::id::{TenantId, UserId, UserKey};

/// What stands before `%` and `_` that mean themselves.
const ESCAPE: char = '!';

#[diesel::declare_sql_function]
extern "SQL" {
    /// The text in lower case.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// The texts that begin with this one, for `LIKE`.
fn beginning(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for letter in text.chars() {
        if ['%', '_', ESCAPE].contains(&letter) {
            pattern.push(ESCAPE);
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Writes the conditions of a [`UserFilter`] once, for the page and for the count.
macro_rules! filtered {
    ($tenant:expr, $filter:expr) => {{
        let UserFilter { text, enabled, role } = $filter;
        let text = text.as_deref().unwrap_or_default();
        // Not every database compares without regard to case by itself.
        let (pattern, lowered) = (beginning(text), beginning(&text.to_lowercase()));
        // What is not asked for takes in every row.
        let (any_status, status) = (enabled.is_none(), if *enabled == Some(false) { DISABLED } else { ENABLED });
        let holders = kefu_admin_role::table
            .filter(kefu_admin_role::role_id.eq(role.map_or(0, |role| role.get())))
            .select(kefu_admin_role::admin_id);
        kefu_admin::table
            .filter(kefu_admin::tenant_id.eq($tenant.get()))
            .filter(kefu_admin::kind.eq(PERSON))
            .filter(kefu_admin::status.ne(DELETED))
            .filter(any_status.into_sql::<diesel::sql_types::Bool>().or(kefu_admin::status.eq(status)))
            .filter(
                kefu_admin::username
                    .like(pattern.clone())
                    .escape(ESCAPE)
                    .or(lower(kefu_admin::username).like(lowered.clone()).escape(ESCAPE))
                    .or(kefu_admin::nickname.like(pattern).escape(ESCAPE))
                    .or(lower(kefu_admin::nickname).like(lowered).escape(ESCAPE)),
            )
            .filter(role.is_none().into_sql::<diesel::sql_types::Bool>().or(kefu_admin::id.eq_any(holders)))
    }};
}

/// Some of the people among the admins of a tenant, by number, and how many there are. The cost grows with the tenant's
/// admins.
pub(crate) fn page(
    connection: &mut AnyConnection,
    tenant: TenantId,
    filter: &UserFilter,
    before: i64,
    limit: i64,
) -> Result<(Vec<Admin>, i64)> {
    let total: i64 = filtered!(tenant, filter).count().get_result(connection)?;
    let rows: Vec<AdminRow> = filtered!(tenant, filter)
        .order(kefu_admin::id)
        .limit(limit)
        .offset(before)
        .select(AdminRow::as_select())
        .load(connection)?;
    Ok((read(connection, rows)?.into_iter().map(|(admin, _)| admin).collect(), total))
}

/// One of the people among the admins.
pub(crate) fn find(connection: &mut AnyConnection, tenant: TenantId, user: UserId) -> Result<Option<Admin>> {
    let row: Option<AdminRow> = kefu_admin::table
        .find(user.get())
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::kind.eq(PERSON))
        .filter(kefu_admin::status.ne(DELETED))
        .select(AdminRow::as_select())
        .first(connection)
        .optional()?;
    Ok(read_one(connection, row)?.map(|(admin, _)| admin))
}

/// The names that others see of these admins, by their numbers.
pub(crate) fn nicknames(
    connection: &mut AnyConnection,
    tenant: TenantId,
    admins: &[i64],
) -> Result<HashMap<i64, String>> {
    let rows: Vec<(i64, String)> = kefu_admin::table
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::id.eq_any(admins))
        .select((kefu_admin::id, kefu_admin::nickname))
        .load(connection)?;
    Ok(rows.into_iter().collect())
}

/// The names and pictures that others see of these admins, by their numbers.
pub(crate) fn faces(
    connection: &mut AnyConnection,
    tenant: TenantId,
    admins: &[i64],
) -> Result<HashMap<i64, (String, String)>> {
    let rows: Vec<(i64, String, String)> = kefu_admin::table
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::id.eq_any(admins))
        .select((kefu_admin::id, kefu_admin::nickname, kefu_admin::avatar))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, nickname, avatar)| (id, (nickname, avatar))).collect())
}

/// Changes what is given of an account.
pub(crate) fn update(
    connection: &mut AnyConnection,
    key: UserKey,
    changes: &UserChanges,
    by: &str,
    now: Millis,
) -> Result<()> {
    let UserChanges { nickname, avatar, email, mobile, remark } = changes;
    diesel::update(kefu_admin::table.find(key.user.get()))
        .set((
            nickname.as_ref().map(|nickname| kefu_admin::nickname.eq(nickname)),
            avatar.as_ref().map(|avatar| kefu_admin::avatar.eq(avatar)),
            email.as_ref().map(|email| kefu_admin::email.eq(email)),
            mobile.as_ref().map(|mobile| kefu_admin::mobile.eq(mobile)),
            remark.as_ref().map(|remark| kefu_admin::remark.eq(remark)),
            kefu_admin::updater.eq(by),
            kefu_admin::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Lets nobody log in as this admin again and gives the user name free; number and nickname stay for messages.
pub(crate) fn delete(connection: &mut AnyConnection, key: UserKey, by: &str, now: Millis) -> Result<()> {
    diesel::delete(kefu_admin_role::table.filter(kefu_admin_role::admin_id.eq(key.user.get()))).execute(connection)?;
    diesel::update(kefu_admin::table.find(key.user.get()))
        .set((
            // No other account can have it: names have no control characters.
            kefu_admin::username.eq(format!("\u{1}{}", key.user)),
            kefu_admin::password_hash.eq(""),
            kefu_admin::role.eq(""),
            kefu_admin::status.eq(DELETED),
            kefu_admin::external_id.eq(None::<String>),
            kefu_admin::totp_secret.eq(None::<String>),
            kefu_admin::totp_pending.eq(None::<String>),
            kefu_admin::recovery_codes.eq(None::<String>),
            kefu_admin::updater.eq(by),
            kefu_admin::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}
