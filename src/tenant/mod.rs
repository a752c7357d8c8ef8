//! Tenants: the shops that share a service, each a number in its users' tokens, and what each has set for itself.
//!
//! The row of a tenant is made in the transaction that makes its first member or admin. [`Tenants`] keeps the settings in
//! memory. Every change gets a number from `kefu_id_block`, whose row stays locked until the change is committed, so that
//! changes become visible in the order of their numbers: a node that asks each second for what is above the newest
//! number it has seen misses none, whatever the clocks say. An older state never replaces a newer one in memory, unless the
//! database itself has gone back: its newest number is then below one in memory, and nothing in memory counts any more.

pub(crate) mod api;
pub(crate) mod audit_age;
pub(crate) mod rounds_off;
pub(crate) mod settings;
mod store;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use crate::audit::Actor;
use crate::clock::Clock;
use crate::db::{AnyConnection, Db};
use crate::error::Result;
use crate::id::TenantId;

pub(crate) use store::{ensure, settings as stored_settings};

use settings::TenantSettings;

/// The tenant of a fresh installation, and of requests and commands that name none.
pub(crate) const DEFAULT_TENANT: TenantId = TenantId::new(1);

/// Tenants that are read at once.
const PAGE: i64 = 1000;

/// The settings of all tenants. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tenants(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    known: RwLock<HashMap<TenantId, Known>>,
    /// The number of the newest change that is in memory, or was there before.
    seen: AtomicI64,
}

/// A tenant's settings as of a change.
#[derive(Clone)]
struct Known {
    change: i64,
    settings: Arc<TenantSettings>,
}

impl Tenants {
    /// Nothing is in memory yet.
    ///
    /// # Errors
    /// [`crate::error::Error::Busy`] when the database cannot be asked.
    pub(crate) async fn new(db: &Db, clock: &Clock) -> Result<Self> {
        let seen = db.run(store::newest_change).await?;
        let inner =
            Inner { db: db.clone(), clock: clock.clone(), known: RwLock::default(), seen: AtomicI64::new(seen) };
        Ok(Self(Arc::new(inner)))
    }

    /// What the tenant has set, the defaults for the rest.
    ///
    /// # Errors
    /// [`crate::error::Error::Busy`] when they are not in memory and the database cannot be asked.
    pub(crate) async fn settings(&self, tenant: TenantId) -> Result<Arc<TenantSettings>> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned();
        if let Some(known) = known {
            return Ok(known.settings);
        }
        let (change, settings) = self.0.db.run(move |connection| store::settings(connection, tenant)).await?;
        Ok(self.keep(tenant, change, settings))
    }

    /// Reads the settings of the tenants that have rounds of service, so that [`Tenants::with_rounds`] knows them all.
    ///
    /// # Errors
    /// [`crate::error::Error::Busy`] when the database cannot be asked.
    pub(crate) async fn load_those_with_rounds(&self) -> Result<()> {
        for (tenant, change, settings) in self.read_those_with_rounds().await? {
            self.keep(tenant, change, settings);
        }
        Ok(())
    }

    async fn read_those_with_rounds(&self) -> Result<Vec<(TenantId, i64, TenantSettings)>> {
        let (mut after, mut found) = (0, Vec::new());
        loop {
            let page = self.0.db.run(move |connection| store::page(connection, after, PAGE)).await?;
            let Some((last, ..)) = page.last() else { return Ok(found) };
            after = last.get();
            found.extend(page.into_iter().filter(|(.., settings)| settings.routing.is_on()));
        }
    }

    /// The tenants that have rounds of service.
    pub(crate) fn with_rounds(&self) -> Vec<(TenantId, Arc<TenantSettings>)> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        let on = known.iter().filter(|(_, known)| known.settings.routing.is_on());
        on.map(|(tenant, known)| (*tenant, Arc::clone(&known.settings))).collect()
    }

    /// Changes some of a tenant's settings; `changes` is a nested object of these alone.
    ///
    /// # Errors
    /// [`crate::error::Error::Invalid`] and [`crate::error::Error::WrongType`] with the key, and nothing is changed;
    /// [`crate::error::Error::Busy`].
    pub(crate) async fn update(&self, tenant: TenantId, changes: Value, actor: Actor) -> Result<()> {
        let now = self.0.clock.now();
        let change = move |connection: &mut AnyConnection| store::change(connection, tenant, &changes, &actor, now);
        let (number, settings) = self.0.db.write(change).await?;
        self.keep(tenant, number, settings);
        Ok(())
    }

    /// Takes over what other processes have changed. To be called every second or so.
    pub(crate) async fn poll(&self) -> Result<()> {
        let seen = self.0.seen.load(Ordering::Relaxed);
        let read = move |connection: &mut AnyConnection| {
            Ok((store::newest_change(connection)?, store::changes(connection, seen)?))
        };
        let (newest, changes) = self.0.db.run(read).await?;
        let is_back =
            |known: &HashMap<TenantId, Known>| newest < seen || known.values().any(|known| known.change > newest);
        let went_back = is_back(&self.0.known.read().unwrap_or_else(PoisonError::into_inner));
        // Before anything is forgotten: tenants with rounds are known at any time.
        let with_rounds = if went_back { self.read_those_with_rounds().await? } else { Vec::new() };
        if went_back {
            let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
            // The server's successor knows less, or an older state was put back: numbers will come again. A change of this node's
            // own that was made since the look does no harm: what is not in memory is read.
            known.clear();
            for (tenant, change, settings) in with_rounds {
                known.insert(tenant, Known { change, settings: Arc::new(settings) });
            }
            self.0.seen.store(newest, Ordering::Relaxed);
        }
        for (tenant, change, settings) in changes {
            self.keep(tenant, change, settings);
            self.0.seen.fetch_max(change, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Keeps these settings unless newer ones are in memory; returns the newest.
    fn keep(&self, tenant: TenantId, change: i64, settings: TenantSettings) -> Arc<TenantSettings> {
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = Known { change, settings: Arc::new(settings) };
        let newest = known.entry(tenant).or_insert_with(|| fresh.clone());
        if newest.change < change {
            *newest = fresh;
        }
        Arc::clone(&newest.settings)
    }
}
