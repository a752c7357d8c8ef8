//! The rounds of service of one batch: what sends and [`super::serve`] read and change together.
//!
//! Each kind of command asks once for the open rounds of the conversations in which something may happen to one, whatever the number
//! of its commands. A member's message only needs to know which round is open, which the locked conversation repeats. What a command does to a round is done in memory; rounds that have changed are stored together, with one statement for those
//! that are there, one for new ones and one for what their conversations repeat. A batch whose tenants have no rounds asks nothing
//! and writes nothing.
//!
//! The load of an agent is counted under the lock of the agent's row, and corrected by what the batch has changed since: the rows
//! do not know that yet. Agents whose load a batch has changed are told the new one, which is counted once for all of them after the
//! rounds are stored. Nothing locks the row of an agent who loses a round, so that of two batches at two nodes each may tell a load
//! without the other's; what decides is the count under the lock.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use super::told::Told;
use super::{Candidate, Opening, Routing, State, Task, store, view};
use crate::access::Visibility;
use crate::account::{self, users};
use crate::agent;
use crate::agent::duty::DutyRules;
use crate::agent::roster::{self, Roster};
use crate::clock::{Millis, to_timestamp};
use crate::conversation;
use crate::db::AnyConnection;
use crate::db::id_block::IdKind;
use crate::error::{Error, Result};
use crate::fact::Fact;
use crate::id::{ChannelId, ConversationId, GroupId, TaskId, TenantId, UserId, UserType};
use crate::writer::{Desk, Shared};

pub(crate) use super::store::loads;

/// Where something may happen to a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// The tenant.
    pub tenant: TenantId,
    /// The locked conversation.
    pub conversation: ConversationId,
    /// Its member.
    pub member: UserId,
    /// How the tenant wants it.
    pub routing: Routing,
    /// Whether a round is opened unless there is one.
    pub opens: bool,
    /// The round that was open before the batch, as the locked row says.
    pub open: Option<TaskId>,
    /// Whether one that is open may change.
    pub changes: bool,
    /// Whether it matters who is on duty although none is opened.
    pub asks_duty: bool,
    /// The agent whose load matters.
    pub agent: Option<UserId>,
    /// The agent who loses the round, should [`Rounds::is_lost`] say so.
    pub loses: Option<UserId>,
}

/// A round in a batch.
#[derive(Debug)]
struct Held {
    task: Task,
    /// As it is stored; `None` for a new one.
    stored: Option<Task>,
}

/// An agent's row in a batch.
#[derive(Clone, Copy, Debug)]
struct Locked {
    capacity: Option<i32>,
    load: i64,
}

/// The rounds of one batch.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    /// The conversations in which a round may change or was opened, each with its open round.
    open: HashMap<ConversationId, Option<Held>>,
    /// What has ended in this batch.
    ended: Vec<Held>,
    rosters: HashMap<TenantId, Roster>,
    /// Those whose accounts are closed, of the agents who may lose rounds.
    closed: HashSet<UserId>,
    exclusive: HashMap<(TenantId, UserId), UserId>,
    agents: HashMap<UserId, Locked>,
    /// The tenants that do not show every conversation to every admin.
    limited: HashSet<TenantId>,
    /// What the batch has done to the load of agents.
    changes: HashMap<(TenantId, UserId), i64>,
    /// What agents are called who may begin to serve, where members are told.
    names: HashMap<UserId, String>,
    /// What members know of their rounds.
    told: HashMap<ConversationId, Told>,
}

