//! The place of one socket in the registry.

use std::sync::Arc;

use super::{Connection, Hub};

/// A registered socket. It counts against the limits until this is dropped, which its connection does when it has ended.
pub struct Registration {
    hub: Hub,
    connection: Arc<Connection>,
}

impl Registration {
    pub(super) fn new(hub: Hub, connection: Arc<Connection>) -> Self {
        Self { hub, connection }
    }

    /// The socket.
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.hub.disconnect(&self.connection);
    }
}
