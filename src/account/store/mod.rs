//! SQL of `kefu_admin` and `kefu_member`.

pub(crate) mod external;
pub(crate) mod imported;
pub(super) mod roles;
pub(crate) mod second_factor;
pub(crate) mod users;
pub(crate) mod words;

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::role::StoredRole;
use super::{Admin, Member, MemberClaim, MemberId};
use crate::clock::{Millis, from_timestamp, to_timestamp};
use crate::db::bulk::Texts;
use crate::db::id_block::{IdKind, reserve_one};
use crate::db::schema::{kefu_admin, kefu_member};
use crate::db::{AnyConnection, inserted};
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId, UserKey, UserType};
use crate::tenant;

/// Every statement over a list of rows by its name, for tests.
pub(crate) fn texts() -> Vec<(&'static str, &'static Texts)> {
    [imported::texts(), words::texts()].concat()
}

pub(crate) const ENABLED: i32 = 0;
const DISABLED: i32 = 1;
/// Members whose names one statement reads.
const NAMES_AT_ONCE: usize = 500;
/// Of an admin: the row stays for the name beside messages.
const DELETED: i32 = 2;

/// The column `kefu_admin.kind`: a person.
pub(crate) const PERSON: i32 = 0;
/// The same: what sends the messages of an API key. It logs in nowhere and is in no list.
const BOT: i32 = 1;

#[derive(Queryable, Selectable)]
#[diesel(table_name = kefu_admin)]
struct AdminRow {
    id: i64,
    username: String,
    password_hash: String,
    nickname: String,
    avatar: String,
    role: String,
    status: i32,
    create_time: NaiveDateTime,
    tenant_id: i64,
    #[diesel(select_expression = kefu_admin::totp_secret.is_not_null())]
    has_second_factor: bool,
    #[diesel(select_expression = kefu_admin::external_id.is_not_null())]
    is_of_shop: bool,
    email: String,
    mobile: String,
    remark: String,
}

impl AdminRow {
    fn read(self, held: Vec<StoredRole>) -> (Admin, String) {
        let admin = Admin {
            key: admin_key(self.tenant_id, self.id),
            username: self.username,
            nickname: self.nickname,
            avatar: self.avatar,
            email: self.email,
            mobile: self.mobile,
            remark: self.remark,
            roles: held,
            enabled: self.status == ENABLED,
            has_second_factor: self.has_second_factor,
            is_of_shop: self.is_of_shop,
            created_at: from_timestamp(self.create_time),
        };
        (admin, self.password_hash)
    }
}

/// The rows with what each of these admins holds: one statement more, however many they are, and one for each that the version
/// before has made, who holds what the column names.
fn read(connection: &mut AnyConnection, rows: Vec<AdminRow>) -> Result<Vec<(Admin, String)>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut held = if ids.is_empty() { HashMap::new() } else { roles::held(connection, &ids)? };
    let with_roles = |row: AdminRow| {
        let held = match held.remove(&row.id) {
            Some(held) => held,
            None => roles::by_column(connection, row.tenant_id, &row.role)?,
        };
        Ok(row.read(held))
    };
    rows.into_iter().map(with_roles).collect()
}

fn read_one(connection: &mut AnyConnection, row: Option<AdminRow>) -> Result<Option<(Admin, String)>> {
    Ok(read(connection, row.into_iter().collect())?.pop())
}

const fn admin_key(tenant: i64, id: i64) -> UserKey {
    UserKey { tenant: TenantId::new(tenant), user_type: UserType::Admin, user: UserId::new(id) }
}

/// One admin.
pub(crate) fn admin(connection: &mut AnyConnection, tenant: TenantId, id: UserId) -> Result<Option<Admin>> {
    Ok(admin_with_hash(connection, tenant, id)?.map(|(admin, _)| admin))
}

/// One admin, with the hash of the password.
pub(crate) fn admin_with_hash(
    connection: &mut AnyConnection,
    tenant: TenantId,
    id: UserId,
) -> Result<Option<(Admin, String)>> {
    let row: Option<AdminRow> = kefu_admin::table
        .filter(kefu_admin::id.eq(id.get()))
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .select(AdminRow::as_select())
        .first(connection)
        .optional()?;
    read_one(connection, row)
}

/// One of the people among the admins by name, with the hash of the password.
pub(crate) fn admin_by_name(
    connection: &mut AnyConnection,
    tenant: TenantId,
    username: &str,
) -> Result<Option<(Admin, String)>> {
    let row: Option<AdminRow> = kefu_admin::table
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::username.eq(username))
        .filter(kefu_admin::kind.eq(PERSON))
        .select(AdminRow::as_select())
        .first(connection)
        .optional()?;
    read_one(connection, row)
}

