//! Rounds of service: from a member's message that needs an agent to its end (docs/desk.md).
//!
//! A conversation is one room for ever; what an agent does in it is a round, in the code and on the wire a task. Where a tenant has
//! turned rounds on (`routing.mode`), a member's message opens one unless one is open. This module owns `kefu_task` and the
//! columns of `kefu_conversation` that repeat the open one.
//!
//! [`Task`] is the rule: a state and what may be done in it, without a database. Every change runs in the [`crate::writer`] while it
//! holds the conversation's row, so that a round has one writer at a time at whichever node: the rows of a conversation's rounds
//! need no lock of their own.
//!
//! Invariants (T1 to T7 of docs/desk.md), and what keeps them:
//! - T1, one open round per conversation, which its columns repeat: the unique index `kefu_task_open`, and the store that writes
//!   both from the same value.
//! - T2, an assigned round has one agent and counts once: the load is counted from the rows, so there is no counter to drift.
//! - T3, nobody gets more than the own capacity without the right to: the agent's row is locked before the load is counted.
//! - T5, an open round has a time at which it is looked at: [`Task::due_at`] is set by every change.

pub(crate) mod api;
pub(crate) mod clerk;
pub(crate) mod places;
pub(crate) mod rounds;
pub(crate) mod serve;
pub(crate) mod state;
mod store;
mod told;
pub(crate) mod view;

use crate::access::{Assignment, Visibility};
use crate::agent::duty::DutyRules;
use crate::clock::Millis;
use crate::error::{Error, Problem, Result};
use crate::id::{ChannelId, ConversationId, GroupId, TaskId, TenantId, UserId};
use crate::tenant::settings::{self, TenantSettings};

pub(crate) use state::State;
pub(crate) use store::{Place, follow, texts};

/// The longest time after which an open round is looked at, in milliseconds.
const LONGEST: Millis = 24 * 3_600_000;

/// How a tenant wants its rounds to go, where it has any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Routing {
    /// What becomes of a round that is given to an agent.
    pub acceptance: Acceptance,
    /// Members whom an agent serves at once, where neither the agent nor the group says something else.
    pub capacity: i32,
    /// When the service acts by itself.
    pub times: Times,
    /// Who is on duty.
    pub duty: DutyRules,
    /// Whether members are told what becomes of their rounds, between the messages.
    pub toasts: bool,
    /// What its agents see.
    pub visibility: Visibility,
}

impl Routing {
    /// What a tenant has set; `None` for one without rounds.
    pub(crate) fn of(settings: &TenantSettings) -> Option<Self> {
        settings.routing.is_on().then(|| Self::from(&settings.routing))
    }
}

impl From<&settings::Routing> for Routing {
    /// What a tenant has set, whether it has rounds or not.
    fn from(routing: &settings::Routing) -> Self {
        let milliseconds = |seconds: u64| Millis::try_from(seconds).unwrap_or(Millis::MAX / 1000) * 1000;
        Self {
            acceptance: if routing.auto_accept { Acceptance::Automatic } else { Acceptance::Asked },
            capacity: i32::try_from(routing.capacity).unwrap_or(i32::MAX),
            times: Times {
                max_wait: milliseconds(routing.max_wait),
                missed_ttl: milliseconds(routing.missed_ttl),
                offer_timeout: milliseconds(routing.offer_timeout),
            },
            duty: DutyRules { auto: routing.auto_duty, grace: milliseconds(routing.offline_grace) },
            toasts: routing.toasts,
            visibility: routing.visibility(),
        }
    }
}

/// For whom a round was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whoever is free.
    Any,
    /// One agent, by the member's wish or because the member is theirs alone.
    Agent,
    /// A group.
    Group,
}

impl Kind {
    /// The number on the wire and in the table.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Any => 0,
            Self::Agent => 1,
            Self::Group => 2,
        }
    }

    /// The kind of a number.
    pub(crate) const fn from_code(code: i32) -> Option<Self> {
        match code {
            0 => Some(Self::Any),
            1 => Some(Self::Agent),
            2 => Some(Self::Group),
            _ => None,
        }
    }
}

