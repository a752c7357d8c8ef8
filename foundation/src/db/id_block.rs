//! Ids from the table `kefu_id_block`: unique across nodes without a clock or a node number (invariant 10).

use diesel::prelude::*;

use super::AnyConnection;
use super::schema::kefu_id_block;
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::id::ID_LIMIT;

/// The kinds of ids, each with the name of its row in `kefu_id_block` and the first id there is. The rows are made by the
/// migrations; a test compares both.
macro_rules! id_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal from $first:expr;)*) => {
        /// What ids are counted for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum IdKind {
            $($(#[$doc])* $kind,)*
        }

        impl IdKind {
            /// Every kind: those that a restore lifts.
            const ALL: &[Self] = &[$(Self::$kind),*];

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// The first id there is.
            pub const fn first(self) -> i64 {
                match self {
                    $(Self::$kind => $first,)*
                }
            }

            /// How many ids a process takes at once for rows that it makes in groups.
            const fn block(self) -> i64 {
                match self {
                    Self::Message => 4096,
                    _ => 128,
                }
            }
        }
    };
}

id_kinds! {
    /// `kefu_conversation`.
    Conversation = "conversation" from 1;
    /// `kefu_message`.
    Message = "message" from 1;
    /// `kefu_member`.
    Member = "member" from 1;
    /// Numbers for members whose id in the integrator's system is none. Below are the ids that are numbers there.
    MemberUser = "member_user" from 1 << 52;
    /// `kefu_admin`.
    Admin = "admin" from 1;
    /// `kefu_login`.
    Login = "login" from 1;
    /// `kefu_revocation`.
    Revocation = "revocation" from 1;
    /// `kefu_file`.
    File = "file" from 1;
    /// `kefu_job`.
    Job = "job" from 1;
    /// Changes of settings in `kefu_tenant`.
    TenantChange = "tenant_change" from 1;
    /// `kefu_channel`.
    Channel = "channel" from 1;
    /// Changes in `kefu_channel`.
    ChannelChange = "channel_change" from 1;
    /// `kefu_role`.
    Role = "role" from 1;
    /// `kefu_group`.
    Group = "group" from 1;
    /// `kefu_api_key`.
    ApiKey = "api_key" from 1;
    /// `kefu_audit`.
    Audit = "audit" from 1;
    /// `kefu_task`.
    Task = "task" from 1;
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

/// The first id that was not taken yet.
pub fn next(connection: &mut AnyConnection, kind: IdKind) -> Result<i64> {
    Ok(kefu_id_block::table.find(kind.name()).select(kefu_id_block::next_id).first(connection)?)
}

/// Finds out whether commits reach the disk, inside a write transaction: takes an id, because nothing less does.
pub fn try_out(connection: &mut AnyConnection) -> Result<()> {
    reserve_one(connection, IdKind::File).map(drop)
}

/// How far a second lifts the ids in [`lift`]: more than are given in one.
const IDS_PER_SECOND: i64 = 1 << 20;
/// How far [`lift`] goes beyond a clock that was ahead: by days that are drawn from so many, so that two restores of one
/// backup do not lift alike.
const DRAWN_DAYS: u32 = 4096;

/// Lifts the ids of every kind above all that were given before `now`, inside a write transaction: an older state of the
/// database was restored, and clients may know what was given after that state was saved. Ids follow the clock here and
/// only here, so that none is given twice, whichever backup it was and however often it is restored. `was_ahead`: an
/// earlier restore was made by a clock that was ahead of `now`, so that ids are above it already.
///
/// # Errors
/// When the clock is so wrong that the ids would be no ids.
pub(super) fn lift(connection: &mut AnyConnection, now: Millis, was_ahead: bool) -> Result<()> {
    for kind in IdKind::ALL {
        let floor = (now / 1000).checked_mul(IDS_PER_SECOND).and_then(|lift| lift.checked_add(kind.first()));
        let floor = floor.filter(|floor| (1..ID_LIMIT).contains(floor)).ok_or(Error::internal("the clock is wrong"))?;
        let row = kefu_id_block::table.find(kind.name());
        diesel::update(row.filter(kefu_id_block::next_id.lt(floor)))
            .set(kefu_id_block::next_id.eq(floor))
            .execute(connection)?;
        if was_ahead {
            let days = i64::from(getrandom::u32().map_err(Error::internal)? % DRAWN_DAYS) + 1;
            reserve(connection, *kind, days * 24 * 3600 * IDS_PER_SECOND)?;
        }
    }
    Ok(())
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
    const fn lacks(&self, count: i64) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::instant::NAMES;
    use crate::db::testing::temporary;

    #[test]
    fn every_kind_has_its_row_and_every_row_its_kind() {
        let (_folder, db) = temporary();
        let mut connection = db.connect().unwrap();
        let mut rows: Vec<(String, i64)> = kefu_id_block::table.load(&mut connection).unwrap();
        rows.retain(|(name, _)| !NAMES.contains(&name.as_str()));
        let mut kinds: Vec<_> = IdKind::ALL.iter().map(|kind| (kind.name().to_owned(), kind.first())).collect();
        rows.sort();
        kinds.sort();
        assert_eq!(rows, kinds);
    }
}
