//! Case 1: accepted and delivered messages per second.

use std::sync::Arc;
use std::time::Duration;

use super::Context;
use crate::load::http::{self, Plan, Until};
use crate::load::socket::Listeners;
use crate::peer::bare::{self, Endpoint};
use crate::peer::kefu::{self, Kefu};
use crate::report::{Report, Samples, Target, Unit, progress};
use crate::{Result, check, token};

const MEMBERS: u64 = 1000;
const SENDERS: usize = 64;

pub async fn run(context: &Context, report: &mut Report) -> Result {
    let members = token::members(MEMBERS)?;
    let duration = Duration::from_secs(context.seconds);
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    for round in 1..=context.rounds {
        ours.push(product(context, &members, duration).await?);
        bare.push(endpoint("bare", &members, duration).await?);
        progress(&format!("round {round}: kefu {:.0}/s, bare {:.0}/s", ours.median(), bare.median()));
    }
    report.figure("send", "kefu", Unit::PerSecond, &ours);
    report.against("send", "bare endpoint", Unit::PerSecond, &bare, &ours, Some(Target::AtLeast(0.3)));
    Ok(())
}

/// The product with one admin and every member listening; all that was answered must have arrived.
async fn product(context: &Context, members: &[String], duration: Duration) -> Result<f64> {
    let kefu = Kefu::start(&context.kefu, &[])?;
    let requests = Kefu::sends(members);
    kefu.warm_up(&requests).await?;
    let listeners = Listeners::open(kefu.listeners(1, members)).await?;
    let plan =
        Plan { address: kefu.address, connections: SENDERS, requests, until: Until::Elapsed(duration), rate: None };
    let sent = http::send(plan).await?.all_accepted()?;
    let answered = sent.ids();
    listeners.wait_for(2 * u64::try_from(answered.len())?).await?;
    let inboxes = listeners.close().await?;
    let (admin, members) = inboxes.split_at_checked(1).ok_or("no admin")?;
    for inbox in admin {
        check::complete(inbox, &answered)?;
    }
    check::complete_together(members, &answered)?;
    // A message counts when its last frame has arrived.
    let last = inboxes.iter().filter_map(|inbox| inbox.heard.last()).map(|heard| heard.at).max();
    let seconds = last.ok_or("nothing has arrived")?.duration_since(sent.started).as_secs_f64();
    Ok(crate::report::float(answered.len()) / seconds)
}

/// An endpoint of this program, which delivers nothing.
async fn endpoint(name: &str, members: &[String], duration: Duration) -> Result<f64> {
    let folder = bare::folder()?;
    let endpoint = Endpoint::start(name, folder.path())?;
    let requests = members.iter().map(|token| http::post(bare::SEND, Some(token), kefu::BODY)).collect();
    let plan = Plan {
        address: endpoint.address,
        connections: SENDERS,
        requests: Arc::new(requests),
        until: Until::Elapsed(duration),
        rate: None,
    };
    Ok(http::send(plan).await?.all_accepted()?.rate())
}