/// One admin, to be changed by what is read. The row is written first, and so stays locked until the transaction ends.
pub(crate) fn locked_admin(connection: &mut AnyConnection, key: UserKey) -> Result<Option<Admin>> {
    diesel::update(kefu_admin::table.find(key.user.get()))
        .set(kefu_admin::id.eq(key.user.get()))
        .execute(connection)?;
    admin(connection, key.tenant, key.user)
}

/// Whether an admin's password is still the one with this hash. Written, not read: the row stays locked until the
/// transaction ends, so that a login and a change of the password come one after the other on every database.
pub(crate) fn confirm_password(connection: &mut AnyConnection, key: UserKey, hash: &str) -> Result<bool> {
    let row = kefu_admin::table.find(key.user.get()).filter(kefu_admin::password_hash.eq(hash));
    Ok(diesel::update(row).set(kefu_admin::password_hash.eq(hash)).execute(connection)? > 0)
}

/// The first `limit` enabled people among the admins of a tenant, by id.
pub(crate) fn enabled_admins(connection: &mut AnyConnection, tenant: TenantId, limit: i64) -> Result<Vec<Admin>> {
    let rows: Vec<AdminRow> = kefu_admin::table
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::kind.eq(PERSON))
        .filter(kefu_admin::status.eq(ENABLED))
        .order(kefu_admin::id)
        .limit(limit)
        .select(AdminRow::as_select())
        .load(connection)?;
    Ok(read(connection, rows)?.into_iter().map(|(admin, _)| admin).collect())
}

/// Those of these admins whose accounts were deleted or disabled.
pub(crate) fn closed_among(connection: &mut AnyConnection, tenant: TenantId, admins: &[UserId]) -> Result<Vec<UserId>> {
    let ids: Vec<i64> = admins.iter().map(|admin| admin.get()).collect();
    let closed: Vec<i64> = kefu_admin::table
        .filter(kefu_admin::id.eq_any(&ids))
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::status.ne(ENABLED))
        .select(kefu_admin::id)
        .load(connection)?;
    Ok(closed.into_iter().map(UserId::new).collect())
}

/// Those of these admins who are enabled. Two statements, whose cost grows with their number.
pub(crate) fn enabled_among(connection: &mut AnyConnection, tenant: TenantId, admins: &[UserId]) -> Result<Vec<Admin>> {
    if admins.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = admins.iter().map(|admin| admin.get()).collect();
    let rows: Vec<AdminRow> = kefu_admin::table
        .filter(kefu_admin::id.eq_any(&ids))
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::status.eq(ENABLED))
        .select(AdminRow::as_select())
        .load(connection)?;
    Ok(read(connection, rows)?.into_iter().map(|(admin, _)| admin).collect())
}

/// The people among the admins of a tenant, by name.
pub(crate) fn admins(connection: &mut AnyConnection, tenant: TenantId) -> Result<Vec<Admin>> {
    let rows: Vec<AdminRow> = kefu_admin::table
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::kind.eq(PERSON))
        .filter(kefu_admin::status.ne(DELETED))
        .order(kefu_admin::username)
        .select(AdminRow::as_select())
        .load(connection)?;
    Ok(read(connection, rows)?.into_iter().map(|(admin, _)| admin).collect())
}

/// The user names of a tenant's admins.
pub(crate) fn usernames(connection: &mut AnyConnection, tenant: TenantId) -> Result<Vec<String>> {
    let names = kefu_admin::table.filter(kefu_admin::tenant_id.eq(tenant.get())).select(kefu_admin::username);
    Ok(names.load(connection)?)
}

