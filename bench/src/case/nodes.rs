//! Case 8: two nodes on one PostgreSQL, connected by Redis.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Context, fanout};
use crate::load::http::{self, Answer, Pace, Plan, Sent, Until};
use crate::load::socket::Listeners;
use crate::peer::database::{Kind, Server};
use crate::peer::kefu::Kefu;
use crate::peer::redis::Redis;
use crate::report::{Report, Samples, Target, Unit, float, millis, progress, quantile};
use crate::{Result, check, token};

/// Sockets that listen, all at one node.
const SOCKETS: usize = 1000;
const SENDERS: usize = 8;
/// Sends per second while the latency is measured.
const RATE: f64 = 200.0;
/// What all nodes sign their tokens with.
const SECRET: (&str, &str) = ("KEFU_AUTH__SECRET", "another secret of the bench, for its nodes");

/// What the way over the other node costs, in milliseconds at the median.
struct Latency {
    /// From the POST to the frame at a socket of the same node.
    near: f64,
    /// The same at a socket of the other node.
    far: f64,
    /// How much later the other node's socket had a message.
    added: f64,
}

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let requests = Kefu::sends(&token::members(u64::try_from(SENDERS)?)?);
    let server = Server::start(Kind::PostgreSql).await?;
    let [mut alone, mut across, mut near, mut far, mut added] = std::array::from_fn(|_| Samples::default());
    for round in 1..=context.rounds {
        let best = one_node(context, &server, &requests).await?;
        let (rate, latency) = two_nodes(context, &server, &requests, best).await?;
        alone.push(best);
        across.push(rate);
        near.push(latency.near);
        far.push(latency.far);
        added.push(latency.added);
        let later = latency.added;
        progress(&format!("nodes, round {round}: {rate:.0} frames/s, {best:.0} with one node; {later:.2} ms later"));
    }
    let case = "two nodes";
    report.figure(case, "frames to 1,000 sockets of one node alone, 8 at once", Unit::PerSecond, &alone);
    let (name, target) = ("the same, offered as fast, to 1,000 sockets of the other node", Target::AtLeast(0.5));
    report.multiple(case, name, Unit::PerSecond, &across, &alone, Some(target));
    report.figure(case, "POST to a frame of the same node at 200/s, p50", Unit::Milliseconds, &near);
    report.figure(case, "POST to a frame of the other node, p50", Unit::Milliseconds, &far);
    report.figure(case, "added by the other node, p50", Unit::Milliseconds, &added);
    Ok(())
}

/// Frames per second without another node, as fast as the answers come.
async fn one_node(context: &Context, server: &Server, requests: &Arc<Vec<Bytes>>) -> Result<f64> {
    let url = server.empty().await?;
    let kefu = Kefu::start(&context.kefu, &[("KEFU_DATABASE__URL", &url)])?;
    kefu.warm_up(requests).await?;
    fanout::deliver(&kefu, SOCKETS, plan(&kefu, requests, context.duration, Pace::Answers)).await
}

/// Frames per second, and the latency, from one node to the other. The node that answers the senders does not wait for the
/// other one's sockets, so the senders keep to what one node can do: faster ones would only fill queues until the sockets
/// are closed as slow.
async fn two_nodes(
    context: &Context,
    server: &Server,
    requests: &Arc<Vec<Bytes>>,
    best: f64,
) -> Result<(f64, Latency)> {
    let (redis, url) = (Redis::start()?, server.empty().await?);
    let database = ("KEFU_DATABASE__URL", url.as_str());
    let settings = [database, ("KEFU_PUSH__RELAY", "redis"), ("KEFU_PUSH__REDIS_URL", &redis.url), SECRET];
    let here = Kefu::start(&context.kefu, &settings)?;
    let there = Kefu::start(&context.kefu, &settings)?;
    // Nothing of the warm-up may still be on its way to the other node when the sockets that count are opened.
    let listeners = Listeners::open(there.listeners(1, &[])).await?;
    here.warm_up(requests).await?;
    listeners.wait_for(u64::try_from(requests.len())?).await?;
    listeners.close().await?;
    let steady = plan(&here, requests, context.duration.max(Duration::from_secs(1)), Pace::Steady(RATE));
    let latency = latency(&here, &there, steady).await?;
    let offered = plan(&here, requests, context.duration, Pace::Steady(best / float(SOCKETS)));
    Ok((fanout::deliver(&there, SOCKETS, offered).await?, latency))
}

fn plan(node: &Kefu, requests: &Arc<Vec<Bytes>>, duration: Duration, pace: Pace) -> Plan {
    let (requests, until) = (Arc::clone(requests), Until::Elapsed(duration));
    Plan { address: node.address, connections: SENDERS, requests, until, pace }
}

/// One socket at each node gets the messages that are sent to one.
async fn latency(here: &Kefu, there: &Kefu, plan: Plan) -> Result<Latency> {
    let near = Listeners::open(here.listeners(1, &[])).await?;
    let far = Listeners::open(there.listeners(1, &[])).await?;
    let sent = http::send(plan).await?.all_accepted()?;
    let (near, far) = (arrivals(near, &sent).await?, arrivals(far, &sent).await?);
    let between = |id: &u64, near: Instant| far.get(id).map(|far| apart(near, *far));
    let mut added: Vec<f64> = near.iter().filter_map(|(id, near)| between(id, *near)).collect();
    Ok(Latency { near: since_sent(&sent, &near), far: since_sent(&sent, &far), added: quantile(&mut added, 0.5) })
}

/// When the only socket read each message.
async fn arrivals(listeners: Listeners, sent: &Sent) -> Result<HashMap<u64, Instant>> {
    let ids = sent.ids();
    listeners.wait_for(u64::try_from(ids.len())?).await?;
    let inboxes = listeners.close().await?;
    check::admins_and_members(&inboxes, 1, &ids)?;
    Ok(inboxes.iter().flat_map(|inbox| &inbox.heard).map(|heard| (heard.id, heard.at)).collect())
}

/// Milliseconds from a POST to the arrival of its message, at the median.
fn since_sent(sent: &Sent, arrivals: &HashMap<u64, Instant>) -> f64 {
    let arrived = |answer: &Answer| Some(apart(answer.sent, *arrivals.get(&answer.id?)?));
    quantile(&mut sent.answers.iter().filter_map(arrived).collect::<Vec<_>>(), 0.5)
}

/// Milliseconds from one moment to another, negative when that was before.
fn apart(from: Instant, to: Instant) -> f64 {
    millis(to.saturating_duration_since(from)) - millis(from.saturating_duration_since(to))
}
