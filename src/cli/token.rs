//! `kefu token`

use clap::Subcommand;

use super::Result;
use super::tenant::Tenant;
use crate::account;
use crate::auth::Auth;
use crate::id::UserId;
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
        #[command(flatten)]
        tenant: Tenant,
    },
    /// An admin, who must be there
    Admin {
        /// The name that the admin logs in with
        #[arg(long)]
        username: String,
        #[command(flatten)]
        tenant: Tenant,
    },
}

/// Runs one of the commands: prints `{userId, accessToken, refreshToken, expiresTime}`.
pub(super) fn run(settings: &Settings, command: Command) -> Result {
    let tokens = super::with_new_database(settings, async |db, clock| {
        let secret = signing_secret(settings)?;
        let auth = Auth::new(&settings.auth, &settings.limits, &secret, db.clone(), clock.clone())?;
        let key = match command {
            Command::Member { user_id, nickname, avatar, tenant } => {
                let user = UserId::new(user_id);
                account::ensure_member(&db, &clock, tenant.id(), user, Some(&nickname), avatar.as_deref()).await?
            }
            Command::Admin { username, tenant } => super::admin::key_of(&db, tenant, &username).await?,
        };
        Ok(auth.issue(key).await?)
    })?;
    super::print(&format!("{}\n", serde_json::to_string(&tokens)?))
}