/// Changes an admin's nickname and picture, as far as they are given.
pub(crate) fn set_admin_profile(
    connection: &mut AnyConnection,
    key: UserKey,
    nickname: Option<&str>,
    avatar: Option<&str>,
    now: Millis,
) -> Result<()> {
    diesel::update(kefu_admin::table.find(key.user.get()))
        .set((
            nickname.map(|nickname| kefu_admin::nickname.eq(nickname)),
            avatar.map(|avatar| kefu_admin::avatar.eq(avatar)),
            kefu_admin::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Whether any tenant has an admin who was given a password.
pub(crate) fn has_admins(connection: &mut AnyConnection) -> Result<bool> {
    let with_password = kefu_admin::table.filter(kefu_admin::password_hash.ne(imported::NO_PASSWORD));
    let found: Option<i64> = with_password.select(kefu_admin::id).first(connection).optional()?;
    Ok(found.is_some())
}

/// Adds an admin without a role, `None` when the name is taken. The first user of a tenant makes the tenant's row, here and
/// below.
pub(crate) fn insert_admin(
    connection: &mut AnyConnection,
    tenant: TenantId,
    username: &str,
    nickname: &str,
    password_hash: &str,
    now: Millis,
) -> Result<Option<UserKey>> {
    insert_of_kind(connection, PERSON, tenant, [username, nickname, password_hash], now)
}

/// Adds the admin who sends the messages of an API key, without a password. No person can have such a name: theirs have no
/// control characters.
///
/// # Errors
/// [`Error::Internal`] when the name is taken.
pub(crate) fn insert_bot(
    connection: &mut AnyConnection,
    tenant: TenantId,
    username: &str,
    nickname: &str,
    now: Millis,
) -> Result<UserKey> {
    let made = insert_of_kind(connection, BOT, tenant, [username, nickname, imported::NO_PASSWORD], now)?;
    made.ok_or_else(|| Error::internal("the name of an API key's admin is taken"))
}

fn insert_of_kind(
    connection: &mut AnyConnection,
    kind: i32,
    tenant: TenantId,
    [username, nickname, password_hash]: [&str; 3],
    now: Millis,
) -> Result<Option<UserKey>> {
    tenant::ensure(connection, tenant, now)?;
    let id = reserve_one(connection, IdKind::Admin)?;
    let outcome = diesel::insert_into(kefu_admin::table)
        .values((
            kefu_admin::id.eq(id),
            kefu_admin::username.eq(username),
            kefu_admin::password_hash.eq(password_hash),
            kefu_admin::nickname.eq(nickname),
            kefu_admin::role.eq(""),
            kefu_admin::kind.eq(kind),
            kefu_admin::create_time.eq(to_timestamp(now)),
            kefu_admin::update_time.eq(to_timestamp(now)),
            kefu_admin::tenant_id.eq(tenant.get()),
        ))
        .execute(connection);
    Ok(inserted(outcome)?.then(|| admin_key(tenant.get(), id)))
}

/// Gives an admin another password, by its hash.
pub(crate) fn set_password_hash(
    connection: &mut AnyConnection,
    key: UserKey,
    password_hash: &str,
    now: Millis,
) -> Result<()> {
    diesel::update(kefu_admin::table.find(key.user.get()))
        .set((kefu_admin::password_hash.eq(password_hash), kefu_admin::update_time.eq(to_timestamp(now))))
        .execute(connection)?;
    Ok(())
}

/// Lets an admin log in, or no longer.
pub(crate) fn set_admin_enabled(
    connection: &mut AnyConnection,
    key: UserKey,
    enabled: bool,
    now: Millis,
) -> Result<()> {
    let status = if enabled { ENABLED } else { DISABLED };
    diesel::update(kefu_admin::table.find(key.user.get()))
        .set((kefu_admin::status.eq(status), kefu_admin::update_time.eq(to_timestamp(now))))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = kefu_member)]
struct MemberRow {
    id: i64,
    user_id: i64,
    external_id: String,
    nickname: String,
    avatar: String,
    status: i32,
    create_time: NaiveDateTime,
    tenant_id: i64,
    profile_time: Option<NaiveDateTime>,
    logout_time: Option<NaiveDateTime>,
    blocked: bool,
    block_reason: Option<String>,
    attributes: Option<String>,
    exclusive_agent_id: Option<i64>,
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        Self {
            row: row.id,
            key: member_key(row.tenant_id, row.user_id),
            external_id: row.external_id,
            nickname: row.nickname,
            avatar: row.avatar,
            enabled: row.status == ENABLED,
            created_at: from_timestamp(row.create_time),
            profile_at: row.profile_time.map(from_timestamp),
            logged_out_at: row.logout_time.map(from_timestamp),
            blocked: row.blocked,
            block_reason: row.block_reason,
            attributes: row.attributes,
            exclusive_agent: row.exclusive_agent_id.map(UserId::new),
        }
    }
}

const fn member_key(tenant: i64, user: i64) -> UserKey {
    UserKey { tenant: TenantId::new(tenant), user_type: UserType::Member, user: UserId::new(user) }
}

/// One member by the number here.
pub(crate) fn member(connection: &mut AnyConnection, tenant: TenantId, user: UserId) -> Result<Option<Member>> {
    let row: Option<MemberRow> = kefu_member::table
        .filter(kefu_member::tenant_id.eq(tenant.get()))
        .filter(kefu_member::user_id.eq(user.get()))
        .select(MemberRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Member::from))
}

