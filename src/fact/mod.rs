//! What has happened, as values, which the foundation declares; and [`table`], which says of each who hears of it and how.

mod table;

pub use kefu_foundation::fact::*;
pub(crate) use table::event;
