//! Admins and members: who they are and what the command line does with them. Logins are not known here: what ends them is
//! in `auth::admin`.

pub(crate) mod api;
pub(crate) mod external_id;
pub(crate) mod indexing;
mod look_alike;
pub(crate) mod password;
pub(crate) mod role;
pub(crate) mod roles;
pub(crate) mod second_factor;
mod store;
pub(crate) mod user;
mod words;

use role::StoredRole;
pub(crate) use store::{
    ENABLED, PERSON, admin, admin_by_name, admin_with_hash, closed_among, confirm_password, enabled_among, external,
    imported, insert_bot, locked_member, lower_logout_time, member, member_by_id, members, nicknames,
    second_factor::{locked_second_factor, set_second_factor, use_code},
    set_admin_enabled, set_admin_profile, set_attributes, set_blocked, set_exclusive_agent, set_logout_time,
    set_password_hash, texts, users,
    words::find as find_members,
};

use serde_json::json;

use crate::access::{Permissions, Role};
use crate::audit::{self, Actor, Change};
use crate::clock::{Clock, Millis};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::id::{TenantId, UserId, UserKey};
use crate::tenant::DEFAULT_TENANT;
use crate::text::{Name, PictureUrl};

/// Longest user name, in characters.
pub(crate) const USERNAME_LIMIT: usize = 64;
/// Longest nickname, in characters; a member's is cut.
pub(crate) const NICKNAME_LIMIT: usize = 64;

/// Longest attributes of a member, in bytes of JSON.
pub(crate) const ATTRIBUTES_LIMIT: usize = 4096;
/// Longest reason of a block, in characters; a longer one is cut.
pub(crate) const REASON_LIMIT: usize = 255;

/// What the first admin is called.
const FIRST_ADMIN: &str = "admin";
/// Longest id of the integrator's that is no number, in characters.
const EXTERNAL_ID_LIMIT: usize = 128;
/// Members' numbers from here upwards are ours (`IdKind::MemberUser`); below, the integrator's.
const FIRST_OWN_MEMBER: i64 = 1 << 52;

/// An admin's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Tenant, user type and id.
    pub key: UserKey,
    /// What the admin logs in with, unique within the tenant.
    pub username: String,
    /// The name that others see.
    pub nickname: String,
    /// The URL of the picture that others see, empty when there is none.
    pub avatar: String,
    /// For others to write to.
    pub email: String,
    /// For others to call.
    pub mobile: String,
    /// What the admins note about the account.
    pub remark: String,
    /// What the admin holds, roles that are not enabled included.
    pub(crate) roles: Vec<StoredRole>,
    /// Whether the account may be used.
    pub enabled: bool,
    /// Whether a login needs a code, too.
    pub has_second_factor: bool,
    /// Whether the account is that of a shop's admin, who comes with the shop's tokens.
    pub is_of_shop: bool,
    /// When the account was made, in milliseconds.
    pub created_at: Millis,
}

impl Admin {
    /// What the roles let the admin do.
    pub(crate) fn permissions(&self) -> Permissions {
        role::permissions(&self.roles)
    }

    /// What the admin may do now: nothing before a second factor is set up that a role asks for. How the admins of a shop log in is the
    /// shop's business.
    pub(crate) fn permissions_now(&self) -> Permissions {
        if self.must_set_up() && !self.is_of_shop { Permissions::default() } else { self.permissions() }
    }

    /// Whether a role that counts asks for a second factor, and the admin has none.
    pub(crate) fn must_set_up(&self) -> bool {
        self.needs_second_factor() && !self.has_second_factor
    }

    /// Whether a role that counts asks for a second factor.
    pub(crate) fn needs_second_factor(&self) -> bool {
        self.roles.iter().any(|role| role.enabled && role.second_factor)
    }

    /// The codes of the roles that count, as the command line shows them.
    pub fn role_codes(&self) -> Vec<&str> {
        self.roles.iter().filter(|role| role.enabled).map(|role| role.code.as_str()).collect()
    }
}

/// A member, as the integrator's system introduced them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The number of the row, which `kefu_visitor` shares.
    pub row: i64,
    /// Tenant, user type and id.
    pub key: UserKey,
    /// The id in the integrator's system: the decimal digits of a number, or any other text.
    pub external_id: String,
    /// The name that admins see.
    pub nickname: String,
    /// The URL of the picture that admins see, empty when there is none.
    pub avatar: String,
    /// Whether the account may be used.
    pub enabled: bool,
    /// When the member was first seen, in milliseconds.
    pub created_at: Millis,
    /// When name and picture were claimed, in milliseconds; `None` when that is not known.
    pub profile_at: Option<Millis>,
    /// When the member logged out last, in milliseconds: the integrator's tokens that were issued until then have ended.
    pub logged_out_at: Option<Millis>,
    /// Whether admins have blocked the member, who may still read.
    pub blocked: bool,
    /// Why, as the admin says.
    pub block_reason: Option<String>,
    /// What the site or the visitor tells: a JSON object of at most [`ATTRIBUTES_LIMIT`] bytes; `None` when nothing was told.
    pub attributes: Option<String>,
    /// The agent who serves the member alone, if one does.
    pub exclusive_agent: Option<UserId>,
}

