//! Uploading and reading files over HTTP.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::body::SizedStream;
use actix_web::error::PayloadError;
use actix_web::http::header::{self, ContentRange, ContentRangeSpec, ETag, EntityTag, HeaderMap, HeaderValue};
use actix_web::http::{StatusCode, uri};
use actix_web::web::{self, Bytes};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder};
use futures_util::stream::Fuse;
use futures_util::{Stream, StreamExt};
use object_store::{GetOptions, GetRange};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use super::name::{Disposition, content_disposition};
use super::range::{self, Part};
use super::{FilePath, Files};
use crate::access::AnyAdmin;
use crate::auth::extract::{Admin, WritingMember};
use crate::error::{Error, Failure, Result};
use crate::http::describe::{failures, failures_with_status};
use crate::http::{Answer, Data, is_known, routes};
use crate::id::UserKey;
use crate::limit::RateLimits;

/// Where files are read, before their path.
const READ_PATH: &str = "/infra/file";

/// How many parts may come before the file, and how many bytes they may have together. The stock member client sends
/// one, `directory`, and it is empty.
const OTHER_PARTS: usize = 16;
const OTHER_BYTES: usize = 64 * 1024;

/// How much of a refused upload is still read. Many clients look for the answer only when they have sent everything and
/// report a broken connection otherwise; the server's own second of timeout is too short for a slow one.
const DRAIN_BYTES: usize = 256 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(30);

/// Registers the calls. They need [`Files`] and [`crate::auth::Auth`] as application data.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    routes!(config => upload_as_admin, upload_as_member, read_file);
    config.route(&format!("{READ_PATH}/{{path:.*}}"), web::get().to(async || not_found()));
}

/// The form of an upload; parts with other names are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the form, which is read as a stream")]
struct UploadForm {
    /// The file: a picture, audio, video, PDF, Office document, ZIP or text, recognised by its content.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Where an uploaded file can be read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = "https://kefu.example/infra/file/20261121/0123456789abcdef0123456789abcdef.png")]
pub(super) struct FileUrl(String);

impl Data for FileUrl {}

/// Upload a file as an admin
///
/// Answers the URL of the file. Anyone who knows the URL can read the file.
#[utoipa::path(
    post,
    path = "/admin-api/infra/file/upload",
    tag = "file",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    extensions(("x-errors" = json!(failures(&[
        Error::Missing("file".into()),
        Error::UploadTooLarge,
        Error::TooManyRequests { retry_after_s: 1 },
        Error::StorageFull,
    ]))))
)]
async fn upload_as_admin(
    admin: Result<Admin<AnyAdmin>>,
    request: HttpRequest,
    body: web::Payload,
    files: web::Data<Files>,
    limits: web::Data<RateLimits>,
) -> Result<Answer<FileUrl>> {
    upload(&request, body, &files, &limits, admin.map(|admin| admin.0.key)).await
}

/// Upload a file as a member
///
/// Answers the URL of the file. Anyone who knows the URL can read the file.
#[utoipa::path(
    post,
    path = "/app-api/infra/file/upload",
    tag = "file",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    extensions(("x-errors" = json!(failures(&[
        Error::Missing("file".into()),
        Error::UploadTooLarge,
        Error::Blocked,
        Error::TooManyRequests { retry_after_s: 1 },
        Error::StorageFull,
    ]))))
)]
async fn upload_as_member(
    member: Result<WritingMember>,
    request: HttpRequest,
    body: web::Payload,
    files: web::Data<Files>,
    limits: web::Data<RateLimits>,
) -> Result<Answer<FileUrl>> {
    upload(&request, body, &files, &limits, member.map(|member| member.0.key)).await
}

