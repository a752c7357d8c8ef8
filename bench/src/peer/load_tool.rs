//! A transaction per send by the load tools that come with the servers: pgbench with prepared statements, mariadb-slap with
//! plain ones, since it knows no others. Nothing is parsed, verified or delivered.

use std::time::Duration;

use super::database::{DATABASE, Kind, Server, output};
use super::kefu::CONTENT;
use crate::report::float_u64;
use crate::{Result, check, process};

/// Connections, each always in use.
const CONNECTIONS: u32 = 16;
/// Members, each with a conversation.
const MEMBERS: u64 = 1000;
/// Takes one of the [`MEMBERS`] in MariaDB's SQL.
const RANDOM_MEMBER: &str = "CAST(FLOOR(1 + 1000 * RAND()) AS SIGNED)";
/// Statements of one send.
const STATEMENTS: u64 = 5;
/// Sends of each connection that show how many make a run.
const TRIAL: u64 = 50;

/// Transactions per second on this server, in a database of its own.
///
/// # Errors
/// When one fails, or what is stored is not what was sent.
pub(crate) async fn sends(server: &Server, duration: Duration) -> Result<f64> {
    server.prepare(MEMBERS).await?;
    let folder = process::folder()?;
    let script = folder.path().join("send.sql");
    std::fs::write(&script, transaction(server.kind))?;
    let script = script.to_string_lossy();
    let (sent, rate) = match server.kind {
        Kind::MariaDb => {
            let trial = slap(server, &script, TRIAL).await?;
            let each = (trial * duration.as_secs_f64() / f64::from(CONNECTIONS)).max(1.0);
            #[expect(
                clippy::as_conversions,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count"
            )]
            let each = each as u64;
            ((TRIAL + each) * u64::from(CONNECTIONS), slap(server, &script, each).await?)
        }
        Kind::PostgreSql => pgbench(server, &script, duration).await?,
    };
    check::stored(async |sql| server.number(sql).await, sent).await?;
    Ok(rate)
}

/// One send by a member taken at random. mariadb-slap takes none by itself, so each transaction takes the next one's.
fn transaction(kind: Kind) -> String {
    let (begin, sign) = match kind {
        Kind::MariaDb => (
            format!(
                "BEGIN;
                 SELECT id, last_seq + 1, user_id, {RANDOM_MEMBER} INTO @conversation, @seq, @sender, @member
                 FROM kefu_conversation WHERE tenant_id = 1 AND user_id = @member FOR UPDATE;"
            ),
            '@',
        ),
        Kind::PostgreSql => (
            format!(
                "\\set member random(1, {MEMBERS})
                 BEGIN;
                 SELECT id AS conversation, last_seq + 1 AS seq, user_id AS sender
                 FROM kefu_conversation WHERE tenant_id = 1 AND user_id = :member FOR UPDATE \\gset"
            ),
            ':',
        ),
    };
    format!(
        "{begin}
         UPDATE kefu_conversation SET last_seq = {sign}seq, last_message_time = LOCALTIMESTAMP(3),
             last_message_content = '{CONTENT}', last_message_content_type = 1, admin_deleted = FALSE,
             user_deleted = FALSE, admin_unread_message_count = admin_unread_message_count + 1,
             updater = {sign}sender, update_time = LOCALTIMESTAMP(3) WHERE id = {sign}conversation;
         INSERT INTO kefu_message (conversation_id, seq, sender_id, sender_type, content_type, content, create_time,
             tenant_id, creator, updater, update_time)
         VALUES ({sign}conversation, {sign}seq, {sign}sender, 1, 1, '{CONTENT}', LOCALTIMESTAMP(3),
             1, {sign}sender, {sign}sender, LOCALTIMESTAMP(3));
         COMMIT;"
    )
}

/// Sends per second, `each` of them on every connection. mariadb-slap counts statements and knows no time.
async fn slap(server: &Server, script: &str, each: u64) -> Result<f64> {
    let sends = each * u64::from(CONNECTIONS);
    let mut command = server.tool("mariadb-slap")?;
    command
        .args(["--no-drop", "--csv", "--delimiter=;", "--create-schema", DATABASE, "--query", script])
        .arg(format!("--init-command=SET NAMES utf8mb4, @member = {RANDOM_MEMBER}"))
        .arg(format!("--concurrency={CONNECTIONS}"))
        .arg(format!("--number-of-queries={}", sends * STATEMENTS));
    // Engine, kind of load, then the mean, shortest and longest time of the runs, here one, in seconds.
    let printed = output(command, "").await?;
    let seconds: f64 = printed.split(',').nth(2).ok_or("mariadb-slap has printed no time")?.parse()?;
    Ok(float_u64(sends) / seconds)
}

/// How many transactions it has run, and how many per second.
async fn pgbench(server: &Server, script: &str, duration: Duration) -> Result<(u64, f64)> {
    let mut command = server.tool("pgbench")?;
    command
        .args(["--no-vacuum", "--protocol=prepared", "--file", script])
        .arg(format!("--client={CONNECTIONS}"))
        .arg(format!("--time={}", duration.as_secs().max(1)))
        .arg(DATABASE);
    let printed = output(command, "").await?;
    let number = |before: &str| {
        let (_, rest) = printed.split_once(before)?;
        rest.split_whitespace().next()
    };
    let sent = number("number of transactions actually processed: ").ok_or("pgbench has printed no count")?.parse()?;
    Ok((sent, number("tps = ").ok_or("pgbench has printed no rate")?.parse()?))
}
