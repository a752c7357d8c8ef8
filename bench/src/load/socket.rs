//! Listeners: thousands of WebSocket clients on one thread.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;

use super::inbox::Duty;
#[cfg(test)]
pub(crate) use super::inbox::Heard;
pub(crate) use super::inbox::{Dialect, Inbox};
use super::on_own_thread;
use crate::Result;

/// Handshakes that run at once.
const HANDSHAKES: usize = 64;
/// What one read takes at most; one buffer serves all sockets.
const READ: usize = 64 * 1024;
/// How long sockets that stopped reading may take to see their end.
const DRAIN: Duration = Duration::from_secs(20);
/// A receive buffer and a segment size as of a poor line: on loopback the kernel alone would take megabytes.
const POOR_LINE: (usize, u32) = (4096, 536);

/// What to listen to.
pub(crate) struct Plan {
    /// Where the server is.
    pub address: SocketAddr,
    /// The path of each socket's handshake.
    pub paths: Vec<String>,
    /// What frames look like.
    pub dialect: Dialect,
    /// How many of the sockets, the first ones, stop reading when told ([`Listeners::stall`]).
    pub stalling: usize,
}

/// Open sockets.
pub(crate) struct Listeners {
    counts: Arc<Counts>,
    phase: watch::Sender<Phase>,
    outcome: oneshot::Receiver<Result<Vec<Inbox>>>,
}

#[derive(Default)]
struct Counts {
    reading: AtomicU64,
    stalling: AtomicU64,
    /// Sockets that the server has closed.
    closed: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Reading,
    Stalled,
    Ended,
}

impl Listeners {
    /// Opens all sockets of the plan.
    ///
    /// # Errors
    /// When a handshake is refused.
    pub(crate) async fn open(plan: Plan) -> Result<Self> {
        let counts = Arc::new(Counts::default());
        let (phase, phases) = watch::channel(Phase::Reading);
        let (opened, is_open) = oneshot::channel();
        let (done, outcome) = oneshot::channel();
        let counted = Arc::clone(&counts);
        tokio::spawn(async move {
            let run = on_own_thread("listeners", async move || run(plan, counted, phases, opened).await);
            drop(done.send(run.await));
        });
        let listeners = Self { counts, phase, outcome };
        match is_open.await {
            Ok(()) => Ok(listeners),
            Err(_) => Err(listeners.outcome.await?.err().unwrap_or_else(|| "the listeners have died".into())),
        }
    }

    /// Messages that arrived at sockets that never stall.
    pub(crate) fn frames(&self) -> u64 {
        self.counts.reading.load(Ordering::Relaxed)
    }

    /// Waits until that many messages have arrived, as long as some still come.
    ///
    /// # Errors
    /// When no message came for three seconds.
    pub(crate) async fn wait_for(&self, frames: u64) -> Result {
        let (mut last, mut quiet) = (self.frames(), Instant::now());
        while last < frames {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let now = self.frames();
            if now > last {
                (last, quiet) = (now, Instant::now());
            } else if quiet.elapsed() > Duration::from_secs(3) {
                let closed = self.counts.closed.load(Ordering::Relaxed);
                return Err(
                    format!("only {last} of {frames} messages have arrived; {closed} sockets were closed").into()
                );
            }
        }
        Ok(())
    }

    /// Makes the first `stalling` sockets stop reading.
    pub(crate) fn stall(&self) {
        self.phase.send_replace(Phase::Stalled);
    }

    /// Closes the sockets and returns what each has heard. Those that stalled first read on to the end that the server
    /// has put to them.
    pub(crate) async fn close(self) -> Result<Vec<Inbox>> {
        self.phase.send_replace(Phase::Ended);
        self.outcome.await?
    }
}

