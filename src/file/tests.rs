//! Uploads and reads over HTTP, on a database and a folder of their own.

use std::path::Path;

use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::from_fn;
use actix_web::test::{self, TestRequest};
use actix_web::{App, HttpRequest, HttpServer, Responder, web};
use diesel::{QueryDsl, RunQueryDsl};
use serde_json::Value;
use tempfile::TempDir;
use utoipa_actix_web::AppExt;

use super::*;
use crate::db::Backend;
use crate::db::schema::kefu_file;
use crate::http::middleware::observe;
use crate::id::{TenantId, UserId, UserType};
use crate::limit::RateLimits;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n0123456789";
const LIMIT: usize = 1024 * 1024;

/// 2026-11-21T00:00:00Z
const NOW: i64 = 1_795_219_200_000;

fn files(folder: &Path, change: impl FnOnce(&mut Settings)) -> Files {
    let mut settings = Settings { data_dir: folder.to_owned(), ..Settings::default() };
    settings.limits.upload_bytes = LIMIT;
    change(&mut settings);
    let backend = Backend::parse(&settings.database_url()).unwrap();
    let db = Db::open(backend, &settings.database).unwrap();
    Files::new(&settings, db, Clock::manual(NOW), Jobs::default()).unwrap()
}

async fn upload(
    request: HttpRequest,
    body: web::Payload,
    files: web::Data<Files>,
    limits: web::Data<RateLimits>,
) -> Result<actix_web::HttpResponse> {
    let owner = UserKey { tenant: TenantId::new(7), user_type: UserType::Member, user: UserId::new(247) };
    Ok(api::upload(&request, body, &files, &limits, Ok(owner)).await?.respond_to(&request))
}

/// The routes, and an upload that needs no token.
macro_rules! app {
    ($files:expr) => {
        App::new()
            .app_data(web::Data::new($files))
            .app_data(web::Data::new(RateLimits::new(&Settings::default(), &Clock::manual(NOW))))
            .route("/upload", web::post().to(upload))
            .into_utoipa_app()
            .configure(api::routes)
            .into_app()
            .wrap(from_fn(observe))
    };
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (disposition, content) in parts {
        body.extend_from_slice(format!("--limit\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--limit--\r\n");
    body
}

const FILE: &str = "name=\"file\"; filename=\"图片.png\"";
/// A name that promises nothing.
const BLOB: &str = "name=\"file\"; filename=\"blob\"";

fn posting(body: Vec<u8>) -> TestRequest {
    TestRequest::post()
        .uri("/upload")
        .insert_header((header::HOST, "kefu.example:8080"))
        .insert_header((header::CONTENT_TYPE, "multipart/form-data; boundary=limit"))
        .set_payload(body)
}

/// Uploads a body and gives the envelope.
macro_rules! post {
    ($app:expr, $body:expr) => {{
        let answer: Value = test::call_and_read_body_json(&$app, posting($body).to_request()).await;
        answer
    }};
}

struct Read {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Read {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn reading(path: &str, extra: &[(header::HeaderName, &str)]) -> TestRequest {
    let request = TestRequest::get().uri(path);
    extra.iter().fold(request, |request, (name, value)| request.insert_header((name.clone(), *value)))
}

/// Reads a path with further headers.
macro_rules! read {
    ($app:expr, $path:expr, $extra:expr) => {{
        let response = test::call_service(&$app, reading($path, $extra).to_request()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        Read { status, headers, body: test::read_body(response).await }
    }};
}

/// Every file below a folder.
fn stored(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join("files")).unwrap() {
        for file in std::fs::read_dir(entry.unwrap().path()).unwrap() {
            found.push(file.unwrap().file_name().to_string_lossy().into_owned());
        }
    }
    found
}

async fn rows(files: &Files) -> Vec<(String, String, i64, i64, i32, i64)> {
    let columns = (
        kefu_file::name,
        kefu_file::content_type,
        kefu_file::size,
        kefu_file::user_id,
        kefu_file::user_type,
        kefu_file::tenant_id,
    );
    files.0.db.run(move |connection| Ok(kefu_file::table.select(columns).load(connection)?)).await.unwrap()
}

#[actix_web::test]
async fn an_upload_is_read_whole_in_part_and_not_twice() {
    let folder = TempDir::new().unwrap();
    let files = files(folder.path(), |_| ());
    let app = test::init_service(app!(files.clone())).await;

    // As the stock member client sends it: an empty part first.
    let answer = post!(app, form(&[("name=\"directory\"", b""), (FILE, PNG), ("name=\"after\"", b"x")]));
    assert_eq!(answer["code"], 0, "{answer}");
    let url = answer["data"].as_str().unwrap();
    let path = url.strip_prefix("http://kefu.example:8080").unwrap();
    assert!(path.starts_with("/infra/file/20261121/") && path.ends_with(".png"), "{path}");
    assert_eq!(rows(&files).await, [("图片.png".to_owned(), "image/png".to_owned(), 18, 247, 1, 7)]);

    let whole = read!(app, path, &[]);
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, PNG));
    assert_eq!(whole.header(header::CONTENT_TYPE), "image/png");
    assert_eq!(
        whole.header(header::CONTENT_DISPOSITION),
        "inline; filename=\"__.png\"; filename*=UTF-8''%E5%9B%BE%E7%89%87.png"
    );
    assert_eq!(whole.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(whole.header(header::CONTENT_SECURITY_POLICY), "default-src 'none'; sandbox");
    assert_eq!(whole.header(header::CROSS_ORIGIN_RESOURCE_POLICY), "cross-origin");
    assert_eq!(whole.header(header::CACHE_CONTROL), "public, max-age=31536000, immutable");
    assert_eq!(whole.header(header::ACCEPT_RANGES), "bytes");
    let tag = whole.header(header::ETAG);

    let known = read!(app, path, &[(header::IF_NONE_MATCH, tag)]);
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(known.header(header::ETAG), tag);

    let part = read!(app, path, &[(header::RANGE, "bytes=8-11"), (header::IF_RANGE, tag)]);
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &b"0123"[..]));
    assert_eq!(part.header(header::CONTENT_RANGE), "bytes 8-11/18");
    let last = read!(app, path, &[(header::RANGE, "bytes=-2")]);
    assert_eq!((last.status, &last.body[..]), (StatusCode::PARTIAL_CONTENT, &b"89"[..]));
    let several = read!(app, path, &[(header::RANGE, "bytes=0-1,4-5")]);
    assert_eq!((several.status, &several.body[..]), (StatusCode::OK, PNG));
    let beyond = read!(app, path, &[(header::RANGE, "bytes=18-")]);
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header(header::CONTENT_RANGE), "bytes */18");
}

