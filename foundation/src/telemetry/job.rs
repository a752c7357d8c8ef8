//! The numbers of jobs.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::clock::Millis;

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
pub struct JobMetrics {
    runs: Family<RunLabels, Counter>,
    states: Family<StateLabels, Gauge>,
    oldest_seconds: Gauge,
}

impl JobMetrics {
    /// All numbers at zero, registered.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let (runs, states, oldest_seconds) = (Family::default(), Family::default(), Gauge::default());
        registry.register("job_runs", "Runs of jobs by this node, by kind and outcome", runs.clone());
        registry.register("jobs", "Jobs in the database, by state", states.clone());
        registry.register("jobs_oldest_seconds", "How long the oldest due job has waited", oldest_seconds.clone());
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

    /// Sets how many jobs are in each state, and for how many milliseconds the oldest due one has waited.
    pub(crate) fn measured(&self, counts: impl IntoIterator<Item = (&'static str, i64)>, oldest: Millis) {
        for (state, count) in counts {
            self.states.get_or_create(&StateLabels { state }).set(count);
        }
        self.oldest_seconds.set(oldest / 1000);
    }
}
