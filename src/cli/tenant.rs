//! `kefu tenant`

use clap::{Args, Subcommand};

use super::Result;
use crate::audit::Actor;
use crate::id::TenantId;
use crate::settings::Settings;
use crate::tenant::settings::{change_of, lines};
use crate::tenant::{DEFAULT_TENANT, Tenants};

/// What to do with a tenant's settings.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show all settings of a tenant, or the value of one
    Get {
        /// The dotted key
        key: Option<String>,
        #[command(flatten)]
        tenant: Tenant,
    },
    /// Change one setting of a tenant, at all nodes within about a second
    Set {
        /// The dotted key
        key: String,
        /// The new value
        value: String,
        #[command(flatten)]
        tenant: Tenant,
    },
}

/// Names the tenant that a command works on.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Tenant {
    /// The tenant's number
    #[arg(long = "tenant", default_value_t = DEFAULT_TENANT.get(), value_parser = super::id())]
    tenant: i64,
}

impl Tenant {
    /// The tenant's id.
    pub(super) const fn id(self) -> TenantId {
        TenantId::new(self.tenant)
    }
}

/// Runs one of the commands.
pub(super) fn run(settings: &Settings, command: Command) -> Result {
    let text = super::with_database(settings, async |db, clock| {
        let tenants = Tenants::new(&db, &clock).await?;
        Ok(match command {
            Command::Get { key, tenant } => {
                let lines = lines(&*tenants.settings(tenant.id()).await?)?;
                match key {
                    None => lines.iter().map(|(key, value)| format!("{key}\t{}\n", shown(value))).collect(),
                    Some(key) => match lines.iter().find(|(known, _)| *known == key) {
                        Some((_, value)) => format!("{}\n", shown(value)),
                        None => {
                            let known: Vec<&str> = lines.iter().map(|(key, _)| key.as_str()).collect();
                            return Err(format!("there is no setting {key}; there are: {}", known.join(", ")).into());
                        }
                    },
                }
            }
            Command::Set { key, value, tenant } => {
                tenants.update(tenant.id(), change_of(&key, &value)?, Actor::command_line()).await?;
                format!("set {key} to {value}\n")
            }
        })
    })?;
    super::print(&text)
}

/// A value as it is typed: texts without quotes.
fn shown(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
