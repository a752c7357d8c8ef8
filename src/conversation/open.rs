//! Beginning a conversation with a member, without a message.

use super::{Conversation, Target};
use crate::error::Result;
use crate::fact::Fact;
use crate::id::{ConversationId, TenantId, UserId};
use crate::writer::{Command, Desk, Rank, Wanted};

/// An admin begins: a member without a conversation gets one, and a hidden one comes back to the admins' list, as a new
/// message would bring it back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// The admin's tenant.
    pub tenant: TenantId,
    /// The member, who must be known.
    pub member: UserId,
}

impl Command for Open {
    type Answer = ConversationId;
    type Page<'a> = ();
    const RANK: Rank = Rank::Mark;

    fn targets(&self, wanted: &mut Wanted) {
        wanted.create(self.tenant, Target::OfMember(self.member));
    }

    fn apply<'a>(&'a self, (): &mut (), desk: &mut Desk<'a>) -> Result<ConversationId> {
        let Self { tenant, member } = *self;
        let locked = desk.conversation(tenant, Target::OfMember(member))?;
        let conversation = locked.id;
        let show = |row: &mut Conversation| std::mem::take(&mut row.admin_deleted).then_some(());
        if locked.mark(show).is_some() {
            desk.record(Fact::ConversationCreated { tenant, conversation, member });
        }
        Ok(conversation)
    }
}
