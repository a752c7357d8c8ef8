//! An embedded database that is not where it should be: nothing is invented in its place, at a start, by a command or under
//! the running service.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::process::{Serve, done, failed};
use crate::support::{Reply, User, eventually, text};

const MEMBER: [&str; 5] = ["token", "member", "--user-id", "1", "--nickname=m"];
const SECRET: [&str; 2] = ["--set", "auth.secret=0123456789abcdef0123456789abcdef"];

/// What creates a database where there is none.
const CREATING: [&[&str]; 4] = [
    &["serve", "--listen", "127.0.0.1:0"],
    &["migrate", "up"],
    &MEMBER,
    &["admin", "add", "--username", "red", "--nickname", "r", "--role", "agent"],
];

async fn try_send(member: &User, content: &str) -> Reply {
    member.post("/app-api/promotion/kefu-message/send", json!({"contentType": 1, "content": text(content)})).await
}

/// Deletes the three files of the database, as `rm data/kefu.db*` does.
fn delete(folder: &Path) {
    for ending in ["", "-wal", "-shm"] {
        drop(fs::remove_file(folder.join(format!("data/kefu.db{ending}"))));
    }
}

#[tokio::test]
async fn a_command_in_a_wrong_folder_invents_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        &["admin", "list"][..],
        &["admin", "password", "--username", "admin"],
        &["admin", "disable", "--username", "admin"],
        &["admin", "enable", "--username", "admin"],
        &["migrate", "status"],
        &["migrate", "down", "--to", "00000000000001_initial", "--yes"],
        &["backup", "copy.db"],
        &["restore", "--mark"],
    ] {
        let line = failed(folder.path(), command, "correct horse\n").await;
        assert!(line.contains("there is no database at data/kefu.db (data_dir)"), "{command:?}: {line}");
        assert!(!folder.path().join("data").exists(), "{command:?}");
        let elsewhere = [command, &["--database-url", "sqlite:other.db"]].concat();
        let line = failed(folder.path(), &elsewhere, "correct horse\n").await;
        assert!(line.contains("there is no database at other.db (database.url)"), "{command:?}: {line}");
        assert!(!folder.path().join("other.db").exists(), "{command:?}");
    }
    done(folder.path(), &MEMBER, "").await;
    done(folder.path(), &["admin", "list"], "").await;
}

#[tokio::test]
async fn a_start_does_not_take_a_lost_database_for_a_new_one() {
    for (what, flags) in [("data/secret", &[][..]), ("data/kefu.db.lock", &SECRET[..])] {
        let folder = tempfile::tempdir().unwrap();
        Serve::start(folder.path(), flags).await.terminate().await;
        for empty in [false, true] {
            delete(folder.path());
            if empty {
                fs::write(folder.path().join("data/kefu.db"), "").unwrap();
            }
            for command in CREATING {
                let line = failed(folder.path(), &[command, flags].concat(), "correct horse\n").await;
                assert!(line.contains(what) && line.contains("kefu restore BACKUP"), "{command:?}: {line}");
                let left = fs::metadata(folder.path().join("data/kefu.db")).map(|found| found.len());
                assert_eq!(left.ok(), empty.then_some(0), "{command:?}");
            }
        }
        done(folder.path(), &["migrate", "up", "--new"], "").await;
        assert!(Serve::start(folder.path(), flags).await.first_password().is_some(), "{what}");
    }
}

#[tokio::test]
async fn uploads_and_a_log_speak_of_a_database_too() {
    for left in ["data/files/20261127/a.png", "data/kefu.db-wal"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(left);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "left").unwrap();
        let line = failed(folder.path(), CREATING[0], "").await;
        assert!(line.contains("there is no database") && line.contains("kefu migrate up --new"), "{line}");
        assert!(path.exists() && !folder.path().join("data/kefu.db").exists());
    }
}

#[tokio::test]
async fn a_start_that_failed_before_its_database_is_no_trace_of_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("data/kefu.db")).unwrap();
    failed(folder.path(), CREATING[0], "").await;
    fs::remove_dir(folder.path().join("data/kefu.db")).unwrap();
    assert!(Serve::start(folder.path(), &[]).await.first_password().is_some());
}

#[tokio::test]
async fn a_database_deleted_under_the_service_takes_no_more_sends() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = done(folder.path(), &MEMBER, "").await;
    let serve = Serve::start(folder.path(), &[]).await;
    let member = serve.user(&tokens);
    let ready = async || reqwest::get(format!("http://{}/readyz", serve.address)).await.unwrap().status().as_u16();
    member.says("before").await;
    assert_eq!(ready().await, 200);

    let (place, away) = (folder.path().join("data/kefu.db"), folder.path().join("data/away.db"));
    fs::rename(&place, &away).unwrap();
    assert_eq!(try_send(&member, "while it is away").await.status, 503);
    assert_eq!(ready().await, 503);
    assert!(!place.exists(), "a new file was made in its place");
    fs::copy(&away, &place).unwrap();
    assert_eq!(try_send(&member, "while another is there").await.status, 503);
    fs::rename(&away, &place).unwrap();
    eventually("sends are stored again", async || try_send(&member, "after").await.code == 0).await;
    // Not at once, if the pool has failed to open the file a moment ago.
    eventually("it is ready again", async || ready().await == 200).await;
    let texts: Vec<_> =
        member.own_messages("limit=200").await.into_iter().map(|message| message["content"].clone()).collect();
    let has = |wanted: &str| texts.iter().any(|content| content.as_str().unwrap().contains(wanted));
    assert!(has("before") && has("after") && !has("while"), "{texts:?}");

    delete(folder.path());
    assert_eq!(try_send(&member, "lost").await.status, 503);
    assert_eq!(ready().await, 503);
    let errors = serve.terminate().await.errors;
    assert_eq!(errors.matches("was deleted, moved or replaced under the running service").count(), 2, "{errors}");
    assert!(failed(folder.path(), CREATING[0], "").await.contains("data/secret"));
}

#[tokio::test]
async fn a_log_deleted_under_the_service_takes_no_more_sends() {
    for file in ["kefu.db-wal", "kefu.db-shm"] {
        let folder = tempfile::tempdir().unwrap();
        let tokens = done(folder.path(), &MEMBER, "").await;
        let serve = Serve::start(folder.path(), &[]).await;
        let member = serve.user(&tokens);
        member.says("before").await;
        fs::remove_file(folder.path().join("data").join(file)).unwrap();
        assert_eq!(try_send(&member, "lost").await.status, 503);
        assert_eq!(reqwest::get(format!("http://{}/readyz", serve.address)).await.unwrap().status(), 503);
        let errors = serve.terminate().await.errors;
        assert_eq!(errors.matches("was deleted, moved or replaced under the running service").count(), 1, "{errors}");
        assert!(errors.contains(file), "{errors}");
    }
}
