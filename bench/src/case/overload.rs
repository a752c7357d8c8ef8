//! Case 9: senders at twice the capacity.

use super::Context;
use crate::load::http::{self, Answer, Pace, Plan, Sent, Until};
use crate::peer::kefu::Kefu;
use crate::report::{Report, Samples, Target, Unit, float, millis, progress, quantile};
use crate::{Result, token};

const MEMBERS: u64 = 1000;
/// Senders that fill the server without overflowing it.
const SENDERS: usize = 64;
/// Senders of the overload, twice what the queue holds by default: less would all find room in it.
const CROWD: usize = 16_000;
/// File descriptors that the service and the load need beside theirs.
const OTHER_FILES: usize = 200;
/// What the crowd offers before, as shares of what few senders reach.
const SHARES: [f64; 3] = [0.5, 0.75, 1.0];
const BUSY: u16 = 503;

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let members = token::members(MEMBERS)?;
    let files = usize::try_from(rlimit::Resource::NOFILE.get_hard()?)?;
    let connections = CROWD.min(files.saturating_sub(OTHER_FILES));
    if connections < CROWD {
        return Err(format!("{CROWD} connections do not fit into the hard limit of {files} open files").into());
    }
    let [mut few, mut best, mut offered, mut accepted] = std::array::from_fn(|_| Samples::default());
    let [mut grown, mut waited, mut refused, mut refused_p99] = std::array::from_fn(|_| Samples::default());
    for round in 1..=context.rounds {
        let kefu = Kefu::start(&context.kefu, &[])?;
        let requests = Kefu::sends(&members);
        kefu.warm_up(&requests).await?;
        let until = Until::Elapsed(context.duration);
        let plan = Plan { address: kefu.address, connections: SENDERS, requests, until, pace: Pace::Answers };
        let capacity = http::send(plan.clone()).await?.all_accepted()?.rate();
        few.push(capacity);
        let crowd = |rate| http::send(Plan { connections, pace: Pace::Patient(rate), ..plan.clone() });
        let mut flat_out: f64 = 0.0;
        for share in SHARES {
            let sent = crowd(share * capacity).await?;
            refusals(&sent)?;
            flat_out = flat_out.max(sent.rate());
        }
        best.push(flat_out);
        // Connections cost memory; what is asked is whether it grows with what is refused.
        let before = kefu.child.memory()?;
        let sent = crowd(2.0 * capacity).await?;
        grown.push((kefu.child.memory()? - before) / 1024.0);
        let busy = refusals(&sent)?;
        offered.push(float(sent.answers.len()) / context.duration.as_secs_f64());
        accepted.push(sent.rate());
        waited.push(p99(sent.accepted()));
        refused.push(quantile(&mut busy.clone(), 0.5));
        refused_p99.push(quantile(&mut busy.clone(), 0.99));
        progress(&format!(
            "overload, round {round}: {:.0}/s accepted of at best {:.0}/s",
            accepted.median(),
            best.median()
        ));
    }
    let case = &format!("overload, {connections} senders");
    report.figure(case, "64 senders alone, as fast as the answers come", Unit::PerSecond, &few);
    report.figure(case, "best of the crowd at 0.5, 0.75 and 1.0 of that", Unit::PerSecond, &best);
    report.figure(
        case,
        "sent when 2.0 of it is due; who still waits for an answer does not send",
        Unit::PerSecond,
        &offered,
    );
    let target = Some(Target::AtLeast(0.9));
    report.multiple(case, "accepted (ratio to the crowd's best)", Unit::PerSecond, &accepted, &best, target);
    report.figure(case, "p99 of the accepted", Unit::Milliseconds, &waited);
    report.figure(case, "503 after, p50", Unit::Milliseconds, &refused);
    report.figure(case, "503 after, p99", Unit::Milliseconds, &refused_p99);
    report.bounded(case, "memory gained", Unit::MiB, &grown, Target::AtMost(8.0));
    Ok(())
}

fn p99<'a>(answers: impl Iterator<Item = &'a Answer>) -> f64 {
    quantile(&mut answers.map(|answer| millis(answer.took)).collect::<Vec<_>>(), 0.99)
}

/// Milliseconds of each refusal.
///
/// # Errors
/// When something was refused with another status than 503.
fn refusals(sent: &Sent) -> Result<Vec<f64>> {
    let refused = sent.answers.iter().filter(|answer| !answer.accepted);
    refused
        .map(|answer| match answer.status {
            BUSY => Ok(millis(answer.took)),
            other => Err(format!("a send was refused with status {other}").into()),
        })
        .collect()
}
