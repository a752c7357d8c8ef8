//! Messages that other nodes have written and that this node's sockets have not been given yet.
//!
//! Two nodes may write to one conversation within the time that a frame travels between them. Nobody waits for that:
//! whoever writes later has the conversation's lock, reads what was committed before and tells it first. So every packet
//! between nodes can be delivered as it comes, and what comes twice is passed over (`push::delivered`).

use std::collections::BTreeMap;

use super::MessageView;
use super::store::{Span, between};
use crate::conversation::Conversation;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::push::{Hub, Undelivered};

/// Messages of one conversation that are told at most, the newest ones. More come late only when Redis is in trouble.
const MOST: usize = 64;
/// Messages that a batch tells at most, but for one of each conversation.
const MOST_IN_ALL: usize = 1024;

/// A message that another node has written.
#[derive(Debug)]
pub struct Elsewhere {
    /// The tenant.
    pub tenant: TenantId,
    /// The conversation's member.
    pub member: UserId,
    /// The message as a list shows it.
    pub message: MessageView,
}

/// What was written elsewhere in these locked conversations and has to be told before anything else of theirs, in the
/// order of `seq`. Runs no statement unless there is something: then one, and two for the senders, per tenant.
pub(super) fn untold<'a>(
    connection: &mut AnyConnection,
    hub: &Hub,
    conversations: impl Iterator<Item = &'a Conversation>,
) -> Result<Vec<Elsewhere>> {
    let mut wanted: BTreeMap<TenantId, BTreeMap<i64, (Span, UserId)>> = BTreeMap::new();
    let mut count = 0;
    for conversation in conversations {
        let (id, newest) = (conversation.id.get(), conversation.last_seq);
        let Some(Undelivered { after, since }) = hub.undelivered(id, newest) else { continue };
        if conversation.last_message_time >= since {
            let span = Span { conversation: conversation.id, from: after + 1, to: newest, since };
            wanted.entry(conversation.tenant).or_default().insert(id, (span, conversation.member));
            count += 1;
        }
    }
    let most = i64::try_from((MOST_IN_ALL / count.max(1)).clamp(1, MOST)).map_err(Error::internal)?;
    let mut untold = Vec::new();
    for (tenant, conversations) in wanted {
        let newest = |span: &Span| Span { from: span.from.max(span.to - most + 1), ..*span };
        let spans: Vec<Span> = conversations.values().map(|(span, _)| newest(span)).collect();
        for message in between(connection, tenant, &spans)? {
            if let Some((_, member)) = conversations.get(&message.conversation_id.get()) {
                untold.push(Elsewhere { tenant, member: *member, message });
            }
        }
    }
    Ok(untold)
}
