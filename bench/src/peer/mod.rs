//! What is measured: the product and its competitors, each a process of its own that is started for one run.

pub mod bare;
pub mod channel;
pub mod database;
pub mod kefu;
pub mod load_tool;
pub mod naive;
pub mod nchan;
pub mod node_ws;
pub mod prepare;
pub mod redis;
pub mod sqlite;
