//! The shop's system, as far as it is asked about tokens.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// What was asked: the first line, and what follows it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET /path?query`
    pub line: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
}

type Answering = dyn Fn(&Asked) -> (u16, String) + Send + Sync;

/// Answers on a free port, one question for a connection, until its test ends.
pub(crate) struct Shop {
    pub address: SocketAddr,
    questions: Arc<Mutex<Vec<Asked>>>,
    open: Arc<AtomicUsize>,
}

impl Shop {
    /// Answers as this says.
    pub(crate) async fn start(answering: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answering).await
    }

    /// The same, at an address.
    pub(crate) async fn start_at(
        address: &str,
        answering: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let shop = Self { address: listener.local_addr().unwrap(), questions: Arc::default(), open: Arc::default() };
        let answering: Arc<Answering> = Arc::new(answering);
        let (questions, open) = (Arc::clone(&shop.questions), Arc::clone(&shop.open));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(connection, Arc::clone(&answering), Arc::clone(&questions)));
            }
        });
        shop
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn questions(&self) -> Vec<Asked> {
        self.questions.lock().unwrap().clone()
    }

    /// Connections that were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

async fn serve(connection: TcpStream, answering: Arc<Answering>, questions: Arc<Mutex<Vec<Asked>>>) {
    let mut connection = BufStream::new(connection);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers: HashMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    let line = lines[0].trim_end_matches(" HTTP/1.1").to_owned();
    let asked = Asked { line, headers, body: String::from_utf8(body).unwrap() };
    questions.lock().unwrap().push(asked.clone());
    let (status, body) = answering(&asked);
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = connection.write_all((head + &body).as_bytes()).await;
    let _ = connection.flush().await;
}

/// What yudao puts around an answer.
pub(crate) fn envelope(data: Value) -> (u16, String) {
    (200, serde_json::json!({"code": 0, "data": data, "msg": ""}).to_string())
}
