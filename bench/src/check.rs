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
