//! Stands for a node behind a proxy: it answers every request, and shows what the proxy has passed on.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

pub(crate) struct Node {
    pub address: String,
    requests: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Node {
    /// A request for this path is not answered: the node closes the connection.
    pub(crate) const BREAKS_OFF: &str = "/breaks-off";

    /// On a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move { serve(connection, &seen).await });
            }
        });
        Self { address, requests, accepting }
    }

    /// The heads of the requests that came, those of health checks aside, since this was last called.
    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Answers until the connection ends.
async fn serve(connection: TcpStream, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut connection = BufReader::new(connection);
    loop {
        let head = read_head(&mut connection).await?;
        let lower = head.to_lowercase();
        if !lower.starts_with("get /readyz ") {
            seen.lock().unwrap().push(head.clone());
        }
        if head.contains(Node::BREAKS_OFF) {
            return None;
        }
        if lower.contains("transfer-encoding: chunked") {
            read_chunks(&mut connection).await?;
        } else if let Some((_, rest)) = lower.split_once("content-length: ") {
            let mut body = vec![0; rest.lines().next()?.parse().unwrap()];
            connection.read_exact(&mut body).await.ok()?;
        }
        connection.write_all(ANSWER).await.ok()?;
    }
}

async fn read_head(connection: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if connection.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// Reads to the end of the last chunk.
async fn read_chunks(connection: &mut BufReader<TcpStream>) -> Option<()> {
    loop {
        let mut size = String::new();
        connection.read_line(&mut size).await.ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        connection.read_exact(&mut vec![0; size + 2]).await.ok()?;
        if size == 0 {
            return Some(());
        }
    }
}
