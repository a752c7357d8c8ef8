//! A database that cannot be used ends the start with one line and exit code 1, on each kind of database.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use diesel::connection::SimpleConnection;
use kefu::testing::db::Backend;

use crate::support::TestDatabase;
use crate::support::database::{Kind, on_server, only_on_servers};
use crate::support::process::{done, failed};

/// A migration that no version knows, and what is said of it.
const NEWER: &str = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
const IS_NEWER: &str = "migration 99990101000000, which this version does not know: use a newer kefu";

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
    if only_on_servers("which are reached by an address, a user and a password") {
        return;
    }
    let kind = Kind::chosen();
    let server = kind.server().unwrap();
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
    let poor = format!("{}/{name}", with(&server, Some(&format!("poor{one}:secret")), None));
    let asked = if kind == Kind::Mysql { "kefu:secret" } else { "asked:secret" };
    for (what, url, why) in [
        ("a wrong password", format!("{}/{name}", with(&server, Some(asked), None)), why_password),
        ("a wrong port", format!("{}/{name}", with(&server, None, Some("127.0.0.1:1"))), "127.0.0.1"),
        ("an unknown host", format!("{}/{name}", with(&server, None, Some("h.invalid"))), "h.invalid"),
        ("no database", format!("{server}/missing{one}"), "missing"),
        ("no database's name", server.clone(), "database"),
        ("no rights", poor.clone(), why_rights),
    ] {
        let line = refused(folder.path(), &url).await;
        assert!(line.contains(why), "{what}: {line}");
        // Without a name the URL is refused, without rights what is done next.
        let fails_to_open = !["no database's name", "no rights"].contains(&what);
        assert!(!fails_to_open || line.contains("cannot open the database"), "{what}: {line}");
    }

    done(folder.path(), &["migrate", "up", "--database-url", url], "").await;
    for (granted, refused_one, why) in [
        // Without the right to make the table of migrations, which is asked for first.
        (None, "", why_rights),
        (Some("CREATE"), "INSERT", "kefu_admin"),
        (Some("INSERT"), "UPDATE", "kefu_admin"),
        (Some("UPDATE"), "DELETE", "kefu_admin_role"),
    ] {
        if let Some(right) = granted {
            execute(
                url,
                &match kind {
                    Kind::Mysql => format!("GRANT {right} ON {name}.* TO poor{one}"),
                    _ if right == "CREATE" => format!(
                        "GRANT CREATE ON SCHEMA public TO poor{one}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO poor{one}"
                    ),
                    _ => format!("GRANT {right} ON ALL TABLES IN SCHEMA public TO poor{one}"),
                },
            );
        }
        let line = refused(folder.path(), &poor).await;
        assert!(line.contains(why), "without {refused_one}: {line}");
        assert!(refused_one.is_empty() || line.contains("cannot write to the database"), "{line}");
    }
    execute(url, NEWER);
    assert!(refused(folder.path(), url).await.contains(IS_NEWER));
    drop(database);
    on_server(kind, &server, &clean_up);
}

/// A driver would pass over the first ones, so that the connection would be plain.
#[cfg(feature = "mysql")]
#[tokio::test]
async fn a_parameter_that_would_not_be_heeded_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (parameters, why) in [
        ("ssl-mode=required", "ssl_mode, ssl_ca, ssl_cert, ssl_key, unix_socket"),
        ("sslmode=require", "\"sslmode\""),
        ("ssl_mode=required&useSSL=true", "\"useSSL\""),
        ("ssl_ca=/etc/ca.pem", "ssl_ca needs an ssl_mode"),
    ] {
        let url = format!("mysql://u:secret@h.invalid/db?{parameters}");
        let line = refused(folder.path(), &url).await;
        assert!(line.contains("database.url: ") && line.contains(why), "{parameters}: {line}");
        let line = failed(folder.path(), &["import", "yudao", "--from", &url], "").await;
        assert!(line.contains("--from: ") && line.contains(why) && !line.contains("secret"), "{parameters}: {line}");
    }
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
        ("newer.db", IS_NEWER),
    ] {
        let line = refused(folder.path(), &format!("sqlite:{file}")).await;
        assert!(line.contains(why) && (line.contains(file) || file == "newer.db"), "{file}: {line}");
    }
}