impl Rounds {
    /// Reads what commands need that may do something to rounds of these conversations: one statement for the rounds, and more
    /// only when one is opened or given to an agent.
    ///
    /// # Errors
    /// As the connection's.
    pub(crate) fn read(&mut self, connection: &mut AnyConnection, desk: &mut Desk<'_>, asked: &[Asked]) -> Result<()> {
        let is_limited = |one: &&Asked| one.routing.visibility != Visibility::All;
        self.limited.extend(asked.iter().filter(is_limited).map(|one| one.tenant));
        let new = self.not_read(asked);
        if !new.is_empty() {
            let mut found: HashMap<ConversationId, Task> =
                store::open_rounds(connection, &new)?.into_iter().map(|task| (task.conversation, task)).collect();
            for conversation in new {
                let held = found.remove(&conversation).map(|task| Held { stored: Some(task.clone()), task });
                self.told.extend(held.as_ref().map(|held| (conversation, Told::of(&held.task))));
                self.open.insert(conversation, held);
            }
        }
        let opening: Vec<&Asked> = asked.iter().filter(|one| self.may_open(one)).collect();
        if !opening.is_empty() {
            let members: HashSet<(TenantId, UserId)> = opening.iter().map(|one| (one.tenant, one.member)).collect();
            let members: Vec<_> = members.into_iter().collect();
            self.exclusive.extend(store::exclusive_agents(connection, &members)?);
        }
        let now = desk.now();
        let opened = opening.len();
        for one in opening.into_iter().chain(asked.iter().filter(|one| one.asks_duty)) {
            if let Entry::Vacant(roster) = self.rosters.entry(one.tenant) {
                roster.insert(Roster::read(connection, one.tenant, one.routing.duty, now)?);
            }
        }
        let mut losers: HashMap<TenantId, Vec<UserId>> = HashMap::new();
        for (tenant, agent) in asked.iter().filter_map(|one| Some((one.tenant, one.loses?))) {
            losers.entry(tenant).or_default().push(agent);
        }
        for (tenant, losers) in losers {
            self.closed.extend(account::closed_among(connection, tenant, &losers)?);
        }
        let receivers = asked.iter().filter_map(|one| Some((one.tenant, self.receiver(one)?)));
        self.lock_agents(connection, receivers.collect(), now)?;
        if opened > 0 {
            desk.reserve(connection, IdKind::Task, opened)?;
        }
        self.read_names(connection, asked)
    }

    /// The conversations whose rounds may change and are not read yet, each once.
    fn not_read(&self, asked: &[Asked]) -> Vec<ConversationId> {
        let conversations = asked.iter().filter(|one| one.changes).map(|one| one.conversation);
        let mut new: Vec<ConversationId> = conversations.filter(|id| !self.open.contains_key(id)).collect();
        new.sort_unstable();
        new.dedup();
        new
    }

    /// Reads what those are called who may begin to serve and of whom members are told then.
    fn read_names(&mut self, connection: &mut AnyConnection, asked: &[Asked]) -> Result<()> {
        let mut wanted: HashMap<TenantId, Vec<i64>> = HashMap::new();
        for one in asked.iter().filter(|one| one.routing.toasts) {
            let offered = self.get(one.conversation).filter(|task| task.state == State::Offered);
            let agents = [self.receiver(one), offered.and_then(|task| task.agent)];
            let unknown = agents.into_iter().flatten().filter(|agent| !self.names.contains_key(agent));
            wanted.entry(one.tenant).or_default().extend(unknown.map(UserId::get));
        }
        for (tenant, mut agents) in wanted.into_iter().filter(|(_, agents)| !agents.is_empty()) {
            agents.sort_unstable();
            agents.dedup();
            let faces = users::faces(connection, tenant, &agents)?.into_iter();
            self.names.extend(faces.map(|(agent, (nickname, _))| (UserId::new(agent), nickname)));
        }
        Ok(())
    }

    /// Whether a round may be opened. One that is open may be closed by an earlier command of the same kind, but not before a message,
    /// which comes after all of those.
    fn may_open(&self, asked: &Asked) -> bool {
        asked.opens && (asked.asks_duty || self.id(asked.conversation, asked.open).is_none())
    }

    /// The agent who may get the round: whom the command names, or to whom the member is bound whose round is opened.
    fn receiver(&self, asked: &Asked) -> Option<UserId> {
        let exclusive = || self.exclusive.get(&(asked.tenant, asked.member)).copied();
        asked.agent.or_else(|| if self.may_open(asked) { exclusive() } else { None })
    }

    fn lock_agents(
        &mut self,
        connection: &mut AnyConnection,
        mut agents: Vec<(TenantId, UserId)>,
        now: Millis,
    ) -> Result<()> {
        agents.retain(|(_, agent)| !self.agents.contains_key(agent));
        agents.sort_unstable();
        agents.dedup();
        if agents.is_empty() {
            return Ok(());
        }
        let capacities = agent::lock(connection, &agents, now)?;
        let ids: Vec<UserId> = agents.into_iter().map(|(_, agent)| agent).collect();
        let loads = store::loads(connection, &ids)?;
        for id in ids {
            let load = loads.get(&id).copied().unwrap_or_default();
            self.agents.insert(id, Locked { capacity: capacities.get(&id).copied().flatten(), load });
        }
        Ok(())
    }

