//! Frames between nodes.
//!
//! Protocol: [`Hub::publish`] gives every event to this node's own connections at once, then to the [`Relay`], which packs
//! them into a bounded queue and returns. One task publishes the packets to a Redis channel that all nodes share, another
//! listens to it and gives what other nodes have sent to this node's connections (see `redis.rs`).
//!
//! Invariants, and what would break them:
//! - A send never waits for Redis (invariant 8): what does not fit into the queue, or finds Redis away, is dropped.
//! - Nothing is dropped unnoticed (invariant 7): packets are numbered, a number that was dropped is not used again, and a
//!   node that sees a gap tells its sockets to resync from the database, see `peers.rs`. It does the same for the time in
//!   which its own subscription received nothing, and for the time of which another node says that it may have stored
//!   what it never publishes ([`Relay::missed`]). The publisher repeats that until Redis has taken it.
//! - Packets of one node arrive in the order of their publication: one queue, one task, one connection at a time, and a
//!   late packet of a former connection is thrown away.
//! - Events are packed after their commit and before the next batch's; packing anywhere else breaks the order.
//! - Packets of different nodes arrive everywhere in one order, that of the one channel: what a node had heard before it
//!   published, all others hear before. A Redis Cluster's bus does not promise that.

mod packet;
mod peers;
mod redis;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use self::packet::Draft;
use self::peers::Peers;
use self::redis::{Node, Servers};
use super::{Event, Hub};
use crate::clock::Clock;
use crate::id::{TenantId, UserKey};
use crate::settings;
use crate::telemetry::metrics::Metrics;

/// Bytes that may wait for Redis. Every packet counts, so that this bounds their number, too.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;
/// How long a start waits for the relay to work, and a stop for what is queued to leave.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How events reach other nodes; picked once, at start.
#[derive(Clone)]
pub enum Relay {
    /// There are no other nodes.
    Local,
    /// Through a Redis server.
    Redis(Arc<Link>),
}

impl Relay {
    /// Takes events on their way; never waits.
    pub(super) fn publish(&self, events: &[Event]) {
        if let Self::Redis(link) = self {
            link.publish(events);
        }
    }

    /// Asks the other nodes' clients to resync: in the last `period` this node may have stored what it never publishes.
    /// They are asked before they get any later event.
    pub fn missed(&self, period: Duration) {
        if let Self::Redis(link) = self {
            link.missed_since(Instant::now().checked_sub(period).unwrap_or(link.began));
        }
    }

    /// Whether events reach the other nodes now.
    pub fn is_up(&self) -> bool {
        match self {
            Self::Local => true,
            Self::Redis(link) => link.up.load(Ordering::Relaxed),
        }
    }

    /// The users online at each other node that this one has heard of, by the node's number.
    pub(super) fn users_elsewhere(&self, mut visit: impl FnMut(u64, UserKey)) {
        if let Self::Redis(link) = self {
            for (node, users) in link.peers.lock().unwrap_or_else(PoisonError::into_inner).users() {
                users.iter().for_each(|user| visit(node, *user));
            }
        }
    }

    /// Whether an admin of the tenant is online at another node that this one has heard of.
    pub(super) fn is_attended_elsewhere(&self, tenant: TenantId) -> bool {
        match self {
            Self::Local => false,
            Self::Redis(link) => link.peers.lock().unwrap_or_else(PoisonError::into_inner).attend(tenant),
        }
    }

    /// The number of this node, by which others know it; 0 for the only one.
    pub(super) fn node(&self) -> u64 {
        match self {
            Self::Local => 0,
            Self::Redis(link) => link.node,
        }
    }
}

/// What the hub and the relay's tasks share.
pub struct Link {
    node: u64,
    began: Instant,
    queue: UnboundedSender<Draft>,
    /// Bytes in the queue.
    waiting: AtomicUsize,
    /// Packets that were dropped since their numbers were last skipped.
    dropped: AtomicU64,
    /// Since when this node may have stored what it never publishes, until the other nodes know.
    missed_since: Mutex<Option<Instant>>,
    up: AtomicBool,
    peers: Mutex<Peers>,
    metrics: Metrics,
}

