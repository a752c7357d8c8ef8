//! Timestamps that are cheap to bind and to read. SQLite keeps them as text: to write one by a format string takes as long
//! as the rest of a message's row, and to read one by a format string as long as the rest of a conversation's.

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::serialize::{IsNull, Output, Result, ToSql};
use diesel::sql_types::{Text, Timestamp};
use diesel::sqlite::Sqlite;

use super::MultiBackend;
use crate::clock::{Millis, from_timestamp};

/// A timestamp (UTC, milliseconds) that is cheap to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(pub NaiveDateTime);

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

/// A timestamp as the instant that it stands for, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromSqlRow)]
pub struct Instant(pub Millis);

impl FromSql<Timestamp, Sqlite> for Instant {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text: String = FromSql::<Text, Sqlite>::from_sql(value)?;
        let timestamp = parse(text.as_bytes()).map_or_else(|| text.replacen(' ', "T", 1).parse(), Ok);
        Ok(Self(from_timestamp(timestamp?)))
    }
}

#[cfg(feature = "mysql")]
impl FromSql<Timestamp, diesel::mysql::Mysql> for Instant {
    fn from_sql(value: <diesel::mysql::Mysql as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Timestamp, diesel::mysql::Mysql>::from_sql(value).map(|timestamp| Self(from_timestamp(timestamp)))
    }
}

#[cfg(feature = "postgres")]
impl FromSql<Timestamp, diesel::pg::Pg> for Instant {
    fn from_sql(value: <diesel::pg::Pg as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Timestamp, diesel::pg::Pg>::from_sql(value).map(|timestamp| Self(from_timestamp(timestamp)))
    }
}

impl FromSql<Timestamp, MultiBackend> for Instant {
    fn from_sql(value: <MultiBackend as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        value.from_sql::<Self, Timestamp>()
    }
}

/// Reads what [`text`] writes; `None` for anything else.
fn parse(text: &[u8]) -> Option<NaiveDateTime> {
    let number = |from: usize, to: usize| -> Option<u32> {
        text.get(from..to)?
            .iter()
            .try_fold(0, |number: u32, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
    };
    let between = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')];
    let millis = match text.len() {
        19 => 0,
        23 if text.get(19) == Some(&b'.') => number(20, 23)?,
        _ => return None,
    };
    if between.iter().any(|(place, mark)| text.get(*place) != Some(mark)) {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(number(0, 4)?).ok()?, number(5, 7)?, number(8, 10)?)?;
    date.and_hms_milli_opt(number(11, 13)?, number(14, 16)?, number(17, 19)?, millis)
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
        proptest!(|(ms in 1000_i64..2_147_483_647_000)| {
            prop_assert_eq!(text(to_timestamp(ms)), by_diesel(to_timestamp(ms)));
        });
    }

    #[test]
    fn what_was_written_is_read_back() {
        proptest!(|(ms in 1000_i64..2_147_483_647_000)| {
            prop_assert_eq!(parse(text(to_timestamp(ms)).as_bytes()), Some(to_timestamp(ms)));
        });
        for other in [
            "",
            "2026-11-21",
            "2026-11-21T04:00:00",
            "2026-11-21 04:00:00.1",
            "2026-13-21 04:00:00",
            "2026-11-21 04:00:0x",
        ] {
            assert_eq!(parse(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn sqlite_reads_it_and_whatever_else_counts_as_a_time() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        for (stored, ms) in [("2026-11-21 04:00:00.123", 1_795_233_600_123), ("2026-11-21T04:00:00", 1_795_233_600_000)]
        {
            let read = diesel::select(diesel::dsl::sql::<Timestamp>(&format!("'{stored}'")));
            assert_eq!(read.get_result::<Instant>(&mut connection).unwrap(), Instant(ms), "{stored}");
        }
    }
}
