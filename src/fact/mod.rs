//! What has happened, as values, which the foundation declares; and [`table`], which says of each who hears of it and how.

mod table;

pub use kefu_foundation::fact::ContentType;
pub(crate) use kefu_foundation::fact::{Fact, MessageView, OwnTaskView, Style, TaskView, frames};
pub(crate) use table::event;