impl Link {
    fn publish(&self, events: &[Event]) {
        for draft in Draft::events(events) {
            let size = draft.len();
            if self.waiting.fetch_add(size, Ordering::Relaxed) + size > QUEUE_BYTES || self.queue.send(draft).is_err() {
                self.waiting.fetch_sub(size, Ordering::Relaxed);
                self.drop_packets(1);
            }
        }
    }

    fn missed_since(&self, since: Instant) {
        let mut missed = self.missed_since.lock().unwrap_or_else(PoisonError::into_inner);
        *missed = Some(missed.map_or(since, |earlier| earlier.min(since)));
    }

    fn take_missed(&self) -> Option<Instant> {
        self.missed_since.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn drop_packets(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
        self.metrics.relay_dropped.inc_by(count);
    }

    fn set_up(&self) {
        self.metrics.relay_up.set(1);
        if !self.up.swap(true, Ordering::Relaxed) {
            tracing::info!("the relay is up");
        }
    }

    fn set_down(&self, cause: &::redis::RedisError) {
        self.metrics.relay_up.set(0);
        if self.up.swap(false, Ordering::Relaxed) {
            tracing::warn!(%cause, "the relay is down: frames reach this node's own sockets only");
        } else {
            tracing::debug!(%cause, "the relay is still down");
        }
    }
}

/// The relay's tasks; they end when this is dropped.
pub struct RelayTasks {
    running: Option<Running>,
}

struct Running {
    stop: watch::Sender<bool>,
    publisher: JoinHandle<()>,
    listener: JoinHandle<()>,
}

/// Makes the registry with the relay that the settings name, and waits a moment for the relay to work.
///
/// # Errors
/// One line for the operator when Redis refuses this node; one that cannot be reached is waited for in the background.
pub async fn start(settings: &settings::Push, clock: &Clock, metrics: &Metrics) -> Result<(Hub, RelayTasks), String> {
    if settings.relay == settings::Relay::Local {
        metrics.relay_up.set(1);
        return Ok((Hub::new(settings, clock.clone(), metrics.clone()), RelayTasks { running: None }));
    }
    let servers = Servers::new(settings)?;
    match servers.try_out(&settings.redis_channel).await {
        Err(error) if redis::is_refusal(&error) => return Err(format!("push.redis_url: {error}")),
        Err(error) => tracing::warn!(%error, "Redis cannot be reached"),
        Ok(()) => {}
    }
    let (queue, waiting) = unbounded_channel();
    let began = Instant::now();
    let link = Arc::new(Link {
        node: getrandom::u64().map_err(|error| error.to_string())?,
        began,
        queue,
        waiting: AtomicUsize::new(0),
        dropped: AtomicU64::new(0),
        missed_since: Mutex::default(),
        up: AtomicBool::new(false),
        peers: Mutex::new(Peers::new(began)),
        metrics: metrics.clone(),
    });
    let hub = Hub::with_relay(settings, clock.clone(), metrics.clone(), Relay::Redis(Arc::clone(&link)));
    let node = Arc::new(Node { servers, channel: settings.redis_channel.clone(), link, hub: hub.clone() });
    let tasks = RelayTasks { running: Some(Running::spawn(&node, waiting)) };
    // A client that a balancer sends here should get the other nodes' frames from the first moment.
    let works = async {
        while !node.link.up.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(TIMEOUT, works).await.is_err() {
        tracing::warn!("starting without the relay");
    }
    Ok((hub, tasks))
}

impl Running {
    fn spawn(node: &Arc<Node>, waiting: UnboundedReceiver<Draft>) -> Self {
        let (stop, stopping) = watch::channel(false);
        let publisher = tokio::spawn(Arc::clone(node).publish(waiting, stopping));
        let listener = tokio::spawn(Arc::clone(node).listen());
        Self { stop, publisher, listener }
    }
}

impl RelayTasks {
    /// Sends what is queued, and a goodbye, and ends. Nothing may be published any more.
    pub async fn stop(mut self) {
        if let Some(running) = &mut self.running {
            running.stop.send_replace(true);
            drop(timeout(TIMEOUT, &mut running.publisher).await);
        }
    }
}

impl Drop for RelayTasks {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.publisher.abort();
            running.listener.abort();
        }
    }
}
