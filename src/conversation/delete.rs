//! Deleting a conversation from the admins' list.

use super::Target;
use crate::error::Result;
use crate::fact::Fact;
use crate::id::{ConversationId, TenantId};
use crate::writer::{Command, Desk, Rank, Wanted};

/// Admins delete a conversation from their list; new mail brings it back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delete {
    /// The admin's tenant.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: ConversationId,
}

impl Command for Delete {
    type Answer = ();
    type Page<'a> = ();
    const RANK: Rank = Rank::Mark;

    fn targets(&self, wanted: &mut Wanted) {
        wanted.lock(self.tenant, Target::Id(self.conversation));
    }

    fn apply<'a>(&'a self, (): &mut (), desk: &mut Desk<'a>) -> Result<()> {
        let Self { tenant, conversation } = *self;
        let locked = desk.conversation(tenant, Target::Id(conversation))?;
        let delete = |row: &mut super::Conversation| (!std::mem::replace(&mut row.admin_deleted, true)).then_some(());
        if locked.mark(delete).is_some() {
            desk.record(Fact::ConversationDeleted { tenant, conversation });
        }
        Ok(())
    }
}