async fn run(
    plan: Plan,
    counts: Arc<Counts>,
    phases: watch::Receiver<Phase>,
    opened: oneshot::Sender<()>,
) -> Result<Vec<Inbox>> {
    let handshakes = Rc::new(Semaphore::new(HANDSHAKES));
    let buffer = Rc::new(RefCell::new(vec![0; READ]));
    let mut opening = JoinSet::new();
    for (index, path) in plan.paths.into_iter().enumerate() {
        let (handshakes, stalls) = (Rc::clone(&handshakes), index < plan.stalling);
        opening.spawn_local(async move {
            let _turn = handshakes.acquire().await?;
            Ok::<_, crate::Failure>((index, stalls, handshake(plan.address, &path, stalls).await?))
        });
    }
    let mut streams = Vec::new();
    while let Some(open) = opening.join_next().await {
        streams.push(open??);
    }
    // As in the plan, not as the handshakes ended.
    streams.sort_unstable_by_key(|(index, ..)| *index);
    let (mut steady, mut stalling) = (JoinSet::new(), JoinSet::new());
    let mut inboxes = Vec::with_capacity(streams.len());
    for (_, stalls, (stream, early)) in streams {
        let mut inbox = Inbox::new(plan.dialect);
        let count = if stalls { &counts.stalling } else { &counts.reading };
        count.fetch_add(inbox.feed(&early, Instant::now()).0, Ordering::Relaxed);
        let inbox = Rc::new(RefCell::new(inbox));
        inboxes.push(Rc::clone(&inbox));
        let listener = Listener { stream, inbox, buffer: Rc::clone(&buffer), counts: Arc::clone(&counts) };
        if stalls {
            stalling.spawn_local(listener.read_and_stall(phases.clone()));
        } else {
            steady.spawn_local(listener.read());
        }
    }
    let _ = opened.send(());
    let mut ended = phases;
    ended.wait_for(|phase| *phase == Phase::Ended).await?;
    let drained = async { while stalling.join_next().await.is_some() {} };
    drop(tokio::time::timeout(DRAIN, drained).await);
    stalling.shutdown().await;
    steady.shutdown().await;
    Ok(inboxes.into_iter().filter_map(|inbox| Rc::try_unwrap(inbox).ok()).map(RefCell::into_inner).collect())
}

struct Listener {
    stream: TcpStream,
    inbox: Rc<RefCell<Inbox>>,
    buffer: Rc<RefCell<Vec<u8>>>,
    counts: Arc<Counts>,
}

impl Listener {
    async fn read(mut self) {
        let counts = Arc::clone(&self.counts);
        while self.take(&counts.reading).await {}
        counts.closed.fetch_add(1, Ordering::Relaxed);
    }

    async fn read_and_stall(mut self, mut phases: watch::Receiver<Phase>) {
        let counts = Arc::clone(&self.counts);
        while self.take(&counts.stalling).await {
            if *phases.borrow() == Phase::Stalled && phases.wait_for(|phase| *phase != Phase::Stalled).await.is_err() {
                return;
            }
        }
    }

    /// Waits for something to read and reads it; `false` at the end of the stream. One call of the kernel: by a short read
    /// tokio knows that nothing is left.
    async fn take(&mut self, count: &AtomicU64) -> bool {
        let (stream, buffer, inbox) = (&mut self.stream, &self.buffer, &self.inbox);
        let read = poll_fn(|context| {
            let mut buffer = buffer.borrow_mut();
            let mut room = ReadBuf::new(&mut buffer);
            Pin::new(&mut *stream).poll_read(context, &mut room).map_ok(|()| {
                let bytes = room.filled();
                (!bytes.is_empty()).then(|| inbox.borrow_mut().feed(bytes, Instant::now()))
            })
        });
        let Ok(Some((messages, duty))) = read.await else { return false };
        count.fetch_add(messages, Ordering::Relaxed);
        if let Duty::Pong(payload) = duty {
            // Masked with zeros, which leave the payload as it is. A full socket has other troubles.
            let length = u8::try_from(payload.len()).unwrap_or(0);
            let mut pong = vec![0x8A, 0x80 | length, 0, 0, 0, 0];
            pong.extend_from_slice(&payload);
            drop(self.stream.try_write(&pong));
        }
        true
    }
}

/// Opens one socket; returns what came behind the handshake, too.
async fn handshake(address: SocketAddr, path: &str, poor_line: bool) -> Result<(TcpStream, Vec<u8>)> {
    let mut stream = if poor_line {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_recv_buffer_size(POOR_LINE.0)?;
        socket.set_tcp_mss(POOR_LINE.1)?;
        socket.set_nonblocking(true)?;
        TcpSocket::from_std_stream(socket.into()).connect(address).await?
    } else {
        TcpStream::connect(address).await?
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(512);
    let end = loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("the server has closed a socket in its handshake".into());
        }
        if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
            break end + 4;
        }
    };
    if !answer.starts_with(b"HTTP/1.1 101") {
        let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
        return Err(format!("a handshake was answered with {}", String::from_utf8_lossy(line)).into());
    }
    let early = answer.split_off(end);
    Ok((stream, early))
}
