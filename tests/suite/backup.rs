//! `kefu backup` and `kefu restore`, through the built program.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use futures_util::future::join_all;
use kefu::settings::Settings;
use kefu::testing::db::{Backend, Db, mark_restored};
use serde_json::json;

use crate::support::database::{Kind, only_on_servers};
use crate::support::process::{Serve, done, failed};
use crate::support::tables::{StoredConversation, sound_conversations};
use crate::support::{START, TestApp, TestDatabase, User, eventually, text};

/// Ids after a restore are above this: seconds since 1970 times a million.
const LIFTED: i64 = START / 1000 * (1 << 20);

async fn member(folder: &Path, serve: &Serve, id: i64) -> User {
    let id = id.to_string();
    serve.user(&done(folder, &["token", "member", "--user-id", &id, "--nickname", &id], "").await)
}

/// What a database holds, its invariants checked.
async fn stored(database: &Path) -> Vec<StoredConversation> {
    let db = Db::open(Backend::Sqlite(database.to_owned()), &Settings::default().database).unwrap();
    sound_conversations(&db, 1).await
}

async fn contents(database: &Path) -> HashSet<String> {
    let all = stored(database).await;
    all.into_iter().flat_map(|conversation| conversation.messages).map(|message| message.content).collect()
}

fn execute(database: &Path, sql: &str) {
    SqliteConnection::establish(database.to_str().unwrap()).unwrap().batch_execute(sql).unwrap();
}

/// The file names in a folder that begin like this.
fn names(folder: &Path, beginning: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(beginning)).collect()
}

#[tokio::test]
async fn a_backup_under_load_holds_all_that_was_answered_before_and_the_service_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path(), &["--set", "limits.sends_per_s=0"]).await;
    let members = join_all((1..=8).map(|id| member(folder.path(), &serve, id))).await;
    let (answered, stop) = (Mutex::new(HashSet::new()), AtomicBool::new(false));
    let count = AtomicUsize::new(0);
    let send = async |user: &User| {
        while !stop.load(Ordering::Relaxed) {
            let said = format!("{} of {}", count.fetch_add(1, Ordering::Relaxed), user.id());
            user.says(&said).await;
            answered.lock().unwrap().insert(text(&said));
        }
    };
    let has = |more: usize| answered.lock().unwrap().len() >= more;
    let back_up = async {
        eventually("some sends are answered", async || has(200)).await;
        let before = answered.lock().unwrap().clone();
        let line = done(folder.path(), &["backup", "copy.db"], "").await;
        let after = answered.lock().unwrap().len();
        eventually("the service goes on", async || has(after + 50)).await;
        stop.store(true, Ordering::Relaxed);
        (before, line)
    };
    let ((before, line), _) = tokio::join!(back_up, join_all(members.iter().map(send)));
    assert!(line.starts_with("backed up 8 conversations, ") && line.lines().count() == 1, "{line}");
    assert_eq!(serve.terminate().await.code, Some(0));
    assert_eq!(names(folder.path(), "copy.db").len(), 1, "nothing else is left beside it");

    let elsewhere = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let line = done(elsewhere.path(), &["restore", copy.to_str().unwrap()], "").await;
    assert!(line.starts_with("restored 8 conversations, ") && !line.contains("what was there"), "{line}");
    let restored = contents(&elsewhere.path().join("data/kefu.db")).await;
    assert!(restored.is_superset(&before), "answered before the backup began and lost");
    assert!(restored.is_subset(&answered.into_inner().unwrap()));

    let serve = Serve::start(elsewhere.path(), &[]).await;
    let id = member(elsewhere.path(), &serve, 1).await.says("again").await;
    assert!((LIFTED..1 << 53).contains(&id), "{id}");
    assert_eq!(serve.terminate().await.code, Some(0));
}

#[tokio::test]
async fn a_restore_keeps_what_was_there_and_tells_clients_who_are_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path(), &[]).await;
    let alice = member(folder.path(), &serve, 1).await;
    alice.says("one").await;
    done(folder.path(), &["backup", "copy.db"], "").await;
    let lost = [alice.says("two").await, alice.says("three").await];
    let mut socket = alice.socket("lastSeq=3").await;
    assert_eq!(socket.expect("kefu_resync_done").await, json!({"restoredAt": null}));
    // The newest messages are in the log alone.
    serve.kill().await;
    let data = folder.path().join("data");
    assert!(!names(&data, "kefu.db-wal").is_empty());

    let line = done(folder.path(), &["restore", "copy.db"], "").await;
    let kept = names(&data, "kefu.db.before-restore-");
    assert!(kept.len() == 1 && line.contains(kept[0].to_str().unwrap()), "{line}: {kept:?}");
    assert_eq!(contents(&kept[0]).await, ["one", "two", "three"].map(text).into());
    assert_eq!(contents(&data.join("kefu.db")).await, ["one"].map(text).into());

    let serve = Serve::start(folder.path(), &[]).await;
    let alice = member(folder.path(), &serve, 1).await;
    let mut socket = alice.socket("lastSeq=3").await;
    let restored_at = socket.expect("kefu_resync_done").await["restoredAt"].as_i64();
    assert!(restored_at > Some(START), "{restored_at:?}");
    let id = alice.says("another two").await;
    assert!(!lost.contains(&id));
    assert_eq!(socket.expect("kefu_message_type").await["seq"], 2, "what comes is new to a client that was ahead");
    // It has forgotten its position and loads anew.
    let mut socket = alice.socket("lastSeq=0").await;
    let replayed = socket.events_until("kefu_resync_done").await;
    assert_eq!(replayed.len(), 2);
    assert_eq!(serve.terminate().await.code, Some(0));
}

