//! The end of a connection whose client may still be sending.

use std::io::ErrorKind;
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::time::timeout;

/// How long a client may take to close its side.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes that one read takes at most.
const READ_BYTES: usize = 4096;

/// Reads what a client still sends up to its end, for a second at most: closing before would reset the connection, and what
/// was written last might not arrive.
pub(crate) async fn linger(socket: &TcpStream) {
    drop(timeout(LINGER, discard(socket)).await);
}

async fn discard(socket: &TcpStream) {
    while socket.readable().await.is_ok() {
        match socket.try_read(&mut [0; READ_BYTES]) {
            // Yield, so that a client that sends without end neither blocks the thread nor delays its own timeout.
            Ok(1..) => tokio::task::coop::consume_budget().await,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}
