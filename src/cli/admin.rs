//! `kefu admin`

use clap::{Args, Subcommand};

use super::Result;
use crate::settings::Settings;

/// What to do with the accounts of admins.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Add an account; the password is read from standard input
    Add {
        #[command(flatten)]
        account: Account,
        /// The name that members see
        #[arg(long)]
        nickname: String,
        /// owner: everything; agent: query, send, update; viewer: query
        #[arg(long, value_parser = ["owner", "agent", "viewer"])]
        role: String,
    },
    /// Set a new password, read from standard input, and end every login
    Password(Account),
    /// Close an account and end every login
    Disable(Account),
    /// Open a closed account
    Enable(Account),
    /// List the accounts
    List {
        /// The tenant's number
        #[arg(long, default_value_t = 1, value_parser = super::id())]
        tenant: i64,
    },
}

/// Names one account.
#[derive(Debug, Args)]
pub(super) struct Account {
    /// The name to log in with
    #[arg(long)]
    pub(super) username: String,
    /// The tenant's number
    #[arg(long, default_value_t = 1, value_parser = super::id())]
    pub(super) tenant: i64,
}

/// Runs one of the commands.
pub(super) fn run(_settings: &Settings, command: Command) -> Result {
    match command {
        Command::Add { account, nickname, role } => {
            let Account { username, tenant } = account;
            Err(format!("admin add {username} ({nickname}, {role}, tenant {tenant}): not available yet").into())
        }
        Command::Password(Account { username, tenant })
        | Command::Disable(Account { username, tenant })
        | Command::Enable(Account { username, tenant }) => {
            Err(format!("admin {username} (tenant {tenant}): not available yet").into())
        }
        Command::List { tenant } => Err(format!("admin list (tenant {tenant}): not available yet").into()),
    }
}