    /// The id of the open round of a conversation: what the batch has made of the one that was open before it.
    pub(crate) fn id(&self, conversation: ConversationId, before: Option<TaskId>) -> Option<TaskId> {
        match self.open.get(&conversation) {
            Some(held) => Some(held.as_ref()?.task.id),
            None => before,
        }
    }

    /// The open round of a conversation about which a command asked that may change it.
    pub(crate) fn get(&self, conversation: ConversationId) -> Option<&Task> {
        Some(&self.open.get(&conversation)?.as_ref()?.task)
    }

    /// Whether the agent cannot keep the round: got it longer ago than the grace and has been away since, or has never been there and
    /// has not accepted it; has a closed account; or has gone off duty before accepting it.
    pub(crate) fn is_lost(&self, task: &Task, agent: UserId, DutyRules { grace, .. }: DutyRules, now: Millis) -> bool {
        let is_offered = task.state == State::Offered;
        let is_over = grace > 0 && task.assigned_at.is_some_and(|assigned| now - assigned >= grace);
        let is_away =
            |roster: &Roster| roster.gone.contains(&agent) || !task.is_accepted() && !roster.here.contains(&agent);
        let by_roster = |roster: &Roster| is_over && is_away(roster) || is_offered && roster.off.contains(&agent);
        self.closed.contains(&agent) || self.rosters.get(&task.tenant).is_some_and(by_roster)
    }

    /// The group, unless it was deleted meanwhile: then there is none.
    pub(crate) fn existing(&self, tenant: TenantId, group: Option<GroupId>) -> Option<GroupId> {
        let roster = self.rosters.get(&tenant)?;
        group.filter(|_| roster.capacity(group).is_some())
    }

    /// Whether anyone is there to take a round of this group, or of none.
    pub(crate) fn is_served(&self, tenant: TenantId, group: Option<GroupId>) -> bool {
        self.rosters.get(&tenant).is_some_and(|roster| roster.serves(group))
    }

    /// An agent who is to get a round of this group.
    ///
    /// # Errors
    /// [`Error::Internal`] when the agent was not asked for.
    pub(crate) fn candidate(
        &self,
        tenant: TenantId,
        agent: UserId,
        group: Option<GroupId>,
        routing: &Routing,
        overload: bool,
    ) -> Result<Candidate> {
        let Locked { capacity, load } =
            self.agents.get(&agent).ok_or_else(|| Error::internal("an agent was not locked"))?;
        let of_group = || self.rosters.get(&tenant).and_then(|roster| roster.capacity(group));
        let capacity = capacity.or_else(of_group).unwrap_or(routing.capacity);
        let load = load + self.changes.get(&(tenant, agent)).copied().unwrap_or_default();
        let is_here = self.rosters.get(&tenant).is_some_and(|roster| roster.here.contains(&agent));
        Ok(Candidate { agent, has_room: overload || load < i64::from(capacity), is_here })
    }

    /// Changes the open round of a conversation, by a rule that returns whether it has.
    ///
    /// # Errors
    /// [`Error::TaskChanged`] when there is none; what the rule refuses, and then nothing has changed.
    pub(crate) fn change(
        &mut self,
        conversation: ConversationId,
        routing: &Routing,
        now: Millis,
        rule: impl FnOnce(&mut Task) -> Result<bool>,
    ) -> Result<TaskId> {
        let Some(Some(held)) = self.open.get_mut(&conversation) else { return Err(Error::TaskChanged) };
        let before = held.task.served_by();
        if rule(&mut held.task)? {
            held.task.plan(routing.times, now);
        }
        let Task { id, tenant, state, .. } = held.task;
        let after = held.task.served_by();
        if before != after {
            if let Some(agent) = before {
                *self.changes.entry((tenant, agent)).or_default() -= 1;
            }
            if let Some(agent) = after {
                *self.changes.entry((tenant, agent)).or_default() += 1;
            }
        }
        if !state.is_open()
            && let Some(ended) = self.open.insert(conversation, None).flatten()
        {
            self.ended.push(ended);
        }
        Ok(id)
    }

