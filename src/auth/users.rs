//! What those who look after accounts and roles do: inside one write transaction each, with the row that says so.
//!
//! The rules: nobody gives, takes or touches more than they may do themselves; nobody shuts themselves out; an enabled owner
//! is left. What changes an account takes the lock of the role of owners first, so that two changes at once see each other.
//! What an [`Actor`] may do is read in the transaction; the command line may do everything, and leaves an owner, too.

use serde_json::{Value, json};

use super::{Auth, RevokeReason, Revoked, store};
use crate::access::Permissions;
use crate::account::role::{NewRole, StoredRole};
use crate::account::user::UserChanges;
use crate::account::{self, Admin, password, roles, users as user};
use crate::agent;
use crate::audit::{self, Actor, Change};
use crate::clock::Millis;
use crate::credential::Ended;
use crate::db::AnyConnection;
use crate::error::{Error, Problem, Result};
use crate::id::{RoleId, TenantId, UserId, UserKey, UserType};

/// An account to be made.
pub(crate) struct NewUser {
    /// 1–64 characters, unique within the tenant.
    pub username: String,
    /// As [`password::hash`] takes it.
    pub password: String,
    /// The nickname, which must be there, and the rest.
    pub profile: UserChanges,
    /// What the account holds.
    pub roles: Vec<RoleId>,
}

/// What is to be changed of a role; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoleChanges {
    /// What it is called.
    pub name: Option<String>,
    /// Where it stands in lists.
    pub sort: Option<i32>,
    /// Whether its holders have its rights.
    pub enabled: Option<bool>,
    /// Whether its holders must log in with a second factor.
    pub second_factor: Option<bool>,
    /// What the admins note about it.
    pub remark: Option<String>,
}

const fn admin_key(tenant: TenantId, user: UserId) -> UserKey {
    UserKey { tenant, user_type: UserType::Admin, user }
}

/// The refusal of an account that the tenant does not have.
pub(crate) fn unknown_user() -> Error {
    Error::Invalid(Problem::new("用户不存在", "the user does not exist"))
}

fn unknown_role() -> Error {
    Error::Invalid(Problem::new("角色不存在", "the role does not exist"))
}

fn built_in() -> Error {
    Error::Invalid(Problem::new("不能修改系统内置的角色", "a built-in role cannot be changed"))
}

/// Refuses an admin who may not do all of this.
fn must_hold(connection: &mut AnyConnection, actor: &Actor, tenant: TenantId, needed: Permissions) -> Result<()> {
    let Some(admin) = actor.admin else { return Ok(()) };
    let holds = account::admin(connection, tenant, admin)?.filter(|admin| admin.enabled);
    match holds {
        Some(admin) if admin.permissions().contain(needed) => Ok(()),
        Some(_) | None => Err(Error::Forbidden),
    }
}

/// The account that an actor may touch.
///
/// # Errors
/// [`unknown_user`]; [`Error::Forbidden`] for one that may do more than the actor.
pub(super) fn touched(connection: &mut AnyConnection, actor: &Actor, key: UserKey) -> Result<Admin> {
    let found = user::find(connection, key.tenant, key.user)?.ok_or_else(unknown_user)?;
    must_hold(connection, actor, key.tenant, all_of(&found.roles))?;
    Ok(found)
}

/// What these roles hold, also those that are not enabled today.
fn all_of(roles: &[StoredRole]) -> Permissions {
    roles.iter().fold(Permissions::default(), |set, role| set.union(role.permissions))
}

fn not_oneself(actor: &Actor, key: UserKey) -> Result<()> {
    if actor.admin == Some(key.user) {
        return Err(Error::Invalid(Problem::new("不能停用或删除自己的账号", "nobody disables or deletes themselves")));
    }
    Ok(())
}

