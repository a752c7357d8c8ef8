//! Which stream (a conversation) an admin's connection shows, for those who show the same.
//!
//! Protocol: a client says what it shows and says it again before [`LASTS`] is over. Each connection keeps that
//! ([`Viewing`]); who shows a stream at this node is asked of the connections. Nodes send each other the whole list of who
//! shows what at theirs with their heartbeats ([`Elsewhere`]): a list that is lost is replaced by the next one, and that of
//! a node that has fallen silent ends by itself.
//!
//! Invariants:
//! - At most one notice of a connection counts in [`PAUSE`]; the last one of several in between counts when it is over.
//! - Who loses sight of a stream shows it no longer, before anything else of it is told.
//! - Those who show a stream get its viewers whenever they change, in the order of the changes: the lock on [`Elsewhere`] is
//!   held from the look at the connections until their frames are queued. It is taken before the registry's.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::id::{TenantId, UserId};

/// How long a notice counts.
const LASTS: Duration = Duration::from_secs(60);
/// The least time between two notices of a connection that count.
const PAUSE: Duration = Duration::from_secs(1);
/// How long another node's list counts: several heartbeats.
const LIST_LASTS: Duration = Duration::from_secs(10);

/// A stream of a tenant.
pub(super) type Stream = (TenantId, i64);

/// Who shows which stream.
pub(super) type Viewer = (TenantId, i64, UserId);

/// What one connection shows.
#[derive(Debug, Default)]
pub(super) struct Viewing {
    shown: Option<i64>,
    /// When the last notice counted, by the monotonic time.
    noticed: Option<Duration>,
    /// What the client has said since.
    waiting: Option<Option<i64>>,
}

/// What a connection showed before and shows now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) before: Option<i64>,
    pub(super) now: Option<i64>,
}

impl Viewing {
    /// What is shown.
    pub(super) const fn shown(&self) -> Option<i64> {
        self.shown
    }

    /// Takes notice; the change, when there is one now.
    pub(super) fn notice(&mut self, stream: Option<i64>, now: Duration) -> Option<Change> {
        self.waiting = Some(stream);
        self.sweep(now)
    }

    /// Lets a notice that waits count when its time has come, and ends what was not said again.
    pub(super) fn sweep(&mut self, now: Duration) -> Option<Change> {
        let passed = self.noticed.map(|noticed| now.saturating_sub(noticed));
        if let Some(stream) = self.waiting
            && passed.is_none_or(|passed| passed >= PAUSE)
        {
            self.waiting = None;
            self.noticed = Some(now);
            return self.show(stream);
        }
        if passed.is_some_and(|passed| passed >= LASTS) { self.show(None) } else { None }
    }

    /// Ends it for a stream that its admin does not see any more, whether it is shown or about to be.
    pub(super) fn hide(&mut self, stream: i64) -> Option<Change> {
        if self.waiting == Some(Some(stream)) {
            self.waiting = None;
        }
        if self.shown == Some(stream) { self.show(None) } else { None }
    }

    /// Ends it with the connection.
    pub(super) fn end(&mut self) -> Option<Change> {
        self.waiting = None;
        self.show(None)
    }

    fn show(&mut self, stream: Option<i64>) -> Option<Change> {
        let before = std::mem::replace(&mut self.shown, stream);
        (before != stream).then_some(Change { before, now: stream })
    }
}

/// Who shows what at other nodes.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(HashMap<u64, (Duration, BTreeSet<Viewer>)>);

impl Elsewhere {
    /// The users who show a stream.
    pub(super) fn viewers(&self, (tenant, stream): Stream) -> impl Iterator<Item = UserId> {
        let lists = self.0.values().flat_map(|(_, viewers)| viewers);
        lists.filter(move |(of, shown, _)| (*of, *shown) == (tenant, stream)).map(|(.., user)| *user)
    }

    /// Takes a node's list; the streams whose viewers have changed by it.
    pub(super) fn hear(&mut self, node: u64, viewers: BTreeSet<Viewer>, now: Duration) -> BTreeSet<Stream> {
        let before =
            if viewers.is_empty() { self.0.remove(&node) } else { self.0.insert(node, (now, viewers.clone())) };
        let (_, before) = before.unwrap_or_default();
        before.symmetric_difference(&viewers).map(|(tenant, stream, _)| (*tenant, *stream)).collect()
    }

    /// Forgets nodes that have fallen silent; the streams whose viewers have changed by it.
    pub(super) fn sweep(&mut self, now: Duration) -> BTreeSet<Stream> {
        let is_old = |heard: Duration| now.saturating_sub(heard) >= LIST_LASTS;
        let silent: Vec<u64> = self.0.iter().filter(|(_, (heard, _))| is_old(*heard)).map(|(node, _)| *node).collect();
        silent.into_iter().flat_map(|node| self.hear(node, BTreeSet::new(), now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn one_notice_a_second_counts_and_the_last_of_several() {
        let mut viewing = Viewing::default();
        let change = |before, now| Some(Change { before, now });
        assert_eq!(viewing.notice(Some(7), SECOND), change(None, Some(7)));
        assert_eq!(viewing.notice(Some(8), SECOND), None);
        assert_eq!(viewing.notice(Some(9), SECOND * 3 / 2), None);
        assert_eq!(viewing.sweep(SECOND * 3 / 2), None);
        assert_eq!(viewing.sweep(SECOND * 2), change(Some(7), Some(9)));
        assert_eq!(viewing.sweep(SECOND * 3), None);
        assert_eq!(viewing.notice(Some(9), SECOND * 40), None, "nothing has changed, and it lasts longer");
        assert_eq!(viewing.sweep(SECOND * 99), None);
        assert_eq!(viewing.sweep(SECOND * 100), change(Some(9), None));
        assert_eq!(viewing.end(), None);
    }

    #[test]
    fn what_is_hidden_is_not_shown_any_more_and_what_waits_for_it_neither() {
        let mut viewing = Viewing::default();
        viewing.notice(Some(7), SECOND);
        viewing.notice(Some(8), SECOND);
        assert_eq!(viewing.hide(9), None);
        assert_eq!(viewing.hide(8), None);
        assert_eq!(viewing.sweep(SECOND * 2), None, "7 is shown still");
        assert_eq!(viewing.hide(7), Some(Change { before: Some(7), now: None }));
        assert_eq!(viewing.shown(), None);
    }

    #[test]
    fn other_nodes_lists_replace_each_other_and_end() {
        let tenant = TenantId::new(1);
        let list = |users: &[i64]| users.iter().map(|user| (tenant, 7, UserId::new(*user))).collect::<BTreeSet<_>>();
        let mut elsewhere = Elsewhere::default();
        let changed = BTreeSet::from([(tenant, 7)]);
        assert_eq!(elsewhere.hear(1, list(&[1, 2]), SECOND), changed);
        assert_eq!(elsewhere.hear(1, list(&[1, 2]), SECOND * 9), BTreeSet::new());
        assert_eq!(elsewhere.hear(2, list(&[3]), SECOND * 9), changed);
        assert_eq!(elsewhere.viewers((tenant, 7)).count(), 3);
        assert_eq!(elsewhere.viewers((tenant, 8)).count(), 0);
        assert_eq!(elsewhere.hear(1, list(&[]), SECOND * 10), changed);
        assert_eq!(elsewhere.sweep(SECOND * 18), BTreeSet::new());
        assert_eq!(elsewhere.sweep(SECOND * 19), changed);
        assert_eq!(elsewhere.viewers((tenant, 7)).count(), 0);
    }
}
