//! Times in query strings: local ones, as the stock clients send them.

use chrono::{NaiveDateTime, TimeZone};

use crate::clock::Millis;
use crate::error::{Error, Result};

/// The instant of a time in a query string (docs/contract.md#json-values). A time that a clock change makes ambiguous is the
/// later instant, one that it skips the hour after: a list that goes back from there shows something twice rather than never.
///
/// # Errors
/// [`Error::WrongType`] for any other text.
pub fn parse_time(field: &'static str, text: &str, zone: chrono_tz::Tz) -> Result<Millis> {
    let wrong = || Error::WrongType(field.into());
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").map_err(|_| wrong())?;
    zone.from_local_datetime(&local)
        .latest()
        .or_else(|| {
            let later = local.checked_add_signed(chrono::TimeDelta::hours(1))?;
            zone.from_local_datetime(&later).latest()
        })
        .map(|time| time.timestamp_millis())
        .ok_or_else(wrong)
}
