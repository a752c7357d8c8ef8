//! Case 13: what rounds of service add to a message.

use super::Context;
use super::send::{MEMBERS, product};
use crate::peer::kefu::Kefu;
use crate::peer::sqlite;
use crate::report::{Report, Samples, Target, Unit, progress};
use crate::{Result, token};

/// Modes of a tenant in turn: what is sent comes into no round, or into one that waits since the warm-up.
const MODES: [&str; 2] = ["off", "manual"];

pub(super) async fn run(context: &Context, report: &mut Report) -> Result {
    let members = token::members(u64::try_from(MEMBERS)?)?;
    let mut processor: [Samples; 2] = Default::default();
    for round in 1..=context.rounds {
        for (mode, samples) in MODES.into_iter().zip(&mut processor) {
            let kefu = Kefu::start(&context.kefu, &[])?;
            kefu.set_for_tenant("routing.mode", mode)?;
            let file = kefu.database();
            let (rate, time) =
                product(&kefu, &members, context.duration, async |sql| sqlite::number(&file, sql)).await?;
            let opened = sqlite::number(&file, "SELECT COUNT(*) FROM kefu_task")?;
            let expected = if mode == "off" { 0 } else { u64::try_from(MEMBERS)? };
            if opened != expected {
                return Err(format!("{opened} rounds with the mode {mode}").into());
            }
            samples.push(time);
            progress(&format!("rounds, round {round}: {mode} {rate:.0}/s, {time:.1} µs of processor time each"));
        }
    }
    let [without, within] = &processor;
    report.figure("rounds", "kefu: a message without rounds", Unit::Microseconds, without);
    report.multiple(
        "rounds",
        "kefu: a message in an open round",
        Unit::Microseconds,
        within,
        without,
        Some(Target::AtMost(1.06)),
    );
    Ok(())
}
