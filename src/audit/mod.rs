//! Who changed what: a row for each administrative change, written in the transaction of the change.
//!
//! A row is never changed. What it holds of an object before and after is what the change was about, without secrets. Rows end
//! only by their age, as the tenant says ([`delete_before`]).

pub(crate) mod api;
mod csv;
mod store;

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::Result;
use crate::id::{TenantId, UserId};

pub(crate) use store::{delete_before, has_before};

/// Who makes a change.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// The admin, `None` for the command line and the shop.
    pub admin: Option<UserId>,
    /// The name that the admin has now.
    pub name: String,
    /// Where the request comes from, `None` for the command line and the shop.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// Somebody at the command line of the machine.
    pub(crate) fn command_line() -> Self {
        Self { admin: None, name: "command line".into(), address: None }
    }

    /// The integrator's system, which says who its admins are.
    pub(crate) fn shop() -> Self {
        Self { admin: None, name: "shop".into(), address: None }
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

    /// Of two states of the object, without secrets, what differs; `None` when nothing does.
    pub(crate) fn between(self, before: &Value, after: &Value) -> Option<Self> {
        difference(before, after).map(|(before, after)| self.from(before).to(after))
    }
}

/// The members of two objects that differ, at every depth; a list is one value. `None` when nothing differs.
fn difference(before: &Value, after: &Value) -> Option<(Value, Value)> {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return (before != after).then(|| (before.clone(), after.clone()));
    };
    let (mut was, mut is) = (Map::new(), Map::new());
    for (name, value) in old {
        match new.get(name) {
            None => drop(was.insert(name.clone(), value.clone())),
            Some(now) => {
                if let Some((value, now)) = difference(value, now) {
                    was.insert(name.clone(), value);
                    is.insert(name.clone(), now);
                }
            }
        }
    }
    let added = new.iter().filter(|(name, _)| !old.contains_key(*name));
    is.extend(added.map(|(name, value)| (name.clone(), value.clone())));
    (!was.is_empty() || !is.is_empty()).then_some((Value::Object(was), Value::Object(is)))
}

/// Keeps a change, inside the write transaction that makes it, as its last statement: the row of the ids stays locked until the
/// commit, for every change of every tenant.
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

/// Which rows are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
struct Filter {
    /// The admin, 0 for the command line.
    admin: Option<i64>,
    object_type: Option<String>,
    object_id: Option<String>,
    action: Option<String>,
    /// Not before this instant.
    from: Option<Millis>,
    /// Before this instant.
    to: Option<Millis>,
}

/// A row, as it is read.
#[derive(Clone, Debug)]
struct Entry {
    id: i64,
    admin: i64,
    actor: String,
    action: String,
    object_type: String,
    object_id: String,
    /// JSON.
    before: Option<String>,
    /// JSON.
    after: Option<String>,
    address: String,
    created: Millis,
}

/// The place of a row in the list, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    created: Millis,
    id: i64,
}

impl Cursor {
    /// The place of a row.
    const fn of(entry: &Entry) -> Self {
        Self { created: entry.created, id: entry.id }
    }

    /// Reads a cursor that [`std::fmt::Display`] wrote; `None` for anything else.
    fn parse(text: &str) -> Option<Self> {
        let (created, id) = text.split_once('.')?;
        let number = |text: &str| text.parse().ok().filter(|number| (0..crate::id::ID_LIMIT).contains(number));
        Some(Self { created: number(created)?, id: number(id)? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.created, self.id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_kept() {
        let before = json!({"name": "a", "look": {"color": "#000000", "side": 20}, "origins": ["x", "y"], "gone": 1});
        let after = json!({"name": "a", "look": {"color": "#FFFFFF", "side": 20}, "origins": ["x"], "new": null});
        assert_eq!(difference(&before, &before), None);
        let (was, is) = difference(&before, &after).unwrap();
        assert_eq!(was, json!({"look": {"color": "#000000"}, "origins": ["x", "y"], "gone": 1}));
        assert_eq!(is, json!({"look": {"color": "#FFFFFF"}, "origins": ["x"], "new": null}));
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor = Cursor { created: 1_795_233_600_000, id: 7 };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for text in ["", ".", "1", "1.", "1.2.3", "-1.2", "1.-2", "a.b", "1.9007199254740992"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
