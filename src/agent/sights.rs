//! Which conversations each admin sees, for calls and for sockets (docs/desk.md, "Visibility").
//!
//! Protocol: a call asks the tables each time ([`Sights::of`]). A socket's admin gets frames by what the hub keeps on the connection: each
//! node sets it when the socket opens, and looks every second, and at once after a change of its own, for what has changed since
//! ([`Sights::refresh`]). Tenants that show everything to everybody cost neither a query nor a look.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::store;
use crate::access::{Permission, Permissions, Sight, Visibility};
use crate::db::Db;
use crate::error::Result;
use crate::id::{TenantId, UserKey, UserType};
use crate::push::Hub;
use crate::tenant::Tenants;

/// What admins see. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sights(Arc<Inner>);

struct Inner {
    db: Db,
    hub: Hub,
    tenants: Tenants,
    /// What the connections of limited tenants have.
    set: Mutex<HashMap<UserKey, Sight>>,
    /// One look at a time, so that an older one does not come last.
    turn: tokio::sync::Mutex<()>,
}

/// An admin who sees less than before.
#[derive(Clone, Debug)]
pub(crate) struct Narrowed {
    /// The admin.
    pub key: UserKey,
    /// What the admin saw.
    pub before: Sight,
    /// What the admin sees.
    pub now: Sight,
}

impl Sights {
    /// Nothing is set yet.
    pub(crate) fn new(db: &Db, hub: &Hub, tenants: &Tenants) -> Self {
        let (db, hub, tenants) = (db.clone(), hub.clone(), tenants.clone());
        Self(Arc::new(Inner { db, hub, tenants, set: Mutex::default(), turn: tokio::sync::Mutex::default() }))
    }

    /// The database that they are asked of.
    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    /// What an admin who calls sees: one query for an admin who does not see everything.
    ///
    /// # Errors
    /// As [`Db::run`].
    pub(crate) async fn of(&self, admin: UserKey, permissions: Permissions) -> Result<Sight> {
        if permissions.contain(Permissions::only(Permission::QueryAllConversations)) {
            return Ok(Sight::All);
        }
        self.without_right(admin).await
    }

    /// What an admin sees without the right to everything.
    ///
    /// # Errors
    /// As [`Db::run`].
    pub(crate) async fn without_right(&self, UserKey { tenant, user_type, user }: UserKey) -> Result<Sight> {
        let visibility = self.0.tenants.settings(tenant).await?.routing.visibility();
        if visibility == Visibility::All || user_type == UserType::Member {
            return Ok(Sight::All);
        }
        let groups = self.0.db.run(move |connection| store::groups_of(connection, user)).await?;
        Ok(Sight::new(visibility, user, groups))
    }

    /// Sets what the sockets of an admin see who has just opened one: what was read before its registration may be old.
    ///
    /// # Errors
    /// As [`Db::run`].
    pub(crate) async fn settle(&self, admin: UserKey) -> Result<()> {
        if admin.user_type == UserType::Admin && self.0.hub.is_limited(admin.tenant) {
            let _turn = self.0.turn.lock().await;
            let sight = self.without_right(admin).await?;
            self.0.hub.set_sight(admin, &sight);
            self.0.set.lock().unwrap_or_else(PoisonError::into_inner).insert(admin, sight);
        }
        Ok(())
    }

    /// Sets what the sockets of this node see, and returns who sees less than before. To be called every second, and after a change of
    /// the tenant's settings or of an agent's groups. Costs a query of the memberships for each limited tenant.
    ///
    /// # Errors
    /// As [`Db::run`]; what was set stays.
    pub(crate) async fn refresh(&self) -> Result<Vec<Narrowed>> {
        let inner = &self.0;
        let _turn = inner.turn.lock().await;
        let limited: HashMap<TenantId, Visibility> = inner
            .tenants
            .with_rounds()
            .into_iter()
            .map(|(tenant, settings)| (tenant, settings.routing.visibility()))
            .filter(|(_, visibility)| *visibility != Visibility::All)
            .collect();
        let before = inner.set.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if limited.is_empty() && before.is_empty() {
            inner.hub.limit(HashSet::new());
            return Ok(Vec::new());
        }
        // First: what is published from here on names its assignment.
        inner.hub.limit(limited.keys().copied().collect());
        let (mut now, mut was) = (HashMap::new(), HashMap::new());
        for (&tenant, &visibility) in &limited {
            let memberships = inner.db.run(move |connection| store::memberships(connection, tenant)).await?;
            for admin in inner.hub.admins_of(tenant) {
                let groups = memberships.get(&admin).into_iter().flatten().map(|membership| membership.group);
                let key = UserKey { tenant, user_type: UserType::Admin, user: admin };
                let sight = Sight::new(visibility, admin, groups);
                was.insert(key, inner.hub.set_sight(key, &sight));
                // What the admin sees by the right to everything is no less than before, either.
                now.insert(key, if inner.hub.sees_all(key) { Sight::All } else { sight });
            }
        }
        let mut narrowed = Vec::new();
        for (key, sight) in &now {
            // Of one who has come since, what the socket had from its opening.
            let before = before.get(key).or_else(|| was.get(key)).cloned().unwrap_or_default();
            if before != *sight {
                narrowed.push(Narrowed { key: *key, before, now: sight.clone() });
            }
        }
        for key in before.keys().filter(|key| !limited.contains_key(&key.tenant)) {
            inner.hub.set_sight(*key, &Sight::All);
        }
        *inner.set.lock().unwrap_or_else(PoisonError::into_inner) = now;
        Ok(narrowed)
    }
}