/// Takes a caller that was refused too: a client whose token has expired in the meantime has to be able to read that.
pub(super) async fn upload(
    request: &HttpRequest,
    body: web::Payload,
    files: &Files,
    limits: &RateLimits,
    owner: Result<UserKey>,
) -> Result<Answer<FileUrl>> {
    let body = Body(Rc::new(RefCell::new(body.fuse())));
    let stored = async {
        let owner = owner?;
        if !is_form(request) {
            return Err(Error::WrongType("Content-Type".into()));
        }
        limits.uploads.check(&owner)?;
        let mut taking = limits.upload_bytes.begin(owner, expected_bytes(request, files))?;
        store_file_part(parts(request, body.clone())?, files, owner, |bytes| taking.take(bytes)).await
    };
    let stored = stored.await;
    // Also after a success: parts may follow the file, and an unread body would cost the connection.
    drain(body).await;
    Ok(Answer(FileUrl(format!("{}{READ_PATH}/{}", address(request, files), stored?))))
}

fn is_form(request: &HttpRequest) -> bool {
    matches!(request.mime_type(), Ok(Some(mime))
        if mime.essence_str() == "multipart/form-data" && mime.get_param("boundary").is_some())
}

/// How many bytes a form says that it has, at most those that are taken of it.
fn expected_bytes(request: &HttpRequest, files: &Files) -> u64 {
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or(0).min(u64::try_from(files.0.upload_bytes).unwrap_or(u64::MAX))
}

/// Stores the first part named `file`, whose bytes are counted by `take`; those before it are skipped.
async fn store_file_part(
    mut form: Multipart,
    files: &Files,
    owner: UserKey,
    mut take: impl FnMut(usize) -> Result<()> + Unpin,
) -> Result<FilePath> {
    let mut left = OTHER_BYTES;
    for _ in 0..=OTHER_PARTS {
        let Some(part) = form.next().await else { return Err(Error::Missing("file".into())) };
        let mut part = part.map_err(broken)?;
        let disposition = part.headers().get(header::CONTENT_DISPOSITION);
        let disposition = disposition.map(|value| Disposition::parse(value.as_bytes())).unwrap_or_default();
        if disposition.field == "file" {
            let content = part.map(|chunk| {
                let chunk = chunk.map_err(broken)?;
                take(chunk.len())?;
                Ok(chunk)
            });
            return files.store(owner, &disposition.file_name, content).await;
        }
        while let Some(chunk) = part.next().await {
            left = left.checked_sub(chunk.map_err(broken)?.len()).ok_or(Error::UploadTooLarge)?;
        }
    }
    Err(Error::Missing("file".into()))
}

/// The parts of a form. They are read as those of `multipart/mixed`, which need no `Content-Disposition` that actix can
/// read: it refuses a whole form for a name that is not UTF-8.
fn parts(request: &HttpRequest, body: Body) -> Result<Multipart> {
    let wrong = || Error::WrongType("Content-Type".into());
    let mime = request.mime_type().ok().flatten();
    let boundary = mime.as_ref().and_then(|mime| mime.get_param("boundary")).ok_or_else(wrong)?;
    let content_type =
        HeaderValue::try_from(format!("multipart/mixed; boundary=\"{boundary}\"")).map_err(|_| wrong())?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, content_type);
    Ok(Multipart::new(&headers, body))
}

/// A form that breaks off or breaks the rules; which one is no help to a client.
fn broken(_: actix_multipart::MultipartError) -> Error {
    Error::WrongType("multipart".into())
}

/// A request's body that can be read on after the form's reader gave up.
#[derive(Clone)]
struct Body(Rc<RefCell<Fuse<web::Payload>>>);

impl Stream for Body {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.borrow_mut().poll_next_unpin(context)
    }
}

async fn drain(mut body: Body) {
    let mut left = DRAIN_BYTES;
    let rest = async {
        while let Some(Ok(chunk)) = body.next().await
            && let Some(fewer) = left.checked_sub(chunk.len())
        {
            left = fewer;
        }
    };
    // Whoever is slower than that has to do without the answer.
    drop(tokio::time::timeout(DRAIN_TIME, rest).await);
}

/// Scheme and host under which the client reaches this service.
fn address(request: &HttpRequest, files: &Files) -> String {
    if let Some(address) = &files.0.public_url {
        return address.clone();
    }
    if let Some(called) = files.0.client_address.called(request) {
        return called;
    }
    let named = request.headers().get(header::HOST).and_then(|host| uri::Authority::try_from(host.as_bytes()).ok());
    match named.as_ref().or(request.uri().authority()) {
        Some(host) => format!("http://{host}"),
        None => format!("http://{}", files.0.listen),
    }
}

