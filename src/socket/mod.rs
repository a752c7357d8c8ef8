//! `/infra/ws`: where tokens, messages and push meet in one socket (docs/contract.md#websocket; docs/websocket.md).

pub(crate) mod api;
pub(crate) mod client_frame;
pub(crate) mod presence;
