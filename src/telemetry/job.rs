//! The numbers of jobs.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::clock::Millis;

/// The names of the states that are counted, in the order that [`JobMetrics::measured`] takes.
const STATES: [&str; 3] = ["waiting", "running", "dead"];

/// How a run of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its effect is committed.
    Done,
    /// It will be tried again.
    Failed,
    /// It will not be tried again by itself.
    Dead,
    /// Another node has taken the job over; nothing of this run was committed.
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RunLabels {
    kind: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// Cheap to clone; all clones count together.
#[derive(Clone)]
pub(crate) struct JobMetrics {
    runs: Family<RunLabels, Counter>,
    states: [Gauge; 3],
    oldest_seconds: Gauge,
}

impl JobMetrics {
    /// All numbers at zero, registered.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let (runs, states, oldest_seconds) =
            (Family::default(), Family::<StateLabels, Gauge>::default(), Gauge::default());
        registry.register("job_runs", "Runs of jobs by this node, by kind and outcome", runs.clone());
        registry.register("jobs", "Jobs in the database, by state", states.clone());
        registry.register("jobs_oldest_seconds", "How long the oldest due job has waited", oldest_seconds.clone());
        let states = STATES.map(|state| states.get_or_create_owned(&StateLabels { state }));
        Self { runs, states, oldest_seconds }
    }

    /// Counts one run.
    pub(crate) fn ran(&self, kind: &str, outcome: Outcome) {
        let outcome = match outcome {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Dead => "dead",
            Outcome::Lost => "lost",
        };
        self.runs.get_or_create(&RunLabels { kind: kind.to_owned(), outcome }).inc();
    }

    /// Sets how many jobs wait, run and are dead, and for how many milliseconds the oldest due one has waited.
    pub(crate) fn measured(&self, counts: [i64; 3], oldest: Millis) {
        for (gauge, count) in self.states.iter().zip(counts) {
            gauge.set(count);
        }
        self.oldest_seconds.set(oldest / 1000);
    }
}