#[actix_web::test]
async fn what_runs_script_is_a_download() {
    let folder = TempDir::new().unwrap();
    let app = test::init_service(app!(files(folder.path(), |_| ()))).await;
    for (content, content_type, disposition) in [
        (
            &b"<!DOCTYPE html><script>alert(1)</script>"[..],
            "text/html; charset=utf-8",
            "attachment; filename=\"a.exe.html\"",
        ),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            "image/svg+xml",
            "attachment; filename=\"a.exe.svg\"",
        ),
        (b"just text", "text/plain; charset=utf-8", "inline; filename=\"a.exe.txt\""),
        (b"\xC4\xE3\xBA\xC3\xA3\xAC\xC4\xE3\xBA\xC3", "text/plain; charset=gb18030", "inline; filename=\"a.exe.txt\""),
        (b"%PDF-1.7 ", "application/pdf", "attachment; filename=\"a.exe.pdf\""),
    ] {
        let answer = post!(app, form(&[("name=\"file\"; filename=\"a.exe\"", content)]));
        let path = answer["data"].as_str().unwrap().strip_prefix("http://kefu.example:8080").unwrap().to_owned();
        for _ in 0..2 {
            let whole = read!(app, &path, &[]);
            assert_eq!(whole.body, content);
            assert_eq!(whole.header(header::CONTENT_TYPE), content_type);
            assert!(whole.header(header::CONTENT_DISPOSITION).starts_with(disposition), "{disposition}");
            assert_eq!(whole.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
            assert_eq!(whole.header(header::CONTENT_SECURITY_POLICY), "default-src 'none'; sandbox");
        }
    }
}

#[actix_web::test]
async fn a_name_never_refuses_a_form_and_comes_back_with_the_file() {
    let folder = TempDir::new().unwrap();
    let files = files(folder.path(), |_| ());
    let app = test::init_service(app!(files.clone())).await;
    for (disposition, name, encoded) in [
        (&b"name=\"file\"; filename=\"\xBD\xD8\xCD\xBC.png\""[..], "截图.png", "%E6%88%AA%E5%9B%BE.png"),
        (b"name=\"file\"; filename=\"a\\\"", "a", "a.png"),
        (b"name=\"file\"; filename*=%E5%90%88.png", "合.png", "%E5%90%88.png"),
        (b"name=\"file\"; filename*=UTF-8''%E5%90%88.png", "合.png", "%E5%90%88.png"),
        (b"name=\"file\"", "", ""),
        (b"name=\"file\"; filename=\"../../etc/a.png\"", "a.png", "a.png"),
    ] {
        let body = [
            b"--limit\r\nContent-Disposition: form-data; name=\"directory\"\r\n\r\n\r\n--limit\r\nContent-Disposition: form-data; ",
            disposition,
            b"\r\nContent-Type: image/png\r\n\r\n",
            PNG,
            b"\r\n--limit--\r\n",
        ]
        .concat();
        let answer = post!(app, body);
        assert_eq!(answer["code"], 0, "{name}: {answer}");
        assert_eq!(rows(&files).await.last().unwrap().0, name);
        let path = answer["data"].as_str().unwrap().strip_prefix("http://kefu.example:8080").unwrap().to_owned();
        let whole = read!(app, &path, &[]);
        let expected = if encoded.is_empty() { "inline".to_owned() } else { format!("; filename*=UTF-8''{encoded}") };
        assert!(whole.header(header::CONTENT_DISPOSITION).ends_with(&expected), "{name}");
    }
}

