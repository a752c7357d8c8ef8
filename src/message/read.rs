//! Marking messages as read.

use chrono::NaiveDateTime;

use super::store::WriteMessages;
use crate::conversation::{Read, Target};
use crate::db::AnyConnection;
use crate::error::Result;
use crate::fact::Fact;
use crate::id::{TenantId, UserType};
use crate::writer::{Command, Desk, Page, Rank, Wanted};

/// One side has read all that is in a conversation.
#[derive(Clone, Copy, Debug)]
pub(super) struct MarkRead {
    /// The reader's tenant.
    pub tenant: TenantId,
    /// The side that has read.
    pub reader: UserType,
    /// The conversation.
    pub target: Target,
}

/// The marks of one batch.
pub(super) struct Reads(Vec<Read>);

impl<'a> Page<'a, MarkRead> for Reads {
    fn read(_: &mut AnyConnection, _: &mut Desk<'a>, commands: &[&'a MarkRead]) -> Result<Self> {
        Ok(Self(Vec::with_capacity(commands.len())))
    }

    fn write(&mut self, connection: &mut AnyConnection, now: NaiveDateTime) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Ok(connection.mark_read(&self.0, now)?) }
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
        let locked = desk.conversation(self.tenant, self.target)?;
        let member = locked.member;
        if let Some(read) = locked.mark(|conversation| conversation.read_by(self.reader)) {
            page.0.push(read);
            let Read { conversation, reader, up_to_seq, .. } = read;
            desk.record(Fact::MessagesRead { tenant: self.tenant, conversation, member, reader, up_to_seq });
        }
        Ok(())
    }
}
