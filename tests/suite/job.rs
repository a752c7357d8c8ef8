//! Jobs: what outlives the process, on one node and on several, and what an operator sees of it.

use std::path::{Path, PathBuf};

use diesel::{ExpressionMethods, QueryDsl, RunQueryDsl};
use kefu::clock::{Clock, Millis, to_timestamp};
use kefu::settings::Settings;
use kefu::testing::db::schema::{kefu_file, kefu_job, kefu_login};
use kefu::testing::db::{AnyConnection, Backend, Db};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::process::{Serve, done, failed};
use crate::support::{START, TestApp, User, eventually};

const UPLOAD: &str = "/app-api/infra/file/upload";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and so on, 0123456789";
const HOUR: Millis = 3_600_000;

async fn upload(user: &User) -> crate::support::Reply {
    let part = Part::bytes(PNG.to_vec()).file_name("a.png");
    User::send(user.request(Method::POST, UPLOAD).multipart(Form::new().part("file", part))).await
}

/// The files below the data folder, in no order.
fn files(data: &Path) -> Vec<PathBuf> {
    let entries =
        |folder: &Path| std::fs::read_dir(folder).map(|found| found.map(|entry| entry.unwrap().path()).collect());
    let days: Vec<PathBuf> = entries(&data.join("files")).unwrap_or_default();
    days.iter().flat_map(|day| entries(day).unwrap_or_else(|_| Vec::new())).collect()
}

/// Adds the job of an unfinished upload, and the object that it has left.
fn leave_unfinished(connection: &mut AnyConnection, data: &Path, number: i64, run_at: Millis) {
    let path = format!("20261120/{number:032x}.png");
    let object = data.join("files").join(&path);
    std::fs::create_dir_all(object.parent().unwrap()).unwrap();
    std::fs::write(object, PNG).unwrap();
    insert_job(connection, number, &path, &serde_json::json!({"path": path}).to_string(), run_at);
}

fn insert_job(connection: &mut AnyConnection, id: i64, key: &str, payload: &str, run_at: Millis) {
    let time = to_timestamp(run_at);
    diesel::insert_into(kefu_job::table)
        .values((
            kefu_job::id.eq(1_000_000 + id),
            kefu_job::kind.eq("file.remove_unfinished"),
            kefu_job::key.eq(key),
            kefu_job::payload.eq(payload),
            kefu_job::run_at.eq(time),
            kefu_job::create_time.eq(time),
            kefu_job::update_time.eq(time),
            kefu_job::tenant_id.eq(0),
        ))
        .execute(connection)
        .unwrap();
}

/// Adds logins that ended a week ago.
fn insert_expired_logins(connection: &mut AnyConnection, ids: std::ops::Range<i64>, now: Millis) {
    let then = to_timestamp(now - 7 * 24 * HOUR);
    for id in ids {
        diesel::insert_into(kefu_login::table)
            .values((
                kefu_login::id.eq(1_000_000 + id),
                kefu_login::user_id.eq(id),
                kefu_login::user_type.eq(1),
                kefu_login::generation.eq(0),
                kefu_login::expires_time.eq(then),
                kefu_login::create_time.eq(then),
                kefu_login::update_time.eq(then),
                kefu_login::tenant_id.eq(1),
            ))
            .execute(connection)
            .unwrap();
    }
}

