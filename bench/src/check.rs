//! Nothing lost, nothing doubled.

use std::collections::HashSet;

use crate::Result;
use crate::load::socket::{Dialect, Inbox};

/// Fails unless the inbox holds each of the answered ids once and nothing else.
pub(crate) fn complete(inbox: &Inbox, answered: &[u64]) -> Result {
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
pub(crate) fn admins_and_members(inboxes: &[Inbox], admins: usize, answered: &[u64]) -> Result {
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

/// Fails unless that many messages are stored, and those of each conversation are numbered from 1 to its last number
/// without a gap. `ask` gives the number that a query of the database has.
pub(crate) async fn stored(ask: impl AsyncFn(&'static str) -> Result<u64>, messages: u64) -> Result {
    let found = ask("SELECT COUNT(*) FROM kefu_message").await?;
    if found != messages {
        return Err(format!("{found} messages are stored and not {messages}").into());
    }
    // Numbers are unique in a conversation: as many as the highest one, from 1 on, are all of them.
    let gaps = "SELECT COUNT(*) FROM (SELECT c.id FROM kefu_conversation AS c \
         LEFT JOIN kefu_message AS m ON m.conversation_id = c.id GROUP BY c.id, c.last_seq \
         HAVING COUNT(m.id) <> c.last_seq OR MAX(m.seq) <> c.last_seq OR MIN(m.seq) <> 1) AS gaps";
    match ask(gaps).await? {
        0 => Ok(()),
        wrong => Err(format!("the numbers of {wrong} conversations have gaps").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::load::socket::Heard;
    use crate::peer::sqlite;

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
    fn what_is_stored_is_counted_and_gaps_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stored.db");
        let mut connection = sqlite::create(&file, 3).unwrap();
        for member in [1, 1, 1, 2] {
            sqlite::send_one(&mut connection, member, 1, "").unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let check = |messages| {
            let outcome = runtime.block_on(stored(async |sql| sqlite::number(&file, sql), messages));
            outcome.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(check(4), "");
        assert_eq!(check(5), "4 messages are stored and not 5");
        for (wrong, right) in [
            ("UPDATE kefu_message SET seq = 4 WHERE id = 3", "UPDATE kefu_message SET seq = 3 WHERE id = 3"),
            ("UPDATE kefu_message SET seq = 0 WHERE id = 1", "UPDATE kefu_message SET seq = 1 WHERE id = 1"),
            (
                "UPDATE kefu_conversation SET last_seq = 2 WHERE id = 1",
                "UPDATE kefu_conversation SET last_seq = 3 WHERE id = 1",
            ),
            (
                "UPDATE kefu_conversation SET last_seq = 1 WHERE id = 3",
                "UPDATE kefu_conversation SET last_seq = 0 WHERE id = 3",
            ),
        ] {
            connection.execute_batch(wrong).unwrap();
            assert_eq!(check(4), "the numbers of 1 conversations have gaps", "{wrong}");
            connection.execute_batch(right).unwrap();
        }
        assert_eq!(check(4), "");
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
