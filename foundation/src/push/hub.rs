//! The registry: user → connections of this node.

mod viewers;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::delivered::{Delivered, RECENT, Undelivered};
use super::outbox::{Bounds, Pushed};
use super::places::Places;
use super::turn::Calls;
use super::viewing::Elsewhere;
use super::{Audience, Connection, Event, Opening, Registration, Relay};
use crate::access::{Permission, Permissions, Sight};
use crate::clock::{Clock, Millis};
use crate::credential::Ended;
use crate::error::{Error, Result};
use crate::fact::frames::{Hidden, ResyncRequired, ServerFrame};
use crate::id::{ChannelId, ConversationId, TenantId, UserId, UserKey, UserType};
use crate::settings;
use crate::telemetry::metrics::Metrics;
use crate::ws::{CloseReason, frame};

/// Frames that a batch of events queues before it calls the threads that write them: some milliseconds.
const PUSHES_PER_CALL: u64 = 16_384;

/// The connections of this node, and the relay to other nodes. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    tenants: RwLock<HashMap<TenantId, Tenant>>,
    draining: AtomicBool,
    bounds: Bounds,
    sessions_per_user: usize,
    places: Places,
    idle: Duration,
    clock: Clock,
    metrics: Metrics,
    relay: Relay,
    /// With other nodes only: both the writer and the relay deliver then.
    delivered: Option<Mutex<Delivered>>,
    /// Who shows what at other nodes; see [`super::viewing`].
    viewed_elsewhere: Mutex<Elsewhere>,
    /// The tenants that do not show every conversation to every admin; see [`Hub::limit`].
    limited: RwLock<HashSet<TenantId>>,
}

#[derive(Default)]
struct Tenant {
    /// Every connection of every user, the oldest first.
    users: HashMap<(UserType, UserId), Vec<Arc<Connection>>>,
    /// The connections of admins, in no order.
    admins: Vec<Arc<Connection>>,
}

/// What became of many frames.
#[derive(Default)]
struct Count {
    queued: u64,
    too_slow: u64,
}

impl Count {
    fn add(&mut self, pushed: Pushed) {
        match pushed {
            Pushed::Queued => self.queued += 1,
            Pushed::TooSlow => self.too_slow += 1,
            Pushed::Ignored => {}
        }
    }
}

impl Tenant {
    fn add(&mut self, connection: &Arc<Connection>) {
        if connection.user().0 == UserType::Admin {
            connection.slot.store(self.admins.len(), Ordering::Relaxed);
            self.admins.push(Arc::clone(connection));
        }
        self.users.entry(connection.user()).or_default().push(Arc::clone(connection));
    }

    /// Removes this very connection; `false` when it is not here (any more).
    fn remove(&mut self, connection: &Arc<Connection>) -> bool {
        let Some(connections) = self.users.get_mut(&connection.user()) else { return false };
        let Some(index) = connections.iter().position(|other| Arc::ptr_eq(other, connection)) else { return false };
        connections.remove(index);
        if connections.is_empty() {
            self.users.remove(&connection.user());
        }
        let slot = connection.slot.load(Ordering::Relaxed);
        if self.admins.get(slot).is_some_and(|admin| Arc::ptr_eq(admin, connection)) {
            self.admins.swap_remove(slot);
            if let Some(moved) = self.admins.get(slot) {
                moved.slot.store(slot, Ordering::Relaxed);
            }
        }
        true
    }

    /// The connections of an audience, each once.
    fn recipients<'a>(&'a self, audience: &'a Audience) -> impl Iterator<Item = &'a Arc<Connection>> {
        let Audience { member, admins, users, except, within, hides: _ } = audience;
        let wanted = admins.map(Permissions::only);
        let is_admin = move |connection: &Connection| {
            wanted.is_some_and(|wanted| connection.holds(wanted))
                && within.as_ref().is_none_or(|within| connection.meets(within))
        };
        let of_member = member.and_then(|member| self.users.get(&(UserType::Member, member)));
        let of_admins = admins.is_some().then_some(&self.admins).into_iter().flatten().filter(move |one| is_admin(one));
        let named =
            users.iter().filter(move |(user_type, user)| *user_type == UserType::Admin || *member != Some(*user));
        let of_users = named.filter_map(|user| self.users.get(user)).flatten().filter(move |one| !is_admin(one));
        let all = of_member.into_iter().flatten().chain(of_admins).chain(of_users);
        all.filter(move |one| except.is_none_or(|user| user != one.user()))
    }
}

impl Hub {
    /// An empty registry of the only node.
    pub fn new(settings: &settings::Push, clock: Clock, metrics: Metrics) -> Self {
        Self::with_relay(settings, clock, metrics, Relay::Local)
    }

