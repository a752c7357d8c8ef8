//! SQL of `kefu_login`, `kefu_revocation` and `kefu_member_token`.

pub(crate) mod seen;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::origin::Origin;
use crate::clock::{Millis, from_timestamp, to_timestamp, whole_seconds};
use crate::credential::{Ended, Hash};
use crate::db::AnyConnection;
use crate::db::id_block::{IdKind, reserve_one};
use crate::db::schema::{kefu_login, kefu_revocation};
use crate::error::Result;
use crate::id::{ChannelId, LoginId, RoleId, TenantId, UserId, UserKey, UserType};

/// How long a revocation is kept for other processes to read.
const KEPT_MS: Millis = 24 * 3600 * 1000;

/// How long the session of a logout is refused, at least: its other tokens are not known, nor when they end. As long as
/// browsers keep a cookie (RFC 6265bis).
pub(super) const SESSION_KEPT_MS: Millis = 400 * 24 * 3600 * 1000;

/// A row of `kefu_login`.
pub(super) struct Login {
    pub key: UserKey,
    pub generation: i64,
    pub revoked: bool,
    pub expires_at: Millis,
    /// When its use was noted last.
    pub last_used: Option<Millis>,
    /// A visitor's channel.
    pub channel: Option<ChannelId>,
    /// When the generation before this one ended.
    pub rotated_at: Option<Millis>,
}

/// How long a visitor's refresh token is still good when another one was given for it: two tabs refresh at once.
const VISITOR_GRACE: Millis = 60_000;

impl Login {
    /// Whether a refresh token of this generation may be used: it is the newest or, of a visitor, was so until a moment ago.
    pub(super) fn accepts(&self, generation: i64, now: Millis) -> bool {
        let was_newest = self.channel.is_some() && self.generation - 1 == generation;
        self.generation == generation || (was_newest && self.rotated_at.is_some_and(|at| now - at < VISITOR_GRACE))
    }
}

/// A row of `kefu_revocation`. Of a change of a role, `login_id` is the role's number. Else: `token_hash` for [`Ended::Tokens`], `login_id` for [`Ended::Login`] and, with `issued_until`,
/// for [`Ended::AllBut`]; `issued_until` alone for [`Ended::TokensUntil`]; none of them for [`Ended::All`].
pub(super) struct Revocation {
    pub id: i64,
    pub key: UserKey,
    pub ended: Ended,
    /// The role that has changed, of whose holders nothing has ended.
    pub role: Option<RoleId>,
}

/// A login that has not ended.
pub(in crate::auth) struct OpenLogin {
    pub id: LoginId,
    pub device: String,
    pub address: String,
    pub began: Millis,
    pub last_used: Millis,
}

/// Logins that are listed at most.
const MOST_LISTED: i64 = 200;

#[derive(Queryable, Selectable)]
#[diesel(table_name = kefu_login)]
struct LoginRow {
    user_id: i64,
    user_type: i32,
    generation: i64,
    revoked: bool,
    expires_time: NaiveDateTime,
    last_used_time: Option<NaiveDateTime>,
    tenant_id: i64,
    channel_id: Option<i64>,
    rotated_time: Option<NaiveDateTime>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = kefu_revocation)]
struct RevocationRow {
    id: i64,
    user_id: i64,
    user_type: i32,
    login_id: Option<i64>,
    token_hash: Option<String>,
    create_time: NaiveDateTime,
    tenant_id: i64,
    issued_until: Option<NaiveDateTime>,
    reason: i32,
}

impl RevocationRow {
    /// `None` for one that no version of this service has written.
    fn read(self) -> Option<Revocation> {
        let role = self.login_id.filter(|_| self.reason == ROLE_CHANGED).map(RoleId::new);
        let ended = match (self.login_id, self.token_hash, self.issued_until) {
            _ if self.reason == RIGHTS_CHANGED || self.reason == ROLE_CHANGED => Ended::Nothing,
            (Some(kept), _, Some(_)) => Ended::AllBut(LoginId::new(kept)),
            (Some(login), _, None) => Ended::Login(LoginId::new(login)),
            (None, Some(hash), _) => {
                Ended::Tokens(const_hex::decode_to_array(hash).ok()?, from_timestamp(self.create_time))
            }
            (None, None, Some(until)) => Ended::TokensUntil(from_timestamp(until)),
            (None, None, None) => Ended::All,
        };
        Some(Revocation { id: self.id, key: user_key(self.tenant_id, self.user_type, self.user_id)?, ended, role })
    }
}

