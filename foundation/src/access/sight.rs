//! Which conversations an admin may see, where a tenant does not show all of them to everybody (docs/desk.md, "Visibility").

use crate::id::{GroupId, UserId};

/// Whose a conversation is: by its open round of service, or by its last one; of nobody before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Assignment {
    /// The agent who has it, or had it last.
    pub agent: Option<UserId>,
    /// The group in which it waits, is served or was served last.
    pub group: Option<GroupId>,
}

/// What the agents of a tenant see who may not see everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Everything.
    #[default]
    All,
    /// What belongs to their groups, and to none.
    Group,
    /// What is theirs, and what waits in their groups, and in none.
    Own,
}

impl Visibility {
    /// The names in the settings.
    pub const NAMES: [&str; 3] = ["all", "group", "own"];

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "all" => Some(Self::All),
            "group" => Some(Self::Group),
            "own" => Some(Self::Own),
            _ => None,
        }
    }
}

/// The conversations that one admin may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// All of the tenant's.
    #[default]
    All,
    /// The own ones, and others by their group.
    Limited {
        /// The admin.
        admin: UserId,
        /// Whether those that another agent has, or had last, are left out.
        own_only: bool,
        /// The admin's groups.
        groups: Box<[GroupId]>,
    },
}

impl Sight {
    /// What an admin of these groups sees in a tenant.
    pub fn new(visibility: Visibility, admin: UserId, groups: impl IntoIterator<Item = GroupId>) -> Self {
        let limited = |own_only| Self::Limited { admin, own_only, groups: groups.into_iter().collect() };
        match visibility {
            Visibility::All => Self::All,
            Visibility::Group => limited(false),
            Visibility::Own => limited(true),
        }
    }

    /// Whether a conversation is among them. `conversation::seen_by` says the same to the database.
    pub fn includes(&self, assignment: Assignment) -> bool {
        match self {
            Self::All => true,
            Self::Limited { admin, own_only, groups } => {
                let is_anothers = assignment.agent.is_some_and(|agent| agent != *admin);
                let is_own = assignment.agent == Some(*admin);
                let is_of_group = assignment.group.is_none_or(|group| groups.contains(&group));
                is_own || (is_of_group && !(*own_only && is_anothers))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_is_seen_always_and_the_rest_by_group_and_agent() {
        let (me, other) = (UserId::new(1), UserId::new(2));
        let (mine, theirs) = (GroupId::new(7), GroupId::new(8));
        let sight = |visibility| Sight::new(visibility, me, [mine]);
        let (group, own) = (sight(Visibility::Group), sight(Visibility::Own));
        assert_eq!(sight(Visibility::All), Sight::All);
        for (agent, of_group, by_group, by_own) in [
            (None, None, true, true),
            (None, Some(mine), true, true),
            (None, Some(theirs), false, false),
            (Some(me), None, true, true),
            (Some(me), Some(theirs), true, true),
            (Some(other), None, true, false),
            (Some(other), Some(mine), true, false),
            (Some(other), Some(theirs), false, false),
        ] {
            let assignment = Assignment { agent, group: of_group };
            assert_eq!((group.includes(assignment), own.includes(assignment)), (by_group, by_own), "{assignment:?}");
            assert!(Sight::All.includes(assignment));
        }
        assert!(Visibility::NAMES.into_iter().all(|name| Visibility::from_name(name).is_some()));
    }
}
