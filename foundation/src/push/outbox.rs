//! What waits for one socket, and the response body that sends it.
//!
//! A publisher pushes shared frames and puts the body in line among its thread's sockets ([`super::turn`]); the
//! body, polled by the connection's own thread when its turn comes, joins what waits into chunks of up to [`CHUNK`]
//! bytes, so that a burst costs one write. One short lock guards both sides and is never held across an await. The queue
//! is bounded in frames and bytes; going over empties it and closes the socket as too slow. A socket that is closing keeps
//! at most one chunk. While a replay runs, live frames are held back, within the same bounds, and follow it (see
//! [`Outbox::end_replay`]).

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use actix_web::body::{BodySize, MessageBody};
use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use super::Position;
use super::registration::Registration;
use super::turn::{Calls, Line};
use crate::ws::{CloseReason, Closing, frame};

/// Bytes that go out in one write at most, a single larger frame aside.
const CHUNK: usize = 16 * 1024;
/// Bytes above which a turn ends, even if whole chunks wait. With one chunk a turn, a socket that gets far more than the
/// others, such as the only admin's of a busy shop, falls behind by everyone else's turns.
const TURN: usize = 256 * 1024;
/// Frames whose room an idle socket keeps.
const IDLE_CAPACITY: usize = 8;
/// Frames that a replay lets wait at most.
const REPLAY_LOW_WATER: usize = 64;

/// The bounds of one queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Most frames.
    pub frames: usize,
    /// Most bytes.
    pub bytes: usize,
}

/// The queue of one socket.
pub struct Outbox {
    queue: Mutex<Queue>,
    /// Of the thread that sends it.
    line: OnceLock<Arc<Line>>,
    drained: Notify,
    /// Given with the close frame, to those who read from and write to the connection.
    closing: Arc<Closing>,
    bounds: Bounds,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Live frames that wait for the end of a replay.
    held: Option<Held>,
    /// What replays have sent, whose live frames may still be on their way: a commit can be read before it is published.
    replayed: Option<Box<Replayed>>,
    /// No frame is taken any more; what is queued still goes out, then the body ends.
    closing: bool,
    /// The waker of the body, while the body has nothing to send.
    waker: Option<Waker>,
}

/// The newest `seq` replayed of each stream.
pub type Replayed = HashMap<i64, i64>;

/// Whether a replay has sent what stands there.
fn covers(replayed: &Replayed, position: Position) -> bool {
    replayed.get(&position.stream).is_some_and(|seq| position.seq <= *seq)
}

#[derive(Default)]
struct Held {
    frames: Vec<(Bytes, Option<Position>)>,
    bytes: usize,
    /// More came than may be held: the replay reads it from the database.
    overflowed: bool,
}

impl Held {
    fn push(&mut self, frame: &Bytes, position: Option<Position>, bounds: Bounds) {
        if self.frames.len() < bounds.frames && self.bytes + frame.len() <= bounds.bytes {
            self.bytes += frame.len();
            self.frames.push((frame.clone(), position));
        } else {
            *self = Self { overflowed: true, ..Self::default() };
        }
    }

    /// Keeps the frames whose position is such.
    fn retain(&mut self, is_kept: impl Fn(Option<Position>) -> bool) {
        self.frames.retain(|(_, position)| is_kept(*position));
        self.bytes = self.frames.iter().map(|(frame, _)| frame.len()).sum();
    }
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It waits for the socket.
    Queued,
    /// A replay has sent it, or the socket is closing and resyncs when it comes back.
    Ignored,
    /// It was one too many: the socket is being closed as too slow.
    TooSlow,
}

