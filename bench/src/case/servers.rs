//! Case 7: the send case on database servers with their durable defaults.

use super::{Context, send};
use crate::peer::database::{Kind, Server};
use crate::peer::kefu::Kefu;
use crate::peer::pooled;
use crate::report::{Report, Samples, Target, Unit, progress};
use crate::{Result, token};

pub async fn run(context: &Context, report: &mut Report) -> Result {
    let members = token::members(u64::try_from(send::MEMBERS)?)?;
    for kind in [Kind::MariaDb, Kind::PostgreSql] {
        let case = format!("send on {}", kind.name());
        let server = Server::start(kind).await?;
        let [mut ours, mut processor, mut theirs] = std::array::from_fn(|_| Samples::default());
        for round in 1..=context.rounds {
            let (rate, time) = product(context, &server, &members).await?;
            ours.push(rate);
            processor.push(time);
            progress(&format!("{case}, round {round}: kefu {rate:.0}/s, {time:.1} µs of processor time each"));
            if context.alone {
                continue;
            }
            let rate = pooled::sends(&server, context.duration).await?;
            theirs.push(rate);
            progress(&format!("{case}, round {round}: a transaction per send {rate:.0}/s"));
        }
        report.figure(&case, "kefu: durable and delivered", Unit::PerSecond, &ours);
        report.figure(&case, "kefu: processor time of the service for each", Unit::Microseconds, &processor);
        if !context.alone {
            let name = "a transaction per send, 16 connections, delivers nothing";
            report.against(&case, name, Unit::PerSecond, &theirs, &ours, Some(Target::AtLeast(4.0)));
        }
    }
    Ok(())
}

async fn product(context: &Context, server: &Server, members: &[String]) -> Result<(f64, f64)> {
    let url = server.empty().await?;
    let kefu = Kefu::start(&context.kefu, &[("KEFU_DATABASE__URL", &url)])?;
    send::product(&kefu, members, context.duration, async |sql| server.number(sql).await).await
}
