//! SQL of `kefu_member_token`: when the integrator's tokens were first seen that do not say when they were issued.
//!
//! In the database, so that all nodes agree and a restart forgets nothing. A token costs one row until it expires; of one
//! member at most [`PER_MEMBER`] are kept.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::credential::Hash;
use crate::db::schema::kefu_member_token as t;
use crate::db::{AnyConnection, inserted};
use crate::error::Result;
use crate::id::UserKey;

/// Most tokens of one member that are kept. Further ones count as issued before every logout.
const PER_MEMBER: i64 = 1000;

/// When a token was first seen, `None` for a new one.
pub(crate) fn first_seen(connection: &mut AnyConnection, hash: Hash) -> Result<Option<Millis>> {
    let seen: Option<NaiveDateTime> =
        t::table.find(const_hex::encode(hash)).select(t::create_time).first(connection).optional()?;
    Ok(seen.map(from_timestamp))
}

/// Keeps when a token was first seen, and returns it; `None` when another call has just done so.
pub(crate) fn insert(
    connection: &mut AnyConnection,
    key: UserKey,
    hash: Hash,
    expires_at: Millis,
    now: Millis,
) -> Result<Option<Millis>> {
    if let Some(seen) = first_seen(connection, hash)? {
        return Ok(Some(seen));
    }
    let kept: i64 = t::table
        .filter(t::tenant_id.eq(key.tenant.get()))
        .filter(t::user_id.eq(key.user.get()))
        .count()
        .get_result(connection)?;
    if kept >= PER_MEMBER {
        return Ok(Some(0));
    }
    let outcome = diesel::insert_into(t::table)
        .values((
            t::token_hash.eq(const_hex::encode(hash)),
            t::user_id.eq(key.user.get()),
            t::expires_time.eq(to_timestamp(expires_at)),
            t::create_time.eq(to_timestamp(now)),
            t::update_time.eq(to_timestamp(now)),
            t::tenant_id.eq(key.tenant.get()),
        ))
        .execute(connection);
    Ok(inserted(outcome)?.then_some(now))
}

/// Lets a member's tokens count as seen at the logout that were seen later by a clock that was ahead; returns the latest of
/// these times.
pub(crate) fn end(connection: &mut AnyConnection, key: UserKey, logout: Millis) -> Result<Option<Millis>> {
    let later = t::table
        .filter(t::tenant_id.eq(key.tenant.get()))
        .filter(t::user_id.eq(key.user.get()))
        .filter(t::create_time.gt(to_timestamp(logout)));
    let latest: Option<NaiveDateTime> = later.select(diesel::dsl::max(t::create_time)).first(connection)?;
    if latest.is_some() {
        let logout = to_timestamp(logout);
        diesel::update(later).set((t::create_time.eq(logout), t::update_time.eq(logout))).execute(connection)?;
    }
    Ok(latest.map(from_timestamp))
}

/// Deletes up to `limit` tokens that expired before an instant; returns how many.
pub(super) fn delete_expired(connection: &mut AnyConnection, limit: i64, before: Millis) -> Result<usize> {
    let expired: Vec<String> = t::table
        .filter(t::expires_time.lt(to_timestamp(before)))
        .order(t::expires_time)
        .select(t::token_hash)
        .limit(limit)
        .load(connection)?;
    Ok(diesel::delete(t::table.filter(t::token_hash.eq_any(&expired))).execute(connection)?)
}