/// Why a round ended, where no person says it.
pub(crate) mod reason {
    /// The member has left.
    pub(crate) const MEMBER_LEFT: &str = "member_left";
    /// The tenant has turned rounds off.
    pub(crate) const ROUTING_OFF: &str = "routing_off";
    /// The conversation was linked to a member's own.
    pub(crate) const LINKED: &str = "linked";
    /// Nobody served it in time.
    pub(crate) const TIMEOUT: &str = "timeout";
}

/// A round of service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    /// The id.
    pub id: TaskId,
    /// The tenant.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Its member.
    pub member: UserId,
    /// The channel through which the member came, `None` for one of the shop's.
    pub channel: Option<ChannelId>,
    /// For whom it was opened.
    pub kind: Kind,
    /// The agent for whom it was opened.
    pub wanted: Option<UserId>,
    /// Where it stands.
    pub state: State,
    /// Who has it; of one that has ended, who had it last.
    pub agent: Option<UserId>,
    /// In which group.
    pub group: Option<GroupId>,
    /// The `seq` of its first message; of a round without one, that of the next message.
    pub first_seq: i64,
    /// The `seq` of the conversation's last message at its end.
    pub last_seq: Option<i64>,
    /// Since when it waits. A round that waits again keeps it, and so its place.
    pub queued_at: Millis,
    /// Since when it waits this time, or while nobody is on duty; `None` while an agent has it, and after the end.
    pub waiting_since: Option<Millis>,
    /// When an agent got it, the last time.
    pub assigned_at: Option<Millis>,
    /// When an agent began to serve, the last time; before [`Task::assigned_at`] while nobody has since.
    pub accepted_at: Option<Millis>,
    /// When the first answer came.
    pub first_reply_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Why it ended.
    pub end_reason: Option<String>,
    /// Who has ended it.
    pub ended_by: Option<Ender>,
    /// Why it was transferred, the last time.
    pub transfer_reason: Option<String>,
    /// How often it was transferred.
    pub transfers: i32,
    /// How often it waited again because its agent did not serve it.
    pub reassigns: i32,
    /// Counts its changes.
    pub version: i32,
    /// When it is looked at, unless it changes before; `None` after the end.
    pub due_at: Option<Millis>,
}

/// Who has ended a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ender {
    /// The member.
    Member,
    /// An admin.
    Admin(UserId),
    /// The service itself.
    Service,
}

/// What opens a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    /// The id.
    pub id: TaskId,
    /// The tenant.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Its member.
    pub member: UserId,
    /// The channel through which the member came.
    pub channel: Option<ChannelId>,
    /// The agent whom it is for, if it is for one.
    pub wanted: Option<UserId>,
    /// The group that it is for, if it is for one.
    pub group: Option<GroupId>,
    /// The `seq` of its first message.
    pub first_seq: i64,
    /// When.
    pub now: Millis,
}

/// Times after which the service acts by itself, in milliseconds; 0 for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Times {
    /// A round that nobody serves ends.
    pub max_wait: Millis,
    /// A round that came while nobody was on duty ends.
    pub missed_ttl: Millis,
    /// A round that its agent does not accept waits again.
    pub offer_timeout: Millis,
}

/// An agent who is to get a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The admin.
    pub agent: UserId,
    /// Whether there is room for one more, or whoever asks may do without.
    pub has_room: bool,
    /// Whether the agent has a socket, or had one and is not gone, so that the round is seen.
    pub is_here: bool,
}

/// Where a round is transferred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recipient {
    /// An agent.
    Agent(Candidate),
    /// A group, with whether anyone of it is on duty.
    Group(GroupId, bool),
}

/// Whether an agent who gets a round serves it at once, or has to accept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Acceptance {
    /// At once.
    Automatic,
    /// By an answer or [`Task::accept`].
    Asked,
}

/// The refusal of a transfer to the agent who has the round.
const fn has_it_already() -> Error {
    Error::Invalid(Problem::new("不能转接给当前客服", "agentId: the agent has it already"))
}

/// The refusal of a transfer to whoever transfers.
const fn to_oneself() -> Error {
    Error::Invalid(Problem::new("不能转接给自己", "agentId: to oneself, which is to take it"))
}