#[actix_web::test]
async fn a_refused_upload_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let files = files(folder.path(), |_| ());
    let app = test::init_service(app!(files.clone())).await;
    let large = [PNG, &vec![0; LIMIT]].concat();
    let whole = form(&[(FILE, PNG)]);
    let several_parts = form(&[(FILE, &large[..LIMIT - 1])]);
    for (body, msg) in [
        (form(&[(FILE, &large)]), "上传文件过大，请调整后重试"),
        (form(&[("name=\"other\"", &vec![0; 70_000]), (FILE, PNG)]), "上传文件过大，请调整后重试"),
        (form(&[(FILE, b"")]), "请求参数不正确:文件不能为空"),
        (form(&[(BLOB, b"\x7FELF\x02\x01\x01\0")]), "请求参数不正确:文件的类型不支持"),
        (form(&[(FILE, b"no picture")]), "请求参数不正确:文件不是图片，或图片已损坏"),
        (form(&[("name=\"other\"", PNG)]), "请求参数缺失:file"),
        (form(&[]), "请求参数缺失:file"),
        (whole[..whole.len() - 20].to_vec(), "请求参数类型错误:multipart"),
        (several_parts[..several_parts.len() - 20].to_vec(), "请求参数类型错误:multipart"),
        (b"no form at all".to_vec(), "请求参数类型错误:multipart"),
        (Vec::new(), "请求参数类型错误:multipart"),
    ] {
        let answer = post!(app, body);
        assert_eq!(answer["code"], 400, "{answer}");
        assert!(answer["msg"].as_str().unwrap().starts_with(msg), "{answer}");
        assert_eq!(answer["data"], Value::Null);
    }
    let json = TestRequest::post().uri("/upload").set_json("{}").to_request();
    let answer: Value = test::call_and_read_body_json(&app, json).await;
    assert_eq!(answer["msg"], "请求参数类型错误:Content-Type");
    assert_eq!(stored(folder.path()), [""; 0]);
    assert_eq!(rows(&files).await, []);
}

#[actix_web::test]
async fn an_upload_of_exactly_the_limit_is_kept() {
    let folder = TempDir::new().unwrap();
    let app = test::init_service(app!(files(folder.path(), |_| ()))).await;
    let content = [PNG, &vec![7; LIMIT - PNG.len()]].concat();
    let answer = post!(app, form(&[(FILE, &content)]));
    let path = answer["data"].as_str().unwrap().strip_prefix("http://kefu.example:8080").unwrap().to_owned();
    assert_eq!(read!(app, &path, &[]).body, content);
}

#[actix_web::test]
async fn other_paths_are_not_found() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    let app = test::init_service(app!(files(folder.path(), |_| ()))).await;
    for path in [
        "/infra/file/20261121/0123456789abcdef0123456789abcdef.png",
        "/infra/file/../secret",
        "/infra/file/..%2Fsecret/x",
        "/infra/file/../../secret",
        "/infra/file/%2e%2e/secret",
        "/infra/file/20261121/..%2F..%2Fsecret",
        "/infra/file/20261121%2F0123456789abcdef0123456789abcdef.png",
        "/infra/file/20261121/%00.png",
        "/infra/file/20261121",
        "/infra/file/a/b/c",
        "/infra/file/",
    ] {
        let missing = read!(app, path, &[]);
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{path}");
        let answer: Value = serde_json::from_slice(&missing.body).unwrap();
        assert_eq!((&answer["code"], &answer["msg"]), (&404.into(), &"请求未找到".into()), "{path}");
    }
}

