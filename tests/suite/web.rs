//! The pages that the service brings along, and the build that puts them into it.

#[path = "../../build.rs"]
#[expect(dead_code, clippy::print_stdout, reason = "a build script begins in its own main, where it speaks to Cargo")]
mod build;

use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode, redirect};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::process::Serve;
use crate::support::{TestApp, http_client};

/// The page and its assets as the tests' folder has them.
const PAGE: &str = "<!doctype html><title>kefu</title>";
const SCRIPT: &str = "console.log('kefu')";
/// The widget's loader there.
const LOADER: &str = "(()=>{})()";

/// Fills `<folder>/dist` like `web/dist`.
fn dist(folder: &Path) -> std::path::PathBuf {
    let dist = folder.join("dist");
    std::fs::create_dir_all(dist.join("console/assets")).unwrap();
    std::fs::write(dist.join("console/index.html"), PAGE).unwrap();
    std::fs::write(dist.join("console/assets/main-4f2a.js"), SCRIPT).unwrap();
    std::fs::write(dist.join("console/icon.svg"), "<svg/>").unwrap();
    std::fs::write(folder.join("secret"), "secret").unwrap();
    dist
}

/// A client that follows nothing and adds no header of its own.
fn browser() -> reqwest::Client {
    http_client().redirect(redirect::Policy::none()).build().unwrap()
}

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let request = browser().get(app.url(path));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    (response.status(), response.headers().clone(), response.bytes().await.unwrap().to_vec())
}

/// The connection's bytes decide the path: a URL library would resolve the dots.
async fn raw_get(app: &TestApp, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut connection = tokio::net::TcpStream::connect(app.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: kefu\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_console_comes_with_the_binary() {
    let app = TestApp::spawn().await;
    let (status, headers, page) = get(&app, "/console/", &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    let committed = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/web/dist/console/index.html")).unwrap();
    assert!(page == committed, "the page is that of web/dist");
    for path in ["/", "/console"] {
        let (status, headers, _) = get(&app, path, &[("accept", "text/html")]).await;
        assert_eq!((status, headers["location"].to_str().unwrap()), (StatusCode::FOUND, "/console/"), "{path}");
    }
    let manifest = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/web/dist/manifest.json")).unwrap();
    let (_, headers, version) = get(&app, "/console/version.json", &[]).await;
    assert_eq!(headers["cache-control"], "no-store");
    let version: Value = serde_json::from_slice(&version).unwrap();
    let build = build::hash(&manifest);
    let limits = json!({"contentLength": 2048, "uploadBytes": 16 * 1024 * 1024});
    assert_eq!(version, json!({"version": env!("CARGO_PKG_VERSION"), "build": build, "limits": limits}));
    // Every file that is in the binary is served as it is in the folder, plain and compressed.
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    // The demo page has its key filled in.
    let files = manifest["files"].as_object().unwrap().iter().filter(|(path, _)| *path != "widget/demo.html");
    for (path, file) in files {
        let (_, plain, bytes) = get(&app, &format!("/{path}"), &[]).await;
        let (_, packed, packed_bytes) = get(&app, &format!("/{path}"), &[("accept-encoding", "br, gzip")]).await;
        let unpacked = if packed.contains_key("content-encoding") { unpack(&packed_bytes) } else { packed_bytes };
        for bytes in [bytes, unpacked] {
            assert_eq!(build::hash(&bytes), file["sha256"].as_str().unwrap(), "{path}");
        }
        let for_good = plain["cache-control"] == "public, max-age=31536000, immutable";
        assert_eq!(for_good, path.contains("/assets/"), "{path}");
    }
    app.stop().await;
}

fn unpack(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut unpacked).unwrap();
    unpacked
}

#[tokio::test]
async fn the_page_is_compressed_for_those_who_take_it_so_and_not_sent_twice() {
    let app = TestApp::spawn().await;
    let (_, plain, bytes) = get(&app, "/console/", &[]).await;
    assert_eq!((plain["cache-control"].to_str().unwrap(), plain.get("content-encoding")), ("no-cache", None));
    let varies = |headers: &HeaderMap| headers["vary"].to_str().unwrap().to_lowercase().contains("accept-encoding");
    assert!(varies(&plain));
    let (_, packed, packed_bytes) = get(&app, "/console/", &[("accept-encoding", "gzip, deflate, br")]).await;
    assert_eq!(packed["content-encoding"], "gzip");
    assert!(varies(&packed) && unpack(&packed_bytes) == bytes && packed_bytes.len() < bytes.len());
    assert_ne!(plain["etag"], packed["etag"], "two representations, two tags");
    for refused in ["gzip;q=0", "identity", "br"] {
        let (_, headers, _) = get(&app, "/console/", &[("accept-encoding", refused)]).await;
        assert!(!headers.contains_key("content-encoding"), "{refused}");
    }
    for headers in [&plain, &packed] {
        let tag = headers["etag"].to_str().unwrap();
        let encoding = if headers == &packed { "gzip" } else { "identity" };
        let asked = [("if-none-match", tag), ("accept-encoding", encoding)];
        let (status, again, nothing) = get(&app, "/console/", &asked).await;
        assert_eq!((status, nothing.len(), &again["etag"]), (StatusCode::NOT_MODIFIED, 0, &headers["etag"]));
        assert!(varies(&again) && again.contains_key("content-security-policy"));
    }
    let head = browser().head(app.url("/console/")).send().await.unwrap();
    assert_eq!((head.status(), &head.headers()["content-length"]), (StatusCode::OK, &plain["content-length"]));
    assert!(head.bytes().await.unwrap().is_empty());
    app.stop().await;
}

#[tokio::test]
async fn every_answer_of_the_console_says_what_a_browser_may_do() {
    let app = TestApp::spawn().await;
    for path in ["/console/", "/console/version.json", "/console/conversation/7"] {
        let (_, headers, _) = get(&app, path, &[]).await;
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert_eq!(
            header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob: https:; \
             media-src 'self' blob:; connect-src 'self' ws: wss:; font-src 'self'; manifest-src 'self'; \
             worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types vue"
        );
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("permissions-policy"), "camera=(), microphone=(), geolocation=()");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("x-frame-options"), "DENY");
        assert!(headers.contains_key("x-request-id"));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_folder_is_read_anew_for_each_request_and_nothing_outside_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let dist = dist(folder.path());
    let app = TestApp::spawn_with(|settings| settings.server.web_dir = Some(dist.clone())).await;
    let page = async |path: &str| String::from_utf8(get(&app, path, &[]).await.2).unwrap();
    assert_eq!((page("/console/").await.as_str(), page("/console/conversation/7").await.as_str()), (PAGE, PAGE));
    let (_, headers, script) = get(&app, "/console/assets/main-4f2a.js", &[]).await;
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script, SCRIPT.as_bytes());
    assert_eq!(get(&app, "/console/icon.svg", &[]).await.1["content-type"], "image/svg+xml");
    let build = page("/console/version.json").await;
    std::fs::write(dist.join("console/index.html"), "another").unwrap();
    assert_eq!(page("/console/").await, "another");
    assert_ne!(page("/console/version.json").await, build, "another page is another build");
    for path in [
        "/console/../secret",
        "/console/../../secret",
        "/console/%2e%2e/%2e%2e/secret",
        "/console/..%2f..%2fsecret",
        "/console/assets/..%5c..%5csecret",
        "/console//etc/passwd",
        "/console/assets//etc/passwd",
        "/console/%00",
    ] {
        let answer = raw_get(&app, path).await;
        assert!(!answer.contains("secret\r\n") && !answer.ends_with("secret") && !answer.contains("root:"), "{path}");
    }
    app.stop().await;
    let refusal = TestApp::refusal(|settings| settings.server.web_dir = Some(folder.path().join("none"))).await;
    assert!(refusal.starts_with("server.web_dir: ") && refusal.contains("none"), "{refusal}");
}

