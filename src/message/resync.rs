//! What a client missed while it was away (invariant 7): replayed from the database into its socket, in order, while
//! live frames are held back and follow.

use std::collections::HashSet;
use std::sync::Arc;

use super::{MessageView, store};
use crate::access::Sight;
use crate::clock::{Clock, Millis};
use crate::conversation;
use crate::db::instant::StoredInstant;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::fact::frames::{ResyncDone, ServerFrame};
use crate::id::{ConversationId, TenantId};
use crate::push::{Outbox, Replayed};
use crate::ws::frame;

/// Messages that are read at once.
const PAGE: i64 = 200;

/// Two messages of different conversations may be committed in another order than their times: the bumped time of a busy
/// conversation runs ahead, and nodes' clocks differ. A resync by time starts this much earlier, in milliseconds.
const OVERLAP: Millis = 10_000;

/// How much earlier it starts when times cannot be trusted.
const DOUBT: Millis = 24 * 3_600_000;

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// It has everything of this conversation up to this `seq`.
    Seq(ConversationId, i64),
    /// It has everything of the tenant up to this time.
    Time(Millis),
}

/// Replays what came after `since` of what the user sees now (`None`: the member has no conversation yet) and ends the replay that was begun on
/// `outbox` with `done`, which tells whether the client has to load anew.
///
/// # Errors
/// Of the database; the replay is then still running, and the socket should be closed.
pub(crate) async fn replay(
    db: &Db,
    clock: &Clock,
    outbox: &Outbox,
    (tenant, sight): (TenantId, Sight),
    since: Option<Since>,
    mut done: ResyncDone,
) -> Result<()> {
    let mut cursor = match since {
        Some(Since::Time(since)) => {
            let Beginning { from, reload } = beginning(
                since,
                clock.now(),
                db.run(|connection| StoredInstant::ClockCorrected.get(connection)).await?,
            );
            done.reload = reload;
            Cursor::new(At::Time(from, 0))
        }
        // The client already holds everything up to its cursor. It is recorded, so that a live frame still in flight is
        // dropped as a duplicate.
        Some(Since::Seq(conversation, seq)) => {
            Cursor { at: At::Seq(conversation, seq), replayed: Replayed::from([(conversation.get(), seq)]) }
        }
        None => Cursor::new(At::End),
    };
    let last = frame::event(ServerFrame::ResyncDone.as_str(), &done)?;
    let sight = Arc::new(sight);
    loop {
        let at = cursor.at;
        let sight = Arc::clone(&sight);
        let read = db.run(move |connection| {
            let messages = match at {
                At::Seq(conversation, seq) => store::page(connection, conversation, store::Page::After(seq), PAGE)?,
                At::Time(time, id) => store::since(connection, tenant, (time, id), PAGE)?,
                At::End => Vec::new(),
            };
            let hidden = hidden_among(connection, tenant, &messages, &sight)?;
            Ok((messages, hidden))
        });
        let (messages, hidden) = read.await?;
        let complete = messages.len() < usize::try_from(PAGE).map_err(Error::internal)?;
        for message in &messages {
            if cursor.pass(message)
                && !hidden.contains(&message.conversation_id)
                && !outbox.push_replayed(frame::event(ServerFrame::Message.as_str(), message)?).await
            {
                return Ok(());
            }
        }
        if complete {
            if outbox.end_replay(&cursor.replayed, last.clone()) {
                return Ok(());
            }
            cursor.step_back()?;
        }
    }
}

/// The conversations of these messages that a sight does not include: one statement for an admin who does not see everything.
fn hidden_among(
    connection: &mut AnyConnection,
    tenant: TenantId,
    messages: &[MessageView],
    sight: &Sight,
) -> Result<HashSet<ConversationId>> {
    if *sight == Sight::All || messages.is_empty() {
        return Ok(HashSet::new());
    }
    let mut hidden: HashSet<ConversationId> = messages.iter().map(|message| message.conversation_id).collect();
    let ids: Vec<ConversationId> = hidden.iter().copied().collect();
    for seen in conversation::all_seen(connection, tenant, &ids, sight)? {
        hidden.remove(&seen);
    }
    Ok(hidden)
}

