//! Users of another system, made for the sake of their names and pictures.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use diesel::prelude::*;

use super::{DISABLED, roles};
use crate::access::Role;
use crate::account::look_alike::looks_like;
use crate::account::{FIRST_ADMIN, MemberId, NICKNAME_LIMIT, USERNAME_LIMIT};
use crate::clock::{Millis, to_timestamp};
use crate::db::AnyConnection;
use crate::db::bulk::{Existing, Insert, Source, Statement, Texts, columns, execute, name};
use crate::db::id_block::{IdKind, reserve, reserve_one};
use crate::db::schema::{kefu_admin, kefu_member};
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::tenant;
use crate::text::{Name, PictureUrl};

/// In the column of the password's hash: an account that has no password and that no password opens.
pub(super) const NO_PASSWORD: &str = "";

/// What is known of a user elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ImportedUser {
    /// What the user logged in with; members have none.
    pub username: Option<String>,
    /// The name that others saw.
    pub nickname: Option<String>,
    /// The URL of the picture that others saw.
    pub avatar: Option<String>,
}

impl ImportedUser {
    /// The name, cut to the column, or one made of the id.
    fn nickname(&self, otherwise: &str, id: i64) -> String {
        let name = self.nickname.as_deref().and_then(|name| Name::cut(name, NICKNAME_LIMIT));
        name.map_or_else(|| format!("{otherwise}{id}"), String::from)
    }

    /// The picture, empty without an address that can be shown.
    fn avatar(&self) -> String {
        self.avatar.as_deref().and_then(PictureUrl::parse).map(String::from).unwrap_or_default()
    }
}

/// A member to be made.
struct NewMember {
    id: i64,
    tenant: TenantId,
    user: UserId,
    external_id: String,
    nickname: String,
    avatar: String,
    now: Millis,
}

impl Source for NewMember {
    type Of<'a> = &'a Self;
}

columns! {
    const NEW_MEMBER: kefu_member, row in NewMember {
        id = row.id,
        user_id = row.user.get(),
        external_id = row.external_id.as_str(),
        nickname = row.nickname.as_str(),
        avatar = row.avatar.as_str(),
        create_time = to_timestamp(row.now),
        tenant_id = row.tenant.get(),
    }
}

static INSERT_MEMBERS: LazyLock<Statement<NewMember>> = LazyLock::new(|| {
    let insert = Insert {
        columns: &[NEW_MEMBER],
        copies: &[(name(kefu_member::update_time), name(kefu_member::create_time))],
        constants: &[],
        existing: Some(Existing { conflict: "", unchanged: name(kefu_member::user_id) }),
    };
    insert.statement()
});

/// Every statement over a list of rows by its name, for tests.
pub(crate) fn texts() -> Vec<(&'static str, &'static Texts)> {
    vec![("account.insert_members", INSERT_MEMBERS.texts())]
}

/// Makes those of the members who are not here yet and leaves the others as they are; returns how many it made. Two queries
/// per tenant and three statements, however many members.
pub(crate) fn insert_missing_members(
    connection: &mut AnyConnection,
    members: &HashMap<(TenantId, UserId), ImportedUser>,
    now: Millis,
) -> Result<usize> {
    let mut missing = Vec::new();
    for tenant in members.keys().map(|(tenant, _)| *tenant).collect::<HashSet<_>>() {
        let ids: Vec<i64> = members.keys().filter(|(of, _)| *of == tenant).map(|(_, user)| user.get()).collect();
        let known = known_members(connection, tenant, &ids)?;
        tenant::ensure(connection, tenant, now)?;
        missing.extend(ids.into_iter().filter(|id| !known.contains(id)).map(|id| (tenant, UserId::new(id))));
    }
    if missing.is_empty() {
        return Ok(0);
    }
    let count = i64::try_from(missing.len()).map_err(Error::internal)?;
    let first = reserve(connection, IdKind::Member, count)?;
    let nobody = ImportedUser::default();
    let new: Vec<NewMember> = (first..)
        .zip(missing)
        .map(|(id, (tenant, user))| {
            let known = members.get(&(tenant, user)).unwrap_or(&nobody);
            let (external_id, nickname) = (MemberId::Number(user).external(), known.nickname("会员", user.get()));
            NewMember { id, tenant, user, external_id, nickname, avatar: known.avatar(), now }
        })
        .collect();
    execute(connection, INSERT_MEMBERS.with_rows(&new))?;
    let named: Vec<(TenantId, i64, &str)> =
        new.iter().map(|member| (member.tenant, member.user.get(), member.nickname.as_str())).collect();
    super::words::insert(connection, &named, now)?;
    Ok(new.len())
}

