//! Shows to all nodes which agents have a socket at this one ([`super::duty`] has the protocol).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::duty::Lease;
use super::roster::{self, Socket};
use crate::access::Permission;
use crate::clock::{Clock, Millis};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::push::Hub;
use crate::tenant::Tenants;

/// What this node shows. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Presence(Arc<Inner>);

struct Inner {
    db: Db,
    hub: Hub,
    tenants: Tenants,
    clock: Clock,
    lease: Lease,
    /// The number of this node, which it has drawn.
    node: i64,
    shown: Mutex<Shown>,
    /// One sight of the sockets is stored at a time.
    turn: tokio::sync::Mutex<()>,
}

/// What the tables hold of this node.
#[derive(Clone, Default)]
struct Shown {
    sockets: HashSet<Socket>,
    /// When the lease was renewed, `None` before the first.
    renewed: Option<Millis>,
    /// When the first of those renewals was made of which each came before the lease was over.
    present: Option<Millis>,
}

impl Presence {
    /// Nothing is shown yet.
    ///
    /// # Errors
    /// [`Error::Internal`] when the system gives no random number.
    pub(crate) fn new(db: &Db, hub: &Hub, tenants: &Tenants, clock: &Clock, lease: Lease) -> Result<Self> {
        let drawn = getrandom::u64().map_err(Error::internal)?;
        let inner = Inner {
            db: db.clone(),
            hub: hub.clone(),
            tenants: tenants.clone(),
            clock: clock.clone(),
            lease,
            node: i64::try_from(drawn >> 1).map_err(Error::internal)?,
            shown: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Stores who is here, and renews the lease when it is time. Writes nothing as long as no tenant has rounds of service.
    ///
    /// # Errors
    /// As the database's; what was to be shown is shown the next time.
    pub(crate) async fn show(&self) -> Result<()> {
        let inner = &self.0;
        let _turn = inner.turn.lock().await;
        let tenants: HashSet<_> = inner.tenants.with_rounds().into_iter().map(|(tenant, _)| tenant).collect();
        let shown = inner.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if tenants.is_empty() && shown.sockets.is_empty() {
            return Ok(());
        }
        let mut here = inner.hub.admins_who(Permission::TakeTasks);
        here.retain(|(tenant, _)| tenants.contains(tenant));
        let now = inner.clock.now();
        let Lease { time, renewal } = inner.lease;
        let present = shown.present.filter(|_| inner.lease.is_held(shown.renewed, now)).or(Some(now));
        let is_renewed = shown.renewed.is_some_and(|renewed| (0..renewal).contains(&(now - renewed)));
        if is_renewed && here == shown.sockets {
            return Ok(());
        }
        let (node, sockets) = (inner.node, here.clone());
        let store = move |connection: &mut AnyConnection| {
            let known =
                if roster::renew_lease(connection, node, now, time)? { HashSet::new() } else { shown.sockets.clone() };
            let came: Vec<Socket> = sockets.difference(&known).copied().collect();
            let left: Vec<Socket> = known.difference(&sockets).copied().collect();
            roster::show(connection, node, &came, &left, now)
        };
        inner.db.write(store).await?;
        *inner.shown.lock().unwrap_or_else(PoisonError::into_inner) =
            Shown { sockets: here, renewed: Some(now), present };
        Ok(())
    }

    /// Since when this node has shown without a gap who is here, as of `now`; `None` while its own lease is over. A node that could
    /// not renew its lease knows as little of the others, who may have been kept from it by the same thing.
    pub(crate) fn since(&self, now: Millis) -> Option<Millis> {
        let shown = self.0.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.present.filter(|_| self.0.lease.is_held(shown.renewed, now))
    }

    /// The node stops: its agents are away from now on.
    ///
    /// # Errors
    /// As the database's; the lease ends by itself then.
    pub(crate) async fn leave(&self) -> Result<()> {
        let inner = &self.0;
        let shown = std::mem::take(&mut *inner.shown.lock().unwrap_or_else(PoisonError::into_inner));
        if shown.renewed.is_none() {
            return Ok(());
        }
        let (node, now) = (inner.node, inner.clock.now());
        inner.db.write(move |connection| roster::end_lease(connection, node, now)).await
    }
}
