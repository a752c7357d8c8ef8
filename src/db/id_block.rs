//! Ids from the table `kefu_id_block`: unique across nodes without a clock or a node number (invariant 10).

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::kefu_id_block;
use crate::clock::Millis;
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
    /// Every kind.
    const ALL: [Self; 8] = [
        Self::Conversation,
        Self::Message,
        Self::Member,
        Self::MemberUser,
        Self::Admin,
        Self::Login,
        Self::Revocation,
        Self::File,
    ];

    /// The first id there is.
    const fn first(self) -> i64 {
        match self {
            // Below are the ids that are numbers in the integrator's system.
            Self::MemberUser => 1 << 52,
            _ => 1,
        }
    }

    /// How many ids a process takes at once for rows that it makes in groups.
    const fn block(self) -> i64 {
        match self {
            Self::Message => 4096,
            _ => 128,
        }
    }

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

/// The row that holds the time of the last restore instead of an id.
const RESTORED: &str = "restored";
/// How far a second of the time of a restore lifts the ids: more than are given in one.
const IDS_PER_SECOND: i64 = 1 << 20;

/// Tells a database, inside a write transaction, that an older state of it was restored at `now`. Clients may know what
/// was given after that state was saved: ids go on above the time of the restore, so that none is given twice, whichever
/// backup this is and however often it is restored.
pub fn mark_restored(connection: &mut AnyConnection, now: Millis) -> Result<()> {
    for kind in IdKind::ALL {
        let floor = (now / 1000).checked_mul(IDS_PER_SECOND).and_then(|lift| lift.checked_add(kind.first()));
        let floor = floor.filter(|floor| (1..ID_LIMIT).contains(floor)).ok_or(Error::internal("the clock is wrong"))?;
        let row = kefu_id_block::table.find(kind.name());
        diesel::update(row.filter(kefu_id_block::next_id.lt(floor)))
            .set(kefu_id_block::next_id.eq(floor))
            .execute(connection)?;
    }
    let row = (kefu_id_block::name.eq(RESTORED), kefu_id_block::next_id.eq(now));
    diesel::delete(kefu_id_block::table.find(RESTORED)).execute(connection)?;
    diesel::insert_into(kefu_id_block::table).values(row).execute(connection)?;
    Ok(())
}

/// When this database was last restored from a backup. It does not change while a service runs on it.
pub fn restored_at(connection: &mut AnyConnection) -> Result<Option<Millis>> {
    let row = kefu_id_block::table.find(RESTORED).select(kefu_id_block::next_id);
    Ok(row.first(connection).optional()?)
}

/// A stock of ids in memory, refilled from the table a block at a time. What is left when the process ends is lost,
/// which only leaves a gap.
#[derive(Debug)]
pub struct IdStock {
    kind: IdKind,
    next: i64,
    end: i64,
}

impl IdStock {
    /// An empty stock.
    pub const fn new(kind: IdKind) -> Self {
        Self { kind, next: 0, end: 0 }
    }

    /// Makes sure that `count` ids can be taken, inside a write transaction that holds nothing else: ids of a rolled
    /// back transaction would be given out twice.
    pub fn refill(&mut self, connection: &mut AnyConnection, count: i64) -> Result<()> {
        if self.lacks(count) {
            let size = self.kind.block().max(count);
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