impl Outbox {
    /// An empty queue; with `replaying`, live frames are held back from the start.
    pub(crate) fn new(bounds: Bounds, replaying: bool, closing: Arc<Closing>) -> Self {
        let queue = Queue { held: replaying.then(Held::default), ..Queue::default() };
        Self { queue: Mutex::new(queue), line: OnceLock::new(), drained: Notify::new(), closing, bounds }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a live frame, or holds it back while a replay runs.
    pub(super) fn push(&self, frame: &Bytes, position: Option<Position>, calls: &mut Calls) -> Pushed {
        let mut queue = self.lock();
        if queue.closing {
            return Pushed::Ignored;
        }
        // Before it is held: a second replay does not repeat what the first has sent.
        if let (Some(replayed), Some(position)) = (&queue.replayed, position)
            && covers(replayed, position)
        {
            return Pushed::Ignored;
        }
        if let Some(held) = &mut queue.held {
            held.push(frame, position, self.bounds);
            return Pushed::Queued;
        }
        self.append(queue, frame.clone(), calls)
    }

    /// Queues a frame for this socket alone, ahead of what a replay holds back.
    pub(crate) fn push_direct(&self, frame: Bytes) -> Pushed {
        let queue = self.lock();
        if queue.closing { Pushed::Ignored } else { self.append(queue, frame, &mut Calls::default()) }
    }

    fn append(&self, mut queue: MutexGuard<'_, Queue>, frame: Bytes, calls: &mut Calls) -> Pushed {
        if queue.frames.len() >= self.bounds.frames || queue.bytes + frame.len() > self.bounds.bytes {
            self.close_locked(queue, CloseReason::Slow);
            return Pushed::TooSlow;
        }
        queue.bytes += frame.len();
        queue.frames.push_back(frame);
        self.line_up(queue, calls);
        Pushed::Queued
    }

    /// Sends a close frame after what is queued, and ends the body. A queue of more than a chunk is dropped, and a slow
    /// socket's: until its connection has ended, a closing socket holds next to nothing.
    pub(crate) fn close(&self, reason: CloseReason) {
        let queue = self.lock();
        if !queue.closing {
            self.close_locked(queue, reason);
        }
    }

    fn close_locked(&self, mut queue: MutexGuard<'_, Queue>, reason: CloseReason) {
        if reason == CloseReason::Slow || queue.bytes > CHUNK {
            queue.frames = VecDeque::new();
            queue.bytes = 0;
        }
        queue.held = None;
        queue.closing = true;
        queue.frames.push_back(frame::close(reason.code(), reason.text()));
        self.wake(queue);
        self.drained.notify_waiters();
        self.closing.begin();
    }

    /// The connection is gone: nothing can be sent any more.
    fn abandon(&self) {
        let mut queue = self.lock();
        *queue = Queue { closing: true, ..Queue::default() };
        drop(queue);
        self.drained.notify_waiters();
        self.closing.begin();
    }

    /// The notice that the socket is closing or gone.
    pub(crate) fn closing(&self) -> &Closing {
        &self.closing
    }

    /// Starts holding live frames back; `false` when a replay runs already.
    pub fn begin_replay(&self) -> bool {
        let mut queue = self.lock();
        let free = queue.held.is_none() && !queue.closing;
        if free {
            queue.held = Some(Held::default());
        }
        free
    }

    /// Queues a frame of a replay once the socket has taken most of what was queued before: however much is replayed and
    /// however large the frames are, a replay alone never makes a socket too slow. `false` when it is closing.
    pub async fn push_replayed(&self, frame: Bytes) -> bool {
        loop {
            let drained = self.drained.notified();
            {
                let mut queue = self.lock();
                if queue.closing {
                    return false;
                }
                if queue.frames.len() < self.low_water() && queue.bytes <= self.bounds.bytes / 2 {
                    queue.bytes += frame.len();
                    queue.frames.push_back(frame);
                    self.wake(queue);
                    return true;
                }
            }
            drained.await;
        }
    }

    /// Ends the replay if nothing was lost: the held frames that `replayed` does not cover follow, then `last`, then
    /// live frames. Otherwise (`false`) more arrived than can be held or queued, and the caller reads the database once
    /// more.
    pub fn end_replay(&self, replayed: &Replayed, last: Bytes) -> bool {
        let mut queue = self.lock();
        let (frames, bytes) = (queue.frames.len(), queue.bytes);
        let Some(held) = &mut queue.held else { return true };
        if std::mem::take(&mut held.overflowed) {
            return false;
        }
        held.retain(|position| !position.is_some_and(|position| covers(replayed, position)));
        let in_database = held.frames.iter().any(|(_, position)| position.is_some());
        // Live frames that follow need room, too.
        let is_much = frames + held.frames.len() > self.bounds.frames / 2 || bytes + held.bytes > self.bounds.bytes / 2;
        if in_database && is_much {
            held.retain(|position| position.is_none());
            return false;
        }
        let held = queue.held.take().unwrap_or_default();
        if !replayed.is_empty() {
            queue.replayed.get_or_insert_default().extend(replayed);
        }
        for frame in held.frames.into_iter().map(|(frame, _)| frame).chain([last]) {
            queue.bytes += frame.len();
            queue.frames.push_back(frame);
        }
        self.wake(queue);
        true
    }

    /// Frames below which a replay goes on.
    fn low_water(&self) -> usize {
        REPLAY_LOW_WATER.min(self.bounds.frames / 2).max(1)
    }

    /// Puts a body that waits in line, and sees to it that it gets its turn.
    fn wake(&self, queue: MutexGuard<'_, Queue>) {
        self.line_up(queue, &mut Calls::default());
    }

    /// Puts a body that waits in line.
    fn line_up(&self, mut queue: MutexGuard<'_, Queue>, calls: &mut Calls) {
        let waker = queue.waker.take();
        drop(queue);
        if let (Some(waker), Some(line)) = (waker, self.line.get()) {
            line.join(waker, calls);
        }
    }

    /// The next chunk for the wire, when it is the body's turn: one, and what whole ones follow.
    fn poll_chunk(&self, turn: &mut Turn, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut queue = self.lock();
        if queue.frames.is_empty() {
            if queue.closing {
                return Poll::Ready(None);
            }
            // An idle socket keeps no memory of its last burst.
            if queue.frames.capacity() > IDLE_CAPACITY {
                queue.frames = VecDeque::new();
            }
            queue.waker = Some(context.waker().clone());
            *turn = Turn::Awaited;
            return Poll::Pending;
        }
        let sent = match *turn {
            Turn::Awaited => 0,
            Turn::Sent(bytes) if bytes < TURN && queue.bytes >= CHUNK => bytes,
            Turn::Sent(_) => {
                queue.waker = Some(context.waker().clone());
                *turn = Turn::Awaited;
                self.wake(queue);
                return Poll::Pending;
            }
        };
        let chunk = queue.next_chunk();
        drop(queue);
        *turn = Turn::Sent(sent + chunk.as_ref().map_or(0, Bytes::len));
        self.drained.notify_waiters();
        Poll::Ready(chunk)
    }
}

impl Queue {
    /// Takes the frames that go out in one write.
    fn next_chunk(&mut self) -> Option<Bytes> {
        let first = self.frames.pop_front()?;
        let mut size = first.len();
        let mut count = 0;
        for frame in &self.frames {
            if size + frame.len() > CHUNK {
                break;
            }
            size += frame.len();
            count += 1;
        }
        self.bytes = self.bytes.saturating_sub(size);
        if count == 0 {
            return Some(first);
        }
        let mut joined = BytesMut::with_capacity(size);
        joined.extend_from_slice(&first);
        for frame in self.frames.drain(..count) {
            joined.extend_from_slice(&frame);
        }
        Some(joined.freeze())
    }
}

/// A body and its turn to write.
#[derive(Clone, Copy)]
enum Turn {
    /// It is or was in line: when it is polled next, it is its turn.
    Awaited,
    /// Bytes that it has sent in its last turn. That goes on where a slow line has held it up.
    Sent(usize),
}

/// The response body of an upgraded connection: what [`Outbox`] holds, until it is closed.
///
/// It is dropped when the connection has ended, and the socket is forgotten then.
pub struct OutboxBody {
    outbox: Arc<Outbox>,
    turn: Turn,
    _registration: Registration,
}

impl OutboxBody {
    /// The body of a registered socket, made on the thread that will send it.
    pub fn new(registration: Registration) -> Self {
        let outbox = Arc::clone(registration.connection().outbox());
        outbox.line.get_or_init(Line::here);
        Self { outbox, turn: Turn::Sent(TURN), _registration: registration }
    }
}

impl MessageBody for OutboxBody {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        this.outbox.poll_chunk(&mut this.turn, context).map(|chunk| chunk.map(Ok))
    }
}

