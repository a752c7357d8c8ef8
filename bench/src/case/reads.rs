//! Case 10: what a client's reads cost the service and its database, in processor time.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;

use super::Context;
use crate::Result;
use crate::load::http::{self, Pace, Plan, Until};
use crate::peer::database::{Kind, Server};
use crate::peer::kefu::Kefu;
use crate::process::processor_time_with_children;
use crate::report::{Report, Samples, Unit, float, progress};

/// Conversations of the list, as many as a shop's console had when the list was first found slow.
const CONVERSATIONS: i64 = 1090;
/// Messages of the first conversation, a second apart.
const MESSAGES: i64 = 5000;
/// Calls that are under way at once.
const CONNECTIONS: usize = 2;

/// What is called: its name, and the path with its query.
const CALLS: [(&str, &str); 6] = [
    ("the newest page of a history (10)", "/kefu-message/list?conversationId=1"),
    // In the service's default time zone, Asia/Shanghai: the middle of the conversation.
    ("a page of a history before a time (10)", "/kefu-message/list?conversationId=1&createTime=2024-01-01%2008:41:40"),
    ("a page of a history before a seq (20)", "/kefu-message/list?conversationId=1&beforeSeq=2500&limit=20"),
    ("the whole list of 1,090 conversations", "/kefu-conversation/list"),
    ("the first page of the list (20)", "/kefu-conversation/list?limit=20"),
    ("one conversation", "/kefu-conversation/get?id=1"),
];

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    measure(context, report, None).await?;
    for kind in [Kind::MariaDb, Kind::PostgreSql] {
        measure(context, report, Some(Server::start(kind).await?)).await?;
    }
    Ok(())
}

async fn measure(context: &Context, report: &mut Report, server: Option<Server>) -> Result {
    let kefu = match &server {
        None => Kefu::start(&context.kefu, &[])?,
        Some(server) => Kefu::start(&context.kefu, &[("KEFU_DATABASE__URL", &server.empty().await?)])?,
    };
    match &server {
        None => Connection::open(kefu.database())?.execute_batch(&fill(None))?,
        Some(server) => server.execute(&fill(Some(server.kind))).await?,
    }
    let name = server.as_ref().map_or("SQLite", |server| server.kind.name());
    let mut service: [Samples; CALLS.len()] = Default::default();
    let mut database: [Samples; CALLS.len()] = Default::default();
    for round in 1..=context.rounds {
        for ((samples, others), (_, path)) in service.iter_mut().zip(&mut database).zip(CALLS) {
            let request = http::request("GET", &format!("/admin-api/promotion{path}"), Some(&kefu.admin), "");
            // Statements are prepared, and pages of the database read, before anything is counted.
            load(&kefu, &request, context.duration / 10).await?;
            let before = (kefu.child.processor_time()?, server_time(server.as_ref())?);
            let count = load(&kefu, &request, context.duration).await?;
            let after = (kefu.child.processor_time()?, server_time(server.as_ref())?);
            samples.push((after.0 - before.0).as_secs_f64() * 1e6 / count);
            others.push((after.1 - before.1).as_secs_f64() * 1e6 / count);
        }
        progress(&format!("reads on {name}, round {round} of {}", context.rounds));
    }
    for (index, (call, _)) in CALLS.iter().enumerate() {
        let case = format!("reads on {name}");
        let (Some(service), Some(database)) = (service.get(index), database.get(index)) else { continue };
        report.figure(&case, &format!("{call}: processor time of the service"), Unit::Microseconds, service);
        if server.is_some() {
            report.figure(&case, &format!("{call}: processor time of the database"), Unit::Microseconds, database);
        }
    }
    Ok(())
}

/// The processor time that the database's server has taken; none when it lives in the service.
fn server_time(server: Option<&Server>) -> Result<Duration> {
    server.map_or(Ok(Duration::ZERO), |server| processor_time_with_children(server.pid()?))
}

/// Calls for that long; returns how many were answered.
async fn load(kefu: &Kefu, request: &Bytes, duration: Duration) -> Result<f64> {
    let plan = Plan {
        address: kefu.address,
        connections: CONNECTIONS,
        requests: vec![request.clone()].into(),
        until: Until::Elapsed(duration),
        pace: Pace::Answers,
    };
    Ok(float(http::send(plan).await?.all_accepted()?.answers.len()))
}

/// Statements that fill a migrated, empty database: SQLite without a kind.
fn fill(kind: Option<Kind>) -> String {
    let numbers = |count: i64| match kind {
        None => {
            format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n")
        }
        Some(Kind::MariaDb) => format!("SELECT seq AS i FROM seq_1_to_{count}"),
        Some(Kind::PostgreSql) => format!("SELECT i FROM generate_series(1, {count}) AS i"),
    };
    let time = match kind {
        None => "strftime('%Y-%m-%d %H:%M:%f', 1704067200 + i, 'unixepoch')",
        Some(Kind::MariaDb) => "TIMESTAMPADD(SECOND, i, '2024-01-01 00:00:00')",
        Some(Kind::PostgreSql) => "TIMESTAMP '2024-01-01 00:00:00' + i * INTERVAL '1 second'",
    };
    let after = match kind {
        None | Some(Kind::PostgreSql) => "ANALYZE;",
        Some(Kind::MariaDb) => "ANALYZE TABLE kefu_conversation, kefu_message, kefu_member;",
    };
    let (members, messages) = (numbers(CONVERSATIONS), numbers(MESSAGES));
    // Of ten messages an agent, whose id is 1, has written four.
    format!(
        "INSERT INTO kefu_member (id, user_id, external_id, nickname, avatar, create_time, update_time, tenant_id)
         SELECT i, 100000 + i, CONCAT('', 100000 + i), CONCAT('会员', i), CONCAT('https://shop.example/avatar/', i, '.png'),
             {time}, {time}, 1 FROM ({members}) AS n;
         INSERT INTO kefu_conversation (id, user_id, last_message_time, last_message_content, last_message_content_type,
             last_seq, create_time, update_time, tenant_id)
         SELECT i, 100000 + i, {time}, '{{\"text\":\"请问这件衣服什么时候发货？\"}}', 1,
             CASE WHEN i = 1 THEN {MESSAGES} ELSE 0 END, {time}, {time}, 1 FROM ({members}) AS n;
         INSERT INTO kefu_message (id, conversation_id, seq, sender_id, sender_type, receiver_id, receiver_type,
             content_type, content, create_time, update_time, tenant_id)
         SELECT i, 1, i, CASE WHEN i % 10 < 4 THEN 1 ELSE 100001 END, CASE WHEN i % 10 < 4 THEN 2 ELSE 1 END,
             CASE WHEN i % 10 < 4 THEN 100001 END, CASE WHEN i % 10 < 4 THEN 1 END,
             1, CONCAT('{{\"text\":\"这是第', i, '条消息\"}}'), {time}, {time}, 1 FROM ({messages}) AS n;
         {after}"
    )
}
