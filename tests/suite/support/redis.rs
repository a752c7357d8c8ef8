//! Private Redis servers, and a way to one that can fall silent.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::eventually;
use super::process::{self, free_port};
use super::tls::Certificates;

/// A server without persistence on a free port; it ends with this.
pub(crate) struct Redis {
    pub port: u16,
    arguments: Vec<String>,
    child: Child,
    folder: TempDir,
}

impl Redis {
    pub(crate) async fn spawn() -> Self {
        Self::spawn_with(&[]).await
    }

    /// With further arguments, e.g. `--requirepass`.
    pub(crate) async fn spawn_with(arguments: &[&str]) -> Self {
        let own = ["--save", "", "--appendonly", "no"];
        Self::start(tempfile::tempdir().unwrap(), own.iter().chain(arguments).map(|&one| one.to_owned()).collect())
            .await
    }

    /// One with a password, and the port on which it speaks TLS.
    pub(crate) async fn spawn_with_tls(password: &str, certificates: &Certificates) -> (Self, u16) {
        let port = free_port(0).await;
        let options = redis_options(certificates).map(|(name, value)| [format!("--{name}"), value]).concat();
        let mut arguments: Vec<&str> = options.iter().map(String::as_str).collect();
        let port_text = port.to_string();
        arguments.extend(["--tls-port", &port_text, "--tls-auth-clients", "no", "--requirepass", password]);
        (Self::spawn_with(&arguments).await, port)
    }

    /// A cluster of three, each with a third of the slots.
    pub(crate) async fn cluster() -> Vec<Self> {
        let mut members = Vec::new();
        for _ in 0..3 {
            members.push(Self::spawn_with(&["--cluster-enabled", "yes"]).await);
        }
        let addresses = members.iter().map(|member| format!("127.0.0.1:{}", member.port));
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create", "--cluster-yes"]).args(addresses);
        let made = create.output().expect("redis-cli must be on PATH; on Debian: sudo apt-get install redis-tools");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        for member in &members {
            eventually("the cluster is complete", async || {
                let info = member.ask("CLUSTER INFO").await;
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
            .await;
        }
        members
    }

    /// A sentinel that watches this server as the service `main`, and decides alone and fast.
    pub(crate) async fn sentinel(&self) -> Self {
        Self::watch(self.port, "").await
    }

    /// A sentinel of a server that [`Self::spawn_with_tls`] has made; it is itself asked without TLS.
    pub(crate) async fn sentinel_over_tls(port: u16, password: &str, certificates: &Certificates) -> Self {
        let options = redis_options(certificates).map(|(name, value)| format!("{name} {value}\n")).concat();
        let more = format!("tls-replication yes\n{options}sentinel auth-pass main {password}\n");
        Self::watch(port, &more).await
    }

    async fn watch(port: u16, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sentinel.conf");
        let text = format!(
            "sentinel monitor main 127.0.0.1 {port} 1\nsentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 2000\n{more}"
        );
        std::fs::write(&file, text).unwrap();
        Self::start(folder, vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()]).await
    }

    async fn start(folder: TempDir, arguments: Vec<String>) -> Self {
        // A member of a cluster takes the port above by 10,000, too.
        let port = free_port(10_000).await;
        let child = run(port, &arguments, &folder);
        let mut redis = Self { port, arguments, child, folder };
        redis.wait_until_it_answers().await;
        redis
    }

    /// What it answers to a command without spaces in its arguments.
    pub(crate) async fn ask(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Stops the process without closing its connections.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    /// Kills the process.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts a killed one again, on its port.
    pub(crate) async fn restart(&mut self) {
        self.child = run(self.port, &self.arguments, &self.folder);
        self.wait_until_it_answers().await;
    }

    fn signal(&self, name: &str) {
        process::signal(name, &[self.child.id()]);
    }

    async fn wait_until_it_answers(&mut self) {
        let Self { port, child, .. } = self;
        eventually("redis-server answers", async || {
            assert_eq!(child.try_wait().unwrap(), None, "redis-server has ended at once");
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", *port)).await else { return false };
            stream.write_all(b"PING\r\n").await.unwrap();
            let mut answer = [0; 1];
            stream.read_exact(&mut answer).await.is_ok()
        })
        .await;
    }
}

fn redis_options(certificates: &Certificates) -> [(&'static str, String); 3] {
    [("tls-cert-file", "server.pem"), ("tls-key-file", "server.key"), ("tls-ca-cert-file", "ca.pem")]
        .map(|(option, file)| (option, certificates.file(file)))
}

fn run(port: u16, arguments: &[String], folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(arguments)
        .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server must be on PATH; on Debian: sudo apt-get install redis-server")
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A forwarder to a Redis server that can swallow or hold back what the server sends to its subscribers, while their
/// connections stay open: a half-open subscription, or a slow one.
pub(crate) struct Forwarder {
    pub port: u16,
    /// Connections up to this number, counted from 1, are deaf.
    deaf_up_to: Arc<watch::Sender<usize>>,
    held: Arc<watch::Sender<bool>>,
    opened: watch::Receiver<usize>,
}

impl Forwarder {
    pub(crate) async fn to(redis: &Redis) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, target) = (listener.local_addr().unwrap().port(), redis.port);
        let deaf_up_to = Arc::new(watch::Sender::new(0));
        let (count, opened) = watch::channel(0);
        let held = Arc::new(watch::Sender::new(false));
        let (deaf, holding) = (Arc::clone(&deaf_up_to), Arc::clone(&held));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                let number = *count.borrow();
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await else { continue };
                tokio::spawn(forward(near, far, number, deaf.subscribe(), holding.subscribe()));
            }
        });
        Self { port, deaf_up_to, held, opened }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on no subscription that is open hears anything; new ones do.
    pub(crate) fn make_subscriptions_deaf(&self) {
        self.deaf_up_to.send_replace(*self.opened.borrow());
    }

    /// From now on subscribers hear nothing until [`Self::release_subscriptions`], and then everything.
    pub(crate) fn hold_subscriptions(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release_subscriptions(&self) {
        self.held.send_replace(false);
    }
}

async fn forward(
    near: TcpStream,
    far: TcpStream,
    number: usize,
    deaf_up_to: watch::Receiver<usize>,
    mut held: watch::Receiver<bool>,
) {
    let ((mut from_near, mut to_near), (mut from_far, mut to_far)) = (near.into_split(), far.into_split());
    let subscribed = Arc::new(watch::Sender::new(false));
    let subscribing = Arc::clone(&subscribed);
    let up = async move {
        let mut buffer = vec![0; 65536];
        while let Ok(length @ 1..) = from_near.read(&mut buffer).await {
            if buffer[..length].windows(9).any(|window| window == b"SUBSCRIBE") {
                subscribing.send_replace(true);
            }
            to_far.write_all(&buffer[..length]).await?;
        }
        to_far.shutdown().await
    };
    let down = async move {
        let mut buffer = vec![0; 65536];
        while let Ok(length @ 1..) = from_far.read(&mut buffer).await {
            if *subscribed.borrow() {
                drop(held.wait_for(|held| !held).await);
            }
            let deaf = *subscribed.borrow() && number <= *deaf_up_to.borrow();
            if !deaf {
                to_near.write_all(&buffer[..length]).await?;
            }
        }
        to_near.shutdown().await
    };
    drop(tokio::join!(up, down));
}
