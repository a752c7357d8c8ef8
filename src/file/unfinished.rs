//! What uploads leave behind that were cut off, e.g. by `kill -9`, and the jobs that remove it.
//!
//! Before an upload writes its first byte, the job [`RemoveUnfinished`] is committed for a time when no upload can still be
//! under way; the transaction that adds the row of `kefu_file` takes the job back. So a stored object has its row or its job,
//! and nothing has to search the storage for what has neither: a storage may be shared, or belong to a newer state
//! of a database that was restored. A row whose object is gone stays: it says who uploaded what, and a folder
//! that is not mounted must not delete it.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use object_store::ObjectStoreExt;
use serde::{Deserialize, Serialize};

use super::{FilePath, Files, store};
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::job::{self, Effect, Job, Next};

/// How long an upload may take, in milliseconds.
const GRACE: Millis = 24 * 3_600_000;

/// Removes an upload that has not been finished.
#[derive(Serialize, Deserialize)]
pub(crate) struct RemoveUnfinished {
    /// As in `kefu_file.path`.
    path: String,
}

impl Job for RemoveUnfinished {
    const KIND: &'static str = "file.remove_unfinished";
    type Context = Files;

    fn key(&self) -> String {
        self.path.clone()
    }

    async fn run(self, files: Files, _: Millis) -> Result<Effect> {
        let path = self.path.clone();
        let finished = files.0.db.run(move |connection| store::exists(connection, &path)).await?;
        if !finished {
            files.remove(self.path).await?;
        }
        Ok(Effect::none())
    }
}

/// Removes the parts of unfinished uploads that no job names, once a day: those of versions without jobs.
#[derive(Serialize, Deserialize)]
pub(crate) struct RemoveStaged {}

impl Job for RemoveStaged {
    const KIND: &'static str = "file.remove_staged";
    type Context = Files;

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, files: Files, now: Millis) -> Result<Effect> {
        if let Some(folder) = files.0.folder.clone() {
            blocking(move || remove_staged_before(&folder, now - GRACE)).await?;
        }
        Ok(Effect::new(move |_| Ok(Next::At(now + GRACE))))
    }
}

/// Asks for the jobs of a start, inside a write transaction. A process that has the database to itself knows that no upload
/// is under way.
pub(crate) fn at_start(connection: &mut AnyConnection, has_it_alone: bool, now: Millis) -> Result<()> {
    if has_it_alone {
        job::hurry(connection, RemoveUnfinished::KIND, now)?;
    }
    job::enqueue(connection, &RemoveStaged {}, now, now)
}

impl Files {
    /// Notes that an upload begins.
    pub(super) async fn begin(&self, path: &FilePath, now: Millis) -> Result<()> {
        let unfinished = RemoveUnfinished { path: path.to_string() };
        self.0.db.write(move |connection| job::enqueue(connection, &unfinished, now + GRACE, now)).await
    }

    /// Lets the job remove now what a failed upload has left.
    pub(super) async fn give_up(&self, path: &FilePath) {
        let (unfinished, now) = (RemoveUnfinished { path: path.to_string() }, self.0.clock.now());
        match self.0.db.write(move |connection| job::enqueue(connection, &unfinished, now, now)).await {
            Ok(()) => self.0.jobs.wake(),
            Err(error) => tracing::warn!(%error, "what is left of an upload stays for a day"),
        }
    }

    /// Deletes an object, and its parts where they can be seen; none need be there.
    async fn remove(&self, path: String) -> Result<()> {
        match self.0.objects.delete(&path.as_str().into()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(Error::internal(error)),
        }
        match self.0.folder.clone() {
            Some(folder) => blocking(move || remove_staged_of(&folder.join(path))).await,
            None => Ok(()),
        }
    }
}

/// Takes the job of an upload back, in the transaction that finishes it; returns whether that came in time.
pub(super) fn forget(connection: &mut AnyConnection, path: &str) -> Result<bool> {
    job::cancel(connection, RemoveUnfinished::KIND, path)
}

async fn blocking(work: impl FnOnce() -> std::io::Result<()> + Send + 'static) -> Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(Error::internal)
}

/// The object that the storage stages under this name, as in `….png#1`.
fn staged_for(name: &str) -> Option<&str> {
    let (object, number) = name.rsplit_once('#')?;
    (!number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())).then_some(object)
}

fn remove_staged_of(object: &Path) -> std::io::Result<()> {
    let (Some(folder), Some(name)) = (object.parent(), object.file_name()) else { return Ok(()) };
    for_each_entry(folder, |entry| {
        let is_part = entry.file_name().to_str().and_then(staged_for).is_some_and(|object| name == object);
        if is_part { remove(&entry.path()) } else { Ok(()) }
    })
}

/// Removes the parts in all of the storage that were last written before an instant.
fn remove_staged_before(folder: &Path, before: Millis) -> std::io::Result<()> {
    let before = UNIX_EPOCH + Duration::from_millis(u64::try_from(before).unwrap_or(0));
    for_each_entry(folder, |day| {
        if !day.file_type()?.is_dir() {
            return Ok(());
        }
        for_each_entry(&day.path(), |entry| {
            if entry.file_name().to_str().and_then(staged_for).is_none() {
                return Ok(());
            }
            // One that is gone meanwhile has been finished or removed.
            let Ok(metadata) = entry.metadata() else { return Ok(()) };
            if metadata.is_file() && metadata.modified()? < before { remove(&entry.path()) } else { Ok(()) }
        })
    })
}

/// Calls `each` with every entry of a folder, which may be missing.
fn for_each_entry(
    folder: &Path,
    mut each: impl FnMut(&std::fs::DirEntry) -> std::io::Result<()>,
) -> std::io::Result<()> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.try_for_each(|entry| each(&entry?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn remove(file: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
