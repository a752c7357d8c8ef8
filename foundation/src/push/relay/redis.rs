//! The two tasks that speak to Redis.
//!
//! A half-open subscription looks healthy: it is silent, and so is a quiet shop. So the publisher sends a heartbeat every
//! second through the channel, and the listener expects this node's own ones back; when none has come for [`PROBE`], the
//! subscription is opened anew. The same heartbeats tell the other nodes whether they have missed something.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use ::redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError,
    RedisResult, TlsMode,
};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::Link;
use super::packet::{Body, Draft, Packet};
use super::peers::Heard;
use crate::backoff::Backoff;
use crate::push::Hub;
use crate::settings;

/// Between two heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Heartbeats between two lists of who is online.
const PRESENCE_EVERY: u32 = 3;
/// How long this node's own heartbeats may stay away until its subscription counts as dead.
const PROBE: Duration = Duration::from_secs(5);
/// How long connecting, and how long an answer, may take.
const ANSWER: Duration = Duration::from_secs(2);
/// Packets that share one pipeline.
const PIPELINE: usize = 256;
/// The pauses between two attempts to connect.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(3));

/// Where Redis is.
pub(super) enum Servers {
    One(Client),
    Sentinel(Mutex<SentinelClient>),
}

impl Servers {
    /// Reads the settings; connects to nothing.
    pub(super) fn new(settings: &settings::Push) -> Result<Self, String> {
        let unusable = |error: RedisError| format!("push.redis_url: {error}");
        let tcp = TcpSettings::default().set_nodelay(true).set_keepalive(TcpKeepalive::new().with_time(PROBE));
        let url = settings.redis_url.as_deref().unwrap_or_default();
        let server = url.into_connection_info().map_err(unusable)?.set_tcp_settings(tcp.clone());
        if settings.redis_sentinels.is_empty() {
            return Ok(Self::One(Client::open(server).map_err(unusable)?));
        }
        let (ConnectionAddr::Tcp(service, _) | ConnectionAddr::TcpTls { host: service, .. }) = server.addr() else {
            return Err("push.redis_url must name the service that the sentinels watch".to_owned());
        };
        let mut behind = SentinelNodeConnectionInfo::default()
            .set_redis_connection_info(server.redis_settings().clone())
            .set_tcp_settings(tcp.clone());
        if matches!(server.addr(), ConnectionAddr::TcpTls { .. }) {
            behind = behind.set_tls_mode(TlsMode::Secure);
        }
        let sentinels: RedisResult<Vec<ConnectionInfo>> = settings
            .redis_sentinels
            .iter()
            .map(|address| Ok(address.as_str().into_connection_info()?.set_tcp_settings(tcp.clone())))
            .collect();
        let client = sentinels
            .and_then(|list| SentinelClient::build(list, service.as_str(), Some(behind), SentinelServerType::Master))
            .map_err(|error| format!("push.redis_sentinels: {error}"))?;
        Ok(Self::Sentinel(Mutex::new(client)))
    }

    /// The client of the server that publishes now.
    async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::One(client) => Ok(client.clone()),
            Self::Sentinel(sentinels) => within(async { sentinels.lock().await.async_get_client().await }).await,
        }
    }

    /// A new connection, ready for commands.
    pub(super) async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
        self.client().await?.get_multiplexed_async_connection_with_config(&config).await
    }

    /// A new subscription.
    async fn subscribe(&self, channel: &str) -> RedisResult<PubSub> {
        let client = self.client().await?;
        within(async {
            let mut subscription = client.get_async_pubsub().await?;
            subscription.subscribe(channel).await?;
            Ok(subscription)
        })
        .await
    }

    /// Does once what the tasks will do, to learn whether Redis lets it happen.
    pub(super) async fn try_out(&self, channel: &str) -> RedisResult<()> {
        let mut connection = self.connect().await?;
        self.subscribe(channel).await?;
        ::redis::cmd("PUBLISH").arg(channel).arg("").query_async(&mut connection).await
    }
}

