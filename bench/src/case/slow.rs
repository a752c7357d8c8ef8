//! Case 5: half of the sockets stop reading.

use super::Context;
use crate::load::http::{self, Pace, Plan, Until};
use crate::load::socket::{self, Inbox, Listeners};
use crate::peer::kefu::Kefu;
use crate::report::{Report, Samples, Target, Unit, float, float_u64, progress};
use crate::{Result, check, token};

const SOCKETS: usize = 2000;
const STALLING: usize = 1000;
const SENDERS: usize = 8;
/// MiB: a full queue of 1,024 references of 32 bytes at each socket, and as much again for all else.
const MEMORY_BOUND: f64 = 128.0;
/// The product's default queue, as it is what this case is about.
const SETTINGS: [(&str, &str); 1] = [("KEFU_PUSH__QUEUE_FRAMES", "1024")];
/// The close code of a socket that cannot keep up.
const SLOW: u16 = 4008;
/// How long the load lasts, in usual runs: the queues of the slow ones have to fill.
const LONG: u32 = 2;

/// One run.
struct Outcome {
    /// Frames per second at the sockets that read.
    rate: f64,
    /// The server's memory after the load, over that before it, in MiB.
    growth: f64,
    /// The share of the stalled sockets that were closed with the slow code.
    closed: f64,
}

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let mut all_read: Samples = Samples::default();
    let [mut rate, mut growth, mut closed] = [Samples::default(), Samples::default(), Samples::default()];
    for round in 1..=context.rounds {
        all_read.push(product(context, false).await?.rate);
        let stalled = product(context, true).await?;
        rate.push(stalled.rate);
        growth.push(stalled.growth);
        closed.push(stalled.closed);
        progress(&format!("slow, round {round}: {:.0} frames/s, all reading {:.0}", rate.median(), all_read.median()));
    }
    let case = "slow readers, 1,000 of 2,000";
    report.figure(case, "frames to the other 1,000 while all read", Unit::PerSecond, &all_read);
    let target = Some(Target::AtLeast(0.5));
    report.multiple(case, "the same while the slow ones stand still", Unit::PerSecond, &rate, &all_read, target);
    report.bounded(case, "share of the slow that got the slow code", Unit::Ratio, &closed, Target::AtLeast(1.0));
    report.bounded(case, "memory gained by the server", Unit::MiB, &growth, Target::AtMost(MEMORY_BOUND));
    Ok(())
}

async fn product(context: &Context, stall: bool) -> Result<Outcome> {
    let kefu = Kefu::start(&context.kefu, &SETTINGS)?;
    let members = token::members(u64::try_from(SENDERS)?)?;
    let requests = Kefu::sends(&members);
    kefu.warm_up(&requests).await?;
    let listeners = Listeners::open(socket::Plan { stalling: STALLING, ..kefu.listeners(SOCKETS, &[]) }).await?;
    let before = kefu.child.memory()?;
    if stall {
        listeners.stall();
    }
    let until = Until::Elapsed(context.duration * LONG);
    let sent =
        http::send(Plan { address: kefu.address, connections: SENDERS, requests, until, pace: Pace::Answers }).await?;
    let sent = sent.all_accepted()?;
    let ids = sent.ids();
    listeners.wait_for(u64::try_from(ids.len() * (SOCKETS - STALLING))?).await?;
    let growth = (kefu.child.memory()? - before) / 1024.0;
    let frames = listeners.frames();
    let inboxes = listeners.close().await?;
    let (stalled, reading) = inboxes.split_at_checked(STALLING).ok_or("sockets are missing")?;
    check::admins_and_members(reading, reading.len(), &ids)?;
    let seconds = crate::peer::channel::seconds_until_last(reading, sent.started)?;
    let slow = |inbox: &&Inbox| inbox.closed == Some(SLOW);
    let closed = float(stalled.iter().filter(slow).count()) / float(STALLING);
    Ok(Outcome { rate: float_u64(frames) / seconds, growth, closed })
}
