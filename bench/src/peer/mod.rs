//! What is measured: the product and its competitors, each a process of its own that is started for one run.

pub(crate) mod bare;
pub(crate) mod channel;
pub(crate) mod database;
pub(crate) mod kefu;
pub(crate) mod load_tool;
pub(crate) mod naive;
pub(crate) mod nchan;
pub(crate) mod node_ws;
pub(crate) mod prepare;
pub(crate) mod redis;
pub(crate) mod sqlite;
