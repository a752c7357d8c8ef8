//! Senders: keep-alive HTTP/1.1 over raw connections with prebuilt requests.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use memchr::memmem::{self, Finder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::on_own_thread;
use crate::Result;

/// What a sender does.
#[derive(Clone)]
pub(crate) struct Plan {
    /// Where the requests go.
    pub address: SocketAddr,
    /// Connections, each with one request in flight.
    pub connections: usize,
    /// The requests; connection `c` takes `c`, `c + connections`, … and starts over at the end.
    pub requests: Arc<Vec<Bytes>>,
    /// When to stop.
    pub until: Until,
    /// When to send.
    pub pace: Pace,
}

/// When a connection sends its next request.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as it has the answer.
    Answers,
    /// So that there are this many per second over all connections; one that an answer delays counts from when it was due.
    Steady(f64),
    /// Likewise, but whoever still waits for an answer then sends nothing.
    Patient(f64),
}

impl Pace {
    /// The time between two requests of one connection.
    fn gap(self, connections: usize) -> Option<Duration> {
        match self {
            Self::Answers => None,
            Self::Steady(rate) | Self::Patient(rate) => {
                Some(Duration::from_secs_f64(crate::report::float(connections) / rate))
            }
        }
    }
}

/// When a sender stops.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// Each request was answered once.
    AllAnswered,
    /// This time is over; what is in flight is awaited.
    Elapsed(Duration),
}

/// One answered request.
#[derive(Clone, Copy)]
pub(crate) struct Answer {
    /// When it was sent; with [`Pace::Steady`] when it should have been.
    pub sent: Instant,
    /// How long the answer took.
    pub took: Duration,
    /// The HTTP status.
    pub status: u16,
    /// Whether it is a success: the envelope's code is 0, or any 2xx of those who have no envelope.
    pub accepted: bool,
    /// The envelope's `data` when that is a number.
    pub id: Option<u64>,
}

/// What was sent.
pub(crate) struct Sent {
    /// When the first request could go.
    pub started: Instant,
    /// Every answer, by connection.
    pub answers: Vec<Answer>,
}

impl Sent {
    /// The ids of what was accepted.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.accepted().filter_map(|answer| answer.id).collect()
    }

    /// What was accepted.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(|answer| answer.accepted)
    }

    /// Accepted requests per second, up to the last answer.
    pub(crate) fn rate(&self) -> f64 {
        let last = self.answers.iter().map(|answer| answer.sent + answer.took).max().unwrap_or(self.started);
        let seconds = last.duration_since(self.started).as_secs_f64();
        crate::report::float(self.accepted().count()) / seconds.max(f64::EPSILON)
    }

    /// Fails when anything but successes came back.
    pub(crate) fn all_accepted(self) -> Result<Self> {
        match self.answers.iter().find(|answer| !answer.accepted) {
            Some(answer) => Err(format!("a request was answered with status {} and no success", answer.status).into()),
            None => Ok(self),
        }
    }
}

/// Builds a POST of JSON.
pub(crate) fn post(path: &str, token: Option<&str>, body: &str) -> Bytes {
    request("POST", path, token, body)
}

/// Builds a request.
pub(crate) fn request(method: &str, path: &str, token: Option<&str>, body: &str) -> Bytes {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    Bytes::from(format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{authorization}content-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    ))
}

/// Runs the plan.
///
/// # Errors
/// When a connection fails or an answer is no HTTP.
pub(crate) async fn send(plan: Plan) -> Result<Sent> {
    on_own_thread("senders", async move || run(plan).await).await
}

async fn run(plan: Plan) -> Result<Sent> {
    let mut connections = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        connections.push(Connection::open(plan.address).await?);
    }
    let started = Instant::now();
    let plan = Rc::new(plan);
    let mut running = JoinSet::new();
    for (index, connection) in connections.into_iter().enumerate() {
        let plan = Rc::clone(&plan);
        running.spawn_local(async move { drive(connection, index, &plan, started).await });
    }
    let mut answers = Vec::new();
    while let Some(done) = running.join_next().await {
        answers.append(&mut done??);
    }
    Ok(Sent { started, answers })
}

