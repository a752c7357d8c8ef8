//! A user's socket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long a frame that must come may take, on a busy machine. Below a minute, which connections are held that nobody ends.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(40);

/// The first byte of a whole text frame.
pub(crate) const TEXT: u8 = 0x81;

/// An open socket.
pub(crate) struct Socket {
    pub stream: WebSocketStream<TcpStream>,
}

/// A server frame, its content opened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub kind: String,
    pub content: Value,
}

impl Socket {
    /// Opens a socket; an answer without upgrade is the error `Http`.
    pub(crate) async fn open(url: &str) -> Result<Self, Error> {
        Self::open_with_buffer(url, None).await
    }

    /// As [`Socket::open`], with a limit on what the system takes for a client that does not read.
    pub(crate) async fn open_with_buffer(url: &str, bytes: Option<u32>) -> Result<Self, Error> {
        let address = url.split('/').nth(2).unwrap().parse().unwrap();
        let tcp = TcpSocket::new_v4()?;
        if let Some(bytes) = bytes {
            tcp.set_recv_buffer_size(bytes)?;
        }
        Ok(Self { stream: client_async(url, tcp.connect(address).await?).await?.0 })
    }

    /// Sends bytes as they are, past all rules of the client's library.
    pub(crate) async fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The next message of any kind, protocol pings aside; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        loop {
            match self.next_of_any_kind().await {
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => return other,
            }
        }
    }

    /// The next message, protocol pings and pongs too; `None` at the end of the stream.
    pub(crate) async fn next_of_any_kind(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(TIMEOUT, self.stream.next());
        next.await.expect("no frame came in time").and_then(Result::ok)
    }

    /// The next event; text `pong` and the like are a failure.
    pub(crate) async fn event(&mut self) -> Event {
        match self.next().await {
            Some(Message::Text(text)) => Event::parse(&text),
            other => panic!("no event but {other:?}"),
        }
    }

    /// The next event, which must be of this kind; its content.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let event = self.event().await;
        assert_eq!(event.kind, kind, "{:?}", event.content);
        event.content
    }

    /// Everything that was published to this socket until now: frames leave in order, so what comes before the answer to
    /// a ping is all.
    pub(crate) async fn events_so_far(&mut self) -> Vec<Event> {
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

    /// Every event up to the first of this kind, that one left out.
    pub(crate) async fn events_until(&mut self, kind: &str) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            match self.event().await {
                event if event.kind == kind => return events,
                event => events.push(event),
            }
        }
    }

    /// The content of the next event of this kind; what comes before is passed over.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            match self.event().await {
                event if event.kind == kind => return event.content,
                _ => {}
            }
        }
    }

    /// The code with which the server closes the socket, after whatever it still sends.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            match self.next().await {
                Some(Message::Close(frame)) => return frame.map(|frame| u16::from(frame.code)),
                Some(_) => {}
                None => return None,
            }
        }
    }

    /// Closes from the client's side.
    pub(crate) async fn close(mut self) {
        self.stream.close(None).await.unwrap();
        while self.next().await.is_some() {}
    }
}

/// A frame as a client sends it, masked; `first` holds the flags and the opcode.
pub(crate) fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

impl Event {
    pub(crate) fn parse(text: &str) -> Self {
        let frame: Value = serde_json::from_str(text).unwrap();
        let content = serde_json::from_str(frame["content"].as_str().unwrap()).unwrap();
        Self { kind: frame["type"].as_str().unwrap().to_owned(), content }
    }
}
