//! Ids from the table `kefu_id_block`: unique across nodes without a clock or a node number (invariant 10).

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::kefu_id_block;
use crate::error::{Error, Result};
use crate::id::ID_LIMIT;

/// What ids are counted for; each has a row of its own, made by the first migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// `kefu_conversation`.
    Conversation,
    /// `kefu_message`.
    Message,
    /// `kefu_member`.
    Member,
    /// Numbers for members whose id in the integrator's system is none.
    MemberUser,
    /// `kefu_admin`.
    Admin,
    /// `kefu_login`.
    Login,
    /// `kefu_revocation`.
    Revocation,
    /// `kefu_file`.
    File,
}

impl IdKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Conversation => "conversation",
            Self::Message => "message",
            Self::Member => "member",
            Self::MemberUser => "member_user",
            Self::Admin => "admin",
            Self::Login => "login",
            Self::Revocation => "revocation",
            Self::File => "file",
        }
    }
}

/// Takes `count` ids inside the running write transaction and returns the first. The row's lock makes them unique; a
/// rolled back transaction gives them back.
pub fn reserve(connection: &mut AnyConnection, kind: IdKind, count: i64) -> Result<i64> {
    let row = kefu_id_block::table.find(kind.name());
    diesel::update(row).set(kefu_id_block::next_id.eq(kefu_id_block::next_id + count)).execute(connection)?;
    let next: i64 = row.select(kefu_id_block::next_id).first(connection)?;
    if next > ID_LIMIT {
        return Err(Error::internal("ids have reached 2^53"));
    }
    Ok(next - count)
}

/// Takes one id: [`reserve`] for what is made singly.
pub fn reserve_one(connection: &mut AnyConnection, kind: IdKind) -> Result<i64> {
    reserve(connection, kind, 1)
}

/// A stock of ids in memory, refilled from the table a block at a time. What is left when the process ends is lost,
/// which only leaves a gap.
#[derive(Debug)]
pub struct IdStock {
    kind: IdKind,
    block: i64,
    next: i64,
    end: i64,
}

impl IdStock {
    /// An empty stock that takes `block` ids at a time.
    pub const fn new(kind: IdKind, block: i64) -> Self {
        Self { kind, block, next: 0, end: 0 }
    }

    /// Makes sure that `count` ids can be taken, inside a write transaction that holds nothing else: ids of a rolled
    /// back transaction would be given out twice.
    pub fn refill(&mut self, connection: &mut AnyConnection, count: i64) -> Result<()> {
        if self.lacks(count) {
            let size = self.block.max(count);
            self.next = reserve(connection, self.kind, size)?;
            self.end = self.next + size;
        }
        Ok(())
    }

    /// Whether [`IdStock::refill`] would have to ask the table.
    pub const fn lacks(&self, count: i64) -> bool {
        self.end - self.next < count
    }

    /// The next id, `None` when the stock was not refilled.
    pub fn take(&mut self) -> Option<i64> {
        (self.next < self.end).then(|| {
            self.next += 1;
            self.next - 1
        })
    }
}
