//! How often admins are told that a member has changed: at most once a second for each member, and the last change always.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::id::{ConversationId, UserKey};

/// The time between two notices.
const PAUSE: Duration = Duration::from_secs(1);

/// The members who changed lately.
#[derive(Default)]
pub(super) struct Updates(Mutex<HashMap<UserKey, Told>>);

struct Told {
    /// By the monotonic time.
    at: Duration,
    /// The conversation of a notice that waits.
    waiting: Option<ConversationId>,
}

impl Updates {
    /// Whether a change is to be told now. Otherwise it waits for [`Updates::due`].
    pub(super) fn note(&self, member: UserKey, conversation: ConversationId, now: Duration) -> bool {
        match self.lock().entry(member) {
            std::collections::hash_map::Entry::Occupied(mut told) => {
                told.get_mut().waiting = Some(conversation);
                false
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(Told { at: now, waiting: None });
                true
            }
        }
    }

    /// What is to be told now. Forgets members of whom nothing waits.
    pub(super) fn due(&self, now: Duration) -> Vec<(UserKey, ConversationId)> {
        let mut due = Vec::new();
        self.lock().retain(|member, told| {
            if now.saturating_sub(told.at) < PAUSE {
                return true;
            }
            told.at = now;
            let waiting = told.waiting.take();
            due.extend(waiting.map(|conversation| (*member, conversation)));
            waiting.is_some()
        });
        due
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserKey, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{TenantId, UserId, UserType};

    #[test]
    fn the_first_change_is_told_at_once_and_the_last_one_a_second_later() {
        let (updates, conversation) = (Updates::default(), ConversationId::new(3));
        let member = |id| UserKey { tenant: TenantId::new(1), user_type: UserType::Member, user: UserId::new(id) };
        let at = Duration::from_millis;
        assert!(updates.note(member(1), conversation, at(0)) && updates.note(member(2), conversation, at(0)));
        assert!(!updates.note(member(1), conversation, at(300)) && !updates.note(member(1), conversation, at(600)));
        assert_eq!(updates.due(at(999)), []);
        assert_eq!(updates.due(at(1000)), [(member(1), conversation)]);
        assert!(updates.note(member(2), conversation, at(1000)), "of whom nothing waited");
        assert!(!updates.note(member(1), conversation, at(1500)), "told half a second ago");
        assert_eq!(updates.due(at(2000)), [(member(1), conversation)]);
        assert_eq!(updates.due(at(3000)), []);
        assert!(updates.lock().is_empty());
    }
}
