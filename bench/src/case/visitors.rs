//! Case 11: visitors of a site who all write at once. What a page costs that only asks for the widget's configuration, how
//! long a visitor's first message takes (the visitor, a login, a conversation and the message), and that each visitor, who
//! opens a socket afterwards, gets the answer.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::Connection as Database;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::Context;
use crate::load::http::{self, Connection, Pace, Plan, Until};
use crate::load::on_own_thread;
use crate::load::socket::Listeners;
use crate::peer::kefu::{BODY, Kefu, SEND};
use crate::report::{Report, Samples, Unit, float, millis, progress, quantile};
use crate::{Result, check};

/// Visitors, each on a connection of its own.
const VISITORS: usize = 1000;
/// Connections that ask for the configuration, and those of the admin who answers.
const CONNECTIONS: usize = 16;
/// No limit for the one address that all visitors come from.
const SETTINGS: [(&str, &str); 3] = [
    ("KEFU_LIMITS__VISITORS_PER_MINUTE", "0"),
    ("KEFU_LIMITS__FIRST_MESSAGES_PER_MINUTE_AND_ADDRESS", "0"),
    ("KEFU_LIMITS__WIDGET_CONFIGS_PER_MINUTE_AND_ADDRESS", "0"),
];
/// A channel for pages without an `Origin`, as these visitors have none.
const CHANNEL: &str = r#"{"kind":"web","name":"bench","settings":{"allowNoOrigin":true}}"#;

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let [mut page, mut p50, mut p99, mut visitor, mut socket, mut answered] =
        std::array::from_fn(|_| Samples::default());
    for round in 1..=context.rounds {
        let mut figures = measure(&context.kefu, VISITORS).await?;
        page.push(micros(figures.pages) / float(VISITORS));
        p50.push(quantile(&mut figures.first_messages, 0.5));
        p99.push(quantile(&mut figures.first_messages, 0.99));
        visitor.push(micros(figures.visitors) / float(VISITORS));
        socket.push(figures.sockets / float(VISITORS));
        answered.push(millis(figures.answers));
        progress(&format!("visitors, round {round} of {}", context.rounds));
    }
    let case = format!("visitors, {VISITORS} at once");
    report.figure(&case, "a page that nobody writes from: processor time", Unit::Microseconds, &page);
    report.figure(&case, "a first message, from the request for a visitor to its id: p50", Unit::Milliseconds, &p50);
    report.figure(&case, "the same, p99", Unit::Milliseconds, &p99);
    report.figure(&case, "the same: processor time", Unit::Microseconds, &visitor);
    report.figure(&case, "memory for each visitor's socket", Unit::KiB, &socket);
    report.figure(&case, "an admin answers them all, up to the last frame", Unit::Milliseconds, &answered);
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// What was measured of so many visitors.
pub(super) struct Figures {
    /// Processor time of all configurations.
    pages: Duration,
    /// How long each first message took, in milliseconds.
    first_messages: Vec<f64>,
    /// Processor time of all first messages.
    visitors: Duration,
    /// What all sockets take, in KiB.
    sockets: f64,
    /// From the first answer's request to the last frame.
    answers: Duration,
}

