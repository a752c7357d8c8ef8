//! `kefu token`

use clap::Subcommand;

use super::Result;
use crate::account;
use crate::auth::Auth;
use crate::id::{TenantId, UserId};
use crate::settings::{Settings, signing_secret};

/// Whom to make tokens for.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// A member, who is created when new
    Member {
        /// The member's id in the integrator's system
        #[arg(long, value_parser = super::id())]
        user_id: i64,
        /// The name that admins see
        #[arg(long)]
        nickname: String,
        /// The URL of the member's picture
        #[arg(long)]
        avatar: Option<String>,
        /// The tenant's number
        #[arg(long, default_value_t = 1, value_parser = super::id())]
        tenant: i64,
    },
    /// An admin, who must be there
    Admin {
        /// The name that the admin logs in with
        #[arg(long)]
        username: String,
        /// The tenant's number
        #[arg(long, default_value_t = 1, value_parser = super::id())]
        tenant: i64,
    },
}

/// Runs one of the commands: prints `{userId, accessToken, refreshToken, expiresTime}`.
pub(super) fn run(settings: &Settings, command: Command) -> Result {
    let tokens = super::with_new_database(settings, async |db, clock| {
        let secret = signing_secret(settings)?;
        let auth = Auth::new(&settings.auth, &settings.limits, &secret, db.clone(), clock.clone())?;
        let key = match command {
            Command::Member { user_id, nickname, avatar, tenant } => {
                let (tenant, user) = (TenantId::new(tenant), UserId::new(user_id));
                account::ensure_member(&db, &clock, tenant, user, Some(&nickname), avatar.as_deref()).await?
            }
            Command::Admin { username, tenant } => {
                let admin = account::find_admin(&db, TenantId::new(tenant), &username).await?;
                admin.ok_or_else(|| format!("no admin {username} in tenant {tenant}"))?.key
            }
        };
        Ok(auth.issue(key).await?)
    })?;
    super::print(&format!("{}\n", serde_json::to_string(&tokens)?))
}
