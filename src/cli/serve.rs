//! `kefu serve`

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::Result;
use crate::app::App;
use crate::clock::Clock;
use crate::db::{Backend, DatabaseLock};
use crate::settings::{Settings, create_private_folder};
use crate::telemetry::log;

/// How long the rest of a stop may take after `server.shutdown_timeout_s`, when no caller waits any more: long enough to
/// empty a full write queue.
const REST_OF_STOP: Duration = Duration::from_secs(10);

/// Runs the service until it is told to stop by SIGINT or SIGTERM.
pub(super) fn run(settings: Settings) -> Result {
    log::start(&settings.log)?;
    create_private_folder(&settings.data_dir)?;
    let _lock = DatabaseLock::take(&Backend::parse(&settings.database_url())?)?;
    let longest_stop = Duration::from_secs(settings.server.shutdown_timeout_s) + REST_OF_STOP;
    // Every socket takes a file descriptor; where the limit cannot be raised, the system's own stays.
    if let Ok(limit) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(limit, "open files");
    }
    actix_web::rt::System::new().block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let app = App::start(settings, Clock::system()).await?;
        super::print(&greeting(&app))?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        end_after(longest_stop)?;
        app.stop().await;
        Ok(())
    })
}

/// Ends the process, wherever it stands, when a stop in order takes longer than this: a thread that waits for a database's
/// answer cannot be ended by itself.
///
/// # Errors
/// When no thread can be had.
fn end_after(longest_stop: Duration) -> Result {
    let end = move || {
        std::thread::sleep(longest_stop);
        tracing::error!("the stop takes too long, as the database does not answer: ending now");
        std::process::exit(1);
    };
    std::thread::Builder::new().name("stop".into()).spawn(end)?;
    Ok(())
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
