//! Linking what a visitor wrote to the member whom the visitor turned out to be.
//!
//! A member without a conversation gets the visitor's: its `user_id` and the sender or receiver of its messages become the
//! member's; ids, `seq` and times stay. A member who has one keeps it, and the visitor's becomes an earlier one: it can be
//! read and leaves the admins' list. What no admin has read in it is not forgotten: the member's own is marked as unread.
//!
//! Invariants, and what keeps them:
//! - A visitor is linked once, to one member. Whatever the case, a closed row keeps the visitor's place afterwards and names
//!   the member: the earlier conversation, or a row without messages. It is the same row that every send of the visitor
//!   locks, at every node. The repeat of the same member finds it and is answered as before; another member is refused.
//! - No message is lost and none is stored under the visitor's name afterwards. A send comes before the link, in its batch or
//!   in an earlier transaction, and moves with the conversation; or it finds the closed row and is refused with 401, as the
//!   visitor's login has ended. Its client then sends it as the member: under the same `clientMessageId` that is the same
//!   message when the first attempt was moved.
//! - The open round of service follows the conversation, or ends with it.
//! - The visitor's logins end in the same transaction.
//! - A member or visitor who gets a first conversation at another node meanwhile meets the unique key of
//!   `kefu_conversation`: the transaction runs again and sees it.

use std::collections::HashMap;

use chrono::NaiveDateTime;

use crate::auth::visitor::{VisitorLogin, VisitorToken, end_logins, open_logins};
use crate::clock::Millis;
use crate::conversation::{self, Conversation, Target, insert_closed, link_to, move_to};
use crate::db::AnyConnection;
use crate::db::id_block::IdKind;
use crate::error::{Error, Result};
use crate::fact::Fact;
use crate::id::{ConversationId, LoginId, TenantId, UserId};
use crate::message::{Handover, hand_over};
use crate::task::rounds::{Asked, Rounds};
use crate::task::{self, Routing};
use crate::writer::{Command, Desk, Page, Rank, Wanted};

/// A member shows that a visitor was the same person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    /// The member's tenant, and the visitor's.
    pub tenant: TenantId,
    /// The member, who is no visitor.
    pub member: UserId,
    /// The visitor's token.
    pub token: VisitorToken,
    /// How the tenant wants its rounds of service to go, where it has any.
    pub routing: Option<Routing>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Linked {
    /// The member's own conversation from now on; `None` before the first message.
    pub conversation: Option<ConversationId>,
    /// Whether it is the one that the visitor had.
    pub merged: bool,
    /// The visitor's logins that have ended with it.
    pub ended: Vec<LoginId>,
}

/// What the tables know of a visitor who is to be linked.
#[derive(Debug)]
struct Known {
    login: Option<VisitorLogin>,
    logins: Vec<LoginId>,
    linked_to: Option<UserId>,
    /// Whether the member's own conversation was the visitor's.
    moved: bool,
}

/// What is to be written of one link.
#[derive(Debug)]
struct Row {
    link: Link,
    logins: Vec<LoginId>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    /// The conversation is the member's own now; a closed row keeps the visitor's place.
    Moved(ConversationId, Conversation),
    /// The conversation is an earlier one of the member's.
    Earlier(ConversationId),
    /// The visitor had none; a closed row keeps the place.
    Nothing(Conversation),
}

/// The links of one batch.
pub(super) struct Links {
    known: HashMap<Link, Known>,
    /// The visitors whom this batch has linked: to which member, and whether the conversation has moved.
    linked: HashMap<(TenantId, UserId), (UserId, bool)>,
    rows: Vec<Row>,
    now: Millis,
}

impl<'a> Page<'a, Link> for Links {
    fn read(connection: &mut AnyConnection, desk: &mut Desk<'a>, links: &[&'a Link]) -> Result<Self> {
        let now = desk.now();
        let mut known = HashMap::new();
        for link in links {
            let Link { tenant, member, token, .. } = **link;
            let visitor = token.key().user;
            let linked_to = conversation::linked_to(connection, tenant, visitor)?;
            known.insert(
                **link,
                Known {
                    login: token.login(connection, now)?,
                    logins: open_logins(connection, token.key(), now)?,
                    moved: linked_to == Some(member) && conversation::begun_by(connection, tenant, member, visitor)?,
                    linked_to,
                },
            );
        }
        desk.reserve(connection, IdKind::Conversation, links.len())?;
        // Each may end a round, of which is told.
        let told = links.iter().filter(|link| link.routing.is_some_and(|routing| routing.toasts)).count();
        if told > 0 {
            desk.reserve(connection, IdKind::Message, told)?;
        }
        read_rounds(connection, desk, links)?;
        Ok(Self { known, linked: HashMap::new(), rows: Vec::with_capacity(links.len()), now })
    }

    fn write(&mut self, connection: &mut AnyConnection, now: NaiveDateTime) -> Result<()> {
        for Row { link: Link { member, token, routing, .. }, logins, outcome } in &self.rows {
            match outcome {
                Outcome::Moved(conversation, closed) => {
                    move_to(connection, *conversation, (closed.member, *member), now)?;
                    insert_closed(connection, closed, *member, now)?;
                    let handover = Handover { conversation: *conversation, from: closed.member, to: *member };
                    hand_over(connection, handover, now)?;
                    if routing.is_some() {
                        task::follow(connection, *conversation, *member, now)?;
                    }
                }
                Outcome::Earlier(conversation) => link_to(connection, *conversation, *member)?,
                Outcome::Nothing(closed) => insert_closed(connection, closed, *member, now)?,
            }
            end_logins(connection, token.key(), logins, self.now)?;
        }
        Ok(())
    }
}

