//! What is done to a round of service: one command, whatever the act, so that a batch has one kind for all of them.

use chrono::NaiveDateTime;

use super::rounds::{Asked, New, Rounds};
use super::{Recipient, Routing, Task};
use crate::conversation::{Conversation, Target, read_only};
use crate::db::AnyConnection;
use crate::db::id_block::IdKind;
use crate::error::{Error, Result};
use crate::fact::Fact;
use crate::id::{ChannelId, GroupId, TaskId, TenantId, UserId};
use crate::writer::{Command, Desk, Page, Rank, Wanted};

/// An admin who acts, and what the admin may do beyond the own rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By {
    /// The admin.
    pub admin: UserId,
    /// Whether capacities do not count.
    pub overload: bool,
    /// Whether the act may be done to what another agent has.
    pub any: bool,
}

/// What a member wants who asks to be served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// The channel through which the member comes.
    pub channel: Option<ChannelId>,
    /// The agent whom it is for, if it is for one.
    pub agent: Option<UserId>,
    /// The group that it is for, if it is for one.
    pub group: Option<GroupId>,
}

/// What is done.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// An admin takes the conversation; a round is opened when there is none.
    Take(By),
    /// An agent accepts what was offered.
    Accept(By),
    /// An agent refuses what was offered.
    Refuse(By),
    /// An agent gives it to another agent.
    TransferToAgent(By, UserId, String),
    /// An agent gives it to a group.
    TransferToGroup(By, GroupId, String),
    /// A supervisor gives it to an agent.
    Assign(By, UserId),
    /// An admin ends it.
    Close(By, Option<String>),
    /// The member asks to be served without a message; what is open stays as it is.
    Open(Wish),
    /// The member leaves.
    Leave,
    /// The tenant has turned rounds off.
    TurnOff,
    /// Its agent may have lost it ([`Rounds::is_lost`]).
    LoseAgent(UserId),
    /// Who is on duty may have changed.
    NoteDuty,
    /// Its time has come.
    ComeDue,
}

impl Act {
    /// The agent who is to get the round.
    const fn receiver(&self) -> Option<UserId> {
        match self {
            Self::Take(by) => Some(by.admin),
            Self::TransferToAgent(_, agent, _) | Self::Assign(_, agent) => Some(*agent),
            Self::Open(wish) => wish.agent,
            Self::Accept(_)
            | Self::Refuse(_)
            | Self::TransferToGroup(..)
            | Self::Close(..)
            | Self::Leave
            | Self::TurnOff
            | Self::LoseAgent(_)
            | Self::NoteDuty
            | Self::ComeDue => None,
        }
    }

    /// Whether it matters who is on duty, or what a group says about capacity.
    const fn asks_duty(&self) -> bool {
        match self {
            Self::Accept(_) | Self::Close(..) | Self::Leave | Self::TurnOff => false,
            Self::Take(_)
            | Self::Open(_)
            | Self::Refuse(_)
            | Self::TransferToAgent(..)
            | Self::TransferToGroup(..)
            | Self::Assign(..)
            | Self::LoseAgent(_)
            | Self::NoteDuty
            | Self::ComeDue => true,
        }
    }
}

/// Something is done to the open round of a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Serve {
    /// The tenant.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: Target,
    /// Which round is meant; another one that is open by now is not touched.
    pub task: Option<TaskId>,
    /// The version that the caller has seen.
    pub version: Option<i32>,
    /// How the tenant wants its rounds to go.
    pub routing: Routing,
    /// What is done.
    pub act: Act,
}

/// Nothing of its own: rounds are shared with the sends of the batch.
pub(crate) struct Served;

impl<'a> Page<'a, Serve> for Served {
    fn read(connection: &mut AnyConnection, desk: &mut Desk<'a>, commands: &[&'a Serve]) -> Result<Self> {
        let asked = |command: &&Serve| {
            let found = desk.find(command.tenant, command.conversation)?;
            Some(Asked {
                tenant: command.tenant,
                conversation: found.id,
                member: found.member,
                routing: command.routing,
                open: found.round,
                opens: matches!(command.act, Act::Take(_) | Act::Open(_)),
                changes: true,
                asks_duty: command.act.asks_duty(),
                agent: command.act.receiver(),
                loses: if let Act::LoseAgent(agent) = command.act { Some(agent) } else { None },
            })
        };
        let asked: Vec<Asked> = commands.iter().filter_map(asked).collect();
        let mut rounds = desk.take::<Rounds>();
        rounds.read(connection, desk, &asked)?;
        desk.put(rounds);
        // Each may change a round, of which the member is told.
        let told = asked.iter().filter(|one| one.routing.toasts).count();
        if told > 0 {
            desk.reserve(connection, IdKind::Message, told)?;
        }
        Ok(Self)
    }

    fn write(&mut self, _: &mut AnyConnection, _: NaiveDateTime) -> Result<()> {
        Ok(())
    }
}

impl Command for Serve {
    type Answer = TaskId;
    type Page<'a> = Served;
    const RANK: Rank = Rank::Mark;

    fn targets(&self, wanted: &mut Wanted) {
        match self.act {
            Act::Open(_) => wanted.create(self.tenant, self.conversation),
            _ => wanted.lock(self.tenant, self.conversation),
        }
    }

