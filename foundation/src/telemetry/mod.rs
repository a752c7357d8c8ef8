//! What an operator sees of a running service: [`log`] writes structured events to standard error, [`metrics`] counts
//! for Prometheus. Neither ever holds message text or tokens.

pub(crate) mod job;
pub mod log;
pub mod log_queue;
pub mod metrics;
pub mod outage;
