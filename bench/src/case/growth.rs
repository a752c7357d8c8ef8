//! Case 6: what a large database costs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use memchr::memmem;
use tempfile::TempDir;

use super::Context;
use crate::load::http::{self, Connection, Pace, Plan, Until};
use crate::load::on_own_thread;
use crate::load::socket::Listeners;
use crate::peer::kefu::Kefu;
use crate::peer::prepare::{self, Sizes};
use crate::report::{Report, Samples, Target, Unit, millis, progress, quantile};
use crate::{Result, check, process, token};

/// Conversations of the large and of the small database; each has ten messages.
const LARGE: f64 = 1_000_000.0;
const SMALL: i64 = 1000;
/// Conversations whose mail is unread, used up by the calls that mark it.
const UNREAD: i64 = 900;
const SENDERS: usize = 64;
/// Members who send: enough that their conversations are all over the large database.
const MEMBERS: i64 = 5000;

/// The calls whose time must not grow.
const CALLS: [&str; 4] = ["history page", "mark-read of 20", "first page of the list", "get"];

#[derive(Default)]
struct Figures {
    start: Samples,
    sends: Samples,
    slowest_send: Samples,
    calls: [Samples; CALLS.len()],
}

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a share of a million")]
    let conversations = ((LARGE * context.scale) as i64).max(SMALL);
    let began = Instant::now();
    let large = prepared(context, conversations).await?;
    let small = prepared(context, SMALL).await?;
    progress(&format!("growth: {conversations} conversations prepared in {:.0} s", began.elapsed().as_secs_f64()));
    let (mut empty, mut few, mut many) = (Figures::default(), Figures::default(), Figures::default());
    let calls = usize::try_from(UNREAD)? / context.rounds.max(1);
    for round in 0..context.rounds {
        {
            let kefu = start(context, Arc::new(process::folder()?), &mut empty)?;
            sends(&kefu, 1, context.duration, &mut empty).await?;
        }
        let (first, count) = (i64::try_from(round * calls)? + 1, i64::try_from(calls)?);
        {
            let kefu = start(context, Arc::clone(&small), &mut few)?;
            measure_calls(&kefu, first, count, SMALL, &mut few).await?;
        }
        let kefu = start(context, Arc::clone(&large), &mut many)?;
        measure_calls(&kefu, first, count, conversations, &mut many).await?;
        sends(&kefu, (conversations / MEMBERS).max(1), context.duration, &mut many).await?;
        let (rate, of) = (many.sends.median(), empty.sends.median());
        progress(&format!("growth, round {}: {rate:.0}/s, {of:.0}/s on an empty database", round + 1));
    }
    let case = format!("growth, {conversations} conversations");
    report.figure(&case, "sends on an empty database", Unit::PerSecond, &empty.sends);
    let target = Some(Target::AtLeast(0.45));
    report.multiple(&case, "sends", Unit::PerSecond, &many.sends, &empty.sends, target);
    report.figure(&case, "p99.9 of a send on an empty database", Unit::Milliseconds, &empty.slowest_send);
    report.figure(&case, "p99.9 of a send", Unit::Milliseconds, &many.slowest_send);
    for ((name, few), many) in CALLS.iter().zip(&few.calls).zip(&many.calls) {
        let name = format!("p99 of {name} (ratio to 1,000 conversations)");
        report.multiple(&case, &name, Unit::Milliseconds, many, few, Some(Target::AtMost(3.0)));
    }
    report.figure(&case, "start on 1,000 conversations", Unit::Milliseconds, &few.start);
    // "No longer" with room for noise.
    report.multiple(&case, "start", Unit::Milliseconds, &many.start, &few.start, Some(Target::AtMost(1.25)));
    Ok(())
}

