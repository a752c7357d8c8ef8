//! Whom the shop's answer for a token introduces: a member, as a signed token does, or an admin.
//!
//! An admin of the shop has an account here from the first call on, without a password. Name, picture and which of the three
//! roles the account holds follow the shop; roles of the tenant's own are given here, and stay. The last enabled owner stays
//! one, whatever the shop says. A second factor is the shop's business.

use serde_json::json;

use super::introspection::{AdminClaim, Asked, Introspected, Introspection, User};
use super::member_claims::MemberToken;
use super::users::codes;
use super::{Inner, Principal, RevokeReason, Revoked, refuse, sha256, store};
use crate::access::Role;
use crate::account::role::StoredRole;
use crate::account::{self, Admin, NICKNAME_LIMIT, external, roles};
use crate::audit::{self, Actor, Change};
use crate::clock::Millis;
use crate::credential::{Credential, Ended, Issued, TokenIdentity};
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::text::Name;

impl Inner {
    /// Who a token speaks for that the shop knows.
    ///
    /// # Errors
    /// As [`Introspection::ask`]; [`Error::Forbidden`] for an admin who may do nothing here, or whose account is disabled: another
    /// token would not help, and clients get themselves one after a 401.
    pub(super) async fn introspect(&self, shop: &Introspection, text: &str, now: Millis) -> Result<Principal> {
        let Asked { answer: Introspected { user, expires_at }, fresh } = shop.ask(text, &self.clock).await?;
        let principal = match user {
            User::Member(member) => {
                self.known_member(text, MemberToken { member, session: None, expires_at }, now).await?
            }
            User::Admin(admin) => self.known_admin(text, admin, fresh, expires_at, now).await?,
        };
        Ok(Principal { introspected: true, ..principal })
    }

    async fn known_admin(
        &self,
        text: &str,
        claim: AdminClaim,
        fresh: bool,
        expires_at: Millis,
        now: Millis,
    ) -> Result<Principal> {
        let hash = sha256(text);
        let (tenant, id) = (claim.tenant, claim.id.clone());
        let find = move |connection: &mut AnyConnection| {
            let ended = store::is_token_ended(connection, hash, None, None)?;
            Ok((ended, external::find(connection, tenant, &id)?))
        };
        let (ended, found) = self.db.run(find).await?;
        if ended {
            return Err(refuse("the token was logged out"));
        }
        // A token that may do nothing here says nothing of what its user may do with another one.
        if claim.role.is_none() && (claim.of_token || found.is_none()) {
            return Err(Error::Forbidden);
        }
        let admin = match found {
            Some(admin) if !admin.enabled || !fresh || is_as_claimed(&admin, &claim) => admin,
            _ => {
                let (admin, changed) = self.db.write(move |connection| kept(connection, &claim, now)).await?;
                if changed {
                    let reason = RevokeReason::RoleChanged(admin.permissions());
                    self.publish(Revoked { key: admin.key, ended: Ended::Nothing, reason });
                }
                admin
            }
        };
        if !admin.enabled || admin.roles.is_empty() {
            return Err(Error::Forbidden);
        }
        Ok(Principal {
            key: admin.key,
            permissions: admin.permissions(),
            nickname: admin.nickname.into(),
            avatar: admin.avatar.into(),
            blocked: false,
            sets_up: false,
            channel: None,
            expires_at,
            credential: Credential::Token(TokenIdentity { hash, session: None, issued: Issued::FirstSeen(now) }),
            introspected: true,
        })
    }
}

fn is_as_claimed(admin: &Admin, claim: &AdminClaim) -> bool {
    let same = |claimed: &Option<String>, stored: &str| claimed.as_deref().is_none_or(|text| text == stored);
    same(&claim.nickname, &admin.nickname)
        && same(&claim.avatar, &admin.avatar)
        && admin.roles.iter().filter_map(|role| role.built_in).eq(claim.role)
}

/// The account as the shop says, made or changed inside a write transaction; and whether one that was there has changed.
fn kept(connection: &mut AnyConnection, claim: &AdminClaim, now: Millis) -> Result<(Admin, bool)> {
    let tenant = claim.tenant;
    roles::lock_owner(connection, tenant, now)?;
    let Some(before) = external::find(connection, tenant, &claim.id)? else {
        return Ok((made(connection, claim, now)?, false));
    };
    let mut after = before.clone();
    after.nickname = claim.nickname.clone().unwrap_or(after.nickname);
    after.avatar = claim.avatar.clone().unwrap_or(after.avatar);
    if let Some(wanted) = wanted(connection, &before, claim, now)? {
        roles::assign(connection, before.key, &wanted, "", now)?;
        after.roles = wanted;
    }
    let shown =
        |admin: &Admin| json!({"nickname": admin.nickname, "avatar": admin.avatar, "roles": codes(&admin.roles)});
    let change = Change::of("user", before.key.user, "update").between(&shown(&before), &shown(&after));
    let Some(change) = change else { return Ok((after, false)) };
    account::set_admin_profile(connection, after.key, Some(&after.nickname), Some(&after.avatar), now)?;
    store::insert_change_of_rights(connection, after.key, now)?;
    audit::record(connection, &Actor::shop(), tenant, change, now)?;
    Ok((after, true))
}

/// The roles that are to be held instead of those that are, `None` when they stay.
fn wanted(
    connection: &mut AnyConnection,
    admin: &Admin,
    claim: &AdminClaim,
    now: Millis,
) -> Result<Option<Vec<StoredRole>>> {
    let is_owner = admin.roles.iter().any(|role| role.built_in == Some(Role::Owner));
    if admin.roles.iter().filter_map(|role| role.built_in).eq(claim.role) {
        return Ok(None);
    }
    if is_owner && claim.role != Some(Role::Owner) && roles::enabled_owners(connection, claim.tenant)? == 1 {
        tracing::warn!(admin = %admin.key.user, "the last owner stays one, though the shop has taken the right");
        return Ok(None);
    }
    let own = admin.roles.iter().filter(|role| role.built_in.is_none()).cloned();
    let of_shop = built_in(connection, claim.tenant, claim.role, now)?;
    Ok(Some(of_shop.into_iter().chain(own).collect()))
}

fn built_in(
    connection: &mut AnyConnection,
    tenant: TenantId,
    role: Option<Role>,
    now: Millis,
) -> Result<Option<StoredRole>> {
    role.map(|role| roles::built_in(connection, tenant, role, now)).transpose()
}

fn made(connection: &mut AnyConnection, claim: &AdminClaim, now: Millis) -> Result<Admin> {
    let tenant = claim.tenant;
    let nickname = claim.nickname.clone().or_else(|| Name::cut(&claim.id, NICKNAME_LIMIT).map(String::from));
    let key = external::insert(connection, tenant, &claim.id, nickname.as_deref().unwrap_or_default(), now)?;
    account::set_admin_profile(connection, key, None, claim.avatar.as_deref(), now)?;
    let roles: Vec<StoredRole> = built_in(connection, tenant, claim.role, now)?.into_iter().collect();
    roles::assign(connection, key, &roles, "", now)?;
    let made = external::find(connection, tenant, &claim.id)?;
    let made = made.ok_or_else(|| Error::internal("an admin who was just made is not there"))?;
    let shown = json!({"username": made.username, "nickname": made.nickname, "roles": codes(&made.roles)});
    audit::record(connection, &Actor::shop(), tenant, Change::of("user", key.user, "create").to(shown), now)?;
    Ok(made)
}