impl Member {
    /// The external id when it is another than the member's id.
    pub(crate) fn other_id(&self) -> Option<String> {
        (self.external_id != self.key.user.to_string()).then(|| self.external_id.clone())
    }
}

/// A member's id in the integrator's system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MemberId {
    /// A number, which is the member's id here too.
    Number(UserId),
    /// Any other text; the member gets a number from 2^52 upwards.
    Text(String),
    /// A visitor of a page, whom the integrator's system does not know: a random text, and a number from 2^52 upwards.
    Visitor(String),
}

/// What a visitor's external id begins with.
const VISITOR: &str = "visitor:";

impl MemberId {
    /// A number from 1 to 2^52 − 1.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        (1..FIRST_OWN_MEMBER).contains(&number).then_some(Self::Number(UserId::new(number)))
    }

    /// A number's decimal digits stand for the number; any other text of 1–128 visible characters for itself. No other system's
    /// id names a visitor.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let number = text.parse().ok().filter(|number: &i64| number.to_string() == text);
        match number.and_then(Self::from_number) {
            Some(number) => Some(number),
            None if text.starts_with(VISITOR) => None,
            None => Name::exact(text, EXTERNAL_ID_LIMIT).map(|text| Self::Text(text.into())),
        }
    }

    /// What stands in `kefu_member.external_id`.
    pub(crate) fn external(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Visitor(random) => format!("{VISITOR}{random}"),
        }
    }

    /// What the member with this number is called whose name is not known.
    fn default_nickname(&self, user: i64) -> String {
        match self {
            Self::Number(_) | Self::Text(_) => format!("会员{user}"),
            Self::Visitor(_) => format!("访客{}", user - FIRST_OWN_MEMBER + 1),
        }
    }
}

/// What a token or the command line says of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MemberClaim {
    /// The tenant the member belongs to.
    pub tenant: TenantId,
    /// The id in the integrator's system.
    pub id: MemberId,
    /// The name, when it is to be set.
    pub nickname: Option<String>,
    /// The picture's URL, when it is to be set; empty clears it.
    pub avatar: Option<String>,
    /// When this was claimed; what was claimed later stays.
    pub issued_at: Option<Millis>,
}

impl MemberClaim {
    /// Whether the member's row is to be written. A claim that is older than the one that the row is from changes
    /// nothing, so that a member with several tokens has one name; a newer one is noted though it says the same.
    fn changes(&self, member: &Member) -> bool {
        if self.issued_at.is_some() && self.issued_at < member.profile_at {
            return false;
        }
        let differs = |claimed: &Option<String>, stored: &str| claimed.as_deref().is_some_and(|text| text != stored);
        let says_it = self.nickname.is_some() || self.avatar.is_some();
        (says_it && self.issued_at > member.profile_at)
            || differs(&self.nickname, &member.nickname)
            || differs(&self.avatar, &member.avatar)
    }
}

/// What others see of an admin, where it is to be changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewProfile {
    /// 1–64 characters.
    pub nickname: Option<String>,
    /// The picture's URL; an empty text is none.
    pub avatar: Option<String>,
}

/// An admin to add.
#[derive(Clone)]
pub struct NewAdmin {
    /// The tenant the admin works for.
    pub tenant: TenantId,
    /// 1–64 characters, unique within the tenant.
    pub username: String,
    /// 1–64 characters.
    pub nickname: String,
    /// What the admin may do.
    pub role: Role,
    /// 8–128 characters, and none of those that are tried first.
    pub password: String,
}

/// Adds an admin, for the command line.
///
/// # Errors
/// [`Error::Invalid`] for a name that is taken or looks like another admin's, for a name or nickname of the wrong length or
/// with characters that cannot be seen, and for a password of the wrong length or a common one.
pub async fn add_admin(db: &Db, clock: &Clock, new: NewAdmin) -> Result<UserKey> {
    check_new(&new.username, &new.nickname)?;
    let hash = password::hash(&new.password, &new.username).await?;
    let now = clock.now();
    db.write(move |connection| {
        let key = insert_admin(connection, new.tenant, &new.username, &new.nickname, &hash, now)?;
        let role = roles::built_in(connection, new.tenant, new.role, now)?;
        roles::assign(connection, key, &[role], "", now)?;
        let made = json!({"username": new.username, "nickname": new.nickname, "roles": [new.role.as_str()]});
        let change = Change::of("user", key.user, "create").to(made);
        audit::record(connection, &Actor::command_line(), new.tenant, change, now)?;
        Ok(key)
    })
    .await
}

