//! `kefu healthcheck`: for containers, whose image then needs no HTTP client.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::Result;
use crate::settings::Settings;

/// For the connection, and then for each part of the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks `/readyz` at `server.listen` and prints its answer.
pub(super) fn run(settings: &Settings) -> Result {
    let address = reachable(settings.server.listen);
    let answer = ask(address).map_err(|error| format!("{address} does not answer: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{address} answers no HTTP"))?;
    if head.split(' ').nth(1) == Some("200") {
        super::print(&format!("{body}\n"))
    } else {
        Err(format!("not ready: {body}").into())
    }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Where a service that listens on all addresses can be asked.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    match listen {
        SocketAddr::V4(any) if any.ip().is_unspecified() => listen.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(any) if any.ip().is_unspecified() => listen.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    listen
}