    /// Opens a round where none is open. The agent whom it is for, or to whom the member is bound, gets it at once when on duty and
    /// not full; otherwise it waits.
    ///
    /// # Errors
    /// [`Error::Internal`] when it was not asked for.
    pub(crate) fn open(
        &mut self,
        desk: &mut Desk<'_>,
        conversation: ConversationId,
        member: UserId,
        routing: &Routing,
        new: New,
    ) -> Result<TaskId> {
        let New { tenant, channel, first_seq, wanted, group } = new;
        let (now, group) = (desk.now(), self.existing(tenant, group));
        let wanted = wanted.or_else(|| self.exclusive.get(&(tenant, member)).copied());
        let id = TaskId::new(desk.id(IdKind::Task)?);
        let opening = Opening { id, tenant, conversation, member, channel, wanted, group, first_seq, now };
        let mut task = Task::open(opening, self.is_served(tenant, group));
        task.plan(routing.times, now);
        self.open.insert(conversation, Some(Held { task, stored: None }));
        let on_duty = |agent: &UserId| self.rosters.get(&tenant).is_some_and(|roster| roster.on_duty.contains(agent));
        if let Some(agent) = wanted.filter(on_duty)
            && let to = self.candidate(tenant, agent, group, routing, false)?
            && to.has_room
        {
            self.change(conversation, routing, now, |task| task.assign(to, routing.acceptance, now).map(|()| true))?;
        }
        Ok(id)
    }

    /// The open round of a conversation, if there is one, is another member's from here on, as the conversation is. [`super::follow`] stores
    /// that, with the rounds that have ended.
    pub(crate) fn hand_over(&mut self, conversation: ConversationId, member: UserId) {
        if let Some(Some(held)) = self.open.get_mut(&conversation) {
            held.task.member = member;
            held.task.changed();
        }
    }

    /// A message comes into a conversation, `from` a side, a user and that user's name: the member's opens a round, and is not to come here
    /// where one is open; an admin's is an answer. Returns the round that it belongs to.
    ///
    /// # Errors
    /// As [`Rounds::open`].
    pub(crate) fn take_message(
        &mut self,
        desk: &mut Desk<'_>,
        conversation: ConversationId,
        member: UserId,
        routing: &Routing,
        from: (UserType, UserId, &str),
        new: New,
    ) -> Result<Option<TaskId>> {
        let now = desk.now();
        match from {
            (UserType::Member, ..) => self.open(desk, conversation, member, routing, new).map(Some),
            (UserType::Admin, admin, nickname) if self.get(conversation).is_some() => {
                if routing.toasts {
                    self.names.entry(admin).or_insert_with(|| nickname.to_owned());
                }
                self.change(conversation, routing, now, |task| Ok(task.answer(admin, now))).map(Some)
            }
            (UserType::Admin, ..) => Ok(None),
        }
    }

    /// Tells the member what has become of the round, where the tenant wants that and the member does not know it yet. To be called
    /// after each command that may have changed it, with an id of [`IdKind::Message`] reserved for each. The line belongs to the
    /// round, also that of its end.
    ///
    /// # Errors
    /// As [`Desk::tell`].
    pub(crate) fn tell(
        &mut self,
        desk: &mut Desk<'_>,
        tenant: TenantId,
        conversation: ConversationId,
        routing: &Routing,
    ) -> Result<()> {
        if !routing.toasts {
            return Ok(());
        }
        let held = match self.open.get_mut(&conversation) {
            Some(Some(open)) => Some(open),
            _ => self.ended.iter_mut().rfind(|held| held.task.conversation == conversation),
        };
        let Some(Held { task, .. }) = held else { return Ok(()) };
        let told = Told::of(task);
        if self.told.insert(conversation, told) == Some(told) {
            return Ok(());
        }
        let name = task.agent.and_then(|agent| self.names.get(&agent));
        let seq = desk.tell(tenant, conversation, task.id, told.text(name.map_or("", String::as_str)))?;
        if !task.state.is_open() {
            task.last_seq = Some(seq);
        }
        Ok(())
    }
}

/// What is known of a round that may be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct New {
    /// The tenant.
    pub tenant: TenantId,
    /// The channel through which the member came.
    pub channel: Option<ChannelId>,
    /// The `seq` of its first message.
    pub first_seq: i64,
    /// The agent whom it is for.
    pub wanted: Option<UserId>,
    /// The group that it is for.
    pub group: Option<GroupId>,
}