    /// An empty registry of one node among others.
    pub(super) fn with_relay(settings: &settings::Push, clock: Clock, metrics: Metrics, relay: Relay) -> Self {
        let delivered = match relay {
            Relay::Local => None,
            Relay::Redis(_) => Some(Mutex::new(Delivered::new(clock.now()))),
        };
        Self(Arc::new(Inner {
            tenants: RwLock::default(),
            draining: AtomicBool::new(false),
            bounds: Bounds { frames: settings.queue_frames, bytes: settings.queue_bytes },
            sessions_per_user: settings.sessions_per_user,
            places: Places::new(settings.sockets, settings.sockets_per_address),
            idle: Duration::from_secs(settings.idle_timeout_s),
            clock,
            metrics,
            relay,
            delivered,
            viewed_elsewhere: Mutex::default(),
            limited: RwLock::default(),
        }))
    }

    /// Registers a socket. The user's oldest one is closed when it is one too many.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`] when the address has too many sockets, or too many of the user's are still closing;
    /// [`Error::Busy`] when the node has too many.
    pub fn connect(&self, opening: Opening) -> Result<Registration> {
        let connection = Arc::new(Connection::new(opening, self.0.bounds, &self.0.clock));
        let UserKey { tenant, user_type, user } = connection.ticket.key;
        self.0.places.take(connection.network)?;
        let mut tenants = self.0.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let tenant = tenants.entry(tenant).or_default();
        let of_user = tenant.users.get(&(user_type, user)).map_or(&[][..], Vec::as_slice);
        if of_user.len() >= self.0.sessions_per_user.saturating_mul(2) {
            self.0.places.give_back(connection.network);
            return Err(Error::TooManyRequests { retry_after_s: 1 });
        }
        if of_user.len() >= self.0.sessions_per_user {
            let mut open = of_user.iter().filter(|connection| !connection.is_closing());
            if let Some(oldest) = open.next()
                && open.count() + 1 >= self.0.sessions_per_user
            {
                oldest.close(CloseReason::TooMany);
            }
        }
        tenant.add(&connection);
        self.0.metrics.sockets(user_type).inc();
        drop(tenants);
        if self.is_draining() {
            connection.close(CloseReason::GoingAway);
        }
        Ok(Registration::new(self.clone(), connection))
    }

    /// Forgets a socket whose connection has ended.
    pub(super) fn disconnect(&self, connection: &Arc<Connection>) {
        let key = connection.ticket.key;
        let mut tenants = self.0.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let Some(tenant) = tenants.get_mut(&key.tenant) else { return };
        if tenant.remove(connection) {
            self.0.metrics.sockets(key.user_type).dec();
            self.0.places.give_back(connection.network);
        }
        if tenant.users.is_empty() {
            tenants.remove(&key.tenant);
        }
        drop(tenants);
        let change = connection.viewing().end();
        self.viewed(change.map(|change| (key.tenant, change)));
    }

    /// Hands the events, in their order, to every connection of their recipients on this node, and then to the relay for
    /// the other nodes. Costs one push per recipient, without allocation and serialisation; with Redis, one copy more.
    pub fn publish(&self, events: &[Event]) {
        self.deliver(events);
        self.0.relay.publish(events);
    }

    /// Hands events to this node's connections, except for those that were delivered before.
    pub fn deliver(&self, events: &[Event]) {
        let (mut pushed, mut called_at) = (Count::default(), 0);
        let (mut calls, mut unshown) = (Calls::default(), Vec::new());
        {
            let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
            for event in events {
                let mut noted = event.position.and_then(|position| Some((self.delivered()?, position)));
                if let Some((delivered, position)) = &mut noted
                    && !delivered.note(*position, self.0.clock.now())
                {
                    continue;
                }
                let Some(tenant) = tenants.get(&event.tenant) else { continue };
                for connection in tenant.recipients(&event.audience) {
                    pushed.add(connection.push(&event.frame, event.position, &mut calls));
                    let change = event.audience.hides.and_then(|stream| connection.viewing().hide(stream));
                    unshown.extend(change.map(|change| (event.tenant, change)));
                }
                // Locked until now, so that an event that is noted later cannot overtake this one.
                drop(noted);
                if pushed.queued - called_at >= PUSHES_PER_CALL {
                    calls.call();
                    called_at = pushed.queued;
                }
            }
        }
        drop(calls);
        self.count(&pushed);
        self.viewed(unshown);
    }

