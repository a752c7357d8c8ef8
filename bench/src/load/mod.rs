//! The load: senders over HTTP and listeners over WebSocket, each on a thread of its own.
//!
//! It shares the machine's cores with what it measures, so it is cheap: requests are built beforehand, answers and frames
//! are looked through and not parsed. Results are joined after the run.

pub(crate) mod http;
mod inbox;
pub(crate) mod socket;

use std::thread;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::Result;

/// Runs `work` on a new thread with a runtime of its own, so that load and measurement do not wait for each other.
pub(crate) async fn on_own_thread<T, F>(name: &str, work: F) -> Result<T>
where
    T: Send + 'static,
    F: AsyncFnOnce() -> Result<T> + Send + 'static,
{
    let (done, outcome) = oneshot::channel();
    let run = move || {
        let result = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Into::into)
            .and_then(|runtime| LocalSet::new().block_on(&runtime, work()));
        // Nobody waits any more when the bench is being stopped.
        drop(done.send(result));
    };
    thread::Builder::new().name(name.to_owned()).spawn(run)?;
    outcome.await.map_err(|_| format!("the thread {name} has died"))?
}
