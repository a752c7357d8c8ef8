//! Who is on duty, as the tables say ([`super::duty`] has the protocol).

use std::collections::{HashMap, HashSet};

use super::duty::{Duty, DutyRules, Presence};
use super::{Group, Membership, OffDuty, store};
use crate::access::{Permission, Permissions};
use crate::account;
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::Result;
use crate::id::{GroupId, TenantId, UserId};

pub(crate) use super::store::duty::{Socket, duties, end_lease, has_dead_nodes, remove_dead_nodes, renew_lease, show};

/// A tenant's agents who are on duty, and its groups.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Roster {
    /// Who is on duty and may take rounds.
    pub on_duty: HashSet<UserId>,
    /// Who has a socket, or had one and is not gone: whoever of them stays away will be.
    pub here: HashSet<UserId>,
    /// Who had sockets and has been away for too long.
    pub gone: HashSet<UserId>,
    /// Who has gone off duty.
    pub off: HashSet<UserId>,
    groups: HashMap<GroupId, Group>,
    members: HashMap<GroupId, Vec<UserId>>,
}

impl Roster {
    /// Reads it: six statements, of them two for the accounts of those on duty, whose cost grows with the tenant's agents and groups.
    ///
    /// # Errors
    /// As the connection's.
    pub(crate) fn read(
        connection: &mut AnyConnection,
        tenant: TenantId,
        rules: DutyRules,
        now: Millis,
    ) -> Result<Self> {
        let presences = store::duty::presences(connection, tenant, now)?;
        let those = |is: &dyn Fn(&Presence) -> bool| -> HashSet<UserId> {
            presences.iter().filter(|(_, presence)| is(presence)).map(|(agent, _)| *agent).collect()
        };
        let mut on_duty = those(&|presence| presence.is_on_duty(rules, now));
        let gone = those(&|presence| presence.offline_since.is_some() && presence.is_gone(rules, now));
        let here =
            those(&|presence| presence.online || presence.offline_since.is_some() && !presence.is_gone(rules, now));
        let off = those(&|presence| presence.duty == Some(Duty::Off));
        let willing: Vec<UserId> = on_duty.iter().copied().collect();
        let mut may_take = account::enabled_among(connection, tenant, &willing)?;
        may_take.retain(|admin| admin.permissions_now().contain(Permissions::only(Permission::TakeTasks)));
        on_duty.retain(|agent| may_take.iter().any(|admin| admin.key.user == *agent));
        let groups = store::groups(connection, tenant)?.into_iter().map(|group| (group.id, group)).collect();
        let mut members: HashMap<GroupId, Vec<UserId>> = HashMap::new();
        for (agent, memberships) in store::memberships(connection, tenant)? {
            for Membership { group, excluded, .. } in memberships {
                if !excluded {
                    members.entry(group).or_default().push(agent);
                }
            }
        }
        Ok(Self { on_duty, here, gone, off, groups, members })
    }

    /// Whether there is anyone to take a round of this group, or of none; a group's member waits for nobody when the group wants
    /// that (`offDuty`).
    pub(crate) fn serves(&self, group: Option<GroupId>) -> bool {
        // A group that was deleted meanwhile is none.
        let known = group.filter(|id| self.groups.contains_key(id));
        let Some(mut id) = known else { return !self.on_duty.is_empty() };
        // Each group at most once, should a circle ever get into the table.
        for _ in 0..=self.groups.len() {
            let members = self.members.get(&id).map_or(&[][..], Vec::as_slice);
            if members.iter().any(|agent| self.on_duty.contains(agent)) {
                return true;
            }
            match self.groups.get(&id) {
                Some(Group { off_duty: OffDuty::Queue, .. }) => return true,
                Some(Group { off_duty: OffDuty::Fallback, fallback: Some(next), .. }) => id = *next,
                _ => return false,
            }
        }
        false
    }

    /// Members whom an agent serves at once in this group, when nothing is set for the agent.
    pub(crate) fn capacity(&self, group: Option<GroupId>) -> Option<i32> {
        self.groups.get(&group?).map(|group| group.capacity)
    }
}

/// The presence of a tenant's agents of whom anything is known.
///
/// # Errors
/// As the connection's.
pub(crate) fn presences(
    connection: &mut AnyConnection,
    tenant: TenantId,
    now: Millis,
) -> Result<HashMap<UserId, Presence>> {
    store::duty::presences(connection, tenant, now)
}