/// Whether an admin may have these names.
///
/// # Errors
/// [`Error::Invalid`] for names of the wrong length or with characters that cannot be seen.
pub(crate) fn check_new(username: &str, nickname: &str) -> Result<()> {
    check_name(username, Problem::new("用户名的字数须为 1 至 64", "username must have 1-64 characters"))?;
    check_nickname(nickname)
}

/// Adds an admin without a role, inside a write transaction.
///
/// # Errors
/// [`Error::Invalid`] for a name that is taken or looks like another admin's.
pub(crate) fn insert_admin(
    connection: &mut AnyConnection,
    tenant: TenantId,
    username: &str,
    nickname: &str,
    password_hash: &str,
    now: Millis,
) -> Result<UserKey> {
    let taken = || Error::Invalid(Problem::new("用户名已存在", "username is taken"));
    let names = store::usernames(connection, tenant)?;
    match names.iter().find(|name| look_alike::looks_like(name, username)) {
        Some(same) if *same == username => Err(taken()),
        Some(_) => {
            Err(Error::Invalid(Problem::new("用户名与已有账号过于相似", "username looks like that of another admin")))
        }
        None => store::insert_admin(connection, tenant, username, nickname, password_hash, now)?.ok_or_else(taken),
    }
}

/// Changes what others see of an admin, as far as it is given; an empty picture is none.
///
/// # Errors
/// [`Error::Invalid`] for a nickname of the wrong length or with characters that cannot be seen, and for a picture that has
/// no http, https or relative address.
pub(crate) async fn set_profile(db: &Db, clock: &Clock, key: UserKey, profile: NewProfile, actor: Actor) -> Result<()> {
    let NewProfile { nickname, avatar } = profile;
    if let Some(nickname) = &nickname {
        check_nickname(nickname)?;
    }
    let avatar = avatar.map(|text| picture(&text)).transpose()?;
    let now = clock.now();
    db.write(move |connection| {
        let Some(admin) = store::locked_admin(connection, key)? else { return Ok(()) };
        store::set_admin_profile(connection, key, nickname.as_deref(), avatar.as_deref(), now)?;
        let was = json!({"nickname": admin.nickname, "avatar": admin.avatar});
        let is = json!({
            "nickname": nickname.as_deref().unwrap_or(&admin.nickname),
            "avatar": avatar.as_deref().unwrap_or(&admin.avatar),
        });
        match Change::of("profile", key.user, "update").between(&was, &is) {
            Some(change) => audit::record(connection, &actor, key.tenant, change, now),
            None => Ok(()),
        }
    })
    .await
}

fn check_nickname(nickname: &str) -> Result<()> {
    check_name(nickname, Problem::new("昵称的字数须为 1 至 64", "nickname must have 1-64 characters"))
}

fn check_name(name: &str, problem: Problem) -> Result<()> {
    Name::exact(name, USERNAME_LIMIT).map(drop).ok_or(Error::Invalid(problem))
}

/// The address of a picture that an operator or an admin gives; an empty text is none.
fn picture(text: &str) -> Result<String> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    let problem = Problem::new(
        "头像须为 http、https 或相对地址，最多 2048 个字符",
        "avatar must be an http, https or relative address of at most 2048 characters",
    );
    PictureUrl::parse(text).map(String::from).ok_or(Error::Invalid(problem))
}

/// One admin by name, `None` when there is none.
pub async fn find_admin(db: &Db, tenant: TenantId, username: &str) -> Result<Option<Admin>> {
    let username = username.to_owned();
    let found = db.run(move |connection| store::admin_by_name(connection, tenant, &username)).await?;
    Ok(found.map(|(admin, _)| admin))
}

/// The admins of a tenant, by name.
pub async fn list_admins(db: &Db, tenant: TenantId) -> Result<Vec<Admin>> {
    db.run(move |connection| store::admins(connection, tenant)).await
}

/// The member with that number, made or renamed as told; a new one without a nickname is called 会员 and the number.
///
/// # Errors
/// [`Error::Invalid`] for a number outside 1 to 2^52 − 1.
pub async fn ensure_member(
    db: &Db,
    clock: &Clock,
    tenant: TenantId,
    user: UserId,
    nickname: Option<&str>,
    avatar: Option<&str>,
) -> Result<UserKey> {
    let problem = || Problem::new("用户编号须为 1 至 2^52-1 的整数", "userId must be an integer from 1 to 2^52-1");
    let claim = MemberClaim {
        tenant,
        id: MemberId::from_number(user.get()).ok_or_else(|| Error::Invalid(problem()))?,
        nickname: nickname.and_then(|name| Name::cut(name, NICKNAME_LIMIT)).map(String::from),
        avatar: avatar.map(picture).transpose()?,
        issued_at: Some(clock.now()),
    };
    let id = claim.id.clone();
    let found = db.run(move |connection| store::member_by_id(connection, tenant, &id)).await?;
    Ok(keep_member(db, clock, claim, found).await?.key)
}

