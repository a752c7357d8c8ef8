//! deploy/nginx.conf as it is; only addresses and paths are others.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::{User, eventually};

pub(crate) const CONFIGURATION: &str = include_str!("../../../deploy/nginx.conf");

/// nginx on a free port; it ends with this.
pub(crate) struct Nginx {
    child: Child,
    /// Where it listens.
    pub address: String,
    folder: TempDir,
}

impl Nginx {
    /// In front of nodes at these addresses.
    pub(crate) async fn start(nodes: [&str; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Its workers run as another user when the test runs as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut configuration = CONFIGURATION.to_owned();
        let file = |name: &str| format!("{}/{name}", folder.path().display());
        for (from, to) in [
            ("/tmp/", file("")),
            ("listen 8080;", format!("listen {address};")),
            ("kefu-1:48080", nodes[0].to_owned()),
            ("kefu-2:48080", nodes[1].to_owned()),
            ("/dev/stdout", file("access.log")),
            ("/dev/stderr", file("error.log")),
            ("worker_processes auto;", "worker_processes 1;".to_owned()),
        ] {
            assert!(configuration.contains(from), "{from}");
            configuration = configuration.replace(from, &to);
        }
        fs::write(file("nginx.conf"), configuration).unwrap();
        let child = Command::new("nginx")
            .args(["-p", &file(""), "-c", &file("nginx.conf"), "-g", "daemon off;"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx must be on PATH; on Debian: sudo apt-get install nginx, and /usr/sbin on PATH");
        let mut nginx = Self { child, address, folder };
        eventually("nginx answers", async || {
            assert_eq!(nginx.child.try_wait().unwrap(), None, "nginx has ended at once");
            TcpStream::connect(&nginx.address).await.is_ok()
        })
        .await;
        nginx
    }

    /// The same user, through nginx.
    pub(crate) fn user(&self, user: &User) -> User {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        User::at(format!("http://{}", self.address), http, user.tokens.clone())
    }

    pub(crate) fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its workers end with the master only when it is asked to.
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        drop((asked, self.child.wait()));
    }
}
