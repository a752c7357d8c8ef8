//! Uploaded files: what is accepted, where it is kept and under which name.
//!
//! A file is stored as `yyyyMMdd/<32 random hex digits>.<extension>`. The name cannot be guessed, is never used twice
//! and tells the type, so reading needs no token, and the database only for the name that a download is given. The row in
//! `kefu_file` says who uploaded what.
//! What an upload that was cut off has left is removed by a job ([`unfinished`]).

pub(crate) mod api;
mod kind;
mod name;
mod object;
mod range;
mod store;
#[cfg(test)]
mod tests;
pub(crate) mod unfinished;

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetResult, ObjectStore, RetryConfig};

use crate::clock::{Clock, Millis, to_timestamp};
use crate::db::watch::{Space, space};
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Problem, Result};
use crate::http::address::ClientAddress;
use crate::id::UserKey;
use crate::job::Jobs;
use crate::settings::{self, Settings};
use crate::telemetry::outage::Outage;
use kind::{HEAD_BYTES, Kind, Refused};
use object::ObjectWriter;

/// How much of an upload is in memory at once: a part of a local file, and the smallest that S3 takes.
const LOCAL_PART_BYTES: usize = 256 * 1024;
const S3_PART_BYTES: usize = 5 * 1024 * 1024;

/// How often and how long a bucket that fails is asked again before the client is told: it waits meanwhile.
const S3_RETRIES: usize = 3;
const S3_RETRY_TIME: Duration = Duration::from_secs(10);

/// The part of a disk that is reserved at most: a tenth.
const LARGEST_RESERVE: u64 = 10;

/// Names of files that are remembered, so that a picture that everybody looks at is not asked of the database each time.
const NAMES: usize = 4096;

/// The uploaded files. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Files(Arc<Inner>);

struct Inner {
    objects: Arc<dyn ObjectStore>,
    /// Where the objects are, unless they are in a bucket.
    folder: Option<PathBuf>,
    part_bytes: usize,
    upload_bytes: usize,
    public_url: Option<String>,
    /// Named to clients that name no host.
    listen: SocketAddr,
    client_address: ClientAddress,
    /// How much of the folder's disk is left for messages.
    reserve_bytes: u64,
    reserved: Outage,
    outage: Outage,
    names: quick_cache::sync::Cache<String, Arc<str>>,
    db: Db,
    clock: Clock,
    jobs: Jobs,
}

impl Files {
    /// Opens the storage that the settings name; the local folder is created (mode 0700).
    ///
    /// # Errors
    /// One line for the operator: the folder cannot be created, or a setting of the bucket is missing or wrong.
    pub(crate) fn new(settings: &Settings, db: Db, clock: Clock, jobs: Jobs) -> Result<Self, String> {
        let (objects, folder, part_bytes): (Arc<dyn ObjectStore>, _, _) = match settings.file.storage {
            settings::Storage::Local => {
                let folder = settings.data_dir.join("files");
                settings::create_private_folder(&folder)
                    .map_err(|error| format!("data_dir: cannot create the folder {}: {error}", folder.display()))?;
                check_folder(&folder)?;
                let local = LocalFileSystem::new_with_prefix(&folder)
                    .map_err(|error| format!("data_dir: cannot open the folder {}: {error}", folder.display()))?;
                (Arc::new(local.with_fsync(true)), Some(folder), LOCAL_PART_BYTES)
            }
            settings::Storage::S3 => (Arc::new(open_bucket(&settings.file)?), None, S3_PART_BYTES),
        };
        Ok(Self(Arc::new(Inner {
            objects,
            folder,
            part_bytes,
            upload_bytes: settings.limits.upload_bytes,
            public_url: settings.server.public_url.clone(),
            listen: settings.server.listen,
            client_address: ClientAddress::new(&settings.server),
            reserve_bytes: settings.limits.disk_reserve_bytes,
            reserved: Outage::new("the disk reserve: no upload is taken; the disk", Duration::ZERO),
            outage: Outage::new("the storage of uploads", Duration::ZERO),
            names: quick_cache::sync::Cache::new(NAMES),
            db,
            clock,
            jobs,
        })))
    }

