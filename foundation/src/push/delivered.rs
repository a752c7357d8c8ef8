//! What this node's connections have been given of each stream, for a node among others.
//!
//! Two nodes may write to one stream within the time that a packet travels. The later writer has read the earlier
//! event under the stream's lock and publishes it too, before its own: so an event may come twice, and the one that
//! comes late is passed over here.
//!
//! Invariants:
//! - What lies within a remembered range was delivered: only such an event is ever passed over.
//! - Of a stream that is not remembered nothing was delivered since a known time. That needs two halves that take turns,
//!   the elder forgotten as a whole; a cache that chooses what it evicts could not say it.

use std::collections::HashMap;

use super::Position;
use crate::clock::Millis;

/// Streams in one of the two halves at most.
const STREAMS: usize = 8192;

/// An event older than this, in milliseconds, has arrived, was lost (which has triggered a resync), or is an import, which is
/// never pushed. Leaves room for the difference of the nodes' clocks.
pub(super) const RECENT: Millis = 10_000;

/// The newest events of a stream, all of them delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: i64,
    last: i64,
}

/// Which events of a stream this node's connections may not have been given: those after this `seq` that are not older than
/// this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The `seq` up to which nothing is missing.
    pub after: i64,
    /// What was published before this time, in epoch milliseconds, is not missing.
    pub since: Millis,
}

/// The ranges of the streams that had an event lately.
#[derive(Debug)]
pub(super) struct Delivered {
    recent: HashMap<i64, Range>,
    elder: HashMap<i64, Range>,
    /// Since when every stream is remembered.
    since: Millis,
    /// Since when those in `recent` are.
    recent_since: Millis,
}

impl Delivered {
    /// Remembers nothing yet.
    pub(super) fn new(now: Millis) -> Self {
        Self { recent: HashMap::new(), elder: HashMap::new(), since: now, recent_since: now }
    }

    /// Notes an event that is about to be delivered; `false` when it was delivered before.
    pub(super) fn note(&mut self, Position { stream, seq }: Position, now: Millis) -> bool {
        let range = match self.range(stream) {
            Some(Range { first, last }) if (first..=last).contains(&seq) => return false,
            Some(Range { first, last }) if seq == last.saturating_add(1) => Range { first, last: seq },
            Some(Range { first, last }) if seq == first.saturating_sub(1) => Range { first: seq, last },
            // What is missing in between may still come, and then lies below the range.
            Some(Range { last, .. }) if seq > last => Range { first: seq, last: seq },
            Some(range) => range,
            None => Range { first: seq, last: seq },
        };
        if self.recent.len() >= STREAMS && !self.recent.contains_key(&stream) {
            self.elder = std::mem::take(&mut self.recent);
            self.since = std::mem::replace(&mut self.recent_since, now);
        }
        self.recent.insert(stream, range);
        true
    }

    /// What may be missing of a stream whose newest event is `newest`; `None` when nothing is.
    pub(super) fn undelivered(&self, stream: i64, newest: i64) -> Option<Undelivered> {
        let undelivered = match self.range(stream) {
            Some(range) => Undelivered { after: range.last, since: Millis::MIN },
            None => Undelivered { after: 0, since: self.since },
        };
        (undelivered.after < newest).then_some(undelivered)
    }

    /// Forgets everything, e.g. because the numbers of streams may have gone back.
    pub(super) fn forget(&mut self, now: Millis) {
        *self = Self::new(now);
    }

    fn range(&self, stream: i64) -> Option<Range> {
        self.recent.get(&stream).or_else(|| self.elder.get(&stream)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: i64 = 7;

    /// Notes these one after the other; those that were new.
    fn new(delivered: &mut Delivered, seqs: impl IntoIterator<Item = i64>) -> Vec<i64> {
        seqs.into_iter().filter(|&seq| delivered.note(Position { stream: STREAM, seq }, 0)).collect()
    }

    fn after(delivered: &Delivered, newest: i64) -> Option<i64> {
        delivered.undelivered(STREAM, newest).map(|undelivered| undelivered.after)
    }

    #[test]
    fn what_was_delivered_is_passed_over_and_nothing_else() {
        let mut delivered = Delivered::new(0);
        assert_eq!(new(&mut delivered, [5, 6, 5, 7, 6, 7]), [5, 6, 7]);
        assert_eq!(new(&mut delivered, [4, 4, 2, 8]), [4, 2, 8], "below what is known");
        // Those of the former range may come twice now; what comes late is not lost.
        assert_eq!(new(&mut delivered, [11, 11, 8, 9, 10, 9, 11, 12]), [11, 8, 9, 10, 9, 12]);
    }

    #[test]
    fn the_writer_learns_what_is_missing() {
        let mut delivered = Delivered::new(40);
        assert_eq!(delivered.undelivered(STREAM, 3), Some(Undelivered { after: 0, since: 40 }), "unknown");
        assert_eq!(delivered.undelivered(STREAM, 0), None, "there is nothing yet");
        new(&mut delivered, [3, 4]);
        assert_eq!(after(&delivered, 4), None);
        assert_eq!(delivered.undelivered(STREAM, 6), Some(Undelivered { after: 4, since: Millis::MIN }));
        assert_eq!(after(&delivered, 3), None, "a node of the database that lags behind");
        delivered.forget(50);
        assert_eq!(delivered.undelivered(STREAM, 6), Some(Undelivered { after: 0, since: 50 }));
        assert_eq!(new(&mut delivered, [3]), [3], "of another history");
    }

    #[test]
    fn the_memory_is_bounded_and_says_since_when_it_is_complete() {
        let mut delivered = Delivered::new(0);
        let mut pass = |streams: std::ops::Range<usize>, now| {
            for stream in streams {
                let stream = 1000 + i64::try_from(stream).unwrap();
                assert!(delivered.note(Position { stream, seq: 1 }, now));
            }
            (
                delivered.undelivered(1000, 1),
                delivered.undelivered(STREAM, 1),
                delivered.recent.len() + delivered.elder.len(),
            )
        };
        let unknown = |since| Some(Undelivered { after: 0, since });
        assert_eq!(pass(0..STREAMS, 10), (None, unknown(0), STREAMS));
        assert_eq!(pass(STREAMS..STREAMS + 1, 20), (None, unknown(0), STREAMS + 1), "the elder half is still known");
        assert_eq!(pass(STREAMS + 1..2 * STREAMS, 30), (None, unknown(0), 2 * STREAMS));
        assert_eq!(pass(2 * STREAMS..2 * STREAMS + 1, 40), (unknown(20), unknown(20), STREAMS + 1));
    }
}
