//! The product.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Deserialize;
use tempfile::TempDir;

use crate::load::http::{self, Pace, Plan, Until};
use crate::load::socket::{self, Dialect};
use crate::process::{self, Child};
use crate::{Result, token};

/// A running service on a database of its own.
pub(crate) struct Kefu {
    /// Where it listens.
    pub address: SocketAddr,
    /// An admin's access token.
    pub admin: String,
    /// How long it took to listen.
    pub started_in: Duration,
    /// The process.
    pub child: Child,
    folder: Arc<TempDir>,
    program: PathBuf,
}

/// What every message says: a text of 34 characters.
pub(crate) const CONTENT: &str = r#"{"text":"您好，请问这件衣服什么时候发货？I am in a hurry."}"#;

/// The body of a send with [`CONTENT`].
pub(crate) const BODY: &str =
    r#"{"contentType":1,"content":"{\"text\":\"您好，请问这件衣服什么时候发货？I am in a hurry.\"}"}"#;

/// Where a member sends.
pub(crate) const SEND: &str = "/app-api/promotion/kefu-message/send";

/// Settings of every run: no rate limit for the few users who stand for many, quiet logs, and a queue in which an admin's
/// socket, which gets all the shop's messages at many thousands a second, outlasts a moment without the processor.
const SETTINGS: [(&str, &str); 7] = [
    ("KEFU_PUSH__QUEUE_FRAMES", "16384"),
    ("KEFU_SERVER__LISTEN", "127.0.0.1:0"),
    ("KEFU_AUTH__MEMBER_TOKEN__SECRET", token::SECRET),
    ("KEFU_AUTH__ACCESS_TTL_S", "86400"),
    ("KEFU_LIMITS__SENDS_PER_S", "0"),
    ("KEFU_PUSH__SESSIONS_PER_USER", "100000"),
    ("KEFU_LOG__FILTER", "warn"),
];

impl Kefu {
    /// Starts the service on an empty database.
    pub(crate) fn start(program: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_in(program, Arc::new(process::folder()?), settings)
    }

    /// Starts the service in a folder with whatever database is there.
    pub(crate) fn start_in(program: &Path, folder: Arc<TempDir>, settings: &[(&str, &str)]) -> Result<Self> {
        let command = |arguments: &[&str]| command(program, &folder, settings, arguments);
        let started = Instant::now();
        let mut child = Child::spawn(&mut command(&["serve"]))?;
        let socket = child.line_after("ws://")?;
        let started_in = started.elapsed();
        let address = socket.split('/').next().unwrap_or_default().parse()?;
        let tokens = command(&["token", "admin", "--username", "admin"]).stderr(Stdio::inherit()).output()?;
        let tokens: Tokens = serde_json::from_slice(&tokens.stdout)?;
        Ok(Self { address, admin: tokens.access_token, started_in, child, folder, program: program.to_owned() })
    }

    /// Sets something of the first tenant, and waits until the service knows.
    pub(crate) fn set_for_tenant(&self, key: &str, value: &str) -> Result {
        let set = command(&self.program, &self.folder, &[], &["tenant", "set", key, value]).output()?;
        if !set.status.success() {
            return Err(String::from_utf8_lossy(&set.stderr).into());
        }
        // The service asks each second for what has changed.
        std::thread::sleep(Duration::from_secs(3));
        Ok(())
    }

    /// Where the database is.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("kefu.db")
    }

    /// A send by each of these members.
    pub(crate) fn sends(members: &[String]) -> Arc<Vec<Bytes>> {
        Arc::new(members.iter().map(|token| http::post(SEND, Some(token), BODY)).collect())
    }

    /// Lets every member send once, which creates members and conversations.
    pub(crate) async fn warm_up(&self, requests: &Arc<Vec<Bytes>>) -> Result {
        let plan = Plan {
            address: self.address,
            connections: 64,
            requests: Arc::clone(requests),
            until: Until::AllAnswered,
            pace: Pace::Answers,
        };
        http::send(plan).await?.all_accepted().map(drop)
    }

    /// Sockets of `admins` times the admin, then of each of the members.
    pub(crate) fn listeners(&self, admins: usize, members: &[String]) -> socket::Plan {
        let tokens = std::iter::repeat_n(&self.admin, admins).chain(members);
        socket::Plan {
            address: self.address,
            paths: tokens.map(|token| format!("/infra/ws?token={token}")).collect(),
            dialect: Dialect::Kefu,
            stalling: 0,
        }
    }
}

/// The program with these arguments, in its folder, with the settings of every run and these.
fn command(program: &Path, folder: &TempDir, settings: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KEFU_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(folder.path())
        .envs(SETTINGS)
        .env("KEFU_DATA_DIR", folder.path())
        .envs(settings.iter().copied());
    command
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    access_token: String,
}

/// The service's program: the one that is named, else that of the profile `dist` with both database servers, brought up
/// to date first.
pub(crate) fn program(named: Option<PathBuf>) -> Result<PathBuf> {
    if let Some(named) = named {
        return Ok(std::fs::canonicalize(&named).map_err(|error| format!("{}: {error}", named.display()))?);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let built = Command::new(cargo)
        .args([
            "build",
            "--profile",
            "dist",
            "--locked",
            "--package",
            "kefu",
            "--features",
            "mysql,postgres",
            "--manifest-path",
        ])
        .arg(manifest)
        .arg("--target-dir")
        .arg(process::target_folder())
        .status()?;
    if !built.success() {
        return Err("the service could not be built; scripts/bench-setup installs what it links".into());
    }
    Ok(process::target_folder().join("dist/kefu"))
}
