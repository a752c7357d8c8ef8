//! nchan (Debian's libnginx-mod-nchan): POST to a channel, WebSocket from it. It stores nothing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::channel::Server;
use crate::Result;
use crate::process::{self, Child};

/// Where Debian puts the module.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// Starts nginx with a worker per core.
///
/// # Errors
/// When nginx or its module is not installed; `scripts/bench-setup` does that.
pub(crate) async fn start() -> Result<Server> {
    if !Path::new(MODULE).exists() {
        return Err(format!("{MODULE} is missing: run scripts/bench-setup").into());
    }
    let folder = process::folder()?;
    let address = process::free_address()?;
    let root = folder.path().display();
    let configuration = format!(
        "load_module {MODULE};
        daemon off;
        worker_processes auto;
        worker_rlimit_nofile {files};
        pid {root}/nginx.pid;
        error_log {root}/error.log crit;
        events {{ worker_connections {files}; }}
        http {{
            access_log off;
            keepalive_requests 1000000000;
            client_body_temp_path {root}/body;
            proxy_temp_path {root}/proxy;
            fastcgi_temp_path {root}/fastcgi;
            uwsgi_temp_path {root}/uwsgi;
            scgi_temp_path {root}/scgi;
            nchan_shared_memory_size 512M;
            server {{
                listen {address} backlog=4096;
                location = /publish {{
                    nchan_publisher;
                    nchan_channel_id $arg_id;
                    nchan_store_messages off;
                }}
                location = /subscribe {{
                    nchan_subscriber websocket;
                    nchan_channel_id $arg_id;
                    nchan_subscriber_first_message newest;
                }}
            }}
        }}",
        files = rlimit::Resource::NOFILE.get_hard()?,
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, configuration)?;
    let mut command = Command::new("nginx");
    let child = Child::spawn(command.arg("-p").arg(folder.path()).arg("-c").arg(&file).arg("-e").arg("stderr"))?;
    let started = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if started.elapsed() > Duration::from_secs(10) {
            return Err("nginx did not start".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(Server { name: "nchan", address, child, _folder: Some(folder) })
}
