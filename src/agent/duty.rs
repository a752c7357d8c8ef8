//! Who is on duty: agents who said so or who are there, at whichever node. [`super::roster`] reads it.
//!
//! Protocol. Each node keeps a lease in `kefu_node`, which it renews, and a row in `kefu_agent_socket` for each admin who may take
//! rounds and has a socket with it. A row counts while the lease of its node does. So every node knows from the database alone who
//! is there, without the relay and without asking another.
//!
//! Invariants:
//! - A node that dies is over for all others when its lease is: whoever looks next removes its rows and notes since when its agents
//!   are away. Two who look at once remove the same rows; an agent who has a socket elsewhere stays there.
//! - A node whose own lease is over takes rounds from nobody: it renews first. A member who writes before that may be told that nobody
//!   is there, and the opposite after it. After a start and after such a gap, as of a database that was
//!   away or a clock that jumped, agents have the whole grace to come back before anything is taken from them.
//! - An agent without a socket stays on duty for the tenant's grace (`routing.offlineGrace`), so that a reload of the page and a
//!   restarted node change nothing.

use crate::clock::Millis;
use crate::settings::Push;

/// The longest lease that can be set, in milliseconds (`push.node_lease_s`).
pub(crate) const LONGEST_LEASE: Millis = 3_600_000;

/// How a node shows that it runs, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    /// How long it counts as running after it has renewed its lease.
    pub time: Millis,
    /// How often it renews it.
    pub renewal: Millis,
}

impl Lease {
    /// Whether a lease that was renewed then is not over at `now`.
    pub(crate) fn is_held(self, renewed: Option<Millis>, now: Millis) -> bool {
        // A clock that went back has left it in the future.
        renewed.is_some_and(|renewed| (0..self.time).contains(&(now - renewed)))
    }
}

impl From<&Push> for Lease {
    fn from(push: &Push) -> Self {
        let milliseconds = |seconds: u64| Millis::try_from(seconds).unwrap_or(Millis::MAX / 1000) * 1000;
        Self { time: milliseconds(push.node_lease_s), renewal: milliseconds(push.node_renewal_s) }
    }
}

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
    /// How long an agent without a socket stays on duty, in milliseconds; 0 for ever, but for one who has never said anything: not
    /// at all.
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
            None => rules.auto && (self.online || (rules.grace > 0 && self.offline_since.is_some())),
        };
        is_willing && !self.is_gone(rules, now)
    }

    /// Whether the agent has been away for longer than the grace.
    pub(crate) fn is_gone(&self, rules: DutyRules, now: Millis) -> bool {
        let since = self.offline_since.max(self.duty_since);
        !self.online && rules.grace > 0 && since.is_none_or(|since| now - since >= rules.grace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: DutyRules = DutyRules { auto: true, grace: 60_000 };
    const NOW: Millis = 1_795_000_000_000;

    #[test]
    fn a_lease_is_over_after_its_time_and_when_the_clock_went_back() {
        let lease = Lease { time: 20_000, renewal: 5000 };
        for (renewed, is_held) in [
            (None, false),
            (Some(NOW), true),
            (Some(NOW - 19_999), true),
            (Some(NOW - 20_000), false),
            (Some(NOW + 1), false),
        ] {
            assert_eq!(lease.is_held(renewed, NOW), is_held, "{renewed:?}");
        }
    }

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
        assert!(there(nothing).is_on_duty(for_ever, NOW) && !away(nothing, 1).is_on_duty(for_ever, NOW));
        assert!([0, 1, 2].into_iter().all(|code| Duty::from_code(code).map(Duty::code) == Some(code)));
        assert_eq!(Duty::from_code(3), None);
    }
}
