//! The cases of the bench.

mod fanout;
mod growth;
mod latency;
mod memory;
mod nodes;
mod overload;
mod reads;
mod rounds;
mod send;
mod servers;
mod slow;
pub(crate) mod smoke;
mod soak;
mod visitors;

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::Result;
use crate::report::Report;

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// Durable, delivered messages per second
    Send,
    /// From the POST to the last frame
    Latency,
    /// One message to many sockets
    Fanout,
    /// Idle sockets
    Memory,
    /// Sockets that stop reading
    Slow,
    /// A large database
    Growth,
    /// The send case on MariaDB and PostgreSQL
    Servers,
    /// What reads cost
    Reads,
    /// Two nodes over Redis
    Nodes,
    /// Senders at twice the capacity
    Overload,
    /// Visitors of a site
    Visitors,
    /// Rounds of service at two nodes
    Soak,
    /// Messages in rounds of service
    Rounds,
}

impl Case {
    /// One line about it.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Send => "durable, delivered messages per second, 64 senders, 1,000 members and an admin listening",
            Self::Latency => "POST to the last recipient's frame at a steady 1,000 sends/s, against one durable commit",
            Self::Fanout => "frames per second to 1,000 and 10,000 listening admins, against nchan and Node's ws",
            Self::Memory => "an idle server, 20,000 idle sockets, and what stays when they are closed",
            Self::Slow => "1,000 of 2,000 sockets stop reading: the others' rate, memory, the slow code",
            Self::Growth => "1 M conversations and 10 M messages against an empty and a small database",
            Self::Servers => "the send case on MariaDB and PostgreSQL, against a transaction per send over a pool",
            Self::Reads => {
                "processor time of histories and lists, of the service and of SQLite, MariaDB and PostgreSQL"
            }
            Self::Nodes => "frames to 1,000 sockets of another node over Redis, against one node; the added latency",
            Self::Overload => "senders at twice the capacity: accepted rate, how fast the rest is refused, memory",
            Self::Rounds => "processor time of a message in an open round of service, against one without rounds",
            Self::Visitors => "1,000 visitors of a site write at once, open sockets and are answered",
            Self::Soak => {
                "1,000 rounds that two agents take at once at two nodes, and 10,000 commands; the tables stay sound"
            }
        }
    }
}

/// What every case needs.
pub(crate) struct Context {
    /// The product's program.
    pub kefu: PathBuf,
    /// How often each competitor runs.
    pub rounds: usize,
    /// How long the load of one run lasts.
    pub duration: Duration,
    /// The share of its rows that the growth case prepares.
    pub scale: f64,
    /// Whether the competitors stay out where the product's own rate is the figure.
    pub alone: bool,
}

/// Runs one case.
pub(crate) async fn run(case: Case, context: &Context, report: &mut Report) -> Result {
    crate::report::progress(&format!("== {case:?}: {}", case.about()));
    match case {
        Case::Send => send::run(context, report).await,
        Case::Latency => latency::run(context, report).await,
        Case::Fanout => fanout::run(context, report).await,
        Case::Memory => memory::run(context, report).await,
        Case::Slow => slow::run(context, report).await,
        Case::Growth => growth::run(context, report).await,
        Case::Servers => servers::run(context, report).await,
        Case::Reads => reads::run(context, report).await,
        Case::Nodes => nodes::run(context, report).await,
        Case::Overload => overload::run(context, report).await,
        Case::Rounds => rounds::run(context, report).await,
        Case::Visitors => visitors::run(context, report).await,
        Case::Soak => soak::run(context, report).await,
    }
}
