//! Why the server ends a socket.

/// Why the server closes a socket, with the code that the client sees (docs/contract.md#websocket; docs/websocket.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The client asked for it.
    Normal,
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
            Self::Normal => "",
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
