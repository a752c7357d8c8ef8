//! Admins and members.

use crate::auth::Role;
use crate::clock::{Clock, Millis};
use crate::db::Db;
use crate::error::Result;
use crate::id::{TenantId, UserId, UserKey};

pub mod api;
pub mod profiles;

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
    /// What the admin may do.
    pub role: Role,
    /// Whether the account may be used.
    pub enabled: bool,
    /// When the account was made.
    pub created_at: Millis,
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
    /// 8–128 characters.
    pub password: String,
}

/// Adds an admin.
pub async fn add_admin(_db: &Db, _clock: &Clock, _new: NewAdmin) -> Result<UserKey> {
    Err(crate::error::Error::Busy)
}

/// Sets an admin's password and ends every login of theirs.
pub async fn set_password(_db: &Db, _clock: &Clock, _tenant: TenantId, _username: &str, _password: &str) -> Result<()> {
    Err(crate::error::Error::Busy)
}

/// Enables or disables an admin; disabling ends every login of theirs.
pub async fn set_enabled(_db: &Db, _clock: &Clock, _tenant: TenantId, _username: &str, _enabled: bool) -> Result<()> {
    Err(crate::error::Error::Busy)
}

/// One admin by name, `None` when there is none.
pub async fn find_admin(_db: &Db, _tenant: TenantId, _username: &str) -> Result<Option<Admin>> {
    Ok(None)
}

/// The admins of a tenant, by name.
pub async fn list_admins(_db: &Db, _tenant: TenantId) -> Result<Vec<Admin>> {
    Ok(Vec::new())
}

/// The member with that number, made or renamed as told.
pub async fn ensure_member(
    _db: &Db,
    _clock: &Clock,
    _tenant: TenantId,
    _user: UserId,
    _nickname: Option<&str>,
    _avatar: Option<&str>,
) -> Result<UserKey> {
    Err(crate::error::Error::Busy)
}

/// Makes the admin `admin` with a random password when the database has no admin at all; returns name and password.
pub async fn ensure_first_admin(_db: &Db, _clock: &Clock) -> Result<Option<(String, String)>> {
    Ok(None)
}