/// The number in a line of `/metrics`, 0 when the line is not there.
pub(crate) async fn runs(app: &TestApp, kind: &str, outcome: &str) -> i64 {
    let text = app.http.get(app.url("/metrics")).send().await.unwrap().text().await.unwrap();
    let name = format!("kefu_job_runs_total{{kind=\"{kind}\",outcome=\"{outcome}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn what_has_expired_is_deleted_each_hour_a_few_at_a_time() {
    let app = TestApp::spawn().await;
    eventually("the run of the start", async || runs(&app, "auth.delete_expired", "done").await == 1).await;
    let now = app.clock.now();
    app.db
        .write(move |connection| {
            insert_expired_logins(connection, 0..1100, now);
            Ok(())
        })
        .await
        .unwrap();
    app.owner().await;
    app.clock.advance(HOUR - 1);
    assert_eq!(app.count("kefu_login").await, 1101);
    app.clock.advance(1);
    eventually("only the login of today is left", async || app.count("kefu_login").await == 1).await;
    eventually("it took three runs", async || runs(&app, "auth.delete_expired", "done").await == 4).await;

    // Revocations, too; and the next hour comes.
    let owner = app.owner().await;
    owner.post("/admin-api/system/auth/logout", serde_json::json!({})).await.ok();
    assert_eq!(app.count("kefu_revocation").await, 1);
    app.clock.advance(60 * 24 * HOUR);
    eventually("both are gone", async || app.count("kefu_login").await + app.count("kefu_revocation").await == 0).await;
    app.stop().await;
}

#[tokio::test]
async fn nothing_expires_by_a_clock_that_has_jumped() {
    let app = TestApp::spawn().await;
    eventually("the run of the start", async || runs(&app, "auth.delete_expired", "done").await == 1).await;
    app.owner().await;
    let now = app.clock.now();
    app.clock.correct(now + 400 * 24 * HOUR);
    eventually("the run of that hour", async || runs(&app, "auth.delete_expired", "done").await == 2).await;
    assert_eq!(app.count("kefu_login").await, 1);
    // A day without a further correction, and the clock is believed.
    app.clock.advance(24 * HOUR);
    eventually("the login has expired", async || app.count("kefu_login").await == 0).await;
    app.stop().await;
}

#[tokio::test]
async fn an_upload_that_fails_leaves_neither_file_nor_job() {
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    upload(&member).await.ok();
    let kept = files(&app.settings.data_dir);
    app.refuse("INSERT", "kefu_file", "NEW.size > 0");
    assert_eq!(upload(&member).await.code, 500);
    app.refuse_no_more("kefu_file");
    eventually("the object is removed", async || files(&app.settings.data_dir) == kept).await;
    eventually("its job is done", async || app.count("kefu_job WHERE kind = 'file.remove_unfinished'").await == 0)
        .await;
    assert_eq!((kept.len(), app.count("kefu_file").await), (1, 1));
    app.stop().await;
}

#[tokio::test]
async fn parts_that_no_job_knows_are_removed_when_they_are_a_day_old() {
    let app = TestApp::spawn().await;
    eventually("the run of the start", async || runs(&app, "file.remove_staged", "done").await == 1).await;
    let day = app.settings.data_dir.join("files/20261120");
    std::fs::create_dir_all(&day).unwrap();
    let file = |name: &str, age: Millis| {
        let file = std::fs::File::create(day.join(name)).unwrap();
        let modified = u64::try_from(START + 24 * HOUR - age).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_millis(modified)).unwrap();
    };
    file("old.png#1", 25 * HOUR);
    file("new.png#12", 23 * HOUR);
    file("whole.png", 25 * HOUR);
    file("odd#name", 25 * HOUR);
    app.clock.advance(24 * HOUR);
    eventually("the second run", async || runs(&app, "file.remove_staged", "done").await == 2).await;
    let mut left: Vec<_> =
        files(&app.settings.data_dir).iter().map(|file| file.file_name().unwrap().to_owned()).collect();
    left.sort();
    assert_eq!(left, ["new.png#12", "odd#name", "whole.png"]);
    app.stop().await;
}

