//! The integration suite: real HTTP, real sockets, a fresh database for each test, a clock that tests move.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, too"
)]

mod support;

mod access;
mod agent;
mod api_key;
mod audit;
mod audit_list;
mod auth;
mod backup;
mod bad_input;
mod bad_start;
mod block;
mod channel;
mod cli;
mod closed_sockets;
mod content;
mod conversation;
mod cors;
mod crash;
mod database;
mod deploy;
mod desk;
mod desk_crash;
mod desk_property;
mod fault;
mod file;
mod file_s3;
mod full_disk;
mod galera;
mod handshake;
mod health;
mod history;
mod house;
mod import;
mod introspection;
mod job;
mod lifetime;
mod limit;
mod link;
mod log;
mod login_list;
mod logout;
mod lost_database;
mod mark_unread;
mod member_keys;
mod member_sessions;
mod member_token;
mod message;
mod migrate_down;
mod nodes;
mod open;
mod openapi;
mod openapi_document;
mod outage;
mod profile;
mod property;
mod proxy;
mod push;
mod push_fault;
mod relay;
mod relay_order;
mod resync;
mod roles;
mod schema;
mod search;
mod second_factor;
mod session;
mod shop;
mod slow_client;
mod socket;
mod statement_texts;
mod statements;
mod stock;
mod tenant;
mod tenant_settings;
mod tls;
mod typing;
mod unread;
mod upgrade;
mod users;
mod viewing;
mod visibility;
mod visitor;
mod visitor_link;
mod web;
mod write_queue;
