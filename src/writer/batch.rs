//! A batch: commands of several kinds as one write transaction with a fixed number of statements per kind.
//!
//! The queue holds commands of unknown type. A batch sorts them by kind, so that all commands of one kind are applied and
//! written together: one dynamic call per kind and step, none per command.

use std::any::Any;
use std::cell::Cell;

use chrono::NaiveDateTime;
use tokio::sync::oneshot;

use super::recovered::{self, Stream};
use super::{Command, Desk, Ids, Page, Rank, Wanted};
use crate::clock::{Millis, to_timestamp};
use crate::conversation;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::push::{Event, Hub};

/// A command whose caller waits for the answer.
pub(super) struct Waiting<C: Command> {
    command: C,
    /// Taken when it is sent.
    answer: Cell<Option<oneshot::Sender<Result<C::Answer>>>>,
}

impl<C: Command> Waiting<C> {
    /// The command, and where its answer will come.
    pub(super) fn new(command: C) -> (Self, oneshot::Receiver<Result<C::Answer>>) {
        let (answer, answered) = oneshot::channel();
        (Self { command, answer: Cell::new(Some(answer)) }, answered)
    }

    fn answer(&self, outcome: Result<C::Answer>) {
        if let Some(answer) = self.answer.take() {
            // A caller that has gone away does not need the answer.
            drop(answer.send(outcome));
        }
    }
}

/// A command of any kind in the queue.
pub(super) trait Queued: Send {
    /// Bytes that it holds.
    fn bytes(&self) -> usize;
    /// Puts it to the others of its kind.
    fn join(self: Box<Self>, batch: &mut Batch);
}

impl<C: Command> Queued for Waiting<C> {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.command.bytes()
    }

    fn join(self: Box<Self>, batch: &mut Batch) {
        batch.len += 1;
        for kind in &mut batch.kinds {
            let kind: &mut dyn Any = kind.as_mut();
            if let Some(group) = kind.downcast_mut::<Group<C>>() {
                group.0.push(*self);
                return;
            }
        }
        let place = batch.kinds.partition_point(|kind| kind.rank() <= C::RANK);
        batch.kinds.insert(place, Box::new(Group(vec![*self])));
    }
}

/// Commands that share a transaction.
#[derive(Default)]
pub(super) struct Batch {
    /// By rank.
    kinds: Vec<Box<dyn Kind>>,
    len: usize,
}

/// The commands of one kind.
trait Kind: Any {
    fn rank(&self) -> Rank;
    fn targets(&self, wanted: &mut Wanted);
    /// Applies every command; what remains is to be written and answered.
    fn apply<'a>(&'a self, connection: &mut AnyConnection, desk: &mut Desk<'a>) -> Result<Box<dyn Applied + 'a>>;
    /// Answers every command with this error.
    fn refuse(&self, error: &Error);
    /// Each command as a batch of its own.
    fn split(self: Box<Self>) -> Vec<Batch>;
}

/// The commands of one kind after their rule.
pub(super) trait Applied {
    fn write(&mut self, connection: &mut AnyConnection, now: NaiveDateTime) -> Result<()>;
    /// Answers every command.
    fn answer(self: Box<Self>);
}

/// A batch that only has to be committed.
pub(super) struct Written<'a> {
    /// What is published after the commit, in order.
    pub events: Vec<Event>,
    /// What is answered after that.
    pub applied: Vec<Box<dyn Applied + 'a>>,
}

struct Group<C: Command>(Vec<Waiting<C>>);

struct AppliedGroup<'a, C: Command> {
    group: &'a Group<C>,
    page: C::Page<'a>,
    /// One per command.
    outcomes: Vec<Result<C::Answer>>,
}

impl<C: Command> Kind for Group<C> {
    fn rank(&self) -> Rank {
        C::RANK
    }

    fn targets(&self, wanted: &mut Wanted) {
        self.0.iter().for_each(|waiting| waiting.command.targets(wanted));
    }

    fn apply<'a>(&'a self, connection: &mut AnyConnection, desk: &mut Desk<'a>) -> Result<Box<dyn Applied + 'a>> {
        let commands: Vec<&C> = self.0.iter().map(|waiting| &waiting.command).collect();
        let mut page = C::Page::read(connection, desk, &commands)?;
        let outcomes = commands.iter().map(|command| command.apply(&mut page, desk)).collect();
        Ok(Box::new(AppliedGroup { group: self, page, outcomes }))
    }

    fn refuse(&self, error: &Error) {
        self.0.iter().for_each(|waiting| waiting.answer(Err(error.clone())));
    }

    fn split(self: Box<Self>) -> Vec<Batch> {
        let alone = |waiting| Batch { kinds: vec![Box::new(Self(vec![waiting]))], len: 1 };
        self.0.into_iter().map(alone).collect()
    }
}

impl<C: Command> Applied for AppliedGroup<'_, C> {
    fn write(&mut self, connection: &mut AnyConnection, now: NaiveDateTime) -> Result<()> {
        self.page.write(connection, now)
    }

    fn answer(self: Box<Self>) {
        self.group.0.iter().zip(self.outcomes).for_each(|(waiting, outcome)| waiting.answer(outcome));
    }
}

impl Batch {
    /// How many commands it has.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Answers every command with this error.
    pub(super) fn refuse(&self, error: &Error) {
        self.kinds.iter().for_each(|kind| kind.refuse(error));
    }

    /// Each command as a batch of its own.
    pub(super) fn split(self) -> impl Iterator<Item = Self> {
        self.kinds.into_iter().flat_map(|kind| kind.split())
    }

    /// Runs the commands inside the current write transaction.
    ///
    /// # Errors
    /// Only what spoils the whole batch; a command that is refused has its error as its outcome.
    pub(super) fn run<'a>(
        &'a self,
        connection: &mut AnyConnection,
        ids: &mut Ids,
        now: Millis,
        hub: &Hub,
        stream: &Stream,
    ) -> Result<Written<'a>> {
        let mut wanted = Wanted::new(now);
        self.kinds.iter().for_each(|kind| kind.targets(&mut wanted));
        let mut desk = Desk::open(connection, std::mem::take(ids), wanted)?;
        let recovered = recovered::read(connection, hub, stream, desk.conversations())?;
        let mut applied = Vec::with_capacity(self.kinds.len());
        for kind in &self.kinds {
            applied.push(kind.apply(connection, &mut desk)?);
        }
        desk.store(connection)?;
        desk.write_shared(connection)?;
        desk.write_toasts(connection, stream)?;
        for group in &mut applied {
            group.write(connection, to_timestamp(now))?;
        }
        let facts;
        (facts, *ids) = desk.close();
        // Frames are built before the commit: what cannot be published is not stored.
        let events = conversation::events(connection, hub, recovered.iter().chain(&facts))?;
        Ok(Written { applied, events })
    }
}

/// Running commands without the queue and its thread.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A batch of commands of any kinds, in the order of the queue.
    #[derive(Default)]
    pub(crate) struct Commands(Batch);

    impl Commands {
        pub(crate) fn with(mut self, command: impl Command) -> Self {
            Box::new(Waiting::new(command).0).join(&mut self.0);
            self
        }

        /// Runs them inside the current write transaction.
        pub(crate) fn run(
            &self,
            connection: &mut AnyConnection,
            ids: &mut Ids,
            now: Millis,
            hub: &Hub,
            stream: &Stream,
        ) {
            self.0.run(connection, ids, now, hub, stream).unwrap();
        }
    }
}
