//! WebSocket by RFC 6455, as far as the libraries leave it to us: the connection's way out of HTTP, frames and their limits,
//! close codes.

pub(crate) mod close;
pub(crate) mod frame;
pub(crate) mod frame_limit;
pub(crate) mod upgrade;

pub(crate) use close::CloseReason;