/// Asks for the open rounds of the visitors' conversations whose tenants have rounds.
fn read_rounds(connection: &mut AnyConnection, desk: &mut Desk<'_>, links: &[&Link]) -> Result<()> {
    let asked = |link: &&Link| {
        let found = desk.find(link.tenant, Target::OfMember(link.token.key().user))?;
        Some(Asked {
            tenant: link.tenant,
            conversation: found.id,
            member: found.member,
            routing: link.routing?,
            opens: false,
            open: found.round,
            changes: true,
            asks_duty: false,
            agent: None,
            loses: None,
        })
    };
    let asked: Vec<Asked> = links.iter().filter_map(asked).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let mut rounds = desk.take::<Rounds>();
    rounds.read(connection, desk, &asked)?;
    desk.put(rounds);
    Ok(())
}

impl Command for Link {
    type Answer = Linked;
    type Page<'a> = Links;
    const RANK: Rank = Rank::Move;

    fn targets(&self, wanted: &mut Wanted) {
        wanted.lock(self.tenant, Target::OfMember(self.token.key().user));
        wanted.lock(self.tenant, Target::OfMember(self.member));
    }

    fn apply<'a>(&'a self, page: &mut Links, desk: &mut Desk<'a>) -> Result<Linked> {
        let Self { tenant, member, token, .. } = *self;
        let visitor = token.key().user;
        let own = desk.find(tenant, Target::OfMember(member)).map(|own| own.id);
        let found = desk.find(tenant, Target::OfMember(visitor)).cloned();
        let known = page.known.get(self).ok_or_else(|| Error::internal("a link was not looked up"))?;
        if found.as_ref().is_some_and(Conversation::is_closed) {
            let before = known.linked_to.map(|linked_to| (linked_to, known.moved));
            return match page.linked.get(&(tenant, visitor)).copied().or(before) {
                Some((linked_to, merged)) if linked_to == member => {
                    Ok(Linked { conversation: own, merged, ended: Vec::new() })
                }
                _ => Err(Error::RefreshTokenInvalid),
            };
        }
        if !matches!(known.login, Some(VisitorLogin::Open(_))) {
            return Err(Error::RefreshTokenInvalid);
        }
        let logins = known.logins.clone();
        let (outcome, conversation) = match (found, own) {
            (Some(found), None) => {
                let closed = self.keep_place(desk, Some(found.id))?;
                (Outcome::Moved(found.id, closed), Some(found.id))
            }
            (Some(found), Some(own)) => {
                self.close(&found, desk)?;
                (Outcome::Earlier(found.id), Some(own))
            }
            (None, own) => (Outcome::Nothing(self.keep_place(desk, None)?), own),
        };
        let merged = matches!(outcome, Outcome::Moved(..));
        page.linked.insert((tenant, visitor), (member, merged));
        page.rows.push(Row { link: *self, logins: logins.clone(), outcome });
        Ok(Linked { conversation, merged, ended: logins })
    }
}

impl Link {
    /// Gives the visitor's conversation, if there is one, to the member; a closed one keeps the visitor's place.
    fn keep_place(&self, desk: &mut Desk<'_>, conversation: Option<ConversationId>) -> Result<Conversation> {
        let (tenant, visitor) = (self.tenant, self.token.key().user);
        let id = ConversationId::new(desk.id(IdKind::Conversation)?);
        let closed = Conversation::closed(id, tenant, visitor, desk.now());
        if let Some(conversation) = conversation {
            desk.hand_over(conversation, self.member);
            if self.routing.is_some() {
                let mut rounds = desk.take::<Rounds>();
                rounds.hand_over(conversation, self.member);
                desk.put(rounds);
            }
            desk.record(Fact::ConversationLinked { tenant, conversation, member: self.member, visitor });
        }
        desk.keep_place(closed.clone());
        Ok(closed)
    }

    /// Ends the open round of service of the visitor's conversation, and tells it there.
    fn end_round(&self, found: &Conversation, desk: &mut Desk<'_>) -> Result<()> {
        let Some(routing) = &self.routing else { return Ok(()) };
        let now = desk.now();
        let mut rounds = desk.take::<Rounds>();
        let ended = match rounds.get(found.id) {
            Some(_) => rounds
                .change(found.id, routing, now, |task| Ok(task.link(found.last_seq, now)))
                .and_then(|_| rounds.tell(desk, self.tenant, found.id, routing)),
            None => Ok(()),
        };
        desk.put(rounds);
        ended
    }

    /// Closes the visitor's conversation beside the member's own.
    fn close(&self, found: &Conversation, desk: &mut Desk<'_>) -> Result<()> {
        let Self { tenant, member, token, .. } = *self;
        let visitor = token.key().user;
        // Before it is closed: nothing is told in it afterwards.
        self.end_round(found, desk)?;
        desk.conversation(tenant, Target::OfMember(visitor))?.mark(|row| {
            row.close();
            Some(())
        });
        desk.record(Fact::ConversationLinked { tenant, conversation: found.id, member, visitor });
        if found.admin_unread_count == 0 && !found.marked_unread {
            return Ok(());
        }
        let own = desk.conversation(tenant, Target::OfMember(member))?;
        let conversation = own.id;
        let shown = own.mark(|row| std::mem::take(&mut row.admin_deleted).then_some(())).is_some();
        let marked = own.mark(|row| (!std::mem::replace(&mut row.marked_unread, true)).then_some(())).is_some();
        if shown {
            desk.record(Fact::ConversationCreated { tenant, conversation, member });
        }
        if marked {
            desk.record(Fact::ConversationMarked { tenant, conversation, marked_unread: true });
        }
        Ok(())
    }
}