#[tokio::test]
async fn what_is_not_there_has_its_status() {
    let app = TestApp::spawn().await;
    let (status, _, body) = get(&app, "/console/assets/gone-1234.js", &[("accept", "*/*")]).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!(404)));
    for path in ["/console", "/console/", "/console/version.json"] {
        let response = app.anonymous().request(Method::POST, path).send().await.unwrap();
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["code"], 405, "{path}");
    }
    get(&app, "/console/conversation/7", &[]).await;
    let metrics = app.http.get(app.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let routes = metrics.lines().filter(|line| line.starts_with("kefu_http_requests_total{route=\"/console/{path"));
    assert!(routes.clone().count() > 0, "all paths of the console count as one route:\n{metrics}");
    assert!(!metrics.contains("conversation/7") && !metrics.contains("gone-1234"));
    app.stop().await;
}

/// Adds the widget to `<folder>/dist`.
fn with_widget(dist: &Path) {
    std::fs::create_dir_all(dist.join("widget/assets")).unwrap();
    for (path, text) in [
        ("v1.js", LOADER),
        ("assets/panel-7c1d.js", SCRIPT),
        ("icon.svg", "<svg/>"),
        ("demo.html", "<script async src=\"/widget/v1.js\" data-key=\"__KEFU_KEY__\"></script>"),
    ] {
        std::fs::write(dist.join("widget").join(path), text).unwrap();
    }
}

