//! A self-hosted customer-service chat backend.

pub mod account;
pub mod app;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod conversation;
pub mod db;
pub mod error;
pub mod file;
pub mod http;
pub mod id;
pub mod limit;
pub mod message;
pub mod operation;
pub mod push;
pub mod routes;
pub mod settings;
pub mod shop;
pub mod socket;
pub mod telemetry;
