//! A timestamp as the writer's statements bind it: four of them go with every message, and to write one as SQLite's text
//! by a format string takes as long as the rest of its row.

use chrono::{Datelike, NaiveDateTime, Timelike};
use diesel::serialize::{IsNull, Output, Result, ToSql};
use diesel::sql_types::Timestamp;
use diesel::sqlite::Sqlite;

/// A timestamp (UTC, milliseconds) that is cheap to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(pub NaiveDateTime);

impl ToSql<Timestamp, Sqlite> for Stamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> Result {
        out.set_value(text(self.0));
        Ok(IsNull::No)
    }
}

#[cfg(feature = "mysql")]
impl ToSql<Timestamp, diesel::mysql::Mysql> for Stamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, diesel::mysql::Mysql>) -> Result {
        ToSql::<Timestamp, diesel::mysql::Mysql>::to_sql(&self.0, out)
    }
}

#[cfg(feature = "postgres")]
impl ToSql<Timestamp, diesel::pg::Pg> for Stamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, diesel::pg::Pg>) -> Result {
        ToSql::<Timestamp, diesel::pg::Pg>::to_sql(&self.0, out)
    }
}

/// As Diesel writes it, `2026-11-21 04:00:00.123` or, in a full second, `2026-11-21 04:00:00`: SQLite compares the texts.
fn text(timestamp: NaiveDateTime) -> String {
    let mut text = String::with_capacity(23);
    let year = timestamp.year().unsigned_abs();
    let mut put = |before: &str, number: u32, digits: u32| {
        text.push_str(before);
        for place in (0..digits).rev() {
            text.push(char::from_digit(number / 10_u32.pow(place) % 10, 10).unwrap_or('0'));
        }
    };
    put("", year, 4);
    put("-", timestamp.month(), 2);
    put("-", timestamp.day(), 2);
    put(" ", timestamp.hour(), 2);
    put(":", timestamp.minute(), 2);
    put(":", timestamp.second(), 2);
    match timestamp.nanosecond() / 1_000_000 {
        0 => {}
        millis => put(".", millis, 3),
    }
    text
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use diesel::prelude::*;
    use diesel::sql_types::Text;
    use proptest::prelude::*;

    use super::*;
    use crate::clock::to_timestamp;

    #[test]
    fn diesel_writes_the_same() {
        let connection = RefCell::new(SqliteConnection::establish(":memory:").unwrap());
        let by_diesel = |timestamp: NaiveDateTime| -> String {
            let bound = diesel::dsl::sql::<Text>("").bind::<Timestamp, _>(timestamp);
            diesel::select(bound).get_result(&mut *connection.borrow_mut()).unwrap()
        };
        for ms in [0, 1, 999, 1000, i64::MIN, i64::MAX] {
            assert_eq!(text(to_timestamp(ms)), by_diesel(to_timestamp(ms)));
        }
        proptest!(|(ms in -62_135_596_800_000_i64..253_402_300_799_999)| {
            prop_assert_eq!(text(to_timestamp(ms)), by_diesel(to_timestamp(ms)));
        });
    }
}