    /// Stores what `content` yields and remembers it under the client's `name`, which was cleaned.
    ///
    /// # Errors
    /// [`Error::UploadTooLarge`] above the limit; [`Error::Invalid`] when it is empty or of a kind that is not
    /// accepted; [`Error::StorageFull`] when the disk's rest is left for messages, [`Error::Busy`] when the storage cannot
    /// be used now; whatever `content` yields. Nothing stays behind.
    pub(crate) async fn store(
        &self,
        owner: UserKey,
        name: &str,
        content: impl Stream<Item = Result<Bytes>> + Unpin,
    ) -> Result<FilePath> {
        // The head of a short file reaches the end already, and the copy asks once more.
        let mut content = content.fuse();
        let mut head = BytesMut::new();
        while head.len() < HEAD_BYTES
            && let Some(chunk) = content.next().await
        {
            head.extend_from_slice(&chunk?);
        }
        if head.is_empty() {
            return Err(Error::Invalid(Problem::new("文件不能为空", "file must not be empty")));
        }
        let kind = kind::detect(&head, name).map_err(|refused| {
            Error::Invalid(match refused {
                Refused::Unknown => Problem::new(
                    "文件的类型不支持，请上传图片、音频、视频、PDF、Office 文档、ZIP 或文本文件",
                    "file is of a type that is not accepted: send a picture, audio, video, PDF, Office document, ZIP or text",
                ),
                Refused::NoPicture => Problem::new("文件不是图片，或图片已损坏", "file is named as a picture and is none"),
            })
        })?;
        let now = self.0.clock.now();
        let path = FilePath { date: to_timestamp(now).format("%Y%m%d").to_string(), random: random_hex()?, kind };
        self.keep_reserve()?;
        self.begin(&path, now).await?;
        let stored = self.store_at(&path, owner, name, now, head.freeze(), content).await;
        if stored.is_err() {
            self.give_up(&path).await;
        }
        stored.map(|()| path)
    }

    /// Writes the object, then its row.
    async fn store_at(
        &self,
        path: &FilePath,
        owner: UserKey,
        name: &str,
        now: Millis,
        head: Bytes,
        content: impl Stream<Item = Result<Bytes>> + Unpin,
    ) -> Result<()> {
        let size = self.write(path, head, content).await?;
        let file = store::NewFile {
            path: path.to_string(),
            name: name.to_owned(),
            content_type: path.kind.content_type,
            size: i64::try_from(size).map_err(Error::internal)?,
            owner,
            now,
        };
        let finish = move |connection: &mut AnyConnection| {
            // Its job may be removing the object: the client begins anew.
            if !unfinished::forget(connection, &file.path)? {
                return Err(Error::Busy);
            }
            store::insert(connection, &file)
        };
        self.0.db.write(finish).await
    }

    /// Writes a whole object or nothing, and returns its size.
    async fn write(
        &self,
        path: &FilePath,
        head: Bytes,
        mut content: impl Stream<Item = Result<Bytes>> + Unpin,
    ) -> Result<usize> {
        let mut writer = ObjectWriter::new(Arc::clone(&self.0.objects), path.object(), self.0.part_bytes);
        let unusable = |error: object_store::Error| {
            self.0.outage.failed(&error);
            Error::Busy
        };
        let written = async {
            let (mut size, mut next, mut looked_at) = (0_usize, Some(head), 0);
            while let Some(chunk) = next {
                size = size.saturating_add(chunk.len());
                if size > self.0.upload_bytes {
                    return Err(Error::UploadTooLarge);
                }
                if size.saturating_sub(looked_at) >= self.0.part_bytes {
                    looked_at = size;
                    self.keep_reserve()?;
                }
                writer.put(chunk).await.map_err(unusable)?;
                next = content.next().await.transpose()?;
            }
            writer.finish().await.map_err(unusable)?;
            Ok(size)
        };
        match written.await {
            Ok(size) => {
                self.0.outage.worked();
                Ok(size)
            }
            Err(error) => {
                // The job removes local parts again. Those in a bucket end by its own rule.
                if let Err(error) = writer.abort().await {
                    tracing::debug!(%error, "parts of a broken upload may stay behind");
                }
                Err(error)
            }
        }
    }