/// Those of the members who are here; a query per 500 of them.
fn known_members(connection: &mut AnyConnection, tenant: TenantId, ids: &[i64]) -> Result<HashSet<i64>> {
    /// Ids in one query at most; SQLite's and the servers' limits on parameters are far above.
    const CHUNK: usize = 500;
    let mut known = HashSet::with_capacity(ids.len());
    for ids in ids.chunks(CHUNK) {
        let rows: Vec<i64> = kefu_member::table
            .filter(kefu_member::tenant_id.eq(tenant.get()))
            .filter(kefu_member::user_id.eq_any(ids))
            .select(kefu_member::user_id)
            .load(connection)?;
        known.extend(rows);
    }
    Ok(known)
}

/// The admin who was made for the user `id` of the system `origin`; made disabled and without a password when there is
/// none yet, under the user's own name when no admin has one like it. Also returns whether it was made. The row's `creator` says for
/// whom it was made, so that a change of names elsewhere does not make another.
pub(crate) fn ensure_imported_admin(
    connection: &mut AnyConnection,
    tenant: TenantId,
    (origin, id): (&str, i64),
    imported: &ImportedUser,
    now: Millis,
) -> Result<(UserId, bool)> {
    tenant::ensure(connection, tenant, now)?;
    let creator = format!("{origin}-{id}");
    let made: Option<i64> = kefu_admin::table
        .filter(kefu_admin::tenant_id.eq(tenant.get()))
        .filter(kefu_admin::creator.eq(&creator))
        .select(kefu_admin::id)
        .first(connection)
        .optional()?;
    if let Some(made) = made {
        return Ok((UserId::new(made), false));
    }
    let own = imported.username.as_deref().and_then(|name| Name::exact(name.trim(), USERNAME_LIMIT)).map(String::from);
    // The first start of a service makes its owner under that name.
    let own = own.filter(|name| !looks_like(name, FIRST_ADMIN));
    let username = match own {
        Some(own) if super::usernames(connection, tenant)?.iter().all(|name| !looks_like(name, &own)) => own,
        _ => creator.clone(),
    };
    let admin = reserve_one(connection, IdKind::Admin)?;
    diesel::insert_into(kefu_admin::table)
        .values((
            kefu_admin::id.eq(admin),
            kefu_admin::username.eq(username),
            kefu_admin::password_hash.eq(NO_PASSWORD),
            kefu_admin::nickname.eq(imported.nickname("客服", id)),
            kefu_admin::avatar.eq(imported.avatar()),
            kefu_admin::role.eq(Role::Agent.as_str()),
            kefu_admin::status.eq(DISABLED),
            kefu_admin::creator.eq(creator),
            kefu_admin::create_time.eq(to_timestamp(now)),
            kefu_admin::update_time.eq(to_timestamp(now)),
            kefu_admin::tenant_id.eq(tenant.get()),
        ))
        .execute(connection)?;
    let agent = roles::built_in(connection, tenant, Role::Agent, now)?;
    roles::assign(connection, super::admin_key(tenant.get(), admin), &[agent], "", now)?;
    Ok((UserId::new(admin), true))
}