/// Runs a change of accounts that must leave an owner.
fn keeping_an_owner<T>(
    connection: &mut AnyConnection,
    tenant: TenantId,
    now: Millis,
    change: impl FnOnce(&mut AnyConnection) -> Result<T>,
) -> Result<T> {
    roles::lock_owner(connection, tenant, now)?;
    let before = roles::enabled_owners(connection, tenant)?;
    let changed = change(connection)?;
    roles::keep_an_owner(connection, tenant, before)?;
    Ok(changed)
}

/// Closes or opens an account; closing ends every login of it. Returns whether anything has changed.
///
/// # Errors
/// [`Error::Invalid`] for an account that does not exist, for the own one, and for the last owner's; [`Error::Forbidden`] for
/// one that may do more than the actor.
pub(super) fn set_enabled(
    connection: &mut AnyConnection,
    actor: &Actor,
    key: UserKey,
    enabled: bool,
    now: Millis,
) -> Result<bool> {
    keeping_an_owner(connection, key.tenant, now, |connection| {
        let admin = touched(connection, actor, key)?;
        if admin.enabled == enabled {
            return Ok(false);
        }
        if !enabled {
            not_oneself(actor, key)?;
        }
        account::set_admin_enabled(connection, key, enabled, now)?;
        if !enabled {
            agent::end_duty(connection, key.user, now)?;
            store::revoke_logins(connection, key, None, now)?;
        }
        let status = |enabled: bool| json!({"status": i32::from(!enabled)});
        let change = Change::of("user", key.user, "update-status").from(status(!enabled)).to(status(enabled));
        audit::record(connection, actor, key.tenant, change, now)?;
        Ok(true)
    })
}

/// Gives an account these roles and no others; returns it as it is now, `None` when nothing has changed.
///
/// # Errors
/// As [`set_enabled`]; [`Error::Forbidden`] also for roles that hold more than the actor.
pub(super) fn assign_roles(
    connection: &mut AnyConnection,
    actor: &Actor,
    key: UserKey,
    roles: &[RoleId],
    now: Millis,
) -> Result<Option<Admin>> {
    keeping_an_owner(connection, key.tenant, now, |connection| {
        let admin = touched(connection, actor, key)?;
        let wanted = wanted(connection, actor, key.tenant, roles)?;
        if wanted == admin.roles {
            return Ok(None);
        }
        roles::assign(connection, key, &wanted, &actor.column(), now)?;
        store::insert_change_of_rights(connection, key, now)?;
        let change = Change::of("user", key.user, "assign-roles");
        let change = change.from(json!({"roles": codes(&admin.roles)})).to(json!({"roles": codes(&wanted)}));
        audit::record(connection, actor, key.tenant, change, now)?;
        Ok(Some(Admin { roles: wanted, ..admin }))
    })
}

/// The tenant's roles of these numbers, which the actor may give.
fn wanted(
    connection: &mut AnyConnection,
    actor: &Actor,
    tenant: TenantId,
    roles: &[RoleId],
) -> Result<Vec<StoredRole>> {
    let mut all = roles::all(connection, tenant)?;
    if roles.iter().any(|wanted| all.iter().all(|role| role.id != *wanted)) {
        return Err(unknown_role());
    }
    all.retain(|role| roles.contains(&role.id));
    must_hold(connection, actor, tenant, all_of(&all))?;
    Ok(all)
}

/// What programs know these roles by.
pub(super) fn codes(roles: &[StoredRole]) -> Vec<&str> {
    roles.iter().map(|role| role.code.as_str()).collect()
}

/// Stores a new password by its hash, and ends every login of the account.
///
/// # Errors
/// As [`set_enabled`]; [`Error::Invalid`] also for the own account.
pub(super) fn set_password(
    connection: &mut AnyConnection,
    actor: &Actor,
    key: UserKey,
    hash: &str,
    now: Millis,
) -> Result<()> {
    if actor.admin == Some(key.user) {
        // One's own needs the old one.
        return Err(Error::Invalid(Problem::new(
            "请在个人中心修改自己的密码",
            "change your own password in your profile",
        )));
    }
    touched(connection, actor, key)?;
    account::set_password_hash(connection, key, hash, now)?;
    store::revoke_logins(connection, key, None, now)?;
    audit::record(connection, actor, key.tenant, Change::of("user", key.user, "update-password"), now)
}

