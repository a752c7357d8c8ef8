//! Looks after the database while the service runs: each second it tries one that cannot be used, because a node without clients,
//! which its proxy has turned away from, would otherwise never learn that it can be used again; and it writes down
//! corrections of the system's time, which all nodes have to know ([`StoredInstant::ClockCorrected`]).

use std::path::Path;
use std::time::Duration;

use super::id_block;
use super::instant::StoredInstant;
use super::{Backend, Db};
use crate::clock::{Clock, ClockWatch, Correction};
use crate::telemetry::outage::Outage;

/// How often it is looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// Free bytes on the disk of an embedded database below which it counts as full: some thousand messages.
const LEAST_FREE_BYTES: u64 = 1024 * 1024;

/// Looks after a database until it is dropped.
pub async fn watch(db: Db, clock: Clock) {
    let disk = Outage::new("the disk of the database", Duration::ZERO);
    let (mut watch, mut corrected) = (ClockWatch::new(clock.clone()), None);
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = clock.moved() => {}
        }
        if let Some(Correction { before, after }) = watch.look() {
            tracing::warn!(before, after, "the system's time was corrected");
            corrected = corrected.max(Some(before.max(after)));
        }
        if let Some(until) = corrected
            && db.write(move |connection| StoredInstant::ClockCorrected.raise(connection, until)).await.is_ok()
        {
            corrected = None;
        }
        if is_full(&db) {
            disk.failed(&"less than 1 MiB is free");
        } else {
            disk.worked();
        }
        if db.is_unwritable() {
            // The outage notes the outcome.
            drop(db.write(id_block::try_out).await);
        }
    }
}

/// Whether the disk of an embedded database is full.
pub fn is_full(db: &Db) -> bool {
    match db.backend() {
        Backend::Sqlite(path) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            space(folder).is_some_and(|space| space.free < LEAST_FREE_BYTES)
        }
        #[cfg(any(feature = "mysql", feature = "postgres"))]
        _ => false,
    }
}

/// The bytes of a disk.
#[derive(Clone, Copy, Debug)]
pub struct Space {
    /// As far as this user may take them.
    pub free: u64,
    /// Of the whole disk.
    pub total: u64,
}

/// The space of the disk that a folder is on; `None` when it does not tell.
pub fn space(folder: &Path) -> Option<Space> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(Space { free: disk.f_bavail.checked_mul(disk.f_frsize)?, total: disk.f_blocks.checked_mul(disk.f_frsize)? })
}
