//! The numbers behind `/metrics`. One [`Metrics`] is made at start and cloned into whatever counts: counters and gauges
//! are single atomics; a histogram takes a short lock of its own; only HTTP looks a label set up.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::job::JobMetrics;
use super::log_queue;
use crate::id::UserType;

/// A format in which the numbers can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0, which Prometheus asks for.
    OpenMetrics,
    /// The text format 0.0.4 of Prometheus.
    Text,
}

impl Format {
    /// The format that an `Accept` header asks for: OpenMetrics, unless it names only plain text.
    pub fn accepted(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.contains("text/plain") && !accept.contains("openmetrics") => Self::Text,
            _ => Self::OpenMetrics,
        }
    }

    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    sends: ByUserType<Sends>,
    sockets: ByUserType<Gauge>,
    /// Messages in each committed batch.
    pub write_batch: Histogram,
    /// Commands that wait for the writer.
    pub write_queue: Gauge,
    /// Seconds that each commit took, from the beginning of its transaction.
    pub commit_seconds: Histogram,
    /// Frames handed to sockets.
    pub frames: Counter,
    /// Sockets closed because they could not keep up.
    pub(crate) slow_closes: Counter,
    /// 1 when frames reach the other nodes (or there are none).
    pub(crate) relay_up: Gauge,
    /// Packets of frames sent to other nodes.
    pub(crate) relay_published: Counter,
    /// Packets of frames received from other nodes.
    pub(crate) relay_received: Counter,
    /// Packets of frames that could not be sent to other nodes.
    pub(crate) relay_dropped: Counter,
    /// Subscriptions opened again after they had failed, or tried to.
    pub(crate) relay_reconnects: Counter,
    /// How often all sockets of this node were told to resync.
    pub(crate) relay_resyncs: Counter,
    /// Jobs and their runs.
    pub jobs: JobMetrics,
    http_requests: Family<RequestLabels, Counter>,
    http_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
}

/// How a send ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed.
    Stored,
    /// Known by its `clientMessageId`; nothing was stored.
    Repeated,
    /// Refused because the write queue was full or the database out of reach.
    Busy,
    /// Refused for any other reason, or failed.
    Failed,
}

#[derive(Clone)]
struct ByUserType<T> {
    member: T,
    admin: T,
}

