//! What a domain brings to have something written.

use chrono::NaiveDateTime;

use super::{Desk, Wanted};
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::Result;
use crate::fact::Fact;

/// Something that changes conversations.
pub(crate) trait Command: Send + Sized + 'static {
    /// What the caller gets once the command is committed and its events are published.
    type Answer: Send + 'static;
    /// What the commands of this kind share in one batch; `()` when they change nothing but their conversations.
    type Page<'a>: Page<'a, Self>;
    /// When commands of this kind are applied.
    const RANK: Rank;

    /// Names the conversations that are locked before anything is read.
    fn targets(&self, wanted: &mut Wanted);

    /// Bytes of client data that the command holds while it waits and adds to its statement.
    fn bytes(&self) -> usize {
        0
    }

    /// The rule, in memory. It may run more than once, each time on a new desk.
    ///
    /// # Errors
    /// Refuses this command alone. It must then have changed nothing on the desk or the page.
    fn apply<'a>(&'a self, page: &mut Self::Page<'a>, desk: &mut Desk<'a>) -> Result<Self::Answer>;
}

/// The order in which the kinds of a batch are applied, whatever their order in the queue.
///
/// Marks come first: the author of a mark has not seen a message of the same batch, because none of it has been pushed. So
/// a message that arrives in between stays unread, and new mail brings a deleted conversation back
/// (docs/contract.md#faults-of-the-original: 2 and 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Changes what is already there: read, pinned, deleted, marked.
    Mark,
    /// Adds to a conversation.
    Send,
    /// Gives a conversation to another member, with all that was sent before.
    Move,
}

/// The statements of one kind of command: as many for all commands of a batch as for one, unless a command comes once in the
/// life of a conversation.
pub(crate) trait Page<'a, C>: Sized {
    /// Reads what the rule needs, after the locks and before the first command of this kind is applied.
    ///
    /// # Errors
    /// Fails the whole batch, as those of [`Page::write`] do.
    fn read(connection: &mut AnyConnection, desk: &mut Desk<'a>, commands: &[&'a C]) -> Result<Self>;

    /// Writes the rows of this kind, after all conversations were stored. `now` is the batch's time.
    fn write(&mut self, connection: &mut AnyConnection, now: NaiveDateTime) -> Result<()>;
}

/// Rows of a domain that commands of several kinds read and change in one batch, such as a conversation's round of service: what one
/// kind has changed in memory, the next one finds ([`Desk::shared`]). A batch whose commands ask for none has none.
pub(crate) trait Shared: Default + 'static {
    /// Writes what was changed, after the conversations were stored and before the rows of each kind; returns what has happened.
    ///
    /// # Errors
    /// Fails the whole batch.
    fn write(&mut self, connection: &mut AnyConnection, now: Millis) -> Result<Vec<Fact>>;
}

impl<'a, C> Page<'a, C> for () {
    fn read(_: &mut AnyConnection, _: &mut Desk<'a>, _: &[&'a C]) -> Result<Self> {
        Ok(())
    }

    fn write(&mut self, _: &mut AnyConnection, _: NaiveDateTime) -> Result<()> {
        Ok(())
    }
}
