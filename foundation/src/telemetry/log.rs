//! Logs: `tracing` events to standard error, as text or JSON, as `[log]` says.
//!
//! No part of the service waits for the log or fails with it: see [`super::log_queue`].

use std::backtrace::{Backtrace, BacktraceStatus};
use std::borrow::Cow;
use std::error::Error;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_queue::LogQueue;
use crate::settings::{Log as Settings, LogFormat};

/// The log of this process. What is still unwritten when it is dropped gets a second to be written.
pub struct Log(LogQueue);

impl Log {
    /// Starts logging for the whole process, panics included; to be called once, before the first event.
    ///
    /// # Errors
    /// When the filter cannot be read, standard error or a thread cannot be had, or logging has been started before.
    pub fn start(settings: &Settings) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (output, terminal) = (io::stderr(), io::stderr().is_terminal());
        // Not through the lock of `io::stderr`: a write that waits would hold it.
        let queue = LogQueue::start(File::from(output.as_fd().try_clone_to_owned()?))?;
        let writer = queue.clone();
        subscriber(settings, move || writer.clone(), terminal)?.try_init()?;
        std::panic::set_hook(Box::new(log_panic));
        Ok(Self(queue))
    }

    /// The waiting lines, to be flushed where the process ends without dropping anything.
    pub fn queue(&self) -> LogQueue {
        self.0.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// The default hook would write to standard error itself, and wait for it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    let name = thread.name().unwrap_or("unnamed");
    let backtrace = Backtrace::capture();
    tracing::error!(
        cause = panic.payload_as_str().unwrap_or("unknown"),
        backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace)),
        "thread {name} panicked at {location}"
    );
}

fn subscriber<W>(
    settings: &Settings,
    writer: W,
    terminal: bool,
) -> Result<Box<dyn Subscriber + Send + Sync>, Box<dyn Error + Send + Sync>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(quiet(&of_both_crates(&settings.directives())))?;
    // Internal errors would go to standard error with `eprintln!`, which panics.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    Ok(match settings.format {
        // On a terminal the default stands: colours unless NO_COLOR is set.
        LogFormat::Text if terminal => Box::new(builder.finish()),
        LogFormat::Text => Box::new(builder.with_ansi(false).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_span_list(false).finish()),
    })
}

/// The filter, with what it says of a module of `kefu` said of the same module of `kefu_foundation`: who asks for
/// `kefu::push=debug` need not know in which of them it stands. `kefu` without a module is the beginning of both names already. Of
/// two directives for one name the later counts: what the filter itself says of `kefu_foundation`.
fn of_both_crates(filter: &str) -> String {
    let modules = filter.split(',').filter_map(|directive| directive.strip_prefix("kefu::"));
    let copies: String = modules.map(|module| format!("kefu_foundation::{module},")).collect();
    copies + filter
}

/// The filter, without what actix says at levels that are ours: it calls a client's malformed request an error, and
/// tells of each start. A filter that names actix, or `debug` or `trace` for everything, shows that, too.
fn quiet(filter: &str) -> Cow<'_, str> {
    let shown = |directive: &str| {
        directive.starts_with("actix") || ["debug", "trace"].iter().any(|level| directive.eq_ignore_ascii_case(level))
    };
    if filter.split(',').any(shown) {
        return Cow::Borrowed(filter);
    }
    Cow::Owned(format!("{filter},actix_http=off,actix_server=warn"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat) -> String {
        logged_with("info", format, || {
            let _span = tracing::info_span!("request", id = "r-1").entered();
            tracing::info!(rows = 3, "committed");
            tracing::debug!("not seen");
        })
    }

    fn logged_with(filter: &str, format: LogFormat, events: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let settings = Settings { filter: filter.into(), format };
        let subscriber = subscriber(&settings, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, events);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_is_one_plain_line_an_event() {
        let text = logged(LogFormat::Text);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("committed rows=3") && text.contains("r-1") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn actix_is_heard_only_by_those_who_ask() {
        for filter in ["info", "kefu=debug", "info,kefu=trace", ""] {
            assert!(quiet(filter).ends_with(",actix_http=off,actix_server=warn"), "{filter}");
            assert!(EnvFilter::builder().parse(quiet(filter)).is_ok());
        }
        for filter in ["debug", "info,TRACE", "info,actix_http=error", "actix_server=info"] {
            assert_eq!(quiet(filter), filter);
        }
    }

    #[test]
    fn a_filter_that_names_kefu_holds_for_both_crates() {
        for (filter, shown) in [
            ("warn,kefu=debug", "push auth"),
            ("info,kefu::push=debug", "push"),
            ("kefu::auth=debug,kefu::push::hub=debug", "auth"),
            ("debug,kefu::push=info", "auth"),
            ("kefu::push=debug,kefu_foundation::push=warn", ""),
            ("warn, kefu::push=debug", "push"),
            ("info, TRACE", "push auth"),
            ("info", ""),
        ] {
            let text = logged_with(filter, LogFormat::Text, || {
                tracing::debug!(target: "kefu_foundation::push", "push");
                tracing::debug!(target: "kefu::auth::login", "auth");
            });
            let messages: Vec<&str> = text.lines().filter_map(|line| line.rsplit(' ').next()).collect();
            assert_eq!(messages.join(" "), shown, "{filter}: {text}");
        }
    }

    #[test]
    fn json_holds_the_span_of_the_request() {
        let event: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json)).unwrap();
        assert_eq!(event["message"], "committed");
        assert_eq!(event["rows"], 3);
        assert_eq!(event["span"]["id"], "r-1");
    }
}