    /// What may be missing at this node's connections of a stream whose newest event is `newest`, because another node has just
    /// published it; `None` when nothing is.
    pub fn undelivered(&self, stream: i64, newest: i64) -> Option<Undelivered> {
        let Undelivered { after, since } = self.delivered()?.undelivered(stream, newest)?;
        let now = self.0.clock.now();
        // A clock that was ahead when this was noted hides nothing.
        Some(Undelivered { after, since: since.min(now).max(now.saturating_sub(RECENT)) })
    }

    fn delivered(&self) -> Option<MutexGuard<'_, Delivered>> {
        Some(self.0.delivered.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the clients of all nodes to resync: in the last `period` this node may have stored what it will never publish.
    pub fn may_have_missed(&self, period: Duration) {
        self.require_resync(period);
        self.0.relay.missed(period);
    }

    /// Tells every client of this node that it may have missed something in the last `period`.
    pub(super) fn require_resync(&self, period: Duration) {
        let now = self.0.clock.now();
        // The cause may be a database server whose successor knows less: a `seq` may then come again.
        if let Some(mut delivered) = self.delivered() {
            delivered.forget(now);
        }
        let since = now.saturating_sub(Millis::try_from(period.as_millis()).unwrap_or(Millis::MAX)).max(0);
        let Ok(frame) = frame::event(ServerFrame::ResyncRequired.as_str(), &ResyncRequired { since }) else { return };
        let mut pushed = Count::default();
        let mut calls = Calls::default();
        self.each(|connection| pushed.add(connection.push(&frame, None, &mut calls)));
        drop(calls);
        self.count(&pushed);
    }

    fn count(&self, pushed: &Count) {
        self.0.metrics.frames.inc_by(pushed.queued);
        if pushed.too_slow > 0 {
            self.0.metrics.slow_closes.inc_by(pushed.too_slow);
            tracing::info!(sockets = pushed.too_slow, "closed sockets that could not keep up");
        }
    }

    /// The way to the other nodes.
    pub fn relay(&self) -> &Relay {
        &self.0.relay
    }

    /// The users of a tenant who have a socket, each with the numbers of the nodes where; of other nodes as they have
    /// lately told.
    pub fn online(&self, tenant: TenantId) -> BTreeMap<(UserType, UserId), Vec<u64>> {
        let mut online: BTreeMap<_, Vec<u64>> = BTreeMap::new();
        let mut add = |node, user: UserKey| {
            if user.tenant == tenant {
                online.entry((user.user_type, user.user)).or_default().push(node);
            }
        };
        self.users().into_iter().for_each(|user| add(self.0.relay.node(), user));
        self.0.relay.users_elsewhere(add);
        online
    }

    /// Whether an admin of the tenant has a socket at any node; of other nodes as they have lately told.
    pub fn is_attended(&self, tenant: TenantId) -> bool {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let is_here = tenants.get(&tenant).is_some_and(|tenant| !tenant.admins.is_empty());
        drop(tenants);
        is_here || self.0.relay.is_attended_elsewhere(tenant)
    }

    /// The users who have a socket at this node.
    pub(super) fn users(&self) -> Vec<UserKey> {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let of = |(tenant, registered): (&TenantId, &Tenant)| {
            let tenant = *tenant;
            registered
                .users
                .keys()
                .map(move |&(user_type, user)| UserKey { tenant, user_type, user })
                .collect::<Vec<_>>()
        };
        tenants.iter().flat_map(of).collect()
    }

    /// The admins of a tenant who have a socket at this node, each once.
    pub fn admins_of(&self, tenant: TenantId) -> HashSet<UserId> {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(&tenant).into_iter().flat_map(|tenant| &tenant.admins).map(|admin| admin.user().1).collect()
    }

    /// The admins who have a socket at this node and this permission, each once.
    pub fn admins_who(&self, permission: Permission) -> HashSet<(TenantId, UserId)> {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let of = |(tenant, registered): (&TenantId, &Tenant)| {
            let admins = registered.admins.iter().filter(|admin| admin.may(permission) && !admin.is_closing());
            admins.map(|admin| (*tenant, admin.user().1)).collect::<Vec<_>>()
        };
        tenants.iter().flat_map(of).collect()
    }

    /// The members of a tenant who have a socket at this node.
    pub fn members_here(&self, tenant: TenantId) -> HashSet<UserId> {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let users = tenants.get(&tenant).into_iter().flat_map(|tenant| tenant.users.keys());
        users.filter(|(user_type, _)| *user_type == UserType::Member).map(|(_, user)| *user).collect()
    }

    /// Closes the connections of a user that were opened with what has ended.
    pub fn close_user(&self, key: UserKey, ended: &Ended, reason: CloseReason) {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let connections = tenants.get(&key.tenant).and_then(|tenant| tenant.users.get(&(key.user_type, key.user)));
        for connection in connections.into_iter().flatten() {
            if ended.includes(&connection.ticket.credential) {
                connection.close(reason);
            }
        }
    }

    /// Closes the connections of visitors whose channel is closed. Cost: a look at each open socket.
    pub fn close_visitors(&self, is_closed: impl Fn(ChannelId) -> bool) {
        self.each(|connection| {
            if connection.ticket.channel.is_some_and(&is_closed) {
                connection.close(CloseReason::ShutOut);
            }
        });
    }

    /// A user has other permissions from now on.
    pub fn set_permissions(&self, key: UserKey, permissions: Permissions) {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let connections = tenants.get(&key.tenant).and_then(|tenant| tenant.users.get(&(key.user_type, key.user)));
        connections.into_iter().flatten().for_each(|connection| connection.set_permissions(permissions));
    }

    /// Which conversations an admin sees from now on; returns what the sockets saw before, [`Sight::All`] when one of them did.
    pub fn set_sight(&self, key: UserKey, sight: &Sight) -> Sight {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let connections = tenants.get(&key.tenant).and_then(|tenant| tenant.users.get(&(key.user_type, key.user)));
        let before = connections.into_iter().flatten().map(|connection| connection.set_sight(sight));
        before.reduce(|one, other| if other == Sight::All { other } else { one }).unwrap_or_else(|| sight.clone())
    }

    /// Whether an admin sees everything by right at a socket of this node.
    pub fn sees_all(&self, key: UserKey) -> bool {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let connections = tenants.get(&key.tenant).and_then(|tenant| tenant.users.get(&(key.user_type, key.user)));
        connections.into_iter().flatten().any(|one| one.may(Permission::QueryAllConversations))
    }

    /// Tells an admin at this node who may not see everything that these conversations are not seen any more.
    pub fn hide(&self, key: UserKey, conversations: &[ConversationId]) {
        let hidden = |id: &ConversationId| {
            let frame = frame::event(ServerFrame::Hidden.as_str(), &Hidden { conversation_id: *id }).ok()?;
            Some((id.get(), frame))
        };
        let frames: Vec<_> = conversations.iter().filter_map(hidden).collect();
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let connections = tenants.get(&key.tenant).and_then(|tenant| tenant.users.get(&(key.user_type, key.user)));
        let limited = connections.into_iter().flatten().filter(|one| !one.may(Permission::QueryAllConversations));
        let (mut pushed, mut calls, mut unshown) = (Count::default(), Calls::default(), Vec::new());
        for connection in limited {
            for (stream, frame) in &frames {
                pushed.add(connection.push(frame, None, &mut calls));
                unshown.extend(connection.viewing().hide(*stream).map(|change| (key.tenant, change)));
            }
        }
        drop(tenants);
        drop(calls);
        self.count(&pushed);
        self.viewed(unshown);
    }

    /// These tenants do not show every conversation to every admin: who publishes something of one of them names its assignment
    /// ([`Audience::within`]).
    pub fn limit(&self, tenants: HashSet<TenantId>) {
        *self.0.limited.write().unwrap_or_else(PoisonError::into_inner) = tenants;
    }

    /// Whether a tenant is one of them.
    pub fn is_limited(&self, tenant: TenantId) -> bool {
        self.0.limited.read().unwrap_or_else(PoisonError::into_inner).contains(&tenant)
    }

    /// Closes every socket whose token has expired or that was silent for too long, and pings the silent ones. Cost: a
    /// few loads per open socket.
    pub fn sweep(&self) {
        let now = self.0.clock.monotonic();
        let mut changes = Vec::new();
        self.each(|connection| {
            connection.sweep(now, self.0.idle);
            if connection.user().0 == UserType::Admin
                && let Some(change) = connection.viewing().sweep(now)
            {
                changes.push((connection.ticket.key.tenant, change));
            }
        });
        self.viewed(changes);
        self.sweep_viewers(now);
    }

    /// Whether the node is shutting down: no new socket should be opened.
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Closes every socket, for a shutdown.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
        self.each(|connection| connection.close(CloseReason::GoingAway));
    }

    /// How many sockets are open.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let mut count = 0;
        self.each(|_| count += 1);
        count
    }

    /// Whether no socket is open.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.tenants.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn each(&self, mut visit: impl FnMut(&Connection)) {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        for connection in tenants.values().flat_map(|tenant| tenant.users.values()).flatten() {
            visit(connection);
        }
    }
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