    /// Refuses an upload that would take what is left for messages.
    fn keep_reserve(&self) -> Result<()> {
        let Some(folder) = &self.0.folder else { return Ok(()) };
        let Some(Space { free, total }) = space(folder) else { return Ok(()) };
        let reserve = self.0.reserve_bytes.min(total / LARGEST_RESERVE);
        if free < reserve {
            self.0.reserved.failed(&format!("{free} bytes are free, {reserve} are left for messages"));
            return Err(Error::StorageFull);
        }
        self.0.reserved.worked();
        Ok(())
    }

    /// The name under which a file came, `None` when it had none or the database cannot say.
    async fn name(&self, path: &FilePath) -> Option<Arc<str>> {
        let path = path.to_string();
        if let Some(name) = self.0.names.get(&path) {
            return Some(name);
        }
        let wanted = path.clone();
        let name: Arc<str> = self.0.db.run(move |connection| store::name(connection, &wanted)).await.ok()??.into();
        self.0.names.insert(path, Arc::clone(&name));
        Some(name)
    }

    /// Opens a stored file.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    async fn open(&self, path: &FilePath, options: GetOptions) -> Result<GetResult> {
        self.0.objects.get_opts(&path.object(), options).await.map_err(|error| match error {
            object_store::Error::NotFound { .. } => Error::NotFound,
            other => {
                self.0.outage.failed(&other);
                Error::Busy
            }
        })
    }
}

/// Where a stored file is; `Display` gives it as the URL and the table spell it.
#[derive(Debug)]
pub(crate) struct FilePath {
    date: String,
    random: String,
    kind: &'static Kind,
}

impl FilePath {
    /// Reads the two segments of a URL; `None` unless they have exactly the form that this service gives.
    fn parse(date: &str, name: &str) -> Option<Self> {
        let (random, extension) = name.split_once('.')?;
        let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        let is_random = random.len() == 32 && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (is_date && is_random).then_some(())?;
        Some(Self { date: date.to_owned(), random: random.to_owned(), kind: kind::of_extension(extension)? })
    }

    fn object(&self) -> object_store::path::Path {
        self.to_string().into()
    }
}

impl std::fmt::Display for FilePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}.{}", self.date, self.random, self.kind.extension)
    }
}

/// Refuses a folder that this user may not read or write. Whatever else is wrong with it, such as a full disk, costs uploads
/// and is no reason to keep messages waiting.
fn check_folder(folder: &Path) -> Result<(), String> {
    let used = fs::read_dir(folder).and_then(|_| tempfile::tempfile_in(folder));
    match used {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(format!("data_dir: cannot use the folder {}: {error}", folder.display()))
        }
        Err(error) => {
            tracing::warn!(%error, "data_dir: uploads will fail: the folder {} cannot be used now", folder.display());
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

fn open_bucket(settings: &settings::File) -> Result<AmazonS3, String> {
    let bucket = settings.s3_bucket.as_deref().ok_or("file.s3_bucket: needed when file.storage is s3")?;
    let retry = RetryConfig { max_retries: S3_RETRIES, retry_timeout: S3_RETRY_TIME, ..RetryConfig::default() };
    let mut builder =
        AmazonS3Builder::new().with_bucket_name(bucket).with_region(&settings.s3_region).with_retry(retry);
    if let Some(endpoint) = &settings.s3_endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    if let Some(id) = &settings.s3_access_key_id {
        builder = builder.with_access_key_id(id);
    }
    if let Some(secret) = settings.s3_secret_access_key.as_deref() {
        builder = builder.with_secret_access_key(secret);
    }
    builder.build().map_err(|error| format!("file.s3: {error}"))
}

fn random_hex() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(const_hex::encode(bytes))
}