impl Task {
    /// A round that waits; `on_duty`: whether anyone is there to take it.
    pub(crate) const fn open(opening: Opening, on_duty: bool) -> Self {
        let Opening { id, tenant, conversation, member, channel, wanted, group, first_seq, now } = opening;
        let kind = match (wanted, group) {
            (Some(_), _) => Kind::Agent,
            (None, Some(_)) => Kind::Group,
            (None, None) => Kind::Any,
        };
        Self {
            id,
            tenant,
            conversation,
            member,
            channel,
            kind,
            wanted,
            state: if on_duty { State::Waiting } else { State::Missed },
            agent: None,
            group,
            first_seq,
            last_seq: None,
            queued_at: now,
            waiting_since: Some(now),
            assigned_at: None,
            accepted_at: None,
            first_reply_at: None,
            ended_at: None,
            end_reason: None,
            ended_by: None,
            transfer_reason: None,
            transfers: 0,
            reassigns: 0,
            version: 0,
            due_at: None,
        }
    }

    /// Whose its conversation is by it.
    pub(crate) const fn assignment(&self) -> Assignment {
        Assignment { agent: self.agent, group: self.group }
    }

    /// The agent for whose load it counts.
    pub(crate) const fn served_by(&self) -> Option<UserId> {
        if self.state.is_assigned() { self.agent } else { None }
    }

    /// Whether its agent serves it and has taken or accepted it, or was there to see that it came.
    pub(crate) fn is_accepted(&self) -> bool {
        let since_assigned =
            self.assigned_at.zip(self.accepted_at).is_some_and(|(assigned, accepted)| accepted >= assigned);
        self.state == State::Serving && since_assigned
    }

    /// Refuses a change by a caller who has seen another version.
    ///
    /// # Errors
    /// [`Error::TaskChanged`].
    pub(crate) fn check_version(&self, seen: Option<i32>) -> Result<()> {
        if seen.is_none_or(|seen| seen == self.version) { Ok(()) } else { Err(Error::TaskChanged) }
    }

    /// An agent takes it. One who has it already begins to serve; `takes_over`: whether the agent may take what another has.
    ///
    /// # Errors
    /// [`Error::TaskTaken`], [`Error::AgentFull`]; [`Error::TaskChanged`] after the end.
    pub(crate) fn take(&mut self, by: Candidate, takes_over: bool, now: Millis) -> Result<bool> {
        match self.state {
            State::Waiting | State::Missed => {}
            State::Offered | State::Serving if self.agent == Some(by.agent) => return self.accept(by.agent, now),
            State::Offered | State::Serving if takes_over => {}
            State::Offered | State::Serving => return Err(Error::TaskTaken),
            State::ClosedBySupervisor | State::Unserved | State::Silent | State::Closed => {
                return Err(Error::TaskChanged);
            }
        }
        // Whoever takes is there, with or without a socket.
        self.give_to(Candidate { is_here: true, ..by }, Acceptance::Automatic, now)?;
        Ok(true)
    }

    /// The agent whom it was offered or given to accepts it; `false` when that had happened.
    ///
    /// # Errors
    /// [`Error::TaskTaken`] when another agent has it, [`Error::TaskChanged`] when nobody has.
    pub(crate) fn accept(&mut self, by: UserId, now: Millis) -> Result<bool> {
        match self.state {
            State::Offered | State::Serving if self.agent != Some(by) => Err(Error::TaskTaken),
            State::Serving if self.is_accepted() => Ok(false),
            State::Offered | State::Serving => {
                self.begin(now);
                self.changed();
                Ok(true)
            }
            _ => Err(Error::TaskChanged),
        }
    }

    /// The agent whom it was offered to refuses it: it waits again, at its place.
    ///
    /// # Errors
    /// As [`Task::accept`]; [`Error::TaskChanged`] when the agent serves it already.
    pub(crate) fn refuse(&mut self, by: UserId, on_duty: bool, now: Millis) -> Result<()> {
        match self.state {
            State::Offered | State::Serving if self.agent != Some(by) => Err(Error::TaskTaken),
            State::Offered => {
                self.wait_again(on_duty, now);
                self.reassigns += 1;
                Ok(())
            }
            _ => Err(Error::TaskChanged),
        }
    }

