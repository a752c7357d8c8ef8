//! A self-hosted customer-service chat backend.

pub mod account;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod db;
pub mod error;
pub mod file;
pub mod http;
pub mod id;
pub mod settings;
pub mod telemetry;
