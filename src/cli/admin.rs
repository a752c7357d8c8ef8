//! `kefu admin`

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use super::Result;
use super::tenant::Tenant;
use crate::access::Role;
use crate::account::{self, Admin, NewAdmin, NewProfile};
use crate::audit::Actor;
use crate::auth::admin;
use crate::clock::Clock;
use crate::db::Db;
use crate::id::UserKey;
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
        #[arg(long, value_parser = role())]
        role: Role,
    },
    /// Change the name that members see
    Rename {
        #[command(flatten)]
        account: Account,
        /// The new name
        #[arg(long)]
        nickname: String,
    },
    /// Change the picture that members see
    Avatar {
        #[command(flatten)]
        account: Account,
        /// The picture's http, https or relative address; empty for none
        #[arg(long)]
        url: String,
    },
    /// Set a new password, read from standard input, and end every login
    Password(Account),
    /// Give an account another role; its logins stay
    Role {
        #[command(flatten)]
        account: Account,
        /// owner: everything; agent: query, send, update; viewer: query
        #[arg(long, value_parser = role())]
        role: Role,
    },
    /// Close an account and end every login
    Disable(Account),
    /// Open a closed account
    Enable(Account),
    /// List the accounts
    List(Tenant),
}

/// Names one account.
#[derive(Debug, Args)]
pub(super) struct Account {
    /// The name to log in with
    #[arg(long)]
    pub(super) username: String,
    #[command(flatten)]
    pub(super) tenant: Tenant,
}

/// Runs one of the commands.
pub(super) fn run(settings: &Settings, command: Command) -> Result {
    let text = if matches!(command, Command::Add { .. }) {
        super::with_new_database(settings, async |db, clock| act(command, &db, &clock).await)?
    } else {
        super::with_database(settings, async |db, clock| act(command, &db, &clock).await)?
    };
    super::print(&text)
}

/// Does what the command says; what is to be printed.
async fn act(command: Command, db: &Db, clock: &Clock) -> Result<String> {
    Ok(match command {
        Command::Add { account: Account { username, tenant }, nickname, role } => {
            let (tenant, password) = (tenant.id(), super::first_line("the password")?);
            let new = NewAdmin { tenant, username: username.clone(), nickname, role, password };
            let key = account::add_admin(db, clock, new).await?;
            format!("added {username} (id {})\n", key.user)
        }
        Command::Rename { account: Account { username, tenant }, nickname } => {
            let profile = NewProfile { nickname: Some(nickname), ..NewProfile::default() };
            account::set_profile(db, clock, key_of(db, tenant, &username).await?, profile, Actor::command_line())
                .await?;
            format!("renamed {username}\n")
        }
        Command::Avatar { account: Account { username, tenant }, url } => {
            let profile = NewProfile { avatar: Some(url), ..NewProfile::default() };
            account::set_profile(db, clock, key_of(db, tenant, &username).await?, profile, Actor::command_line())
                .await?;
            format!("changed the picture of {username}\n")
        }
        Command::Password(Account { username, tenant }) => {
            let password = super::first_line("the password")?;
            admin::set_password(db, clock, tenant.id(), &username, &password).await?;
            format!("changed the password of {username}\n")
        }
        Command::Role { account: Account { username, tenant }, role } => {
            admin::set_role(db, clock, tenant.id(), &username, role).await?;
            format!("{username} is {} now\n", role.as_str())
        }
        Command::Disable(Account { username, tenant }) => {
            admin::set_enabled(db, clock, tenant.id(), &username, false).await?;
            format!("disabled {username}\n")
        }
        Command::Enable(Account { username, tenant }) => {
            admin::set_enabled(db, clock, tenant.id(), &username, true).await?;
            format!("enabled {username}\n")
        }
        Command::List(tenant) => {
            let admins = account::list_admins(db, tenant.id()).await?;
            admins.iter().map(line).collect()
        }
    })
}

/// Reads a role by its name.
fn role() -> impl TypedValueParser<Value = Role> {
    let names = PossibleValuesParser::new(Role::ALL.map(Role::as_str));
    names.try_map(|name| Role::from_name(&name).ok_or("no such role"))
}

/// An admin's key; the error names the admin and the tenant.
pub(super) async fn key_of(db: &Db, tenant: Tenant, username: &str) -> Result<UserKey> {
    let admin = account::find_admin(db, tenant.id(), username).await?;
    Ok(admin.ok_or_else(|| format!("no admin {username} in tenant {}", tenant.id()))?.key)
}

fn line(admin: &Admin) -> String {
    let state = if admin.enabled { "enabled" } else { "disabled" };
    format!("{}\t{}\t{}\t{}\t{state}\n", admin.key.user, admin.username, admin.nickname, admin.role.as_str())
}
