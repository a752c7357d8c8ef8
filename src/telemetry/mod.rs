//! What an operator sees of a running service: [`log`] writes structured events to standard error, [`metrics`] counts
//! for Prometheus. Neither ever holds message text or tokens.

pub(crate) mod job;
pub(crate) mod log;
pub(crate) mod log_queue;
pub(crate) mod metrics;
pub(crate) mod outage;
