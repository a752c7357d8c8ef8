//! What yudao's rows become: the rules, without SQL.
//!
//! What yudao does not show is not copied: rows with its mark `deleted`, and messages whose conversation is gone. What kefu
//! would refuse is not copied either (`message::content`), whatever its own limit of length is set to.

pub(super) mod sql;

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::{DateTime, LocalResult, TimeZone};
use chrono_tz::Tz;

use self::sql::{ConversationRow, HeadRow, MessageRow, Source};
use super::Report;
use crate::account::MemberId;
use crate::clock::Millis;
use crate::conversation::Target;
use crate::error::Error;
use crate::id::{TenantId, UserId, UserType};
use crate::message::content::{Content, ContentType};
use crate::message::imported::{ImportedMessage, Marks};
use crate::message::{NewMessage, Sender};
use crate::tenant::DEFAULT_TENANT;

/// Names what was copied from there.
pub(super) const ORIGIN: &str = "yudao";
/// Why a message is left out that is deleted, or was between two looks.
pub(super) const DELETED: &str = "messages deleted in yudao";
/// Rows of one look.
const PAGE: usize = 10_000;

/// A message's place among all of them; its text is read later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub time: Millis,
    pub id: i64,
    pub conversation: i64,
}

/// Reads the places of all messages, in pages along the primary key, and leaves out what is deleted.
pub(super) fn entries(source: &mut Source, zone: Tz, report: &mut Report) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let mut after = i64::MIN;
    loop {
        let page = source.heads(after, PAGE)?;
        for row in &page {
            let HeadRow { id, conversation_id, local_ms, deleted } = *row;
            after = id;
            match local_ms.and_then(|local| instant(local, zone)) {
                _ if deleted != 0 => report.skip(DELETED),
                None => report.skip("messages without a time"),
                Some(time) => entries.push(Entry { time, id, conversation: conversation_id }),
            }
        }
        if page.len() < PAGE {
            return Ok(entries);
        }
    }
}

/// The instant of a time on a clock in the zone, given as milliseconds since 1970 there. Of two the earlier one; a time that
/// the clock has skipped counts as an hour later, as Java reads it.
fn instant(local_ms: i64, zone: Tz) -> Option<Millis> {
    let local = DateTime::from_timestamp_millis(local_ms)?.naive_utc();
    let found = match zone.from_local_datetime(&local) {
        LocalResult::None => zone.from_local_datetime(&(local + chrono::Duration::hours(1))),
        found => found,
    };
    found.earliest().map(|time| time.timestamp_millis())
}

/// One member's conversation: all that the member has there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Merged {
    tenant: TenantId,
    member: UserId,
    marks: Marks,
}

/// The conversations, those of one member as one.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    merged: Vec<Merged>,
    /// By the id there; `None` for one that is left out.
    places: HashMap<i64, Option<usize>>,
}

/// Reads all conversations, in pages along the primary key.
pub(super) fn conversations(source: &mut Source, report: &mut Report) -> Result<Conversations, String> {
    let mut conversations = Conversations::default();
    let mut by_member = HashMap::new();
    let mut after = i64::MIN;
    loop {
        let page = source.conversations(after, PAGE)?;
        for row in &page {
            after = row.id;
            conversations.add(row, &mut by_member, report);
        }
        if page.len() < PAGE {
            return Ok(conversations);
        }
    }
}

