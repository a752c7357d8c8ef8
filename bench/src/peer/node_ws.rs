//! Node's `ws` behind a plain HTTP POST. It stores nothing.

use std::process::Command;

use super::channel::Server;
use crate::Result;
use crate::process::{self, Child};

const SERVER: &str = include_str!("node_ws.mjs");

/// Starts the server, one process as `ws` documents it.
///
/// # Errors
/// When Node or `ws` is not installed; `scripts/bench-setup` does that.
pub(crate) fn start() -> Result<Server> {
    let folder = process::target_folder().join("tools/bench");
    if !folder.join("node_modules/ws").exists() {
        return Err("Node's ws is missing: run scripts/bench-setup".into());
    }
    let file = folder.join("server.mjs");
    std::fs::write(&file, SERVER)?;
    let mut child = Child::spawn(Command::new("node").arg(&file).env("NODE_ENV", "production"))?;
    let address = child.line_after("http://")?.parse()?;
    Ok(Server { name: "Node's ws", address, child, _folder: None })
}
