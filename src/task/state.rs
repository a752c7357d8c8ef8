//! The states of a round of service, with the numbers of the wire and of the table.

/// Where a round of service stands. Numbers below zero are ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum State {
    /// A supervisor has closed it, or the tenant has turned rounds off.
    ClosedBySupervisor,
    /// It ended before anyone served it.
    Unserved,
    /// It ended because the member was silent.
    Silent,
    /// Its agent has closed it, or the member has left.
    Closed,
    /// An agent was named who has not accepted yet.
    Offered,
    /// An agent serves it.
    Serving,
    /// It waits for an agent.
    Waiting,
    /// It waits, and no agent is on duty.
    Missed,
}

impl State {
    /// Every state.
    pub(crate) const ALL: [Self; 8] = [
        Self::ClosedBySupervisor,
        Self::Unserved,
        Self::Silent,
        Self::Closed,
        Self::Offered,
        Self::Serving,
        Self::Waiting,
        Self::Missed,
    ];

    /// The number on the wire and in the table. 2 is left for bots.
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::ClosedBySupervisor => -4,
            Self::Unserved => -3,
            Self::Silent => -2,
            Self::Closed => -1,
            Self::Offered => 0,
            Self::Serving => 1,
            Self::Waiting => 3,
            Self::Missed => 4,
        }
    }

    /// The state of a number.
    pub(crate) fn from_code(code: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Whether the round goes on.
    pub(crate) const fn is_open(self) -> bool {
        match self {
            Self::Offered | Self::Serving | Self::Waiting | Self::Missed => true,
            Self::ClosedBySupervisor | Self::Unserved | Self::Silent | Self::Closed => false,
        }
    }

    /// Whether an agent has it, whose load it counts for.
    pub(crate) const fn is_assigned(self) -> bool {
        matches!(self, Self::Offered | Self::Serving)
    }

    /// Whether it waits for an agent.
    pub(crate) const fn is_waiting(self) -> bool {
        matches!(self, Self::Waiting | Self::Missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_states_are_the_same() {
        assert_eq!(State::ALL.map(State::code), [-4, -3, -2, -1, 0, 1, 3, 4]);
        assert!(State::ALL.into_iter().all(|state| State::from_code(state.code()) == Some(state)));
        assert!(State::ALL.into_iter().all(|state| state.is_open() == (state.code() >= 0)));
        assert_eq!(State::from_code(2), None);
    }
}
