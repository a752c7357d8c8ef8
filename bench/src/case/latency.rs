//! Case 2: from the POST to the last recipient's frame, at a steady rate.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Context;
use crate::load::http::{self, Pace, Plan, Until};
use crate::load::on_own_thread;
use crate::load::socket::Listeners;
use crate::peer::kefu::Kefu;
use crate::peer::sqlite;
use crate::report::{Report, Samples, Target, Unit, millis, progress, quantile};
use crate::{Result, check, process, token};

const MEMBERS: u64 = 1000;
const SENDERS: usize = 50;
/// Sends per second.
const RATE: f64 = 1000.0;
/// Durable commits that are timed, one after the other and at [`RATE`].
const COMMITS: usize = 1000;

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let members = token::members(MEMBERS)?;
    let [mut commit, mut hurried, mut p50, mut p99] = std::array::from_fn(|_| Samples::default());
    let pace = Duration::from_secs_f64(1.0 / RATE);
    for round in 1..=context.rounds {
        commit.push(commits(pace).await?);
        hurried.push(commits(Duration::ZERO).await?);
        let mut delivered = product(context, &members).await?;
        p50.push(quantile(&mut delivered, 0.5));
        p99.push(quantile(&mut delivered, 0.99));
        progress(&format!("latency, round {round}: p50 {:.2} ms, p99 {:.2} ms", p50.median(), p99.median()));
    }
    report.figure("latency", "one durable commit on this disk, at 1,000/s", Unit::Milliseconds, &commit);
    report.figure("latency", "the same, one right after the other", Unit::Milliseconds, &hurried);
    let mut ours = |name, samples, bound| {
        report.multiple("latency", name, Unit::Milliseconds, samples, &commit, Some(Target::AtMost(bound)));
    };
    ours("kefu at 1,000/s, POST to the last frame, p50 (ratio to the first row)", &p50, 3.0);
    ours("the same, p99", &p99, 15.0);
    Ok(())
}

/// The median of one durable commit, one every `pace`, in milliseconds.
async fn commits(pace: Duration) -> Result<f64> {
    let folder = process::folder()?;
    let file = folder.path().join("commit.db");
    let times = on_own_thread("sqlite", async move || sqlite::commits(&file, COMMITS, pace)).await?;
    Ok(times.into_iter().map(millis).collect::<Samples>().median())
}

/// Milliseconds of each message until its last recipient had it.
async fn product(context: &Context, members: &[String]) -> Result<Vec<f64>> {
    let kefu = Kefu::start(&context.kefu, &[])?;
    let requests = Kefu::sends(members);
    kefu.warm_up(&requests).await?;
    let listeners = Listeners::open(kefu.listeners(1, members)).await?;
    let until = Until::Elapsed(context.duration.max(Duration::from_secs(1)));
    let plan = Plan { address: kefu.address, connections: SENDERS, requests, until, pace: Pace::Steady(RATE) };
    let sent = http::send(plan).await?.all_accepted()?;
    let ids = sent.ids();
    listeners.wait_for(2 * u64::try_from(ids.len())?).await?;
    let inboxes = listeners.close().await?;
    check::admins_and_members(&inboxes, 1, &ids)?;
    let mut last: HashMap<u64, Instant> = HashMap::with_capacity(ids.len());
    for heard in inboxes.iter().flat_map(|inbox| &inbox.heard) {
        last.entry(heard.id).and_modify(|at| *at = heard.at.max(*at)).or_insert(heard.at);
    }
    let arrived = |id: &u64, sent: Instant| last.get(id).map(|at| millis(at.saturating_duration_since(sent)));
    Ok(sent.answers.iter().filter_map(|answer| arrived(answer.id.as_ref()?, answer.sent)).collect())
}
