//! The built program.

use std::os::unix::fs::PermissionsExt;

use diesel::connection::SimpleConnection;
use kefu::testing::db::Backend;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::process::{Serve, command, done, failed};
use crate::support::{TIMEOUT, path};

#[tokio::test]
async fn the_first_start_makes_a_secret_and_an_admin_whose_password_it_prints_once() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path(), &[]).await;
    let secret = std::fs::metadata(folder.path().join("data/secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    let password = serve.first_password().expect("a password is printed").to_owned();
    for part in ["/swagger-ui/", "ws://", "http://", "/console/"] {
        assert!(serve.greeting.contains(part), "{}", serve.greeting);
    }
    let login = json!({"username": "admin", "password": password});
    serve.user_with(None).post(path::LOGIN, login.clone()).await.ok();
    let ended = serve.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
    assert!(!ended.errors.contains(&password));

    let serve = Serve::start(folder.path(), &["serve"]).await;
    assert_eq!(serve.first_password(), None);
    serve.user_with(None).post(path::LOGIN, login).await.ok();
    assert_eq!(serve.terminate().await.code, Some(0));
}

#[tokio::test]
async fn admins_are_added_listed_disabled_and_given_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let add = ["admin", "add", "--username", "red", "--nickname", "小红", "--role", "agent"];
    assert!(done(folder.path(), &add, "correct horse\n").await.starts_with("added red"));
    assert!(failed(folder.path(), &add, "correct horse\n").await.contains("username"));
    let list = done(folder.path(), &["admin", "list"], "").await;
    assert!(list.lines().any(|line| line.ends_with("red\t小红\tagent\tenabled")), "{list}");
    done(folder.path(), &["admin", "disable", "--username", "red"], "").await;
    assert!(done(folder.path(), &["admin", "list"], "").await.contains("red\t小红\tagent\tdisabled"));
    done(folder.path(), &["admin", "enable", "--username", "red"], "").await;
    done(folder.path(), &["admin", "password", "--username", "red"], "another horse\n").await;

    let serve = Serve::start(folder.path(), &[]).await;
    let log_in = async |password: &str| {
        let body = json!({"username": "red", "password": password});
        serve.user_with(None).post(path::LOGIN, body).await.code
    };
    assert_eq!((log_in("correct horse").await, log_in("another horse").await), (1_002_000_000, 0));
    serve.terminate().await;

    assert!(failed(folder.path(), &["admin", "disable", "--username", "nobody"], "").await.contains("username"));
    failed(folder.path(), &["admin", "password", "--username", "red"], "").await;
    failed(folder.path(), &["admin", "password", "--username", "red"], "short\n").await;
}

#[tokio::test]
async fn tokens_of_the_command_line_are_good_for_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let member = ["token", "member", "--user-id", "1001", "--nickname", "小明"];
    let tokens = done(folder.path(), &member, "").await;
    assert_eq!(tokens.lines().count(), 1);
    let fields: Value = serde_json::from_str(&tokens).unwrap();
    let names: Vec<&String> = fields.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 4, "{names:?}");
    failed(folder.path(), &["token", "admin", "--username", "admin"], "").await;

    let serve = Serve::start(folder.path(), &[]).await;
    let admin = done(folder.path(), &["token", "admin", "--username", "admin"], "").await;
    let (member, admin) = (serve.user(&tokens), serve.user(&admin));
    let mut socket = admin.socket("").await;
    member.says("hi").await;
    socket.expect("kefu_conversation_created").await;
    assert_eq!(socket.expect("kefu_message_type").await["senderId"], 1001);
    assert_eq!(admin.conversations().await[0]["userNickname"], "小明");
    socket.close().await;
    serve.terminate().await;
}