impl Drop for OutboxBody {
    fn drop(&mut self) {
        self.outbox.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: i64 = 7;

    fn push(outbox: &Outbox, seq: i64) -> Pushed {
        outbox.push(&Bytes::from_static(b"frame"), Some(Position { stream: STREAM, seq }), &mut Calls::default())
    }

    #[test]
    fn what_was_replayed_is_not_sent_again_however_late_it_is_published() {
        let outbox = Outbox::new(Bounds { frames: 16, bytes: 1024 }, true, Arc::default());
        assert_eq!(push(&outbox, 1), Pushed::Queued, "held back");
        assert!(outbox.end_replay(&Replayed::from([(STREAM, 2)]), Bytes::from_static(b"last")));
        assert_eq!(push(&outbox, 2), Pushed::Ignored, "read by the replay, published after it");
        assert_eq!(push(&outbox, 3), Pushed::Queued);
        assert_eq!(outbox.lock().frames, ["last", "frame"]);
    }

    #[test]
    fn what_is_held_back_is_bounded_in_frames_and_in_bytes() {
        for (bounds, size, fit) in
            [(Bounds { frames: 8, bytes: 1 << 20 }, 10, 8), (Bounds { frames: 64, bytes: 1000 }, 300, 3)]
        {
            let outbox = Outbox::new(bounds, true, Arc::default());
            let frame = Bytes::from(vec![0; size]);
            let push = |seq| outbox.push(&frame, Some(Position { stream: STREAM, seq }), &mut Calls::default());
            let held = || outbox.lock().held.as_ref().map(|held| (held.frames.len(), held.bytes));
            (1..=fit).for_each(|seq| assert_eq!(push(seq), Pushed::Queued));
            let count = usize::try_from(fit).unwrap();
            assert_eq!(held(), Some((count, count * size)));
            assert_eq!(push(fit + 1), Pushed::Queued);
            assert_eq!(held(), Some((0, 0)), "the replay reads them from the database");
            assert!(!outbox.end_replay(&Replayed::new(), Bytes::new()));

            // Held alone they fit, but leave less than half of the room to live frames that follow.
            (1..=fit).for_each(|seq| assert_eq!(push(seq), Pushed::Queued));
            assert!(!outbox.end_replay(&Replayed::from([(STREAM, 1)]), Bytes::new()));
            assert_eq!(held(), Some((0, 0)));
            push(fit);
            assert!(outbox.end_replay(&Replayed::from([(STREAM, 1)]), Bytes::from_static(b"last")));
            assert_eq!(outbox.lock().frames, [&frame[..], b"last"]);
        }
    }

    #[test]
    fn a_second_replay_does_not_repeat_what_the_first_has_sent() {
        let outbox = Outbox::new(Bounds { frames: 16, bytes: 1024 }, true, Arc::default());
        let other = Position { stream: STREAM + 1, seq: 1 };
        assert!(outbox.end_replay(&Replayed::from([(STREAM, 2)]), Bytes::from_static(b"first")));
        assert!(outbox.begin_replay());
        assert_eq!(push(&outbox, 2), Pushed::Ignored, "sent by the first, published during the second");
        assert_eq!(push(&outbox, 3), Pushed::Queued);
        assert!(outbox.end_replay(&Replayed::from([(other.stream, other.seq)]), Bytes::from_static(b"second")));
        assert_eq!(outbox.lock().frames, ["first", "frame", "second"]);
    }

    #[test]
    fn a_closing_socket_keeps_a_short_queue_and_drops_a_long_one() {
        for (frames, kept) in [(1, 2), (8, 9), (17, 1)] {
            let outbox = Outbox::new(Bounds { frames: 64, bytes: 4 * CHUNK }, false, Arc::default());
            for _ in 0..frames {
                outbox.push_direct(Bytes::from_static(&[0; CHUNK / 16]));
            }
            outbox.close(CloseReason::Expired);
            assert!(outbox.closing().has_begun());
            assert_eq!(outbox.lock().frames.len(), kept, "{frames} frames and the close frame");
            assert_eq!(push(&outbox, 1), Pushed::Ignored);
        }
    }

    #[test]
    fn a_turn_sends_a_chunk_and_what_whole_ones_follow_up_to_its_bound() {
        let outbox = Outbox::new(Bounds { frames: 1024, bytes: 4 * TURN }, false, Arc::default());
        let mut turn = Turn::Awaited;
        let mut take_turn = || {
            let mut chunks = Vec::new();
            while let Poll::Ready(chunk) = outbox.poll_chunk(&mut turn, &Context::from_waker(Waker::noop())) {
                chunks.push(chunk.unwrap().len());
            }
            chunks
        };
        let push = |count| {
            for _ in 0..count {
                outbox.push_direct(Bytes::from_static(&[0; CHUNK / 16]));
            }
        };
        push(TURN / CHUNK * 16 + 2 * 16 + 8);
        assert_eq!(take_turn(), vec![CHUNK; TURN / CHUNK]);
        assert_eq!(take_turn(), [CHUNK; 2], "less than a chunk is left");
        push(1);
        assert_eq!(take_turn(), [9 * CHUNK / 16], "joined with what came meanwhile");
        assert_eq!(take_turn(), [0; 0]);
    }
}
