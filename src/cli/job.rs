//! `kefu job`

use chrono_tz::Tz;
use clap::Subcommand;

use super::Result;
use crate::clock::{Millis, to_timestamp};
use crate::job::{self, State, Stored};
use crate::settings::Settings;

/// What to do with the jobs.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List jobs, the dead first: id, kind, state, attempts, time, key, last error; separated by tabs
    List {
        /// Only jobs that have failed too often
        #[arg(long)]
        dead: bool,
        /// How many lines at most
        #[arg(long, default_value_t = 200, value_name = "LINES")]
        limit: u16,
    },
    /// Run jobs again, now and with all their attempts
    Retry {
        /// The ids that `kefu job list` shows
        #[arg(value_name = "ID", value_parser = super::id(), required_unless_present = "dead", conflicts_with = "dead")]
        ids: Vec<i64>,
        /// All jobs that have failed too often
        #[arg(long)]
        dead: bool,
    },
}

/// Runs one of the commands.
pub(super) fn run(settings: &Settings, command: Command) -> Result {
    let zone = settings.server.time_zone;
    let text = super::with_database(settings, async |db, clock| {
        Ok(match command {
            Command::List { dead, limit } => {
                let only = dead.then_some(State::Dead);
                let jobs = db.run(move |connection| job::list(connection, only, limit.into())).await?;
                jobs.iter().map(|job| line(job, zone)).collect()
            }
            Command::Retry { ids, dead } => {
                let now = clock.now();
                let retry = move |connection: &mut crate::db::AnyConnection| {
                    if dead {
                        return job::retry_dead(connection, now);
                    }
                    let mut retried = 0;
                    for id in &ids {
                        retried += usize::from(job::retry(connection, *id, now)?);
                    }
                    Ok(retried)
                };
                match db.write(retry).await? {
                    0 if !dead => return Err("no such job waits or is dead".into()),
                    retried => format!("{retried} to run again\n"),
                }
            }
        })
    })?;
    super::print(&text)
}

fn line(job: &Stored, zone: Tz) -> String {
    let Stored { id, kind, key, state, attempts, run_at, last_error } = job;
    let key = if key.is_empty() { "-" } else { key };
    let error = if last_error.is_empty() { "-".into() } else { last_error.escape_debug().to_string() };
    format!("{id}\t{kind}\t{}\t{attempts}\t{}\t{key}\t{error}\n", state.as_str(), time(*run_at, zone))
}

/// In the time zone of the settings; a running job has none.
fn time(instant: Option<Millis>, zone: Tz) -> String {
    let shown = |instant| to_timestamp(instant).and_utc().with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string();
    instant.map_or_else(|| "-".to_owned(), shown)
}
