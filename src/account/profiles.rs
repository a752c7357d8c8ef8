//! Names and pictures of many users at once, for lists of conversations and messages.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::db::AnyConnection;
use crate::db::schema::{kefu_admin, kefu_member};
use crate::error::Result;
use crate::id::TenantId;

/// Ids in one query at most; SQLite's and the servers' limits on parameters are far above.
const CHUNK: usize = 500;

/// What others see of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    /// The name.
    pub nickname: String,
    /// The picture's URL, `None` without one.
    pub avatar: Option<String>,
}

impl Profile {
    fn new(nickname: String, avatar: String) -> Self {
        Self { nickname, avatar: Some(avatar).filter(|avatar| !avatar.is_empty()) }
    }
}

/// The profiles of these members by their user ids; one query per 500 of them.
pub(crate) fn members(connection: &mut AnyConnection, tenant: TenantId, ids: &[i64]) -> Result<HashMap<i64, Profile>> {
    let mut profiles = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(CHUNK) {
        let rows: Vec<(i64, String, String)> = kefu_member::table
            .filter(kefu_member::tenant_id.eq(tenant.get()))
            .filter(kefu_member::user_id.eq_any(ids))
            .select((kefu_member::user_id, kefu_member::nickname, kefu_member::avatar))
            .load(connection)?;
        profiles.extend(rows.into_iter().map(|(id, nickname, avatar)| (id, Profile::new(nickname, avatar))));
    }
    Ok(profiles)
}

/// The profiles of these admins by their ids; one query per 500 of them.
pub(crate) fn admins(connection: &mut AnyConnection, tenant: TenantId, ids: &[i64]) -> Result<HashMap<i64, Profile>> {
    let mut profiles = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(CHUNK) {
        let rows: Vec<(i64, String, String)> = kefu_admin::table
            .filter(kefu_admin::tenant_id.eq(tenant.get()))
            .filter(kefu_admin::id.eq_any(ids))
            .select((kefu_admin::id, kefu_admin::nickname, kefu_admin::avatar))
            .load(connection)?;
        profiles.extend(rows.into_iter().map(|(id, nickname, avatar)| (id, Profile::new(nickname, avatar))));
    }
    Ok(profiles)
}
