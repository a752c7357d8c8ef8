//! Writes one object: a small one at once, a larger one in parts, of which little is in memory.
//!
//! An object appears whole or not at all. Whatever fails, [`ObjectWriter::abort`] removes the parts that were written; it may be
//! called at any time. (`object_store`'s own writer panics when it is aborted after its last write has failed, and leaves
//! the parts in the bucket.)

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, Result};
use tokio::task::JoinSet;

/// Parts of one object that are written at the same time.
const CONCURRENT_PARTS: usize = 2;

/// An object that is being written.
pub(super) struct ObjectWriter {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    part_bytes: usize,
    /// Less than a part, between two calls.
    rest: BytesMut,
    /// Of an object that is larger than a part.
    parts: Option<Parts>,
}

struct Parts {
    upload: Box<dyn MultipartUpload>,
    writing: JoinSet<Result<()>>,
}

impl ObjectWriter {
    /// Nothing is written before the first part is full.
    pub(super) fn new(objects: Arc<dyn ObjectStore>, path: Path, part_bytes: usize) -> Self {
        Self { objects, path, part_bytes, rest: BytesMut::new(), parts: None }
    }

    /// Appends bytes; waits when too many parts are on their way.
    ///
    /// # Errors
    /// Of the storage, also those of parts that were passed to it before.
    pub(super) async fn put(&mut self, bytes: Bytes) -> Result<()> {
        self.rest.extend_from_slice(&bytes);
        while self.rest.len() >= self.part_bytes {
            let part = self.rest.split_to(self.part_bytes).freeze();
            self.put_part(part).await?;
        }
        Ok(())
    }

    async fn put_part(&mut self, part: Bytes) -> Result<()> {
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => {
                let upload = self.objects.put_multipart(&self.path).await?;
                self.parts.insert(Parts { upload, writing: JoinSet::new() })
            }
        };
        parts.wait_until_fewer_than(CONCURRENT_PARTS).await?;
        parts.writing.spawn(parts.upload.put_part(part.into()));
        Ok(())
    }

    /// Writes what is left; the object is there afterwards.
    ///
    /// # Errors
    /// Of the storage: there is no object, and perhaps parts of it.
    pub(super) async fn finish(&mut self) -> Result<()> {
        let rest = self.rest.split().freeze();
        if self.parts.is_none() {
            return self.objects.put(&self.path, rest.into()).await.map(drop);
        }
        if !rest.is_empty() {
            self.put_part(rest).await?;
        }
        if let Some(parts) = &mut self.parts {
            parts.wait_until_fewer_than(1).await?;
            parts.upload.complete().await?;
        }
        Ok(())
    }

    /// Removes the parts that were written, if any.
    ///
    /// # Errors
    /// Of the storage: parts may be left.
    pub(super) async fn abort(&mut self) -> Result<()> {
        let Some(mut parts) = self.parts.take() else { return Ok(()) };
        parts.writing.shutdown().await;
        parts.upload.abort().await
    }
}

impl Parts {
    async fn wait_until_fewer_than(&mut self, count: usize) -> Result<()> {
        while self.writing.len() >= count
            && let Some(written) = self.writing.join_next().await
        {
            written??;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