#[actix_web::test]
async fn urls_follow_the_settings() {
    let folder = TempDir::new().unwrap();
    let public = files(folder.path(), |settings| settings.server.public_url = Some("https://kefu.example".into()));
    let app = test::init_service(app!(public)).await;
    let answer = post!(app, form(&[(FILE, PNG)]));
    assert!(answer["data"].as_str().unwrap().starts_with("https://kefu.example/infra/file/"), "{answer}");

    for trust in [false, true] {
        let folder = TempDir::new().unwrap();
        let app = test::init_service(app!(files(folder.path(), |s| s.server.trust_forwarded_for = trust))).await;
        let request = TestRequest::post()
            .uri("/upload")
            .peer_addr(([127, 0, 0, 1], 5000).into())
            .insert_header((header::HOST, "inner:1"))
            .insert_header((header::X_FORWARDED_PROTO, "https"))
            .insert_header((header::X_FORWARDED_HOST, "outer"))
            .insert_header((header::CONTENT_TYPE, "multipart/form-data; boundary=limit"))
            .set_payload(form(&[(FILE, PNG)]));
        let answer: Value = test::call_and_read_body_json(&app, request.to_request()).await;
        let address = if trust { "https://outer/" } else { "http://inner:1/" };
        assert!(answer["data"].as_str().unwrap().starts_with(address), "{answer}");
    }
}

/// Over a real connection: the answer to an upload that is far too large arrives, and `HEAD` has the size and no body.
#[actix_web::test]
async fn clients_read_the_answer_to_a_refused_upload() {
    let folder = TempDir::new().unwrap();
    let files = files(folder.path(), |_| ());
    let server = HttpServer::new(move || app!(files.clone())).workers(1).bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    let server = server.disable_signals().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);

    let client = reqwest::Client::new();
    let send = |path: &str, content: Vec<u8>| {
        let part = reqwest::multipart::Part::bytes(content).file_name("a.png");
        client
            .post(format!("http://{address}{path}"))
            .multipart(reqwest::multipart::Form::new().part("file", part))
            .send()
    };
    let refused: Value = send("/upload", [PNG, &vec![0; 40 * LIMIT]].concat()).await.unwrap().json().await.unwrap();
    assert_eq!((&refused["code"], &refused["msg"]), (&400.into(), &"上传文件过大，请调整后重试".into()));

    for path in ["/app-api/infra/file/upload", "/admin-api/infra/file/upload"] {
        // No `Auth` is there to ask, so the extractor fails.
        let refused: Value = send(path, vec![0; 40 * LIMIT]).await.unwrap().json().await.unwrap();
        assert_eq!(refused["code"], 500);
    }

    let kept: Value = send("/upload", PNG.to_vec()).await.unwrap().json().await.unwrap();
    let head = client.request(Method::HEAD.as_str().parse().unwrap(), kept["data"].as_str().unwrap());
    let head = head.send().await.unwrap();
    assert_eq!(head.headers()["content-length"], "18");
    assert_eq!(head.bytes().await.unwrap().len(), 0);
    let again = client.get(kept["data"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(again.bytes().await.unwrap(), PNG);
    handle.stop(false).await;
}

#[test]
fn only_our_own_paths_are_read() {
    let random = "0123456789abcdef0123456789abcdef";
    assert_eq!(
        FilePath::parse("20261121", &format!("{random}.png")).map(|path| path.to_string()),
        Some(format!("20261121/{random}.png"))
    );
    for (date, name) in [
        ("..", format!("{random}.png")),
        ("2026112", format!("{random}.png")),
        ("２０２６", format!("{random}.png")),
        ("20261121", random.to_owned()),
        ("20261121", format!("{random}.exe")),
        ("20261121", format!("{random}.png.exe")),
        ("20261121", format!("{random}.png#1")),
        ("20261121", format!("{}.png", random.to_uppercase())),
        ("20261121", format!("../{random}.png")),
        ("20261121", "..".to_owned()),
    ] {
        assert!(FilePath::parse(date, &name).is_none(), "{date}/{name}");
    }
}

#[actix_web::test]
async fn a_bucket_needs_its_name() {
    let folder = TempDir::new().unwrap();
    let mut settings = Settings { data_dir: folder.path().to_owned(), ..Settings::default() };
    settings.file.storage = settings::Storage::S3;
    let db = Db::open(Backend::parse(&settings.database_url()).unwrap(), &settings.database).unwrap();
    let error = Files::new(&settings, db.clone(), Clock::system(), Jobs::default()).err().unwrap();
    assert!(error.starts_with("file.s3_bucket"), "{error}");
    settings.file.s3_bucket = Some("kefu".into());
    settings.file.s3_endpoint = Some("http://127.0.0.1:9".into());
    settings.file.s3_access_key_id = Some("id".into());
    settings.file.s3_secret_access_key = Some("secret".into());
    assert!(Files::new(&settings, db, Clock::system(), Jobs::default()).is_ok());
}
