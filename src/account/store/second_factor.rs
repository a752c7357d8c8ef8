//! SQL of the second factor: columns of `kefu_admin`, and which roles ask for one.

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::account::second_factor::{SecondFactor, Used};
use crate::clock::{Millis, to_timestamp};
use crate::db::AnyConnection;
use crate::db::schema::{kefu_admin, kefu_admin_role, kefu_role};
use crate::error::{Error, Result};
use crate::id::UserKey;

/// The column `status` of a role that counts.
const ENABLED: i32 = 0;
/// The column `kind` of the roles that every tenant has.
const BUILT_IN: i32 = 1;

/// An admin's second factor. The row is written first, and so stays locked until the transaction ends: of two uses of a code at
/// once, one finds it used, on every database.
pub(crate) fn locked_second_factor(connection: &mut AnyConnection, key: UserKey) -> Result<SecondFactor> {
    let row = kefu_admin::table.find(key.user.get()).filter(kefu_admin::tenant_id.eq(key.tenant.get()));
    diesel::update(row).set(kefu_admin::id.eq(key.user.get())).execute(connection)?;
    type Row = (Option<String>, Option<String>, i64, Option<String>);
    let found: Option<Row> = row
        .select((kefu_admin::totp_secret, kefu_admin::totp_pending, kefu_admin::totp_step, kefu_admin::recovery_codes))
        .first(connection)
        .optional()?;
    let (secret, pending, step, recovery) = found.ok_or(Error::Unauthenticated)?;
    let recovery =
        recovery.map_or_else(|| Ok(Vec::new()), |text| serde_json::from_str(&text)).map_err(Error::internal)?;
    Ok(SecondFactor { secret, pending, step, recovery })
}

/// Keeps an admin's second factor as it is now.
pub(crate) fn set_second_factor(
    connection: &mut AnyConnection,
    key: UserKey,
    factor: &SecondFactor,
    now: Millis,
) -> Result<()> {
    let recovery = if factor.recovery.is_empty() {
        None
    } else {
        Some(serde_json::to_string(&factor.recovery).map_err(Error::internal)?)
    };
    diesel::update(kefu_admin::table.find(key.user.get()))
        .set((
            kefu_admin::totp_secret.eq(&factor.secret),
            kefu_admin::totp_pending.eq(&factor.pending),
            kefu_admin::totp_step.eq(factor.step),
            kefu_admin::recovery_codes.eq(recovery),
            kefu_admin::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Notes that a code was used, so that it is no code any more.
pub(crate) fn use_code(
    connection: &mut AnyConnection,
    key: UserKey,
    factor: SecondFactor,
    used: Used,
    now: Millis,
) -> Result<()> {
    let factor = match used {
        Used::Step(step) => SecondFactor { step, ..factor },
        Used::Recovery(hash) => {
            let recovery = factor.recovery.iter().filter(|known| **known != hash).cloned().collect();
            SecondFactor { recovery, ..factor }
        }
    };
    set_second_factor(connection, key, &factor, now)
}

/// Whether an enabled role of an admin asks for a second factor. One who was given no roles holds the one that the column names.
pub(crate) fn needs_second_factor(connection: &mut AnyConnection, key: UserKey) -> Result<bool> {
    let held = kefu_admin_role::table.filter(kefu_admin_role::admin_id.eq(key.user.get()));
    let named = kefu_admin::table.find(key.user.get()).select(kefu_admin::role).single_value();
    let is_held = kefu_role::id.eq_any(held.select(kefu_admin_role::role_id));
    let is_named = kefu_role::kind.eq(BUILT_IN).and(kefu_role::code.nullable().eq(named)).and(not(exists(held)));
    let found: Option<i64> = kefu_role::table
        .filter(kefu_role::tenant_id.eq(key.tenant.get()))
        .filter(kefu_role::status.eq(ENABLED))
        .filter(kefu_role::second_factor.eq(true))
        .filter(is_held.or(is_named))
        .select(kefu_role::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}
