//! The cases of the bench.

mod send;

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::Result;
use crate::report::Report;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// Durable, delivered messages per second
    Send,
}

impl Case {
    /// One line about it.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Send => "durable, delivered messages per second, 64 senders, 1,000 members and an admin listening",
        }
    }
}

/// What every case needs.
pub struct Context {
    /// The product's program.
    pub kefu: PathBuf,
    /// How often each competitor runs.
    pub rounds: usize,
    /// How long the load of one run lasts.
    pub duration: Duration,
    /// The share of its rows that the growth case prepares.
    pub scale: f64,
}

/// Runs one case.
pub async fn run(case: Case, context: &Context, report: &mut Report) -> Result {
    crate::report::progress(&format!("== {case:?}: {}", case.about()));
    match case {
        Case::Send => send::run(context, report).await,
    }
}
