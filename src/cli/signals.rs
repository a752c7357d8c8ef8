//! What the running service does at a signal: SIGTERM and SIGINT stop it, SIGHUP makes it read again what it has read from
//! files.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, oneshot};

use crate::telemetry::log_queue::LogQueue;

/// A signal may come twice when a program such as `timeout` passes on what the terminal has sent to both: what follows the
/// first signal to stop within this time is the same one.
const SAME_SIGNAL: Duration = Duration::from_secs(1);

/// The signals as the service hears of them.
pub(super) struct Signals {
    /// Resolves when the service shall stop.
    pub stop: oneshot::Receiver<()>,
    /// Is notified when the service shall read its files again.
    pub reload: Arc<Notify>,
}

struct Watched {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Watches for signals in a thread of its own, which also ends a start that hangs. If the process has not ended
    /// `longest_stop` after the first signal to stop, or at the second one, the thread ends it wherever it stands: a thread
    /// that waits for the answer of a database cannot be ended alone.
    ///
    /// # Errors
    /// When the signals or the thread cannot be had.
    pub(super) fn watch(longest_stop: Duration, log: LogQueue) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut watched = {
            let _entered = runtime.enter();
            Watched {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
            }
        };
        let (stopping, stop) = oneshot::channel();
        let reload = Arc::new(Notify::new());
        let reloading = Arc::clone(&reload);
        let watch = move || {
            runtime.block_on(async {
                watched.until_stop(&reloading).await;
                tracing::info!("stopping");
                // The start has failed when there is no receiver any more.
                let _ = stopping.send(());
                let repeats = async {
                    loop {
                        watched.until_stop(&reloading).await;
                    }
                };
                let _: Result<(), _> = tokio::time::timeout(SAME_SIGNAL, repeats).await;
                tokio::select! {
                    () = watched.until_stop(&reloading) => {
                        tracing::error!("told to stop again: ending now; what was not answered may not be stored");
                    }
                    () = tokio::time::sleep(longest_stop) => {
                        tracing::error!("the stop takes too long: ending now; what was not answered may not be stored");
                    }
                }
            });
            log.flush();
            std::process::exit(1);
        };
        std::thread::Builder::new().name("signals".into()).spawn(watch)?;
        Ok(Self { stop, reload })
    }
}

impl Watched {
    /// Waits for a signal to stop and passes on those to reload that come before it.
    async fn until_stop(&mut self, reload: &Notify) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return,
                _ = self.terminate.recv() => return,
                _ = self.hangup.recv() => reload.notify_one(),
            }
        }
    }
}
