//! deploy/nginx.conf and deploy/Caddyfile as they are; only addresses and paths are others.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::process::lasting_address;
use super::{User, eventually, http_client};

pub(crate) const NGINX: &str = include_str!("../../../deploy/nginx.conf");
pub(crate) const CADDY: &str = include_str!("../../../deploy/Caddyfile");

/// Of this machine's addresses the one whose requests are those of a further proxy, in front of nginx.
pub(crate) const FRONT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A reverse proxy on a free port, in front of two nodes; it ends with this.
pub(crate) struct Proxy {
    child: Child,
    /// The signal that ends it at once: nginx' workers end with the master only when it is asked to.
    signal: &'static str,
    /// Where it listens.
    pub address: String,
    folder: TempDir,
}

impl Proxy {
    /// nginx in front of nodes at these addresses. Only [`FRONT`] is a proxy's address there.
    pub(crate) async fn nginx(nodes: [&str; 2]) -> Self {
        let (folder, address) = place().await;
        let file = |name: &str| format!("{}/{name}", folder.path().display());
        let configuration = changed(
            NGINX,
            &[
                ("/tmp/", &file("")),
                ("listen 8080;", &format!("listen {address};")),
                ("kefu-1:48080", nodes[0]),
                ("kefu-2:48080", nodes[1]),
                ("127.0.0.0/8", &format!("{FRONT}/32")),
                ("/dev/stdout", &file("access.log")),
                ("/dev/stderr", &file("error.log")),
                ("worker_processes auto;", "worker_processes 1;"),
            ],
        );
        fs::write(file("nginx.conf"), configuration).unwrap();
        let mut command = Command::new("nginx");
        command.args(["-p", &file(""), "-c", &file("nginx.conf"), "-g", "daemon off;"]);
        Self::run(command, "TERM", address, folder).await
    }

    /// Caddy in front of nodes at these addresses, without TLS.
    pub(crate) async fn caddy(nodes: [&str; 2]) -> Self {
        let (folder, address) = place().await;
        let file = folder.path().join("Caddyfile");
        let configuration = changed(
            CADDY,
            &[
                ("kefu.example {", &format!("http://{address} {{")),
                ("kefu-1:48080", nodes[0]),
                ("kefu-2:48080", nodes[1]),
                // Caddy's own interface would listen on a port that is always the same.
                ("# The log of errors", "admin off\n# The log of errors"),
            ],
        );
        fs::write(&file, configuration).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--config"]).arg(file).env("HOME", folder.path()).env("XDG_DATA_HOME", folder.path());
        command.stderr(File::create(folder.path().join("access.log")).unwrap());
        Self::run(command, "KILL", address, folder).await
    }

    async fn run(mut command: Command, signal: &'static str, address: String, folder: TempDir) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.expect("nginx and caddy must be on PATH; on Debian: sudo apt-get install nginx caddy");
        let mut proxy = Self { child, signal, address, folder };
        eventually("the proxy answers", async || {
            assert_eq!(proxy.child.try_wait().unwrap(), None, "it has ended at once");
            TcpStream::connect(&proxy.address).await.is_ok()
        })
        .await;
        proxy
    }

    /// The same user, through the proxy.
    pub(crate) fn user(&self, user: &User) -> User {
        self.user_from(Ipv4Addr::LOCALHOST, user)
    }

    /// The same user, whose connections come from this of the machine's addresses.
    pub(crate) fn user_from(&self, address: Ipv4Addr, user: &User) -> User {
        let http = http_client().local_address(IpAddr::from(address)).build().unwrap();
        User::at(format!("http://{}", self.address), http, user.tokens.clone())
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|file| file.unwrap().path());
        let logs = files.filter(|file| file.extension().is_some_and(|extension| extension == "log"));
        logs.map(|file| fs::read_to_string(file).unwrap()).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let asked = Command::new("kill").args(["-s", self.signal, &self.child.id().to_string()]).status();
        drop((asked, self.child.wait()));
    }
}

/// A folder for the proxy's files, and the address where it shall listen.
async fn place() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    // nginx' workers run as another user when the test runs as root.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    (folder, lasting_address().await)
}

/// The configuration with these replacements, each of which must apply.
fn changed(configuration: &str, replacements: &[(&str, &str)]) -> String {
    replacements.iter().fold(configuration.to_owned(), |configuration, (from, to)| {
        assert!(configuration.contains(from), "{from}");
        configuration.replace(from, to)
    })
}
