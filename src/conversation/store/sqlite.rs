//! The writer's statements on SQLite, where the running write transaction is the lock.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Text, Timestamp};

use super::{Conversation, LastMessage, LockedRow, WriteConversations, from_locked};
use crate::clock::to_timestamp;
use crate::db::values::{OverRows, row};
use crate::id::{ConversationId, TenantId, UserId};

type Locked = (BigInt, BigInt, BigInt, BigInt, Timestamp, Bool, Bool, Integer, Integer, BigInt, BigInt);

const LOCK: &str = "SELECT c.id, c.tenant_id, c.user_id, c.last_seq, c.last_message_time, c.admin_pinned, c.admin_deleted, \
     c.admin_unread_message_count, c.member_unread_message_count, c.admin_read_seq, c.member_read_seq FROM";

row! {
    struct MemberRow<'a> {
        tenant_id: i64 => BigInt,
        user_id: i64 => BigInt,
    }
}

row! {
    struct IdRow<'a> {
        id: i64 => BigInt,
    }
}

row! {
    struct NewRow<'a> {
        id: i64 => BigInt,
        tenant_id: i64 => BigInt,
        user_id: i64 => BigInt,
        create_time: NaiveDateTime => Timestamp,
    }
}

row! {
    struct AdvancedRow<'a> {
        id: i64 => BigInt,
        last_seq: i64 => BigInt,
        last_message_time: NaiveDateTime => Timestamp,
        last_message_content: &'a str => Text,
        last_message_content_type: i32 => Integer,
        admin_pinned: bool => Bool,
        admin_deleted: bool => Bool,
        admin_unread_message_count: i32 => Integer,
        member_unread_message_count: i32 => Integer,
        admin_read_seq: i64 => BigInt,
        member_read_seq: i64 => BigInt,
        updater: i64 => BigInt,
        update_time: NaiveDateTime => Timestamp,
    }
}

row! {
    struct MarksRow<'a> {
        id: i64 => BigInt,
        admin_pinned: bool => Bool,
        admin_deleted: bool => Bool,
        admin_unread_message_count: i32 => Integer,
        member_unread_message_count: i32 => Integer,
        admin_read_seq: i64 => BigInt,
        member_read_seq: i64 => BigInt,
        update_time: NaiveDateTime => Timestamp,
    }
}

impl WriteConversations for SqliteConnection {
    fn lock_by_members(&mut self, members: &[(TenantId, UserId)]) -> QueryResult<Vec<Conversation>> {
        let rows = members.iter().map(|(tenant, user)| MemberRow {
            tenant_id: Some(tenant.get()),
            user_id: Some(user.get()),
            ..MemberRow::default()
        });
        let tail = "CROSS JOIN kefu_conversation AS c WHERE c.tenant_id = v.column1 AND c.user_id = v.column2";
        let rows: Vec<LockedRow> = OverRows::<_, Locked>::new(LOCK, rows.collect(), tail).load(self)?;
        Ok(rows.into_iter().map(from_locked).collect())
    }

    fn lock_by_ids(&mut self, ids: &[ConversationId]) -> QueryResult<Vec<Conversation>> {
        let rows = ids.iter().map(|id| IdRow { id: Some(id.get()), ..IdRow::default() });
        let tail = "CROSS JOIN kefu_conversation AS c WHERE c.id = v.column1";
        let rows: Vec<LockedRow> = OverRows::<_, Locked>::new(LOCK, rows.collect(), tail).load(self)?;
        Ok(rows.into_iter().map(from_locked).collect())
    }

    fn create(&mut self, conversations: &[Conversation], now: NaiveDateTime) -> QueryResult<()> {
        let rows = conversations.iter().map(|conversation| NewRow {
            id: Some(conversation.id.get()),
            tenant_id: Some(conversation.tenant.get()),
            user_id: Some(conversation.member.get()),
            create_time: Some(now),
            ..NewRow::default()
        });
        let head = "INSERT INTO kefu_conversation (id, tenant_id, user_id, creator, create_time, update_time, \
             last_message_time, last_message_content, last_message_content_type) \
             SELECT column1, column2, column3, column3, column4, column4, column4, '', 1 FROM";
        let tail = "WHERE column1 IS NOT NULL ON CONFLICT (tenant_id, user_id) DO NOTHING";
        OverRows::<_>::new(head, rows.collect(), tail).execute(self)?;
        Ok(())
    }

    fn store_advanced(
        &mut self,
        conversations: &[(&Conversation, LastMessage<'_>)],
        now: NaiveDateTime,
    ) -> QueryResult<()> {
        let rows = conversations.iter().map(|(conversation, last)| AdvancedRow {
            id: Some(conversation.id.get()),
            last_seq: Some(conversation.last_seq),
            last_message_time: Some(to_timestamp(conversation.last_message_time)),
            last_message_content: Some(last.content),
            last_message_content_type: Some(last.content_type),
            admin_pinned: Some(conversation.admin_pinned),
            admin_deleted: Some(conversation.admin_deleted),
            admin_unread_message_count: Some(conversation.admin_unread_count),
            member_unread_message_count: Some(conversation.member_unread_count),
            admin_read_seq: Some(conversation.admin_read_seq),
            member_read_seq: Some(conversation.member_read_seq),
            updater: Some(last.sender.get()),
            update_time: Some(now),
            ..AdvancedRow::default()
        });
        let head = "UPDATE kefu_conversation SET last_seq = v.column2, last_message_time = v.column3, \
             last_message_content = v.column4, last_message_content_type = v.column5, admin_pinned = v.column6, \
             admin_deleted = v.column7, user_deleted = 0, admin_unread_message_count = v.column8, \
             member_unread_message_count = v.column9, admin_read_seq = v.column10, member_read_seq = v.column11, \
             updater = v.column12, update_time = v.column13 FROM";
        let tail = "WHERE kefu_conversation.id = v.column1";
        OverRows::<_>::new(head, rows.collect(), tail).execute(self)?;
        Ok(())
    }

    fn store_marks(&mut self, conversations: &[&Conversation], now: NaiveDateTime) -> QueryResult<()> {
        let rows = conversations.iter().map(|conversation| MarksRow {
            id: Some(conversation.id.get()),
            admin_pinned: Some(conversation.admin_pinned),
            admin_deleted: Some(conversation.admin_deleted),
            admin_unread_message_count: Some(conversation.admin_unread_count),
            member_unread_message_count: Some(conversation.member_unread_count),
            admin_read_seq: Some(conversation.admin_read_seq),
            member_read_seq: Some(conversation.member_read_seq),
            update_time: Some(now),
            ..MarksRow::default()
        });
        let head = "UPDATE kefu_conversation SET admin_pinned = v.column2, admin_deleted = v.column3, \
             admin_unread_message_count = v.column4, member_unread_message_count = v.column5, \
             admin_read_seq = v.column6, member_read_seq = v.column7, update_time = v.column8 FROM";
        let tail = "WHERE kefu_conversation.id = v.column1";
        OverRows::<_>::new(head, rows.collect(), tail).execute(self)?;
        Ok(())
    }
}
