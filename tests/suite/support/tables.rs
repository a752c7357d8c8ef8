//! What must hold in the tables whatever happened before.

use diesel::prelude::*;
use kefu::clock::{Millis, from_timestamp};
use kefu::db::Db;
use kefu::db::schema::{kefu_conversation as c, kefu_message as m};

/// A stored message.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMessage {
    pub id: i64,
    pub seq: i64,
    pub sender_type: i32,
    pub sender_id: i64,
    pub content_type: i32,
    pub content: String,
    pub read: bool,
    pub client_message_id: Option<String>,
    pub create_time: Millis,
}

/// A stored conversation with all its messages, the oldest first.
#[derive(Clone, Debug)]
pub struct StoredConversation {
    pub id: i64,
    pub tenant: i64,
    pub member: i64,
    pub admin_pinned: bool,
    pub admin_deleted: bool,
    pub admin_unread: i32,
    pub member_unread: i32,
    pub last_seq: i64,
    pub last_message: (Millis, String, i32),
    pub messages: Vec<StoredMessage>,
}

/// Reads a tenant's conversations and asserts invariants 3 to 6 on each.
pub async fn sound_conversations(db: &Db, tenant: i64) -> Vec<StoredConversation> {
    let conversations = db.run(move |connection| {
        let rows: Vec<(i64, i64, bool, bool, i32, i32, i64, chrono::NaiveDateTime, String, i32)> = c::table
            .filter(c::tenant_id.eq(tenant))
            .order(c::id)
            .select((
                c::id,
                c::user_id,
                c::admin_pinned,
                c::admin_deleted,
                c::admin_unread_message_count,
                c::member_unread_message_count,
                c::last_seq,
                c::last_message_time,
                c::last_message_content,
                c::last_message_content_type,
            ))
            .load(connection)?;
        let mut conversations = Vec::new();
        for (id, member, admin_pinned, admin_deleted, admin_unread, member_unread, last_seq, time, text, kind) in rows {
            let messages: Vec<(i64, i64, i32, i64, i32, String, bool, Option<String>, chrono::NaiveDateTime)> = m::table
                .filter(m::conversation_id.eq(id))
                .order(m::seq)
                .select((
                    m::id,
                    m::seq,
                    m::sender_type,
                    m::sender_id,
                    m::content_type,
                    m::content,
                    m::read_status,
                    m::client_message_id,
                    m::create_time,
                ))
                .load(connection)?;
            let messages = messages
                .into_iter()
                .map(|(id, seq, sender_type, sender_id, content_type, content, read, client_message_id, time)| {
                    let create_time = from_timestamp(time);
                    StoredMessage {
                        id,
                        seq,
                        sender_type,
                        sender_id,
                        content_type,
                        content,
                        read,
                        client_message_id,
                        create_time,
                    }
                })
                .collect();
            let last_message = (from_timestamp(time), text, kind);
            conversations.push(StoredConversation {
                id,
                tenant,
                member,
                admin_pinned,
                admin_deleted,
                admin_unread,
                member_unread,
                last_seq,
                last_message,
                messages,
            });
        }
        Ok(conversations)
    });
    let conversations = conversations.await.unwrap();
    let mut members: Vec<i64> = conversations.iter().map(|conversation| conversation.member).collect();
    members.sort_unstable();
    members.dedup();
    assert_eq!(members.len(), conversations.len(), "one conversation per member");
    conversations.iter().for_each(StoredConversation::is_sound);
    conversations
}

impl StoredConversation {
    fn is_sound(&self) {
        let messages = &self.messages;
        let seqs: Vec<i64> = messages.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, (1..=self.last_seq).collect::<Vec<_>>(), "seq starts at 1 and has no gaps: {self:?}");
        assert!(messages.is_sorted_by(|one, next| one.create_time < next.create_time), "createTime increases: {self:?}");

        let unread = |sender| messages.iter().filter(|message| message.sender_type == sender && !message.read).count();
        let counts = (usize::try_from(self.admin_unread).unwrap(), usize::try_from(self.member_unread).unwrap());
        assert_eq!(counts, (unread(1), unread(2)), "the counts equal the rows: {self:?}");

        if let Some(last) = messages.last() {
            let newest = (last.create_time, last.content.clone(), last.content_type);
            assert_eq!(self.last_message, newest, "the last message is the newest: {self:?}");
        }

        let mut ids: Vec<i64> = messages.iter().map(|message| message.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), messages.len(), "ids are unique");
        let mut repeats: Vec<(i32, i64, &String)> = messages
            .iter()
            .filter_map(|message| Some((message.sender_type, message.sender_id, message.client_message_id.as_ref()?)))
            .collect();
        let sent = repeats.len();
        repeats.sort_unstable();
        repeats.dedup();
        assert_eq!(repeats.len(), sent, "a clientMessageId is stored once: {self:?}");
    }
}
