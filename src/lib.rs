//! kefu: a customer-service chat backend.
pub mod account;
pub mod auth;
pub mod clock;
pub mod db;
pub mod error;
pub mod http;
pub mod id;
pub mod settings;
