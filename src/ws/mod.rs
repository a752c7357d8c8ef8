//! WebSocket by RFC 6455, as far as the libraries leave it to us: the connection's way out of HTTP, frames and their limits,
//! close codes.

pub(crate) mod close;
pub(crate) mod frame;
pub(crate) mod handshake;
pub(crate) mod reader;
pub(crate) mod upgrade;

pub(crate) use close::{CloseReason, Closing};
pub(crate) use reader::{Message, Reader};
