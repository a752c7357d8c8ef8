//! Who is on duty: agents who said so or who are there, at whichever node.
//!
//! Protocol. Each node keeps a lease in `kefu_node`, which it renews, and a row in `kefu_agent_socket` for each admin who may take
//! rounds and has a socket with it. A row counts while the lease of its node does. So every node knows from the database alone who
//! is there, without the relay and without asking another.
//!
//! Invariants:
//! - A node that dies is over for all others when its lease is: whoever looks next removes its rows and notes since when its agents
//!   are away. Two who look at once remove the same rows; an agent who has a socket elsewhere stays there.
//! - An agent without a socket stays on duty for the tenant's grace (`routing.offlineGrace`), so that a reload of the page and a
//!   restarted node change nothing.

use std::collections::{HashMap, HashSet};

use super::{Group, Membership, OffDuty, store};
use crate::clock::Millis;
use crate::db::AnyConnection;
use crate::error::Result;
use crate::id::{GroupId, TenantId, UserId};

pub(crate) use super::store::duty::{
    Socket, away_since, end_lease, has_dead_nodes, remove_dead_nodes, renew_lease, show,
};

/// How long a node counts as running after it has renewed its lease, in milliseconds.
pub(crate) const LEASE: Millis = 20_000;
/// How often a node renews its lease, in milliseconds.
pub(crate) const RENEWAL: Millis = 5_000;

/// Whether an agent takes what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// No.
    Off,
    /// Yes.
    On,
    /// Not now.
    Paused,
}

impl Duty {
    /// The number on the wire and in the table.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Off => 0,
            Self::On => 1,
            Self::Paused => 2,
        }
    }

    /// The duty of a number.
    pub(crate) const fn from_code(code: i32) -> Option<Self> {
        match code {
            0 => Some(Self::Off),
            1 => Some(Self::On),
            2 => Some(Self::Paused),
            _ => None,
        }
    }
}

/// How a tenant tells who is on duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DutyRules {
    /// Whether an agent who has never said anything is on duty with a socket.
    pub auto: bool,
    /// How long an agent without a socket stays on duty, in milliseconds; 0 for ever.
    pub grace: Millis,
}

/// What is known of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presence {
    /// What the agent has said, `None` for nothing.
    pub duty: Option<Duty>,
    /// Since when.
    pub duty_since: Option<Millis>,
    /// Whether there is a socket.
    pub online: bool,
    /// Since when there is none.
    pub offline_since: Option<Millis>,
}

impl Presence {
    /// Whether the agent is on duty.
    pub(crate) fn is_on_duty(&self, rules: DutyRules, now: Millis) -> bool {
        let is_willing = match self.duty {
            Some(Duty::On) => true,
            Some(Duty::Off | Duty::Paused) => false,
            None => rules.auto && (self.online || self.offline_since.is_some()),
        };
        is_willing && !self.is_gone(rules, now)
    }

    /// Whether the agent has been away for longer than the grace.
    pub(crate) fn is_gone(&self, rules: DutyRules, now: Millis) -> bool {
        let since = self.offline_since.max(self.duty_since);
        !self.online && rules.grace > 0 && since.is_none_or(|since| now - since >= rules.grace)
    }
}

/// A tenant's agents who are on duty, and its groups.
#[derive(Debug, Default)]
pub(crate) struct Roster {
    /// Who is on duty.
    pub on_duty: HashSet<UserId>,
    groups: HashMap<GroupId, Group>,
    members: HashMap<GroupId, Vec<UserId>>,
}

impl Roster {
    /// Reads it: three statements, whose cost grows with the tenant's agents and groups.
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
        let on_duty =
            presences.into_iter().filter(|(_, presence)| presence.is_on_duty(rules, now)).map(|(agent, _)| agent);
        let groups = store::groups(connection, tenant)?.into_iter().map(|group| (group.id, group)).collect();
        let mut members: HashMap<GroupId, Vec<UserId>> = HashMap::new();
        for (agent, memberships) in store::memberships(connection, tenant)? {
            for Membership { group, excluded, .. } in memberships {
                if !excluded {
                    members.entry(group).or_default().push(agent);
                }
            }
        }
        Ok(Self { on_duty: on_duty.collect(), groups, members })
    }

    /// Whether there is anyone to take a round of this group, or of none; a group's member waits for nobody when the group wants
    /// that (`offDuty`).
    pub(crate) fn serves(&self, group: Option<GroupId>) -> bool {
        let Some(mut id) = group else { return !self.on_duty.is_empty() };
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

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: DutyRules = DutyRules { auto: true, grace: 60_000 };
    const NOW: Millis = 1_795_000_000_000;

    #[test]
    fn on_duty_is_who_said_so_or_is_there_and_not_away_for_too_long() {
        let said = |duty| Presence { duty: Some(duty), duty_since: Some(NOW - 90_000), ..Presence::default() };
        let there = |presence: Presence| Presence { online: true, ..presence };
        let away = |presence: Presence, ago| Presence { offline_since: Some(NOW - ago), ..presence };
        let nothing = Presence::default();
        for (presence, on_duty) in [
            (nothing, false),
            (there(nothing), true),
            (away(nothing, 59_999), true),
            (away(nothing, 60_000), false),
            (said(Duty::On), false),
            (there(said(Duty::On)), true),
            (away(said(Duty::On), 59_999), true),
            (away(said(Duty::On), 60_000), false),
            (there(said(Duty::Off)), false),
            (there(said(Duty::Paused)), false),
            (Presence { duty_since: Some(NOW - 1000), ..said(Duty::On) }, true),
        ] {
            assert_eq!(presence.is_on_duty(RULES, NOW), on_duty, "{presence:?}");
        }
        let by_hand = DutyRules { auto: false, ..RULES };
        assert!(!there(nothing).is_on_duty(by_hand, NOW));
        assert!(there(said(Duty::On)).is_on_duty(by_hand, NOW));
        let for_ever = DutyRules { grace: 0, ..RULES };
        assert!(said(Duty::On).is_on_duty(for_ever, NOW));
        assert!([0, 1, 2].into_iter().all(|code| Duty::from_code(code).map(Duty::code) == Some(code)));
        assert_eq!(Duty::from_code(3), None);
    }
}
