//! Why the server ends a socket, and the notice that it does.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Why the server closes a socket, with the code that the client sees (docs/contract.md#websocket; docs/websocket.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The connection has ended, or its client asked for that without a code.
    Normal,
    /// The client asked for it with this code, which is echoed (RFC 6455 section 5.5.1).
    Echo(u16),
    /// The server shuts down.
    GoingAway,
    /// The client broke RFC 6455.
    Protocol,
    /// A text frame that is not UTF-8.
    NotUtf8,
    /// A message over the size limit.
    TooBig,
    /// A fault of ours: what the client asked for cannot be had now.
    Fault,
    /// The token has expired.
    Expired,
    /// The login was ended: logout, or a refresh token used twice.
    LoggedOut,
    /// The account was disabled or its password changed.
    ShutOut,
    /// The socket could not keep up; it has to resync.
    Slow,
    /// No byte came for the idle timeout.
    Idle,
    /// The user opened more sockets than are allowed; the oldest goes.
    TooMany,
}

impl CloseReason {
    /// The close code.
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Echo(code) => code,
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::NotUtf8 => 1007,
            Self::TooBig => 1009,
            Self::Fault => 1011,
            Self::Expired => 4001,
            Self::LoggedOut => 4002,
            Self::ShutOut => 4003,
            Self::Slow => 4008,
            Self::Idle => 4009,
            Self::TooMany => 4010,
        }
    }

    /// The reason beside the code.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Normal | Self::Echo(_) => "",
            Self::GoingAway => "the server is going away",
            Self::Protocol => "protocol error",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::TooBig => "message too big",
            Self::Fault => "internal error: reconnect and resync",
            Self::Expired => "the token has expired",
            Self::LoggedOut => "logged out",
            Self::ShutOut => "the account was disabled or its password changed",
            Self::Slow => "too slow: reconnect and resync",
            Self::Idle => "idle for too long",
            Self::TooMany => "too many sockets of this user",
        }
    }
}

/// The notice that a socket is closing, for the tasks that read from and write to its connection.
#[derive(Debug, Default)]
pub struct Closing {
    begun: AtomicBool,
    waiting: Notify,
}

impl Closing {
    /// Gives the notice, once and for all.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Release);
        self.waiting.notify_waiters();
    }

    /// Whether it was given.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Waits for it.
    pub(crate) async fn begun(&self) {
        let mut notified = std::pin::pin!(self.waiting.notified());
        // Listening before looking: between the two nothing can be missed.
        notified.as_mut().enable();
        if !self.has_begun() {
            notified.await;
        }
    }
}
