//! SQL of a yudao database, which is only read: the session itself refuses to write.
//!
//! Columns are cast, because forks have other types: a bit or a number, a date with or without a fraction, null or not.

use std::collections::{HashMap, HashSet};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::account::imported::ImportedUser;
use crate::db::{AnyConnection, Backend};

const CONVERSATION: &str = "promotion_kefu_conversation";
const MESSAGE: &str = "promotion_kefu_message";
const MEMBER: &str = "member_user";
const ADMIN: &str = "system_users";

/// The columns that must be there.
const NEEDED: [(&str, &[&str]); 2] = [
    (CONVERSATION, &["id", "user_id", "admin_pinned", "user_deleted", "admin_deleted", "deleted"]),
    (
        MESSAGE,
        &[
            "id",
            "conversation_id",
            "sender_id",
            "sender_type",
            "content_type",
            "content",
            "read_status",
            "create_time",
            "deleted",
        ],
    ),
];

/// A connection to a yudao database.
pub(in crate::import) struct Source {
    connection: AnyConnection,
    has_tenants: bool,
    has_members: bool,
    has_admins: bool,
}

/// A message without its text.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub(in crate::import) struct HeadRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub conversation_id: i64,
    /// Milliseconds since 1970 on the clock there.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub local_ms: Option<i64>,
    #[diesel(sql_type = BigInt)]
    pub deleted: i64,
}

/// A conversation.
#[derive(Clone, Copy, Debug, QueryableByName)]
pub(in crate::import) struct ConversationRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub user_id: i64,
    #[diesel(sql_type = BigInt)]
    pub tenant: i64,
    #[diesel(sql_type = BigInt)]
    pub admin_pinned: i64,
    #[diesel(sql_type = BigInt)]
    pub user_deleted: i64,
    #[diesel(sql_type = BigInt)]
    pub admin_deleted: i64,
    #[diesel(sql_type = BigInt)]
    pub deleted: i64,
}

/// What a message says.
#[derive(Clone, Debug, QueryableByName)]
pub(in crate::import) struct MessageRow {
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    #[diesel(sql_type = BigInt)]
    pub sender_id: i64,
    #[diesel(sql_type = BigInt)]
    pub sender_type: i64,
    #[diesel(sql_type = BigInt)]
    pub content_type: i64,
    #[diesel(sql_type = Nullable<Text>)]
    pub content: Option<String>,
    #[diesel(sql_type = BigInt)]
    pub read_status: i64,
}

#[derive(QueryableByName)]
struct UserRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Nullable<Text>)]
    username: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    nickname: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    avatar: Option<String>,
}

#[derive(QueryableByName)]
struct ColumnRow {
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    named: String,
}

/// A column as a number, bits too; null is 0.
fn number(column: &str) -> String {
    format!("CAST(COALESCE({column} + 0, 0) AS SIGNED) AS {column}")
}

impl Source {
    /// Connects and looks whether everything is there.
    ///
    /// # Errors
    /// One line for the operator, without the password.
    pub(in crate::import) fn open(url: &str) -> Result<Self, String> {
        if !url.starts_with("mysql://") {
            return Err("--from: must be mysql://user:password@host:port/database".into());
        }
        let backend = Backend::parse(url).map_err(|error| error.replacen("database.url", "--from", 1))?;
        let mut connection = backend.connect().map_err(fault)?;
        connection.batch_execute("SET SESSION TRANSACTION READ ONLY").map_err(fault)?;
        let columns = format!(
            "SELECT LOWER(table_name) AS of_table, LOWER(column_name) AS named FROM information_schema.columns
             WHERE table_schema = DATABASE() AND table_name IN ('{CONVERSATION}', '{MESSAGE}', '{MEMBER}', '{ADMIN}')"
        );
        let columns: Vec<ColumnRow> = diesel::sql_query(columns).load(&mut connection).map_err(fault)?;
        let columns: HashSet<(&str, &str)> =
            columns.iter().map(|row| (row.of_table.as_str(), row.named.as_str())).collect();
        for (table, needed) in NEEDED {
            if !columns.iter().any(|(of, _)| *of == table) {
                return Err(format!("--from: the database has no table {table}, or this user may not read it"));
            }
            if let Some(missing) = needed.iter().find(|column| !columns.contains(&(table, **column))) {
                return Err(format!("--from: the table {table} has no column {missing}"));
            }
        }
        let has = |table, needed: &[&str]| needed.iter().all(|column| columns.contains(&(table, *column)));
        let has_tenants = has(CONVERSATION, &["tenant_id"]);
        let has_members = has(MEMBER, &["id", "nickname", "avatar"]);
        let has_admins = has(ADMIN, &["id", "username", "nickname", "avatar"]);
        Ok(Self { connection, has_tenants, has_members, has_admins })
    }