    /// An admin has answered the member. It takes a round that waits, whatever the load, accepts the own one, and is a helper's answer, which changes nothing, in another's. Returns whether anything has changed.
    pub(crate) fn answer(&mut self, by: UserId, now: Millis) -> bool {
        let is_helper = self.state.is_assigned() && self.agent != Some(by);
        if !self.state.is_open() || is_helper {
            return false;
        }
        let before = (self.state, self.accepted_at, self.first_reply_at);
        match self.state {
            State::Waiting | State::Missed => {
                self.agent = Some(by);
                self.waiting_since = None;
                self.assigned_at = Some(now);
                self.begin(now);
            }
            State::Offered => self.begin(now),
            State::Serving if !self.is_accepted() => self.begin(now),
            State::Serving | State::ClosedBySupervisor | State::Unserved | State::Silent | State::Closed => {}
        }
        self.first_reply_at = self.first_reply_at.or(Some(now));
        let has_changed = before != (self.state, self.accepted_at, self.first_reply_at);
        if has_changed {
            self.changed();
        }
        has_changed
    }

    /// Its agent, or whoever `may_any`, gives it to another agent or to a group.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when it is another's; [`Error::AgentFull`]; [`Error::Invalid`] for the agent who has it and for whoever
    /// transfers it; [`Error::TaskChanged`] when nobody has it.
    pub(crate) fn transfer(
        &mut self,
        by: UserId,
        may_any: bool,
        to: Recipient,
        reason: &str,
        acceptance: Acceptance,
        now: Millis,
    ) -> Result<()> {
        if !self.state.is_assigned() {
            return Err(Error::TaskChanged);
        }
        if self.agent != Some(by) && !may_any {
            return Err(Error::Forbidden);
        }
        match to {
            Recipient::Agent(candidate) if self.agent == Some(candidate.agent) => return Err(has_it_already()),
            Recipient::Agent(candidate) if candidate.agent == by => return Err(to_oneself()),
            Recipient::Agent(candidate) => self.give_to(candidate, acceptance, now)?,
            Recipient::Group(group, on_duty) => {
                self.group = Some(group);
                self.wait_again(on_duty, now);
            }
        }
        self.transfers += 1;
        self.transfer_reason = Some(reason.to_owned());
        Ok(())
    }

    /// A supervisor gives it to an agent, whoever has it.
    ///
    /// # Errors
    /// [`Error::AgentFull`]; [`Error::Invalid`] for the agent who has it; [`Error::TaskChanged`] after the end.
    pub(crate) fn assign(&mut self, to: Candidate, acceptance: Acceptance, now: Millis) -> Result<()> {
        if !self.state.is_open() {
            return Err(Error::TaskChanged);
        }
        if self.served_by() == Some(to.agent) {
            return Err(has_it_already());
        }
        self.give_to(to, acceptance, now)
    }

    /// An admin ends it: its agent, or whoever `may_any` as a supervisor.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for anyone else; [`Error::TaskChanged`] after the end.
    pub(crate) fn close(
        &mut self,
        by: UserId,
        may_any: bool,
        reason: Option<&str>,
        last_seq: i64,
        now: Millis,
    ) -> Result<()> {
        if !self.state.is_open() {
            return Err(Error::TaskChanged);
        }
        let end = match self.served_by() == Some(by) {
            true => {
                // Whoever ends what was given has served it, without a message.
                if self.state == State::Serving && !self.is_accepted() {
                    self.begin(now);
                }
                State::Closed
            }
            false if may_any => State::ClosedBySupervisor,
            false => return Err(Error::Forbidden),
        };
        self.end(end, Ender::Admin(by), reason, last_seq, now);
        Ok(())
    }

    /// The member leaves.
    ///
    /// # Errors
    /// [`Error::TaskChanged`] after the end.
    pub(crate) fn leave(&mut self, last_seq: i64, now: Millis) -> Result<()> {
        if !self.state.is_open() {
            return Err(Error::TaskChanged);
        }
        self.end(State::Closed, Ender::Member, Some(reason::MEMBER_LEFT), last_seq, now);
        Ok(())
    }

    /// The tenant has turned rounds off; `false` after the end.
    pub(crate) fn turn_off(&mut self, last_seq: i64, now: Millis) -> bool {
        let is_open = self.state.is_open();
        if is_open {
            self.end(State::ClosedBySupervisor, Ender::Service, Some(reason::ROUTING_OFF), last_seq, now);
        }
        is_open
    }