/// A folder with a database of that many conversations.
async fn prepared(context: &Context, conversations: i64) -> Result<Arc<TempDir>> {
    let folder = Arc::new(process::folder()?);
    // The service makes its own tables.
    let file = Kefu::start_in(&context.kefu, Arc::clone(&folder), &[])?.database();
    let fill = async move || prepare::fill(Path::new(&file), Sizes { conversations, unread: UNREAD });
    on_own_thread("sqlite", fill).await?;
    Ok(folder)
}

fn start(context: &Context, folder: Arc<TempDir>, figures: &mut Figures) -> Result<Kefu> {
    let kefu = Kefu::start_in(&context.kefu, folder, &[])?;
    figures.start.push(millis(kefu.started_in));
    Ok(kefu)
}

/// Sends of members whose ids are `step` apart; an admin listens and must get everything.
async fn sends(kefu: &Kefu, step: i64, duration: Duration, figures: &mut Figures) -> Result {
    let members = token::members_apart(u64::try_from(MEMBERS)?, u64::try_from(step)?)?;
    let requests = Kefu::sends(&members);
    kefu.warm_up(&requests).await?;
    let listeners = Listeners::open(kefu.listeners(1, &[])).await?;
    let until = Until::Elapsed(duration);
    let plan = Plan { address: kefu.address, connections: SENDERS, requests, until, pace: Pace::Answers };
    let sent = http::send(plan).await?.all_accepted()?;
    let ids = sent.ids();
    listeners.wait_for(u64::try_from(ids.len())?).await?;
    check::admins_and_members(&listeners.close().await?, 1, &ids)?;
    figures.sends.push(sent.rate());
    let mut times: Vec<f64> = sent.answers.iter().map(|answer| millis(answer.took)).collect();
    figures.slowest_send.push(quantile(&mut times, 0.999));
    Ok(())
}

/// Times every call, one after the other on one connection, on conversations all over the database.
async fn measure_calls(kefu: &Kefu, first: i64, count: i64, all: i64, figures: &mut Figures) -> Result {
    let (address, token) = (kefu.address, kefu.admin.clone());
    let times = on_own_thread("calls", async move || {
        let mut connection = Connection::open(address).await?;
        // Not the first one: senders of earlier rounds are whole steps from 1 apart.
        let path = format!("/admin-api/promotion/kefu-conversation/get?id={}", first + 1);
        let get = http::request("GET", &path, Some(&token), "");
        let (_, body) = connection.call(&get).await?;
        if memmem::find(body, format!("\"adminUnreadMessageCount\":{}", prepare::UNREAD).as_bytes()).is_none() {
            return Err("the prepared conversations are not as they should be".into());
        }
        let mut times: [Vec<f64>; CALLS.len()] = Default::default();
        for index in first..first + count {
            // A prime spreads them over all conversations; those with unread mail are the first ones.
            let anywhere = (index * 7919) % all + 1;
            for (times, request) in times.iter_mut().zip(calls(&token, anywhere, index)) {
                let started = Instant::now();
                let (status, accepted, _) = connection.exchange(&request).await?;
                times.push(millis(started.elapsed()));
                if !accepted {
                    return Err(format!("a call was answered with status {status} and no success").into());
                }
            }
        }
        Ok(times)
    });
    for (samples, mut times) in figures.calls.iter_mut().zip(times.await?) {
        samples.push(quantile(&mut times, 0.99));
    }
    Ok(())
}

/// The requests of [`CALLS`].
fn calls(token: &str, conversation: i64, unread: i64) -> [Bytes; CALLS.len()] {
    let call = |method, path: String| http::request(method, &format!("/admin-api/promotion{path}"), Some(token), "");
    [
        call("GET", format!("/kefu-message/list?conversationId={conversation}&limit=20")),
        call("PUT", format!("/kefu-message/update-read-status?conversationId={unread}")),
        call("GET", "/kefu-conversation/list?limit=20".to_owned()),
        call("GET", format!("/kefu-conversation/get?id={conversation}")),
    ]
}
