//! Nothing lost, nothing doubled.

use std::collections::HashSet;

use crate::Result;
use crate::load::socket::Inbox;

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

/// Fails unless the inboxes together hold each of the answered ids once: one recipient for each message.
pub fn complete_together(inboxes: &[Inbox], answered: &[u64]) -> Result {
    let mut all = Inbox::new(crate::load::socket::Dialect::Kefu);
    all.heard = inboxes.iter().flat_map(|inbox| inbox.heard.iter().copied()).collect();
    complete(&all, answered)
}
