//! The way of log lines to standard error, which may be a pipe that is never read, a terminal that has gone away or a file
//! on a full disk.
//!
//! Protocol: a thread that logs appends its finished line to a bounded buffer and goes on. The log's own thread takes the
//! whole buffer and writes it.
//!
//! Invariants:
//! - Logging neither waits for the output nor fails: a line that finds no room, or that cannot be written, is lost.
//! - Lost lines are counted ([`lines_lost`]), and the log says how many there were as soon as a write succeeds again.
//! - The lock is held to copy a line or to exchange two buffers, never during a write.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

/// Bytes that may wait to be written.
const CAPACITY: usize = 256 * 1024;
/// What a buffer keeps of its room when a burst is over.
const KEPT_CAPACITY: usize = 64 * 1024;
/// A write of so many bytes is not mixed with those of other processes on the same pipe (`PIPE_BUF` on Linux).
const WRITE_BYTES: usize = 4096;
/// How long the thread waits for room in an output that does not block, as a terminal or pipe may be set by others.
const RETRY: Duration = Duration::from_millis(50);
/// How long a stop waits for what is still unwritten.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Lines that this process has lost: the log belongs to the process, and so does its counter.
static LINES_LOST: LazyLock<Counter> = LazyLock::new(Counter::default);

/// The number of log lines that could not be written.
pub(crate) fn lines_lost() -> Counter {
    LINES_LOST.clone()
}

/// The waiting lines. Cheap to clone; as a [`Write`] it takes one whole line at a time and never fails.
#[derive(Clone)]
pub struct LogQueue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Lines are waiting.
    filled: Condvar,
    /// Everything is written.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<u8>,
    /// Whether the thread has taken lines and not written all of them.
    writing: bool,
    /// Lines that were lost since the log last said so.
    lost: u64,
}

impl LogQueue {
    /// Starts the thread that writes to `output`. It lives as long as the process.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Self(Arc::new(Shared { state: Mutex::default(), filled: Condvar::new(), emptied: Condvar::new() }));
        let writer = queue.clone();
        std::thread::Builder::new().name("log".into()).spawn(move || writer.run(output))?;
        Ok(queue)
    }

    /// Waits until everything is written, for at most a second.
    pub fn flush(&self) {
        let unwritten = |state: &mut State| state.writing || !state.lines.is_empty();
        drop(self.0.emptied.wait_timeout_while(self.lock(), FLUSH_TIMEOUT, unwritten));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        let mut cut = false;
        loop {
            self.take(&mut lines);
            match write(&mut output, cut, &lines) {
                Ok(()) => {
                    cut = false;
                    let lost = std::mem::take(&mut self.lock().lost);
                    if lost > 0 {
                        tracing::warn!(lines = lost, "log lines were lost, because the log could not be written");
                    }
                }
                Err(lost) => {
                    cut = true;
                    LINES_LOST.inc_by(lost);
                    self.lock().lost += lost;
                }
            }
            lines.clear();
            lines.shrink_to(KEPT_CAPACITY);
        }
    }

    /// Exchanges an empty buffer for that of the waiting lines, as soon as there are some.
    fn take(&self, empty: &mut Vec<u8>) {
        let mut state = self.lock();
        state.writing = false;
        if state.lines.is_empty() {
            self.0.emptied.notify_all();
        }
        let filled = self.0.filled.wait_while(state, |state| state.lines.is_empty());
        let mut state = filled.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.lines, empty);
        state.writing = true;
    }
}

impl Write for LogQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.lock();
        if state.lines.len() + line.len() > CAPACITY {
            state.lost += 1;
            LINES_LOST.inc();
        } else {
            state.lines.extend_from_slice(line);
            self.0.filled.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all lines, after the end of one that an earlier failure has cut; or else says how many were not written whole.
fn write(output: &mut impl Write, cut: bool, lines: &[u8]) -> Result<(), u64> {
    let count = |lines: &[u8]| u64::try_from(lines.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX);
    if cut && !write_part(output, b"\n").is_empty() {
        return Err(count(lines));
    }
    let mut rest = lines;
    while !rest.is_empty() {
        let (part, later) = rest.split_at(whole_lines(rest));
        let unwritten = write_part(output, part);
        if !unwritten.is_empty() {
            return Err(count(unwritten) + count(later));
        }
        rest = later;
    }
    Ok(())
}

/// The length of as many lines as one write may have, or of the first when it is longer than that.
fn whole_lines(lines: &[u8]) -> usize {
    let last = lines.iter().take(WRITE_BYTES).rposition(|byte| *byte == b'\n');
    last.or_else(|| lines.iter().position(|byte| *byte == b'\n')).map_or(lines.len(), |end| end + 1)
}

/// What could not be written of a part.
fn write_part<'a>(output: &mut impl Write, part: &'a [u8]) -> &'a [u8] {
    let mut rest = part;
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => break,
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RETRY),
            Err(_) => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes and then fails.
    struct Room(usize, Vec<u8>);

    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            self.1.extend_from_slice(&bytes[..taken]);
            if taken == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_are_not_written_whole_are_counted_and_the_next_one_begins_anew() {
        let mut output = Room(8, Vec::new());
        assert_eq!(write(&mut output, false, b"first\nsecond\nthird\n"), Err(2));
        assert_eq!(write(&mut output, true, b"fourth\n"), Err(1));
        output.0 = 100;
        assert_eq!(write(&mut output, true, b"fifth\n"), Ok(()));
        assert_eq!(output.1, b"first\nse\nfifth\n");
    }

    #[test]
    fn a_write_holds_whole_lines() {
        let lines = [vec![b'a'; 4000], vec![b'\n'], vec![b'b'; 5000], vec![b'\n'], b"c\n".to_vec()].concat();
        let first = whole_lines(&lines);
        assert_eq!(first, 4001);
        assert_eq!(whole_lines(&lines[first..]), 5001);
        assert_eq!(whole_lines(b"c\nd\n"), 4);
        assert_eq!(whole_lines(b"no end"), 6);
    }

    #[test]
    fn a_line_without_room_is_lost_and_never_waits() {
        let (reader, writer) = io::pipe().unwrap();
        let mut queue = LogQueue::start(writer).unwrap();
        let line = [vec![b'x'; 9999], vec![b'\n']].concat();
        let before = LINES_LOST.get();
        for _ in 0..70 {
            queue.write_all(&line).unwrap();
        }
        assert!(LINES_LOST.get() - before >= 10, "{}", LINES_LOST.get());
        drop(reader);
        queue.flush();
        assert!(queue.lock().lines.is_empty());
    }
}
