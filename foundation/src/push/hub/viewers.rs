//! Who looks at what, asked of the connections and told to them; see [`crate::push::viewing`].

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::Connection;
use super::super::turn::Calls;
use super::super::viewing::{Change, Elsewhere, Stream, Viewer};
use super::{Count, Hub};
use crate::access::{Permission, Permissions};
use crate::fact::frames::{ServerFrame, Viewers};
use crate::id::{ConversationId, TenantId, UserId, UserKey};
use crate::ws::frame;

impl Hub {
    /// The client of an admin's connection shows this stream from now on, or none.
    pub fn view(&self, connection: &Connection, stream: Option<i64>) {
        let change = connection.viewing().notice(stream, self.0.clock.monotonic());
        self.viewed(change.map(|change| (connection.ticket.key.tenant, change)));
    }

    /// Who shows which stream at this node.
    pub(in crate::push) fn viewers(&self) -> BTreeSet<Viewer> {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let admins = tenants.values().flat_map(|tenant| &tenant.admins).filter(|connection| !connection.is_closing());
        let viewer = |connection: &Arc<Connection>| {
            let UserKey { tenant, user, .. } = connection.ticket.key;
            Some((tenant, connection.viewing().shown()?, user))
        };
        admins.filter_map(viewer).collect()
    }

    /// Takes another node's list of who shows what there.
    pub(in crate::push) fn hear_viewers(&self, node: u64, viewers: BTreeSet<Viewer>) {
        let mut elsewhere = self.viewed_elsewhere();
        let changed = elsewhere.hear(node, viewers, self.0.clock.monotonic());
        changed.into_iter().for_each(|stream| self.tell_viewers(stream, &elsewhere));
    }

    /// Forgets what was not said again for a while.
    pub(super) fn sweep_viewers(&self, now: Duration) {
        let mut elsewhere = self.viewed_elsewhere();
        let changed = elsewhere.sweep(now);
        changed.into_iter().for_each(|stream| self.tell_viewers(stream, &elsewhere));
    }

    fn viewed_elsewhere(&self) -> MutexGuard<'_, Elsewhere> {
        self.0.viewed_elsewhere.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those whom changes of what is shown concern.
    pub(super) fn viewed(&self, changes: impl IntoIterator<Item = (TenantId, Change)>) {
        for (tenant, Change { before, now }) in changes {
            let elsewhere = self.viewed_elsewhere();
            for stream in before.into_iter().chain(now) {
                self.tell_viewers((tenant, stream), &elsewhere);
            }
        }
    }

    /// Sends the viewers of a stream to those of them who are at this node.
    fn tell_viewers(&self, (tenant, stream): Stream, elsewhere: &Elsewhere) {
        let tenants = self.0.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let Some(registered) = tenants.get(&tenant) else { return };
        let wanted = Permissions::only(Permission::QueryMessages);
        let shows =
            |one: &&Arc<Connection>| !one.is_closing() && one.holds(wanted) && one.viewing().shown() == Some(stream);
        let here: Vec<&Arc<Connection>> = registered.admins.iter().filter(shows).collect();
        let users: BTreeSet<UserId> =
            here.iter().map(|one| one.ticket.key.user).chain(elsewhere.viewers((tenant, stream))).collect();
        let content = Viewers { conversation_id: ConversationId::new(stream), user_ids: users.into_iter().collect() };
        let Ok(frame) = frame::event(ServerFrame::Viewers.as_str(), &content) else { return };
        let (mut pushed, mut calls) = (Count::default(), Calls::default());
        here.iter().for_each(|one| pushed.add(one.push(&frame, None, &mut calls)));
        drop(calls);
        self.count(&pushed);
    }
}