    /// Its conversation can only be read any more, because its visitor turned out to be a member who has another; `false` after
    /// the end.
    pub(crate) fn link(&mut self, last_seq: i64, now: Millis) -> bool {
        let is_open = self.state.is_open();
        if is_open {
            self.end(State::Closed, Ender::Service, Some(reason::LINKED), last_seq, now);
        }
        is_open
    }

    /// Someone has come on duty, or nobody is any more: whoever waits is told. Returns whether that is news.
    pub(crate) const fn note_duty(&mut self, on_duty: bool, now: Millis) -> bool {
        let state = if on_duty { State::Waiting } else { State::Missed };
        let is_news = self.state.is_waiting() && self.state.code() != state.code();
        if is_news {
            self.state = state;
            self.waiting_since = Some(now);
            self.changed();
        }
        is_news
    }

    /// Its agent cannot keep it: it waits again, at its place. Returns whether the agent had it.
    pub(crate) fn lose_agent(&mut self, agent: UserId, on_duty: bool, now: Millis) -> bool {
        let had_it = self.served_by() == Some(agent);
        if had_it {
            self.wait_again(on_duty, now);
            self.reassigns += 1;
        }
        had_it
    }

    /// Its time has come: does what has to be done by `now`. Returns whether that was something; a round that is looked at too
    /// early stays as it is.
    pub(crate) fn come_due(&mut self, times: Times, on_duty: bool, last_seq: i64, now: Millis) -> bool {
        let is_over = |since: Option<Millis>, time: Millis| time > 0 && since.is_some_and(|since| now - since >= time);
        match self.state {
            State::Waiting if is_over(self.waiting_since, times.max_wait) => {
                self.end(State::Unserved, Ender::Service, Some(reason::TIMEOUT), last_seq, now);
                true
            }
            State::Missed if is_over(self.waiting_since, times.missed_ttl) => {
                self.end(State::Unserved, Ender::Service, Some(reason::TIMEOUT), last_seq, now);
                true
            }
            State::Offered if is_over(self.assigned_at, times.offer_timeout) => {
                self.wait_again(on_duty, now);
                self.reassigns += 1;
                true
            }
            _ => false,
        }
    }

    /// Sets when it is looked at, by these times. To be called after each change.
    pub(crate) fn plan(&mut self, times: Times, now: Millis) {
        let (since, time) = match self.state {
            State::Waiting => (self.waiting_since, times.max_wait),
            State::Missed => (self.waiting_since, times.missed_ttl),
            State::Offered => (self.assigned_at, times.offer_timeout),
            _ => (None, 0),
        };
        let rule = since.filter(|_| time > 0).map(|since| since.saturating_add(time));
        let latest = now.saturating_add(LONGEST);
        self.due_at = self.state.is_open().then(|| rule.map_or(latest, |rule| rule.min(latest)));
    }

    fn give_to(&mut self, to: Candidate, acceptance: Acceptance, now: Millis) -> Result<()> {
        if !to.has_room {
            return Err(Error::AgentFull);
        }
        self.agent = Some(to.agent);
        self.waiting_since = None;
        self.assigned_at = Some(now);
        match acceptance {
            Acceptance::Automatic if to.is_here => self.begin(now),
            Acceptance::Automatic => {
                self.state = State::Serving;
                // Later than it was accepted before, also within a millisecond.
                self.assigned_at = Some(self.accepted_at.map_or(now, |accepted| now.max(accepted + 1)));
            }
            Acceptance::Asked => self.state = State::Offered,
        }
        self.changed();
        Ok(())
    }

    /// The agent who has it serves.
    fn begin(&mut self, now: Millis) {
        self.state = State::Serving;
        self.accepted_at = self.assigned_at.max(Some(now));
    }

    const fn wait_again(&mut self, on_duty: bool, now: Millis) {
        self.state = if on_duty { State::Waiting } else { State::Missed };
        self.agent = None;
        self.waiting_since = Some(now);
        self.assigned_at = None;
        self.changed();
    }

    fn end(&mut self, state: State, by: Ender, reason: Option<&str>, last_seq: i64, now: Millis) {
        self.state = state;
        self.ended_at = Some(now);
        self.waiting_since = None;
        self.ended_by = Some(by);
        self.end_reason = reason.map(str::to_owned);
        self.last_seq = Some(last_seq);
        self.due_at = None;
        self.changed();
    }

    const fn changed(&mut self) {
        self.version += 1;
    }
}

#[cfg(test)]
mod tests;
