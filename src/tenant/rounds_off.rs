//! The job that ends the rounds of service of a tenant that has turned them off (`routing.mode`).

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::error::Result;
use crate::id::TenantId;
use crate::job::{Effect, Job, Next};

/// Ends some rounds of a tenant; returns whether there may be more. Rounds are not known here: `app` gives what ends them.
pub(crate) type End = Arc<dyn Fn(TenantId) -> BoxFuture<'static, Result<bool>> + Send + Sync>;

/// Ends the open rounds of a tenant, as long as it has them turned off.
#[derive(Serialize, Deserialize)]
pub(crate) struct EndRounds {
    /// The tenant.
    pub tenant: i64,
    /// Whether it is the second look, when every node knows.
    #[serde(default)]
    pub later: bool,
}

impl Job for EndRounds {
    const KIND: &'static str = "task.end_rounds";
    type Context = End;

    fn key(&self) -> String {
        if self.later { format!("{} later", self.tenant) } else { self.tenant.to_string() }
    }

    fn tenant(&self) -> Option<TenantId> {
        Some(TenantId::new(self.tenant))
    }

    async fn run(self, end: End, now: Millis) -> Result<Effect> {
        let more = end(TenantId::new(self.tenant)).await?;
        Ok(Effect::new(move |_| Ok(if more { Next::At(now) } else { Next::Done })))
    }
}
