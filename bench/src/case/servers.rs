//! Case 7: the send case on database servers with their durable defaults.

use std::time::Duration;

use super::{Context, send};
use crate::peer::database::{Kind, Server};
use crate::peer::kefu::Kefu;
use crate::peer::load_tool;
use crate::report::{Report, Samples, Target, Unit, progress};
use crate::{Result, check, token};

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let members = token::members(u64::try_from(send::MEMBERS)?)?;
    for kind in [Kind::MariaDb, Kind::PostgreSql] {
        let case = format!("send on {}", kind.name());
        let server = Server::start(kind).await?;
        let [mut ours, mut processor, mut naive, mut tool] = std::array::from_fn(|_| Samples::default());
        for round in 1..=context.rounds {
            let (rate, time) = product(context, &server, &members).await?;
            ours.push(rate);
            processor.push(time);
            progress(&format!("{case}, round {round}: kefu {rate:.0}/s, {time:.1} µs of processor time each"));
            if context.alone {
                continue;
            }
            let rate = transactions(&server, &members, context.duration).await?;
            naive.push(rate);
            progress(&format!("{case}, round {round}: a transaction per send {rate:.0}/s"));
            tool.push(load_tool::sends(&server, context.duration).await?);
        }
        report.figure(&case, "kefu: durable and delivered", Unit::PerSecond, &ours);
        report.figure(&case, "kefu: processor time of the service for each", Unit::Microseconds, &processor);
        if !context.alone {
            let name = "a transaction per send over a pool of connections, delivers nothing";
            report.against(&case, name, Unit::PerSecond, &naive, &ours, Some(Target::AtLeast(4.0)));
            let name = "the same transactions by the server's own load tool, without HTTP";
            report.against(&case, name, Unit::PerSecond, &tool, &ours, None);
        }
    }
    Ok(())
}

/// What one would write first: sends per second, all of them stored.
async fn transactions(server: &Server, members: &[String], duration: Duration) -> Result<f64> {
    let url = server.prepare(u64::try_from(members.len())?).await?;
    let sent = send::endpoint(&["naive", &url], members, duration).await?;
    check::stored(async |sql| server.number(sql).await, u64::try_from(sent.answers.len())?).await?;
    Ok(sent.rate())
}

async fn product(context: &Context, server: &Server, members: &[String]) -> Result<(f64, f64)> {
    let url = server.empty().await?;
    let kefu = Kefu::start(&context.kefu, &[("KEFU_DATABASE__URL", &url)])?;
    send::product(&kefu, members, context.duration, async |sql| server.number(sql).await).await
}
