//! What only an embedded database needs: its lock, checkpoints, backup and restore.

pub mod backup;
pub mod checkpoint;
pub(super) mod copy;
pub(super) mod lock;
pub mod place;