/// The bytes of a file, of the type that its extension tells.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "only describes the answer, which is sent as a stream")]
struct FileContent(Vec<u8>);

/// Read an uploaded file
///
/// Public: `<img>` sends no token, and the name cannot be guessed. Answers `HEAD`, `If-None-Match`, `If-Range` and
/// single ranges. Only what cannot run script is shown by browsers, all else is a download.
#[utoipa::path(
    get,
    path = "/infra/file/{date}/{name}",
    tag = "file",
    params(
        ("date" = String, Path, description = "The day of the upload, `yyyyMMdd`", example = "20261121"),
        ("name" = String, Path, description = "The random name", example = "0123456789abcdef0123456789abcdef.png"),
    ),
    responses(
        (status = 200, description = "The file", content_type = "*/*", body = FileContent),
        (status = 206, description = "The part that `Range` asks for", content_type = "*/*",
            body = FileContent),
        (status = 304, description = "The client has it already"),
        (status = 404, description = "No such file", body = Failure),
        (status = 416, description = "No byte of the range exists"),
    ),
    extensions(("x-error-statuses" = json!(failures_with_status(&[("404", Error::NotFound), ("503", Error::Busy)]))))
)]
async fn read_file(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    files: web::Data<Files>,
) -> Result<HttpResponse> {
    match FilePath::parse(&path.0, &path.1) {
        Some(path) => match answer(&request, &files, &path).await {
            Err(Error::NotFound) => Ok(not_found()),
            answered => answered,
        },
        None => Ok(not_found()),
    }
}

async fn answer(request: &HttpRequest, files: &Files, path: &FilePath) -> Result<HttpResponse> {
    let tag = EntityTag::new_strong(path.random.clone());
    let plain =
        !request.headers().contains_key(header::RANGE) && !request.headers().contains_key(header::IF_NONE_MATCH);
    let file = files.open(path, GetOptions { head: !plain, ..GetOptions::default() }).await?;
    let (size, name) = (file.meta.size, files.name(path).await);
    let respond = |status, tag| respond(status, path, name.as_deref(), tag);
    if plain {
        return Ok(respond(StatusCode::OK, tag).body(SizedStream::new(size, file.into_stream())));
    }
    if is_known(request, &tag) {
        return Ok(respond(StatusCode::NOT_MODIFIED, tag).finish());
    }
    let content_range = |range| ContentRange(ContentRangeSpec::Bytes { range, instance_length: Some(size) });
    let (first, last, mut response) = match range::wanted(request, &tag, size) {
        Part::Unsatisfiable => {
            let status = StatusCode::RANGE_NOT_SATISFIABLE;
            return Ok(HttpResponse::build(status).insert_header(content_range(None)).finish());
        }
        Part::Whole => (0, size.saturating_sub(1), respond(StatusCode::OK, tag)),
        Part::Bytes(first, last) => {
            let mut response = respond(StatusCode::PARTIAL_CONTENT, tag);
            response.insert_header(content_range(Some((first, last))));
            (first, last, response)
        }
    };
    let range = first..last.saturating_add(1);
    let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
    let part = files.open(path, options).await?;
    Ok(response.body(SizedStream::new(part.range.end.saturating_sub(part.range.start), part.into_stream())))
}

/// An answer with the headers that every file has: browsers take the type as it is given, keep the file for good, show
/// it to any origin and run nothing in it.
fn respond(status: StatusCode, path: &FilePath, name: Option<&str>, tag: EntityTag) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((header::CONTENT_TYPE, path.kind.content_type))
        .insert_header((header::CONTENT_DISPOSITION, content_disposition(path.kind, name)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
        .insert_header((header::CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"))
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header(ETag(tag));
    response
}

/// The only error with a status of its own: what loads a file looks at the status and not at an envelope.
fn not_found() -> HttpResponse {
    Error::NotFound.with_status(StatusCode::NOT_FOUND)
}
