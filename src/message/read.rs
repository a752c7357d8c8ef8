//! Marking messages as read.

use std::collections::HashMap;

use chrono::NaiveDateTime;

use super::store::{Above, Side, WriteMessages};
use crate::conversation::{Conversation, Read, Target};
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::fact::Fact;
use crate::id::{TenantId, UserType};
use crate::writer::{Command, Desk, Page, Rank, Wanted};

/// One side has read what is in a conversation.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarkRead {
    /// The reader's tenant.
    pub tenant: TenantId,
    /// The side that has read.
    pub reader: UserType,
    /// The conversation.
    pub target: Target,
    /// Up to this `seq`; all of it without one, or above the last.
    pub up_to: Option<i64>,
}

/// The marks of one batch.
pub(super) struct Reads {
    /// Where no command of the batch reads everything: the highest `seq` that one of them names, and how many unread messages
    /// lie above.
    partial: HashMap<Side, (i64, i32)>,
    rows: Vec<Read>,
}

impl<'a> Page<'a, MarkRead> for Reads {
    fn read(connection: &mut AnyConnection, desk: &mut Desk<'a>, commands: &[&'a MarkRead]) -> Result<Self> {
        let mut highest: HashMap<Side, Option<i64>> = HashMap::new();
        for command in commands {
            let Some(conversation) = desk.find(command.tenant, command.target) else { continue };
            let up_to = command.up_to.filter(|seq| *seq < conversation.last_seq);
            let highest = highest.entry((conversation.id, command.reader)).or_insert(up_to);
            *highest = highest.zip(up_to).map(|(one, other)| one.max(other));
        }
        let above: Vec<Above> = highest.into_iter().filter_map(|(side, seq)| Some((side, seq?))).collect();
        let left = if above.is_empty() { Vec::new() } else { connection.count_unread(&above)? };
        let mut partial: HashMap<Side, (i64, i32)> = above.into_iter().map(|(side, seq)| (side, (seq, 0))).collect();
        for (side, count) in left {
            if let Some((_, left)) = partial.get_mut(&side) {
                *left = i32::try_from(count).map_err(Error::internal)?;
            }
        }
        Ok(Self { partial, rows: Vec::with_capacity(commands.len()) })
    }

    fn write(&mut self, connection: &mut AnyConnection, now: NaiveDateTime) -> Result<()> {
        if self.rows.is_empty() { Ok(()) } else { Ok(connection.mark_read(&self.rows, now)?) }
    }
}

impl Command for MarkRead {
    type Answer = ();
    type Page<'a> = Reads;
    const RANK: Rank = Rank::Mark;

    fn targets(&self, wanted: &mut Wanted) {
        wanted.lock(self.tenant, self.target);
    }

    fn apply<'a>(&'a self, page: &mut Reads, desk: &mut Desk<'a>) -> Result<()> {
        let (tenant, reader) = (self.tenant, self.reader);
        // Linked since the caller has looked: reading it is no fault, and changes nothing.
        if desk.find(tenant, self.target).is_some_and(Conversation::is_closed) {
            return Ok(());
        }
        let locked = desk.conversation(tenant, self.target)?;
        let (conversation, member) = (locked.id, locked.member);
        let read = locked.mark(|row| match page.partial.get(&(conversation, reader)) {
            Some((seq, left)) => row.read_up_to(reader, *seq, *left),
            None => row.read_all(reader),
        });
        let unmark = |row: &mut Conversation| std::mem::take(&mut row.marked_unread).then_some(());
        let unmarked = reader == UserType::Admin && locked.mark(unmark).is_some();
        if let Some(read) = read {
            page.rows.push(read);
            desk.record(Fact::MessagesRead { tenant, conversation, member, reader, up_to_seq: read.up_to_seq });
        }
        if unmarked {
            desk.record(Fact::ConversationMarked { tenant, conversation, marked_unread: false });
        }
        Ok(())
    }
}
