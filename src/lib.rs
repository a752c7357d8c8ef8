//! A self-hosted customer-service chat backend.

pub mod cli;
pub mod clock;
pub mod conversation;
pub mod db;
pub mod error;
pub mod http;
pub mod id;
pub mod message;
pub mod push;
pub mod settings;
pub mod telemetry;
