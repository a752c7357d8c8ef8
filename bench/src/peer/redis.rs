//! The Redis server between two nodes.

use std::process::Command;

use tempfile::TempDir;

use crate::Result;
use crate::process::{self, Child};

/// A running server without persistence.
pub(crate) struct Redis {
    /// Where it is.
    pub url: String,
    _child: Child,
    _folder: TempDir,
}

impl Redis {
    /// Starts a server.
    pub(crate) fn start() -> Result<Self> {
        let (folder, address) = (process::folder()?, process::free_address()?);
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]);
        command.arg(address.port().to_string()).arg("--dir").arg(folder.path());
        let mut child = Child::spawn(&mut command).map_err(|error| format!("{error}; run scripts/bench-setup"))?;
        child.line_after("Ready to accept connections")?;
        Ok(Self { url: format!("redis://{address}"), _child: child, _folder: folder })
    }
}
