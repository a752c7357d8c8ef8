//! Pinning a conversation in the admins' list.

use super::Target;
use crate::error::Result;
use crate::fact::Fact;
use crate::id::{ConversationId, TenantId};
use crate::writer::{Command, Desk, Rank, Wanted};

/// Admins pin or unpin a conversation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pin {
    /// The admin's tenant.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The new state.
    pub pinned: bool,
}

impl Command for Pin {
    type Answer = ();
    type Page<'a> = ();
    const RANK: Rank = Rank::Mark;

    fn targets(&self, wanted: &mut Wanted) {
        wanted.lock(self.tenant, Target::Id(self.conversation));
    }

    fn apply<'a>(&'a self, (): &mut (), desk: &mut Desk<'a>) -> Result<()> {
        let Self { tenant, conversation, pinned } = *self;
        let locked = desk.conversation(tenant, Target::Id(conversation))?;
        let pin =
            |row: &mut super::Conversation| (std::mem::replace(&mut row.admin_pinned, pinned) != pinned).then_some(());
        if locked.mark(pin).is_some() {
            desk.record(Fact::ConversationPinned { tenant, conversation, pinned });
        }
        Ok(())
    }
}
