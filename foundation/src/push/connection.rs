//! One socket: who is behind it, what waits for it, and the loop that reads from it.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use actix_web::error::PayloadError;
use bytes::Bytes;
use futures_util::Stream;

use super::audience::Within;
use super::outbox::{Bounds, Outbox, Pushed};
use super::turn::Calls;
use super::viewing::Viewing;
use super::{Position, User};
use crate::access::{Permission, Permissions, Sight};
use crate::clock::{Clock, Millis};
use crate::credential::Credential;
use crate::id::{ChannelId, UserKey};
use crate::ws::{CloseReason, Closing, Message, Reader, frame};

/// What a verified token says about the socket that it opens.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The user.
    pub key: UserKey,
    /// What the user may do now; none for a member.
    pub permissions: Permissions,
    /// What a logout names to close it.
    pub credential: Credential,
    /// Which conversations an admin without the right to all of them sees.
    pub sight: Sight,
    /// A visitor's channel, with which it is closed.
    pub channel: Option<ChannelId>,
    /// When the token expires, by the time of day.
    pub expires_at: Millis,
}

/// A socket that is about to open.
#[derive(Clone, Debug)]
pub struct Opening {
    /// What its token says.
    pub ticket: Ticket,
    /// The address that it counts for.
    pub network: IpAddr,
    /// Whether live frames are held back until [`super::Outbox::end_replay`].
    pub replaying: bool,
    /// The notice that its connection waits for.
    pub closing: Arc<Closing>,
}

/// One open socket.
pub struct Connection {
    pub(super) ticket: Ticket,
    /// Where it comes from.
    pub(super) network: IpAddr,
    pub(super) outbox: Arc<Outbox>,
    /// When the token expires, by the monotonic time: a corrected time of day closes no socket.
    expires_at: Duration,
    /// When the last byte came from the client, in milliseconds of the monotonic time.
    last_seen: AtomicU64,
    /// Whether a protocol ping went out since then.
    pinged: AtomicBool,
    /// What the user may do: changes with the user's role while the socket is open.
    permissions: AtomicU64,
    /// Which conversations its admin sees without the right to all of them: changes with the admin's groups and the tenant's
    /// settings.
    sight: RwLock<Sight>,
    /// Where the hub keeps it among those of admins; the hub's lock guards it.
    pub(super) slot: AtomicUsize,
    /// What an admin's client shows.
    viewing: Mutex<Viewing>,
}