/// The claimed member, given the row that was `found`: made when there was none, updated when the claim says otherwise.
pub(crate) async fn keep_member(db: &Db, clock: &Clock, claim: MemberClaim, found: Option<Member>) -> Result<Member> {
    if let Some(member) = found
        && !claim.changes(&member)
    {
        return Ok(member);
    }
    let now = clock.now();
    // Two first calls at once: the later one finds the earlier one's row, at the latest in the second turn.
    for _ in 0..2 {
        let claim = claim.clone();
        if let Some(member) = db.write(move |connection| kept(connection, &claim, now)).await? {
            return Ok(member);
        }
    }
    Err(Error::internal("a member's row can neither be made nor found"))
}

/// One turn of [`keep_member`]; `None` when another call has just made the row.
fn kept(connection: &mut AnyConnection, claim: &MemberClaim, now: Millis) -> Result<Option<Member>> {
    match store::member_by_id(connection, claim.tenant, &claim.id)? {
        None => store::insert_member(connection, claim, now),
        Some(member) if claim.changes(&member) => store::update_member(connection, member, claim, now).map(Some),
        unchanged => Ok(unchanged),
    }
}

/// The claimed member, made or changed as told, with these attributes instead of those before, when there are any; and whether
/// anything that admins see has changed.
pub(crate) async fn introduce_member(
    db: &Db,
    clock: &Clock,
    claim: MemberClaim,
    attributes: Option<String>,
) -> Result<(UserKey, bool)> {
    let now = clock.now();
    for _ in 0..2 {
        let (claim, attributes) = (claim.clone(), attributes.clone());
        let introduced = db.write(move |connection| {
            let before = store::member_by_id(connection, claim.tenant, &claim.id)?;
            let Some(member) = kept(connection, &claim, now)? else { return Ok(None) };
            let told = attributes.as_ref().filter(|told| member.attributes.as_ref() != Some(told));
            if let Some(told) = told {
                store::set_attributes(connection, member.key, told, now)?;
            }
            let is_same = |before: &Member| (&before.nickname, &before.avatar) == (&member.nickname, &member.avatar);
            Ok(Some((member.key, told.is_some() || !before.as_ref().is_some_and(is_same))))
        });
        if let Some(introduced) = introduced.await? {
            return Ok(introduced);
        }
    }
    Err(Error::internal("a member's row can neither be made nor found"))
}

/// Makes a visitor, who is a member without an id in the integrator's system, inside a write transaction.
///
/// # Errors
/// As [`tenant::ensure`].
pub(crate) fn make_visitor(
    connection: &mut AnyConnection,
    tenant: TenantId,
    nickname: Option<String>,
    now: Millis,
) -> Result<Member> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(Error::internal)?;
    let id = MemberId::Visitor(const_hex::encode(random));
    let claim = MemberClaim { tenant, id, nickname, avatar: None, issued_at: None };
    store::insert_member(connection, &claim, now)?.ok_or_else(|| Error::internal("a random id is taken"))
}

/// Gives a member another name, inside a write transaction.
pub(crate) fn rename(connection: &mut AnyConnection, member: Member, nickname: String, now: Millis) -> Result<Member> {
    let id = MemberId::Text(member.external_id.clone());
    let claim = MemberClaim { tenant: member.key.tenant, id, nickname: Some(nickname), avatar: None, issued_at: None };
    store::update_member(connection, member, &claim, now)
}

/// Makes the owner `admin` with a random password when the database has no admin with a password; returns name and
/// password, which are known nowhere else.
pub(crate) async fn ensure_first_admin(db: &Db, clock: &Clock) -> Result<Option<(String, String)>> {
    if db.run(store::has_admins).await? {
        return Ok(None);
    }
    let password = password::random()?;
    let hash = password::hash(&password, FIRST_ADMIN).await?;
    let now = clock.now();
    // Of two processes that start at once, one finds the other's admin here or at the unique key.
    let added = db.write(move |connection| {
        if store::has_admins(connection)? {
            return Ok(None);
        }
        let key = store::insert_admin(connection, DEFAULT_TENANT, FIRST_ADMIN, "客服", &hash, now)?;
        let Some(key) = key else { return Ok(None) };
        let owner = roles::built_in(connection, DEFAULT_TENANT, Role::Owner, now)?;
        roles::assign(connection, key, &[owner], "", now)?;
        Ok(Some(key))
    });
    Ok(added.await?.map(|_| (FIRST_ADMIN.to_owned(), password)))
}

#[cfg(test)]
mod tests;
