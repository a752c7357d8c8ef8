//! How far work over a whole table has come: a row of `kefu_id_block` that holds the highest id that is done.

use super::{AnyConnection, named_number};
use crate::error::Result;

/// What is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableProgress {
    /// Members of `kefu_member` whose words stand in `kefu_member_word`.
    MemberWords,
}

impl TableProgress {
    const fn name(self) -> &'static str {
        match self {
            Self::MemberWords => "member_words",
        }
    }

    /// The highest id that is done, 0 before the first.
    pub fn get(self, connection: &mut AnyConnection) -> Result<i64> {
        Ok(named_number::get(connection, self.name())?.unwrap_or(0))
    }

    /// Notes the highest id that is done, inside a write transaction.
    pub fn set(self, connection: &mut AnyConnection, done: i64) -> Result<()> {
        named_number::set(connection, self.name(), done)
    }
}