/// What a row of the audit holds of an account.
fn shown(admin: &Admin) -> Value {
    json!({
        "username": admin.username, "nickname": admin.nickname, "avatar": admin.avatar, "email": admin.email,
        "mobile": admin.mobile, "remark": admin.remark, "roles": codes(&admin.roles), "status": i32::from(!admin.enabled),
    })
}

/// What a row of the audit holds of a role.
fn shown_role(role: &StoredRole) -> Value {
    json!({
        "code": role.code, "name": role.name, "sort": role.sort, "status": i32::from(!role.enabled), "remark": role.remark,
        "secondFactor": role.second_factor, "permissions": role.permissions.names(),
    })
}

impl Auth {
    /// Makes an account.
    ///
    /// # Errors
    /// [`Error::Invalid`] for names, a password and roles that cannot be; [`Error::Forbidden`] for roles that hold more than
    /// the actor.
    pub(crate) async fn create_user(&self, actor: Actor, tenant: TenantId, new: NewUser) -> Result<UserId> {
        let NewUser { username, password, profile, roles } = new;
        let profile = profile.checked()?;
        let nickname = profile.nickname.clone().unwrap_or_default();
        account::check_new(&username, &nickname)?;
        let hash = password::hash(&password, &username).await?;
        let now = self.0.clock.now();
        let make = move |connection: &mut AnyConnection| {
            roles::lock_owner(connection, tenant, now)?;
            let wanted = wanted(connection, &actor, tenant, &roles)?;
            let key = account::insert_admin(connection, tenant, &username, &nickname, &hash, now)?;
            user::update(connection, key, &profile, &actor.column(), now)?;
            roles::assign(connection, key, &wanted, &actor.column(), now)?;
            let made = user::find(connection, tenant, key.user)?.ok_or_else(unknown_user)?;
            audit::record(connection, &actor, tenant, Change::of("user", key.user, "create").to(shown(&made)), now)?;
            Ok(key.user)
        };
        self.0.db.write(make).await
    }

    /// Changes what is given of an account. Its messages and frames show the new name and picture at once.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what cannot be, and for an account that does not exist; [`Error::Forbidden`] for one that may do
    /// more than the actor.
    pub(crate) async fn update_user(
        &self,
        actor: Actor,
        tenant: TenantId,
        user: UserId,
        changes: UserChanges,
    ) -> Result<()> {
        let (key, changes, now) = (admin_key(tenant, user), changes.checked()?, self.0.clock.now());
        let update = move |connection: &mut AnyConnection| {
            let before = touched(connection, &actor, key)?;
            user::update(connection, key, &changes, &actor.column(), now)?;
            let after = user::find(connection, tenant, user)?.ok_or_else(unknown_user)?;
            let change = Change::of("user", user, "update").between(&shown(&before), &shown(&after));
            let Some(change) = change else { return Ok(None) };
            // Other processes believe the old name for some seconds otherwise.
            store::insert_change_of_rights(connection, key, now)?;
            audit::record(connection, &actor, tenant, change, now)?;
            Ok(Some(after))
        };
        if let Some(admin) = self.0.db.write(update).await? {
            self.publish(Revoked::rights_changed(&admin));
        }
        Ok(())
    }

