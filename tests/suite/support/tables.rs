//! What must hold in the tables whatever happened before.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use kefu::testing::db::Db;
use kefu::testing::db::schema::{kefu_conversation, kefu_message};

/// A stored message.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = kefu_message)]
pub(crate) struct StoredMessage {
    pub id: i64,
    pub seq: i64,
    pub sender_type: i32,
    pub sender_id: i64,
    pub content_type: i32,
    pub content: String,
    pub read_status: bool,
    pub client_message_id: Option<String>,
    pub create_time: NaiveDateTime,
}

/// A stored conversation.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = kefu_conversation)]
pub(crate) struct Row {
    pub id: i64,
    pub user_id: i64,
    pub admin_pinned: bool,
    pub admin_deleted: bool,
    pub marked_unread: bool,
    pub admin_unread_message_count: i32,
    pub member_unread_message_count: i32,
    pub last_seq: i64,
    pub last_message_time: NaiveDateTime,
    pub last_message_content: String,
    pub last_message_content_type: i32,
}

/// A conversation with all its messages, the oldest first.
#[derive(Clone, Debug)]
pub(crate) struct StoredConversation {
    pub row: Row,
    pub messages: Vec<StoredMessage>,
}

/// Reads a tenant's conversations and asserts invariants 3 to 6 on each.
pub(crate) async fn sound_conversations(db: &Db, tenant: i64) -> Vec<StoredConversation> {
    let conversations = db.run(move |connection| {
        let rows: Vec<Row> = kefu_conversation::table
            .filter(kefu_conversation::tenant_id.eq(tenant))
            .order(kefu_conversation::id)
            .select(Row::as_select())
            .load(connection)?;
        let mut conversations = Vec::new();
        for row in rows {
            let messages = kefu_message::table
                .filter(kefu_message::conversation_id.eq(row.id))
                .order(kefu_message::seq)
                .select(StoredMessage::as_select())
                .load(connection)?;
            conversations.push(StoredConversation { row, messages });
        }
        Ok(conversations)
    });
    let conversations = conversations.await.unwrap();
    let mut members: Vec<i64> = conversations.iter().map(|conversation| conversation.row.user_id).collect();
    members.sort_unstable();
    members.dedup();
    assert_eq!(members.len(), conversations.len(), "one conversation per member");
    conversations.iter().for_each(StoredConversation::assert_sound);
    conversations
}

impl StoredConversation {
    fn assert_sound(&self) {
        let Self { row, messages } = self;
        let seqs: Vec<i64> = messages.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, (1..=row.last_seq).collect::<Vec<_>>(), "seq starts at 1 and has no gaps: {self:?}");
        assert!(
            messages.is_sorted_by(|one, next| one.create_time < next.create_time),
            "createTime increases: {self:?}"
        );

        let unread = |sender| messages.iter().filter(|one| one.sender_type == sender && !one.read_status).count();
        let counts = [row.admin_unread_message_count, row.member_unread_message_count].map(usize::try_from);
        assert_eq!(counts, [Ok(unread(1)), Ok(unread(2))], "the counts equal the rows: {self:?}");

        if let Some(last) = messages.last() {
            assert_eq!(row.last_message_time, last.create_time, "the time is the newest: {self:?}");
        }
        // A toast is not what lists show.
        if let Some(last) = messages.iter().rfind(|message| message.sender_id != 0) {
            let shown = (&row.last_message_content, row.last_message_content_type);
            assert_eq!(shown, (&last.content, last.content_type), "the last message is the newest: {self:?}");
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
