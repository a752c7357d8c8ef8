//! Blocking a member, who may read on and no longer write.
//!
//! The logins stay: an answer 401 would let the stock clients refresh without end. What changes is what the member may do, as
//! with an admin's role: the revocation that says so is written in the same transaction, so that every process drops what it
//! believes of the member and closes the sockets.

use serde_json::json;

use super::{Auth, RevokeReason, Revoked, store};
use crate::account;
use crate::audit::{self, Actor, Change};
use crate::credential::Ended;
use crate::db::AnyConnection;
use crate::error::{Error, Problem, Result};
use crate::id::UserKey;

/// The refusal of a member who is not known.
pub(crate) const fn unknown_member() -> Error {
    Error::Invalid(Problem::new("会员不存在", "the member does not exist"))
}

impl Auth {
    /// Blocks a member, or no longer; `reason` is for the admins. Returns whether anything has changed.
    ///
    /// # Errors
    /// [`unknown_member`].
    pub(crate) async fn set_blocked(
        &self,
        key: UserKey,
        blocked: bool,
        reason: Option<String>,
        actor: Actor,
    ) -> Result<bool> {
        let now = self.0.clock.now();
        let set = move |connection: &mut AnyConnection| {
            let member = account::member(connection, key.tenant, key.user)?.ok_or_else(unknown_member)?;
            let reason = if blocked { reason.as_deref() } else { None };
            if member.blocked == blocked && member.block_reason.as_deref() == reason {
                return Ok(false);
            }
            account::set_blocked(connection, key, blocked.then_some(reason), &actor.column(), now)?;
            store::insert_change_of_rights(connection, key, now)?;
            let change = Change::of("member", key.user, if blocked { "block" } else { "unblock" })
                .from(json!({"blocked": member.blocked, "reason": member.block_reason}))
                .to(json!({"blocked": blocked, "reason": reason}));
            audit::record(connection, &actor, key.tenant, change, now)?;
            Ok(true)
        };
        if !self.0.db.write(set).await? {
            return Ok(false);
        }
        if blocked {
            self.publish(Revoked { key, ended: Ended::Nothing, reason: RevokeReason::Blocked });
        } else {
            self.forget(key);
        }
        Ok(true)
    }
}
