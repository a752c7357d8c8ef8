//! The places of those who wait, as their members are told them: by each node to its own sockets.
//!
//! A member is told when the round begins to wait, and then only when its place has come down to the next threshold,
//! so that a long queue that moves on costs a frame for some of its members and not for all. What was told is kept in memory: a node
//! that dies leaves its members to another, which tells them anew.

use std::collections::{HashMap, HashSet};

use super::Task;
use crate::clock::Millis;
use crate::fact::Fact;
use crate::id::{ConversationId, TaskId, TenantId, UserId};

/// How often the places of a tenant are told at most, in milliseconds.
const EVERY: Millis = 2_000;

/// A round that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    task: TaskId,
    conversation: ConversationId,
    member: UserId,
}

impl From<&Task> for Waiting {
    fn from(task: &Task) -> Self {
        Self { task: task.id, conversation: task.conversation, member: task.member }
    }
}

/// What members of this node were told.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<TenantId, OfTenant>);

#[derive(Debug, Default)]
struct OfTenant {
    /// When it was looked at, unless nobody waited then.
    looked: Option<Millis>,
    /// The places that were told.
    told: HashMap<TaskId, i64>,
}

impl Places {
    /// What is to be told now: `waiting` are those of a tenant who wait for the longest, the first of them first, of `in_all`, and
    /// `here` its members who have a socket at this node.
    pub(super) fn news(
        &mut self,
        tenant: TenantId,
        waiting: &[Waiting],
        in_all: i64,
        here: &HashSet<UserId>,
        now: Millis,
    ) -> Vec<Fact> {
        if waiting.is_empty() || here.is_empty() {
            self.0.remove(&tenant);
            return Vec::new();
        }
        let of_tenant = self.0.entry(tenant).or_default();
        if of_tenant.looked.is_some_and(|looked| (0..EVERY).contains(&(now - looked))) {
            return Vec::new();
        }
        of_tenant.looked = Some(now);
        let before = std::mem::take(&mut of_tenant.told);
        let mut news = Vec::new();
        for (place, one) in (1..).zip(waiting).filter(|(_, one)| here.contains(&one.member)) {
            let known = before.get(&one.task).copied().filter(|told| threshold(place) >= threshold(*told));
            of_tenant.told.insert(one.task, known.unwrap_or(place));
            if known.is_none() {
                let Waiting { conversation, member, .. } = *one;
                news.push(Fact::QueuePosition { tenant, member, conversation, place, waiting: in_all });
            }
        }
        news
    }
}

/// The lowest of the places 1 to 10, 15, 20, 30, 50, 75, 100, 150, … that is not below this one.
fn threshold(place: i64) -> i64 {
    if place <= 10 {
        return place;
    }
    let mut unit = 10;
    loop {
        let steps = [unit, unit * 3 / 2, unit * 2, unit * 3, unit * 5, unit * 15 / 2];
        if let Some(step) = steps.into_iter().find(|step| *step >= place) {
            return step;
        }
        unit *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId::new(1);

    fn waiting(members: impl IntoIterator<Item = i64>) -> Vec<Waiting> {
        let one = |member: i64| Waiting {
            task: TaskId::new(member),
            conversation: ConversationId::new(member),
            member: UserId::new(member),
        };
        members.into_iter().map(one).collect()
    }

    /// Whom it tells which place.
    fn told(places: &mut Places, members: impl IntoIterator<Item = i64>, here: &[i64], now: Millis) -> Vec<(i64, i64)> {
        let (waiting, here) = (waiting(members), here.iter().copied().map(UserId::new).collect());
        let news = places.news(TENANT, &waiting, 7, &here, now);
        let told = news.into_iter().map(|fact| match fact {
            Fact::QueuePosition { member, place, waiting: 7, .. } => (member.get(), place),
            other => panic!("{other:?}"),
        });
        told.collect()
    }

    #[test]
    fn thresholds_lie_closer_to_the_front() {
        let all: Vec<i64> = (1..=1000).filter(|place| threshold(*place) == *place).collect();
        assert_eq!(
            all,
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000],
            "and so on"
        );
        assert_eq!([11, 16, 51, 9999, 10_001].map(threshold), [15, 20, 75, 10_000, 15_000]);
    }

    #[test]
    fn a_member_is_told_at_the_beginning_and_at_each_threshold() {
        let mut places = Places::default();
        assert_eq!(told(&mut places, 1..=40, &[1, 25, 40, 99], 0), [(1, 1), (25, 25), (40, 40)]);
        assert_eq!(told(&mut places, 1..=40, &[1, 25, 40], 1999), [], "not yet");
        assert_eq!(told(&mut places, 1..=40, &[1, 25, 40], 2000), [], "nothing has changed");
        assert_eq!(
            told(&mut places, 4..=40, &[25, 40], 4000),
            [],
            "22 is told as one of the next 30, 37 of the next 50"
        );
        assert_eq!(told(&mut places, 6..=40, &[25, 40], 6000), [(25, 20)]);
        assert_eq!(told(&mut places, 12..=40, &[25, 40], 8000), [(25, 14), (40, 29)]);
        assert_eq!(
            told(&mut places, [2, 3, 4].into_iter().chain(12..=40), &[25], 10_000),
            [],
            "a place that rises is not"
        );
    }

    #[test]
    fn who_has_waited_elsewhere_or_waits_again_is_told_anew() {
        let mut places = Places::default();
        assert_eq!(told(&mut places, 1..=3, &[2], 0), [(2, 2)]);
        assert_eq!(told(&mut places, 1..=3, &[2, 3], 2000), [(3, 3)], "has come to this node");
        assert_eq!(told(&mut places, [1, 3], &[2, 3], 4000), [(3, 2)], "the other is served");
        assert_eq!(told(&mut places, 1..=3, &[2, 3], 6000), [(2, 2)], "and waits again");
        assert_eq!(told(&mut places, [], &[2, 3], 8000), []);
        assert_eq!(told(&mut places, [3], &[2, 3], 8001), [(3, 1)], "where nobody has waited it is told at once");
    }
}
