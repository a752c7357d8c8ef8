//! What a member is told of a round of service, as lines between the messages (`routing.toasts`).

use super::{State, Task};
use crate::id::UserId;

/// What a member knows of a round. Of two states that are one for the member nothing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It waits, or was offered to an agent.
    Waiting,
    /// It waits while nobody is on duty.
    Missed,
    /// This agent has it.
    Served(UserId),
    /// It has ended.
    Ended,
}

impl Told {
    /// What the member of a round is to know.
    pub(super) fn of(task: &Task) -> Self {
        match (task.state, task.agent) {
            (State::Serving, Some(agent)) => Self::Served(agent),
            (State::Waiting | State::Offered | State::Serving, _) => Self::Waiting,
            (State::Missed, _) => Self::Missed,
            (State::ClosedBySupervisor | State::Unserved | State::Silent | State::Closed, _) => Self::Ended,
        }
    }

    /// The line; `agent`: what the agent is called, empty when that is not known.
    pub(super) fn text(self, agent: &str) -> String {
        match self {
            Self::Waiting => "正在为您转接".to_owned(),
            Self::Missed => "当前没有客服当值".to_owned(),
            Self::Served(_) if agent.is_empty() => "客服为您服务".to_owned(),
            Self::Served(_) => format!("客服 {agent} 为您服务"),
            Self::Ended => "本次服务已结束".to_owned(),
        }
    }
}