#[tokio::test]
async fn the_widget_is_loaded_by_pages_of_every_site() {
    let folder = tempfile::tempdir().unwrap();
    let dist = dist(folder.path());
    let app = TestApp::spawn_with(|settings| settings.server.web_dir = Some(dist.clone())).await;
    assert_eq!(get(&app, "/widget/v1.js", &[]).await.0, StatusCode::NOT_FOUND, "it is not in the folder yet");
    assert_eq!(get(&app, "/widget/demo", &[]).await.0, StatusCode::NOT_FOUND);
    with_widget(&dist);
    let fresh = "public, max-age=300, stale-while-revalidate=86400";
    for (path, caching, content_type, text) in [
        ("/widget/v1.js", fresh, "text/javascript; charset=utf-8", LOADER),
        (
            "/widget/assets/panel-7c1d.js",
            "public, max-age=31536000, immutable",
            "text/javascript; charset=utf-8",
            SCRIPT,
        ),
        ("/widget/icon.svg", "no-cache", "image/svg+xml", "<svg/>"),
    ] {
        let (status, headers, bytes) = get(&app, path, &[("origin", "https://any.example")]).await;
        assert_eq!((status, bytes.as_slice()), (StatusCode::OK, text.as_bytes()), "{path}");
        for (name, value) in [
            ("cache-control", caching),
            ("content-type", content_type),
            ("access-control-allow-origin", "*"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
        assert!(!headers.contains_key("content-security-policy"), "it is the site's page that decides");
        let tag = headers["etag"].to_str().unwrap();
        let (status, again, nothing) = get(&app, path, &[("if-none-match", tag)]).await;
        assert_eq!(
            (status, nothing.len(), &again["cache-control"]),
            (StatusCode::NOT_MODIFIED, 0, &headers["cache-control"])
        );
        assert_eq!(again["cross-origin-resource-policy"], "cross-origin");
    }
    for path in ["/widget/", "/widget/gone.js", "/widget/assets/gone.js", "/widget/demo.html"] {
        let (status, _, body) = get(&app, path, &[]).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!(404)), "{path}");
    }
    for path in
        ["/widget/../secret", "/widget/%2e%2e/%2e%2e/secret", "/widget/..%2fconsole/index.html", "/widget//etc/passwd"]
    {
        let answer = raw_get(&app, path).await;
        assert!(
            answer.starts_with("HTTP/1.1 404")
                || answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(r#""code":404"#),
            "{answer}"
        );
    }
    let response = app.anonymous().request(Method::POST, "/widget/v1.js").send().await.unwrap();
    assert_eq!(response.json::<Value>().await.unwrap()["code"], 405);
    app.stop().await;
}

#[tokio::test]
async fn the_demo_page_has_the_key_of_its_channel() {
    let folder = tempfile::tempdir().unwrap();
    let dist = dist(folder.path());
    with_widget(&dist);
    let app = TestApp::spawn_with(|settings| settings.server.web_dir = Some(dist.clone())).await;
    let owner = app.owner().await;
    let channels = owner.get("/admin-api/promotion/kefu-channel/list").await.ok();
    let (id, key) = (&channels[0]["id"], channels[0]["key"].as_str().unwrap());
    let (status, headers, page) = get(&app, "/widget/demo", &[]).await;
    assert_eq!(status, StatusCode::OK);
    let page = String::from_utf8(page).unwrap();
    assert_eq!(page, format!("<script async src=\"/widget/v1.js\" data-key=\"{key}\"></script>"));
    for (name, value) in [
        ("cache-control", "no-store"),
        ("content-type", "text/html; charset=utf-8"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(headers[name], value);
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "), "{policy}");
    assert!(policy.ends_with("; require-trusted-types-for 'script'"), "{policy}");

    let update = async |enabled: bool| {
        owner.put_json("/admin-api/promotion/kefu-channel/update", json!({"id": id, "enabled": enabled})).await.ok()
    };
    update(false).await;
    assert_eq!(get(&app, "/widget/demo", &[]).await.0, StatusCode::NOT_FOUND);
    update(true).await;
    assert_eq!(get(&app, "/widget/demo", &[]).await.0, StatusCode::OK);
    app.stop().await;

    let app = TestApp::spawn_with(|settings| {
        (settings.server.web_dir, settings.server.demo) = (Some(dist), false);
    })
    .await;
    assert_eq!(get(&app, "/widget/demo", &[]).await.0, StatusCode::NOT_FOUND);
    assert_eq!(app.count("kefu_channel").await, 0);
    assert_eq!(get(&app, "/widget/v1.js", &[]).await.0, StatusCode::OK);
    app.stop().await;
}

#[tokio::test]
async fn the_start_prints_where_the_demo_page_is() {
    let folder = tempfile::tempdir().unwrap();
    let dist = dist(folder.path());
    with_widget(&dist);
    let dist = dist.display().to_string();
    let lines = async |arguments: &[&str]| {
        let folder_of_pages = format!("server.web_dir={dist}");
        let arguments = [&["--set", &folder_of_pages], arguments].concat();
        let serve = Serve::start(folder.path(), &arguments).await;
        let demo = format!("  Demo           http://{}/widget/demo\n", serve.address);
        let console = format!("  Console        http://{}/console/\n", serve.address);
        let printed = (serve.greeting.contains(&console), serve.greeting.contains(&demo));
        serve.terminate().await;
        printed
    };
    assert_eq!(lines(&[]).await, (true, true));
    assert_eq!(lines(&["--set", "server.demo=false"]).await, (true, false));
}

/// A folder like `web`, with pages that are those of its sources.
fn web() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    dist(folder.path());
    std::fs::remove_file(folder.path().join("secret")).unwrap();
    let write = |path: &str, text: &str| {
        let file = folder.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    write("console/src/main.ts", "main");
    write("console/src/ui/Button.vue", "button");
    write("console/index.html", "index");
    write("client/src/http.ts", "http");
    write("package-lock.json", "{}");
    write("console/node_modules/x.js", "no source");
    write("widget/src/loader/index.ts", "loader");
    write("widget/demo.html", "demo");
    write("widget/vite.config.ts", "config");
    write("widget/package.json", "no source");
    let hash = |text: &str| build::hex(&Sha256::digest(text));
    let lines: String = [
        ("client/src/http.ts", "http"),
        ("console/index.html", "index"),
        ("console/src/main.ts", "main"),
        ("console/src/ui/Button.vue", "button"),
        ("package-lock.json", "{}"),
        ("widget/demo.html", "demo"),
        ("widget/src/loader/index.ts", "loader"),
        ("widget/vite.config.ts", "config"),
    ]
    .map(|(path, text)| format!("{path}\0{}\n", hash(text)))
    .concat();
    let file = |text: &str| json!({"sha256": hash(text), "bytes": text.len()});
    let files = json!({
        "console/index.html": file(PAGE),
        "console/assets/main-4f2a.js": file(SCRIPT),
        "console/icon.svg": file("<svg/>"),
    });
    let manifest = json!({"version": "1.2.3", "sources": hash(&lines), "files": files});
    write("dist/manifest.json", &manifest.to_string());
    folder
}

#[test]
fn the_build_takes_the_pages_of_its_sources() {
    let web = web();
    let (pages, build) = build::pages(web.path(), "1.2.3").unwrap();
    let paths: Vec<_> = pages.iter().map(|page| page.path.as_str()).collect();
    assert_eq!(paths, ["console/assets/main-4f2a.js", "console/icon.svg", "console/index.html"]);
    assert_eq!(build, build::hash(&std::fs::read(web.path().join("dist/manifest.json")).unwrap()));
    // As in the image's build, which has the pages only.
    std::fs::remove_dir_all(web.path().join("console")).unwrap();
    std::fs::remove_dir_all(web.path().join("widget")).unwrap();
    assert!(build::pages(web.path(), "1.2.3").is_ok());
}

#[test]
fn the_build_refuses_pages_that_are_missing_changed_or_old() {
    let refused = |change: &dyn Fn(&Path), sentence: &str| {
        let web = web();
        change(web.path());
        let error = build::pages(web.path(), "1.2.3").err().expect("it is refused");
        assert!(error.starts_with(sentence) && error.ends_with("npm run build") && !error.contains('\n'), "{error}");
    };
    let write = |path: &'static str| move |web: &Path| std::fs::write(web.join(path), "other").unwrap();
    let remove = |path: &'static str| move |web: &Path| std::fs::remove_file(web.join(path)).unwrap();
    refused(&|web| std::fs::remove_dir_all(web.join("dist")).unwrap(), "the web pages are missing");
    refused(&remove("dist/manifest.json"), "the web pages are missing");
    refused(&write("dist/manifest.json"), "web/dist/manifest.json cannot be read");
    refused(&remove("dist/console/icon.svg"), "web/dist/console/icon.svg, which the manifest lists");
    refused(&write("dist/console/icon.svg"), "web/dist/console/icon.svg is not the file");
    refused(&write("dist/console/new.js"), "web/dist/console/new.js is not in");
    let sources = ["console/src/main.ts", "console/src/new.ts", "client/src/http.ts", "package-lock.json"];
    for source in sources.into_iter().chain(["widget/src/loader/index.ts", "widget/demo.html"]) {
        refused(&write(source), "the web pages in web/dist are older than their sources");
    }
    refused(&remove("console/src/ui/Button.vue"), "the web pages in web/dist are older than their sources");
    let error = build::pages(web().path(), "1.2.4").err().unwrap();
    assert!(error.starts_with("the web pages in web/dist are those of kefu 1.2.3, this is 1.2.4"), "{error}");
}
