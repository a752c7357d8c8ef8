//! What a client missed while it was away (invariant 7): replayed from the database into its socket, in order, while
//! live frames are held back and follow.

use super::{MessageView, store};
use crate::clock::Millis;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::fact::frames::ServerFrame;
use crate::id::{ConversationId, TenantId};
use crate::push::{Outbox, Replayed};
use crate::ws::frame;

/// Messages that are read at once.
const PAGE: i64 = 200;

/// Two messages of different conversations may be committed in another order than their times: the bumped time of a busy
/// conversation runs ahead, and nodes' clocks differ. A resync by time starts this much earlier, in milliseconds.
const OVERLAP: Millis = 10_000;

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// It has everything of this conversation up to this `seq`.
    Seq(ConversationId, i64),
    /// It has everything of the tenant up to this time.
    Time(Millis),
}

/// Replays what came after `since` (`None`: the member has no conversation yet) and ends the replay that was begun on `outbox` with the frame `last`.
///
/// # Errors
/// Of the database; the replay is then still running, and the socket should be closed.
pub(crate) async fn replay(
    db: &Db,
    outbox: &Outbox,
    tenant: TenantId,
    since: Option<Since>,
    last: bytes::Bytes,
) -> Result<()> {
    let mut cursor = Cursor::new(since);
    loop {
        let at = cursor.at;
        let messages = db.run(move |connection| match at {
            At::Seq(conversation, seq) => store::page(connection, conversation, store::Page::After(seq), PAGE),
            At::Time(time, id) => store::since(connection, tenant, (time, id), PAGE),
            At::End => Ok(Vec::new()),
        });
        let messages = messages.await?;
        let complete = messages.len() < usize::try_from(PAGE).map_err(Error::internal)?;
        for message in &messages {
            if cursor.pass(message)
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
    fn new(since: Option<Since>) -> Self {
        // What the client names it has: a frame of it may still be on its way.
        let (at, replayed) = match since {
            None => (At::End, Replayed::new()),
            Some(Since::Seq(conversation, seq)) => {
                (At::Seq(conversation, seq), Replayed::from([(conversation.get(), seq)]))
            }
            Some(Since::Time(time)) => (At::Time(time.saturating_sub(OVERLAP), 0), Replayed::new()),
        };
        Self { at, replayed }
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
