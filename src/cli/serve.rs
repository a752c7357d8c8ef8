//! `kefu serve`

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::Result;
use crate::app::App;
use crate::clock::Clock;
use crate::db::{Backend, DatabaseLock};
use crate::settings::{Settings, create_private_folder};
use crate::telemetry::log;

/// How long the rest of a stop may take after `server.shutdown_timeout_s`, when no caller waits any more. A write queue of the
/// default size is emptied sooner.
const REST_OF_STOP: Duration = Duration::from_secs(10);

/// Runs the service until it is told to stop by SIGINT or SIGTERM.
pub(super) fn run(settings: Settings) -> Result {
    log::start(&settings.log)?;
    create_private_folder(&settings.data_dir)?;
    let _lock = DatabaseLock::take(&Backend::parse(&settings.database_url())?)?;
    let stop = stop_signal(Duration::from_secs(settings.server.shutdown_timeout_s) + REST_OF_STOP)?;
    // Every socket takes a file descriptor; where the limit cannot be raised, the system's own stays.
    if let Ok(limit) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(limit, "open files");
    }
    actix_web::rt::System::new().block_on(async {
        let app = App::start(settings, Clock::system()).await?;
        super::print(&greeting(&app))?;
        stop.await?;
        app.stop().await;
        Ok(())
    })
}

/// Resolves at SIGINT or SIGTERM. If the process has not ended so much later, it is ended wherever it stands: a thread that
/// waits for the answer of a database cannot be ended alone.
///
/// # Errors
/// When the signals or a thread for them cannot be had.
fn stop_signal(longest_stop: Duration) -> Result<oneshot::Receiver<()>> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let (stop, stopped) = oneshot::channel();
    let wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        tracing::info!("stopping");
        // Nobody listens any more when the start has failed.
        let _ = stop.send(());
        std::thread::sleep(longest_stop);
        tracing::error!("the stop takes too long: ending now; what was not answered may not be stored");
        std::process::exit(1);
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(stopped)
}

fn greeting(app: &App) -> String {
    let address = app.address;
    let mut text = format!(
        "kefu {version}\n  API            http://{address}/\n  Documentation  http://{address}/swagger-ui/\n  \
         Socket         ws://{address}/infra/ws?token=…\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    if let Some((username, password)) = &app.first_admin {
        text.push_str(&format!(
            "\nThe first admin was created; the password is shown this once:\n  username  {username}\n  \
             password  {password}\n",
        ));
    }
    text
}
