//! The kinds of jobs that this binary knows, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Effect, Job};
use crate::clock::Millis;
use crate::error::Result;

/// Reads a payload; a payload that cannot be read never will be.
type Prepare =
    Arc<dyn Fn(&str, Millis) -> std::result::Result<BoxFuture<'static, Result<Effect>>, String> + Send + Sync>;

/// Registered kinds; built once at the start.
#[derive(Clone, Default)]
pub struct Kinds(BTreeMap<&'static str, Prepare>);

impl Kinds {
    /// Adds a kind with what its jobs work with.
    pub fn with<J: Job>(mut self, context: J::Context) -> Self {
        let prepare: Prepare = Arc::new(move |payload, now| {
            let job: J =
                serde_json::from_str(payload).map_err(|error| format!("the payload is not understood: {error}"))?;
            Ok(Box::pin(job.run(context.clone(), now)))
        });
        self.0.insert(J::KIND, prepare);
        self
    }

    /// The names of all kinds.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.0.keys().copied().collect()
    }

    /// The run of a job of that kind.
    ///
    /// # Errors
    /// Why it can never be run.
    pub(super) fn prepare(
        &self,
        kind: &str,
        payload: &str,
        now: Millis,
    ) -> std::result::Result<BoxFuture<'static, Result<Effect>>, String> {
        let prepare = self.0.get(kind).ok_or_else(|| "this version does not know the kind".to_owned())?;
        prepare(payload, now)
    }
}
