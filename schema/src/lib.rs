//! The tables, as the migrations of each of the three databases make them (diesel.toml).
//!
//! They are a crate of their own because diesel makes 65,000 lines of them: the compiler needs the time and the memory for those
//! once, and not again with each change of the program.

#![expect(missing_docs, reason = "generated")]

mod tables;

pub use tables::*;
