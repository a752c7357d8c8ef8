//! `kefu token`

use clap::Subcommand;

use super::Result;
use crate::settings::Settings;

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
pub(super) fn run(_settings: &Settings, command: Command) -> Result {
    match command {
        Command::Member { user_id, nickname, avatar, tenant } => {
            let avatar = avatar.unwrap_or_default();
            Err(format!("token member {user_id} ({nickname}, {avatar}, tenant {tenant}): not available yet").into())
        }
        Command::Admin { username, tenant } => {
            Err(format!("token admin {username} (tenant {tenant}): not available yet").into())
        }
    }
}
