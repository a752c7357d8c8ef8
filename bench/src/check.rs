//! Nothing lost, nothing doubled.

use std::collections::HashSet;

use crate::Result;
use crate::load::socket::{Dialect, Inbox};

/// Fails unless the inbox holds each of the answered ids once and nothing else.
pub fn complete(inbox: &Inbox, answered: &[u64]) -> Result {
    let expected: HashSet<u64> = answered.iter().copied().collect();
    if expected.len() != answered.len() {
        return Err("two sends were answered with one id".into());
    }
    let heard: HashSet<u64> = inbox.heard.iter().map(|heard| heard.id).collect();
    if heard.len() != inbox.heard.len() {
        return Err(format!("{} messages arrived twice at a socket", inbox.heard.len() - heard.len()).into());
    }
    let (lost, foreign) = (expected.difference(&heard).count(), heard.difference(&expected).count());
    if lost + foreign > 0 {
        return Err(format!("{lost} messages were lost at a socket and {foreign} came that nobody sent").into());
    }
    Ok(())
}

/// Fails unless each of the first `admins` inboxes, and all others together, hold each of the answered ids once: an admin
/// receives every message, a member only the own.
pub fn admins_and_members(inboxes: &[Inbox], admins: usize, answered: &[u64]) -> Result {
    let (admins, members) = inboxes.split_at_checked(admins).ok_or("sockets are missing")?;
    for inbox in admins {
        complete(inbox, answered)?;
    }
    if members.is_empty() {
        return Ok(());
    }
    let mut all = Inbox::new(Dialect::Kefu);
    all.heard = members.iter().flat_map(|inbox| inbox.heard.iter().copied()).collect();
    complete(&all, answered)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::load::socket::Heard;

    fn inbox(ids: &[u64]) -> Inbox {
        let mut inbox = Inbox::new(Dialect::Kefu);
        inbox.heard = ids.iter().map(|id| Heard { id: *id, at: Instant::now() }).collect();
        inbox
    }

    #[test]
    fn what_is_lost_doubled_foreign_or_answered_twice_is_found() {
        complete(&inbox(&[2, 1, 3]), &[1, 2, 3]).unwrap();
        let wrong: [(&[u64], &[u64], &str); 4] = [
            (&[1, 3], &[1, 2, 3], "1 messages were lost"),
            (&[1, 2, 2], &[1, 2], "1 messages arrived twice"),
            (&[1, 2, 9], &[1, 2], "1 came that nobody sent"),
            (&[1, 2], &[1, 2, 2], "two sends were answered with one id"),
        ];
        for (heard, answered, says) in wrong {
            let error = complete(&inbox(heard), answered).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn every_admin_has_all_and_the_members_have_them_among_them() {
        let (all, first, second) = (inbox(&[1, 2]), inbox(&[1]), inbox(&[2]));
        admins_and_members(&[all, first, second], 1, &[1, 2]).unwrap();
        assert!(admins_and_members(&[inbox(&[1]), inbox(&[1]), inbox(&[2])], 1, &[1, 2]).is_err());
        assert!(admins_and_members(&[inbox(&[1, 2]), inbox(&[1]), inbox(&[1])], 1, &[1, 2]).is_err());
        assert!(admins_and_members(&[inbox(&[1, 2]), inbox(&[1]), inbox(&[])], 1, &[1, 2]).is_err());
    }
}
