//! Marking a conversation as unread, as a reminder for admins.

use super::{Conversation, Target};
use crate::error::Result;
use crate::fact::Fact;
use crate::id::{ConversationId, TenantId};
use crate::writer::{Command, Desk, Rank, Wanted};

/// Admins mark a conversation as unread. It changes no count, message or read tick; the next time that admins mark it as
/// read the mark is gone (`message::read`).
#[derive(Clone, Copy, Debug)]
pub(super) struct MarkUnread {
    /// The admin's tenant.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: ConversationId,
}

impl Command for MarkUnread {
    type Answer = ();
    type Page<'a> = ();
    const RANK: Rank = Rank::Mark;

    fn targets(&self, wanted: &mut Wanted) {
        wanted.lock(self.tenant, Target::Id(self.conversation));
    }

    fn apply<'a>(&'a self, (): &mut (), desk: &mut Desk<'a>) -> Result<()> {
        let Self { tenant, conversation } = *self;
        let locked = desk.conversation(tenant, Target::Id(conversation))?;
        let mark = |row: &mut Conversation| (!std::mem::replace(&mut row.marked_unread, true)).then_some(());
        if locked.mark(mark).is_some() {
            desk.record(Fact::ConversationMarked { tenant, conversation, marked_unread: true });
        }
        Ok(())
    }
}
