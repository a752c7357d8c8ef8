//! Case 1: accepted and delivered messages per second.

use std::sync::Arc;
use std::time::Duration;

use super::Context;
use crate::load::http::{self, Pace, Plan, Sent, Until};
use crate::load::on_own_thread;
use crate::load::socket::Listeners;
use crate::peer::bare::{self, Endpoint};
use crate::peer::channel::{self, Run};
use crate::peer::kefu::{self, Kefu};
use crate::peer::{nchan, node_ws, sqlite};
use crate::report::{Report, Samples, Target, Unit, float, progress};
use crate::{Result, check, process, token};

/// Members who send.
pub(super) const MEMBERS: usize = 1000;
const SENDERS: usize = 64;
/// Messages in a transaction of the ceiling.
const BATCH: usize = 64;

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let members = token::members(u64::try_from(MEMBERS)?)?;
    let duration = context.duration;
    let channels = Run { channels: MEMBERS, subscribers: 1, publishers: SENDERS, duration };
    let (mut ours, mut processor) = (Samples::default(), Samples::default());
    let mut theirs: [Samples; 5] = Default::default();
    for round in 1..=context.rounds {
        let [ceiling, bare, published, sent, naive] = &mut theirs;
        let ((rate, time), order) = {
            let kefu = Kefu::start(&context.kefu, &[])?;
            let file = kefu.database();
            let measured = product(&kefu, &members, duration, async |sql| sqlite::number(&file, sql)).await?;
            (measured, sqlite::order(&file)?)
        };
        ours.push(rate);
        processor.push(time);
        progress(&format!("send, round {round}: kefu {rate:.0}/s, {time:.1} µs of processor time each"));
        if context.alone {
            continue;
        }
        ceiling.push(statements(order, duration).await?);
        bare.push(endpoint(&["bare"], &members, duration).await?.rate());
        published.push(nchan::start().await?.publish(channels).await?.publishes);
        sent.push(node_ws::start()?.publish(channels).await?.publishes);
        naive.push(endpoint(&["naive", "naive.db"], &members, duration).await?.rate());
    }
    report.figure("send", "kefu: durable and delivered", Unit::PerSecond, &ours);
    report.figure("send", "kefu: processor time of the service for each", Unit::Microseconds, &processor);
    if context.alone {
        return Ok(());
    }
    let [ceiling, bare, nchan, node, naive] = &theirs;
    let mut against = |name, samples, bound: Option<f64>| {
        report.against("send", name, Unit::PerSecond, samples, &ours, bound.map(Target::AtLeast));
    };
    against("SQLite's ceiling: the same statements, 64 a transaction", ceiling, Some(0.5));
    against("bare endpoint: parses and verifies", bare, Some(0.3));
    against("nchan, one subscriber each, stores nothing", nchan, Some(0.6));
    against("Node's ws, one subscriber each, stores nothing", node, None);
    against("a transaction per send, delivers nothing", naive, Some(8.0));
    Ok(())
}

/// The product on an empty database with one admin and every member listening; all that was answered must have arrived
/// and be stored, as `ask` (see [`check::stored`]) tells. Messages per second, and the processor time of each in µs.
pub(super) async fn product(
    kefu: &Kefu,
    members: &[String],
    duration: Duration,
    ask: impl AsyncFn(&'static str) -> Result<u64>,
) -> Result<(f64, f64)> {
    let requests = Kefu::sends(members);
    kefu.warm_up(&requests).await?;
    let listeners = Listeners::open(kefu.listeners(1, members)).await?;
    let until = Until::Elapsed(duration);
    let before = kefu.child.processor_time()?;
    let sent =
        http::send(Plan { address: kefu.address, connections: SENDERS, requests, until, pace: Pace::Answers }).await?;
    let answered = sent.all_accepted()?;
    let (started, ids) = (answered.started, answered.ids());
    listeners.wait_for(2 * u64::try_from(ids.len())?).await?;
    let taken = kefu.child.processor_time()?.saturating_sub(before);
    let inboxes = listeners.close().await?;
    check::admins_and_members(&inboxes, 1, &ids)?;
    check::stored(ask, u64::try_from(members.len() + ids.len())?).await?;
    let count = float(ids.len());
    Ok((count / channel::seconds_until_last(&inboxes, started)?, taken.as_secs_f64() * 1e6 / count))
}

/// SQLite alone, with messages to the conversations in this order.
async fn statements(order: Vec<i64>, duration: Duration) -> Result<f64> {
    let folder = process::folder()?;
    let file = folder.path().join("ceiling.db");
    on_own_thread("sqlite", async move || sqlite::ceiling(&file, &order, BATCH, duration)).await
}

/// What an endpoint of this program, which delivers nothing, has answered.
pub(super) async fn endpoint(arguments: &[&str], members: &[String], duration: Duration) -> Result<Sent> {
    let endpoint = Endpoint::start(arguments)?;
    let requests = members.iter().map(|token| http::post(bare::SEND, Some(token), kefu::BODY)).collect();
    let plan = Plan {
        address: endpoint.address,
        connections: SENDERS,
        requests: Arc::new(requests),
        until: Until::Elapsed(duration),
        pace: Pace::Answers,
    };
    http::send(plan).await?.all_accepted()
}