impl<T> ByUserType<T> {
    fn new(make: impl Fn(&'static str) -> T) -> Self {
        Self { member: make("member"), admin: make("admin") }
    }

    const fn of(&self, user_type: UserType) -> &T {
        match user_type {
            UserType::Member => &self.member,
            UserType::Admin => &self.admin,
        }
    }
}

#[derive(Clone)]
struct Sends {
    stored: Counter,
    repeated: Counter,
    busy: Counter,
    failed: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SendLabels {
    user_type: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UserTypeLabels {
    user_type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    code: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

impl Metrics {
    /// All numbers at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("kefu");

        let sends: Family<SendLabels, Counter> = Family::default();
        let sockets: Family<UserTypeLabels, Gauge> = Family::default();
        let write_batch = Histogram::new(exponential_buckets(1.0, 2.0, 11));
        let write_queue = Gauge::default();
        let commit_seconds = seconds();
        let frames = Counter::default();
        let slow_closes = Counter::default();
        let relay_up = Gauge::default();
        let [relay_published, relay_received, relay_dropped, relay_reconnects, relay_resyncs] =
            std::array::from_fn(|_| Counter::default());
        let jobs = JobMetrics::new(&mut registry);
        let http_requests = Family::default();
        let http_seconds = Family::<RouteLabels, Histogram, fn() -> Histogram>::new_with_constructor(seconds);

        registry.register("sends", "Messages sent, by user type and outcome", sends.clone());
        registry.register("sockets", "Open sockets, by user type", sockets.clone());
        registry.register("write_batch_size", "Messages in one transaction", write_batch.clone());
        registry.register("write_queue_depth", "Commands waiting for the writer", write_queue.clone());
        registry.register("commit_seconds", "Duration of one write transaction", commit_seconds.clone());
        registry.register("frames_sent", "Frames handed to sockets", frames.clone());
        registry.register("slow_closes", "Sockets closed because they could not keep up", slow_closes.clone());
        registry.register("relay_up", "Whether frames reach the other nodes", relay_up.clone());
        registry.register("relay_published", "Packets of frames sent to other nodes", relay_published.clone());
        registry.register("relay_received", "Packets of frames received from other nodes", relay_received.clone());
        registry.register("relay_dropped", "Packets of frames not sent to other nodes", relay_dropped.clone());
        registry.register("relay_reconnects", "Subscriptions opened again, or tried to", relay_reconnects.clone());
        registry.register("relay_resyncs", "Times all sockets were told to resync", relay_resyncs.clone());
        registry.register("http_requests", "Requests, by route, method and envelope code", http_requests.clone());
        registry.register("http_request_seconds", "Duration of a request, by route and method", http_seconds.clone());

        registry.register("log_lines_lost", "Log lines that could not be written", log_queue::lines_lost());

        let send_counters = |user_type| {
            let counter = |outcome| sends.get_or_create_owned(&SendLabels { user_type, outcome });
            Sends {
                stored: counter("stored"),
                repeated: counter("repeated"),
                busy: counter("busy"),
                failed: counter("failed"),
            }
        };
        Self {
            registry: Arc::new(registry),
            sends: ByUserType::new(send_counters),
            sockets: ByUserType::new(|user_type| sockets.get_or_create_owned(&UserTypeLabels { user_type })),
            write_batch,
            write_queue,
            commit_seconds,
            frames,
            slow_closes,
            relay_up,
            relay_published,
            relay_received,
            relay_dropped,
            relay_reconnects,
            relay_resyncs,
            jobs,
            http_requests,
            http_seconds,
        }
    }

    /// Counts one send.
    pub fn sent(&self, user_type: UserType, outcome: Outcome) {
        let sends = self.sends.of(user_type);
        match outcome {
            Outcome::Stored => &sends.stored,
            Outcome::Repeated => &sends.repeated,
            Outcome::Busy => &sends.busy,
            Outcome::Failed => &sends.failed,
        }
        .inc();
    }

    /// The number of open sockets of a user type, to go up and down with each.
    pub(crate) const fn sockets(&self, user_type: UserType) -> &Gauge {
        self.sockets.of(user_type)
    }

    /// Counts one answered request. `route` is the pattern that matched, e.g. `/app-api/…/{id}`, and never the path
    /// itself, whose number has no bound; `None` when none matched. `code` is the envelope's.
    pub(crate) fn answered(&self, route: Option<&str>, method: &str, code: i64, took: Duration) {
        let route = route.unwrap_or("unmatched").to_owned();
        let method = known_method(method);
        self.http_seconds.get_or_create(&RouteLabels { route: route.clone(), method }).observe(took.as_secs_f64());
        self.http_requests.get_or_create(&RequestLabels { route, method, code }).inc();
    }

    /// All numbers in the OpenMetrics text format, which Prometheus reads.
    pub(crate) fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail; if it ever did, half the numbers are better than none.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// All numbers in the format that was asked for.
    pub fn encode_as(&self, format: Format) -> String {
        match format {
            Format::OpenMetrics => self.encode(),
            Format::Text => to_text_format(&self.encode()),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// OpenMetrics as the older text format: there a counter is described under the name of its sample, and nothing marks the
/// end.
fn to_text_format(open_metrics: &str) -> String {
    let described = |line: &str| {
        let mut words = line.strip_prefix("# ")?.splitn(3, ' ');
        Some((words.next()?.to_owned(), words.next()?.to_owned(), words.next().unwrap_or_default().to_owned()))
    };
    let counters: HashSet<String> = open_metrics
        .lines()
        .filter_map(described)
        .filter(|(word, _, kind)| word == "TYPE" && kind == "counter")
        .map(|(_, name, _)| name)
        .collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        match described(line) {
            Some((word, name, rest)) if counters.contains(&name) => {
                text.push_str(&format!("# {word} {name}_total {rest}\n"));
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

/// 0.25 ms to 8 s.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_25, 2.0, 16))
}

/// A client may invent methods, and each label value is kept forever.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("OTHER")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_there_from_the_start() {
        let text = Metrics::new().encode();
        for line in [
            "kefu_sends_total{user_type=\"member\",outcome=\"stored\"} 0",
            "kefu_sends_total{user_type=\"admin\",outcome=\"busy\"} 0",
            "kefu_sockets{user_type=\"admin\"} 0",
            "kefu_write_batch_size_count 0",
            "kefu_write_queue_depth 0",
            "kefu_commit_seconds_count 0",
            "kefu_frames_sent_total 0",
            "kefu_slow_closes_total 0",
            "kefu_relay_up 0",
            "kefu_relay_dropped_total 0",
            "kefu_jobs_oldest_seconds 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_text_format_is_for_those_who_ask_for_no_other() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for accept in [None, Some("*/*"), Some(prometheus)] {
            assert_eq!(Format::accepted(accept), Format::OpenMetrics);
        }
        assert_eq!(Format::accepted(Some("text/plain")), Format::Text);
        let text = Metrics::new().encode_as(Format::Text);
        for line in [
            "# HELP kefu_frames_sent_total Frames handed to sockets.",
            "# TYPE kefu_frames_sent_total counter",
            "kefu_frames_sent_total 0",
            "# TYPE kefu_write_queue_depth gauge",
            "# TYPE kefu_commit_seconds histogram",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("# EOF") && text.ends_with('\n'));
    }

    #[test]
    fn clones_count_together() {
        let metrics = Metrics::new();
        let clone = metrics.clone();
        clone.sent(UserType::Member, Outcome::Repeated);
        clone.sockets(UserType::Admin).inc();
        clone.write_batch.observe(3.0);
        clone.answered(Some("/a/{id}"), "GET", 1_013_019_000, Duration::from_millis(2));
        clone.answered(None, "BREW", 404, Duration::from_millis(2));
        let text = metrics.encode();
        for line in [
            "kefu_sends_total{user_type=\"member\",outcome=\"repeated\"} 1",
            "kefu_sockets{user_type=\"admin\"} 1",
            "kefu_write_batch_size_bucket{le=\"4.0\"} 1",
            "kefu_http_requests_total{route=\"/a/{id}\",method=\"GET\",code=\"1013019000\"} 1",
            "kefu_http_requests_total{route=\"unmatched\",method=\"OTHER\",code=\"404\"} 1",
            "kefu_http_request_seconds_count{route=\"/a/{id}\",method=\"GET\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