/// The same, to be changed by what is read. Its row is written first, and so stays locked until the transaction ends: of two
/// changes at once, the later one reads what the earlier one has stored, on every database.
pub(crate) fn locked_member(connection: &mut AnyConnection, key: UserKey) -> Result<Option<Member>> {
    let row = kefu_member::table
        .filter(kefu_member::tenant_id.eq(key.tenant.get()))
        .filter(kefu_member::user_id.eq(key.user.get()));
    diesel::update(row).set(kefu_member::user_id.eq(key.user.get())).execute(connection)?;
    member(connection, key.tenant, key.user)
}

/// One member by the id in the integrator's system.
pub(crate) fn member_by_id(connection: &mut AnyConnection, tenant: TenantId, id: &MemberId) -> Result<Option<Member>> {
    let row: Option<MemberRow> = kefu_member::table
        .filter(kefu_member::tenant_id.eq(tenant.get()))
        .filter(kefu_member::external_id.eq(id.external()))
        .select(MemberRow::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Member::from))
}

/// Makes a member, `None` when another call has just done so.
pub(crate) fn insert_member(
    connection: &mut AnyConnection,
    claim: &MemberClaim,
    now: Millis,
) -> Result<Option<Member>> {
    tenant::ensure(connection, claim.tenant, now)?;
    let user = match claim.id {
        MemberId::Number(number) => number.get(),
        MemberId::Text(_) | MemberId::Visitor(_) => reserve_one(connection, IdKind::MemberUser)?,
    };
    let id = reserve_one(connection, IdKind::Member)?;
    let member = Member {
        row: id,
        key: member_key(claim.tenant.get(), user),
        external_id: claim.id.external(),
        nickname: claim.nickname.clone().unwrap_or_else(|| claim.id.default_nickname(user)),
        avatar: claim.avatar.clone().unwrap_or_default(),
        enabled: true,
        created_at: now,
        profile_at: claim.issued_at,
        logged_out_at: None,
        blocked: false,
        block_reason: None,
        attributes: None,
        exclusive_agent: None,
    };
    let outcome = diesel::insert_into(kefu_member::table)
        .values((
            kefu_member::id.eq(id),
            kefu_member::user_id.eq(user),
            kefu_member::external_id.eq(&member.external_id),
            kefu_member::nickname.eq(&member.nickname),
            kefu_member::avatar.eq(&member.avatar),
            kefu_member::create_time.eq(to_timestamp(now)),
            kefu_member::update_time.eq(to_timestamp(now)),
            kefu_member::tenant_id.eq(claim.tenant.get()),
            kefu_member::profile_time.eq(claim.issued_at.map(to_timestamp)),
        ))
        .execute(connection);
    if !inserted(outcome)? {
        return Ok(None);
    }
    words::insert(connection, &[(member.key.tenant, user, &member.nickname)], now)?;
    Ok(Some(member))
}