impl Connection {
    /// A socket that opens now.
    pub(super) fn new(opening: Opening, bounds: Bounds, clock: &Clock) -> Self {
        let Opening { mut ticket, network, replaying, closing } = opening;
        let sight = RwLock::new(std::mem::take(&mut ticket.sight));
        let (left_ms, now) = (ticket.expires_at.saturating_sub(clock.now()), clock.monotonic());
        let permissions = ticket.permissions.bits();
        Self {
            ticket,
            network,
            expires_at: now.saturating_add(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))),
            outbox: Arc::new(Outbox::new(bounds, replaying, closing)),
            last_seen: AtomicU64::new(milliseconds(now)),
            pinged: AtomicBool::new(false),
            permissions: AtomicU64::new(permissions),
            sight,
            slot: AtomicUsize::new(0),
            viewing: Mutex::default(),
        }
    }

    /// Whether its user may do this now.
    pub fn may(&self, permission: Permission) -> bool {
        self.holds(Permissions::only(permission))
    }

    /// Whether its user has all of these permissions now.
    pub(super) fn holds(&self, permissions: Permissions) -> bool {
        Permissions::from_bits(self.permissions.load(Ordering::Relaxed)).contain(permissions)
    }

    /// The user has other permissions from now on.
    pub(crate) fn set_permissions(&self, permissions: Permissions) {
        self.permissions.store(permissions.bits(), Ordering::Relaxed);
    }

    /// Whether its admin meets this.
    pub(super) fn meets(&self, within: &Within) -> bool {
        if self.may(Permission::QueryAllConversations) {
            return within.is_met_by(&Sight::All);
        }
        within.is_met_by(&self.sight.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Its admin sees other conversations from now on; returns what it was before.
    pub(super) fn set_sight(&self, sight: &Sight) -> Sight {
        std::mem::replace(&mut *self.sight.write().unwrap_or_else(PoisonError::into_inner), sight.clone())
    }

    /// What a second look at the user's token has found after the registration, unless the user was given other permissions
    /// since then: the look may have begun before that.
    pub fn settle_permissions(&self, permissions: Permissions) {
        let registered = self.ticket.permissions.bits();
        // Fails when they are others by now, which stay.
        self.permissions.compare_exchange(registered, permissions.bits(), Ordering::Relaxed, Ordering::Relaxed).ok();
    }

    /// Its user, in the tenant.
    pub(super) const fn user(&self) -> User {
        (self.ticket.key.user_type, self.ticket.key.user)
    }

    /// What its client shows.
    pub(super) fn viewing(&self) -> MutexGuard<'_, Viewing> {
        self.viewing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits for the socket.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Sends a frame to this socket alone.
    pub fn send(&self, frame: Bytes) {
        self.outbox.push_direct(frame);
    }

    /// Closes the socket.
    pub fn close(&self, reason: CloseReason) {
        self.outbox.close(reason);
    }

    /// Queues a live frame.
    pub(super) fn push(&self, frame: &Bytes, position: Option<Position>, calls: &mut Calls) -> Pushed {
        self.outbox.push(frame, position, calls)
    }

    fn seen(&self, now: Duration) {
        self.last_seen.store(milliseconds(now), Ordering::Relaxed);
        self.pinged.store(false, Ordering::Relaxed);
    }

    /// Whether it is closing: it is known until its connection has ended.
    pub(super) fn is_closing(&self) -> bool {
        self.outbox.closing().has_begun()
    }

    /// Closes the socket when its token has expired or it was silent for `idle`; pings it at half of that. `now` is the
    /// monotonic time.
    pub(super) fn sweep(&self, now: Duration, idle: Duration) {
        let silent = now.saturating_sub(Duration::from_millis(self.last_seen.load(Ordering::Relaxed)));
        if now >= self.expires_at {
            self.close(CloseReason::Expired);
        } else if silent >= idle {
            self.close(CloseReason::Idle);
        } else if silent >= idle / 2 && !self.pinged.swap(true, Ordering::Relaxed) {
            self.send(frame::ping());
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Reads the socket until it ends. Text `ping` is answered by text `pong` at once, empty frames are ignored
/// (docs/contract.md#websocket); every other text or binary message goes to `on_message`.
pub async fn read<S>(
    connection: &Connection,
    mut reader: Pin<Box<Reader<S>>>,
    clock: &Clock,
    mut on_message: impl AsyncFnMut(Incoming<'_>),
) where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    loop {
        let next = reader.next(|| connection.seen(clock.monotonic()));
        let message = tokio::select! {
            biased;
            () = connection.outbox.closing().begun() => return,
            message = next => message,
        };
        match message {
            Some(Ok(Message::Text(text))) => match text.trim() {
                "" => {}
                "ping" => connection.send(Bytes::from_static(b"\x81\x04pong")),
                text => on_message(Incoming::Text(text)).await,
            },
            Some(Ok(Message::Binary(bytes))) => {
                if !bytes.is_empty() {
                    on_message(Incoming::Binary).await;
                }
            }
            Some(Ok(Message::Ping(payload))) => connection.send(frame::pong(&payload)),
            Some(Ok(Message::Pong)) => {}
            Some(Ok(Message::Close(code))) => {
                return connection.close(code.map_or(CloseReason::Normal, CloseReason::Echo));
            }
            Some(Err(reason)) => return connection.close(reason),
            None => return connection.close(CloseReason::Normal),
        }
    }
}

/// A message from the client.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// Text, trimmed and not empty.
    Text(&'a str),
    /// Binary, which no client of ours sends.
    Binary,
}
