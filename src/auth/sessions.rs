//! The end of all that a member is logged in with, by an admin.
//!
//! What was there ends: each login, and the integrator's tokens that were issued until now. Each is named by a revocation of its own, so
//! that a login which begins right afterwards is not closed by a node that learns of the end later.

use super::block::unknown_member;
use super::{Auth, login, store};
use crate::account;
use crate::audit::{self, Actor, Change};
use crate::credential::Ended;
use crate::db::AnyConnection;
use crate::error::Result;
use crate::id::UserKey;

impl Auth {
    /// Ends a member's logins and the integrator's tokens of the member that were issued until now. An admin's doing is recorded; a
    /// program's is not, which only says what has happened in its own system.
    ///
    /// # Errors
    /// [`unknown_member`].
    pub(crate) async fn end_sessions(&self, key: UserKey, actor: Option<Actor>) -> Result<()> {
        let now = self.0.clock.now();
        let end = move |connection: &mut AnyConnection| {
            account::member(connection, key.tenant, key.user)?.ok_or_else(unknown_member)?;
            let logins = store::open_login_ids(connection, key, now)?;
            for login in &logins {
                store::revoke_login(connection, key, *login, now)?;
            }
            let latest = login::end_tokens(connection, key, now, now)?;
            if let Some(actor) = &actor {
                audit::record(connection, actor, key.tenant, Change::of("member", key.user, "end-sessions"), now)?;
            }
            Ok((logins, latest))
        };
        let (logins, latest) = self.0.db.write(end).await?;
        logins.into_iter().for_each(|login| self.publish_logout(key, Ended::Login(login)));
        self.publish_logout(key, Ended::TokensUntil(latest));
        Ok(())
    }
}
