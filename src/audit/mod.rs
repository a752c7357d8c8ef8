//! Who changed what: a row for each administrative change, written in the transaction of the change.
//!
//! A row is never changed. What it holds of an object before and after is what the change was about, without secrets.

mod store;

use std::net::IpAddr;

use serde_json::Value;

use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::Result;
use crate::id::{TenantId, UserId};

/// Who makes a change.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// The admin, `None` for the command line.
    pub admin: Option<UserId>,
    /// The name that the admin has now.
    pub name: String,
    /// Where the request comes from, `None` for the command line.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// Somebody at the command line of the machine.
    pub(crate) fn command_line() -> Self {
        Self { admin: None, name: "command line".into(), address: None }
    }

    /// What the columns `creator` and `updater` say.
    pub(crate) fn column(&self) -> String {
        self.admin.map(|admin| admin.to_string()).unwrap_or_default()
    }
}

/// A change of one object.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    object_type: &'static str,
    object_id: String,
    action: &'static str,
    before: Option<Value>,
    after: Option<Value>,
}

impl Change {
    /// What was done, as in `Change::of("role", id, "update")`.
    pub(crate) fn of(object_type: &'static str, object_id: impl ToString, action: &'static str) -> Self {
        Self { object_type, object_id: object_id.to_string(), action, before: None, after: None }
    }

    /// What the object was, without secrets.
    #[must_use]
    pub(crate) fn from(self, before: Value) -> Self {
        Self { before: Some(before), ..self }
    }

    /// What the object is now, without secrets.
    #[must_use]
    pub(crate) fn to(self, after: Value) -> Self {
        Self { after: Some(after), ..self }
    }
}

/// Keeps a change, inside the write transaction that makes it.
///
/// # Errors
/// As the connection's.
pub(crate) fn record(
    connection: &mut AnyConnection,
    actor: &Actor,
    tenant: TenantId,
    change: Change,
    now: Millis,
) -> Result<()> {
    store::insert(connection, actor, tenant, &change, now)
}