    fn apply<'a>(&'a self, _: &mut Served, desk: &mut Desk<'a>) -> Result<TaskId> {
        let found = desk.find(self.tenant, self.conversation).cloned().ok_or(Error::ConversationNotFound)?;
        // What the service itself does ends what is open there, too.
        let is_own_act = matches!(self.act, Act::TurnOff | Act::ComeDue | Act::LoseAgent(_) | Act::NoteDuty);
        if found.is_closed() && !is_own_act {
            return Err(match self.act {
                // A visitor whose login a link has ended, which is not known everywhere yet.
                Act::Open(_) => Error::Unauthenticated,
                Act::Take(_) => read_only(),
                // Its round ended with the link.
                _ => Error::TaskChanged,
            });
        }
        let mut rounds = desk.take::<Rounds>();
        let outcome = match self.act {
            Act::Open(wish) => self.open(wish, &mut rounds, desk, &found),
            _ => self.serve(&mut rounds, desk, &found),
        };
        let outcome = match outcome {
            Ok(id) if !found.is_closed() => rounds.tell(desk, self.tenant, found.id, &self.routing).map(|()| id),
            outcome => outcome,
        };
        desk.put(rounds);
        outcome
    }
}

impl Serve {
    /// Opens a round unless there is one. The conversation is shown again, as after a message.
    fn open(&self, wish: Wish, rounds: &mut Rounds, desk: &mut Desk<'_>, found: &Conversation) -> Result<TaskId> {
        if let Some(open) = rounds.get(found.id) {
            return Ok(open.id);
        }
        let Wish { channel, agent: wanted, group } = wish;
        let new = New { tenant: self.tenant, channel, first_seq: found.last_seq + 1, wanted, group };
        let id = rounds.open(desk, found.id, found.member, &self.routing, new)?;
        self.show(desk, found)?;
        Ok(id)
    }

    /// Brings the conversation back to the admins' list.
    fn show(&self, desk: &mut Desk<'_>, found: &Conversation) -> Result<()> {
        let show = |row: &mut Conversation| std::mem::take(&mut row.admin_deleted).then_some(());
        if desk.conversation(self.tenant, self.conversation)?.mark(show).is_some() {
            let (tenant, conversation, member) = (self.tenant, found.id, found.member);
            desk.record(Fact::ConversationCreated { tenant, conversation, member });
        }
        Ok(())
    }

    fn serve(&self, rounds: &mut Rounds, desk: &mut Desk<'_>, found: &Conversation) -> Result<TaskId> {
        let (id, now) = (found.id, desk.now());
        let open = rounds.get(id);
        if self.task.is_some_and(|named| open.is_none_or(|open| open.id != named)) {
            return Err(Error::TaskChanged);
        }
        if let Some(open) = open {
            open.check_version(self.version)?;
        } else if let Act::Take(by) = self.act {
            // Before it is opened, so that a refusal leaves nothing.
            let candidate = rounds.candidate(self.tenant, by.admin, None, &self.routing, by.overload)?;
            if !candidate.has_room {
                return Err(Error::AgentFull);
            }
            let new = New {
                tenant: self.tenant,
                channel: None,
                first_seq: found.last_seq + 1,
                wanted: Some(by.admin),
                group: None,
            };
            rounds.open(desk, id, found.member, &self.routing, new)?;
            self.show(desk, found)?;
        }
        let Some(open) = rounds.get(id) else { return Err(Error::TaskChanged) };
        let group = open.group;
        let candidate =
            |agent: UserId, overload: bool| rounds.candidate(self.tenant, agent, group, &self.routing, overload);
        let receiver = match &self.act {
            Act::Take(by) => Some(candidate(by.admin, by.overload)?),
            Act::TransferToAgent(by, agent, _) | Act::Assign(by, agent) => Some(candidate(*agent, by.overload)?),
            _ => None,
        };
        let on_duty = rounds.is_served(self.tenant, group);
        let to_group = match &self.act {
            Act::TransferToGroup(_, group, _) => rounds.existing(self.tenant, Some(*group)),
            _ => None,
        };
        let is_lost = matches!(self.act, Act::LoseAgent(agent) if rounds.is_lost(open, agent, self.routing.duty, now));
        let of_group = rounds.is_served(self.tenant, to_group);
        let (routing, last_seq) = (&self.routing, found.last_seq);
        let rule = |task: &mut Task| match (&self.act, receiver) {
            (Act::Take(by), Some(to)) => task.take(to, by.any, now),
            (Act::TransferToAgent(by, _, reason), Some(to)) => {
                task.transfer(by.admin, by.any, Recipient::Agent(to), reason, routing.acceptance, now).map(|()| true)
            }
            (Act::Assign(..), Some(to)) => task.assign(to, routing.acceptance, now).map(|()| true),
            (Act::TransferToGroup(by, group, reason), _) => {
                let to = Recipient::Group(*group, of_group);
                task.transfer(by.admin, by.any, to, reason, routing.acceptance, now)?;
                task.group = to_group;
                Ok(true)
            }
            (Act::Accept(by), _) => task.accept(by.admin, now),
            (Act::Refuse(by), _) => task.refuse(by.admin, on_duty, now).map(|()| true),
            (Act::Close(by, reason), _) => {
                task.close(by.admin, by.any, reason.as_deref(), last_seq, now).map(|()| true)
            }
            // Has its own way.
            (Act::Open(_), _) => Ok(false),
            (Act::Leave, _) => task.leave(last_seq, now).map(|()| true),
            (Act::TurnOff, _) => Ok(task.turn_off(last_seq, now)),
            // Who has come, or answered, since the look keeps it.
            (Act::LoseAgent(agent), _) => Ok(is_lost && task.lose_agent(*agent, on_duty, now)),
            (Act::NoteDuty, _) => Ok(task.note_duty(on_duty, now)),
            // Planned anew also when it was too early: it would be looked at again at once.
            (Act::ComeDue, _) => {
                task.come_due(routing.times, on_duty, last_seq, now);
                Ok(true)
            }
            (Act::Take(_) | Act::TransferToAgent(..) | Act::Assign(..), None) => {
                Err(Error::internal("an agent was not locked"))
            }
        };
        rounds.change(id, routing, now, rule)
    }
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