    /// Messages above an id, deleted ones too: one read along the primary key.
    pub(in crate::import) fn heads(&mut self, after: i64, limit: usize) -> Result<Vec<HeadRow>, String> {
        // The difference knows no time zone, and is null for MySQL's date of zeros. `id` alone would be the column of the
        // result, which no index has: each read would sort all that is left.
        let query = format!(
            "SELECT CAST(id AS SIGNED) AS id, {}, {},
                    CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', create_time) DIV 1000 AS SIGNED) AS local_ms
             FROM {MESSAGE} WHERE id > {after} ORDER BY {MESSAGE}.id LIMIT {limit}",
            number("conversation_id"),
            number("deleted"),
        );
        diesel::sql_query(query).load(&mut self.connection).map_err(fault)
    }

    /// Conversations above an id, deleted ones too: one read along the primary key.
    pub(in crate::import) fn conversations(
        &mut self,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ConversationRow>, String> {
        let tenant = if self.has_tenants { "COALESCE(tenant_id, 0)" } else { "0" };
        let query = format!(
            "SELECT CAST(id AS SIGNED) AS id, {}, CAST({tenant} AS SIGNED) AS tenant, {}, {}, {}, {}
             FROM {CONVERSATION} WHERE id > {after} ORDER BY {CONVERSATION}.id LIMIT {limit}",
            number("user_id"),
            number("admin_pinned"),
            number("user_deleted"),
            number("admin_deleted"),
            number("deleted"),
        );
        diesel::sql_query(query).load(&mut self.connection).map_err(fault)
    }

    /// What these messages say, by their ids; without those that are deleted by now.
    pub(in crate::import) fn messages(
        &mut self,
        ids: impl Iterator<Item = i64>,
    ) -> Result<HashMap<i64, MessageRow>, String> {
        let query = format!(
            "SELECT CAST(id AS SIGNED) AS id, {}, {}, {}, {}, content FROM {MESSAGE}
             WHERE COALESCE(deleted + 0, 0) = 0 AND id IN ({})",
            number("sender_id"),
            number("sender_type"),
            number("content_type"),
            number("read_status"),
            list(ids),
        );
        let rows: Vec<MessageRow> = diesel::sql_query(query).load(&mut self.connection).map_err(fault)?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }

    /// These members, as far as they are there, deleted or not: their messages are not.
    pub(in crate::import) fn members(&mut self, ids: &[i64]) -> Result<HashMap<i64, ImportedUser>, String> {
        if self.has_members { self.users(MEMBER, "NULL", ids) } else { Ok(HashMap::new()) }
    }

    /// These admins, in the same way.
    pub(in crate::import) fn admins(&mut self, ids: &[i64]) -> Result<HashMap<i64, ImportedUser>, String> {
        if self.has_admins { self.users(ADMIN, "username", ids) } else { Ok(HashMap::new()) }
    }

    fn users(&mut self, table: &str, username: &str, ids: &[i64]) -> Result<HashMap<i64, ImportedUser>, String> {
        let query = format!(
            "SELECT CAST(id AS SIGNED) AS id, CAST({username} AS CHAR) AS username, nickname, avatar FROM {table}
             WHERE id IN ({})",
            list(ids.iter().copied()),
        );
        let rows: Vec<UserRow> = diesel::sql_query(query).load(&mut self.connection).map_err(fault)?;
        Ok(rows
            .into_iter()
            .map(|UserRow { id, username, nickname, avatar }| (id, ImportedUser { username, nickname, avatar }))
            .collect())
    }
}

fn list(ids: impl Iterator<Item = i64>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(",")
}

fn fault(error: impl std::fmt::Display) -> String {
    format!("--from: cannot read the yudao database: {error}")
}