/// Begins a login, a visitor's with its channel.
pub(super) fn insert_login(
    connection: &mut AnyConnection,
    key: UserKey,
    channel: Option<ChannelId>,
    origin: Option<&Origin>,
    expires_at: Millis,
    now: Millis,
) -> Result<LoginId> {
    let id = reserve_one(connection, IdKind::Login)?;
    diesel::insert_into(kefu_login::table)
        .values((
            kefu_login::id.eq(id),
            kefu_login::user_id.eq(key.user.get()),
            kefu_login::user_type.eq(key.user_type.code()),
            kefu_login::generation.eq(0),
            kefu_login::expires_time.eq(to_timestamp(expires_at)),
            kefu_login::create_time.eq(to_timestamp(now)),
            kefu_login::update_time.eq(to_timestamp(now)),
            kefu_login::tenant_id.eq(key.tenant.get()),
            kefu_login::device.eq(origin.map(|origin| origin.device.as_str()).unwrap_or_default()),
            kefu_login::address.eq(origin.map(|origin| origin.address.to_string()).unwrap_or_default()),
            kefu_login::last_used_time.eq(to_timestamp(now)),
            kefu_login::channel_id.eq(channel.map(ChannelId::get)),
        ))
        .execute(connection)?;
    Ok(LoginId::new(id))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = kefu_login)]
struct OpenLoginRow {
    id: i64,
    create_time: NaiveDateTime,
    device: String,
    address: String,
    last_used_time: Option<NaiveDateTime>,
}

/// A user's logins that have not ended, the newest first.
pub(super) fn open_logins(connection: &mut AnyConnection, key: UserKey, now: Millis) -> Result<Vec<OpenLogin>> {
    let rows: Vec<OpenLoginRow> = kefu_login::table
        .filter(kefu_login::tenant_id.eq(key.tenant.get()))
        .filter(kefu_login::user_type.eq(key.user_type.code()))
        .filter(kefu_login::user_id.eq(key.user.get()))
        .filter(kefu_login::revoked.eq(false))
        .filter(kefu_login::expires_time.gt(to_timestamp(now)))
        .order(kefu_login::id.desc())
        .limit(MOST_LISTED)
        .select(OpenLoginRow::as_select())
        .load(connection)?;
    let read = |row: OpenLoginRow| {
        let (began, used) = (from_timestamp(row.create_time), row.last_used_time.map(from_timestamp));
        let OpenLoginRow { id, device, address, .. } = row;
        OpenLogin { id: LoginId::new(id), device, address, began, last_used: used.unwrap_or(began) }
    };
    Ok(rows.into_iter().map(read).collect())
}

/// The ids of all of a user's logins that have not ended.
pub(super) fn open_login_ids(connection: &mut AnyConnection, key: UserKey, now: Millis) -> Result<Vec<LoginId>> {
    let ids: Vec<i64> = kefu_login::table
        .filter(kefu_login::tenant_id.eq(key.tenant.get()))
        .filter(kefu_login::user_type.eq(key.user_type.code()))
        .filter(kefu_login::user_id.eq(key.user.get()))
        .filter(kefu_login::revoked.eq(false))
        .filter(kefu_login::expires_time.gt(to_timestamp(now)))
        .select(kefu_login::id)
        .load(connection)?;
    Ok(ids.into_iter().map(LoginId::new).collect())
}

