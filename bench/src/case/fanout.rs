//! Case 3: one message to very many sockets.

use std::time::Duration;

use super::Context;
use crate::load::http::{self, Pace, Plan, Until};
use crate::load::socket::Listeners;
use crate::peer::channel::{self, Run};
use crate::peer::kefu::Kefu;
use crate::peer::{nchan, node_ws};
use crate::report::{Report, Samples, Target, Unit, float, progress};
use crate::{Result, check, token};

/// Listeners, senders, and how much better than nchan's the rate of frames has to be.
const SHAPES: [(usize, usize, f64); 3] = [(1000, 8, 3.0), (10_000, 4, 2.0), (1000, 1, 1.1)];

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    for (sockets, senders, bound) in SHAPES {
        let members = token::members(u64::try_from(senders)?)?;
        let channels = Run { channels: 1, subscribers: sockets, publishers: senders, duration: context.duration };
        let (mut ours, mut published, mut sent) = (Samples::default(), Samples::default(), Samples::default());
        for round in 1..=context.rounds {
            let rate = product(context, &members, sockets, context.duration).await?;
            ours.push(rate);
            progress(&format!("fanout {sockets} × {senders}, round {round}: kefu {rate:.0} frames/s"));
            if context.alone {
                continue;
            }
            published.push(nchan::start().await?.publish(channels).await?.frames);
            sent.push(node_ws::start()?.publish(channels).await?.frames);
        }
        let case = format!("fanout to {sockets}, {senders} at once");
        report.figure(&case, "kefu: frames", Unit::PerSecond, &ours);
        if context.alone {
            continue;
        }
        report.against(&case, "nchan", Unit::PerSecond, &published, &ours, Some(Target::AtLeast(bound)));
        report.against(&case, "Node's ws", Unit::PerSecond, &sent, &ours, None);
    }
    Ok(())
}

/// Members' messages to listening admins.
async fn product(context: &Context, members: &[String], sockets: usize, duration: Duration) -> Result<f64> {
    let kefu = Kefu::start(&context.kefu, &[])?;
    let requests = Kefu::sends(members);
    kefu.warm_up(&requests).await?;
    let (connections, until) = (members.len(), Until::Elapsed(duration));
    deliver(&kefu, sockets, Plan { address: kefu.address, connections, requests, until, pace: Pace::Answers }).await
}

/// Runs the plan while that many sockets of an admin listen at this node; frames per second up to the last. Every socket
/// must have every message once.
pub(super) async fn deliver(to: &Kefu, sockets: usize, plan: Plan) -> Result<f64> {
    let listeners = Listeners::open(to.listeners(sockets, &[])).await?;
    let sent = http::send(plan).await?.all_accepted()?;
    let ids = sent.ids();
    let frames = ids.len() * sockets;
    listeners.wait_for(u64::try_from(frames)?).await?;
    let inboxes = listeners.close().await?;
    check::admins_and_members(&inboxes, sockets, &ids)?;
    Ok(float(frames) / channel::seconds_until_last(&inboxes, sent.started)?)
}
