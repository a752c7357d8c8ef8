//! What is measured: the product and its competitors, each a process of its own that is started for one run.

pub mod bare;
pub mod channel;
pub mod kefu;
pub mod naive;
pub mod nchan;
pub mod node_ws;
pub mod prepare;
pub mod sqlite;
