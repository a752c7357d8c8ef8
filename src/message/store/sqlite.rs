//! The writer's statements on SQLite.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text, Timestamp};

use super::{NewRow, Repeat, RepeatKey, WriteMessages};
use crate::clock::to_timestamp;
use crate::conversation::Read;
use crate::db::values::{OverRows, row};
use crate::id::UserType;

row! {
    struct RepeatRow<'a> {
        conversation_id: i64 => BigInt,
        sender_type: i32 => Integer,
        sender_id: i64 => BigInt,
        client_message_id: &'a str => Text,
    }
}

row! {
    struct MessageRow<'a> {
        id: i64 => BigInt,
        conversation_id: i64 => BigInt,
        seq: i64 => BigInt,
        sender_id: i64 => BigInt,
        sender_type: i32 => Integer,
        receiver_id: i64 => BigInt,
        receiver_type: i32 => Integer,
        content_type: i32 => Integer,
        content: &'a str => Text,
        client_message_id: &'a str => Text,
        create_time: NaiveDateTime => Timestamp,
        tenant_id: i64 => BigInt,
    }
}

row! {
    struct ReadRow<'a> {
        conversation_id: i64 => BigInt,
        after_seq: i64 => BigInt,
        up_to_seq: i64 => BigInt,
        sender_type: i32 => Integer,
        update_time: NaiveDateTime => Timestamp,
    }
}

impl WriteMessages for SqliteConnection {
    fn find_repeats(&mut self, keys: &[RepeatKey<'_>]) -> QueryResult<Vec<Repeat>> {
        let rows = keys.iter().map(|&(conversation_id, sender_type, sender_id, client_message_id)| RepeatRow {
            conversation_id: Some(conversation_id),
            sender_type: Some(sender_type),
            sender_id: Some(sender_id),
            client_message_id: Some(client_message_id),
            ..RepeatRow::default()
        });
        let head = "SELECT m.id, m.conversation_id, m.sender_type, m.sender_id, m.client_message_id FROM";
        let tail = "CROSS JOIN kefu_message AS m WHERE m.conversation_id = v.column1 AND m.sender_type = v.column2 \
             AND m.sender_id = v.column3 AND m.client_message_id = v.column4";
        let found: Vec<(i64, i64, i32, i64, String)> =
            OverRows::<_, (BigInt, BigInt, Integer, BigInt, Text)>::new(head, rows.collect(), tail).load(self)?;
        Ok(found
            .into_iter()
            .map(|(id, conversation_id, sender_type, sender_id, client_message_id)| Repeat {
                id,
                conversation_id,
                sender_type,
                sender_id,
                client_message_id,
            })
            .collect())
    }

    fn insert(&mut self, rows: &[NewRow<'_>]) -> QueryResult<()> {
        let rows = rows.iter().map(|row| {
            let message = row.message;
            let to_member = message.sender.user_type == UserType::Admin;
            MessageRow {
                id: Some(row.id.get()),
                conversation_id: Some(row.conversation.get()),
                seq: Some(row.seq),
                sender_id: Some(message.sender.id.get()),
                sender_type: Some(message.sender.user_type.code()),
                receiver_id: to_member.then_some(row.member.get()),
                receiver_type: to_member.then_some(UserType::Member.code()),
                content_type: Some(message.content_type),
                content: Some(&message.content),
                client_message_id: message.client_message_id.as_deref(),
                create_time: Some(to_timestamp(row.create_time)),
                tenant_id: Some(message.tenant.get()),
                ..MessageRow::default()
            }
        });
        let head = "INSERT INTO kefu_message (id, conversation_id, seq, sender_id, sender_type, receiver_id, \
             receiver_type, content_type, content, client_message_id, create_time, tenant_id, creator, updater, \
             update_time) SELECT *, column4, column4, column11 FROM";
        OverRows::<_>::new(head, rows.collect(), "WHERE column1 IS NOT NULL").execute(self)?;
        Ok(())
    }

    fn mark_read(&mut self, reads: &[Read], now: NaiveDateTime) -> QueryResult<()> {
        let rows = reads.iter().map(|read| ReadRow {
            conversation_id: Some(read.conversation.get()),
            after_seq: Some(read.after_seq),
            up_to_seq: Some(read.up_to_seq),
            sender_type: Some(match read.reader {
                UserType::Admin => UserType::Member.code(),
                UserType::Member => UserType::Admin.code(),
            }),
            update_time: Some(now),
            ..ReadRow::default()
        });
        let head = "UPDATE kefu_message SET read_status = 1, update_time = v.column5 FROM";
        let tail = "WHERE kefu_message.conversation_id = v.column1 AND kefu_message.seq > v.column2 \
             AND kefu_message.seq <= v.column3 AND kefu_message.sender_type = v.column4 \
             AND kefu_message.read_status = 0";
        OverRows::<_>::new(head, rows.collect(), tail).execute(self)?;
        Ok(())
    }
}
