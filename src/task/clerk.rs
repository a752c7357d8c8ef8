//! What happens to rounds of service without anyone's doing: each node looks every second.
//!
//! A look reads what is due, who is away and who waits, and gives commands to the writer, which check again under the conversation's
//! lock, also who is on duty and who is gone: two nodes that look at once do nothing twice, and a node that dies leaves nothing undone.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;

use super::places::{Places, Waiting};
use super::serve::{Act, Serve};
use super::store::{self, TaskFilter};
use super::{Place, Routing, State, Task};
use crate::agent::duty::DutyRules;
use crate::agent::presence::Presence;
use crate::agent::roster::{self, Roster};
use crate::agent::sights::{Narrowed, Sights};
use crate::clock::{Clock, Millis};
use crate::conversation::Target;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::fact;
use crate::id::TenantId;
use crate::push::Hub;
use crate::tenant::{Tenants, stored_settings};
use crate::writer::Writer;

/// Rounds that are read at once.
const AT_ONCE: i64 = 256;
/// Commands that wait for the writer at once.
const ACTS_AT_ONCE: usize = 64;
/// How long it is believed who is on duty: every page with a widget asks.
const ATTENDED_FOR: Duration = Duration::from_secs(1);
/// Pages of those who wait that one look reads.
const PAGES: u16 = 16;

/// Looks after rounds. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Clerk {
    /// The database.
    pub db: Db,
    /// Where changes go.
    pub writer: Writer,
    /// Which tenants have rounds.
    pub tenants: Tenants,
    /// Who is here.
    pub presence: Presence,
    /// Which conversations admins see.
    pub sights: Sights,
    /// The sockets of this node.
    pub hub: Hub,
    /// What those who wait were told.
    pub places: Arc<Mutex<Places>>,
    /// Whether anyone was on duty, and when that was read.
    pub attended: Arc<Mutex<HashMap<TenantId, (Instant, bool)>>>,
    /// The time.
    pub clock: Clock,
}

impl Clerk {
    /// Shows who is here and sets what they see: apart from [`Clerk::look`], which may have much to do, so that the lease of the node
    /// does not end meanwhile.
    ///
    /// # Errors
    /// As the database's; the next one does the rest.
    pub(crate) async fn show(&self) -> Result<()> {
        self.presence.show().await?;
        self.show_what_is_seen().await
    }

