//! SQLite by the bare driver: the product's very statements in batches (the ceiling of its writer), a transaction per
//! send (what the naive endpoint does), and one durable commit.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use kefu::testing::db::{Backend, migrate};
use kefu::testing::statements::{Texts, texts};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::kefu::CONTENT;
use crate::Result;

/// The time as the product stores it.
#[expect(clippy::disallowed_methods, reason = "the bench has no clock that tests could set")]
fn now() -> String {
    chrono::Utc::now().format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// A new database with the product's tables and settings, and a conversation for each of the members `1..=members`.
pub(crate) fn create(file: &Path, members: i64) -> Result<Connection> {
    migrate(&mut Backend::Sqlite(file.to_owned()).open()?)?;
    let connection = open(file)?;
    let columns = [
        ("id", "i"),
        ("user_id", "i"),
        ("last_message_time", "?2"),
        ("last_message_content", "''"),
        ("last_message_content_type", "1"),
        ("create_time", "?2"),
        ("update_time", "?2"),
        ("tenant_id", "1"),
    ];
    connection.execute(&insert_numbered("kefu_conversation", &columns, "n"), params![members, now()])?;
    Ok(connection)
}

/// Inserts rows that are made of the numbers `i` from 1 to `?1`, which stand in the table `n`: each column beside its value.
pub(crate) fn insert_numbered(table: &str, columns: &[(&str, &str)], from: &str) -> String {
    let (names, values): (Vec<&str>, Vec<&str>) = columns.iter().copied().unzip();
    format!(
        "INSERT INTO {table} ({}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT {} FROM {from}",
        names.join(", "),
        values.join(", ")
    )
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
    let (advanced, inserted) = (product("conversation.store_advanced")?, product("message.insert")?);
    let of_conversation = advanced.columns().iter().map(|name| of_conversation(name)).collect::<Result<Vec<_>>>()?;
    let of_message = inserted.columns().iter().map(|name| of_message(name)).collect::<Result<Vec<_>>>()?;
    let mut lock = connection.prepare(&product("conversation.lock_by_members")?.sqlite(batch)?)?;
    let (mut advance, mut insert) =
        (connection.prepare(&advanced.sqlite(batch)?)?, connection.prepare(&inserted.sqlite(batch)?)?);
    let (id, member, last_seq) =
        (lock.column_index("id")?, lock.column_index("user_id")?, lock.column_index("last_seq")?);
    let step = i64::try_from(batch)?;
    let (mut next_id, mut sent) = (1, 0);
    let started = Instant::now();
    for conversations in batches.iter().cycle().take_while(|_| started.elapsed() < duration) {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let time = now();
        let keys = conversations.iter().flat_map(|conversation| [Value::from(1), Value::from(*conversation)]);
        let locked = lock.query_map(params_from_iter(keys), |row| {
            let (conversation, member, seq) = (row.get(id)?, row.get(member)?, row.get::<_, i64>(last_seq)? + 1);
            Ok(Sent { id: 0, conversation, member, seq, time: time.clone() })
        })?;
        let numbered = locked.zip(next_id..).map(|(sent, id)| Ok(Sent { id, ..sent? }));
        let rows = numbered.collect::<rusqlite::Result<Vec<Sent>>>()?;
        advance.execute(params_from_iter(rows.iter().flat_map(|row| of_conversation.iter().map(move |of| of(row)))))?;
        insert.execute(params_from_iter(rows.iter().flat_map(|row| of_message.iter().map(move |of| of(row)))))?;
        connection.execute_batch("COMMIT")?;
        next_id += step;
        sent += batch;
    }
    Ok(crate::report::float(sent) / started.elapsed().as_secs_f64())
}

/// A message that is sent.
struct Sent {
    id: i64,
    conversation: i64,
    member: i64,
    seq: i64,
    time: String,
}

/// How a statement's column gets its value.
type Field = fn(&Sent) -> Value;

/// One of the product's statements.
fn product(name: &str) -> Result<&'static Texts> {
    let found = texts().into_iter().find(|(known, _)| *known == name);
    found.map(|(_, texts)| texts).ok_or_else(|| format!("the product has no statement {name}").into())
}

/// The value of a column of `kefu_conversation` after a message.
fn of_conversation(column: &str) -> Result<Field> {
    Ok(match column {
        "id" => |sent| sent.conversation.into(),
        "last_seq" | "admin_unread_message_count" => |sent| sent.seq.into(),
        "last_message_time" | "update_time" => |sent| sent.time.clone().into(),
        "last_message_content" => |_| CONTENT.to_owned().into(),
        "last_message_content_type" => |_| 1.into(),
        "updater" => |sent| sent.member.into(),
        "admin_pinned"
        | "admin_deleted"
        | "member_unread_message_count"
        | "admin_read_seq"
        | "member_read_seq"
        | "marked_unread" => |_| 0.into(),
        other => return Err(format!("the bench has no value for kefu_conversation.{other}").into()),
    })
}

/// The value of a column of `kefu_message`.
fn of_message(column: &str) -> Result<Field> {
    Ok(match column {
        "id" => |sent| sent.id.into(),
        "conversation_id" => |sent| sent.conversation.into(),
        "seq" => |sent| sent.seq.into(),
        "sender_id" => |sent| sent.member.into(),
        "sender_type" | "content_type" | "tenant_id" => |_| 1.into(),
        "receiver_id" | "receiver_type" | "client_message_id" => |_| Value::Null,
        "content" => |_| CONTENT.to_owned().into(),
        "create_time" => |sent| sent.time.clone().into(),
        other => return Err(format!("the bench has no value for kefu_message.{other}").into()),
    })
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
