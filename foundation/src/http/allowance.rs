//! How long a client may keep the service waiting for bytes.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a byte gives back: a second for each KiB. A phone on a bad network moves more than a KiB a second.
const PER_BYTE: Duration = Duration::from_nanos(1_000_000_000 / 1024);

/// The time that a client may keep the service waiting. Waiting uses it up, and every byte that moves gives some of it back.
/// So a client that stops, and one that sends or takes a byte now and then, both come to an end, and a long transfer does
/// not. While the service itself is at work no time is used up.
pub(super) struct Allowance {
    whole: Duration,
    left: Duration,
    waiting_since: Option<Instant>,
    has_moved: bool,
    /// Made by the first wait: most requests never wait.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Allowance {
    pub(super) fn new(whole: Duration) -> Self {
        Self { whole, left: whole, waiting_since: None, has_moved: false, timer: None }
    }

    /// The client has moved this many bytes.
    pub(super) fn moved(&mut self, bytes: usize) {
        self.has_moved |= bytes > 0;
        if self.waiting_since.is_some() {
            self.end_wait(Instant::now());
        }
        self.give_back(bytes);
    }

    fn end_wait(&mut self, now: Instant) {
        if let Some(since) = self.waiting_since.take() {
            self.left = self.left.saturating_sub(now.saturating_duration_since(since));
        }
    }

    fn give_back(&mut self, bytes: usize) {
        let given_back = PER_BYTE.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.left = self.left.saturating_add(given_back).min(self.whole);
    }

    /// Whether anything was moved since the beginning or the last [`Allowance::reset`].
    pub(super) const fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// Starts again, for the next transfer.
    pub(super) const fn reset(&mut self) {
        (self.left, self.waiting_since, self.has_moved) = (self.whole, None, false);
    }

    /// Waits for the client; ready when the client has used up its time.
    pub(super) fn poll_used_up(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let end = self.end(Instant::now());
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(context)
    }

    /// When the time will be used up, if a wait goes on or begins now.
    fn end(&mut self, now: Instant) -> Instant {
        *self.waiting_since.get_or_insert(now) + self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_uses_time_up_and_bytes_give_it_back() {
        fn moved_at(allowance: &mut Allowance, bytes: usize, now: Instant) {
            allowance.end_wait(now);
            allowance.give_back(bytes);
        }
        let mut allowance = Allowance::new(Duration::from_secs(10));
        let begin = Instant::now();
        let second = |number| begin + Duration::from_secs(number);
        for number in 0..9 {
            let end = allowance.end(second(number));
            assert!(end >= second(10) && end < second(11), "however often it sends a byte");
            moved_at(&mut allowance, 1, second(number + 1));
        }
        // Between two waits the service is at work.
        assert!(allowance.end(second(100)) < second(102));
        moved_at(&mut allowance, 3 * 1024, second(101));
        let end = allowance.end(second(200));
        assert!(end >= second(202) && end < second(204));
        // A client that was fast may not stop for long.
        moved_at(&mut allowance, 100_000_000, second(201));
        assert_eq!(allowance.end(second(300)), second(310));
        allowance.reset();
        assert_eq!(allowance.end(second(400)), second(410));
    }
}