    /// Whether anyone is there for a member who comes: an agent on duty, as of the last second, where the tenant has rounds of
    /// service, otherwise an admin with a socket.
    ///
    /// # Errors
    /// As the database's.
    pub(crate) async fn is_attended(&self, tenant: TenantId) -> Result<bool> {
        let Some(Routing { duty, .. }) = Routing::of(&*self.tenants.settings(tenant).await?) else {
            return Ok(self.hub.is_attended(tenant));
        };
        let known = || self.attended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, attended)) = known().get(&tenant).filter(|(read, _)| read.elapsed() < ATTENDED_FOR) {
            return Ok(*attended);
        }
        let (read, now) = (Instant::now(), self.clock.now());
        let roster = self.db.run(move |connection| Roster::read(connection, tenant, duty, now)).await?;
        let attended = roster.serves(None);
        known().insert(tenant, (read, attended));
        Ok(attended)
    }

    /// Does what has to be done by now.
    ///
    /// # Errors
    /// As the database's; the next look does the rest.
    pub(crate) async fn look(&self) -> Result<()> {
        let tenants: HashMap<TenantId, Routing> = self
            .tenants
            .with_rounds()
            .into_iter()
            .filter_map(|(tenant, settings)| Some((tenant, Routing::of(&settings)?)))
            .collect();
        if tenants.is_empty() {
            return Ok(());
        }
        let mut now = self.clock.now();
        if self.presence.since(now).is_none() {
            self.presence.show().await?;
            now = self.clock.now();
        }
        let Some(since) = self.presence.since(now) else { return Ok(()) };
        if self.db.run(move |connection| roster::has_dead_nodes(connection, now)).await? {
            self.db.write(move |connection| roster::remove_dead_nodes(connection, now)).await?;
        }
        let due = self.db.run(move |connection| store::due(connection, now, AT_ONCE)).await?;
        let (of_others, due): (Vec<Task>, Vec<Task>) =
            due.into_iter().partition(|task| !tenants.contains_key(&task.tenant));
        let routed = due.into_iter().filter_map(|task| Some((*tenants.get(&task.tenant)?, task, Act::ComeDue)));
        self.act_on_all(routed.collect()).await?;
        // A node that did not know yet has opened one after its tenant had turned them off.
        for tenant in of_others.into_iter().map(|task| task.tenant).collect::<HashSet<_>>() {
            self.end_all(tenant).await?;
        }
        for (tenant, routing) in tenants {
            self.free_from_the_unwilling(tenant, routing).await?;
            if now - since >= routing.duty.grace {
                self.free_from_the_gone(tenant, routing, now).await?;
            }
            self.tell_who_waits(tenant, routing, now).await?;
        }
        Ok(())
    }

    /// Sets what the admins of this node see, and tells those who see less than before which conversations with an open round are
    /// not theirs to see any more, at most [`AT_ONCE`] of each state.
    ///
    /// # Errors
    /// As the database's; the next look does the rest.
    pub(crate) async fn show_what_is_seen(&self) -> Result<()> {
        for Narrowed { key, before, now } in self.sights.refresh().await? {
            let lost = move |connection: &mut AnyConnection| {
                let states = State::ALL.into_iter().filter(|state| state.is_open()).collect();
                let filter = TaskFilter { states, sight: before, ..TaskFilter::default() };
                let seen = store::list(connection, key.tenant, &filter, None, AT_ONCE)?;
                let is_lost = |task: &Task| !now.includes(task.assignment());
                Ok(seen.into_iter().filter(is_lost).map(|task| task.conversation).collect::<Vec<_>>())
            };
            self.hub.hide(key, &self.db.run(lost).await?);
        }
        Ok(())
    }

    /// Those whom an agent serves wait again when the agent's account was deleted or disabled, and those who were offered to one who
    /// has gone off duty.
    async fn free_from_the_unwilling(&self, tenant: TenantId, routing: Routing) -> Result<()> {
        let closed = move |connection: &mut AnyConnection| {
            let mut found = store::of_the_closed(connection, tenant, AT_ONCE)?;
            found.extend(store::of_the_off_duty(connection, tenant, AT_ONCE)?);
            Ok(found)
        };
        let lost = self.db.run(closed).await?.into_iter().filter_map(|task| {
            let act = Act::LoseAgent(task.agent?);
            Some((routing, task, act))
        });
        self.act_on_all(lost.collect()).await
    }

    /// Those whom an agent serves wait again when the agent has been away for too long, and those who were given to one who has never
    /// been there.
    async fn free_from_the_gone(&self, tenant: TenantId, routing: Routing, now: Millis) -> Result<()> {
        let DutyRules { grace, .. } = routing.duty;
        if grace == 0 {
            return Ok(());
        }
        let before = now - grace;
        // Whoever gets one without a socket has the whole grace to come, or to answer.
        let away = move |connection: &mut AnyConnection| store::of_the_away(connection, tenant, before, AT_ONCE);
        let lost = self.db.run(away).await?.into_iter().filter_map(|task| {
            let act = Act::LoseAgent(task.agent?);
            Some((routing, task, act))
        });
        self.act_on_all(lost.collect()).await
    }

    /// Those who wait are told when someone has come on duty, or nobody is any more, and their places.
    async fn tell_who_waits(&self, tenant: TenantId, routing: Routing, now: Millis) -> Result<()> {
        let news = move |connection: &mut AnyConnection| {
            let (mut found, mut waiting) = (Vec::new(), Vec::new());
            let mut duties = None;
            for state in [State::Waiting, State::Missed] {
                let filter = TaskFilter { states: vec![state], ..TaskFilter::default() };
                let mut after: Option<Place> = None;
                for _ in 0..PAGES {
                    let page = store::list(connection, tenant, &filter, after, AT_ONCE)?;
                    let Some(last) = page.last() else { break };
                    after = Some(Place { queued_at: last.queued_at, id: last.id.get() });
                    if duties.is_none() {
                        duties = Some(Roster::read(connection, tenant, routing.duty, now)?);
                    }
                    if state == State::Waiting {
                        waiting.extend(page.iter().map(Waiting::from));
                    }
                    let serves = |task: &Task| duties.as_ref().is_some_and(|duties| duties.serves(task.group));
                    found.extend(page.into_iter().filter(|task| serves(task) != (state == State::Waiting)));
                }
            }
            let read = i64::try_from(waiting.len()).unwrap_or(i64::MAX);
            let is_all = read < AT_ONCE * i64::from(PAGES);
            let in_all = if is_all { read } else { store::count(connection, tenant, State::Waiting)? };
            Ok((found, waiting, in_all))
        };
        let (changed, waiting, in_all) = self.db.run(news).await?;
        self.act_on_all(changed.into_iter().map(|task| (routing, task, Act::NoteDuty)).collect()).await?;
        let here = if waiting.is_empty() { HashSet::new() } else { self.hub.members_here(tenant) };
        let places =
            self.places.lock().unwrap_or_else(PoisonError::into_inner).news(tenant, &waiting, in_all, &here, now);
        self.hub.deliver(&places.iter().map(fact::event).collect::<Result<Vec<_>>>()?);
        Ok(())
    }

    /// Ends some open rounds of a tenant that has turned them off; returns whether there may be more.
    ///
    /// # Errors
    /// As the database's.
    pub(crate) async fn end_all(&self, tenant: TenantId) -> Result<bool> {
        // Not what is in memory, which may be a second old.
        let (_, settings) = self.db.run(move |connection| stored_settings(connection, tenant)).await?;
        if settings.routing.is_on() {
            return Ok(false);
        }
        let states = State::ALL.into_iter().filter(|state| state.is_open()).collect();
        let filter = TaskFilter { states, ..TaskFilter::default() };
        let open = move |connection: &mut AnyConnection| store::list(connection, tenant, &filter, None, AT_ONCE);
        let open = self.db.run(open).await?;
        let (is_full, routing) =
            (open.len() >= usize::try_from(AT_ONCE).unwrap_or(0), Routing::from(&settings.routing));
        self.act_on_all(open.into_iter().map(|task| (routing, task, Act::TurnOff)).collect()).await?;
        Ok(is_full)
    }

    /// Does something to each of these rounds, all at once, so that the writer makes batches of them. What fails of one is left to
    /// the next look.
    ///
    /// # Errors
    /// [`Error::Busy`], when the writer takes no more.
    async fn act_on_all(&self, acts: Vec<(Routing, Task, Act)>) -> Result<()> {
        let all = acts.into_iter().map(|(routing, task, act)| self.act(task, routing, act));
        let outcomes: Vec<Result<()>> = futures_util::stream::iter(all).buffer_unordered(ACTS_AT_ONCE).collect().await;
        let mut is_busy = false;
        for error in outcomes.into_iter().filter_map(Result::err) {
            is_busy |= error == Error::Busy;
            if error != Error::Busy {
                tracing::warn!(%error, "a round of service could not be looked after");
            }
        }
        if is_busy { Err(Error::Busy) } else { Ok(()) }
    }

    async fn act(&self, task: Task, routing: Routing, act: Act) -> Result<()> {
        let serve = Serve {
            tenant: task.tenant,
            conversation: Target::Id(task.conversation),
            task: Some(task.id),
            version: None,
            routing,
            act,
        };
        match self.writer.run(serve).await {
            // Something else has happened to it since the look.
            Ok(_) | Err(Error::TaskChanged | Error::ConversationNotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
