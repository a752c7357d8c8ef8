//! Uploads, as the stock clients make them.

use reqwest::Method;
use reqwest::header::RANGE;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::support::{Reply, TestApp, User};

const MEMBER: &str = "/app-api/infra/file/upload";
const ADMIN: &str = "/admin-api/infra/file/upload";
/// The beginning of a PNG, which is what tells its kind.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and so on, 0123456789";

fn file(bytes: &[u8], name: &str) -> Part {
    Part::bytes(bytes.to_vec()).file_name(name.to_owned()).mime_str("image/png").unwrap()
}

async fn upload(user: &User, path: &str, form: Form) -> Reply {
    User::send(user.request(Method::POST, path).multipart(form)).await
}

#[tokio::test]
async fn both_sides_upload_and_anyone_with_the_url_reads() {
    let app = TestApp::spawn().await;
    let (member, owner) = (app.member(1001).await, app.owner().await);
    // The member client sends an empty `directory` first, the console only the file.
    let stock_member = Form::new().text("directory", "").part("file", file(PNG, "图.png"));
    let stock_console = Form::new().part("file", file(PNG, "a.png"));
    let mut urls = Vec::new();
    for (user, path, form) in [(&member, MEMBER, stock_member), (&owner, ADMIN, stock_console)] {
        let url = upload(user, path, form).await.ok().as_str().unwrap().to_owned();
        assert!(url.starts_with(&app.url("/infra/file/20261121/")) && url.ends_with(".png"), "{url}");
        let response = app.http.get(&url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "image/png");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.bytes().await.unwrap(), PNG);
        urls.push(url);
    }
    assert_ne!(urls[0], urls[1]);
    app.stop().await;
}

#[tokio::test]
async fn a_part_of_a_file_can_be_asked_for() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    let url = upload(&member, MEMBER, Form::new().part("file", file(PNG, "a.png"))).await.ok();
    let response = app.http.get(url.as_str().unwrap()).header(RANGE, "bytes=1-3").send().await.unwrap();
    assert_eq!(response.status(), 206);
    assert_eq!(response.headers()["content-range"], format!("bytes 1-3/{}", PNG.len()).as_str());
    assert_eq!(response.bytes().await.unwrap(), "PNG");
    let beyond = app.http.get(url.as_str().unwrap()).header(RANGE, "bytes=9999-").send().await.unwrap();
    assert_eq!(beyond.status(), 416);
    app.stop().await;
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_whole() {
    let app = TestApp::spawn_with(|settings| settings.limits.upload_bytes = 1000).await;
    let member = app.member(1001).await;
    for (size, fits) in [(1000, true), (1001, false), (3_000_000, false)] {
        let mut bytes = PNG.to_vec();
        bytes.resize(size, b'x');
        let reply = upload(&member, MEMBER, Form::new().part("file", file(&bytes, "a.png"))).await;
        if fits {
            reply.ok();
        } else {
            reply.fails(400, "上传文件过大，请调整后重试");
        }
    }
    assert_eq!(app.count("kefu_file").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_file_is_taken_for_what_it_is_and_not_for_its_name() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for (what, bytes) in [("a program", b"\x7fELF\x02\x01\x01\0\0\0\0".as_slice()), ("bytes", b"\0\x01\x02\xff")] {
        let reply = upload(&member, MEMBER, Form::new().part("file", file(bytes, "a.png"))).await;
        assert_eq!(reply.code, 400, "{what}");
        assert!(reply.msg.starts_with("请求参数不正确:文件的类型不支持"), "{what}: {}", reply.msg);
    }
    for bytes in [b"<!DOCTYPE html>".as_slice(), b"%PDF-1.7", "文字".as_bytes()] {
        let refused = upload(&member, MEMBER, Form::new().part("file", file(bytes, "a.PNG"))).await;
        refused.fails(400, "请求参数不正确:文件不是图片，或图片已损坏");
    }
    upload(&member, MEMBER, Form::new().part("file", file(b"", "a.png")))
        .await
        .fails(400, "请求参数不正确:文件不能为空");
    upload(&member, MEMBER, Form::new().text("x", "y")).await.fails(400, "请求参数缺失:file");
    member.post(MEMBER, json!({"file": "x"})).await.fails(400, "请求参数类型错误:Content-Type");
    assert_eq!(app.count("kefu_file").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_page_or_drawing_is_a_download_in_which_nothing_runs() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    for (bytes, name, saved_as) in [
        (b"<!DOCTYPE html><script>alert(1)</script>".as_slice(), "a.exe", "a.exe.html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "a.png", "a.png.svg"),
    ] {
        let url = upload(&member, MEMBER, Form::new().part("file", file(bytes, name))).await.ok();
        let response = app.http.get(url.as_str().unwrap()).send().await.unwrap();
        assert_eq!(app.count("kefu_job WHERE kind = 'file.remove_unfinished'").await, 0, "it is finished");
        let disposition = format!("attachment; filename=\"{saved_as}\"; filename*=UTF-8''{saved_as}");
        assert_eq!(response.headers()["content-disposition"], disposition.as_str());
        assert_eq!(response.headers()["content-security-policy"], "default-src 'none'; sandbox");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_path_that_was_never_given_out_is_not_found() {
    let app = TestApp::spawn().await;
    for path in
        ["/infra/file/20261121/00000000000000000000000000000000.png", "/infra/file/..%2f..%2fkefu.db", "/infra/file/x"]
    {
        let response = app.anonymous().request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
        assert_eq!(Reply::read(response).await.code, 404);
    }
    app.stop().await;
}