/// Wherever the damage is met: at the first look, or by a statement after it.
#[tokio::test]
async fn a_damaged_file_is_named_with_the_way_out() {
    for intact in [1, 2, 4, 6, 8, 10] {
        let folder = tempfile::tempdir().unwrap();
        done(folder.path(), &["token", "member", "--user-id", "1", "--nickname", "m"], "").await;
        let path = folder.path().join("data/kefu.db");
        let mut bytes = fs::read(&path).unwrap();
        bytes[intact * 4096..].fill(0xa5);
        fs::write(&path, bytes).unwrap();
        let line = failed(folder.path(), &["serve", "--listen", "127.0.0.1:0"], "").await;
        assert!(line.contains("data_dir: ") && line.contains("malformed"), "{intact}: {line}");
        assert!(line.contains("kefu restore BACKUP") && !line.contains("busy"), "{intact}: {line}");
    }
}

#[tokio::test]
async fn what_a_start_cannot_use_is_named_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "").unwrap();
    for made in ["a/secret", "b", "c", "d", "e"] {
        fs::create_dir_all(path(made)).unwrap();
    }
    for (file, content) in [("b/files", ""), ("d/secret", ""), ("e/kefu.db.lock", "")] {
        fs::write(path(file), content).unwrap();
    }
    symlink("/nowhere/kefu.db", path("e/kefu.db")).unwrap();
    for (arguments, parts) in [
        (&["--data-dir", "file"][..], ["data_dir", "file", "exists"]),
        (&["--data-dir", "file/below"], ["data_dir", "file/below", "directory"]),
        (&["--data-dir", "a"], ["data_dir", "a/secret", "directory"]),
        (&["--data-dir", "b"], ["data_dir", "b/files", "exists"]),
        (&["--data-dir", "d"], ["data_dir", "d/secret", "0 bytes"]),
        (&["--data-dir", "e"], ["data_dir", "e/kefu.db", "unable to open"]),
        (&["--database-url", "sqlite:k.db?mode=ro"], ["database.url", "k.db?mode=ro", "no options"]),
        (&["--database-url", "sqlite:file:k.db"], ["database.url", "file:k.db", "no options"]),
        (&["--database-url", "sqlite:c"], ["database.url", " c: ", "directory"]),
        (&["--database-url", "sqlite:none/kefu.db"], ["database.url", "none/kefu.db", "No such file"]),
        (&["--config", "missing.toml"], ["--config", "missing.toml", "No such file"]),
        (&["--config", "c"], ["--config", " c ", "directory"]),
        (
            &["--set", "auth.member_token.jwks_file=keys.json"],
            ["auth.member_token.jwks_file", "keys.json", "No such file"],
        ),
        (&["--set", "auth.member_token.public_key_file=c"], ["auth.member_token.public_key_file", "c", "directory"]),
        (&["--listen", "192.0.2.1:80"], ["server.listen", "192.0.2.1:80", "assign"]),
    ] {
        let mut command = Command::new("timeout");
        command.args(["20", env!("CARGO_BIN_EXE_kefu"), "serve", "--set", "server.listen=127.0.0.1:0"]).args(arguments);
        let ended = command.current_dir(folder.path()).env_clear().output().unwrap();
        let line = String::from_utf8(ended.stderr).unwrap();
        let said = line.lines().last().unwrap_or_default().to_lowercase();
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}: {line}");
        assert!(parts.iter().all(|part| said.contains(&part.to_lowercase())), "{arguments:?}: {line}");
    }
}

/// As a user whom rights bind, which root is not.
#[tokio::test]
async fn a_file_or_folder_that_may_only_be_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let set = |name: &str, mode: u32| fs::set_permissions(path(name), Permissions::from_mode(mode)).unwrap();
    done(folder.path(), &["migrate", "up", "--data-dir", "data"], "").await;
    done(folder.path(), &["migrate", "up", "--data-dir", "used"], "").await;
    for made in ["empty", "used/files"] {
        fs::create_dir(path(made)).unwrap();
    }
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
    set("used", 0o777);
    set("used/kefu.db", 0o666);
    for (data, changed, mode, why, named) in [
        ("data", "data", 0o777, "readonly", "data/kefu.db"),
        ("data", "data", 0o555, "readonly", "data/kefu.db"),
        ("empty", "empty", 0o555, "ermission denied", "empty/kefu.db"),
        ("used", "used/files", 0o555, "ermission denied", "data_dir: cannot use the folder used/files"),
        ("used", "used/files", 0o333, "ermission denied", "data_dir: cannot use the folder used/files"),
        ("used", "used/files", 0o000, "ermission denied", "data_dir: cannot use the folder used/files"),
    ] {
        set(changed, mode);
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
        assert!(line.contains(why) && line.contains(named), "{data} {mode:o}: {line}");
    }
    for made in ["data", "empty", "used/files"] {
        set(made, 0o755);
    }
}
