//! `kefu import`

use chrono_tz::Tz;
use clap::Subcommand;

use super::Result;
use crate::db::sqlite::checkpoint::Checkpointer;
use crate::import::{self, Options};
use crate::settings::Settings;

/// Where to take conversations over from.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// From the tables of a yudao / ruoyi-vue-pro shop, which are only read; may be run again for what is new
    Yudao {
        /// The shop's database, mysql://user:password@host:port/database; - reads it from standard input
        #[arg(long, value_name = "URL")]
        from: String,
        /// The zone of the times in the shop's database [default: server.time_zone]
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<Tz>,
    },
}

/// Copies, shows how far it is on a terminal, and prints what it has done.
pub(super) fn run(settings: &Settings, command: Command) -> Result {
    let Command::Yudao { from, time_zone } = command;
    let from = if from == "-" { super::first_line("the URL")? } else { from };
    let time_zone = time_zone.unwrap_or(settings.server.time_zone);
    let options = Options { from, time_zone, batch: settings.limits.write_batch };
    let report = super::with_new_database(settings, async |db, clock| {
        let _checkpointer = Checkpointer::start(&db)?;
        let bar = super::progress_bar("{wide_bar} {human_pos}/{human_len} messages, {eta} left")?;
        Ok(import::run(&db, &clock, &options, |done, all| {
            bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        })?)
    })?;
    super::print(&report.to_string())
}
