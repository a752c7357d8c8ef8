//! Sending a message.
//!
//! A repeat is a message with the sender, conversation and `clientMessageId` of an earlier one (invariant 5). With the same
//! content it answers the first id and stores, counts and pushes nothing; with another one it is refused, so that no text
//! is dropped while its sender believes it sent.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::NaiveDateTime;

use super::store::{NewRow, RepeatKey, WriteMessages};
use super::{MessageView, NewMessage};
use crate::conversation::{LastMessage, read_only};
use crate::db::AnyConnection;
use crate::db::id_block::IdKind;
use crate::error::{Error, Problem, Result};
use crate::fact::Fact;
use crate::id::{ConversationId, MessageId, TaskId, UserType};
use crate::task::rounds::{Asked, New, Rounds};
use crate::telemetry::metrics::{Metrics, Outcome};
use crate::writer::{Command, Desk, Page, Rank, Wanted, Writer};

/// Stores a message and returns its id once it is committed and handed to the sockets; a repeat returns the first id.
///
/// # Errors
/// [`Error::Busy`] when the queue is full or the database is out of reach (the message may then still have been stored:
/// repeating with the same `clientMessageId` is safe); [`Error::ConversationNotFound`]; [`Error::Invalid`] when the
/// `clientMessageId` stands for another message.
pub(super) async fn send(writer: &Writer, metrics: &Metrics, message: NewMessage) -> Result<MessageId> {
    let sender = message.sender.user_type;
    let sent = writer.run(message).await;
    let outcome = match &sent {
        Ok(Sent { repeated: false, .. }) => Outcome::Stored,
        Ok(Sent { repeated: true, .. }) => Outcome::Repeated,
        Err(Error::Busy) => Outcome::Busy,
        Err(_) => Outcome::Failed,
    };
    metrics.sent(sender, outcome);
    sent.map(|sent| sent.id)
}

/// The answer to a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The message's id, or the first one's.
    pub id: MessageId,
    /// Whether it was stored before.
    pub repeated: bool,
}

/// A message that is known by its `clientMessageId`.
pub(super) struct First<'a> {
    id: MessageId,
    content_type: i32,
    content: Cow<'a, str>,
}

impl First<'_> {
    /// Whether `message` is a repeat of this one.
    fn is_repeated_by(&self, message: &NewMessage) -> bool {
        self.content_type == message.content.code() && self.content == message.content.text()
    }
}

/// The sends of one batch.
pub(crate) struct Sends<'a> {
    known: HashMap<RepeatKey<'a>, First<'a>>,
    rows: Vec<NewRow<'a>>,
}

impl<'a> Page<'a, NewMessage> for Sends<'a> {
    fn read(connection: &mut AnyConnection, desk: &mut Desk<'a>, messages: &[&'a NewMessage]) -> Result<Self> {
        let key = |message: &&'a NewMessage| RepeatKey::of(desk.find(message.tenant, message.target)?.id, message);
        let keys: Vec<RepeatKey<'a>> = messages.iter().filter_map(key).collect();
        let repeats = if keys.is_empty() { Vec::new() } else { connection.find_repeats(&keys)? };
        let first = |(key, repeat): (RepeatKey<'static>, super::store::Repeat)| {
            let first = First { id: repeat.id, content_type: repeat.content_type, content: repeat.content.into() };
            (key, first)
        };
        // Each may change a round, of which the member is told.
        let told = messages.iter().filter(|message| message.routing.is_some_and(|routing| routing.toasts)).count();
        read_rounds(connection, desk, messages)?;
        desk.reserve(connection, IdKind::Message, messages.len() + told)?;
        Ok(Self { known: repeats.into_iter().map(first).collect(), rows: Vec::with_capacity(messages.len()) })
    }

    fn write(&mut self, connection: &mut AnyConnection, _: NaiveDateTime) -> Result<()> {
        // Two statements, so that the one of tenants without rounds stays as it is.
        let (within, outside): (Vec<_>, Vec<_>) = self.rows.drain(..).partition(|row| row.task.is_some());
        if !outside.is_empty() {
            connection.insert(&outside)?;
        }
        if !within.is_empty() {
            connection.insert_within_rounds(&within)?;
        }
        Ok(())
    }
}

impl Command for NewMessage {
    type Answer = Sent;
    type Page<'a> = Sends<'a>;
    const RANK: Rank = Rank::Send;

    fn targets(&self, wanted: &mut Wanted) {
        wanted.create(self.tenant, self.target);
    }

    fn bytes(&self) -> usize {
        self.content.text().len() + self.client_message_id.as_ref().map_or(0, String::len)
    }