/// Notes that a login is used now.
pub(super) fn note_use(connection: &mut AnyConnection, id: LoginId, origin: &Origin, now: Millis) -> Result<()> {
    diesel::update(kefu_login::table.find(id.get()))
        .set((
            kefu_login::device.eq(&origin.device),
            kefu_login::address.eq(origin.address.to_string()),
            kefu_login::last_used_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Whether an admin of any tenant has a login, ended or not.
pub(crate) fn has_admin_logins(connection: &mut AnyConnection) -> Result<bool> {
    let logins = kefu_login::table.filter(kefu_login::user_type.eq(UserType::Admin.code())).select(kefu_login::id);
    Ok(logins.first::<i64>(connection).optional()?.is_some())
}

/// One login.
pub(super) fn login(connection: &mut AnyConnection, id: LoginId) -> Result<Option<Login>> {
    let row: Option<LoginRow> =
        kefu_login::table.find(id.get()).select(LoginRow::as_select()).first(connection).optional()?;
    Ok(row.and_then(|row| {
        Some(Login {
            key: user_key(row.tenant_id, row.user_type, row.user_id)?,
            generation: row.generation,
            revoked: row.revoked,
            expires_at: from_timestamp(row.expires_time),
            last_used: row.last_used_time.map(from_timestamp),
            channel: row.channel_id.map(ChannelId::new),
            rotated_at: row.rotated_time.map(from_timestamp),
        })
    }))
}

/// Moves a login from `generation` to the next one; returns whether it still was at `generation` and not revoked.
pub(super) fn rotate_login(
    connection: &mut AnyConnection,
    id: LoginId,
    generation: i64,
    expires_at: Millis,
    now: Millis,
) -> Result<bool> {
    let current = kefu_login::table
        .find(id.get())
        .filter(kefu_login::generation.eq(generation))
        .filter(kefu_login::revoked.eq(false));
    let changed = diesel::update(current)
        .set((
            kefu_login::generation.eq(generation + 1),
            kefu_login::expires_time.eq(to_timestamp(expires_at)),
            kefu_login::rotated_time.eq(to_timestamp(now)),
            kefu_login::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(changed > 0)
}

/// Ends one login and says so to the other processes.
pub(super) fn revoke_login(connection: &mut AnyConnection, key: UserKey, id: LoginId, now: Millis) -> Result<()> {
    diesel::update(kefu_login::table.find(id.get()))
        .set((kefu_login::revoked.eq(true), kefu_login::update_time.eq(to_timestamp(now))))
        .execute(connection)?;
    insert_revocation(connection, key, Ended::Login(id), now, now)
}

/// Refuses a token of the integrator until it ends, and says so to the other processes.
pub(super) fn revoke_token(
    connection: &mut AnyConnection,
    key: UserKey,
    hash: Hash,
    expires_at: Millis,
    until: Millis,
    now: Millis,
) -> Result<()> {
    insert_revocation(connection, key, Ended::Tokens(hash, until), expires_at, now)
}

/// Refuses the tokens of a session that were issued until then, and says so to the other processes.
pub(super) fn revoke_session(
    connection: &mut AnyConnection,
    key: UserKey,
    session: Hash,
    expires_at: Millis,
    until: Millis,
    now: Millis,
) -> Result<()> {
    insert_revocation(connection, key, Ended::Tokens(session, until), expires_at.max(now + SESSION_KEPT_MS), now)
}

/// Says to the other processes that the integrator's tokens of a member that were issued until then have ended. That they
/// are refused stands in the member's row.
pub(super) fn revoke_tokens_until(
    connection: &mut AnyConnection,
    key: UserKey,
    until: Millis,
    now: Millis,
) -> Result<()> {
    insert_revocation(connection, key, Ended::TokensUntil(until), now, now)
}

/// A logout that was noted while the clock was ahead.
pub(super) struct LogoutAhead {
    pub id: i64,
    pub key: UserKey,
}

/// The newest `limit` revocations with ids below `before` that were noted later than `latest`, and the oldest id that was
/// looked at; `None` when all of them were. When it was noted is its row's last update: the time that it counts from may be that
/// of a token, which a clock that is behind sees ahead.
pub(super) fn logouts_after(
    connection: &mut AnyConnection,
    before: i64,
    limit: i64,
    latest: Millis,
) -> Result<(Vec<LogoutAhead>, Option<i64>)> {
    type Row = (i64, i64, i32, i64, NaiveDateTime);
    let rows: Vec<Row> = kefu_revocation::table
        .filter(kefu_revocation::id.lt(before))
        .order(kefu_revocation::id.desc())
        .limit(limit)
        .select((
            kefu_revocation::id,
            kefu_revocation::tenant_id,
            kefu_revocation::user_type,
            kefu_revocation::user_id,
            kefu_revocation::update_time,
        ))
        .load(connection)?;
    let oldest = rows.last().map(|row| row.0);
    let ahead = rows.into_iter().filter(|row| from_timestamp(row.4) > latest);
    let ahead = ahead.filter_map(|(id, tenant, user_type, user, _)| {
        Some(LogoutAhead { id, key: user_key(tenant, user_type, user)? })
    });
    Ok((ahead.collect(), oldest))
}

/// Notes that these revocations were made at `now`.
pub(super) fn set_revocation_times(connection: &mut AnyConnection, ids: &[i64], now: Millis) -> Result<()> {
    diesel::update(kefu_revocation::table.filter(kefu_revocation::id.eq_any(ids)))
        .set((kefu_revocation::create_time.eq(to_timestamp(now)), kefu_revocation::update_time.eq(to_timestamp(now))))
        .execute(connection)?;
    Ok(())
}

/// Ends every login of a user, or all but one, and says so to the other processes. For `auth::admin`, in the transaction
/// that disables the user or changes the password.
pub(super) fn revoke_logins(
    connection: &mut AnyConnection,
    key: UserKey,
    kept: Option<LoginId>,
    now: Millis,
) -> Result<()> {
    let ended = kefu_login::table
        .filter(kefu_login::tenant_id.eq(key.tenant.get()))
        .filter(kefu_login::user_type.eq(key.user_type.code()))
        .filter(kefu_login::user_id.eq(key.user.get()))
        .filter(kefu_login::revoked.eq(false))
        // No login has the id 0.
        .filter(kefu_login::id.ne(kept.map_or(0, LoginId::get)));
    diesel::update(ended)
        .set((kefu_login::revoked.eq(true), kefu_login::update_time.eq(to_timestamp(now))))
        .execute(connection)?;
    insert_revocation(connection, key, kept.map_or(Ended::All, Ended::AllBut), now, now)
}

/// The logins of a user that have ended and are still kept.
pub(super) fn ended_logins(connection: &mut AnyConnection, key: UserKey) -> Result<Vec<LoginId>> {
    let ids: Vec<i64> = kefu_login::table
        .filter(kefu_login::tenant_id.eq(key.tenant.get()))
        .filter(kefu_login::user_type.eq(key.user_type.code()))
        .filter(kefu_login::user_id.eq(key.user.get()))
        .filter(kefu_login::revoked.eq(true))
        .order(kefu_login::id)
        .select(kefu_login::id)
        .load(connection)?;
    Ok(ids.into_iter().map(LoginId::new).collect())
}

/// The column `reason`: the logins named have ended.
const ENDED: i32 = 0;
/// The column `reason`: what the user may do has changed, and nothing has ended.
const RIGHTS_CHANGED: i32 = 1;

/// The column `reason`: what a role lets its holders do has changed, and nothing has ended. The version before takes the row
/// for the end of a login of nobody's.
const ROLE_CHANGED: i32 = 2;

/// Says to the other processes that a role has changed, whoever holds it, in the same transaction.
pub(super) fn insert_change_of_role(
    connection: &mut AnyConnection,
    tenant: TenantId,
    role: RoleId,
    now: Millis,
) -> Result<()> {
    let nobody = UserKey { tenant, user_type: UserType::Admin, user: UserId::new(0) };
    insert_row(connection, nobody, (Some(role.get()), None, None), ROLE_CHANGED, now, now, now)
}

/// Says to the other processes that a user's role has changed, or whether the user is blocked, in the same transaction.
pub(super) fn insert_change_of_rights(connection: &mut AnyConnection, key: UserKey, now: Millis) -> Result<()> {
    insert_revocation(connection, key, Ended::Nothing, now, now)
}

fn insert_revocation(
    connection: &mut AnyConnection,
    key: UserKey,
    ended: Ended,
    needed_until: Millis,
    now: Millis,
) -> Result<()> {
    let (login, hash, until) = match ended {
        Ended::All | Ended::Nothing => (None, None, None),
        Ended::AllBut(login) => (Some(login.get()), None, Some(to_timestamp(now))),
        Ended::Login(login) => (Some(login.get()), None, None),
        Ended::Tokens(hash, _) => (None, Some(const_hex::encode(hash)), None),
        Ended::TokensUntil(until) => (None, None, Some(to_timestamp(until))),
    };
    let counts_from = if let Ended::Tokens(_, until) = ended { until } else { now };
    let reason = if ended == Ended::Nothing { RIGHTS_CHANGED } else { ENDED };
    insert_row(connection, key, (login, hash, until), reason, needed_until, counts_from, now)
}

/// Adds a row: login or role, hash of a token, and until when the tokens were issued.
fn insert_row(
    connection: &mut AnyConnection,
    key: UserKey,
    (login, hash, until): (Option<i64>, Option<String>, Option<NaiveDateTime>),
    reason: i32,
    needed_until: Millis,
    counts_from: Millis,
    now: Millis,
) -> Result<()> {
    let id = reserve_one(connection, IdKind::Revocation)?;
    diesel::insert_into(kefu_revocation::table)
        .values((
            kefu_revocation::id.eq(id),
            kefu_revocation::user_id.eq(key.user.get()),
            kefu_revocation::user_type.eq(key.user_type.code()),
            kefu_revocation::login_id.eq(login),
            kefu_revocation::token_hash.eq(hash),
            kefu_revocation::reason.eq(reason),
            kefu_revocation::issued_until.eq(until),
            kefu_revocation::expires_time.eq(to_timestamp(needed_until.max(now + KEPT_MS))),
            kefu_revocation::create_time.eq(to_timestamp(counts_from)),
            kefu_revocation::update_time.eq(to_timestamp(now)),
            kefu_revocation::tenant_id.eq(key.tenant.get()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Whether a token of the integrator was logged out, or its session since `issued_at`, when the token says that.
pub(super) fn is_token_ended(
    connection: &mut AnyConnection,
    hash: Hash,
    session: Option<Hash>,
    issued_at: Option<Millis>,
) -> Result<bool> {
    // Tokens count in seconds: one that was issued in the second of the logout has ended.
    let since = issued_at.map_or(Millis::MIN, whole_seconds);
    let by_session = kefu_revocation::token_hash
        .eq(const_hex::encode(session.unwrap_or(hash)))
        .and(kefu_revocation::create_time.ge(to_timestamp(since)));
    let found: Option<i64> = kefu_revocation::table
        .filter(kefu_revocation::token_hash.eq(const_hex::encode(hash)).or(by_session))
        .select(kefu_revocation::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}

/// The newest revocation's id, 0 when there is none.
pub(super) fn newest_revocation(connection: &mut AnyConnection) -> Result<i64> {
    let newest: Option<i64> = kefu_revocation::table.select(diesel::dsl::max(kefu_revocation::id)).first(connection)?;
    Ok(newest.unwrap_or(0))
}

/// The oldest `limit` revocations after an id, in the order in which they were made.
pub(super) fn revocations_after(connection: &mut AnyConnection, id: i64, limit: i64) -> Result<Vec<Revocation>> {
    let rows: Vec<RevocationRow> = kefu_revocation::table
        .filter(kefu_revocation::id.gt(id))
        .order(kefu_revocation::id)
        .limit(limit)
        .select(RevocationRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().filter_map(RevocationRow::read).collect())
}

/// Deletes up to `limit` each of what ended a day ago: logins that can no longer be refreshed, revocations that nobody needs,
/// and tokens; returns whether there may be more.
pub(super) fn delete_expired(connection: &mut AnyConnection, limit: i64, now: Millis) -> Result<bool> {
    let before = now - KEPT_MS;
    let logins: Vec<i64> = kefu_login::table
        .filter(kefu_login::expires_time.lt(to_timestamp(before)))
        .order(kefu_login::expires_time)
        .select(kefu_login::id)
        .limit(limit)
        .load(connection)?;
    let revocations: Vec<i64> = kefu_revocation::table
        .filter(kefu_revocation::expires_time.lt(to_timestamp(before)))
        .order(kefu_revocation::expires_time)
        .select(kefu_revocation::id)
        .limit(limit)
        .load(connection)?;
    diesel::delete(kefu_login::table.filter(kefu_login::id.eq_any(&logins))).execute(connection)?;
    diesel::delete(kefu_revocation::table.filter(kefu_revocation::id.eq_any(&revocations))).execute(connection)?;
    let tokens = seen::delete_expired(connection, limit, before)?;
    let most = logins.len().max(revocations.len()).max(tokens);
    Ok(i64::try_from(most).is_ok_and(|most| most >= limit))
}

fn user_key(tenant: i64, user_type: i32, user: i64) -> Option<UserKey> {
    Some(UserKey { tenant: TenantId::new(tenant), user_type: UserType::from_code(user_type)?, user: UserId::new(user) })
}