#[tokio::test]
async fn a_damaged_database_can_be_replaced_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["migrate", "up"], "").await;
    done(folder.path(), &["backup", "copy.db"], "").await;
    let database = folder.path().join("data/kefu.db");
    let garbage = b"garbage ".repeat(2048);
    for ending in ["", "-wal"] {
        fs::write(format!("{}{ending}", database.display()), &garbage).unwrap();
    }
    done(folder.path(), &["restore", "copy.db"], "").await;
    let kept = names(&folder.path().join("data"), "kefu.db.before-restore-");
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(fs::read(&kept[0]).unwrap() == garbage);
    assert!(names(&folder.path().join("data"), "kefu.db-").is_empty(), "no log meets the new file");
    assert_eq!(stored(&database).await.len(), 0);
    // Also when several meet in a second.
    for count in 2..=4 {
        done(folder.path(), &["restore", "copy.db"], "").await;
        assert_eq!(names(&folder.path().join("data"), "kefu.db.before-restore-").len(), count);
    }

    fs::remove_file(&database).unwrap();
    fs::write(folder.path().join("data/kefu.db-wal"), &garbage).unwrap();
    done(folder.path(), &["restore", "copy.db"], "").await;
    assert!(names(&folder.path().join("data"), "kefu.db-").is_empty(), "no log meets the new file");
}

#[tokio::test]
async fn what_cannot_be_backed_up_or_restored_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text.db"), "no database").unwrap();
    for file in ["missing.db", "text.db", "."] {
        failed(folder.path(), &["restore", file], "").await;
    }
    assert_eq!(
        names(folder.path(), "").len(),
        1,
        "what cannot be restored leaves nothing: {:?}",
        names(folder.path(), "")
    );
    assert!(failed(folder.path(), &["backup", "copy.db"], "").await.contains("data/kefu.db"));
    let serve = Serve::start(folder.path(), &[]).await;
    let alice = member(folder.path(), &serve, 1).await;
    for number in 0..100 {
        alice.says(&format!("{number} {}", "long ".repeat(100))).await;
    }
    done(folder.path(), &["backup", "copy.db"], "").await;
    assert!(failed(folder.path(), &["backup", "copy.db"], "").await.contains("not overwritten"));
    assert!(failed(folder.path(), &["backup", "nowhere/copy.db"], "").await.contains("nowhere/copy.db"));
    assert!(failed(folder.path(), &["restore", "copy.db"], "").await.contains("another kefu process"));
    assert_eq!(serve.terminate().await.code, Some(0));

    let good = fs::read(path("copy.db")).unwrap();
    let mut damaged = good.clone();
    damaged[good.len() / 4..good.len() / 4 * 3].fill(7);
    fs::write(path("damaged.db"), &damaged).unwrap();
    fs::write(path("short.db"), &good[..good.len() / 2]).unwrap();
    fs::write(path("text.db"), "no database, but longer than the header of one\n".repeat(100)).unwrap();
    fs::write(path("empty.db"), "").unwrap();
    execute(&path("other.db"), "CREATE TABLE a (b)");
    fs::write(path("newer.db"), &good).unwrap();
    execute(&path("newer.db"), "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");
    fs::write(path("index.db"), &good).unwrap();
    // An index that has more than its table.
    for sql in [
        "PRAGMA writable_schema = ON; CREATE TABLE kept AS SELECT * FROM sqlite_master WHERE name = 'kefu_message_time';
         DELETE FROM sqlite_master WHERE name = 'kefu_message_time'",
        "DELETE FROM kefu_message WHERE seq = 1",
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_master SELECT * FROM kept",
    ] {
        execute(&path("index.db"), sql);
    }
    let before = fs::read(path("data/kefu.db")).unwrap();
    for (file, why) in [
        ("missing.db", "No such file"),
        (".", "is no file"),
        ("damaged.db", "malformed"),
        ("short.db", "malformed"),
        ("index.db", "the database is damaged"),
        ("text.db", "no SQLite database"),
        ("empty.db", "no kefu database"),
        ("other.db", "no kefu database"),
        ("newer.db", "use a newer kefu"),
        ("data/kefu.db", "the database itself"),
    ] {
        let line = failed(folder.path(), &["restore", file], "").await;
        assert!(line.contains(why) && line.contains(file), "{file}: {line}");
        assert_eq!(fs::read(path("data/kefu.db")).unwrap(), before, "{file}");
    }
    let url = |name: &str| format!("sqlite:{}", path(name).display());
    for (name, why) in [("other.db", "no kefu database"), ("newer.db", "use a newer kefu"), ("damaged.db", "malformed")]
    {
        let line = failed(folder.path(), &["backup", "more.db", "--database-url", &url(name)], "").await;
        assert!(line.contains(why), "{line}");
        assert!(names(folder.path(), "more.db").is_empty(), "{name}");
    }
    let mut reader = SqliteConnection::establish(path("data/kefu.db").to_str().unwrap()).unwrap();
    reader.batch_execute("BEGIN; SELECT * FROM kefu_message").unwrap();
    assert!(failed(folder.path(), &["restore", "copy.db"], "").await.contains("open in another process"));
    drop(reader);
    assert_eq!(names(&path("data"), "kefu.db").len(), 2, "the database and its lock: {:?}", names(&path("data"), ""));
    done(folder.path(), &["restore", "copy.db"], "").await;
}