    /// Closes an account for ever: its user name is free again, its number and nickname stay for its messages.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an account that does not exist, for the own one, and for the last owner's; [`Error::Forbidden`] for
    /// one that may do more than the actor.
    pub(crate) async fn delete_user(&self, actor: Actor, tenant: TenantId, user: UserId) -> Result<()> {
        let (key, now) = (admin_key(tenant, user), self.0.clock.now());
        let delete = move |connection: &mut AnyConnection| {
            keeping_an_owner(connection, tenant, now, |connection| {
                let before = touched(connection, &actor, key)?;
                not_oneself(&actor, key)?;
                user::delete(connection, key, &actor.column(), now)?;
                agent::leave_all(connection, user)?;
                agent::end_duty(connection, user, now)?;
                store::revoke_logins(connection, key, None, now)?;
                let change = Change::of("user", user, "delete").from(shown(&before));
                audit::record(connection, &actor, tenant, change, now)
            })
        };
        self.0.db.write(delete).await?;
        self.publish(Revoked { key, ended: Ended::All, reason: RevokeReason::Disabled });
        Ok(())
    }

    /// Opens or closes an account; closing ends its logins.
    ///
    /// # Errors
    /// As [`Auth::delete_user`].
    pub(crate) async fn set_user_enabled(
        &self,
        actor: Actor,
        tenant: TenantId,
        user: UserId,
        enabled: bool,
    ) -> Result<()> {
        let (key, now) = (admin_key(tenant, user), self.0.clock.now());
        let changed = self.0.db.write(move |connection| set_enabled(connection, &actor, key, enabled, now)).await?;
        if changed && !enabled {
            self.publish(Revoked { key, ended: Ended::All, reason: RevokeReason::Disabled });
        }
        Ok(())
    }

    /// Sets the password of another's account, and ends its logins.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an account that does not exist and a password of the wrong length or a common one;
    /// [`Error::Forbidden`] for an account that may do more than the actor.
    pub(crate) async fn reset_password(
        &self,
        actor: Actor,
        tenant: TenantId,
        user: UserId,
        password: &str,
    ) -> Result<()> {
        let key = admin_key(tenant, user);
        let found = self.0.db.run(move |connection| user::find(connection, tenant, user)).await?;
        let hash = password::hash(password, &found.ok_or_else(unknown_user)?.username).await?;
        let now = self.0.clock.now();
        self.0.db.write(move |connection| set_password(connection, &actor, key, &hash, now)).await?;
        self.publish(Revoked { key, ended: Ended::All, reason: RevokeReason::PasswordChanged });
        Ok(())
    }

    /// Gives an account these roles and no others. Its logins stay, and have the new rights at once.
    ///
    /// # Errors
    /// As [`Auth::delete_user`]; [`Error::Forbidden`] also for roles that hold more than the actor.
    pub(crate) async fn assign_roles(
        &self,
        actor: Actor,
        tenant: TenantId,
        user: UserId,
        roles: Vec<RoleId>,
    ) -> Result<()> {
        let (key, now) = (admin_key(tenant, user), self.0.clock.now());
        let assign = move |connection: &mut AnyConnection| assign_roles(connection, &actor, key, &roles, now);
        if let Some(admin) = self.0.db.write(assign).await? {
            self.publish(Revoked::rights_changed(&admin));
        }
        Ok(())
    }

    /// Makes a role.
    ///
    /// # Errors
    /// As [`roles::insert`]; [`Error::Forbidden`] when it would hold more than the actor.
    pub(crate) async fn create_role(&self, actor: Actor, new: NewRole) -> Result<RoleId> {
        let now = self.0.clock.now();
        let make = move |connection: &mut AnyConnection| {
            let tenant = new.tenant;
            must_hold(connection, &actor, tenant, new.permissions)?;
            let id = roles::insert(connection, &new, now)?;
            let made = roles::find(connection, tenant, id)?.ok_or_else(unknown_role)?;
            audit::record(connection, &actor, tenant, Change::of("role", id, "create").to(shown_role(&made)), now)?;
            Ok(id)
        };
        self.0.db.write(make).await
    }