/// Lets so many visitors come, write, open a socket and get an answer.
///
/// # Errors
/// When anything is refused, lost or comes twice.
pub(super) async fn measure(program: &std::path::Path, visitors: usize) -> Result<Figures> {
    let kefu = Kefu::start(program, &SETTINGS)?;
    let key = channel(&kefu).await?;
    let config = http::request("GET", &format!("/app-api/promotion/kefu-widget/config?key={key}"), None, "");
    let plan = |requests| Plan {
        address: kefu.address,
        connections: CONNECTIONS,
        requests,
        until: Until::AllAnswered,
        pace: Pace::Answers,
    };
    let before = kefu.child.processor_time()?;
    http::send(plan(Arc::new(vec![config; visitors]))).await?.all_accepted()?;
    let pages = kefu.child.processor_time()? - before;
    let made: i64 =
        Database::open(kefu.database())?.query_one("SELECT COUNT(*) FROM kefu_member", [], |row| row.get(0))?;
    if made > 0 {
        return Err("a page has made a visitor".into());
    }

    let admin = Listeners::open(kefu.listeners(1, &[])).await?;
    let before = kefu.child.processor_time()?;
    let written = first_messages(kefu.address, &key, visitors).await?;
    let used = kefu.child.processor_time()? - before;
    let ids: Vec<u64> = written.iter().map(|first| first.message).collect();
    admin.wait_for(u64::try_from(ids.len())?).await?;
    check::admins_and_members(&admin.close().await?, 1, &ids)?;

    let tokens: Vec<String> = written.iter().map(|first| first.token.clone()).collect();
    let idle = kefu.child.memory()?;
    let listeners = Listeners::open(kefu.listeners(0, &tokens)).await?;
    let sockets = kefu.child.memory()? - idle;
    let started = Instant::now();
    let answers = http::send(plan(Arc::new(answers(&kefu)?))).await?.all_accepted()?.ids();
    listeners.wait_for(u64::try_from(answers.len())?).await?;
    let answered = started.elapsed();
    check::admins_and_members(&listeners.close().await?, 0, &answers)?;
    let first_messages = written.into_iter().map(|first| millis(first.took)).collect();
    Ok(Figures { pages, first_messages, visitors: used, sockets, answers: answered })
}

/// Makes a channel and returns its key.
async fn channel(kefu: &Kefu) -> Result<String> {
    let create = http::post("/admin-api/promotion/kefu-channel/create", Some(&kefu.admin), CHANNEL);
    let (status, accepted, id) = Connection::open(kefu.address).await?.exchange(&create).await?;
    let id = id.filter(|_| accepted).ok_or_else(|| format!("the channel was not made: {status}"))?;
    let database = Database::open(kefu.database())?;
    Ok(database
        .query_one("SELECT channel_key FROM kefu_channel WHERE id = ?1", [i64::try_from(id)?], |row| row.get(0))?)
}

/// An answer to each conversation.
fn answers(kefu: &Kefu) -> Result<Vec<Bytes>> {
    let database = Database::open(kefu.database())?;
    let mut statement = database.prepare("SELECT id FROM kefu_conversation")?;
    let ids = statement.query_map([], |row| row.get(0))?.collect::<std::result::Result<Vec<i64>, _>>()?;
    let answer = |id| {
        let body = format!("{{\"conversationId\":{id},{}", BODY.trim_start_matches('{'));
        http::post("/admin-api/promotion/kefu-message/send", Some(&kefu.admin), &body)
    };
    Ok(ids.into_iter().map(answer).collect())
}

/// A visitor who has written.
struct First {
    token: String,
    message: u64,
    took: Duration,
}

/// The first messages of so many visitors, all at once.
async fn first_messages(address: SocketAddr, key: &str, visitors: usize) -> Result<Vec<First>> {
    let request = http::post("/app-api/promotion/kefu-visitor/token", None, &format!("{{\"key\":\"{key}\"}}"));
    let work = async move || {
        let mut connections = Vec::with_capacity(visitors);
        for _ in 0..visitors {
            connections.push(Connection::open(address).await?);
        }
        let (request, mut running) = (Rc::new(request), JoinSet::new());
        for connection in connections {
            let request = Rc::clone(&request);
            running.spawn_local(async move { first_message(connection, &request).await });
        }
        let mut written = Vec::with_capacity(visitors);
        while let Some(done) = running.join_next().await {
            written.push(done??);
        }
        Ok(written)
    };
    on_own_thread("visitors", work).await
}

#[derive(Deserialize)]
struct Envelope {
    data: Option<Visitor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Visitor {
    access_token: String,
}

async fn first_message(mut connection: Connection, request: &Bytes) -> Result<First> {
    let started = Instant::now();
    let (status, body) = connection.call(request).await?;
    let answer: Envelope = serde_json::from_slice(body)?;
    let token = answer.data.ok_or_else(|| format!("no visitor was made: {status}"))?.access_token;
    let (status, accepted, id) = connection.exchange(&http::post(SEND, Some(&token), BODY)).await?;
    let message = id.filter(|_| accepted).ok_or_else(|| format!("a first message was refused: {status}"))?;
    Ok(First { token, message, took: started.elapsed() })
}