impl Conversations {
    /// Adds one; a second one of the same member is pinned if either is, and deleted only if both are.
    fn add(&mut self, row: &ConversationRow, by_member: &mut HashMap<(TenantId, UserId), usize>, report: &mut Report) {
        // Without tenants yudao writes 0; kefu's first tenant has everything then.
        let tenant = if row.tenant == 0 { Ok(DEFAULT_TENANT) } else { TenantId::try_from(row.tenant) };
        let member = MemberId::from_number(row.user_id);
        let place = match (row.deleted, tenant, member) {
            (0, Ok(tenant), Some(MemberId::Number(member))) => {
                let marks = Marks {
                    admin_pinned: row.admin_pinned != 0,
                    admin_deleted: row.admin_deleted != 0,
                    user_deleted: row.user_deleted != 0,
                };
                let place = *by_member.entry((tenant, member)).or_insert(self.merged.len());
                if let Some(first) = self.merged.get_mut(place) {
                    report.merged += 1;
                    first.marks.admin_pinned |= marks.admin_pinned;
                    first.marks.admin_deleted &= marks.admin_deleted;
                    first.marks.user_deleted &= marks.user_deleted;
                } else {
                    self.merged.push(Merged { tenant, member, marks });
                }
                Some(place)
            }
            (0, ..) => {
                report.skip("conversations of no member");
                None
            }
            _ => {
                report.skip("conversations deleted in yudao");
                None
            }
        };
        self.places.insert(row.id, place);
    }

    /// Whether the message belongs to a conversation that is copied.
    pub(super) fn take(&self, entry: &Entry, report: &mut Report) -> bool {
        match self.places.get(&entry.conversation) {
            Some(Some(_)) => return true,
            Some(None) => report.skip("messages of a skipped conversation"),
            None => report.skip("messages without a conversation"),
        }
        false
    }

    /// How many members have a conversation.
    pub(super) const fn members(&self) -> usize {
        self.merged.len()
    }

    /// What a message becomes, with the sender's id there, or why it is left out. A time ahead of the clock here would
    /// push every later message ahead too: it counts as `now`.
    pub(super) fn message(
        &self,
        entry: &Entry,
        row: MessageRow,
        now: Millis,
    ) -> Result<ImportedMessage, Cow<'static, str>> {
        let place = self.places.get(&entry.conversation).copied().flatten();
        let Some(Merged { tenant, member, marks }) = place.and_then(|place| self.merged.get(place)).copied() else {
            return Err("messages without a conversation".into());
        };
        let MessageRow { sender_type, sender_id, content_type, content, read_status, .. } = row;
        let user_type = i32::try_from(sender_type).ok().and_then(UserType::from_code);
        let user_type = user_type.ok_or("messages of an unknown sender type")?;
        let id = match user_type {
            // Whatever id stands there: no other member writes in a member's conversation.
            UserType::Member => member,
            UserType::Admin => UserId::try_from(sender_id).map_err(|_| "messages without a sender")?,
        };
        let unknown = || format!("messages of the unknown content type {content_type}");
        let code = i32::try_from(content_type).map_err(|_| unknown())?;
        let kind = ContentType::from_code(code).ok_or_else(unknown)?;
        let content = Content::imported(kind, content.unwrap_or_default()).map_err(refused)?;
        let message = NewMessage {
            tenant,
            sender: Sender { user_type, id, avatar: "".into(), nickname: "".into() },
            target: Target::OfMember(member),
            content,
            client_message_id: Some(format!("{ORIGIN}-{}", entry.id)),
            routing: None,
            channel: None,
            by_program: false,
        };
        Ok(ImportedMessage { message, member, time: entry.time.min(now), read: read_status != 0, marks })
    }
}

fn refused(error: Error) -> Cow<'static, str> {
    match error {
        Error::Invalid(problem) => format!("messages that kefu refuses ({})", problem.en).into(),
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_their_zone() {
        let ms =
            |text: &str| chrono::NaiveDateTime::parse_from_str(text, "%F %T").unwrap().and_utc().timestamp_millis();
        let read = |text: &str, zone: Tz| instant(ms(text), zone).unwrap();
        assert_eq!(read("2024-07-15 18:00:00", Tz::Asia__Shanghai), ms("2024-07-15 10:00:00"));
        // Twice on the clock, and not at all.
        assert_eq!(read("2024-10-27 02:30:00", Tz::Europe__Berlin), ms("2024-10-27 00:30:00"));
        assert_eq!(read("2024-03-31 02:30:00", Tz::Europe__Berlin), ms("2024-03-31 01:30:00"));
        assert_eq!(instant(i64::MAX, Tz::UTC), None);
    }
}
