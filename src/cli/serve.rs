//! `kefu serve`

use std::time::Duration;

use super::Result;
use super::signals::Signals;
use crate::app::App;
use crate::clock::Clock;
use crate::db::sqlite::place;
use crate::db::{Backend, DatabaseLock};
use crate::settings::Settings;
use crate::telemetry::log::Log;

/// How long the rest of a stop may take after `server.shutdown_timeout_s`, when no caller waits any more. A write queue of the
/// default size is emptied sooner.
const REST_OF_STOP: Duration = Duration::from_secs(10);

/// Runs the service until it is told to stop by SIGINT or SIGTERM. `warnings` go to the log of a start that succeeds.
pub(super) fn run(settings: Settings, mut warnings: Vec<String>) -> Result {
    let log = Log::start(&settings.log)?;
    warnings.extend(settings.without_effect());
    place::may_create(&settings)?;
    settings.create_data_dir()?;
    let lock = DatabaseLock::take(&Backend::parse(&settings.database_url())?)
        .map_err(|error| format!("{}: {error}", settings.database_key()))?;
    let key = settings.database_key();
    let longest_stop = Duration::from_secs(settings.server.shutdown_timeout_s) + REST_OF_STOP;
    let Signals { mut stop, reload } = Signals::watch(longest_stop, log.queue())?;
    // Every socket takes a file descriptor; where the limit cannot be raised, the system's own stays.
    if let Ok(limit) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(limit, "open files");
    }
    actix_web::rt::System::new().block_on(async {
        let app = App::start(settings, Clock::system()).await?;
        if let Some(lock) = &lock {
            lock.note_database().map_err(|error| format!("{key}: {error}"))?;
        }
        greet(&app);
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        loop {
            tokio::select! {
                stopped = &mut stop => {
                    stopped?;
                    break;
                }
                () = reload.notified() => app.reload(),
            }
        }
        app.stop().await;
        Ok(())
    })
}

/// Prints where the service is and, at the first start, the admin's password. The service runs without a reader, too.
fn greet(app: &App) {
    if let Err(error) = super::print_patiently(std::io::stdout(), greeting(app)) {
        tracing::error!(%error, "the addresses could not be printed to standard output");
        if let Some((username, _)) = &app.first_admin {
            tracing::error!(
                "the first admin's password was not shown; set another: kefu admin password --username {username}"
            );
        }
    }
}

fn greeting(app: &App) -> String {
    let address = app.address;
    let mut text = format!(
        "kefu {version}\n  API            http://{address}/\n  Documentation  http://{address}/swagger-ui/\n  \
         Socket         ws://{address}/infra/ws?token=…\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    if app.has_console {
        text.push_str(&format!("  Console        http://{address}/console/\n"));
    }
    if app.has_demo {
        text.push_str(&format!("  Demo           http://{address}/widget/demo\n"));
    }
    if let Some((username, password)) = &app.first_admin {
        text.push_str(&format!(
            "\nThe first admin was created; the password is shown this once:\n  username  {username}\n  \
             password  {password}\n",
        ));
    } else if app.has_no_admin_login {
        text.push_str(
            "\nNo admin is logged in. A lost password is replaced with: kefu admin password --username admin\n",
        );
    }
    text
}