#[tokio::test]
async fn disabling_an_admin_elsewhere_ends_the_running_services_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let add = ["admin", "add", "--username", "red", "--nickname", "r", "--role", "agent"];
    done(folder.path(), &add, "correct horse\n").await;
    let serve = Serve::start(folder.path(), &[]).await;
    let admin = serve.user(&done(folder.path(), &["token", "admin", "--username", "red"], "").await);
    admin.get(path::PERMISSION_INFO).await.ok();
    let mut socket = admin.socket("").await;
    done(folder.path(), &["admin", "disable", "--username", "red"], "").await;
    let code = socket.close_code().await.expect("a close code of the service's own");
    assert!((4000..5000).contains(&code), "{code}");
    // What closed the socket has dropped the token, too.
    admin.get(path::PERMISSION_INFO).await.fails(401, "账号未登录");
    serve.terminate().await;
}

#[tokio::test]
async fn a_stop_closes_sockets_with_1001_and_ends_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = done(folder.path(), &["token", "member", "--user-id", "1", "--nickname", "m"], "").await;
    let serve = Serve::start(folder.path(), &[]).await;
    let mut socket = serve.user(&tokens).socket("").await;
    let (ended, code) = tokio::join!(serve.terminate(), socket.close_code());
    assert_eq!((ended.code, code), (Some(0), Some(1001)));
}

#[tokio::test]
async fn migrations_are_shown_and_run() {
    let folder = tempfile::tempdir().unwrap();
    let up = done(folder.path(), &["migrate", "up"], "").await;
    assert!(up.lines().all(|line| line.starts_with("applied ")) && !up.is_empty(), "{up}");
    let before = done(folder.path(), &["migrate", "status"], "").await;
    assert!(before.lines().all(|line| line.starts_with("applied ")), "{before}");
    assert_eq!(before.lines().count(), up.lines().count());
    assert_eq!(done(folder.path(), &["migrate", "up"], "").await, "nothing to do\n");

    let url = format!("sqlite:{}", folder.path().join("data/kefu.db").display());
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    Backend::parse(&url).unwrap().connect().unwrap().batch_execute(newer).unwrap();
    let status = done(folder.path(), &["migrate", "status"], "").await;
    assert_eq!(status, format!("{before}unknown 99990101000000\n"));
    let first = before.lines().next().unwrap().strip_prefix("applied ").unwrap();
    let line = failed(folder.path(), &["migrate", "down", "--to", first, "--yes"], "").await;
    assert!(line.contains("use a newer kefu"), "{line}");
}

#[tokio::test]
async fn openapi_prints_the_document_of_the_routes() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(done(folder.path(), &["openapi"], "").await, kefu::testing::routes::document_text().unwrap());
    assert_eq!(done(folder.path(), &["asyncapi"], "").await, kefu::testing::routes::asyncapi_text().unwrap());
    assert!(!folder.path().join("data").exists(), "needs no data");
}

#[tokio::test]
async fn wrong_settings_end_with_one_line_that_names_the_key() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, key) in [
        ("limits.content_length=0", "limits.content_length"),
        ("limits.content_length=many", "limits.content_length"),
        ("limits.unknown=1", "unknown"),
        ("server.listen=nowhere", "server.listen"),
        ("server.time_zone=Mars/Base", "server.time_zone"),
        ("database.url=oracle://x", "database.url"),
        ("log.filter=,,=", "log.filter"),
        ("auth.secret=short", "auth.secret"),
    ] {
        let line = failed(folder.path(), &["serve", "--set", setting], "").await;
        assert!(line.contains(key), "{setting}: {line}");
        assert!(!line.contains("short"), "{line}");
    }
    std::fs::write(folder.path().join("kefu.toml"), "[server]\nlisten = 5\n").unwrap();
    assert!(failed(folder.path(), &["serve"], "").await.contains("server.listen"));
}

#[tokio::test]
async fn a_taken_port_ends_with_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = failed(folder.path(), &["serve", "--listen", &address], "").await;
    assert!(line.contains(&address) && line.contains("server.listen") && line.contains("--listen"), "{line}");
}