/// Where a replay by time begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beginning {
    from: Millis,
    /// Whether it may lack something.
    reload: bool,
}

/// Times of messages order them only while the time of day runs on. A client that has seen a time from before a correction
/// may lack messages that were stored after it with an earlier time, however far back the replay begins.
fn beginning(since: Millis, now: Millis, corrected_until: Option<Millis>) -> Beginning {
    let is_ahead = since > now.saturating_add(OVERLAP);
    let is_doubtful = since > 0 && corrected_until.is_some_and(|until| since <= until);
    if is_ahead || is_doubtful {
        Beginning { from: since.min(now).saturating_sub(DOUBT), reload: true }
    } else {
        Beginning { from: since.saturating_sub(OVERLAP), reload: false }
    }
}

/// At a start: when the newest message lies ahead of the clock, the clock was corrected while the service did not run.
///
/// # Errors
/// Of the database.
pub(crate) async fn note_correction(db: &Db, clock: &Clock) -> Result<()> {
    let Some(newest) = db.run(store::newest_time).await? else { return Ok(()) };
    let now = clock.now();
    if newest > now.saturating_add(OVERLAP) {
        tracing::warn!(newest, now, "the newest message is ahead of the system's time");
        db.write(move |connection| StoredInstant::ClockCorrected.raise(connection, newest)).await?;
    }
    Ok(())
}

#[derive(Debug)]
struct Cursor {
    at: At,
    /// The newest `seq` replayed of each conversation.
    replayed: Replayed,
}

#[derive(Clone, Copy, Debug)]
enum At {
    Seq(ConversationId, i64),
    Time(Millis, i64),
    /// There is nothing to read: all that may come is held back already.
    End,
}

impl Cursor {
    fn new(at: At) -> Self {
        Self { at, replayed: Replayed::new() }
    }

    /// Moves past a message; `false` when it was replayed before.
    fn pass(&mut self, message: &MessageView) -> bool {
        self.at = match self.at {
            At::Seq(conversation, _) => At::Seq(conversation, message.seq),
            At::Time(..) => At::Time(message.create_time, message.id.get()),
            At::End => At::End,
        };
        let newest = self.replayed.entry(message.conversation_id.get()).or_insert(0);
        let new = message.seq > *newest;
        *newest = message.seq.max(*newest);
        new
    }

    /// More arrived live than could be held back; some of it may be older than the newest replayed time.
    fn step_back(&mut self) -> Result<()> {
        match self.at {
            At::Seq(..) => Ok(()),
            At::Time(time, _) => {
                self.at = At::Time(time.saturating_sub(OVERLAP), 0);
                Ok(())
            }
            At::End => Err(Error::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_trusted_unless_they_are_ahead_or_from_before_a_correction() {
        const HOUR: Millis = 3_600_000;
        let now = 1_795_000_000_000;
        let trusted = |since| Beginning { from: since - OVERLAP, reload: false };
        let doubted = |since: Millis| Beginning { from: since.min(now) - DOUBT, reload: true };
        for since in [0, 1, now - HOUR, now, now + OVERLAP] {
            assert_eq!(beginning(since, now, None), trusted(since));
            assert_eq!(beginning(since, now, Some(0)), trusted(since));
        }
        assert_eq!(beginning(now + OVERLAP + 1, now, None), doubted(now + OVERLAP + 1));
        let corrected = Some(now - HOUR);
        assert_eq!(beginning(now - HOUR, now, corrected), doubted(now - HOUR));
        assert_eq!(beginning(now - HOUR + 1, now, corrected), trusted(now - HOUR + 1));
        assert_eq!(beginning(0, now, corrected), trusted(0), "everything is replayed");
    }
}