/// Gives a member the name and picture of the claim, as far as it has them.
pub(crate) fn update_member(
    connection: &mut AnyConnection,
    member: Member,
    claim: &MemberClaim,
    now: Millis,
) -> Result<Member> {
    let renamed = claim.nickname.as_ref().is_some_and(|claimed| *claimed != member.nickname);
    let nickname = claim.nickname.clone().unwrap_or(member.nickname);
    let avatar = claim.avatar.clone().unwrap_or(member.avatar);
    let profile_at = claim.issued_at.max(member.profile_at);
    let row = kefu_member::table
        .filter(kefu_member::tenant_id.eq(member.key.tenant.get()))
        .filter(kefu_member::user_id.eq(member.key.user.get()));
    diesel::update(row)
        .set((
            kefu_member::nickname.eq(&nickname),
            kefu_member::avatar.eq(&avatar),
            kefu_member::profile_time.eq(profile_at.map(to_timestamp)),
            kefu_member::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    if renamed {
        words::replace(connection, member.key.tenant, member.key.user, &nickname, now)?;
    }
    Ok(Member { nickname, avatar, profile_at, ..member })
}

/// The newest members by their numbers here, at most `limit`: one read along an index.
pub(crate) fn newest_members(connection: &mut AnyConnection, tenant: TenantId, limit: i64) -> Result<Vec<UserId>> {
    let users: Vec<i64> = kefu_member::table
        .filter(kefu_member::tenant_id.eq(tenant.get()))
        .order(kefu_member::user_id.desc())
        .limit(limit)
        .select(kefu_member::user_id)
        .load(connection)?;
    Ok(users.into_iter().map(UserId::new).collect())
}

/// These members, in the order of their numbers.
pub(crate) fn members(connection: &mut AnyConnection, tenant: TenantId, users: &[UserId]) -> Result<Vec<Member>> {
    let users: Vec<i64> = users.iter().map(|user| user.get()).collect();
    let rows: Vec<MemberRow> = kefu_member::table
        .filter(kefu_member::tenant_id.eq(tenant.get()))
        .filter(kefu_member::user_id.eq_any(&users))
        .order(kefu_member::user_id)
        .select(MemberRow::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Member::from).collect())
}

/// What these members are called.
pub(crate) fn nicknames(
    connection: &mut AnyConnection,
    tenant: TenantId,
    users: &[UserId],
) -> Result<HashMap<UserId, String>> {
    let mut found = HashMap::new();
    for part in users.chunks(NAMES_AT_ONCE) {
        let part: Vec<i64> = part.iter().map(|user| user.get()).collect();
        let rows: Vec<(i64, String)> = kefu_member::table
            .filter(kefu_member::tenant_id.eq(tenant.get()))
            .filter(kefu_member::user_id.eq_any(&part))
            .select((kefu_member::user_id, kefu_member::nickname))
            .load(connection)?;
        found.extend(rows.into_iter().map(|(user, nickname)| (UserId::new(user), nickname)));
    }
    Ok(found)
}

/// Notes that a member has logged out.
pub(crate) fn set_logout_time(connection: &mut AnyConnection, key: UserKey, now: Millis) -> Result<()> {
    let row = kefu_member::table
        .filter(kefu_member::tenant_id.eq(key.tenant.get()))
        .filter(kefu_member::user_id.eq(key.user.get()));
    diesel::update(row).set(kefu_member::logout_time.eq(to_timestamp(now))).execute(connection)?;
    Ok(())
}

/// Blocks a member, for a reason, or no longer.
pub(crate) fn set_blocked(
    connection: &mut AnyConnection,
    key: UserKey,
    reason: Option<Option<&str>>,
    by: &str,
    now: Millis,
) -> Result<()> {
    let row = kefu_member::table
        .filter(kefu_member::tenant_id.eq(key.tenant.get()))
        .filter(kefu_member::user_id.eq(key.user.get()));
    diesel::update(row)
        .set((
            kefu_member::blocked.eq(reason.is_some()),
            kefu_member::block_reason.eq(reason.flatten()),
            kefu_member::updater.eq(by),
            kefu_member::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Binds a member to an agent, or to none any more.
pub(crate) fn set_exclusive_agent(
    connection: &mut AnyConnection,
    key: UserKey,
    agent: Option<UserId>,
    by: &str,
    now: Millis,
) -> Result<()> {
    let row = kefu_member::table
        .filter(kefu_member::tenant_id.eq(key.tenant.get()))
        .filter(kefu_member::user_id.eq(key.user.get()));
    diesel::update(row)
        .set((
            kefu_member::exclusive_agent_id.eq(agent.map(UserId::get)),
            kefu_member::updater.eq(by),
            kefu_member::update_time.eq(to_timestamp(now)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Keeps what was told of a member, a JSON object.
pub(crate) fn set_attributes(
    connection: &mut AnyConnection,
    key: UserKey,
    attributes: &str,
    now: Millis,
) -> Result<()> {
    let row = kefu_member::table
        .filter(kefu_member::tenant_id.eq(key.tenant.get()))
        .filter(kefu_member::user_id.eq(key.user.get()));
    let changed = (kefu_member::attributes.eq(attributes), kefu_member::update_time.eq(to_timestamp(now)));
    diesel::update(row).set(changed).execute(connection)?;
    Ok(())
}

/// Lets a logout that was noted while the clock was ahead count as one of `now`, unless it is at most `latest`.
pub(crate) fn lower_logout_time(
    connection: &mut AnyConnection,
    key: UserKey,
    latest: Millis,
    now: Millis,
) -> Result<()> {
    let row = kefu_member::table
        .filter(kefu_member::tenant_id.eq(key.tenant.get()))
        .filter(kefu_member::user_id.eq(key.user.get()))
        .filter(kefu_member::logout_time.gt(to_timestamp(latest)));
    diesel::update(row).set(kefu_member::logout_time.eq(to_timestamp(now))).execute(connection)?;
    Ok(())
}
