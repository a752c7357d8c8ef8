//! The built program, in a process of its own.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;

use kefu::testing::auth::Tokens;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::{TIMEOUT, User, http_client};

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

/// The program with its data in `folder`, to be started.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kefu"));
    command
        .current_dir(folder)
        .env_clear()
        .args(["--data-dir", "data"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a subcommand to its end; its data is in `folder`.
pub(crate) async fn kefu(folder: &Path, arguments: &[&str], input: &str) -> Ended {
    let mut child = command(folder, arguments).spawn().unwrap();
    // A command that reads nothing may be gone already.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()).await);
    let ended = tokio::time::timeout(TIMEOUT, child.wait_with_output()).await;
    let output = ended.unwrap_or_else(|_| panic!("does not end: {arguments:?}")).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

/// Runs a command that must succeed; its output.
pub(crate) async fn done(folder: &Path, arguments: &[&str], input: &str) -> String {
    let ended = kefu(folder, arguments, input).await;
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{arguments:?}");
    ended.output
}

/// Runs a command that must fail with exit code 1; its one line.
pub(crate) async fn failed(folder: &Path, arguments: &[&str], input: &str) -> String {
    let ended = kefu(folder, arguments, input).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{arguments:?}: {}", ended.errors);
    assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
    ended.errors
}

/// Ports that were given: a server that is down gets its own one back.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A port that stays free, and the one above it by this much: the system gives ports from another range to those who
/// ask for any.
pub(crate) async fn free_port(above: u16) -> u16 {
    loop {
        let port = 20_000 + u16::try_from(getrandom::u32().unwrap() % u32::from(12_768 - above)).unwrap();
        let is_free = async |port| TcpListener::bind(("127.0.0.1", port)).await.is_ok();
        if is_free(port).await && is_free(port + above).await {
            let mut given = GIVEN.lock().unwrap();
            if !given.contains(&port) && !given.contains(&(port + above)) {
                given.extend([port, port + above]);
                return port;
            }
        }
    }
}

/// An address that stays free while its node is down.
pub(crate) async fn lasting_address() -> String {
    format!("127.0.0.1:{}", free_port(0).await)
}

/// Sends a signal, as in `TERM`, to processes.
pub(crate) fn signal(name: &str, processes: &[u32]) {
    let pids = processes.iter().map(u32::to_string);
    assert!(std::process::Command::new("kill").args(["-s", name]).args(pids).status().unwrap().success());
}

/// `kefu serve` on a free port.
pub(crate) struct Serve {
    child: Child,
    /// The address and port it listens on.
    pub address: String,
    /// What it printed before it was ready to be called.
    pub greeting: String,
}

impl Serve {
    pub(crate) async fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_at("127.0.0.1:0", folder, arguments).await
    }

    /// On a given address, see [`lasting_address`].
    pub(crate) async fn start_at(address: &str, folder: &Path, arguments: &[&str]) -> Self {
        let mut command = command(folder, &["--listen", address]);
        command.args(arguments);
        Self::run(command).await
    }

    /// A command that has all it needs.
    pub(crate) async fn run(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut greeting = String::new();
        // The greeting is printed at once; its last line is the socket's address or the first password.
        let mut buffer = vec![0; 4096];
        while !greeting.contains("/infra/ws") {
            let length = output.read(&mut buffer).await.unwrap();
            assert!(length > 0, "kefu serve ended: {greeting}");
            greeting.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        let address = greeting.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        Self { child, address, greeting }
    }

    /// Tells it to stop as a service manager does, and waits until it has.
    pub(crate) async fn terminate(mut self) -> Ended {
        signal("TERM", &[self.child.id().unwrap()]);
        let mut errors = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut errors).await.unwrap();
        }
        Ended { code: self.child.wait().await.unwrap().code(), output: String::new(), errors }
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends it a signal, as in `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, &[self.process()]);
    }

    /// Its exit code, as soon as it has ended.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap().map(|status| status.code().unwrap())
    }

    /// `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Someone with these tokens, as the command line printed them.
    pub(crate) fn user(&self, tokens: &str) -> User {
        self.user_with(Some(serde_json::from_str(tokens).unwrap()))
    }

    /// Someone with or without tokens.
    pub(crate) fn user_with(&self, tokens: Option<Tokens>) -> User {
        let http = http_client().build().unwrap();
        User::at(format!("http://{}", self.address), http, tokens)
    }

    /// The first password, when this start printed one.
    pub(crate) fn first_password(&self) -> Option<&str> {
        let line = self.greeting.lines().find(|line| line.trim_start().starts_with("password "))?;
        line.split_whitespace().nth(1)
    }
}
