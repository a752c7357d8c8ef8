//! A user's socket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a frame that must come may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open socket.
pub struct Socket {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// A server frame, its content opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub kind: String,
    pub content: Value,
}

impl Socket {
    /// Opens a socket; an answer without upgrade is the error `Http`.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Ok(Self { stream: connect_async(url).await?.0 })
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The next message of any kind, protocol pings aside; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.stream.next());
            match next.await.expect("no frame came in time") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next event; text `pong` and the like are a failure.
    pub async fn event(&mut self) -> Event {
        match self.next().await {
            Some(Message::Text(text)) => Event::parse(&text),
            other => panic!("no event but {other:?}"),
        }
    }

    /// The next event, which must be of this kind; its content.
    #[track_caller]
    pub fn expect(&mut self, kind: &str) -> impl Future<Output = Value> {
        async move {
            let event = self.event().await;
            assert_eq!(event.kind, kind, "{:?}", event.content);
            event.content
        }
    }

    /// Everything that was published to this socket until now: frames leave in order, so what comes before the answer to
    /// a ping is all.
    pub async fn events_so_far(&mut self) -> Vec<Event> {
        self.send("ping").await;
        let mut events = Vec::new();
        loop {
            match self.next().await {
                Some(Message::Text(text)) if text == "pong" => return events,
                Some(Message::Text(text)) => events.push(Event::parse(&text)),
                other => panic!("the socket ended: {other:?}"),
            }
        }
    }

    /// The code with which the server closes the socket, after whatever it still sends.
    pub async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Some(Message::Close(frame)) => return frame.map(|frame| u16::from(frame.code)),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// Closes from the client's side.
    pub async fn close(mut self) {
        self.stream.close(None).await.unwrap();
        while self.next().await.is_some() {}
    }
}

impl Event {
    fn parse(text: &str) -> Self {
        let frame: Value = serde_json::from_str(text).unwrap();
        let content = serde_json::from_str(frame["content"].as_str().unwrap()).unwrap();
        Self { kind: frame["type"].as_str().unwrap().to_owned(), content }
    }
}
