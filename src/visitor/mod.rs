//! Visitors: members who came in through a channel, such as the widget on a site's pages, and whom nobody introduced.
//!
//! This module owns `kefu_visitor`: the channel of a visitor and the page that the visitor was on last. A visitor's login is
//! in `auth::visitor`. When a visitor logs in at the site, [`link`] gives what was written to the member. [`Visitors`] tells
//! admins what changes beside a conversation.

pub(crate) mod api;
mod link;
mod profile;
mod store;
mod updates;

use std::sync::Arc;

use actix_web::{HttpRequest, web};
use quick_cache::sync::Cache;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::{Clock, Millis};
use crate::conversation::{self, Target};
use crate::db::Db;
use crate::error::Result;
use crate::fact::Fact;
use crate::http::address::ClientAddress;
use crate::id::{ConversationId, UserKey};
use crate::limit::RateLimits;
use crate::push::Hub;
use updates::Updates;

pub(crate) use profile::{ProfileUpdate, attributes};
pub(crate) use store::{VisitorRow, find};

/// How many visitors are remembered who have written.
const REMEMBERED: usize = 16_384;

/// Where a visitor is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = VisitorPage)]
pub(crate) struct Page {
    /// The address.
    #[schema(example = "https://shop.example/cart")]
    pub url: String,
    /// The title; empty when the page has none.
    #[schema(example = "购物车")]
    pub title: String,
    /// Since when, in milliseconds since the epoch.
    #[schema(value_type = i64, example = 1_795_235_421_115_i64)]
    pub time: Millis,
}

/// What is done for visitors beside their conversations. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Visitors(Arc<Inner>);

struct Inner {
    db: Db,
    hub: Hub,
    clock: Clock,
    updates: Updates,
    /// Those who have a conversation.
    known: Cache<UserKey, ()>,
}

impl Visitors {
    /// Nobody is known yet.
    pub(crate) fn new(db: &Db, hub: &Hub, clock: &Clock) -> Self {
        let (db, hub, clock) = (db.clone(), hub.clone(), clock.clone());
        Self(Arc::new(Inner { db, hub, clock, updates: Updates::default(), known: Cache::new(REMEMBERED) }))
    }

    /// Counts the message of a visitor who has no conversation yet for the address that it comes from. Costs one read for each
    /// visitor who writes, and nothing for the messages after that.
    ///
    /// # Errors
    /// [`crate::error::Error::TooManyRequests`]; as [`Db::run`].
    pub(crate) async fn check_first_message(
        &self,
        visitor: UserKey,
        request: &HttpRequest,
        limits: &RateLimits,
    ) -> Result<()> {
        if self.0.known.get(&visitor).is_some() {
            return Ok(());
        }
        if self.conversation_of(visitor).await?.is_some() {
            self.0.known.insert(visitor, ());
            return Ok(());
        }
        match request.app_data::<web::Data<ClientAddress>>() {
            Some(address) => limits.first_message(address.of(request)),
            None => Ok(()),
        }
    }

    /// Tells admins that what they see beside a member's conversation has changed: at once, and again after a second when
    /// more changes until then.
    pub(crate) async fn member_changed(&self, member: UserKey) {
        match self.conversation_of(member).await {
            Ok(Some(conversation)) => {
                if self.0.updates.note(member, conversation, self.0.clock.monotonic()) {
                    self.tell(member, conversation).await;
                }
            }
            Ok(None) => {}
            // Nothing is lost: consoles read the card again when they show it.
            Err(error) => tracing::debug!(%error, "a member's change was not told"),
        }
    }

    /// Tells what waits. To be called every second or so.
    pub(crate) async fn tell_waiting(&self) {
        for (member, conversation) in self.0.updates.due(self.0.clock.monotonic()) {
            self.tell(member, conversation).await;
        }
    }

    async fn tell(&self, member: UserKey, conversation: ConversationId) {
        let fact = Fact::MemberUpdated { tenant: member.tenant, conversation, member: member.user };
        // Nothing is lost: consoles read the card again when they show it.
        if let Err(error) = conversation::publish(&self.0.db, &self.0.hub, fact).await {
            tracing::debug!(%error, "a member's change was not told");
        }
    }

    async fn conversation_of(&self, member: UserKey) -> Result<Option<ConversationId>> {
        let own = Target::OfMember(member.user);
        let head = self.0.db.run(move |connection| conversation::head(connection, member.tenant, own)).await?;
        Ok(head.filter(|head| !head.is_closed).map(|head| head.id))
    }
}
