//! Logs: `tracing` events to standard error, as text or JSON, as `[log]` says.

use std::error::Error;
use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{Log, LogFormat};

/// Starts logging for the whole process; to be called once, before the first event.
///
/// # Errors
/// When the filter cannot be read, or logging has been started before.
pub(crate) fn start(settings: &Log) -> Result<(), Box<dyn Error + Send + Sync>> {
    Ok(subscriber(settings, io::stderr, io::stderr().is_terminal())?.try_init()?)
}

fn subscriber<W>(
    settings: &Log,
    writer: W,
    terminal: bool,
) -> Result<Box<dyn Subscriber + Send + Sync>, Box<dyn Error + Send + Sync>>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(&settings.filter)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match settings.format {
        // On a terminal the default stands: colours unless NO_COLOR is set.
        LogFormat::Text if terminal => Box::new(builder.finish()),
        LogFormat::Text => Box::new(builder.with_ansi(false).finish()),
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_span_list(false).finish()),
    })
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
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let settings = Log { filter: "info".into(), format };
        let subscriber = subscriber(&settings, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", id = "r-1").entered();
            tracing::info!(rows = 3, "committed");
            tracing::debug!("not seen");
        });
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
    fn json_holds_the_span_of_the_request() {
        let event: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json)).unwrap();
        assert_eq!(event["message"], "committed");
        assert_eq!(event["rows"], 3);
        assert_eq!(event["span"]["id"], "r-1");
    }
}