/// Whether Redis has answered, and said no: trying again changes nothing.
pub(super) fn is_refusal(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig => true,
        // Another time it may have loaded its data, or be the primary again.
        ErrorKind::Server(_) | ErrorKind::Extension => {
            matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM" | "ERR"))
                && !error.detail().is_some_and(|detail| detail.contains("max number of clients"))
        }
        _ => false,
    }
}

/// Bounds what the client does not bound itself.
async fn within<T>(answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    let late = |_| RedisError::from((ErrorKind::Io, "no answer in time"));
    timeout(ANSWER, answer).await.map_err(late)?
}

/// This node, for its two tasks.
pub(super) struct Node {
    pub(super) servers: Servers,
    pub(super) channel: String,
    pub(super) link: Arc<Link>,
    pub(super) hub: Hub,
}

impl Node {
    /// Publishes what is queued until it is told to stop.
    pub(super) async fn publish(self: Arc<Self>, mut queue: UnboundedReceiver<Draft>, mut stop: watch::Receiver<bool>) {
        let mut number = 0;
        let mut backoff = BACKOFF;
        loop {
            let failed = match self.servers.connect().await {
                Ok(connection) => self.serve(connection, &mut number, &mut queue, &mut stop, &mut backoff).await,
                Err(error) => Err(error),
            };
            let Err(error) = failed else { return };
            self.link.set_down(&error);
            tokio::select! {
                () = sleep(backoff.pause()) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            // Old frames are useless: the other nodes' sockets resync.
            while let Ok(draft) = queue.try_recv() {
                self.link.waiting.fetch_sub(draft.len(), Ordering::Relaxed);
                self.link.drop_packets(1);
            }
        }
    }

    async fn serve(
        &self,
        mut connection: MultiplexedConnection,
        number: &mut u64,
        queue: &mut UnboundedReceiver<Draft>,
        stop: &mut watch::Receiver<bool>,
        backoff: &mut Backoff,
    ) -> RedisResult<()> {
        let mut heartbeats = interval(HEARTBEAT);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut rounds: u32 = 0;
        let mut drafts = Vec::with_capacity(PIPELINE);
        let mut stopping = false;
        let mut has_told_viewers = false;
        while !stopping {
            let mut last = Vec::new();
            tokio::select! {
                biased;
                _ = heartbeats.tick() => {
                    last.push(if rounds.is_multiple_of(PRESENCE_EVERY) {
                        Draft::presence(&self.hub.users())
                    } else {
                        Draft::heartbeat()
                    });
                    // The last list that is told is an empty one.
                    let viewers = self.hub.viewers();
                    if has_told_viewers || !viewers.is_empty() {
                        has_told_viewers = !viewers.is_empty();
                        last.push(Draft::viewers(&viewers));
                    }
                    rounds = rounds.wrapping_add(1);
                }
                _ = queue.recv_many(&mut drafts, PIPELINE) => {}
                _ = stop.wait_for(|stop| *stop) => {
                    stopping = true;
                    while let Ok(draft) = queue.try_recv() {
                        drafts.push(draft);
                    }
                    last.push(Draft::goodbye());
                }
            }
            let count = drafts.len();
            *number += self.link.dropped.swap(0, Ordering::Relaxed);
            // Taken after the drafts, so that it leaves before every event that was published after it was set.
            let missed = self.link.take_missed();
            let pipeline = self.pack(number, missed, &mut drafts, last);
            let sent: RedisResult<()> = pipeline.query_async(&mut connection).await;
            let counter =
                if sent.is_ok() { &self.link.metrics.relay_published } else { &self.link.metrics.relay_dropped };
            counter.inc_by(u64::try_from(count).unwrap_or_default());
            if sent.is_err() {
                missed.into_iter().for_each(|since| self.link.missed_since(since));
            }
            sent?;
            backoff.reset();
        }
        Ok(())
    }

    /// One pipeline of what is to be published: the packets that count, numbered, and then those in `last`, which do not.
    fn pack(
        &self,
        number: &mut u64,
        missed: Option<Instant>,
        drafts: &mut Vec<Draft>,
        last: Vec<Draft>,
    ) -> ::redis::Pipeline {
        let mut pipeline = ::redis::pipe();
        let mut publish = |draft: Draft, number: u64| {
            let packet = draft.seal(self.link.node, self.link.began.elapsed(), number);
            pipeline.publish(&self.channel, packet).ignore();
        };
        if let Some(since) = missed {
            *number += 1;
            publish(Draft::missed(since.elapsed()), *number);
        }
        for draft in drafts.drain(..) {
            self.link.waiting.fetch_sub(draft.len(), Ordering::Relaxed);
            *number += 1;
            publish(draft, *number);
        }
        last.into_iter().for_each(|last| publish(last, *number));
        pipeline
    }

    /// Gives what other nodes publish to this node's sockets, until it is aborted.
    pub(super) async fn listen(self: Arc<Self>) {
        let mut backoff = BACKOFF;
        let mut heard = None;
        loop {
            let Err(error) = self.subscribe(&mut heard, &mut backoff).await;
            self.link.set_down(&error);
            sleep(backoff.pause()).await;
            self.link.metrics.relay_reconnects.inc();
        }
    }

    /// Receives until the subscription fails. `heard` is when this node's own heartbeat came last, by this subscription or
    /// the former one: what came to Redis before it was received.
    async fn subscribe(&self, heard: &mut Option<Instant>, backoff: &mut Backoff) -> RedisResult<Infallible> {
        let subscription = self.servers.subscribe(&self.channel).await?;
        // Also a node may have come and gone meanwhile, whose numbers this one never learns.
        if let Some(since) = *heard {
            self.require_resync("this node could receive nothing", since);
        }
        let heard = heard.insert(Instant::now());
        self.peers(|peers| peers.listen_anew(*heard));
        let mut messages = subscription.into_on_message();
        let mut ticks = interval(HEARTBEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else {
                        return Err((ErrorKind::Io, "the connection was closed").into());
                    };
                    let packet = message.get_payload().ok().and_then(|payload: Vec<u8>| Packet::read(Bytes::from(payload)));
                    match packet {
                        Some(packet) if packet.node == self.link.node => {
                            *heard = Instant::now();
                            backoff.reset();
                            self.link.set_up();
                        }
                        Some(packet) => self.receive(packet),
                        None => tracing::debug!("a packet that this release does not know"),
                    }
                }
                _ = ticks.tick() => {
                    let now = Instant::now();
                    if now.saturating_duration_since(*heard) > PROBE {
                        return Err((ErrorKind::Io, "this node's own heartbeats do not come back").into());
                    }
                    if let Some(since) = self.peers(|peers| peers.give_up_silent(now)) {
                        self.require_resync("a node has fallen silent", since);
                    }
                }
            }
        }
    }

    fn receive(&self, mut packet: Packet) {
        let heard = self.peers(|peers| peers.hear(&mut packet, Instant::now()));
        match heard {
            Heard::Complete => {}
            Heard::Gap(since) => self.require_resync("packets of another node were lost", since),
            Heard::Stale => return,
        }
        match packet.body {
            Body::Events(events) => {
                self.link.metrics.relay_received.inc();
                self.hub.deliver(&events);
            }
            Body::Viewers(viewers) => self.hub.hear_viewers(packet.node, viewers),
            Body::Missed(period) => {
                let since = Instant::now().checked_sub(period).unwrap_or(self.link.began);
                self.require_resync("another node may have stored what it never publishes", since);
            }
            Body::Heartbeat | Body::Goodbye | Body::Presence(_) => {}
        }
    }

    fn require_resync(&self, reason: &'static str, since: Instant) {
        let seconds = since.elapsed().as_secs();
        tracing::info!(reason, seconds, "sockets are asked to resync");
        self.link.metrics.relay_resyncs.inc();
        self.hub.require_resync(since.elapsed());
    }

    fn peers<T>(&self, act: impl FnOnce(&mut super::Peers) -> T) -> T {
        act(&mut self.link.peers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
