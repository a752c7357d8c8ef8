//! WebSocket by RFC 6455, as far as the libraries leave it to us: the connection's way out of HTTP, frames and their limits,
//! close codes.

pub(crate) mod close;
pub mod frame;
pub mod handshake;
pub(crate) mod reader;
pub(crate) mod upgrade;

pub use close::CloseReason;
pub(crate) use close::Closing;
pub(crate) use reader::Message;
pub use reader::Reader;
