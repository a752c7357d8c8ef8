//! SQLite by the bare driver: the product's very statements in batches (the ceiling of its writer), a transaction per
//! send (what the naive endpoint does), and one durable commit.
//!
//! The statements are those of src/conversation/store/statements.rs and src/message/store/statements.rs and change with them.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::kefu::CONTENT;
use crate::Result;

const SCHEMA: &str = concat!(
    include_str!("../../../migrations/sqlite/00000000000001_initial/up.sql"),
    include_str!("../../../migrations/sqlite/00000000000005_marked_unread/up.sql")
);

const LOCK: &str = "SELECT c.id, c.tenant_id, c.user_id, c.last_seq, c.last_message_time, c.admin_pinned, c.admin_deleted, \
     c.admin_unread_message_count, c.member_unread_message_count, c.admin_read_seq, c.member_read_seq, c.marked_unread FROM";
const LOCK_TAIL: &str = "CROSS JOIN kefu_conversation AS c WHERE c.tenant_id = v.column1 AND c.user_id = v.column2";
const ADVANCE: &str = "UPDATE OR FAIL kefu_conversation SET last_seq = v.column2, last_message_time = v.column3, \
     last_message_content = v.column4, last_message_content_type = v.column5, admin_pinned = v.column6, \
     admin_deleted = v.column7, user_deleted = 0, admin_unread_message_count = v.column8, \
     member_unread_message_count = v.column9, admin_read_seq = v.column10, member_read_seq = v.column11, \
     updater = v.column12, update_time = v.column13, marked_unread = v.column14 FROM";
const ADVANCE_TAIL: &str = "WHERE kefu_conversation.id = v.column1";
const INSERT: &str = "INSERT OR FAIL INTO kefu_message (id, conversation_id, seq, sender_id, sender_type, receiver_id, \
     receiver_type, content_type, content, client_message_id, create_time, tenant_id, creator, updater, \
     update_time) SELECT *, column4, column4, column11 FROM";
const INSERT_TAIL: &str = "WHERE column1 IS NOT NULL";

/// The time as the product stores it.
#[expect(clippy::disallowed_methods, reason = "the bench has no clock that tests could set")]
fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// A new database with the product's tables and settings, and a conversation for each of the members `1..=members`.
pub(crate) fn create(file: &Path, members: i64) -> Result<Connection> {
    let connection = open(file)?;
    connection.execute_batch(SCHEMA)?;
    connection.execute(
        "INSERT INTO kefu_conversation (id, user_id, last_message_time, last_message_content, last_message_content_type, \
         create_time, update_time, tenant_id) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT i, i, ?2, '', 1, ?2, ?2, 1 FROM n",
        params![members, now()],
    )?;
    Ok(connection)
}

/// Opens a database as the product does, but for checkpoints: with one thread they come inside commits, as by default.
pub(crate) fn open(file: &Path) -> Result<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
         PRAGMA cache_size = -1000; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// The number that a query of a database in use gives.
pub(crate) fn number(file: &Path, sql: &str) -> Result<u64> {
    let number: i64 = Connection::open(file)?.query_row(sql, [], |row| row.get(0))?;
    Ok(u64::try_from(number)?)
}

