//! A database that cannot be used ends the start with one line and exit code 1, on each kind of database.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use diesel::connection::SimpleConnection;
use kefu::db::Backend;

use crate::support::TestDatabase;
use crate::support::database::{Kind, on_server};
use crate::support::process::{done, failed};

/// A migration that no version knows.
const NEWER: &str = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";

/// The line with which the service refuses to start on this database.
async fn refused(folder: &Path, url: &str) -> String {
    let line = failed(folder, &["serve", "--listen", "127.0.0.1:0", "--database-url", url], "").await;
    assert!(!line.contains("secret") && !line.contains("panicked"), "{line}");
    line
}

fn execute(url: &str, sql: &str) {
    Backend::parse(url).unwrap().connect().unwrap().batch_execute(sql).unwrap();
}

/// `mysql://kefu:kefu@host:port` with another user and password, or another address.
fn with(server: &str, user: Option<&str>, address: Option<&str>) -> String {
    let (scheme, rest) = server.split_once("://").unwrap();
    let (own_user, own_address) = rest.split_once('@').unwrap();
    format!("{scheme}://{}@{}", user.unwrap_or(own_user), address.unwrap_or(own_address))
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_named() {
    let kind = Kind::chosen();
    let Some(server) = kind.server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (database, one) = (TestDatabase::create(), std::process::id());
    let url = database.url.as_deref().unwrap();
    let name = url.rsplit('/').next().unwrap();
    // `asked` needs its password on PostgreSQL (scripts/servers). Both users may only read.
    let (users, clean_up, why_password, why_rights) = match kind {
        Kind::Mysql => (
            format!("CREATE USER poor{one} IDENTIFIED BY 'secret'; GRANT SELECT ON {name}.* TO poor{one}"),
            format!("DROP USER poor{one}"),
            "Access denied",
            "CREATE command denied",
        ),
        _ => (
            format!("CREATE ROLE poor{one} LOGIN; DROP ROLE IF EXISTS asked; CREATE ROLE asked LOGIN PASSWORD 'right'"),
            format!("DROP ROLE poor{one}; DROP ROLE asked"),
            "password authentication failed",
            "permission denied",
        ),
    };
    on_server(kind, &server, &users);
    let asked = if kind == Kind::Mysql { "kefu:secret" } else { "asked:secret" };
    for (what, url, why) in [
        ("a wrong password", format!("{}/{name}", with(&server, Some(asked), None)), why_password),
        ("a wrong port", format!("{}/{name}", with(&server, None, Some("127.0.0.1:1"))), "127.0.0.1"),
        ("no database", format!("{server}/missing{one}"), "missing"),
        ("no rights", format!("{}/{name}", with(&server, Some(&format!("poor{one}:secret")), None)), why_rights),
    ] {
        let line = refused(folder.path(), &url).await;
        assert!(line.contains(why), "{what}: {line}");
    }
    on_server(kind, &server, &clean_up);

    done(folder.path(), &["migrate", "up", "--database-url", url], "").await;
    execute(url, NEWER);
    assert!(refused(folder.path(), url).await.contains("use a newer kefu"));
}

/// A driver would take the rest of such a password for a host or a parameter, and name it.
#[tokio::test]
async fn a_password_that_must_be_encoded_shows_nothing_of_itself() {
    let folder = tempfile::tempdir().unwrap();
    for scheme in ["mysql", "postgres"] {
        for first in ["zq", "47"] {
            for reserved in ["/", "#", "?", "@", "%", "/?", "%00"] {
                let url = format!("{scheme}://u:{first}{reserved}xj@h.invalid/db");
                let line = refused(folder.path(), &url).await;
                assert!(line.contains("database.url") && line.contains("percent-encoded"), "{url}: {line}");
                assert!(!line.contains(first) && !line.contains("xj"), "{url}: {line}");
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text.db"), "no database, but longer than the header of one\n".repeat(100)).unwrap();
    fs::create_dir(path("folder.db")).unwrap();
    done(folder.path(), &["migrate", "up", "--database-url", "sqlite:newer.db"], "").await;
    execute(&format!("sqlite:{}", path("newer.db").display()), NEWER);
    for (file, why) in [
        ("text.db", "not a database"),
        ("folder.db", "unable to open"),
        ("missing/kefu.db", "No such file"),
        ("newer.db", "use a newer kefu"),
    ] {
        let line = refused(folder.path(), &format!("sqlite:{file}")).await;
        assert!(line.contains(why) && (line.contains(file) || file == "newer.db"), "{file}: {line}");
    }
}

/// As a user whom rights bind, which root is not.
#[tokio::test]
async fn a_file_or_folder_that_may_only_be_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let set = |name: &str, mode: u32| fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
    done(folder.path(), &["migrate", "up", "--data-dir", "data"], "").await;
    fs::create_dir(path("empty")).unwrap();
    let root = fs::metadata(folder.path()).unwrap().uid() == 0;
    let program = path("kefu");
    // By another process: a child of another test could inherit the open file, and what is written to cannot be run.
    assert!(
        Command::new("cp").args([env!("CARGO_BIN_EXE_kefu"), program.to_str().unwrap()]).status().unwrap().success()
    );
    fs::write(path("data/kefu.db.lock"), "").unwrap();
    set("", 0o755);
    set("data/kefu.db", 0o444);
    set("data/kefu.db.lock", 0o666);
    for (data, mode, why) in
        [("data", 0o777, "readonly"), ("data", 0o555, "readonly"), ("empty", 0o555, "ermission denied")]
    {
        set(data, mode);
        let mut command = Command::new("timeout");
        if root {
            command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "timeout"]);
        }
        let secret = format!("auth.secret={}", "long ".repeat(10));
        command.args(["20", program.to_str().unwrap(), "serve", "--listen", "127.0.0.1:0", "--set", &secret]);
        let ended = command.current_dir(folder.path()).env_clear().args(["--data-dir", data]).output().unwrap();
        let line = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), line.lines().count()), (Some(1), 1), "{data} {mode:o}: {line}");
        assert!(line.contains(why) && line.contains(&format!("{data}/kefu.db")), "{data} {mode:o}: {line}");
    }
    set("data", 0o755);
    set("empty", 0o755);
}