#[tokio::test]
async fn two_nodes_run_each_job_once() {
    const JOBS: i64 = 60;
    let app = TestApp::spawn().await;
    let other = app.another_node(|_| ()).await;
    let (data, run_at) = (app.settings.data_dir.clone(), START + HOUR / 2);
    app.db
        .write(move |connection| {
            (0..JOBS).for_each(|number| leave_unfinished(connection, &data, number, run_at));
            Ok(())
        })
        .await
        .unwrap();
    app.clock.advance(HOUR / 2);
    let count = async |outcome| {
        let kind = "file.remove_unfinished";
        (runs(&app, kind, outcome).await, runs(&other, kind, outcome).await)
    };
    eventually("all have run", async || {
        let (here, there) = count("done").await;
        here + there == JOBS
    })
    .await;
    assert_eq!((files(&app.settings.data_dir).len(), count("lost").await, count("failed").await), (0, (0, 0), (0, 0)));
    assert_eq!(app.count("kefu_job WHERE kind = 'file.remove_unfinished'").await, 0);
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn an_operator_sees_a_dead_job_and_lets_it_run_again() {
    let app = TestApp::spawn().await;
    app.db
        .write(|connection| {
            insert_job(connection, 7, "20261120/x.png", "{}", START);
            Ok(())
        })
        .await
        .unwrap();
    app.clock.advance(1);
    app.until_metric("kefu_jobs{state=\"dead\"}", 1).await;
    let (folder, url) = (app.settings.data_dir.parent().unwrap(), app.settings.database_url());
    let command = async |arguments: &[&str]| {
        let arguments = [arguments, &["--database-url", &url]].concat();
        done(folder, &arguments, "").await
    };
    let listed = command(&["job", "list", "--dead"]).await;
    let fields: Vec<&str> = listed.trim_end().split('\t').collect();
    assert_eq!(fields[..4], ["1000007", "file.remove_unfinished", "dead", "1"], "{listed}");
    assert!(fields[4].starts_with("2026-11-21 12:00:") && fields[5] == "20261120/x.png", "{listed}");
    assert!(fields[6].contains("the payload is not understood"), "{listed}");
    let all = command(&["job", "list"]).await;
    assert_eq!(all.lines().count(), 4, "{all}");
    assert!(all.lines().skip(1).all(|line| line.contains("\twaiting\t0\t2026-11-")), "{all}");
    let unknown = failed(folder, &["job", "retry", "5", "--database-url", &url], "").await;
    assert!(unknown.contains("no such job"), "{unknown}");

    let payload = "UPDATE kefu_job SET payload = '{\"path\":\"20261120/x.png\"}' WHERE id = 1000007";
    app.execute(payload);
    assert_eq!(command(&["job", "retry", "1000007"]).await, "1 to run again\n");
    assert_eq!(command(&["job", "retry", "--dead"]).await, "0 to run again\n");
    // The command line has the system's clock.
    app.clock.set(Clock::system().now() + HOUR);
    eventually("it has run", async || app.count("kefu_job WHERE id = 1000007").await == 0).await;
    app.until_metric("kefu_jobs{state=\"dead\"}", 0).await;
    app.stop().await;
}

async fn open(folder: &Path) -> Db {
    let settings = Settings { data_dir: folder.join("data"), ..Settings::default() };
    Db::open(Backend::parse(&settings.database_url()).unwrap(), &settings.database).unwrap()
}

async fn count_jobs(db: &Db) -> i64 {
    let unfinished = kefu_job::table.filter(kefu_job::kind.eq("file.remove_unfinished")).count();
    db.run(move |connection| Ok(unfinished.get_result(connection)?)).await.unwrap()
}

/// Begins an upload of 1 MiB and sends half of it.
async fn begin_upload(serve: &Serve, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&serve.address).await.unwrap();
    let head = format!(
        "POST {UPLOAD} HTTP/1.1\r\nHost: kefu\r\nAuthorization: Bearer {token}\r\nContent-Length: 1048719\r\n\
         Content-Type: multipart/form-data; boundary=limit\r\n\r\n--limit\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut half = PNG.to_vec();
    half.resize(512 * 1024, b'x');
    stream.write_all(&half).await.unwrap();
    stream
}

#[tokio::test]
async fn uploads_killed_midway_or_before_their_row_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let serve = Serve::start(folder.path(), &[]).await;
    let tokens = done(folder.path(), &["token", "member", "--user-id", "1001", "--nickname", "x"], "").await;
    let member = serve.user(&tokens);
    upload(&member).await.ok();
    let kept = files(&data);

    // Both are half there; then one is written whole while nobody can write rows.
    let (_midway, mut whole) =
        (begin_upload(&serve, member.access_token()).await, begin_upload(&serve, member.access_token()).await);
    eventually("both are staged", async || files(&data).len() == 3).await;
    assert!(files(&data).iter().filter(|file| file.to_string_lossy().contains(".png#")).count() == 2);
    let db = open(folder.path()).await;
    assert_eq!(count_jobs(&db).await, 2);
    let mut lock = db.connect().unwrap();
    diesel::connection::SimpleConnection::batch_execute(&mut lock, "BEGIN IMMEDIATE").unwrap();
    let mut rest = vec![b'x'; 512 * 1024];
    rest.extend_from_slice(b"\r\n--limit--\r\n");
    whole.write_all(&rest).await.unwrap();
    eventually("one is whole", async || {
        files(&data).iter().filter(|file| !file.to_string_lossy().contains('#')).count() == 2
    })
    .await;
    serve.kill().await;
    drop(lock);

    let serve = Serve::start(folder.path(), &[]).await;
    eventually("only the finished one is left", async || files(&data) == kept).await;
    eventually("no job is left", async || count_jobs(&db).await == 0).await;
    let rows: i64 = db.run(|connection| Ok(kefu_file::table.count().get_result(connection)?)).await.unwrap();
    assert_eq!(rows, 1);
    assert_eq!(serve.terminate().await.code, Some(0));
}

