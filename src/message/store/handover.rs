//! Messages of a conversation that becomes another member's.

use chrono::NaiveDateTime;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use crate::db::AnyConnection;
use crate::db::schema::kefu_message as t;
use crate::error::Result;
use crate::id::{ConversationId, UserId, UserType};

/// Whose a conversation was and whose it is now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handover {
    /// The conversation.
    pub conversation: ConversationId,
    /// The member whose it was.
    pub from: UserId,
    /// The member whose it is.
    pub to: UserId,
}

/// Lets the messages of a conversation be sent by and to its new member; ids, `seq` and times stay. One statement along the
/// conversation's index, which rewrites each of its messages: its cost grows with the length of that conversation alone.
pub(crate) fn hand_over(connection: &mut AnyConnection, handover: Handover, now: NaiveDateTime) -> Result<()> {
    let Handover { conversation, from, to } = handover;
    let member = UserType::Member.code();
    let is_sender = t::sender_type.eq(member).and(t::sender_id.eq(from.get()));
    let is_receiver = t::receiver_type.eq(member).and(t::receiver_id.eq(from.get()));
    diesel::update(t::table.filter(t::conversation_id.eq(conversation.get())).filter(t::seq.ge(1)))
        .set((
            t::sender_id.eq(case_when(is_sender, to.get().into_sql::<BigInt>()).otherwise(t::sender_id)),
            t::receiver_id
                .eq(case_when(is_receiver, to.get().into_sql::<Nullable<BigInt>>()).otherwise(t::receiver_id)),
            t::update_time.eq(now),
        ))
        .execute(connection)?;
    Ok(())
}
