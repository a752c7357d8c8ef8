//! `/infra/ws`: where tokens, messages and push meet in one socket (contract, "WebSocket"; docs/websocket.md).

pub mod api;
pub mod client_frame;
mod frame_limit;
pub mod presence;