    fn apply<'a>(&'a self, page: &mut Sends<'a>, desk: &mut Desk<'a>) -> Result<Sent> {
        let found = desk.find(self.tenant, self.target).ok_or(Error::ConversationNotFound)?;
        let (conversation, is_closed) = (found.id, found.is_closed());
        let key = RepeatKey::of(conversation, self);
        if let Some(first) = key.as_ref().and_then(|key| page.known.get(key)) {
            return if first.is_repeated_by(self) {
                Ok(Sent { id: first.id, repeated: true })
            } else {
                Err(id_is_used())
            };
        }
        if is_closed {
            return Err(match self.sender.user_type {
                // A visitor whose login a link has ended, which is not known everywhere yet. The client repeats as the member.
                UserType::Member => Error::Unauthenticated,
                UserType::Admin => read_only(),
            });
        }
        let id = MessageId::new(desk.id(IdKind::Message)?);
        let (sender, now) = (self.sender.user_type, desk.now());
        let task = self.take_round(desk, conversation)?;
        let locked = desk.conversation(self.tenant, self.target)?;
        let (seq, create_time) = locked.advance(self.as_last(), sender, now);
        let row = NewRow { id, conversation, member: locked.member, seq, create_time, message: self, task };
        let fact = Fact::MessageStored { tenant: self.tenant, member: row.member, message: Box::new(view(&row)) };
        desk.record(fact);
        page.rows.push(row);
        if sender == UserType::Member {
            self.tell(desk, conversation)?;
        }
        if let Some(key) = key {
            page.known
                .insert(key, First { id, content_type: self.content.code(), content: self.content.text().into() });
        }
        Ok(Sent { id, repeated: false })
    }
}

/// Asks for the open rounds of the conversations whose tenants have rounds; for nothing when none has.
fn read_rounds(connection: &mut AnyConnection, desk: &mut Desk<'_>, messages: &[&NewMessage]) -> Result<()> {
    let asked = |message: &&NewMessage| {
        let routing = message.routing?;
        let found = desk.find(message.tenant, message.target)?;
        Some(Asked {
            tenant: message.tenant,
            conversation: found.id,
            member: found.member,
            routing,
            opens: message.sender.user_type == UserType::Member,
            open: found.round,
            changes: message.sender.user_type == UserType::Admin && !message.by_program,
            asks_duty: false,
            agent: None,
            loses: None,
        })
    };
    let asked: Vec<Asked> = messages.iter().filter_map(asked).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let mut rounds = desk.take::<Rounds>();
    rounds.read(connection, desk, &asked)?;
    desk.put(rounds);
    Ok(())
}

impl NewMessage {
    /// The round of service that the message belongs to; a member's opens one, and an admin's may take one.
    fn take_round(&self, desk: &mut Desk<'_>, conversation: ConversationId) -> Result<Option<TaskId>> {
        let Some(routing) = &self.routing else { return Ok(None) };
        let found = desk.find(self.tenant, self.target).ok_or(Error::ConversationNotFound)?;
        let (member, first_seq, before) = (found.member, found.last_seq + 1, found.round);
        let new = New { tenant: self.tenant, channel: self.channel, first_seq, wanted: None, group: None };
        let from = (self.sender.user_type, self.sender.id, self.sender.nickname.as_ref());
        let mut rounds = desk.take::<Rounds>();
        let open = rounds.id(conversation, before);
        let changes_nothing = self.by_program || self.sender.user_type == UserType::Member && open.is_some();
        let task = if changes_nothing {
            Ok(open)
        } else {
            rounds.take_message(desk, conversation, member, routing, from, new)
        };
        desk.put(rounds);
        if self.sender.user_type == UserType::Admin {
            // Before the answer: the member reads first who it is from.
            self.tell(desk, conversation)?;
        }
        task
    }

    /// Tells the member what has become of the round.
    fn tell(&self, desk: &mut Desk<'_>, conversation: ConversationId) -> Result<()> {
        let Some(routing) = self.routing.filter(|routing| routing.toasts && !self.by_program) else { return Ok(()) };
        let mut rounds = desk.take::<Rounds>();
        let told = rounds.tell(desk, self.tenant, conversation, &routing);
        desk.put(rounds);
        told
    }

    /// What the conversation shows of it while it is the newest.
    pub(super) fn as_last(&self) -> LastMessage<'_> {
        LastMessage { content: self.content.text(), content_type: self.content.code(), sender: self.sender.id }
    }
}

/// The refusal of a `clientMessageId` that stands for another message.
pub(super) fn id_is_used() -> Error {
    Error::Invalid(Problem::new("clientMessageId 已用于另一条消息", "clientMessageId was used for another message"))
}

/// A stored message as a list shows it right after its commit.
fn view(row: &NewRow<'_>) -> MessageView {
    let message = row.message;
    let to_member = message.sender.user_type == UserType::Admin;
    MessageView {
        id: row.id,
        conversation_id: row.conversation,
        sender_id: message.sender.id,
        sender_avatar: Some(message.sender.avatar.as_ref()).filter(|avatar| !avatar.is_empty()).map(str::to_owned),
        sender_type: message.sender.user_type.code(),
        receiver_id: to_member.then_some(row.member),
        receiver_type: to_member.then_some(UserType::Member.code()),
        content_type: message.content.code(),
        content: message.content.text().to_owned(),
        read_status: false,
        create_time: row.create_time,
        seq: row.seq,
        client_message_id: message.client_message_id.clone(),
        sender_nickname: message.sender.nickname.as_ref().to_owned(),
        task_id: row.task,
        style: None,
    }
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
