//! What only an embedded database needs: its lock, checkpoints, backup and restore.

pub(crate) mod backup;
pub(crate) mod checkpoint;
pub(super) mod copy;
pub(super) mod lock;
pub(crate) mod place;
