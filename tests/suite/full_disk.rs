//! An embedded database whose disk is full, or that others keep locked: honest refusals, not ready while it lasts, and
//! ready again by itself.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use diesel::connection::SimpleConnection;
use kefu::testing::db::Backend;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;

use crate::support::database::{Kind, only_on, say};
use crate::support::process::{done, kefu};
use crate::support::{TestApp, User, eventually, path, text};

/// A disk of so many MiB, or `None` for who may not mount one.
struct Disk(TempDir);

impl Disk {
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            say("NOT RUN: only for root, who may mount a disk of a few MiB");
        }
        mounted.then(|| Self(folder))
    }

    /// Takes what is left of it.
    fn fill(&self) -> std::path::PathBuf {
        let path = self.0.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.0.path()).status());
    }
}

async fn upload(user: &User, mebibytes: usize) -> (StatusCode, i64, Option<String>) {
    let content = [&b"\x89PNG\r\n\x1a\n"[..], &vec![7; mebibytes * 1024 * 1024]].concat();
    let form = Form::new().part("file", Part::bytes(content).file_name("a.png"));
    let request = user.request(Method::POST, "/app-api/infra/file/upload").multipart(form);
    let response = request.send().await.unwrap();
    let (status, wait) = (response.status(), response.headers().get("retry-after").cloned());
    let answer: serde_json::Value = response.json().await.unwrap();
    (status, answer["code"].as_i64().unwrap(), wait.map(|wait| wait.to_str().unwrap().to_owned()))
}

/// A send that is refused because nothing can be stored now.
async fn is_refused(user: &User, content: &str) {
    let body = json!({"contentType": 1, "content": content});
    let response = user.request(Method::POST, path::MEMBER_SEND).json(&body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(response.json::<serde_json::Value>().await.unwrap()["code"], 503);
}

fn stored_files(folder: &Path) -> usize {
    let days = std::fs::read_dir(folder.join("files")).unwrap();
    days.map(|day| std::fs::read_dir(day.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test]
async fn uploads_leave_a_reserve_for_messages_and_a_full_disk_is_said_honestly() {
    if only_on(Kind::Sqlite, "whose file is on the disk of the service") {
        return;
    }
    let Some(disk) = Disk::mount(24) else { return };
    let app = TestApp::spawn_with(|settings| {
        settings.data_dir = disk.0.path().join("data");
        settings.limits.disk_reserve_bytes = 8 * 1024 * 1024;
        settings.limits.sends_per_s = 0;
    })
    .await;
    let member = app.member(1001).await;
    let mut uploads = Vec::new();
    while uploads.last().is_none_or(|(_, code, _)| *code == 0) {
        uploads.push(upload(&member, 3).await);
    }
    let refused = uploads.pop().unwrap();
    assert_eq!(refused, (StatusCode::SERVICE_UNAVAILABLE, 503, Some("60".to_owned())));
    assert!((5..8).contains(&uploads.len()), "{}: a tenth of the disk is left", uploads.len());
    assert_eq!(stored_files(&app.settings.data_dir), uploads.len(), "nothing of the refused one stays");
    assert_eq!(app.readiness().await.0, 200);
    member.says("消息还能发").await;

    let filler = disk.fill();
    // What is free in the log is used up first, and a checkpoint may free some again.
    let long = text(&"长".repeat(1900));
    eventually("nothing can be stored", async || {
        let reply = member.post(path::MEMBER_SEND, json!({"contentType": 1, "content": long})).await;
        assert!(matches!((reply.status.as_u16(), reply.code), (200, 0) | (503, 503)), "{reply:?}");
        reply.code == 503
    })
    .await;
    let (status, state) = app.readiness().await;
    assert_eq!((status, &state["status"]), (503, &json!("unavailable")), "{state}");
    assert_ne!(state["database"], "ok");
    assert!(!member.own_messages("").await.is_empty(), "what is there can be read");

    std::fs::remove_file(filler).unwrap();
    // Without a client's help.
    eventually("ready again", async || app.readiness().await.0 == 200).await;
    member.says("又能发了").await;
    app.stop().await;
}

#[tokio::test]
async fn commands_say_that_the_disk_is_full_and_which_file_is_on_it() {
    let Some(disk) = Disk::mount(4) else { return };
    let folder = disk.0.path();
    done(folder, &["migrate", "up"], "").await;
    let token = ["token", "member", "--user-id", "1", "--nickname", "m"];
    done(folder, &token, "").await;
    drop(disk.fill());
    let add = ["admin", "add", "--username", "amy", "--nickname", "amy", "--role", "agent"];
    for (arguments, file) in [
        (&add[..], "data/kefu.db"),
        (&token, "data/kefu.db"),
        (&["tenant", "set", "login.ttl", "3600"], "data/kefu.db"),
        (&["migrate", "up", "--data-dir", "new"], "new/kefu.db"),
        (&["serve", "--listen", "127.0.0.1:0", "--data-dir", "new"], "new/kefu.db"),
        (&["backup", "copy.db"], "data/kefu.db"),
    ] {
        let ended = kefu(folder, arguments, "a long password\n").await;
        let line = ended.errors.lines().last().unwrap_or_default();
        assert_eq!(ended.code, Some(1), "{arguments:?}: {line}");
        assert!(line.contains(file) && !line.contains("busy"), "{arguments:?}: {line}");
        assert!(
            ["full", "No space left", "disk I/O error"].iter().any(|why| line.contains(why)),
            "{arguments:?}: {line}"
        );
    }
}

#[tokio::test]
async fn a_folder_of_files_that_is_full_costs_only_the_upload() {
    let Some(disk) = Disk::mount(4) else { return };
    let app = TestApp::spawn_with(|settings| settings.limits.disk_reserve_bytes = 0).await;
    let member = app.member(1001).await;
    let files = app.settings.data_dir.join("files");
    let bind = Command::new("mount").arg("--bind").arg(disk.0.path()).arg(&files).status();
    assert!(bind.unwrap().success());
    let mut socket = member.socket("").await;
    let filler = disk.fill();
    for mebibytes in [0, 1] {
        let (status, code, wait) = upload(&member, mebibytes).await;
        assert_eq!((status, code), (StatusCode::SERVICE_UNAVAILABLE, 503));
        assert!(wait.is_some());
    }
    assert!(socket.events_so_far().await.is_empty(), "the socket lives");
    std::fs::remove_file(filler).unwrap();
    eventually("nothing is left of them", async || stored_files(&app.settings.data_dir) == 0).await;
    assert_eq!(upload(&member, 1).await.1, 0);
    assert!(Command::new("umount").arg("--lazy").arg(&files).status().unwrap().success());
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_others_keep_locked_is_not_ready() {
    if only_on(Kind::Sqlite, "which one process can lock whole") {
        return;
    }
    let app = TestApp::spawn().await;
    let member = app.member(1001).await;
    member.says("一").await;
    let mut other = Backend::parse(&app.settings.database_url()).unwrap().connect().unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    is_refused(&member, &text("二")).await;
    let (status, state) = app.readiness().await;
    assert_eq!((status, &state["database"]), (503, &json!("unwritable")));
    other.batch_execute("ROLLBACK").unwrap();
    eventually("ready again", async || app.readiness().await.0 == 200).await;
    member.says("二").await;
    app.stop().await;
}