async fn drive(mut connection: Connection, index: usize, plan: &Plan, started: Instant) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    // With fewer requests than connections several have the same.
    let first = index % plan.requests.len().max(1);
    let own: Vec<&Bytes> = plan.requests.iter().skip(first).step_by(plan.connections).collect();
    let gap = plan.pace.gap(plan.connections);
    let phase = gap.map(|gap| gap.mul_f64(crate::report::float(index) / crate::report::float(plan.connections)));
    let mut due = started + phase.unwrap_or_default();
    let deadline = match plan.until {
        Until::Elapsed(duration) => Some(started + duration),
        Until::AllAnswered => None,
    };
    let mut round = own.iter();
    loop {
        let request = match (round.next(), deadline) {
            (Some(request), _) => request,
            (None, Some(_)) => {
                round = own.iter();
                continue;
            }
            (None, None) => return Ok(answers),
        };
        let mut sent = Instant::now();
        if let Some(gap) = gap {
            if matches!(plan.pace, Pace::Patient(_)) {
                while due < sent {
                    due += gap;
                }
            }
            if sent < due {
                tokio::time::sleep_until(due.into()).await;
                sent = Instant::now();
            } else {
                sent = due;
            }
            due += gap;
        }
        if deadline.is_some_and(|deadline| sent >= deadline) {
            return Ok(answers);
        }
        let (status, accepted, id) = connection.exchange(request).await?;
        answers.push(Answer { sent, took: sent.elapsed(), status, accepted, id });
    }
}

const CODE: &[u8] = br#""code":"#;
const DATA: &[u8] = br#""data":"#;

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    head_end: Finder<'static>,
    length: Finder<'static>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
            head_end: Finder::new(b"\r\n\r\n"),
            length: Finder::new(b"ontent-"),
        })
    }

    /// Sends a request and awaits its answer: status, whether it is a success, the number in `data`.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<(u16, bool, Option<u64>)> {
        let (status, body) = self.call(request).await?;
        let (code, id) = (number_after(CODE, body), number_after(DATA, body));
        let accepted = code.map_or((200..300).contains(&status), |code| code == 0);
        Ok((status, accepted, id))
    }

    /// Sends a request and returns status and body of its answer.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server has closed a connection".into());
            }
            if let Some(end) = self.head_end.find(&self.buffer) {
                break end + self.head_end.needle().len();
            }
        };
        let text = self.buffer.get(..head).unwrap_or_default();
        let status = text.get(9..12).and_then(leading_number).and_then(|status| u16::try_from(status).ok());
        let status = status.ok_or("an answer that is no HTTP")?;
        let total = head + content_length(&self.length, text).ok_or("an answer without content-length")?;
        while self.buffer.len() < total {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server has closed a connection inside an answer".into());
            }
        }
        Ok((status, self.buffer.get(head..total).unwrap_or_default()))
    }
}

/// The number behind a key of the envelope.
fn number_after(key: &[u8], body: &[u8]) -> Option<u64> {
    leading_number(body.get(memmem::find(body, key)? + key.len()..)?)
}

/// `Content-Length: n`, in whatever case the server writes it.
fn content_length(finder: &Finder<'_>, head: &[u8]) -> Option<usize> {
    finder.find_iter(head).find_map(|at| {
        let rest = head.get(at + finder.needle().len()..)?;
        let (name, value) = rest.split_at_checked(7)?;
        if !name.eq_ignore_ascii_case(b"length:") {
            return None;
        }
        usize::try_from(leading_number(value.trim_ascii_start())?).ok()
    })
}

/// The decimal number at the start of `text`.
pub(crate) fn leading_number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| number.unwrap_or(0_u64).checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}