    /// Changes what is given of a role; of a built-in one only whether it asks for a second factor.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a role that does not exist, a built-in one, and a name that is taken; [`Error::Forbidden`] when
    /// it holds more than the actor.
    pub(crate) async fn update_role(
        &self,
        actor: Actor,
        tenant: TenantId,
        id: RoleId,
        changes: RoleChanges,
    ) -> Result<()> {
        let RoleChanges { name, sort, enabled, second_factor, remark } = changes;
        self.change_role(actor, tenant, id, "update", move |connection, before, actor, now| {
            let mut after = before.clone();
            after.name = name.clone().unwrap_or(after.name);
            after.sort = sort.unwrap_or(after.sort);
            after.enabled = enabled.unwrap_or(after.enabled);
            after.remark = remark.clone().unwrap_or(after.remark);
            if before.built_in.is_some() && after != *before {
                return Err(built_in());
            }
            after.second_factor = second_factor.unwrap_or(after.second_factor);
            roles::check_name(&roles::all(connection, tenant)?, &after.name, Some(id))?;
            roles::update(connection, &after, &actor.column(), now)
        })
        .await
    }

    /// Says what a role of the tenant's own holds. Whoever has it has the new rights at once.
    ///
    /// # Errors
    /// As [`Auth::update_role`]; [`Error::Forbidden`] also when it would hold more than the actor.
    pub(crate) async fn assign_permissions(
        &self,
        actor: Actor,
        tenant: TenantId,
        id: RoleId,
        permissions: Permissions,
    ) -> Result<()> {
        self.change_role(actor, tenant, id, "assign-permissions", move |connection, before, actor, now| {
            if before.built_in.is_some() {
                return Err(built_in());
            }
            must_hold(connection, actor, tenant, permissions)?;
            roles::set_permissions(connection, id, permissions, &actor.column(), now)
        })
        .await
    }

    async fn change_role(
        &self,
        actor: Actor,
        tenant: TenantId,
        id: RoleId,
        action: &'static str,
        change: impl Fn(&mut AnyConnection, &StoredRole, &Actor, Millis) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let now = self.0.clock.now();
        let write = move |connection: &mut AnyConnection| {
            roles::lock_owner(connection, tenant, now)?;
            let before = roles::find(connection, tenant, id)?.ok_or_else(unknown_role)?;
            must_hold(connection, &actor, tenant, before.permissions)?;
            change(connection, &before, &actor, now)?;
            let after = roles::find(connection, tenant, id)?.ok_or_else(unknown_role)?;
            let row = Change::of("role", id, action).between(&shown_role(&before), &shown_role(&after));
            let Some(row) = row else { return Ok(Vec::new()) };
            store::insert_change_of_role(connection, tenant, id, now)?;
            let holders = roles::holders(connection, tenant, id)?;
            audit::record(connection, &actor, tenant, row, now)?;
            Ok(holders)
        };
        for holder in self.0.db.write(write).await? {
            self.publish(Revoked::rights_changed(&holder));
        }
        Ok(())
    }

    /// Deletes a role of the tenant's own that nobody holds.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a role that does not exist, is built-in or is held, with the number of its holders;
    /// [`Error::Forbidden`] when it holds more than the actor.
    pub(crate) async fn delete_role(&self, actor: Actor, tenant: TenantId, id: RoleId) -> Result<()> {
        let now = self.0.clock.now();
        let delete = move |connection: &mut AnyConnection| {
            roles::lock_owner(connection, tenant, now)?;
            let before = roles::find(connection, tenant, id)?.ok_or_else(unknown_role)?;
            if before.built_in.is_some() {
                return Err(built_in());
            }
            must_hold(connection, &actor, tenant, before.permissions)?;
            let held = roles::holders_of_each(connection, &[id])?.get(&id).copied().unwrap_or_default();
            if held > 0 {
                return Err(Error::Invalid(Problem {
                    zh: format!("该角色仍有 {held} 个账号持有").into(),
                    en: format!("{held} accounts hold the role").into(),
                }));
            }
            roles::remove(connection, id)?;
            audit::record(connection, &actor, tenant, Change::of("role", id, "delete").from(shown_role(&before)), now)
        };
        self.0.db.write(delete).await
    }
}
