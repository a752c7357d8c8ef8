//! A log that cannot be written, or that is not read, costs its lines and nothing else.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, pipe};
use std::path::Path;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::process::{Serve, command, done, lasting_address};
use crate::support::{eventually, http_client};

const MEMBER: [&str; 5] = ["token", "member", "--user-id", "1", "--nickname=m"];

/// A service that logs every step of every request.
async fn talkative(folder: &Path, errors: impl Into<Stdio>) -> Serve {
    let mut command = command(folder, &["--listen", "127.0.0.1:0", "--set", "log.filter=trace"]);
    command.stderr(errors);
    Serve::run(command).await
}

async fn lines_lost(address: &str) -> u64 {
    let text = reqwest::get(format!("http://{address}/metrics")).await.unwrap().text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix("kefu_log_lines_lost_total "));
    value.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

/// A pipe with room for a page.
fn small_pipe() -> (PipeReader, Stdio) {
    let (reader, writer) = pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    (reader, writer.into())
}

/// A terminal; it goes away with the first of the two.
fn terminal() -> (File, Stdio) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (File::from(controller), terminal.into())
}

/// Sends, reads, pushes and stops as always, with lost lines only.
async fn works_without_its_log(what: &str, folder: &Path, serve: Serve) {
    let member = serve.user(&done(folder, &MEMBER, "").await);
    let mut socket = member.socket("").await;
    eventually(&format!("lines are lost: {what}"), async || {
        futures_util::future::join_all((0..20).map(|_| member.says("hi"))).await;
        lines_lost(&serve.address).await > 0
    })
    .await;
    socket.expect("kefu_message_type").await;
    let ready = reqwest::get(format!("http://{}/readyz", serve.address)).await.unwrap();
    assert_eq!(ready.status(), 200, "{what}");
    socket.close().await;
    assert_eq!(serve.terminate().await.code, Some(0), "{what}");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_costs_its_lines_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let serve = talkative(folder.path(), File::options().write(true).open("/dev/full").unwrap()).await;
    works_without_its_log("a full disk", folder.path(), serve).await;

    let (reader, writer) = pipe().unwrap();
    let serve = talkative(folder.path(), writer).await;
    drop(reader);
    works_without_its_log("a collector that has ended", folder.path(), serve).await;

    let (controller, terminal) = terminal();
    let serve = talkative(folder.path(), terminal).await;
    drop(controller);
    works_without_its_log("a terminal that was closed", folder.path(), serve).await;

    let (_reader, writer) = small_pipe();
    let serve = talkative(folder.path(), writer).await;
    works_without_its_log("a pipe that is never read", folder.path(), serve).await;
}

#[tokio::test]
async fn a_log_that_is_read_again_says_how_much_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = small_pipe();
    let serve = talkative(folder.path(), writer).await;
    let member = serve.user(&done(folder.path(), &MEMBER, "").await);
    eventually("lines are lost", async || {
        futures_util::future::join_all((0..20).map(|_| member.says("hi"))).await;
        lines_lost(&serve.address).await > 0
    })
    .await;
    let read = tokio::task::spawn_blocking(move || {
        let mut lines = BufReader::new(reader).lines().map(|line| line.unwrap());
        let said = lines.by_ref().find(|line| line.contains("log lines were lost"));
        (said, lines.last())
    });
    assert_eq!(serve.terminate().await.code, Some(0));
    let (said, last) = read.await.unwrap();
    assert!(said.unwrap().contains("lines="));
    assert!(last.is_some(), "a stop writes what waits");
}

#[tokio::test]
async fn addresses_and_a_password_that_cannot_be_printed_do_not_end_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let address = lasting_address().await;
    let log = folder.path().join("log");
    let mut command = command(folder.path(), &["--listen", &address]);
    command.stdout(writer).stderr(File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    eventually("the log says so", async || {
        std::fs::read_to_string(&log).unwrap().contains("kefu admin password --username admin")
    })
    .await;
    assert_eq!(reqwest::get(format!("http://{address}/readyz")).await.unwrap().status(), 200);
    done(folder.path(), &["admin", "password", "--username", "admin"], "correct horse\n").await;
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_hangup_ends_nothing_and_a_second_signal_ends_a_stop_that_waits() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = done(folder.path(), &MEMBER, "").await;
    let mut serve = Serve::start(folder.path(), &["--set", "server.shutdown_timeout_s=3600"]).await;
    let member = serve.user(&tokens);
    let mut socket = member.socket("").await;
    for _ in 0..3 {
        serve.signal("HUP");
        member.says("hi").await;
        socket.expect("kefu_message_type").await;
    }
    // A request that is not finished keeps the service from stopping.
    let mut open = tokio::net::TcpStream::connect(&serve.address).await.unwrap();
    let head = format!(
        "POST /app-api/promotion/kefu-message/send HTTP/1.1\r\nHost: k\r\nAuthorization: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{{",
        member.access_token()
    );
    tokio::io::AsyncWriteExt::write_all(&mut open, head.as_bytes()).await.unwrap();
    serve.signal("TERM");
    assert_eq!(socket.close_code().await, Some(1001));
    eventually("the service has ended", async || {
        if serve.ended().is_none() {
            serve.signal("TERM");
        }
        serve.ended() == Some(1)
    })
    .await;
}

#[tokio::test]
async fn no_token_is_refused_without_a_line_and_none_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path(), &["--set", "log.filter=warn,kefu=debug"]).await;
    let http = http_client().build().unwrap();
    let tokens = ["Bearer sécret", "秘密", "Bearer secret", "Bearer a.secret.b"];
    for token in tokens {
        let profile = http.get(format!("http://{}/app-api/member/user/get", serve.address));
        let token = reqwest::header::HeaderValue::from_bytes(token.as_bytes()).unwrap();
        profile.header("authorization", token).send().await.unwrap();
    }
    let log = serve.terminate().await.errors;
    assert_eq!(log.matches("a token was refused").count(), tokens.len(), "{log}");
    assert!(!log.contains("cret") && !log.contains("秘密"), "{log}");
}