#[tokio::test]
async fn a_second_service_on_the_same_file_ends_with_one_line_and_the_first_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path(), &[]).await;
    let absolute = format!("sqlite:{}", folder.path().join("data/kefu.db").display());
    for other in [vec!["serve"], vec!["serve", "--data-dir", "elsewhere", "--database-url", &absolute]] {
        let line = failed(folder.path(), &[&other[..], &["--listen", "127.0.0.1:0"]].concat(), "").await;
        assert!(line.contains("another kefu process") && line.contains("kefu.db"), "{line}");
    }
    // The other commands run beside it.
    done(folder.path(), &["migrate", "status"], "").await;
    let tokens = done(folder.path(), &["token", "member", "--user-id", "1", "--nickname", "m"], "").await;
    serve.user(&tokens).says("hi").await;
    assert_eq!(serve.terminate().await.code, Some(0));
    assert_eq!(Serve::start(folder.path(), &[]).await.terminate().await.code, Some(0));
}

#[tokio::test]
async fn settings_that_have_no_effect_and_secrets_that_others_see_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        "push.redis_url=redis://127.0.0.1:1",
        "auth.member_token.issuer=https://shop.example",
        "file.s3_bucket=kefu",
        "auth.secret=hunter2hunter2hunter2hunter2hunter2",
    ];
    let flags: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let errors = Serve::start(folder.path(), &flags).await.terminate().await.errors;
    for line in [
        "push.redis_url is set and has no effect: it counts only when push.relay is redis",
        "auth.member_token.issuer is set and has no effect",
        "file.s3_bucket is set and has no effect",
        "auth.secret is given by --set: every user of this machine can read it",
    ] {
        assert!(errors.contains(line), "{line}: {errors}");
    }
    assert!(!errors.contains("hunter2"), "{errors}");

    let secret = folder.path().join("signing");
    std::fs::write(&secret, "hunter2hunter2hunter2hunter2hunter2\n").unwrap();
    let flag = format!("auth.secret={}", secret.display());
    let errors = Serve::start(folder.path(), &["--set-file", &flag]).await.terminate().await.errors;
    assert!(!errors.contains("WARN"), "{errors}");
    let line = failed(folder.path(), &["serve", "--set-file", "auth.secret=missing"], "").await;
    assert!(line.contains("auth.secret") && line.contains("missing") && line.contains("No such file"), "{line}");
}

#[tokio::test]
async fn the_settings_are_printed_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "auth.secret=0123456789012345678901234567890123456789";
    let printed = done(folder.path(), &["serve", "--print-config", "--set", secret, "--listen", "[::1]:9"], "").await;
    assert!(printed.contains("listen = \"[::1]:9\"") && printed.contains("\"***\""), "{printed}");
    assert!(!printed.contains("0123456789"), "{printed}");
    let table: toml::Table = printed.parse().unwrap();
    assert!(table.contains_key("limits"));
}

#[tokio::test]
async fn what_clients_do_wrong_is_no_error_in_the_log_and_actix_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path(), &[]).await;
    for bytes in [
        "GET / HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: kefu\r\ntransfer-encoding: gzip\r\n\r\n",
        "POST /admin-api/system/auth/login HTTP/1.1\r\nhost: kefu\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
        "GET /healthz HTTP/1.1\r\nhost: kefu\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x01\x7f",
    ] {
        let mut connection = tokio::net::TcpStream::connect(&serve.address).await.unwrap();
        connection.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        drop(tokio::time::timeout(TIMEOUT, connection.read_to_end(&mut answer)).await.unwrap());
    }
    let ended = serve.terminate().await;
    assert!(!ended.errors.contains("ERROR") && !ended.errors.contains("actix"), "{}", ended.errors);
}

#[tokio::test]
async fn output_that_cannot_be_written_fails_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let add = ["admin", "add", "--username", "amy", "--nickname", "amy", "--role", "agent"];
    done(folder.path(), &add, "a long password\n").await;
    for arguments in [
        &["backup", "copy.db"][..],
        &["admin", "list"],
        &["migrate", "status"],
        &["token", "member", "--user-id", "1", "--nickname", "m"],
        &["tenant", "get"],
        &["openapi"],
        &["--print-config"],
    ] {
        let mut command = command(folder.path(), arguments);
        command.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
        let ended = command.spawn().unwrap().wait_with_output().await.unwrap();
        let line = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), line.lines().count()), (Some(1), 1), "{arguments:?}: {line}");
        assert!(line.contains("cannot write to standard output: No space left"), "{arguments:?}: {line}");
    }
}
