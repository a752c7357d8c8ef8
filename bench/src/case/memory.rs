//! Case 4: what an idle socket costs, and whether its memory comes back.

use std::time::Duration;

use super::Context;
use crate::load::socket::Listeners;
use crate::peer::kefu::Kefu;
use crate::peer::{nchan, node_ws};
use crate::process::Child;
use crate::report::{Report, Samples, Target, Unit, float, progress};
use crate::{Result, token};

/// Sockets to open, each of a member of its own.
const SOCKETS: usize = 20_000;
/// File descriptors that a server and the load need beside their sockets.
const OTHER_FILES: usize = 200;
/// How long memory may take to settle.
const SETTLE: Duration = Duration::from_secs(2);

/// What a server weighs, in KiB.
struct Weights {
    idle: f64,
    open: f64,
    closed: f64,
    open_again: f64,
}

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let limit = usize::try_from(rlimit::Resource::NOFILE.get_hard()?)?;
    let sockets = SOCKETS.min(limit.saturating_sub(OTHER_FILES));
    let members = token::members(u64::try_from(sockets)?)?;
    let [mut idle, mut returned, mut again] = [Samples::default(), Samples::default(), Samples::default()];
    let [mut ours, mut published, mut sent] = [Samples::default(), Samples::default(), Samples::default()];
    // Sizes hardly differ between runs; one is dear enough.
    {
        let kefu = Kefu::start(&context.kefu, &[])?;
        let weights = weigh(&kefu.child, || Listeners::open(kefu.listeners(0, &members))).await?;
        ours.push((weights.open - weights.idle) / float(sockets));
        idle.push(weights.idle / 1024.0);
        returned.push((weights.closed - weights.idle) / (weights.open - weights.idle));
        again.push(weights.open_again / weights.open);
    }
    progress(&format!("memory: kefu {:.1} KiB per socket", ours.median()));
    for (samples, server) in [(&mut published, nchan::start().await?), (&mut sent, node_ws::start()?)] {
        let weights = weigh(&server.child, || server.subscribe(sockets, 1)).await?;
        samples.push((weights.open - weights.idle) / float(sockets));
    }
    let case = format!("memory, {sockets} sockets");
    report.bounded(&case, "kefu: idle server", Unit::MiB, &idle, Target::AtMost(40.0));
    report.bounded(&case, "kefu: per idle socket", Unit::KiB, &ours, Target::AtMost(14.0));
    report.bounded(&case, "kefu: share that stays after closing", Unit::Ratio, &returned, Target::AtMost(0.25));
    report.bounded(&case, "kefu: opened again / the first time", Unit::Ratio, &again, Target::AtMost(1.05));
    report.against(&case, "nchan, per idle socket", Unit::KiB, &published, &ours, None);
    report.against(&case, "Node's ws, per idle socket", Unit::KiB, &sent, &ours, None);
    Ok(())
}

/// Opens, holds and closes all sockets, twice.
async fn weigh(server: &Child, open: impl AsyncFn() -> Result<Listeners>) -> Result<Weights> {
    tokio::time::sleep(SETTLE).await;
    let idle = server.memory()?;
    let mut open_weights = Vec::new();
    let mut closed = idle;
    for _ in 0..2 {
        let listeners = open().await?;
        tokio::time::sleep(SETTLE).await;
        open_weights.push(server.memory()?);
        listeners.close().await?;
        tokio::time::sleep(SETTLE).await;
        closed = server.memory()?;
    }
    match open_weights.as_slice() {
        [open, open_again] => Ok(Weights { idle, open: *open, closed, open_again: *open_again }),
        _ => Err("the sockets were not opened twice".into()),
    }
}