#[tokio::test]
async fn killed_inside_jobs_nothing_is_lost_and_nothing_that_was_finished_is_touched() {
    const UNFINISHED: i64 = 150;
    const LOGINS: i64 = 8000;
    // On a busy machine each comes after a step of a hundred and more; on an idle one some are enough.
    const KILLS: usize = 30;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let serve = Serve::start(folder.path(), &[]).await;
    let tokens = done(folder.path(), &["token", "member", "--user-id", "1001", "--nickname", "x"], "").await;
    upload(&serve.user(&tokens)).await.ok();
    serve.kill().await;
    let kept = files(&data);

    let db = open(folder.path()).await;
    let (now, left_in) = (Clock::system().now(), data.clone());
    db.write(move |connection| {
        (0..UNFINISHED).for_each(|number| leave_unfinished(connection, &left_in, number, now));
        insert_expired_logins(connection, 0..LOGINS, now);
        Ok(())
    })
    .await
    .unwrap();
    let logins = async || db.run(|connection| Ok(kefu_login::table.count().get_result(connection)?)).await.unwrap();
    let left = async || -> (i64, i64) { (count_jobs(&db).await, logins().await) };
    for _ in 0..KILLS {
        let before = left().await;
        if before == (0, 1) {
            break;
        }
        let serve = Serve::start(folder.path(), &[]).await;
        // It runs at once: the kill comes somewhere inside.
        eventually("it goes on", async || left().await != before).await;
        serve.kill().await;
        // On a busy machine the same job may be hit each time, and the tenth would be its last.
        let anew = |connection: &mut _| {
            Ok(diesel::update(kefu_job::table).set(kefu_job::attempts.eq(0)).execute(connection)?)
        };
        db.write(anew).await.unwrap();
    }
    let serve = Serve::start(folder.path(), &[]).await;
    eventually("it comes to an end", async || left().await == (0, 1)).await;
    serve.kill().await;
    assert_eq!(files(&data), kept);
    let jobs: Vec<(String, i32)> = db
        .run(|connection| {
            Ok(kefu_job::table.order(kefu_job::kind).select((kefu_job::kind, kefu_job::state)).load(connection)?)
        })
        .await
        .unwrap();
    // The last kill may have come before the members' words were written.
    let kinds = jobs.iter().map(|(kind, _)| kind.as_str()).filter(|kind| *kind != "account.index_words");
    assert_eq!(kinds.collect::<Vec<_>>(), ["audit.delete_old", "auth.delete_expired", "file.remove_staged"]);
}
