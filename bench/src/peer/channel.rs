//! How the competitors who store nothing are loaded: whoever is subscribed to a channel gets what is published to it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::kefu::BODY;
use crate::load::http::{self, Pace, Plan, Until};
use crate::load::socket::{self, Dialect, Inbox, Listeners};
use crate::process::Child;
use crate::report::{float, float_u64, progress};
use crate::{Failure, Result};

/// A running competitor.
pub(crate) struct Server {
    /// What it is.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// The process.
    pub child: Child,
    /// Its files, when it needs any; they go with it.
    pub _folder: Option<TempDir>,
}

/// A run of publishers and subscribers.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// How many channels there are; publishers take them in turn.
    pub channels: usize,
    /// How many subscribers each channel has.
    pub subscribers: usize,
    /// How many publish at once.
    pub publishers: usize,
    /// How long.
    pub duration: Duration,
}

/// What came of it.
pub(crate) struct Delivered {
    /// Publishes per second that have arrived, up to the last frame.
    pub publishes: f64,
    /// Frames per second, up to the last.
    pub frames: f64,
}

impl Server {
    /// Opens sockets, that many for each channel.
    pub(crate) async fn subscribe(&self, channels: usize, subscribers: usize) -> Result<Listeners> {
        let paths = (0..channels * subscribers).map(|index| format!("/subscribe?id={}", index % channels)).collect();
        Listeners::open(socket::Plan { address: self.address, paths, dialect: Dialect::Plain, stalling: 0 }).await
    }

    /// Publishes until the time is over and waits for what arrives.
    pub(crate) async fn publish(&self, run: Run) -> Result<Delivered> {
        let listeners = self.subscribe(run.channels, run.subscribers).await?;
        let requests = (0..run.channels).map(|channel| http::post(&format!("/publish?id={channel}"), None, BODY));
        let plan = Plan {
            address: self.address,
            connections: run.publishers,
            requests: Arc::new(requests.collect()),
            until: Until::Elapsed(run.duration),
            pace: Pace::Answers,
        };
        let sent = http::send(plan).await?.all_accepted()?;
        let published = sent.answers.len() * run.subscribers;
        // What a competitor loses is its own affair: only what has arrived counts.
        if listeners.wait_for(u64::try_from(published)?).await.is_err() {
            progress(&format!("{}: only {} of {published} frames have arrived", self.name, listeners.frames()));
        }
        let frames = float_u64(listeners.frames());
        let seconds = seconds_until_last(&listeners.close().await?, sent.started)?;
        Ok(Delivered { publishes: frames / float(run.subscribers) / seconds, frames: frames / seconds })
    }
}

/// Seconds from `started` to the arrival of the last frame.
pub(crate) fn seconds_until_last(inboxes: &[Inbox], started: std::time::Instant) -> Result<f64> {
    let last = inboxes.iter().filter_map(|inbox| inbox.heard.last()).map(|heard| heard.at).max();
    let last = last.ok_or_else(|| Failure::from("nothing has arrived"))?;
    Ok(last.duration_since(started).as_secs_f64())
}