/// The conversations of a product's messages but for their first ones, in the order in which they were stored.
pub(crate) fn order(file: &Path) -> Result<Vec<i64>> {
    let connection = Connection::open(file)?;
    let mut query = connection.prepare("SELECT conversation_id FROM kefu_message WHERE seq > 1 ORDER BY id")?;
    Ok(query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Messages per second in batches of `batch` by the product's statements, each batch one transaction. They go to the
/// conversations of `order` one after the other, and again from the beginning: which pages a batch changes is most of its
/// cost, and neighbours share theirs.
pub(crate) fn ceiling(file: &Path, order: &[i64], batch: usize, duration: Duration) -> Result<f64> {
    let connection = create(file, order.iter().copied().max().unwrap_or_default())?;
    // Two rows of one conversation would get the same `seq`; the senders hardly ever come to that.
    let distinct = |batch: &&[i64]| batch.iter().collect::<HashSet<_>>().len() == batch.len();
    let batches: Vec<&[i64]> = order.chunks_exact(batch).filter(distinct).collect();
    if batches.is_empty() {
        return Err("the product has stored less than a batch".into());
    }
    let (lock, advance, insert) = (
        over_rows(LOCK, 2, batch, LOCK_TAIL),
        over_rows(ADVANCE, 14, batch, ADVANCE_TAIL),
        over_rows(INSERT, 12, batch, INSERT_TAIL),
    );
    let (mut lock, mut advance, mut insert) =
        (connection.prepare(&lock)?, connection.prepare(&advance)?, connection.prepare(&insert)?);
    let step = i64::try_from(batch)?;
    let (mut next_id, mut sent) = (1, 0);
    let started = Instant::now();
    for conversations in batches.iter().cycle().take_while(|_| started.elapsed() < duration) {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let time = now();
        let keys = conversations.iter().flat_map(|conversation| [Value::from(1), Value::from(*conversation)]);
        let locked: Vec<(i64, i64, i64)> = lock
            .query_map(params_from_iter(keys), |row| Ok((row.get(0)?, row.get(2)?, row.get(3)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let rows = locked.iter().flat_map(|&(id, member, seq)| {
            let numbers = [id, seq + 1].map(Value::from);
            let last = [Value::from(time.clone()), Value::from(CONTENT.to_owned()), Value::from(1)];
            let marks = [0, 0, seq + 1, 0, 0, 0, member].map(Value::from);
            numbers.into_iter().chain(last).chain(marks).chain([Value::from(time.clone()), Value::from(0)])
        });
        advance.execute(params_from_iter(rows))?;
        let rows = locked.iter().zip(next_id..).flat_map(|(&(conversation, member, seq), id)| {
            let numbers = [id, conversation, seq + 1, member, 1].map(Value::from);
            let receiver = [Value::Null, Value::Null];
            let content = [Value::from(1), Value::from(CONTENT.to_owned()), Value::Null];
            numbers.into_iter().chain(receiver).chain(content).chain([Value::from(time.clone()), Value::from(1)])
        });
        insert.execute(params_from_iter(rows))?;
        connection.execute_batch("COMMIT")?;
        next_id += step;
        sent += batch;
    }
    Ok(crate::report::float(sent) / started.elapsed().as_secs_f64())
}

/// `head (VALUES (?, …), …) AS v tail`
fn over_rows(head: &str, columns: usize, rows: usize, tail: &str) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    let mut sql = head.to_owned();
    // Writing to a string does not fail.
    let _ = write!(sql, " (VALUES {}) AS v {tail}", vec![row; rows].join(", "));
    sql
}

/// Stores one message in a transaction of its own, as one would without a thought of batches; returns its id.
pub(crate) fn send_one(connection: &mut Connection, member: i64, content_type: i32, content: &str) -> Result<u64> {
    let time = now();
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let (conversation, seq): (i64, i64) = transaction
        .prepare_cached("SELECT id, last_seq + 1 FROM kefu_conversation WHERE tenant_id = 1 AND user_id = ?")?
        .query_row([member], |row| Ok((row.get(0)?, row.get(1)?)))?;
    transaction
        .prepare_cached(
            "UPDATE kefu_conversation SET last_seq = ?2, last_message_time = ?3, last_message_content = ?4, \
             last_message_content_type = ?5, admin_deleted = 0, user_deleted = 0, \
             admin_unread_message_count = admin_unread_message_count + 1, updater = ?6, update_time = ?3 WHERE id = ?1",
        )?
        .execute(params![conversation, seq, time, content, content_type, member])?;
    transaction
        .prepare_cached(
            "INSERT INTO kefu_message (conversation_id, seq, sender_id, sender_type, content_type, content, create_time, \
             tenant_id, creator, updater, update_time) VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, 1, ?3, ?3, ?6)",
        )?
        .execute(params![conversation, seq, member, content_type, content, time])?;
    let id = transaction.last_insert_rowid();
    transaction.commit()?;
    Ok(id.unsigned_abs())
}

/// How long durable commits of one message each take, one every `pace`.
pub(crate) fn commits(file: &Path, count: usize, pace: Duration) -> Result<Vec<Duration>> {
    let mut connection = create(file, 1000)?;
    let mut due = Instant::now();
    (0..count)
        .map(|index| {
            due += pace;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let started = Instant::now();
            send_one(&mut connection, i64::try_from(index % 1000)? + 1, 1, CONTENT)?;
            Ok(started.elapsed())
        })
        .collect()
}
