//! A self-hosted customer-service chat backend.

pub mod cli;
pub mod id;
pub mod settings;
pub mod telemetry;
