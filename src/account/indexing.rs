//! The job that writes the words by which members are found, for members of versions that wrote none.

use serde::{Deserialize, Serialize};

use super::store::words;
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::Result;
use crate::job::{self, Effect, Job, Next};

/// Writes the words of members' nicknames, some hundred members in each run, and ends with the newest.
#[derive(Serialize, Deserialize)]
pub(crate) struct IndexWords {}

/// Asks for the run of a start, inside a write transaction, when there are members beyond those that are done: older nodes may
/// have made them.
pub(crate) fn at_start(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    if words::is_complete(connection)? { Ok(()) } else { job::enqueue(connection, &IndexWords {}, now, now) }
}

impl Job for IndexWords {
    const KIND: &'static str = "account.index_words";
    type Context = ();

    fn key(&self) -> String {
        String::new()
    }

    async fn run(self, (): (), now: Millis) -> Result<Effect> {
        Ok(Effect::new(move |connection| {
            Ok(if words::index_next(connection, now)? { Next::At(now) } else { Next::Done })
        }))
    }
}
