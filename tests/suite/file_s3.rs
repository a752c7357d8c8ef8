//! Uploads into a bucket: what is kept where is no client's business, so the answers are those of the local folder.

use reqwest::Method;
use reqwest::header::{IF_NONE_MATCH, RANGE};
use reqwest::multipart::{Form, Part};

use crate::support::s3::{Refusal, S3, Stage};
use crate::support::{Reply, TestApp, User, eventually};

const UPLOAD: &str = "/app-api/infra/file/upload";
/// Above the size of a part.
const LARGE: usize = 6 * 1024 * 1024;

/// The beginning of a PNG, and then bytes that tell where they are.
fn png(size: usize) -> Vec<u8> {
    let counted = (0..size).map(|at| u8::try_from(at / 1000 % 251).unwrap());
    b"\x89PNG\r\n\x1a\n".iter().copied().chain(counted).take(size).collect()
}

async fn upload(user: &User, bytes: Vec<u8>) -> Reply {
    let part = Part::bytes(bytes).file_name("a.png");
    User::send(user.request(Method::POST, UPLOAD).multipart(Form::new().part("file", part))).await
}

#[tokio::test]
async fn what_goes_into_a_bucket_comes_out_whole_in_part_or_not_again() {
    let s3 = S3::spawn();
    let app = TestApp::spawn_with(s3.settings()).await;
    let member = app.member(1001).await;
    for (size, in_parts) in [(1000, 0), (LARGE, 1)] {
        let bytes = png(size);
        let url = upload(&member, bytes.clone()).await.ok().as_str().unwrap().to_owned();
        assert!(url.starts_with(&app.url("/infra/file/20261121/")), "{url}");
        assert_eq!(s3.counts(), (1 + in_parts, 0, in_parts));

        let whole = app.http.get(&url).send().await.unwrap();
        assert_eq!((whole.status().as_u16(), &whole.headers()["content-type"]), (200, &"image/png".parse().unwrap()));
        let tag = whole.headers()["etag"].clone();
        assert!(whole.bytes().await.unwrap() == bytes, "{size}");

        let (first, last) = (size / 2, size - 1);
        let part = app.http.get(&url).header(RANGE, format!("bytes={first}-")).send().await.unwrap();
        assert_eq!(part.status(), 206);
        assert_eq!(part.headers()["content-range"], format!("bytes {first}-{last}/{size}").as_str());
        assert!(part.bytes().await.unwrap() == bytes[first..], "{size}");

        let known = app.http.get(&url).header(IF_NONE_MATCH, tag).send().await.unwrap();
        assert_eq!(known.status(), 304);
        let head = app.http.head(&url).send().await.unwrap();
        assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &size.into()));
    }
    let never = app.http.get(app.url("/infra/file/20261121/00000000000000000000000000000000.png"));
    assert_eq!(never.send().await.unwrap().status(), 404);
    app.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing_in_the_bucket() {
    let s3 = S3::spawn();
    let bucket = s3.settings();
    let app = TestApp::spawn_with(|settings| {
        bucket(settings);
        settings.limits.upload_bytes = LARGE;
    })
    .await;
    let member = app.member(1001).await;
    upload(&member, png(LARGE + 1)).await.fails(400, "上传文件过大，请调整后重试");
    assert_eq!(s3.counts(), (0, 0, 1), "a part was stored and has gone");
    // The object is there before its row, and goes when the row cannot be stored.
    app.refuse("INSERT", "kefu_file", "1 = 1");
    upload(&member, png(1000)).await.fails(500, "系统异常");
    eventually("the object is removed", async || s3.counts() == (0, 0, 1)).await;
    app.refuse_no_more("kefu_file");
    upload(&member, png(1000)).await.ok();
    assert_eq!(s3.counts(), (1, 0, 1));
    app.stop().await;
    s3.stop().await;
}

#[tokio::test]
async fn a_bucket_that_fails_costs_an_honest_answer_and_keeps_nothing() {
    let s3 = S3::spawn();
    let app = TestApp::spawn_with(s3.settings()).await;
    let member = app.member(1001).await;
    let begin = |status| Refusal { status, at: Stage::Begin };
    let mut begun = 0;
    for (size, refusal, begins) in [
        (1000, begin(403), 0),
        (1000, begin(404), 0),
        (1000, begin(507), 0),
        (LARGE, begin(403), 0),
        (LARGE, Refusal { status: 403, at: Stage::Part(1) }, 1),
        (LARGE, Refusal { status: 404, at: Stage::Part(2) }, 1),
        (LARGE, Refusal { status: 403, at: Stage::End }, 1),
    ] {
        s3.refuse(Some(refusal));
        let part = Part::bytes(png(size)).file_name("a.png");
        let request = member.request(Method::POST, UPLOAD).multipart(Form::new().part("file", part));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 503, "{refusal:?}");
        assert!(answer.headers().contains_key("retry-after"));
        begun += begins;
        eventually("nothing is left", async || s3.counts() == (0, 0, begun)).await;
        s3.refuse(None);
    }
    upload(&member, png(1000)).await.ok();
    assert_eq!(s3.counts(), (1, 0, begun));
    app.stop().await;
    s3.stop().await;
}
