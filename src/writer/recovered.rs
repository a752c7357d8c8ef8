//! Messages that other nodes have written and that this node's sockets have not been given yet.
//!
//! Two nodes may write to one conversation within the time that a frame travels between them. Neither waits for the
//! other: the later one holds the conversation's lock, reads what was committed before and publishes it first. So every
//! packet between nodes can be delivered as it comes, and duplicates are dropped (`push::delivered`).

use std::collections::BTreeMap;

use crate::clock::Millis;
use crate::conversation::{Conversation, Span};
use crate::db::AnyConnection;
use crate::error::Result;
use crate::fact::{Fact, MessageView};
use crate::id::{TenantId, UserId};
use crate::push::{Hub, Undelivered};

/// Recovered messages of one conversation at most, the newest ones. More are late only while Redis is failing.
const MOST: i64 = 64;
/// Upper bound of recovered messages per batch. It is reached only while Redis is failing. Every conversation still gets
/// at least one.
const MOST_IN_ALL: i64 = 1024;

/// A toast, with its tenant.
type Toast = (TenantId, MessageView);

/// How the writer reads and writes the stream of messages, which it does not know itself.
#[derive(Clone, Copy)]
pub(crate) struct Stream {
    /// The newest time in the stream.
    pub newest_time: fn(&mut AnyConnection) -> Result<Option<Millis>>,
    /// The messages of these ranges, by conversation and `seq`.
    pub between: fn(&mut AnyConnection, &[Span]) -> Result<Vec<MessageView>>,
    /// Inserts toasts, each with its tenant.
    pub insert_toasts: fn(&mut AnyConnection, &[Toast]) -> Result<()>,
}

/// What other nodes wrote in these locked conversations and what has to be published before anything else of theirs, in
/// the order of `seq`. Runs no statement unless there is something: then one.
pub(super) fn read<'a>(
    connection: &mut AnyConnection,
    hub: &Hub,
    stream: &Stream,
    conversations: impl Iterator<Item = &'a Conversation>,
) -> Result<Vec<Fact>> {
    let mut wanted: BTreeMap<i64, (Span, TenantId, UserId)> = BTreeMap::new();
    for conversation in conversations {
        let (id, newest) = (conversation.id.get(), conversation.last_seq);
        let Some(Undelivered { after, since }) = hub.undelivered(id, newest) else { continue };
        if conversation.last_message_time >= since {
            let span = Span { conversation: conversation.id, from: after + 1, to: newest, since };
            wanted.insert(id, (span, conversation.tenant, conversation.member));
        }
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let missing: Vec<i64> = wanted.values().map(|(span, ..)| span.to - span.from + 1).collect();
    let most = most_of_each(&missing);
    let bounded = |span: &Span| Span { from: span.from.max(span.to - most + 1), ..*span };
    let spans: Vec<Span> = wanted.values().map(|(span, ..)| bounded(span)).collect();
    let messages = (stream.between)(connection, &spans)?;
    let facts = messages.into_iter().filter_map(|message| {
        let (_, tenant, member) = *wanted.get(&message.conversation_id.get())?;
        Some(Fact::MessageStored { tenant, member, message: Box::new(message) })
    });
    Ok(facts.collect())
}

/// How many messages of each conversation may be recovered, if they miss so many: only those that miss most are cut.
fn most_of_each(missing: &[i64]) -> i64 {
    let fits = |most: &i64| missing.iter().map(|missing| missing.min(most)).sum::<i64>() <= MOST_IN_ALL;
    (1..=MOST).rev().find(fits).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_that_miss_most_are_cut() {
        assert_eq!(most_of_each(&[]), 64);
        assert_eq!(most_of_each(&[5, 1000]), 64, "of each at most");
        assert_eq!(most_of_each(&[64; 16]), 64, "just fits");
        assert_eq!(most_of_each(&[64; 17]), 60);
        assert_eq!(most_of_each(&[[1; 250].as_slice(), &[64; 16]].concat()), 48, "the small ones as a whole");
        assert_eq!(most_of_each(&[3; 2000]), 1);
    }
}