#[tokio::test]
async fn on_servers_both_say_what_to_use_instead() {
    let folder = tempfile::tempdir().unwrap();
    for (url, tool) in [("mysql://u:secret@h/d", "mariadb-dump"), ("postgres://u:secret@h/d", "pg_dump")] {
        for command in ["backup", "restore"] {
            let line = failed(folder.path(), &[command, "copy.db", "--database-url", url], "").await;
            assert!(line.contains(tool) && !line.contains("secret"), "{line}");
        }
    }
}

#[tokio::test]
async fn a_restore_by_other_means_is_marked_on_every_database() {
    let mut app = TestApp::spawn().await;
    // A running node holds ids that it took before.
    app = app.restart().await;
    let (folder, url) = (tempfile::tempdir().unwrap(), app.settings.database_url());
    let mark = ["restore", "--mark", "--database-url", &url];
    assert_eq!(done(folder.path(), &mark, "").await, "marked as restored\n");
    app = app.restart().await;
    let alice = app.member(1001).await;
    let id = alice.says("hi").await;
    assert!((LIFTED..1 << 53).contains(&id), "{id}");
    let restored_at = alice.socket("lastSeq=9").await.expect("kefu_resync_done").await["restoredAt"].as_i64();
    assert!(restored_at >= Some(START), "{restored_at:?}");

    // The same backup a second time, and a clock that stands still: ids only rise.
    app.db.write(|connection| mark_restored(connection, START - 1000)).await.unwrap();
    app = app.restart().await;
    assert!(app.member(1001).await.says("again").await > id);
    app.stop().await;
}

/// Runs a server's own program; what it printed.
fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut standard_input = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || standard_input.write_all(&input));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success(), "{program}");
    output.stdout
}

#[tokio::test]
async fn a_server_is_backed_up_and_restored_by_its_own_means() {
    if only_on_servers("the embedded database has kefu backup") {
        return;
    }
    let app = TestApp::spawn().await;
    let alice = app.member(1001).await;
    let ids = [alice.says("one").await, alice.says("two 🙂").await];
    let (url, copy) = (app.settings.database_url(), TestDatabase::create());
    let copy_url = copy.url.clone().unwrap();
    if Kind::chosen() == Kind::Postgres {
        let dump = run("pg_dump", &["--format=custom", &format!("--dbname={url}")], b"");
        run("pg_restore", &["--no-owner", &format!("--dbname={copy_url}")], &dump);
    } else {
        let (server, name) = url.rsplit_once('/').unwrap();
        let port = format!("--port={}", server.rsplit(':').next().unwrap());
        let at = ["--no-defaults", "--host=127.0.0.1", &port, "--user=kefu", "--password=kefu"];
        let dump = run("mariadb-dump", &[&at[..], &["--single-transaction", "--quick", name]].concat(), b"");
        run("mariadb", &[&at[..], &[copy_url.rsplit('/').next().unwrap()]].concat(), &dump);
    }
    app.stop().await;

    let folder = tempfile::tempdir().unwrap();
    done(folder.path(), &["restore", "--mark", "--database-url", &copy_url], "").await;
    let db = Db::open(Backend::parse(&copy_url).unwrap(), &Settings::default().database).unwrap();
    let restored = sound_conversations(&db, 1).await;
    let kept: Vec<_> = restored[0].messages.iter().map(|message| (message.id, message.content.clone())).collect();
    assert_eq!(kept, [(ids[0], text("one")), (ids[1], text("two 🙂"))]);
    drop(db);
    let app = TestApp::spawn_with(|settings| settings.database.url = Some(copy_url)).await;
    assert!(app.member(1001).await.says("three").await >= LIFTED);
    app.stop().await;
}