impl Shared for Rounds {
    fn write(&mut self, connection: &mut AnyConnection, now: Millis) -> Result<Vec<Fact>> {
        let mut all: Vec<Held> = std::mem::take(&mut self.ended);
        all.extend(std::mem::take(&mut self.open).into_values().flatten());
        all.retain(|held| held.stored.as_ref() != Some(&held.task));
        if all.is_empty() {
            return Ok(Vec::new());
        }
        // The row of one that has both begun and ended in this batch is new.
        let (new, old): (Vec<&Held>, Vec<&Held>) = all.iter().partition(|held| held.stored.is_none());
        let tasks = |held: &[&Held]| -> Vec<Task> { held.iter().map(|held| held.task.clone()).collect() };
        let (new, old) = (tasks(&new), tasks(&old));
        // What has ended stands there in the order of its ends, before what is open: ids do not grow in order across nodes.
        let newest: HashMap<ConversationId, &Task> =
            all.iter().map(|held| (held.task.conversation, &held.task)).collect();
        let newest: Vec<&Task> = newest.into_values().collect();
        let hidden = self.hidden_by(connection, &newest)?;
        store::write(
            connection,
            &old.iter().collect::<Vec<_>>(),
            &new.iter().collect::<Vec<_>>(),
            &newest,
            to_timestamp(now),
        )?;
        // One that was only looked at is no news.
        let versions: HashMap<TaskId, i32> =
            all.iter().filter_map(|held| held.stored.as_ref()).map(|stored| (stored.id, stored.version)).collect();
        let mut by_tenant: HashMap<TenantId, Vec<Task>> = HashMap::new();
        for task in old.into_iter().chain(new).filter(|task| versions.get(&task.id) != Some(&task.version)) {
            by_tenant.entry(task.tenant).or_default().push(task);
        }
        let mut facts = Vec::new();
        for (tenant, mut tasks) in by_tenant {
            tasks.sort_unstable_by_key(|task| task.id);
            facts.extend(facts_of(connection, tenant, &tasks)?);
        }
        facts.extend(hidden);
        facts.extend(self.agents_changed(connection)?);
        Ok(facts)
    }
}

impl Rounds {
    /// What is to be told of agents who have more or fewer rounds than before: two statements, once the rounds are stored.
    fn agents_changed(&self, connection: &mut AnyConnection) -> Result<Vec<Fact>> {
        let changed = self.changes.iter().filter(|(_, change)| **change != 0);
        let mut changed: Vec<(TenantId, UserId)> = changed.map(|(agent, _)| *agent).collect();
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        changed.sort_unstable();
        let agents: Vec<UserId> = changed.iter().map(|(_, agent)| *agent).collect();
        let loads = store::loads(connection, &agents)?;
        let duties = roster::duties(connection, &agents)?;
        let fact = |(tenant, agent)| Fact::AgentChanged {
            tenant,
            agent,
            duty: duties.get(&agent).map(|duty| duty.code()),
            load: loads.get(&agent).copied().unwrap_or_default(),
        };
        Ok(changed.into_iter().map(fact).collect())
    }

    /// What is to be told to admins who lose sight of these rounds' conversations, before the rounds are stored: one statement
    /// for each tenant that does not show every conversation to every admin.
    fn hidden_by(&self, connection: &mut AnyConnection, newest: &[&Task]) -> Result<Vec<Fact>> {
        let mut by_tenant: HashMap<TenantId, Vec<&Task>> = HashMap::new();
        for task in newest.iter().filter(|task| self.limited.contains(&task.tenant)) {
            by_tenant.entry(task.tenant).or_default().push(task);
        }
        let mut facts = Vec::new();
        for (tenant, tasks) in by_tenant {
            let ids: Vec<ConversationId> = tasks.iter().map(|task| task.conversation).collect();
            let before = conversation::assignments(connection, tenant, &ids)?;
            for task in tasks {
                let (conversation, now) = (task.conversation, task.assignment());
                let before = before.get(&conversation).copied().unwrap_or_default();
                if before != now {
                    facts.push(Fact::ConversationHidden { tenant, conversation, before, now });
                }
            }
        }
        Ok(facts)
    }
}

/// What both sides, and an agent who has to accept, are told of rounds that have changed.
fn facts_of(connection: &mut AnyConnection, tenant: TenantId, tasks: &[Task]) -> Result<Vec<Fact>> {
    let mut facts = Vec::with_capacity(2 * tasks.len());
    for (task, (shown, own)) in tasks.iter().zip(view::both(connection, tenant, tasks)?) {
        if let (State::Offered, Some(agent)) = (task.state, task.agent) {
            facts.push(Fact::TaskOffered { tenant, agent, task: Box::new(shown.clone()) });
        }
        facts.push(Fact::TaskChanged { tenant, task: Box::new(shown) });
        facts.push(Fact::OwnTaskChanged { tenant, member: task.member, task: Box::new(own) });
    }
    Ok(facts)
}
